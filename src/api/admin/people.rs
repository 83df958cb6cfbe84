//! People, for operators.

use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::api::auth::Operator;
use crate::api::error::Failure;
use crate::api::{Services, Tag};
use crate::service::auth::EndedAccess as Ended;

/// The operations.
pub struct AdminPeopleApi(pub Services);

/// What somebody came in by.
#[derive(Object, Clone, Copy, Debug)]
pub struct EndedAccess {
    /// How many sessions have ended.
    pub sessions: u32,
    /// How many API keys are revoked.
    pub keys: u32,
}

impl From<Ended> for EndedAccess {
    fn from(ended: Ended) -> Self {
        let bounded = |count| u32::try_from(count).unwrap_or(u32::MAX);
        Self {
            sessions: bounded(ended.sessions),
            keys: bounded(ended.keys),
        }
    }
}

#[OpenApi(prefix_path = "/api/admin/people", tag = "Tag::Admin")]
impl AdminPeopleApi {
    /// End somebody's access
    ///
    /// Ends all sessions of a person or an agent at once, live streams included, and revokes all API
    /// keys that are theirs: for a lost device, or an account that was closed elsewhere. It keeps
    /// nobody from signing in again; that is for the homeserver, or for `POST
    /// /internal/matrix/users/{user_id}/deactivate`. An agent's own tokens stay, and a token of an
    /// outside issuer counts until it expires. 404 when there is nobody of that name.
    #[oai(
        path = "/:entity/access",
        method = "delete",
        operation_id = "endAccess"
    )]
    async fn end_access(
        &self,
        _operator: Operator,
        /// `user:<localpart>`, `agent:<name>` or a Matrix user id.
        entity: Path<String>,
    ) -> Result<Json<EndedAccess>, Failure> {
        let ended = self.0.auth.end_access("entity", &entity.0).await?;
        Ok(Json(ended.into()))
    }
}
