//! People's sessions (`/api/auth/sessions`): where one is signed in, and the end of it.

use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use uuid::Uuid;

use super::auth::Myself;
use super::error::Failure;
use super::schema::{EndedSessions, SessionList};
use super::{Services, Tag};

/// The operations.
pub struct SessionsApi(pub Services);

/// A session has ended.
#[derive(ApiResponse)]
pub enum SessionEnded {
    /// It has ended.
    #[oai(status = 204)]
    Done,
}

#[OpenApi(prefix_path = "/api/auth/sessions", tag = "Tag::Auth")]
impl SessionsApi {
    /// Where am I signed in?
    ///
    /// The caller's sessions, the newest first.
    #[oai(path = "/", method = "get", operation_id = "listSessions")]
    async fn list(&self, me: Myself) -> Result<Json<SessionList>, Failure> {
        let sessions = self.0.auth.people.sessions(&me.0).await?;
        Ok(Json(SessionList {
            items: sessions.into_iter().map(Into::into).collect(),
            next: None,
        }))
    }

    /// Sign out elsewhere
    ///
    /// Ends one of the caller's sessions at once, as signing out there would; it may be the one
    /// that asks. 404 when there is none of that id.
    #[oai(path = "/:session_id", method = "delete", operation_id = "endSession")]
    async fn end(
        &self,
        me: Myself,
        /// The session's id.
        session_id: Path<Uuid>,
    ) -> Result<SessionEnded, Failure> {
        let people = &self.0.auth.people;
        people.end_session(&me.0, session_id.0).await?;
        Ok(SessionEnded::Done)
    }

    /// Sign out everywhere else
    ///
    /// Ends all sessions of the caller but the one that asks; all, when a service asks for the
    /// caller.
    #[oai(path = "/", method = "delete", operation_id = "endOtherSessions")]
    async fn end_others(&self, me: Myself) -> Result<Json<EndedSessions>, Failure> {
        let people = &self.0.auth.people;
        let ended = people.end_other_sessions(&me.0).await?;
        let ended = u32::try_from(ended).unwrap_or(u32::MAX);
        Ok(Json(EndedSessions { ended }))
    }
}
