//! How callers stand to channels, and what they may do there: the rules of `domain::access` asked
//! with what is in memory and in the index.

use std::sync::Arc;
use std::time::Duration;

use super::Core;
use crate::domain::access::{self, Caller, Levels, Right, Standing};
use crate::domain::channel::{Channel, Visibility};
use crate::domain::entity::Entity;
use crate::domain::event::Source;
use crate::domain::id::ChannelId;
use crate::domain::{Error, Result};

/// How long it is waited for the index, which a rebuild has just told of a channel.
const PATIENCE: Duration = Duration::from_secs(1);

/// What was asked for is allowed: to whom, and in a room that demands what.
#[derive(Clone, Debug)]
pub struct Granted {
    pub who: Standing,
    pub levels: Arc<Levels>,
}

/// What is answered where the index cannot say how things are now.
pub(super) fn index_made_anew() -> Error {
    Error::StoreUnavailable("the index is being made anew; try again in a while".to_owned())
}

impl Core {
    /// Checks that the caller may do something in a channel, before the homeserver is asked.
    pub async fn require(
        &self,
        right: Right,
        caller: &Caller,
        channel: &Channel,
    ) -> Result<Granted> {
        // Asked before and behind: the index may be cleared or be whole again in between.
        self.require_present(right)?;
        let levels = self.levels(channel).await?;
        let who = self.standing(channel, &caller.entity, &levels).await?;
        access::check(right, &who, channel, &levels)?;
        self.require_present(right)?;
        Ok(Granted { who, levels })
    }

    /// Refuses what the homeserver would not look at again while the index is read anew from the
    /// journal: it says who was in a channel long ago.
    pub(super) fn require_present(&self, right: Right) -> Result<()> {
        match right.is_decided_here() {
            true => self.require_replayed(),
            false => Ok(()),
        }
    }

    /// Refuses whatever goes by who is in a channel, while the index says who was there long ago.
    pub(super) fn require_replayed(&self) -> Result<()> {
        match self.indexed.is_replaying() {
            false => Ok(()),
            true => Err(index_made_anew()),
        }
    }

    /// Whether it is not known who may know of a channel, when the index was read since it
    /// `was_replaying` or not. Lists leave it out then.
    pub(super) fn is_unsure_of(&self, channel: &Channel, was_replaying: bool) -> bool {
        let is_private = channel.visibility == Visibility::Private;
        is_private && (was_replaying || self.indexed.is_replaying())
    }

    /// Whether what the index says of a channel is so now: it is not while the journal is read again,
    /// nor, while it is made anew from the homeserver, before the channel was found there.
    pub(super) async fn knows_present(&self, channel: ChannelId) -> Result<bool> {
        if self.indexed.is_replaying() {
            return Ok(false);
        }
        if self.store.index.rebuilding().await?.is_none() {
            return Ok(true);
        }
        let is_known = self.directory.channel(channel).is_some();
        let head = self.store.journal.head();
        Ok(is_known && self.indexed.reached(head, PATIENCE).await)
    }

    /// How somebody stands to a channel.
    pub async fn standing(
        &self,
        channel: &Channel,
        entity: &Entity,
        levels: &Levels,
    ) -> Result<Standing> {
        let user = self.directory.user_id(entity);
        let member = self.store.index.member(channel.id, &user).await?;
        Ok(Standing {
            entity: entity.clone(),
            membership: member.map(|member| member.membership),
            power: levels.of(&user),
        })
    }

    /// What a channel's room demands. In memory but for a moment after an upgrade from a daarion
    /// that did not look: then the homeserver is asked, and what it answers is known from then on.
    pub async fn levels(&self, channel: &Channel) -> Result<Arc<Levels>> {
        if let Some(levels) = self.directory.levels(channel.id) {
            return Ok(levels);
        }
        let room = &channel.room;
        let unread =
            || Error::HomeserverNonsense(format!("the power levels of {room} cannot be read"));
        let snapshot = self.homeserver.room(room).await?.ok_or_else(unread)?;
        let stored = snapshot.levels.clone().ok_or_else(unread)?;
        let taken = self.take_in_snapshot(&snapshot, Vec::new(), Source::Heal);
        if let Err(error) = taken.await {
            tracing::warn!(%error, room_id = %room, "what a room demands is not kept");
        }
        Ok(Arc::new(stored.levels))
    }

    /// Brings somebody into a room, and takes that in: what they do next is theirs to do already.
    pub(crate) async fn let_in(&self, channel: &Channel, entity: &Entity) -> Result<()> {
        let user = self.directory.user_id(entity);
        self.homeserver.join(&channel.room, Some(&user)).await?;
        match self.take_member(channel, &user, &user).await {
            // They are in it, and what they have come for need not wait for the index.
            Err(Error::TimedOut(_)) => Ok(()),
            other => other.map(drop),
        }
    }
}
