//! `[journal]`: how long events are kept.

use std::time::Duration;

use serde::Serialize;

use super::error::ConfigError;
use super::values::Values;

/// The section `[journal]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JournalConfig {
    /// How long an event stays, if no durable reader that is not paused still needs it.
    /// Default `30d`.
    #[serde(with = "humantime_serde")]
    pub retention: Duration,
}

impl JournalConfig {
    pub(super) fn read(values: &Values) -> Result<Self, ConfigError> {
        Ok(Self {
            retention: values.duration("journal.retention")?,
        })
    }
}
