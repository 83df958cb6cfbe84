//! `[matrix]`: the homeserver, and who we are to it.

use std::time::Duration;

use serde::Serialize;
use url::Url;

use super::error::ConfigError;
use super::listen::{ListenAddr, ListenConfig};
use super::names;
use super::secret::Secret;
use super::source::Source;
use super::values::{Values, parse_http_url};

/// The section `[matrix]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MatrixConfig {
    /// The client-server API of the homeserver as daarion reaches it. Needed.
    pub homeserver_url: Url,
    /// The name of the homeserver, the part after the colon of its user ids. Needed.
    pub server_name: String,
    /// The homeserver as browsers reach it. Default `""`: what it says itself
    /// (`/.well-known/matrix/client`).
    pub public_url: Option<Url>,
    /// The token by which we speak to the homeserver. Needed.
    pub as_token: Secret,
    /// The token by which the homeserver speaks to us. Needed.
    pub hs_token: Secret,
    /// The internal listener as the homeserver reaches it.
    /// Default: the first TCP address of `listen.internal`, `http://127.0.0.1:7003`.
    pub connector_url: Url,
    /// The localpart of our own user. Default `daarion`.
    pub sender_localpart: String,
    /// What stands before the name of an agent in its localpart. Default `agent_`.
    pub agent_prefix: String,
    /// As whom the connector may act. Default `all-local-users`.
    pub act_as: ActAs,
    /// The access token of a homeserver administrator, for what only the admin API can do.
    /// Default `""`: those calls answer an error.
    pub admin_token: Option<Secret>,
    /// How long a poll waits for news when it does not say. Default `30s`.
    #[serde(with = "humantime_serde")]
    pub sync_timeout: Duration,
    /// The time between two runs of healing. Default `15m`.
    #[serde(with = "humantime_serde")]
    pub heal_interval: Duration,
}

/// As whom the connector may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActAs {
    /// Any local user: messages written here are sent by the person who wrote them.
    AllLocalUsers,
    /// Our own agents only.
    AgentsOnly,
}

/// Fewer characters could be guessed.
const TOKEN_LENGTH: usize = 16;

impl MatrixConfig {
    pub(super) fn read(values: &Values, listen: &ListenConfig) -> Result<Self, ConfigError> {
        let matrix = Self {
            homeserver_url: values.parsed(
                "matrix.homeserver_url",
                "an http or https URL without a path like \"http://127.0.0.1:8008\"",
                |text| parse_http_url(text).filter(|url| url.path() == "/"),
            )?,
            server_name: values.parsed(
                "matrix.server_name",
                "a Matrix server name like \"example.org\"",
                |text| names::is_server_name(text).then(|| text.to_owned()),
            )?,
            public_url: values.optional(
                "matrix.public_url",
                "an http or https URL like \"https://matrix.example.org\"",
                parse_http_url,
            )?,
            as_token: values.secret("matrix.as_token", TOKEN_LENGTH)?,
            hs_token: values.secret("matrix.hs_token", TOKEN_LENGTH)?,
            connector_url: connector_url(values, listen)?,
            sender_localpart: localpart(values, "matrix.sender_localpart")?,
            agent_prefix: localpart(values, "matrix.agent_prefix")?,
            act_as: values.parsed(
                "matrix.act_as",
                "\"all-local-users\" or \"agents-only\"",
                |text| match text {
                    "all-local-users" => Some(ActAs::AllLocalUsers),
                    "agents-only" => Some(ActAs::AgentsOnly),
                    _ => None,
                },
            )?,
            admin_token: values.optional_secret("matrix.admin_token", 1)?,
            sync_timeout: values.duration("matrix.sync_timeout")?,
            heal_interval: values.duration("matrix.heal_interval")?,
        };
        if matrix.as_token == matrix.hs_token {
            return Err(values.invalid("matrix.hs_token", "must differ from matrix.as_token"));
        }
        if matrix.sender_localpart.starts_with(&matrix.agent_prefix) {
            let problem = "must not begin with matrix.agent_prefix, or we would be an agent";
            return Err(values.invalid_beside(
                "matrix.sender_localpart",
                "matrix.agent_prefix",
                problem,
            ));
        }
        Ok(matrix)
    }
}

fn localpart(values: &Values, name: &str) -> Result<String, ConfigError> {
    values.parsed(
        name,
        "one or more of the characters a-z 0-9 . _ = / -",
        |text| names::is_localpart(text).then(|| text.to_owned()),
    )
}

/// The configured URL, or the one that follows from `listen.internal`, so that whoever moves the
/// internal port need not say so twice.
fn connector_url(values: &Values, listen: &ListenConfig) -> Result<Url, ConfigError> {
    const NAME: &str = "matrix.connector_url";
    if values.get(NAME)?.source == Source::Default
        && let Some(url) = listen.internal.iter().find_map(local_url)
    {
        return Ok(url);
    }
    values.parsed(
        NAME,
        "an http or https URL like \"http://127.0.0.1:7003\"",
        parse_http_url,
    )
}

fn local_url(address: &ListenAddr) -> Option<Url> {
    let ListenAddr::Tcp(mut address) = *address else {
        return None;
    };
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    Url::parse(&format!("http://{address}")).ok()
}
