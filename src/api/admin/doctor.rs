//! The doctor on a page.

use poem_openapi::OpenApi;
use poem_openapi::payload::Json;

use crate::api::auth::Operator;
use crate::api::error::Failure;
use crate::api::schema::DoctorReport;
use crate::api::{Services, Tag};
use crate::domain::Error;

/// The operations.
pub struct DoctorApi(pub Services);

#[OpenApi(prefix_path = "/api/admin", tag = "Tag::Admin")]
impl DoctorApi {
    /// See what the doctor has found
    ///
    /// The latest examination, of whoever asked for it; `daarion doctor` counts too. One that is
    /// under way is waited for. 404 when there was none since the start of daarion.
    #[oai(path = "/doctor", method = "get", operation_id = "getDoctor")]
    async fn latest(&self, _operator: Operator) -> Result<Json<DoctorReport>, Failure> {
        let examination = self.0.doctor.latest().await;
        let examination = examination
            .ok_or_else(|| Error::not_found("nothing was examined since the start of daarion"))?;
        Ok(Json(examination.as_ref().into()))
    }

    /// Examine the installation
    ///
    /// Tries out what the homeserver really grants, sends an event through it and back, and looks
    /// at this machine. Takes up to half a minute. Leaves one private room on the homeserver, which
    /// every examination uses again.
    #[oai(path = "/doctor", method = "post", operation_id = "runDoctor")]
    async fn examine(&self, _operator: Operator) -> Result<Json<DoctorReport>, Failure> {
        let examination = self.0.doctor.examine().await?;
        Ok(Json(examination.as_ref().into()))
    }
}
