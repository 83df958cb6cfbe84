//! People who ask to be let in, and who answers them.
//!
//! A private channel that accepts knocks is known to whoever knocks by its id or its alias, and by
//! nothing else: whether there is one that takes none, or none at all, the answer is the same.

use std::sync::Arc;

use super::{MemberView, Members};
use crate::domain::access::{Caller, Right, may_knock};
use crate::domain::channel::{Channel, ChannelChange, Visibility};
use crate::domain::entity::Entity;
use crate::domain::id::{ChannelId, RoomAlias};
use crate::domain::member::Membership;
use crate::domain::page::Page;
use crate::domain::{Error, Result, text};
use crate::homeserver::Setting;
use crate::homeserver::gateway::{MemberStep, Step};

impl Members {
    /// Lets people ask to be let in, or no longer.
    pub async fn accept_knocks(
        &self,
        caller: &Caller,
        id: ChannelId,
        accepted: bool,
    ) -> Result<Arc<Channel>> {
        let core = &self.core;
        let channel = core.visible(caller, id).await?;
        let right = Right::SetVisibility;
        core.require(right, caller, &channel).await?;
        core.count_change(caller, &channel)?;
        if channel.visibility == Visibility::Public && accepted {
            return Err(Error::conflict(
                "the channel is public: everybody may come in and nobody need ask",
            ));
        }
        if channel.accepts_knocks == accepted {
            return Ok(channel);
        }
        let change = match accepted {
            true => ChannelChange::Knockable,
            false => ChannelChange::Visibility(Visibility::Private),
        };
        let user = core.directory.user_id(&caller.entity);
        let setting = Setting::Knocks(accepted);
        core.set(&channel, setting, change, Some(&user)).await?;
        core.visible(caller, id).await
    }

    /// Asks to be let into the channel of an id.
    pub async fn knock(
        &self,
        caller: &Caller,
        id: ChannelId,
        reason: Option<String>,
    ) -> Result<MemberView> {
        let channel = self.core.directory.channel(id);
        self.knock_at(caller, channel, reason)
            .await?
            .ok_or_else(|| Error::not_found(format!("no channel {id}")))
    }

    /// Asks to be let into the channel that an alias leads to.
    pub async fn knock_by_alias(
        &self,
        caller: &Caller,
        alias: &str,
        reason: Option<String>,
    ) -> Result<MemberView> {
        if let Some(reason) = &reason {
            text::reason(reason)?;
        }
        let wrong = || Error::invalid("alias", "must be #localpart:server");
        let alias = RoomAlias::parse(alias).ok_or_else(wrong)?;
        let channel = self.core.directory.channel_by_alias(&alias);
        self.knock_at(caller, channel, reason)
            .await?
            .ok_or_else(|| Error::not_found(format!("no channel {alias}")))
    }

    /// `None`: there is no such channel, as far as the caller may know.
    async fn knock_at(
        &self,
        caller: &Caller,
        channel: Option<Arc<Channel>>,
        reason: Option<String>,
    ) -> Result<Option<MemberView>> {
        let core = &self.core;
        if let Some(reason) = &reason {
            text::reason(reason)?;
        }
        core.require_replayed()?;
        let Some(channel) = channel.filter(|channel| caller.reaches(channel.id)) else {
            return Ok(None);
        };
        let membership = core.membership(caller, channel.id).await?;
        if channel.is_visible_to(membership) {
            return Err(Error::conflict(match membership {
                Some(Membership::Joined) => "the caller is a member of this channel already",
                _ => "the caller may come in without asking",
            }));
        }
        if !may_knock(&caller.entity, membership, &channel) {
            return Ok(None);
        }
        core.limits.count(channel.id, &caller.entity)?;
        let user = core.directory.user_id(&caller.entity);
        if membership != Some(Membership::Knocking) {
            let step = MemberStep {
                room: channel.room.clone(),
                step: Step::Knock,
                user: user.clone(),
                acting: Some(user.clone()),
                reason,
                via: Vec::new(),
            };
            core.homeserver.change_membership(&step).await?;
        }
        let member = self.confirm(&channel, &user, &user).await?;
        let levels = core.levels(&channel).await?;
        self.view(channel.id, member, &levels).await.map(Some)
    }

    /// Who waits to be let in, for those who may let them.
    pub async fn knocks(
        &self,
        caller: &Caller,
        id: ChannelId,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<MemberView>> {
        let knocking = Some(Membership::Knocking);
        self.list(caller, id, knocking, cursor, limit).await
    }

    /// Lets somebody in who has asked: they are invited by it.
    pub async fn approve_knock(
        &self,
        caller: &Caller,
        id: ChannelId,
        member: &str,
    ) -> Result<MemberView> {
        let core = &self.core;
        let channel = core.visible(caller, id).await?;
        let entity = self.entity("entity", member)?;
        let right = Right::AnswerKnocks;
        let granted = core.require(right, caller, &channel).await?;
        core.count_change(caller, &channel)?;
        let who = core.standing(&channel, &entity, &granted.levels).await?;
        match who.membership {
            Some(Membership::Knocking) => {}
            Some(Membership::Invited | Membership::Joined) => {
                return self.view_of(&channel, &entity).await;
            }
            _ => return Err(no_knock(&entity)),
        }
        let user = core.directory.user_id(&entity);
        let by = core.directory.user_id(&caller.entity);
        let homeserver = &core.homeserver;
        homeserver.invite(&channel.room, &user, Some(&by)).await?;
        let member = self.confirm(&channel, &user, &by).await?;
        self.view(id, member, &granted.levels).await
    }

    /// Does not let somebody in who has asked, or takes the caller's own knock back.
    pub async fn deny_knock(
        &self,
        caller: &Caller,
        id: ChannelId,
        member: &str,
        reason: Option<String>,
    ) -> Result<()> {
        let core = &self.core;
        if let Some(reason) = &reason {
            text::reason(reason)?;
        }
        let own = core.membership(caller, id).await?;
        let is_own = core.directory.find_entity(member).as_ref() == Some(&caller.entity);
        if is_own && own == Some(Membership::Knocking) && caller.reaches(id) {
            return self.withdraw_knock(caller, id, reason).await;
        }
        let deed = self.over(Right::Remove, caller, id, member).await?;
        if deed.target.membership != Some(Membership::Knocking) {
            return Err(no_knock(&deed.target.entity));
        }
        self.act(&deed, Step::Kick, reason).await.map(drop)
    }

    async fn withdraw_knock(
        &self,
        caller: &Caller,
        id: ChannelId,
        reason: Option<String>,
    ) -> Result<()> {
        let core = &self.core;
        let channel = core.directory.channel(id);
        let channel = channel.ok_or_else(|| Error::not_found(format!("no channel {id}")))?;
        core.limits.count(id, &caller.entity)?;
        let user = core.directory.user_id(&caller.entity);
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

fn no_knock(entity: &Entity) -> Error {
    Error::not_found(format!("{entity} has not asked to be let in"))
}
