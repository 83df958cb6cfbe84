//! Members of a channel: listed and invited here; `comings` is what one does oneself, `knocks` who asks
//! to be let in, `removals` and `mutes` what is done to others, `roles` who has what power.

mod comings;
mod former;
mod knocks;
mod mutes;
mod removals;
mod roles;

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard, Notify};

use super::Core;
use crate::domain::access::{self, Caller, Levels, Power, Right, Standing};
use crate::domain::channel::Channel;
use crate::domain::entity::{Entity, EntityKind};
use crate::domain::event::{Source, What};
use crate::domain::id::{ChannelId, Millis, UserId};
use crate::domain::member::{Member, Membership};
use crate::domain::mute::Mute;
use crate::domain::page::{Page, wrong_cursor};
use crate::domain::{Error, Result};
use crate::homeserver::StoredLevels;
use crate::store::MemberQuery;

/// How many changes of levels are under way at once, each of another channel.
const TURNS: usize = 16;

/// The members service.
pub struct Members {
    core: Arc<Core>,
    /// Whoever changes a level reads all of them first, and takes turns for it.
    turns: [Mutex<()>; TURNS],
    /// Rings when somebody is muted.
    muted: Notify,
}

/// A member with what is not stored with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemberView {
    pub member: Member,
    pub power: Power,
    /// While they have no word.
    pub mute: Option<Mute>,
}

/// Somebody who does something to another, who may be done it to.
struct Deed {
    channel: Arc<Channel>,
    who: Standing,
    by: UserId,
    target: Standing,
    user: UserId,
}

impl MemberView {
    fn new(member: Member, mute: Option<Mute>, levels: &Levels) -> Self {
        let given = levels.users.get(&member.user).copied();
        Self {
            power: levels.of(&member.user),
            // Once they have another level, somebody else has decided.
            mute: mute.filter(|mute| given == Some(mute.level)),
            member,
        }
    }
}

impl Core {
    /// Reads a membership back from the homeserver and takes it in, so that the caller's next list
    /// shows it without waiting for the push. `by` has changed it, unless somebody else was there before
    /// we looked: what is theirs is only found.
    pub(crate) async fn take_member(
        &self,
        channel: &Channel,
        user: &UserId,
        by: &UserId,
    ) -> Result<Option<Member>> {
        let found = self.homeserver.member(&channel.room, user).await?;
        let Some((event, member)) = found else {
            return Ok(None);
        };
        let what = What::MemberChanged(member.clone());
        let source = match member.by == *by {
            true => Source::Echo,
            false => Source::Heal,
        };
        self.take_news(channel.id, event, what, source).await?;
        Ok(Some(member))
    }

    /// Takes in what a room demands from here on.
    pub(crate) async fn take_levels(&self, channel: &Channel, stored: StoredLevels) -> Result<()> {
        let what = What::LevelsChanged {
            levels: stored.levels,
            by: stored.sender,
            at: stored.at,
        };
        match stored.event {
            Some(event) => self.echo(channel.id, event, what).await,
            None => Ok(()),
        }
    }
}

