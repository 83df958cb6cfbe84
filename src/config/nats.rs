//! `[nats]`: events passed on to a NATS server.

use std::path::PathBuf;

use serde::{Serialize, Serializer};
use url::Url;

use super::error::ConfigError;
use super::secret::Secret;
use super::values::{Values, hide_credentials};

/// The section `[nats]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NatsConfig {
    /// One or more URLs separated by commas; may hold a password. Default `""`: NATS is off.
    #[serde(serialize_with = "serialize_url")]
    pub url: Option<Secret>,
    /// A NATS credentials file. Default `""`: none.
    pub credentials_file: Option<PathBuf>,
}

impl NatsConfig {
    pub(super) fn read(values: &Values) -> Result<Self, ConfigError> {
        let credentials = values.get("nats.credentials_file")?;
        let path = values.credential_path("nats.credentials_file", credentials)?;
        Ok(Self {
            url: values.optional("nats.url", "a URL like \"nats://127.0.0.1:4222\"", |text| {
                text.split(',').all(is_nats_url).then(|| Secret::new(text))
            })?,
            credentials_file: (!path.as_os_str().is_empty()).then_some(path),
        })
    }
}

fn is_nats_url(text: &str) -> bool {
    Url::parse(text.trim())
        .is_ok_and(|url| matches!(url.scheme(), "nats" | "tls" | "ws" | "wss") && url.has_host())
}

fn serialize_url<S: Serializer>(url: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
    let shown = url.as_ref().map(|url| hide_credentials(url.expose()));
    shown.serialize(serializer)
}
