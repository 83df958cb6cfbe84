//! The backfill as a job that the page looks at.

use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use crate::api::auth::Operator;
use crate::api::body::Body;
use crate::api::bridge::BackfillRequest;
use crate::api::error::Failure;
use crate::api::schema::BackfillJob;
use crate::api::{Services, Tag};

/// The operations.
pub struct AdminBackfillApi(pub Services);

/// A backfill was begun.
#[derive(ApiResponse)]
pub enum BegunBackfill {
    /// The job as it begins. `GET /api/admin/backfill` tells how it goes on.
    #[oai(status = 202)]
    Accepted(Json<BackfillJob>),
}

#[OpenApi(prefix_path = "/api/admin", tag = "Tag::Admin")]
impl AdminBackfillApi {
    /// Begin a backfill
    ///
    /// Looks each room's Matrix room up by its alias, marks it as the city's, or creates it, and
    /// sees that every city room that is known has its alias. Goes on by itself, whether anybody
    /// looks or not. Safe to repeat. 409 while a backfill is under way, however it was begun.
    #[oai(path = "/backfill", method = "post", operation_id = "beginBackfill")]
    async fn begin(
        &self,
        _operator: Operator,
        body: Body<Option<BackfillRequest>>,
    ) -> Result<BegunBackfill, Failure> {
        let rooms = body.0.unwrap_or_default().rooms;
        let rooms = rooms.into_iter().map(Into::into).collect();
        let job = self.0.backfill.begin(rooms)?;
        Ok(BegunBackfill::Accepted(Json(job.into())))
    }

    /// See how the backfill goes
    ///
    /// The one that is under way, or else the latest since the start of daarion; those that a
    /// service or `daarion backfill` began are shown too.
    #[oai(path = "/backfill", method = "get", operation_id = "getBackfill")]
    async fn get(&self, _operator: Operator) -> Result<Json<BackfillJob>, Failure> {
        Ok(Json(self.0.backfill.job().into()))
    }
}
