//! How the installation does, and who is there.

use poem_openapi::OpenApi;
use poem_openapi::param::Query;
use poem_openapi::payload::Json;

use crate::api::auth::Operator;
use crate::api::error::Failure;
use crate::api::schema::{OnlinePage, Overview};
use crate::api::{Services, Tag};
use crate::domain::page;

/// The operations.
pub struct OverviewApi(pub Services);

#[OpenApi(prefix_path = "/api/admin", tag = "Tag::Admin")]
impl OverviewApi {
    /// See how the installation does
    ///
    /// The link to the homeserver, what comes in, how far the journal's readers are, and the
    /// latest warnings and errors with what to do about them. The same figures as
    /// `daarion status`. Answers while the homeserver is away.
    #[oai(path = "/overview", method = "get", operation_id = "getOverview")]
    async fn overview(&self, _operator: Operator) -> Result<Json<Overview>, Failure> {
        Ok(Json(self.0.status.report().await?.into()))
    }

    /// List the people online
    ///
    /// Members of any channel who are online now, by Matrix presence or with a live stream open.
    /// Ordered by Matrix user id.
    #[oai(path = "/online", method = "get", operation_id = "listOnline")]
    async fn online(
        &self,
        _operator: Operator,
        /// How many, 1 to 200; 50 when absent.
        limit: Query<Option<u32>>,
        /// The `next` of an earlier page.
        cursor: Query<Option<String>>,
    ) -> Result<Json<OnlinePage>, Failure> {
        let limit = page::limit(limit.0)?;
        let page = self.0.online.list(cursor.0.as_deref(), limit).await?;
        Ok(Json(page.into()))
    }
}
