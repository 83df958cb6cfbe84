//! The homeserver: whether it is there, knows us, reaches us, and what it lets us do.

use std::time::Duration;

use super::{Doctor, SET_UP_AGAIN, advice};
use crate::domain::finding::{Check, Finding};
use crate::domain::id::{Millis, UserId};
use crate::domain::{Error, Result};
use crate::homeserver::checkup::Introduction;

/// The specification that the connector cannot do without.
const NEEDED_VERSION: &str = "v1.7";
/// Room versions that daarion is tried with.
const KNOWN_ROOM_VERSIONS: [&str; 2] = ["11", "12"];
/// By how much two clocks may differ. The homeserver tells its own to the second.
const MOST_SKEW: Millis = 5_000;

/// What is looked at only when the homeserver is there.
const OF_HOMESERVER: [Check; 8] = [
    Check::Versions,
    Check::Clock,
    Check::AsToken,
    Check::ConnectorUrl,
    Check::HsToken,
    Check::ActAsUsers,
    Check::ActAsAgents,
    Check::RoomVersion,
];

impl Doctor {
    pub(super) async fn examine_link(&self) -> Vec<Finding> {
        let begun = self.clock.instant();
        let told = match self.checkup.introduce().await {
            Ok(told) => told,
            Err(error) => return self.nobody_there(&error),
        };
        let took = (self.clock.instant() - begun).as_millis();
        let software = told.software.as_deref().unwrap_or("it tells no name");
        let url = &self.patient.homeserver_url;
        let mut findings = vec![
            Finding::ok(
                Check::Homeserver,
                format!("{url} answers in {took} ms ({software})"),
            ),
            versions(&told),
            self.clock(&told),
        ];
        match self.homeserver.check().await {
            Ok(()) => {
                findings.push(Finding::ok(
                    Check::AsToken,
                    "the homeserver knows our as_token",
                ));
                findings.extend(self.reached().await);
                findings.extend(self.namespaces().await);
                findings.push(self.room_version().await);
            }
            Err(error) => {
                findings.push(Finding::failed(
                    Check::AsToken,
                    error.to_string(),
                    advice(&error),
                ));
                let rest = OF_HOMESERVER[3..].iter().copied();
                let reason = "the homeserver does not let us in";
                findings.extend(rest.map(|check| Finding::skipped(check, reason)));
            }
        }
        findings
    }

    fn nobody_there(&self, error: &Error) -> Vec<Finding> {
        let advice = format!(
            "start the homeserver, or set matrix.homeserver_url (now {})",
            self.patient.homeserver_url
        );
        let reason = "the homeserver does not answer";
        let rest = OF_HOMESERVER.into_iter();
        let rest = rest.map(|check| Finding::skipped(check, reason));
        std::iter::once(Finding::failed(
            Check::Homeserver,
            error.to_string(),
            advice,
        ))
        .chain(rest)
        .collect()
    }

    fn clock(&self, told: &Introduction) -> Finding {
        let Some(theirs) = told.time else {
            return Finding::skipped(Check::Clock, "the homeserver does not tell its time");
        };
        let ours = self.clock.now();
        let skew = ours.abs_diff(theirs);
        if skew <= MOST_SKEW {
            return Finding::ok(Check::Clock, "the homeserver's clock and ours agree");
        }
        let order = if ours > theirs { "behind" } else { "ahead of" };
        Finding::warning(
            Check::Clock,
            format!("the homeserver's clock is {} s {order} ours", skew / 1_000),
            "timedatectl set-ntp true, on both machines",
        )
    }

    /// A ping, and another one when it broke off: a homeserver that still holds a connection from before
    /// our latest start hears of its end by the first request that it sends there.
    async fn ping(&self) -> Result<Duration> {
        match self.homeserver.ping().await {
            Err(error) if error.is_refusal("M_CONNECTION_FAILED") => self.homeserver.ping().await,
            answered => answered,
        }
    }

