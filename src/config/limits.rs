//! `[limits]`: how much one caller may ask for.

use std::time::Duration;

use bytesize::ByteSize;
use serde::{Serialize, Serializer};

use super::error::ConfigError;
use super::values::Values;

/// A homeserver puts 100 events of 64 KiB, 100 ephemeral ones and 100 messages to devices into one
/// transaction. One that is refused is sent again for ever, and nothing else meanwhile.
const LEAST_TRANSACTION: ByteSize = ByteSize::mib(16);

/// The section `[limits]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LimitsConfig {
    /// Requests per second of one service token, or of the shared secret. Default 100.
    pub service_per_second: u32,
    /// Requests per second of one person. Default 20.
    pub person_per_second: u32,
    /// Changes per second in one channel, of all members together. Default 100.
    pub channel_per_second: u32,
    /// Requests per second of one API key; all keys of one owner together have four times as much.
    /// Default 20.
    pub key_per_second: u32,
    /// The largest file that is taken, in bytes. Default `100MiB`.
    #[serde(serialize_with = "serialize_size")]
    pub upload: usize,
    /// How long nothing may come of a file that is on its way in, and how long whoever is shown one
    /// may take nothing of it. Default `30s`.
    #[serde(with = "humantime_serde")]
    pub stall: Duration,
    /// The largest transaction of the homeserver that is taken, in bytes; `16MiB` at the least.
    /// Default `32MiB`.
    #[serde(serialize_with = "serialize_size")]
    pub transaction: usize,
}

impl LimitsConfig {
    pub(super) fn read(values: &Values) -> Result<Self, ConfigError> {
        Ok(Self {
            service_per_second: values.count("limits.service_per_second")?,
            person_per_second: values.count("limits.person_per_second")?,
            channel_per_second: values.count("limits.channel_per_second")?,
            key_per_second: values.count("limits.key_per_second")?,
            upload: values.size("limits.upload")?,
            stall: values.duration("limits.stall")?,
            transaction: values.parsed(
                "limits.transaction",
                "a size of 16MiB or more, as the homeserver's transactions can be large",
                |text| {
                    let bytes = text.parse::<ByteSize>().ok()?;
                    let bytes = Some(bytes).filter(|bytes| *bytes >= LEAST_TRANSACTION)?;
                    usize::try_from(bytes.as_u64()).ok()
                },
            )?,
        })
    }
}

fn serialize_size<S: Serializer>(bytes: &usize, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&ByteSize(*bytes as u64))
}
