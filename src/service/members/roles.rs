//! Who has what power in a channel. The room keeps the numbers, so that what is set here is so in any
//! Matrix client, and the reverse.

use super::former::Former;
use super::{MemberView, Members, no_member};
use crate::domain::access::{self, Caller, Levels, Power, Role};
use crate::domain::channel::Channel;
use crate::domain::event::Source;
use crate::domain::id::{ChannelId, UserId};
use crate::domain::member::Membership;
use crate::domain::{Error, Result};
use crate::homeserver::StoredLevels;

/// A change of one entry of a room's levels.
pub(super) struct LevelChange<'a> {
    pub channel: &'a Channel,
    pub user: &'a UserId,
    /// What is there; `None`: they are not named.
    pub from: Option<i64>,
    pub to: Option<i64>,
    /// `None`: the connector.
    pub by: Option<&'a UserId>,
}

impl Members {
    /// Makes somebody, or the caller, something else in a channel.
    pub async fn set_role(
        &self,
        caller: &Caller,
        id: ChannelId,
        member: &str,
        role: Role,
    ) -> Result<MemberView> {
        let core = &self.core;
        let channel = core.visible(caller, id).await?;
        let entity = self.entity("entity", member)?;
        let _turn = self.turn(id).await;
        let levels = core.levels(&channel).await?;
        let who = core.standing(&channel, &caller.entity, &levels).await?;
        let target = core.standing(&channel, &entity, &levels).await?;
        let to = role.level(&levels);
        let level = to.unwrap_or(levels.users_default);
        access::check_level(&who, &target, level, &channel, &levels)?;
        core.count_change(caller, &channel)?;
        let user = core.directory.user_id(&entity);
        self.require_not_connector(&user)?;
        let is_there = [Some(Membership::Joined), Some(Membership::Invited)];
        if !is_there.contains(&target.membership) {
            return Err(no_member(&entity));
        }
        let mute = self.standing_mute(id, &user, &levels).await?;
        if let Some(mute) = &mute {
            access::check_over_muted(&who, &target, mute.before, &levels)?;
        }
        if target.power == Power::Level(level) {
            self.forget_mute(mute).await?;
            return self.view_of(&channel, &entity).await;
        }
        if target.role() == Role::Owner && role != Role::Owner {
            self.require_other_owner(&channel, &levels, &user).await?;
        }
        let by = core.directory.user_id(&caller.entity);
        let change = LevelChange {
            channel: &channel,
            user: &user,
            from: levels.users.get(&user).copied(),
            to,
            by: Some(&by),
        };
        let Some(levels) = self.change_level(change).await? else {
            core.adopt(&channel.room, Source::Heal).await?;
            let words = "was given another power at this moment; look again";
            return Err(Error::conflict(format!("{entity} {words}")));
        };
        self.forget_mute(mute).await?;
        let former = Former {
            channel: &channel,
            user: &user,
            step: None,
            level: to,
        };
        self.follow_in_former_rooms(&former).await;
        let member = core.store.index.member(id, &user).await?;
        let member = member.ok_or_else(|| no_member(&entity))?;
        self.view(id, member, &levels).await
    }

    /// Sets a level and takes that in. `None`: what was there is not there any more. For whoever has
    /// the channel's turn.
    pub(super) async fn change_level(&self, change: LevelChange<'_>) -> Result<Option<Levels>> {
        let LevelChange {
            channel,
            user,
            from,
            to,
            by,
        } = change;
        let homeserver = &self.core.homeserver;
        let set = homeserver.set_level(&channel.room, user, from, to, by);
        let Some(stored) = set.await? else {
            return Ok(None);
        };
        let StoredLevels { levels, .. } = stored.clone();
        self.core.take_levels(channel, stored).await?;
        Ok(Some(levels))
    }

    /// A channel is not left without anybody who can do all that is to be done there.
    async fn require_other_owner(
        &self,
        channel: &Channel,
        levels: &Levels,
        than: &UserId,
    ) -> Result<()> {
        let core = &self.core;
        if Role::of(Power::Level(levels.users_default)) == Role::Owner {
            return Ok(());
        }
        let connector = core.directory.naming.connector();
        let named = levels.creators.iter().chain(levels.users.keys());
        let owners = named.filter(|user| Role::of(levels.of(user)) == Role::Owner);
        for user in owners.filter(|user| *user != than && **user != connector) {
            let member = core.store.index.member(channel.id, user).await?;
            if member.is_some_and(|member| member.membership == Membership::Joined) {
                return Ok(());
            }
        }
        Err(Error::conflict(
            "the channel would be without an owner; make somebody else one first",
        ))
    }
}
