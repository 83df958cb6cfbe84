//! People who ask to be let in (`/api/messaging/channels/{id}/knocks`).

use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};
use uuid::Uuid;

use crate::api::auth::Person;
use crate::api::body::Body;
use crate::api::error::Failure;
use crate::api::messages::Done;
use crate::api::schema::{Member, MemberPage, Reason};
use crate::api::{Services, Tag};
use crate::domain::id::ChannelId;
use crate::domain::page;

/// The operations.
pub struct KnocksApi(pub Services);

/// Whether knocks are accepted.
#[derive(Object, Clone, Debug)]
pub struct Knocking {
    /// Of a private channel: whether whoever knows its id or its alias may ask to be let in (the
    /// join rule `knock` of the Matrix room).
    pub accepted: bool,
}

/// Where to knock, and why.
#[derive(Object, Clone, Debug)]
pub struct KnockByAlias {
    /// `#localpart:server`.
    pub alias: String,
    /// For those who answer; at most 1,000 characters. In Matrix clients everybody in the channel may
    /// read it.
    pub reason: Option<String>,
}

#[OpenApi(prefix_path = "/api/messaging", tag = "Tag::Messaging")]
impl KnocksApi {
    /// Accept knocks
    ///
    /// Sets whether people may ask to be let into a private channel. Such a channel is still shown to
    /// nobody who is not invited; only whoever knocks by its id or its alias learns that it is there.
    /// 403 without the level for the room's join rules (50 unless it says otherwise); 409 for a public
    /// channel.
    #[oai(
        path = "/channels/:channel_id/knocking",
        method = "put",
        operation_id = "setKnocking"
    )]
    async fn accept(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        body: Body<Knocking>,
    ) -> Result<Json<Knocking>, Failure> {
        let id = ChannelId(channel_id.0);
        let members = &self.0.members;
        let channel = members
            .accept_knocks(&person.0, id, body.0.accepted)
            .await?;
        Ok(Json(Knocking {
            accepted: channel.accepts_knocks,
        }))
    }

    /// Knock
    ///
    /// Asks to be let into a private channel that accepts knocks. Whoever has asked already waits as
    /// before. 404 when there is no such channel, when it accepts no knocks, and when the caller is
    /// banned: the answer is the same. 409 when the caller need not ask.
    #[oai(
        path = "/channels/:channel_id/knock",
        method = "post",
        operation_id = "knockAtChannel"
    )]
    async fn knock(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        body: Body<Option<Reason>>,
    ) -> Result<Json<Member>, Failure> {
        let id = ChannelId(channel_id.0);
        let reason = body.0.unwrap_or_default().reason;
        let member = self.0.members.knock(&person.0, id, reason).await?;
        Ok(Json(Member::new(member)))
    }

    /// Knock by alias
    ///
    /// As knocking by the id, for whoever knows the alias.
    #[oai(path = "/knock", method = "post", operation_id = "knockByAlias")]
    async fn knock_by_alias(
        &self,
        person: Person,
        body: Body<KnockByAlias>,
    ) -> Result<Json<Member>, Failure> {
        let KnockByAlias { alias, reason } = body.0;
        let members = &self.0.members;
        let member = members.knock_by_alias(&person.0, &alias, reason).await?;
        Ok(Json(Member::new(member)))
    }

    /// List knocks
    ///
    /// Who waits to be let in, and why, by Matrix user id. 403 without the level for inviting.
    #[oai(
        path = "/channels/:channel_id/knocks",
        method = "get",
        operation_id = "listKnocks"
    )]
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
        let members = &self.0.members;
        let page = members.knocks(&person.0, id, cursor.0.as_deref(), limit);
        Ok(Json(page.await?.into()))
    }

    /// Approve a knock
    ///
    /// Invites whoever has asked; they come in by joining. 403 without the level for inviting; 404 when
    /// they have not asked.
    #[oai(
        path = "/channels/:channel_id/knocks/:entity",
        method = "put",
        operation_id = "approveKnock"
    )]
    async fn approve(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// `user:<localpart>` or `user:<localpart>:<server>`.
        entity: Path<String>,
    ) -> Result<Json<Member>, Failure> {
        let id = ChannelId(channel_id.0);
        let members = &self.0.members;
        let member = members.approve_knock(&person.0, id, &entity.0).await?;
        Ok(Json(Member::new(member)))
    }

    /// Deny a knock
    ///
    /// The caller's own: takes it back. 403 without the level for removing; 404 when they have not
    /// asked.
    #[oai(
        path = "/channels/:channel_id/knocks/:entity",
        method = "delete",
        operation_id = "denyKnock"
    )]
    async fn deny(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// `user:<localpart>` or `user:<localpart>:<server>`.
        entity: Path<String>,
        /// Why; at most 1,000 characters.
        reason: Query<Option<String>>,
    ) -> Result<Done, Failure> {
        let id = ChannelId(channel_id.0);
        let members = &self.0.members;
        members
            .deny_knock(&person.0, id, &entity.0, reason.0)
            .await?;
        Ok(Done::Done)
    }
}
