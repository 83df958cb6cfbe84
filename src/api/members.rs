//! Members of a channel (`/api/messaging/channels/{id}/members`).

use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use uuid::Uuid;

use super::auth::Person;
use super::body::Body;
use super::error::Failure;
use super::schema::{Invitation, Member, MemberPage, Membership};
use super::{Services, Tag};
use crate::domain::id::ChannelId;
use crate::domain::page;

/// The operations.
pub struct MembersApi(pub Services);

/// Somebody was invited.
#[derive(ApiResponse)]
pub enum Invited {
    /// They are invited, an agent is in already.
    #[oai(status = 201)]
    Created(Json<Member>),
    /// They were so before; nothing has changed.
    #[oai(status = 200)]
    Unchanged(Json<Member>),
}

#[OpenApi(prefix_path = "/api/messaging/channels", tag = "Tag::Messaging")]
impl MembersApi {
    /// List members
    ///
    /// By Matrix user id; without `membership` the joined and the invited.
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
        let (channel, page) = members
            .list(&person.0, id, membership, cursor, limit)
            .await?;
        let created_by = channel.created_by.as_deref();
        Ok(Json(MemberPage {
            items: page
                .items
                .iter()
                .map(|member| Member::new(member, created_by))
                .collect(),
            next: page.next,
        }))
    }

    /// Invite a member
    ///
    /// The caller must be a member, in a private channel one with power level 50. An agent must
    /// be registered and comes in at once; a person accepts in their Matrix client. 404 when
    /// there is no such person or agent.
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
        body: Body<Invitation>,
    ) -> Result<Invited, Failure> {
        let id = ChannelId(channel_id.0);
        let invited = self.0.members.invite(&person.0, id, &body.0.member_id);
        let (channel, member, new) = invited.await?;
        let member = Json(Member::new(&member, channel.created_by.as_deref()));
        Ok(if new {
            Invited::Created(member)
        } else {
            Invited::Unchanged(member)
        })
    }
}
