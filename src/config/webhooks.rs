//! `[webhooks]`: delivery to the receivers of events.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::error::ConfigError;
use super::ip_range::{IpRange, RANGE};
use super::values::{DURATION, Values, parse_duration};

/// The section `[webhooks]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WebhooksConfig {
    /// How long one delivery may take. Default `5s`.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// Loopback and private ranges that receivers may live in. Default `[]`.
    pub allow: Vec<IpRange>,
    /// Further ranges that no delivery goes to. Default `[]`.
    pub deny: Vec<IpRange>,
    /// The waits of the retries that follow a failure at once.
    /// Default `["250ms", "500ms", "1s"]`.
    #[serde(serialize_with = "serialize_durations")]
    pub quick_retries: Vec<Duration>,
    /// The waits of the retries behind those; after the last one a delivery is given up.
    /// Default `["5s", "5m", "30m", "2h", "5h", "10h", "14h", "20h", "24h"]`.
    #[serde(serialize_with = "serialize_durations")]
    pub schedule: Vec<Duration>,
}

impl WebhooksConfig {
    pub(super) fn read(values: &Values) -> Result<Self, ConfigError> {
        Ok(Self {
            timeout: values.duration("webhooks.timeout")?,
            allow: values.list("webhooks.allow", RANGE, IpRange::parse)?,
            deny: values.list("webhooks.deny", RANGE, IpRange::parse)?,
            quick_retries: values.list("webhooks.quick_retries", DURATION, parse_duration)?,
            schedule: values.list("webhooks.schedule", DURATION, parse_duration)?,
        })
    }
}

fn serialize_durations<S: Serializer>(waits: &[Duration], s: S) -> Result<S::Ok, S::Error> {
    use humantime_serde::re::humantime::format_duration;
    s.collect_seq(waits.iter().map(|wait| format_duration(*wait).to_string()))
}
