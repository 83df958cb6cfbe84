//! `[internal]`: the secret that the services of the installation share.

use serde::Serialize;

use super::error::ConfigError;
use super::secret::Secret;
use super::values::Values;

/// The section `[internal]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InternalConfig {
    /// The value of `X-Internal-Service-Token`, at least 16 characters. Needed.
    pub secret: Secret,
}

impl InternalConfig {
    pub(super) fn read(values: &Values) -> Result<Self, ConfigError> {
        Ok(Self {
            secret: values.secret("internal.secret", 16)?,
        })
    }
}
