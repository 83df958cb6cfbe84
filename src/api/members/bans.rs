//! Who is kept out (`/api/messaging/channels/{id}/bans`).

use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use uuid::Uuid;

use crate::api::auth::Person;
use crate::api::body::Body;
use crate::api::error::Failure;
use crate::api::messages::Done;
use crate::api::schema::{Member, MemberPage, Reason};
use crate::api::{Services, Tag};
use crate::domain::id::ChannelId;
use crate::domain::member::Membership;
use crate::domain::page;

/// The operations.
pub struct BansApi(pub Services);

#[OpenApi(prefix_path = "/api/messaging/channels", tag = "Tag::Messaging")]
impl BansApi {
    /// List bans
    ///
    /// Who is banned, by whom and why, by Matrix user id.
    #[oai(path = "/:channel_id/bans", method = "get", operation_id = "listBans")]
    async fn list(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// How many, 1 to 200; 50 when absent.
        limit: Query<Option<u32>>,
        /// The `next` of an earlier page.
        cursor: Query<Option<String>>,
    ) -> Result<Json<MemberPage>, Failure> {
        let limit = page::limit(limit.0)?;
        let id = ChannelId(channel_id.0);
        let banned = Some(Membership::Banned);
        let members = &self.0.members;
        let page = members.list(&person.0, id, banned, cursor.0.as_deref(), limit);
        Ok(Json(page.await?.into()))
    }

    /// Ban somebody
    ///
    /// Whether they are there or not. A ban that stands stays; another reason takes the place of the
    /// one before. The caller needs the level for banning (50 unless the room says otherwise) and has
    /// to outrank them; 403 otherwise. 404 when there is no such person or agent; 409 for a creator
    /// of a room of version 12.
    #[oai(
        path = "/:channel_id/bans/:entity",
        method = "put",
        operation_id = "banMember"
    )]
    async fn ban(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// `user:<localpart>`, `user:<localpart>:<server>` or `agent:<name>`.
        entity: Path<String>,
        body: Body<Option<Reason>>,
    ) -> Result<Json<Member>, Failure> {
        let id = ChannelId(channel_id.0);
        let reason = body.0.unwrap_or_default().reason;
        let members = &self.0.members;
        let banned = members.ban(&person.0, id, &entity.0, reason).await?;
        Ok(Json(Member::new(banned)))
    }

    /// Take a ban back
    ///
    /// They may come again; they do not by that. Whoever is not banned is fine. 403 as for banning,
    /// and without the level for removing; 404 when they never were in any relation to the channel.
    #[oai(
        path = "/:channel_id/bans/:entity",
        method = "delete",
        operation_id = "unbanMember"
    )]
    async fn unban(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// `user:<localpart>`, `user:<localpart>:<server>` or `agent:<name>`.
        entity: Path<String>,
        /// Why; at most 1,000 characters.
        reason: Query<Option<String>>,
    ) -> Result<Done, Failure> {
        let id = ChannelId(channel_id.0);
        let members = &self.0.members;
        members.unban(&person.0, id, &entity.0, reason.0).await?;
        Ok(Done::Done)
    }
}
