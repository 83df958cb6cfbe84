//! The configuration that is in force.

use poem_openapi::OpenApi;
use poem_openapi::payload::Json;

use crate::api::auth::Operator;
use crate::api::error::Failure;
use crate::api::schema::EffectiveConfig;
use crate::api::{Services, Tag};

/// The operations.
pub struct SettingsApi(pub Services);

#[OpenApi(prefix_path = "/api/admin", tag = "Tag::Admin")]
impl SettingsApi {
    /// See the effective configuration
    ///
    /// Every key with its value, default, source and description, in the order of the sample
    /// configuration. Secrets are hidden. It is read once, at the start of daarion.
    #[oai(path = "/config", method = "get", operation_id = "getConfig")]
    async fn config(&self, _operator: Operator) -> Result<Json<EffectiveConfig>, Failure> {
        let items = self.0.settings.iter().cloned().map(Into::into).collect();
        Ok(Json(EffectiveConfig { items }))
    }
}
