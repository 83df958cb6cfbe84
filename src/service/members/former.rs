//! The rooms that a channel had before it was upgraded. Its history is still there, and whoever has a
//! power in one of them can take messages out of it, whatever they are in the present room: so what is
//! taken from somebody is taken from them there as well, as far as the connector may.

use super::Members;
use crate::domain::channel::Channel;
use crate::domain::id::{RoomId, UserId};
use crate::domain::member::{Member, Membership};
use crate::domain::{Error, Result};
use crate::homeserver::gateway::{MemberStep, Step};
use crate::homeserver::{RoomSnapshot, StoredLevels};

/// What is done about somebody in a channel's former rooms.
pub(super) struct Former<'a> {
    pub channel: &'a Channel,
    pub user: &'a UserId,
    /// `None`: they stay there as they are.
    pub step: Option<Step>,
    /// The most that they keep of their power; `None`: no more than everybody has.
    pub level: Option<i64>,
}

impl Members {
    /// Does it in each of the rooms. What cannot be done there is said in the log: it is done in the
    /// room that counts.
    pub(super) async fn follow_in_former_rooms(&self, deed: &Former<'_>) {
        for room in &deed.channel.former {
            if let Err(error) = self.follow_in_former_room(deed, room).await {
                tracing::warn!(
                    %error, room_id = %room, user_id = %deed.user,
                    "somebody may do in a former room of a channel what they may not in its present one"
                );
            }
        }
    }

    async fn follow_in_former_room(&self, deed: &Former<'_>, room: &RoomId) -> Result<()> {
        let Some(snapshot) = self.core.homeserver.room(room).await? else {
            return Err(Error::forbidden("daarion is not in it"));
        };
        let lowered = match &snapshot.levels {
            Some(stored) => self.lower(deed, room, stored).await,
            None => Ok(()),
        };
        if let Some(step) = deed
            .step
            .filter(|step| is_to_do(*step, deed.user, &snapshot))
        {
            let step = MemberStep {
                room: room.clone(),
                step,
                user: deed.user.clone(),
                acting: None,
                reason: None,
                via: Vec::new(),
            };
            self.core.homeserver.change_membership(&step).await?;
        }
        lowered
    }

    async fn lower(&self, deed: &Former<'_>, room: &RoomId, stored: &StoredLevels) -> Result<()> {
        let given = stored.levels.users.get(deed.user).copied();
        let most = deed.level.unwrap_or(stored.levels.users_default);
        if given.is_none_or(|given| given <= most) {
            return Ok(());
        }
        let homeserver = &self.core.homeserver;
        let set = homeserver.set_level(room, deed.user, given, deed.level, None);
        set.await.map(drop)
    }
}

/// Whether a step would change how somebody stands to a room.
fn is_to_do(step: Step, user: &UserId, snapshot: &RoomSnapshot) -> bool {
    let mut members = snapshot.members.iter().map(|(_, member)| member);
    let known = members.find(|member: &&Member| member.user == *user);
    let membership = known.map(|member| member.membership);
    match step {
        Step::Kick => matches!(
            membership,
            Some(Membership::Joined | Membership::Invited | Membership::Knocking)
        ),
        Step::Ban => membership != Some(Membership::Banned),
        Step::Unban => membership == Some(Membership::Banned),
        Step::Invite | Step::Join | Step::Leave | Step::Knock => false,
    }
}
