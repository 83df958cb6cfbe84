//! What one does oneself: coming and going.

use super::{MemberView, Members};
use crate::domain::access::{Caller, Right};
use crate::domain::id::ChannelId;
use crate::domain::member::Membership;
use crate::domain::{Error, Result, text};
use crate::homeserver::gateway::{MemberStep, Step};

impl Members {
    /// Brings the caller in: into a public channel, or by an invitation.
    pub async fn join(&self, caller: &Caller, id: ChannelId) -> Result<MemberView> {
        let core = &self.core;
        let channel = core.visible(caller, id).await?;
        let granted = core.require(Right::Join, caller, &channel).await?;
        core.count_change(caller, &channel)?;
        let user = core.directory.user_id(&caller.entity);
        if granted.who.membership != Some(Membership::Joined) {
            core.homeserver.join(&channel.room, Some(&user)).await?;
            let member = self.confirm(&channel, &user, &user).await?;
            return self.view(id, member, &granted.levels).await;
        }
        self.view_of(&channel, &caller.entity).await
    }

    /// Lets the caller go, or refuses an invitation; whoever is not there has gone.
    pub async fn leave(
        &self,
        caller: &Caller,
        id: ChannelId,
        reason: Option<String>,
    ) -> Result<()> {
        let core = &self.core;
        if let Some(reason) = &reason {
            text::reason(reason)?;
        }
        let channel = core.visible(caller, id).await?;
        let user = core.directory.user_id(&caller.entity);
        let member = core.store.index.member(id, &user).await?;
        match member.map(|member| member.membership) {
            Some(Membership::Joined | Membership::Invited | Membership::Knocking) => {}
            Some(Membership::Left) | None => return Ok(()),
            // Then there is no such channel for them.
            Some(Membership::Banned) => {
                return Err(Error::forbidden("whoever is banned cannot leave"));
            }
        }
        core.count_change(caller, &channel)?;
        let step = MemberStep {
            room: channel.room.clone(),
            step: Step::Leave,
            user: user.clone(),
            acting: Some(user.clone()),
            reason,
            via: Vec::new(),
        };
        core.homeserver.change_membership(&step).await?;
        core.take_member(&channel, &user, &user).await.map(drop)
    }
}