    /// Whether the homeserver reaches us, and shows the right token when it does.
    async fn reached(&self) -> [Finding; 2] {
        const URL: Check = Check::ConnectorUrl;
        const TOKEN: Check = Check::HsToken;
        let url = &self.patient.connector_url;
        if self.pushed.is_none() {
            let reason = "daarion does not run, so nobody listens";
            return [URL, TOKEN].map(|check| Finding::skipped(check, reason));
        }
        let error = match self.ping().await {
            Ok(took) => {
                let took = took.as_millis();
                return [
                    Finding::ok(URL, format!("the homeserver reaches {url} in {took} ms")),
                    Finding::ok(TOKEN, "the homeserver shows our hs_token"),
                ];
            }
            Err(error) => error,
        };
        let is_token = matches!(
            &error,
            Error::HomeserverRefused { errcode, message, .. }
                if errcode == "M_BAD_STATUS" && (message.contains("401") || message.contains("403"))
        );
        if is_token {
            return [
                Finding::ok(URL, format!("the homeserver reaches {url}")),
                Finding::failed(
                    TOKEN,
                    "the homeserver shows another hs_token than the one in daarion.toml",
                    SET_UP_AGAIN,
                ),
            ];
        }
        let advice = format!(
            "curl {}/healthz on the homeserver's machine must answer; if the address is wrong, set \
             matrix.connector_url and run {SET_UP_AGAIN}",
            url.trim_end_matches('/')
        );
        [
            Finding::failed(
                URL,
                format!("the homeserver cannot reach {url}: {error}"),
                advice,
            ),
            Finding::skipped(TOKEN, "the homeserver does not reach us"),
        ]
    }

    /// Tries to act as somebody who does not exist: within the namespaces the homeserver says so,
    /// outside of them it refuses.
    async fn namespaces(&self) -> [Finding; 2] {
        let somebody = format!("doctor-{}", self.clock.uuid().simple());
        let agent = format!("{}{somebody}", self.patient.naming.agent_prefix);
        let users = match self.patient.acts_as_all {
            true => {
                self.act_as(Check::ActAsUsers, &somebody, "local users")
                    .await
            }
            false => Finding::skipped(
                Check::ActAsUsers,
                "not wanted: matrix.act_as is agents-only",
            ),
        };
        [
            users,
            self.act_as(Check::ActAsAgents, &agent, "agents").await,
        ]
    }

    async fn act_as(&self, check: Check, localpart: &str, whom: &str) -> Finding {
        let server = &self.patient.naming.server_name;
        let user = UserId::trusted(format!("@{localpart}:{server}"));
        match self.checkup.may_act_as(&user).await {
            Ok(true) => Finding::ok(check, format!("the homeserver lets us act as {whom}")),
            Ok(false) => Finding::failed(
                check,
                format!(
                    "the homeserver does not let us act as {whom}: its registration is another one"
                ),
                SET_UP_AGAIN,
            ),
            Err(error) => Finding::failed(check, error.to_string(), "daarion doctor, once more"),
        }
    }

    async fn room_version(&self) -> Finding {
        const CHECK: Check = Check::RoomVersion;
        match self.checkup.default_room_version().await {
            Ok(version) if KNOWN_ROOM_VERSIONS.contains(&version.as_str()) => {
                Finding::ok(CHECK, format!("new rooms have version {version}"))
            }
            Ok(version) => Finding::warning(
                CHECK,
                format!("new rooms have version {version}, which daarion is not tried with"),
                "default_room_version: \"12\" in homeserver.yaml",
            ),
            Err(error) => Finding::failed(CHECK, error.to_string(), "daarion doctor, once more"),
        }
    }
}

fn versions(told: &Introduction) -> Finding {
    let latest = told.versions.last().map_or("none", String::as_str);
    if told
        .versions
        .iter()
        .any(|version| version == NEEDED_VERSION)
    {
        return Finding::ok(Check::Versions, format!("it speaks Matrix up to {latest}"));
    }
    Finding::failed(
        Check::Versions,
        format!("it speaks Matrix up to {latest}; {NEEDED_VERSION} is needed"),
        "install a newer homeserver",
    )
}
