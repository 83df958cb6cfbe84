//! What is done to others: removed, banned, let back.

use super::former::Former;
use super::{Deed, MemberView, Members, no_member};
use crate::domain::access::{Caller, Right};
use crate::domain::id::ChannelId;
use crate::domain::member::{Member, Membership};
use crate::domain::{Error, Result, text};
use crate::homeserver::gateway::{MemberStep, Step};

impl Members {
    /// Removes somebody, takes their invitation back, or lets the caller go.
    pub async fn remove(
        &self,
        caller: &Caller,
        id: ChannelId,
        member: &str,
        reason: Option<String>,
    ) -> Result<()> {
        if self.core.directory.find_entity(member).as_ref() == Some(&caller.entity) {
            return self.leave(caller, id, reason).await;
        }
        if let Some(reason) = &reason {
            text::reason(reason)?;
        }
        let deed = self.over(Right::Remove, caller, id, member).await?;
        match deed.target.membership {
            Some(Membership::Joined | Membership::Invited | Membership::Knocking) => {}
            Some(Membership::Left) | None => return Err(no_member(&deed.target.entity)),
            Some(Membership::Banned) => {
                let banned = &deed.target.entity;
                return Err(Error::conflict(format!("{banned} is banned")));
            }
        }
        self.act(&deed, Step::Kick, reason).await.map(drop)
    }

    /// Keeps somebody out, whether they are there or not.
    pub async fn ban(
        &self,
        caller: &Caller,
        id: ChannelId,
        member: &str,
        reason: Option<String>,
    ) -> Result<MemberView> {
        if let Some(reason) = &reason {
            text::reason(reason)?;
        }
        let deed = self.over(Right::Ban, caller, id, member).await?;
        if deed.target.entity == caller.entity {
            return Err(Error::conflict("nobody bans themselves; leave instead"));
        }
        self.existing(&deed.target.entity).await?;
        let levels = self.core.levels(&deed.channel).await?;
        let known = self.core.store.index.member(id, &deed.user).await?;
        let is_so = |member: &Member| {
            let is_banned = member.membership == Membership::Banned;
            is_banned && (reason.is_none() || member.reason == reason)
        };
        if let Some(member) = known.filter(is_so) {
            return self.view(id, member, &levels).await;
        }
        let member = self.act(&deed, Step::Ban, reason).await?;
        self.view(id, member, &levels).await
    }

    /// Lets somebody come back; they do not by that. Whoever is not banned may.
    pub async fn unban(
        &self,
        caller: &Caller,
        id: ChannelId,
        member: &str,
        reason: Option<String>,
    ) -> Result<()> {
        if let Some(reason) = &reason {
            text::reason(reason)?;
        }
        let deed = self.over(Right::Ban, caller, id, member).await?;
        // Matrix takes it for a removal as well.
        let removal = self.core.require(Right::Remove, caller, &deed.channel);
        removal.await?;
        match deed.target.membership {
            Some(Membership::Banned) => {}
            Some(_) => return Ok(()),
            None => return Err(no_member(&deed.target.entity)),
        }
        self.act(&deed, Step::Unban, reason).await.map(drop)
    }

    /// Takes a step as the caller, and takes in what has come of it.
    pub(super) async fn act(
        &self,
        deed: &Deed,
        step: Step,
        reason: Option<String>,
    ) -> Result<Member> {
        let step = MemberStep {
            room: deed.channel.room.clone(),
            step,
            user: deed.user.clone(),
            acting: Some(deed.by.clone()),
            reason: reason.filter(|reason| !reason.trim().is_empty()),
            via: Vec::new(),
        };
        self.core.homeserver.change_membership(&step).await?;
        let taken = self.confirm(&deed.channel, &deed.user, &deed.by).await;
        // Whoever has only knocked is not sent away from where they were.
        if deed.target.membership != Some(Membership::Knocking) {
            let former = Former {
                channel: &deed.channel,
                user: &deed.user,
                step: Some(step.step),
                level: None,
            };
            self.follow_in_former_rooms(&former).await;
        }
        taken
    }
}
