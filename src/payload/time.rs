//! Times in contracts.

use serde::{Deserialize, Serialize};

use crate::domain::id::Millis;

/// A time in contracts: RFC 3339 in UTC with milliseconds, `2025-11-24T10:30:00.000Z`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rfc3339(pub Millis);

impl Rfc3339 {
    /// The time as chrono has it, clamped to what it can hold.
    #[must_use]
    pub fn to_utc(self) -> chrono::DateTime<chrono::Utc> {
        i64::try_from(self.0)
            .ok()
            .and_then(chrono::DateTime::from_timestamp_millis)
            .unwrap_or(chrono::DateTime::<chrono::Utc>::MAX_UTC)
    }
}

impl Serialize for Rfc3339 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self
            .to_utc()
            .to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Rfc3339 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time = chrono::DateTime::parse_from_rfc3339(&text).map_err(serde::de::Error::custom)?;
        u64::try_from(time.timestamp_millis())
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}
