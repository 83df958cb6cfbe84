//! What comes back from the homeserver: an event, ephemeral events, and what may be done with
//! rooms. All of it is tried in a private room of daarion's own that every examination uses again.

use std::time::Duration;

use super::{Doctor, SET_UP_AGAIN, advice, is_fine};
use crate::domain::Error;
use crate::domain::finding::{Check, Finding};
use crate::domain::id::{RoomAlias, RoomId};
use crate::ingest::Pushed;

/// How long the homeserver may take to push an event.
const PUSH_LIMIT: Duration = Duration::from_secs(10);
/// A slower way back is worth a word.
const SLOW: Duration = Duration::from_secs(2);
/// How long it may take to push something ephemeral. It is fast or not there at all.
const EPHEMERAL_LIMIT: Duration = Duration::from_secs(5);
/// A homeserver that is catching up with its push, as after our restart, drops what is ephemeral.
const EPHEMERAL_ATTEMPTS: usize = 2;

const ALL: [Check; 5] = [
    Check::Aliases,
    Check::Directory,
    Check::Canary,
    Check::Ephemeral,
    Check::Presence,
];

impl Doctor {
    pub(super) async fn examine_push(&self, before: &[Finding]) -> Vec<Finding> {
        if !is_fine(before, Check::AsToken) {
            return skip(&ALL, "the homeserver does not know us");
        }
        let room = match self.checkup.canary_room().await {
            Ok(room) => room,
            Err(error) => {
                let seen = format!("a private room could not be made: {error}");
                let mut findings = vec![Finding::failed(Check::CanaryRoom, seen, advice(&error))];
                findings.extend(skip(&ALL, "there is no room to try it in"));
                return findings;
            }
        };
        let mut findings = self.aliases_and_directory(&room).await;
        if is_fine(before, Check::ConnectorUrl) && is_fine(before, Check::HsToken) {
            findings.push(self.canary(&room).await);
            findings.push(self.ephemeral(&room).await);
        } else {
            findings.extend(skip(
                &[Check::Canary, Check::Ephemeral],
                "the homeserver does not reach us",
            ));
        }
        findings.push(self.presence().await);
        findings
    }

    /// Gives the room an alias of each kind, and has it listed while it has one of the city's.
    async fn aliases_and_directory(&self, room: &RoomId) -> Vec<Finding> {
        let name = format!("doctor-{}", self.clock.uuid().simple());
        let city = format!("{}{name}", self.patient.room_prefix);
        let mut refusals = Vec::new();
        let mut mends = None;
        let mut directory = None;
        for localpart in [city, name] {
            let server = &self.patient.naming.server_name;
            let Some(alias) = RoomAlias::new(&localpart, server) else {
                continue;
            };
            if let Err(error) = self.homeserver.set_alias(&alias, room).await {
                refusals.push(format!("{alias}: {error}"));
                mends = mends.or(Some(advice(&error)));
                continue;
            }
            if directory.is_none() {
                directory = Some(self.directory(room).await);
            }
            if let Err(error) = self.homeserver.remove_alias(&alias).await {
                refusals.push(format!("{alias} stays: {error}"));
                mends = mends.or(Some(advice(&error)));
            }
        }
        let aliases = match mends {
            None => Finding::ok(
                Check::Aliases,
                "the homeserver gives us aliases of rooms and channels",
            ),
            Some(mends) => Finding::failed(Check::Aliases, refusals.join("; "), mends),
        };
        let no_alias = || Finding::skipped(Check::Directory, "no alias could be given");
        vec![aliases, directory.unwrap_or_else(no_alias)]
    }

    async fn directory(&self, room: &RoomId) -> Finding {
        const CHECK: Check = Check::Directory;
        match self.checkup.set_listed(room, true).await {
            Ok(()) => match self.checkup.set_listed(room, false).await {
                Ok(()) => Finding::ok(CHECK, "public channels are listed in the room directory"),
                Err(error) => Finding::failed(
                    CHECK,
                    format!("our private room is listed and cannot be taken out: {error}"),
                    "daarion doctor, once more",
                ),
            },
            Err(Error::HomeserverRefused { status: 403, .. }) => Finding::warning(
                CHECK,
                "the homeserver lists none of our rooms in its room directory",
                format!(
                    "room_list_publication_rules: [{{user_id: \"{}\", action: allow}}] in \
                     homeserver.yaml, then restart the homeserver",
                    self.patient.naming.connector()
                ),
            ),
            Err(error) => Finding::warning(CHECK, error.to_string(), "daarion doctor, once more"),
        }
    }

