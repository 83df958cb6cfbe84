//! Invite links (`/api/messaging/channels/{id}/invite-links`) and what they lead to
//! (`/api/invites/{code}`).

use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};
use uuid::Uuid;

use super::auth::Person;
use super::body::Body;
use super::error::Failure;
use super::once::IdempotencyKey;
use super::rendered::Rendered;
use super::schema::{
    AcceptedInvite, InviteDestination, InviteLinkList, MadeInviteLink, NewInviteLink,
};
use super::sign_in::NOT_KEPT;
use super::{Services, Tag};
use crate::domain::id::ChannelId;

/// The operations.
pub struct InvitesApi(pub Services);

/// A link was made.
#[derive(ApiResponse)]
pub enum CreatedInviteLink {
    /// The link, its code shown this once.
    #[oai(status = 201)]
    Created(
        Rendered<MadeInviteLink>,
        /// `no-store`.
        #[oai(header = "Cache-Control")]
        String,
    ),
}

/// A link leads nowhere any more.
#[derive(ApiResponse)]
pub enum RevokedInviteLink {
    /// It leads nowhere any more.
    #[oai(status = 204)]
    Done,
}

#[OpenApi(prefix_path = "/api", tag = "Tag::Messaging")]
impl InvitesApi {
    /// List a channel's invite links
    ///
    /// The oldest first, those that have ended too. For members who may invite people, as the Matrix
    /// room has it: in a private channel mostly those with power level 50. 403 names the level that is
    /// missing.
    #[oai(
        path = "/messaging/channels/:channel_id/invite-links",
        method = "get",
        operation_id = "listInviteLinks"
    )]
    async fn list(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
    ) -> Result<Json<InviteLinkList>, Failure> {
        let id = ChannelId(channel_id.0);
        let links = self.0.invites.list(&person.0, id).await?;
        Ok(Json(InviteLinkList {
            items: links.into_iter().map(Into::into).collect(),
            next: None,
        }))
    }

    /// Make an invite link
    ///
    /// Whoever follows it comes in as if the caller had invited them, for as long as the caller may
    /// invite people. 403 for those who may not; 409 when the channel is archived, and when it has
    /// 100 links already, or the caller 20 of them. Links whose time has come go when another is made.
    #[oai(
        path = "/messaging/channels/:channel_id/invite-links",
        method = "post",
        operation_id = "createInviteLink"
    )]
    async fn create(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// A name of this request, 1 to 128 visible ASCII characters, best a random UUID. Asked for
        /// again with the same key within 24 hours, the answer is the first one, its secret among it,
        /// and nothing is done; 409 when the key was another request's. The secret is kept in a form
        /// that only this key opens.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        body: Body<NewInviteLink>,
    ) -> Result<CreatedInviteLink, Failure> {
        let (caller, id) = (&person.0, ChannelId(channel_id.0));
        let once = self
            .0
            .once(&caller.entity, "createInviteLink", key, &body.0);
        let made = once.at(id).secret().answer(async |attempt| {
            let made = self.0.invites.create(caller, id, body.0.into(), attempt.id);
            Ok(made.await?.into())
        });
        Ok(CreatedInviteLink::Created(made.await?, NOT_KEPT.to_owned()))
    }

    /// Revoke an invite link
    ///
    /// By whoever made it, or whoever may remove members (power level 50, unless the Matrix room says
    /// otherwise). Those who came by it stay. 404 when the channel has none of that id.
    #[oai(
        path = "/messaging/channels/:channel_id/invite-links/:link_id",
        method = "delete",
        operation_id = "revokeInviteLink"
    )]
    async fn revoke(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// The link's id.
        link_id: Path<Uuid>,
    ) -> Result<RevokedInviteLink, Failure> {
        let id = ChannelId(channel_id.0);
        self.0.invites.revoke(&person.0, id, link_id.0).await?;
        Ok(RevokedInviteLink::Done)
    }

    /// See where an invite link leads
    ///
    /// For everybody who has the code, signed in or not. 404, always the same, when it is not known,
    /// has ended, was revoked or is used up, or when whoever made it may invite nobody any more.
    #[oai(path = "/invites/:code", method = "get", operation_id = "getInvite")]
    async fn look(
        &self,
        /// The code, the last part of the link.
        code: Path<String>,
    ) -> Result<Json<InviteDestination>, Failure> {
        Ok(Json(self.0.invites.look(&code.0).await?.into()))
    }

    /// Follow an invite link
    ///
    /// The caller is invited as whoever made the link, and joins. Each person is counted once, however
    /// often they follow it; members are not counted. 404 as for looking at it; 403 for whoever is
    /// banned from the channel, and for agents.
    #[oai(
        path = "/invites/:code/accept",
        method = "post",
        operation_id = "acceptInvite"
    )]
    async fn accept(
        &self,
        person: Person,
        /// The code, the last part of the link.
        code: Path<String>,
    ) -> Result<Json<AcceptedInvite>, Failure> {
        let channel = self.0.invites.accept(&person.0, &code.0).await?;
        Ok(Json(AcceptedInvite {
            channel_id: channel.id.0,
        }))
    }
}
