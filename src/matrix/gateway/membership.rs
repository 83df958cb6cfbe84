//! Who is in a room, and who brings in or sends out whom.

use ruma::api::client::knock::knock_room;
use ruma::api::client::membership::{
    ban_user, invite_user, join_room_by_id_or_alias, kick_user, leave_room, unban_user,
};
use ruma::api::client::state::get_state_event_for_key;
use ruma::events::StateEventType;

use super::super::client::Repeat;
use super::super::{Matrix, ids, mapping};
use crate::domain::id::{RoomId, UserId};
use crate::domain::{Error, Result};
use crate::homeserver::gateway::{MemberStep, Standing, Step};

impl Matrix {
    /// Each step sets a membership, so that repeating it does no more.
    pub(crate) async fn take_step(&self, step: &MemberStep) -> Result<()> {
        let (room, user) = (ids::room(&step.room)?, ids::user(&step.user)?);
        let reason = step.reason.clone();
        let acting = step.acting.as_ref();
        let client = &self.client;
        match step.step {
            Step::Invite => {
                let mut target = invite_user::v3::InviteUserId::new(user);
                target.reason = reason;
                let target = invite_user::v3::InvitationRecipient::UserId(target);
                let request = invite_user::v3::Request::new(room, target);
                client
                    .request(request, acting, Repeat::Safe)
                    .await
                    .map(drop)
            }
            Step::Join => {
                let mut request = join_room_by_id_or_alias::v3::Request::new(room.into());
                request.reason = reason;
                request.via = ids::servers(&step.via)?;
                client
                    .request(request, acting, Repeat::Safe)
                    .await
                    .map(drop)
            }
            Step::Leave => {
                let mut request = leave_room::v3::Request::new(room);
                request.reason = reason;
                client
                    .request(request, acting, Repeat::Safe)
                    .await
                    .map(drop)
            }
            Step::Kick => {
                let mut request = kick_user::v3::Request::new(room, user);
                request.reason = reason;
                client
                    .request(request, acting, Repeat::Safe)
                    .await
                    .map(drop)
            }
            Step::Ban => {
                let mut request = ban_user::v3::Request::new(room, user);
                request.reason = reason;
                client
                    .request(request, acting, Repeat::Safe)
                    .await
                    .map(drop)
            }
            Step::Knock => {
                let mut request = knock_room::v3::Request::new(room.into());
                request.reason = reason;
                client
                    .request(request, acting, Repeat::Safe)
                    .await
                    .map(drop)
            }
            Step::Unban => {
                let mut request = unban_user::v3::Request::new(room, user);
                request.reason = reason;
                client
                    .request(request, acting, Repeat::Safe)
                    .await
                    .map(drop)
            }
        }
    }

    pub(super) async fn read_standing(
        &self,
        room: &RoomId,
        user: &UserId,
        acting: Option<&UserId>,
    ) -> Result<Standing> {
        let request = get_state_event_for_key::v3::Request::new(
            ids::room(room)?,
            StateEventType::RoomMember,
            user.to_string(),
        );
        match self.client.request(request, acting, Repeat::Safe).await {
            Ok(answer) => mapping::standing(&answer.event_or_content).ok_or_else(|| {
                Error::HomeserverNonsense(format!("the membership of {user} cannot be read"))
            }),
            Err(Error::HomeserverRefused { status: 404, .. }) => Ok(Standing::Stranger),
            Err(error) => Err(error),
        }
    }
}