    /// Sends an event and waits until the homeserver has pushed it back.
    async fn canary(&self, room: &RoomId) -> Finding {
        const CHECK: Check = Check::Canary;
        let begun = self.clock.instant();
        let event = match self.checkup.release_canary(room).await {
            Ok(event) => event,
            Err(error) => {
                let naming = &self.patient.naming;
                let (connector, server) = (naming.connector(), &naming.server_name);
                let mends = match error {
                    // Somebody has shown it out of its own room.
                    Error::HomeserverRefused { status: 403, .. } => format!(
                        "invite {connector} into #{}_canary:{server} again, or take this alias \
                         away: then a new room is made",
                        naming.sender_localpart
                    ),
                    _ => advice(&error).to_owned(),
                };
                return Finding::failed(CHECK, format!("it was not sent: {error}"), mends);
            }
        };
        let is_back = self
            .wait_for(PUSH_LIMIT, |pushed| pushed.canaries.contains(&event))
            .await;
        let took = self.clock.instant() - begun;
        let seen = format!("an event came back in {} ms", took.as_millis());
        match is_back {
            true if took <= SLOW => Finding::ok(CHECK, seen),
            true => Finding::warning(CHECK, seen, "look at the load of the homeserver"),
            false => Finding::failed(
                CHECK,
                format!(
                    "an event did not come back within {} s",
                    PUSH_LIMIT.as_secs()
                ),
                "the homeserver may be behind with its push: look into its log for \
                 \"appservice\", and restart it",
            ),
        }
    }

    /// Types, which the homeserver tells us as an ephemeral event.
    async fn ephemeral(&self, room: &RoomId) -> Finding {
        const CHECK: Check = Check::Ephemeral;
        let before = match &self.pushed {
            Some(pushed) => pushed.borrow().ephemeral,
            None => 0,
        };
        let mut came = false;
        for _ in 0..EPHEMERAL_ATTEMPTS {
            if let Err(error) = self.checkup.set_typing(room, true).await {
                return Finding::failed(CHECK, error.to_string(), "daarion doctor, once more");
            }
            came = self
                .wait_for(EPHEMERAL_LIMIT, |pushed| pushed.ephemeral > before)
                .await;
            // It ends by itself, too.
            let _ = self.checkup.set_typing(room, false).await;
            if came {
                break;
            }
        }
        match came {
            true => Finding::ok(CHECK, "the homeserver pushes ephemeral events"),
            false => Finding::warning(
                CHECK,
                "the homeserver pushes no ephemeral events: nobody is shown as online",
                SET_UP_AGAIN,
            ),
        }
    }

    /// Goes online. A homeserver that keeps no presence takes this and knows nothing of it.
    async fn presence(&self) -> Finding {
        const CHECK: Check = Check::Presence;
        let connector = self.patient.naming.connector();
        let tried = match self.checkup.set_online(true).await {
            Ok(()) => self.homeserver.presence(&connector).await,
            Err(error) => Err(error),
        };
        let _ = self.checkup.set_online(false).await;
        match tried {
            Ok(true) => Finding::ok(CHECK, "the homeserver knows who is online"),
            Ok(false) => Finding::warning(
                CHECK,
                "the homeserver does not say who is online: everybody counts as away",
                "presence: {enabled: true} in homeserver.yaml, then restart the homeserver",
            ),
            Err(error) => Finding::warning(CHECK, error.to_string(), advice(&error)),
        }
    }

    async fn wait_for(&self, limit: Duration, is_there: impl FnMut(&Pushed) -> bool) -> bool {
        let Some(mut pushed) = self.pushed.clone() else {
            return false;
        };
        let came = tokio::time::timeout(limit, pushed.wait_for(is_there)).await;
        matches!(came, Ok(Ok(_)))
    }
}

fn skip(checks: &[Check], reason: &str) -> Vec<Finding> {
    let skipped = |check: &Check| Finding::skipped(*check, reason);
    checks.iter().map(skipped).collect()
}
