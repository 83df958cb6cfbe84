//! `[audit]`: how long it is kept who did what.

use std::time::Duration;

use serde::Serialize;

use super::error::ConfigError;
use super::values::Values;

/// The section `[audit]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditConfig {
    /// How long a record of the audit log stays, to within a day; `0s` keeps all. Default `0s`.
    #[serde(with = "humantime_serde")]
    pub retention: Duration,
}

impl AuditConfig {
    pub(super) fn read(values: &Values) -> Result<Self, ConfigError> {
        Ok(Self {
            retention: values.duration_or_none("audit.retention")?,
        })
    }
}
