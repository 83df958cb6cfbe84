//! Membership of the gateway.

use poem_openapi::OpenApi;
use poem_openapi::payload::Json;

use super::actor;
use crate::api::auth::Service;
use crate::api::body::Body;
use crate::api::error::Failure;
use crate::api::schema::gateway::{
    Ban, Banned, Comer, Invite, InviteStatus, Invited, Joined, Kick, Kicked, Leaver, Left, Unbanned,
};
use crate::api::{Services, Tag};
use crate::domain::member::Membership;
use crate::service::gateway::{MemberChange, Moderation};

/// The operations.
pub struct MembershipApi(pub Services);

#[OpenApi(prefix_path = "/internal/matrix", tag = "Tag::Gateway")]
impl MembershipApi {
    /// Invite somebody into a room
    ///
    /// Whoever is in the room already is left there, and `status` says `joined`. Needs the scope
    /// `gateway:members`. A refusal of the homeserver (403, as `M_FORBIDDEN`, `M_INVITE_BLOCKED`,
    /// `M_USER_SUSPENDED`) is final; 429 and 503 come with `Retry-After`.
    #[oai(
        path = "/invite",
        method = "post",
        operation_id = "inviteToGatewayRoom"
    )]
    async fn invite(&self, service: Service, body: Body<Invite>) -> Result<Json<Invited>, Failure> {
        const INVITER: (&str, &str) = ("inviter", "inviter_matrix_id");
        let new = body.0;
        let by = actor(INVITER, new.inviter, new.inviter_matrix_id);
        let change = change(new.room_id, new.user_id, new.reason);
        let moderation = Moderation { change, by };
        let status = match self.0.gateway.invite(&service.0, &moderation).await? {
            Membership::Joined => InviteStatus::Joined,
            _ => InviteStatus::Invited,
        };
        Ok(Json(Invited { status }))
    }

    /// Let somebody join a room
    ///
    /// Acts as the user, for whom the service must have the right to act; the connector's own id
    /// lets the connector join. Whoever may not join by themselves is invited by the connector
    /// first, where that may. Needs the scope `gateway:members`. 403 when neither helps.
    #[oai(path = "/join", method = "post", operation_id = "joinGatewayRoom")]
    async fn join(&self, service: Service, body: Body<Comer>) -> Result<Json<Joined>, Failure> {
        let new = body.0;
        let change = MemberChange {
            via: new.via,
            ..change(new.room_id, new.user_id, new.reason)
        };
        let room = self.0.gateway.join(&service.0, &change).await?;
        Ok(Json(Joined::to(room.to_string())))
    }

    /// Let somebody leave a room
    ///
    /// Acts as the user, for whom the service must have the right to act. Whoever is not in the
    /// room has left; an invitation is refused and a knock withdrawn. Needs the scope `gateway:members`. The connector leaves no channel: 403.
    #[oai(path = "/leave", method = "post", operation_id = "leaveGatewayRoom")]
    async fn leave(&self, service: Service, body: Body<Leaver>) -> Result<Json<Left>, Failure> {
        let new = body.0;
        let change = change(new.room_id, new.user_id, new.reason);
        self.0.gateway.leave(&service.0, &change).await?;
        Ok(Json(Left::DONE))
    }

    /// Kick somebody out of a room
    ///
    /// Whoever is not in the room is out of it; an invitation is taken back and a knock refused. Needs the scope `gateway:members`. 403 when the
    /// kicker has not the power, or the user is banned.
    #[oai(path = "/kick", method = "post", operation_id = "kickFromGatewayRoom")]
    async fn kick(&self, service: Service, body: Body<Kick>) -> Result<Json<Kicked>, Failure> {
        const KICKER: (&str, &str) = ("kicker", "kicker_matrix_id");
        let new = body.0;
        let by = actor(KICKER, new.kicker, new.kicker_matrix_id);
        let change = change(new.room_id, new.user_id, new.reason);
        let moderation = Moderation { change, by };
        self.0.gateway.kick(&service.0, &moderation).await?;
        Ok(Json(Kicked::DONE))
    }

    /// Ban somebody from a room
    ///
    /// Needs the scope `gateway:members`. 403 when the moderator has not the power.
    #[oai(path = "/ban", method = "post", operation_id = "banFromGatewayRoom")]
    async fn ban(&self, service: Service, body: Body<Ban>) -> Result<Json<Banned>, Failure> {
        let moderation = moderation(body.0);
        self.0.gateway.ban(&service.0, &moderation).await?;
        Ok(Json(Banned::DONE))
    }

    /// Take a ban back
    ///
    /// Needs the scope `gateway:members`. 403 when the moderator has not the power.
    #[oai(
        path = "/unban",
        method = "post",
        operation_id = "unbanFromGatewayRoom"
    )]
    async fn unban(&self, service: Service, body: Body<Ban>) -> Result<Json<Unbanned>, Failure> {
        let moderation = moderation(body.0);
        self.0.gateway.unban(&service.0, &moderation).await?;
        Ok(Json(Unbanned::DONE))
    }
}

fn change(room: String, user: String, reason: Option<String>) -> MemberChange {
    MemberChange {
        room,
        user,
        reason,
        via: Vec::new(),
    }
}

fn moderation(ban: Ban) -> Moderation {
    const MODERATOR: (&str, &str) = ("moderator", "moderator_matrix_id");
    Moderation {
        change: change(ban.room_id, ban.user_id, ban.reason),
        by: actor(MODERATOR, ban.moderator, ban.moderator_matrix_id),
    }
}
