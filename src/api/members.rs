//! Members of a channel (`/api/messaging/channels/{id}/members`); below this module what else is done
//! about memberships.

mod bans;
mod knocks;
mod mutes;

use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use uuid::Uuid;

use super::auth::Person;
use super::body::Body;
use super::error::Failure;
use super::messages::Done;
use super::once::IdempotencyKey;
use super::rendered::Rendered;
use super::schema::{Invitation, Member, MemberPage, MemberPatch, Membership, Reason};
use super::{Services, Tag};
use crate::domain::id::ChannelId;
use crate::domain::page;

/// All operations about members.
pub type MembersArea = (
    MembersApi,
    bans::BansApi,
    knocks::KnocksApi,
    mutes::MutesApi,
);

/// All operations about members.
#[must_use]
pub fn all(services: &Services) -> MembersArea {
    (
        MembersApi(services.clone()),
        bans::BansApi(services.clone()),
        knocks::KnocksApi(services.clone()),
        mutes::MutesApi(services.clone()),
    )
}

/// The operations.
pub struct MembersApi(pub Services);

/// Somebody was invited.
#[derive(ApiResponse)]
pub enum Invited {
    /// They are invited, an agent is in already.
    #[oai(status = 201)]
    Created(Rendered<Member>),
    /// They were so before; nothing has changed.
    #[oai(status = 200)]
    Unchanged(Rendered<Member>),
}

#[OpenApi(prefix_path = "/api/messaging/channels", tag = "Tag::Messaging")]
impl MembersApi {
    /// List members
    ///
    /// By Matrix user id; without `membership` the joined and the invited. `knocking` is for those who
    /// may answer knocks, as `listKnocks` is.
    #[oai(
        path = "/:channel_id/members",
        method = "get",
        operation_id = "listMembers"
    )]
    async fn list(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// Only those who stand so to the channel.
        membership: Query<Option<Membership>>,
        /// How many, 1 to 200; 50 when absent.
        limit: Query<Option<u32>>,
        /// The `next` of an earlier page.
        cursor: Query<Option<String>>,
    ) -> Result<Json<MemberPage>, Failure> {
        let limit = page::limit(limit.0)?;
        let id = ChannelId(channel_id.0);
        let membership = membership.0.map(Into::into);
        let cursor = cursor.0.as_deref();
        let members = &self.0.members;
        let page = members.list(&person.0, id, membership, cursor, limit);
        Ok(Json(page.await?.into()))
    }

    /// One member
    ///
    /// How somebody stands to the channel, also when they have left or are banned: with the reason,
    /// if one was given. 404 when they never were in any relation to it.
    #[oai(
        path = "/:channel_id/members/:entity",
        method = "get",
        operation_id = "getMember"
    )]
    async fn get(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// `user:<localpart>`, `user:<localpart>:<server>` or `agent:<name>`.
        entity: Path<String>,
    ) -> Result<Json<Member>, Failure> {
        let id = ChannelId(channel_id.0);
        let member = self.0.members.get(&person.0, id, &entity.0).await?;
        Ok(Json(Member::new(member)))
    }

    /// Change a member's role
    ///
    /// Sets the power level in the Matrix room: owner 100, admin 75, moderator 50, member 0 (or what
    /// everybody has who is not named there), guest below 0. A level that was set in a Matrix client
    /// shows as the role that it falls under.
    ///
    /// The caller needs the level for changing levels (100 unless the room says otherwise), gives at
    /// most what they have, and changes only whom they outrank; oneself one may lower. 403 otherwise,
    /// naming the level. 404 when there is no such member; 409 when the channel would be without an
    /// owner, or the member is a creator of a room of version 12, whom Matrix lets nobody change.
    #[oai(
        path = "/:channel_id/members/:entity",
        method = "patch",
        operation_id = "updateMember"
    )]
    async fn update(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// `user:<localpart>`, `user:<localpart>:<server>` or `agent:<name>`.
        entity: Path<String>,
        body: Body<MemberPatch>,
    ) -> Result<Json<Member>, Failure> {
        let (id, role) = (ChannelId(channel_id.0), body.0.role.into());
        let members = &self.0.members;
        let member = members.set_role(&person.0, id, &entity.0, role).await?;
        Ok(Json(Member::new(member)))
    }

    /// Remove a member
    ///
    /// Also takes an invitation back. The caller themselves: leaves. The caller needs the level for
    /// removing (50 unless the room says otherwise) and has to outrank the member; 403 otherwise. 404
    /// when they are not there; 409 when they are banned, or a creator of a room of version 12.
    #[oai(
        path = "/:channel_id/members/:entity",
        method = "delete",
        operation_id = "removeMember"
    )]
    async fn remove(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// `user:<localpart>`, `user:<localpart>:<server>` or `agent:<name>`.
        entity: Path<String>,
        /// Why; at most 1,000 characters. The member keeps it, and everybody in the room may read it.
        reason: Query<Option<String>>,
    ) -> Result<Done, Failure> {
        let id = ChannelId(channel_id.0);
        let members = &self.0.members;
        members.remove(&person.0, id, &entity.0, reason.0).await?;
        Ok(Done::Done)
    }

    /// Join a channel
    ///
    /// A public one, or one that the caller is invited to. Whoever is in already stays. An agent is
    /// brought in by a member: 403.
    #[oai(
        path = "/:channel_id/join",
        method = "post",
        operation_id = "joinChannel"
    )]
    async fn join(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
    ) -> Result<Json<Member>, Failure> {
        let id = ChannelId(channel_id.0);
        let member = self.0.members.join(&person.0, id).await?;
        Ok(Json(Member::new(member)))
    }

    /// Leave a channel
    ///
    /// Also refuses an invitation. Whoever is not there has left.
    #[oai(
        path = "/:channel_id/leave",
        method = "post",
        operation_id = "leaveChannel"
    )]
    async fn leave(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        body: Body<Option<Reason>>,
    ) -> Result<Done, Failure> {
        let id = ChannelId(channel_id.0);
        let reason = body.0.unwrap_or_default().reason;
        self.0.members.leave(&person.0, id, reason).await?;
        Ok(Done::Done)
    }

    /// Invite a member
    ///
    /// The caller must be a member with the level for inviting (0 in public channels and 50 in private
    /// ones, unless the room says otherwise). An agent must be registered and comes in at once; a
    /// person joins, here or in their Matrix client. 404 when there is no such person or agent.
    #[oai(
        path = "/:channel_id/members",
        method = "post",
        operation_id = "inviteMember"
    )]
    async fn invite(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// A name of this request, 1 to 128 visible ASCII characters. Asked for again with the same
        /// key within 24 hours, the answer is the first one and nothing is done; 409 when the key was
        /// another request's.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        body: Body<Invitation>,
    ) -> Result<Invited, Failure> {
        let (caller, id) = (&person.0, ChannelId(channel_id.0));
        let once = self.0.once(&caller.entity, "inviteMember", key, &body.0);
        let invited = once.at(id).answer_news(async |_| {
            let invited = self.0.members.invite(caller, id, &body.0.member_id);
            let (member, is_new) = invited.await?;
            Ok((Member::new(member), is_new))
        });
        Ok(match invited.await? {
            (member, true) => Invited::Created(member),
            (member, false) => Invited::Unchanged(member),
        })
    }
}