impl Members {
    #[must_use]
    pub fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            turns: Default::default(),
            muted: Notify::new(),
        }
    }

    /// Whoever has it changes levels in a channel, and what goes with them, alone.
    async fn turn(&self, id: ChannelId) -> MutexGuard<'_, ()> {
        let turn = usize::from(id.as_bytes()[0]) % TURNS;
        self.turns[turn].lock().await
    }

    /// The time, as mutes go by it.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.core.clock.now()
    }

    /// A page of members by Matrix user id; without a filter the joined and the invited.
    pub async fn list(
        &self,
        caller: &Caller,
        id: ChannelId,
        membership: Option<Membership>,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<MemberView>> {
        let channel = self.core.visible(caller, id).await?;
        if membership == Some(Membership::Knocking) {
            let right = Right::AnswerKnocks;
            self.core.require(right, caller, &channel).await?;
        }
        let after = match cursor {
            None => None,
            Some(cursor) => Some(UserId::parse(cursor).ok_or_else(wrong_cursor)?),
        };
        let query = MemberQuery {
            channel: id,
            membership,
            after,
            limit,
        };
        let levels = self.core.levels(&channel).await?;
        let page = self.core.store.index.members(query).await?;
        let mutes = self.core.store.moderation.mutes_in(id).await?;
        let mut mutes: HashMap<_, _> = mutes.into_iter().map(|it| (it.user.clone(), it)).collect();
        let items = page.items.into_iter().map(|member| {
            let mute = mutes.remove(&member.user);
            MemberView::new(member, mute, &levels)
        });
        Ok(Page {
            items: items.collect(),
            next: page.next,
        })
    }

    /// How one user stands to a channel, also when they have left or are banned.
    pub async fn get(&self, caller: &Caller, id: ChannelId, member: &str) -> Result<MemberView> {
        let channel = self.core.visible(caller, id).await?;
        let entity = self.entity("entity", member)?;
        let found = self.view_of(&channel, &entity).await?;
        if found.member.membership == Membership::Knocking && entity != caller.entity {
            let right = Right::AnswerKnocks;
            self.core.require(right, caller, &channel).await?;
        }
        Ok(found)
    }

    /// Invites a person, or brings an agent in at once. Says whether that was new.
    pub async fn invite(
        &self,
        caller: &Caller,
        id: ChannelId,
        member: &str,
    ) -> Result<(MemberView, bool)> {
        let core = &self.core;
        let channel = core.visible(caller, id).await?;
        let entity = self.entity("member_id", member)?;
        let granted = core.require(Right::Invite, caller, &channel).await?;
        core.count_change(caller, &channel)?;
        let user = self.existing(&entity).await?;
        let before = core.store.index.member(id, &user).await?;
        let wanted = match entity.kind() {
            EntityKind::Agent => Membership::Joined,
            EntityKind::Human => Membership::Invited,
        };
        if let Some(member) = before
            && (member.membership == Membership::Joined || member.membership == wanted)
        {
            return Ok((self.view(id, member, &granted.levels).await?, false));
        }
        let inviter = core.directory.user_id(&caller.entity);
        let homeserver = &core.homeserver;
        homeserver
            .invite(&channel.room, &user, Some(&inviter))
            .await?;
        let by = match entity.kind() {
            EntityKind::Agent => {
                core.homeserver.join(&channel.room, Some(&user)).await?;
                &user
            }
            EntityKind::Human => &inviter,
        };
        let member = self.confirm(&channel, &user, by).await?;
        Ok((self.view(id, member, &granted.levels).await?, true))
    }

    /// The Matrix user of somebody who is known to be there: an agent that is registered, a
    /// local user whom the homeserver knows, or anybody from elsewhere.
    async fn existing(&self, entity: &Entity) -> Result<UserId> {
        let core = &self.core;
        let user = core.directory.user_id(entity);
        let known = match entity {
            Entity::Agent { name } => match core.directory.agent(name) {
                Some(agent) => agent.require_active().map(|()| true)?,
                None => false,
            },
            Entity::User { server: None, .. } => core.homeserver.user_exists(&user).await?,
            Entity::User { .. } => true,
        };
        if known {
            return Ok(user);
        }
        Err(Error::not_found(format!("{entity} does not exist")))
    }

    async fn confirm(&self, channel: &Channel, user: &UserId, by: &UserId) -> Result<Member> {
        let member = self.core.take_member(channel, user, by).await?;
        member.ok_or_else(|| {
            Error::HomeserverNonsense("a change of a membership left no trace".to_owned())
        })
    }

    fn entity(&self, field: &'static str, text: &str) -> Result<Entity> {
        let entity = self.core.directory.find_entity(text);
        entity.ok_or_else(|| Error::invalid(field, "must be user:<localpart> or agent:<name>"))
    }

    async fn view_of(&self, channel: &Channel, entity: &Entity) -> Result<MemberView> {
        let core = &self.core;
        let user = core.directory.user_id(entity);
        let member = core.store.index.member(channel.id, &user).await?;
        let member = member.ok_or_else(|| no_member(entity))?;
        let levels = core.levels(channel).await?;
        self.view(channel.id, member, &levels).await
    }

    async fn view(
        &self,
        channel: ChannelId,
        member: Member,
        levels: &Levels,
    ) -> Result<MemberView> {
        let moderation = &self.core.store.moderation;
        let mute = moderation.mute(channel, &member.user).await?;
        Ok(MemberView::new(member, mute, levels))
    }

    /// Checks that the caller may do to somebody what the right is for.
    async fn over(
        &self,
        right: Right,
        caller: &Caller,
        id: ChannelId,
        member: &str,
    ) -> Result<Deed> {
        let core = &self.core;
        let channel = core.visible(caller, id).await?;
        let entity = self.entity("entity", member)?;
        let levels = core.levels(&channel).await?;
        let who = core.standing(&channel, &caller.entity, &levels).await?;
        let target = core.standing(&channel, &entity, &levels).await?;
        access::check(right, &who, &channel, &levels)?;
        let user = core.directory.user_id(&entity);
        self.require_not_connector(&user)?;
        access::check_over(right, &who, &target, &channel, &levels)?;
        core.require_present(right)?;
        core.count_change(caller, &channel)?;
        Ok(Deed {
            who,
            by: core.directory.user_id(&caller.entity),
            channel,
            target,
            user,
        })
    }

    fn require_not_connector(&self, user: &UserId) -> Result<()> {
        match *user == self.core.directory.naming.connector() {
            false => Ok(()),
            true => Err(Error::conflict(
                "that is daarion itself, which stays in every channel as it is",
            )),
        }
    }
}

fn no_member(entity: &Entity) -> Error {
    Error::not_found(format!("{entity} is not a member of this channel"))
}
