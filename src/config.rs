//! The configuration: read once at start, validated once, typed from then on.
//!
//! Sources, the later one winning: defaults, the TOML file, the variables of older installations,
//! `DAARION_<SECTION>__<KEY>`. Whatever is wrong is one line that names the key and its source.
//! No other module may read the environment. Begin at [`Config::load`]; the keys stand in `keys`,
//! each section in a file of its own, and `packaging/daarion.toml` is the sample for people.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

mod agents;
mod audit;
mod auth;
mod city;
mod effective;
mod error;
mod internal;
mod ip_range;
mod journal;
mod keys;
mod limits;
mod listen;
mod load;
mod log;
mod matrix;
mod names;
mod nats;
mod secret;
mod secret_file;
mod source;
mod values;
mod webhooks;

pub use agents::AgentsConfig;
pub use audit::AuditConfig;
pub use auth::{AuthConfig, IssuerConfig, IssuerKey};
pub use city::{CityConfig, CreateBy};
pub use effective::{Setting, Sources, settings};
pub use error::ConfigError;
pub use internal::InternalConfig;
pub use ip_range::IpRange;
pub use journal::JournalConfig;
pub use limits::LimitsConfig;
pub use listen::{ListenAddr, ListenConfig};
pub use load::DEFAULT_PATH;
pub use log::{LogConfig, LogFormat};
pub use matrix::{ActAs, MatrixConfig};
pub use nats::NatsConfig;
pub use secret::Secret;
pub use source::Source;
pub use webhooks::WebhooksConfig;

/// The sample configuration: every key with its default, commented out.
pub const SAMPLE: &str = include_str!("../packaging/daarion.toml");

/// Where systemd lays out what the unit's `LoadCredential=` names, while the daemon runs.
const CREDENTIALS: &str = "/run/credentials/daarion.service";

/// The whole configuration. Every value has been validated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Config {
    /// The directory of the store and of the search index. Default `/var/lib/daarion`.
    pub data_dir: PathBuf,
    pub city: CityConfig,
    pub listen: ListenConfig,
    pub matrix: MatrixConfig,
    pub internal: InternalConfig,
    pub auth: AuthConfig,
    pub agents: AgentsConfig,
    pub webhooks: WebhooksConfig,
    pub nats: NatsConfig,
    pub journal: JournalConfig,
    pub audit: AuditConfig,
    pub limits: LimitsConfig,
    pub log: LogConfig,
    /// Where each value was found; see [`settings`].
    #[serde(skip)]
    pub sources: Sources,
}

impl Config {
    /// Reads the file (`path`, or `DAARION_CONFIG`, or [`DEFAULT_PATH`]) and the environment of the
    /// process. The default file may be missing, a named one may not.
    ///
    /// # Errors
    /// The first thing that is wrong, in one line.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        Self::load_from(path, environment())
    }

    /// The socket of the command line, from the same sources. Of the rest only the section
    /// `[listen]` is looked at: no secret is needed to ask the daemon.
    ///
    /// # Errors
    /// The first thing that is wrong, in one line.
    pub fn load_admin(path: Option<&Path>) -> Result<PathBuf, ConfigError> {
        Self::load_admin_from(path, environment())
    }

    /// As [`Config::load_admin`], with an environment of the caller's.
    ///
    /// # Errors
    /// The first thing that is wrong, in one line.
    pub fn load_admin_from(
        path: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<PathBuf, ConfigError> {
        let env = env.into_iter().collect::<BTreeMap<_, _>>();
        Ok(ListenConfig::read(&load::values(path, &env)?)?.admin)
    }

    /// As [`Config::load`], with a text in place of what stands in the file.
    ///
    /// # Errors
    /// The first thing that is wrong, in one line.
    pub fn load_text(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let env = environment().collect();
        Self::read(&load::values_of_text(path, text, &env)?)
    }

    /// The file that [`Config::load`] reads.
    #[must_use]
    pub fn path(path: Option<&Path>) -> PathBuf {
        load::path(path, &environment().collect()).0
    }

    /// As [`Config::load`], with an environment of the caller's.
    ///
    /// # Errors
    /// The first thing that is wrong, in one line.
    pub fn load_from(
        path: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let env = env.into_iter().collect::<BTreeMap<_, _>>();
        Self::read(&load::values(path, &env)?)
    }

    fn read(values: &values::Values) -> Result<Self, ConfigError> {
        let listen = ListenConfig::read(values)?;
        let matrix = MatrixConfig::read(values, &listen)?;
        Ok(Self {
            data_dir: values.path("data_dir")?,
            city: CityConfig::read(values)?,
            internal: InternalConfig::read(values)?,
            auth: AuthConfig::read(values, &listen, &matrix.server_name)?,
            agents: AgentsConfig::read(values)?,
            listen,
            matrix,
            webhooks: WebhooksConfig::read(values)?,
            nats: NatsConfig::read(values)?,
            journal: JournalConfig::read(values)?,
            audit: AuditConfig::read(values)?,
            limits: LimitsConfig::read(values)?,
            log: LogConfig::read(values)?,
            sources: Sources::of(values),
        })
    }
}

/// The variables of the process. Those that are not UTF-8 are none of ours: all of our names and
/// values are text.
///
/// A command that root runs beside the daemon finds the secrets where systemd has put them for the
/// daemon.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the environment"
)]
fn environment() -> impl Iterator<Item = (String, String)> {
    let credentials = std::fs::read_dir(CREDENTIALS)
        .is_ok()
        .then(|| ("CREDENTIALS_DIRECTORY".to_owned(), CREDENTIALS.to_owned()));
    let variables = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    // What the process was told itself comes later and wins.
    credentials.into_iter().chain(variables)
}

/// The effective configuration as JSON, one object a section, with secrets hidden.
#[must_use]
pub fn describe(config: &Config) -> serde_json::Value {
    serde_json::to_value(config).expect("text keys and plain values always become JSON")
}
