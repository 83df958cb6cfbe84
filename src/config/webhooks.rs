//! `[webhooks]`: delivery to the receivers of events.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::error::ConfigError;
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

/// A range of addresses, `10.0.0.0/8`; an address alone is a range of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpRange {
    /// The first address, or any other one of the range.
    pub address: IpAddr,
    /// The number of leading bits that the addresses of the range share.
    pub prefix_bits: u8,
}

impl WebhooksConfig {
    pub(super) fn read(values: &Values) -> Result<Self, ConfigError> {
        const RANGE: &str = "an address or a range like \"10.0.0.0/8\"";
        Ok(Self {
            timeout: values.duration("webhooks.timeout")?,
            allow: values.list("webhooks.allow", RANGE, IpRange::parse)?,
            deny: values.list("webhooks.deny", RANGE, IpRange::parse)?,
            quick_retries: values.list("webhooks.quick_retries", DURATION, parse_duration)?,
            schedule: values.list("webhooks.schedule", DURATION, parse_duration)?,
        })
    }
}

impl IpRange {
    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address = address.parse::<IpAddr>().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = match bits {
            Some(bits) => bits.parse().ok().filter(|bits| *bits <= most)?,
            None => most,
        };
        Some(Self {
            address,
            prefix_bits,
        })
    }
}

impl fmt::Display for IpRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_bits)
    }
}

impl Serialize for IpRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn serialize_durations<S: Serializer>(waits: &[Duration], s: S) -> Result<S::Ok, S::Error> {
    use humantime_serde::re::humantime::format_duration;
    s.collect_seq(waits.iter().map(|wait| format_duration(*wait).to_string()))
}
