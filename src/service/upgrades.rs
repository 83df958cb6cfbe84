//! Room upgrades: a channel whose room was replaced by another one moves there, and stays the same
//! channel.
//!
//! Followed only when both rooms say so and whoever ended the old one had the power to. Everything
//! may be repeated: what a kill has cut off, the next healing does again. The move itself is one
//! append.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::{StreamExt, stream};
use moka::future::Cache;

use super::Core;
use super::change::state_of;
use crate::domain::access;
use crate::domain::channel::{Channel, ChannelChange, ChannelKind, Visibility, channel_alias};
use crate::domain::entity::EntityKind;
use crate::domain::event::{Source, What};
use crate::domain::id::{ChannelId, EventId, RoomAlias, RoomId, UserId};
use crate::domain::member::{Member, Membership};
use crate::domain::message::Message;
use crate::domain::{Error, Result};
use crate::homeserver::{RoomSnapshot, Setting, Tombstone};
use crate::store::MemberQuery;

/// How many rooms are asked at once whether they were replaced, and members called after one.
const AT_ONCE: usize = 4;
/// Members a page.
const PAGE: usize = 200;

/// For how many messages of channels that have moved it is remembered in which room they are.
const PLACES: u64 = 20_000;

/// What is remembered of upgrades.
pub struct Upgrades {
    /// One is followed at a time: the push and a healing find the same one.
    turn: tokio::sync::Mutex<()>,
    /// The tombstones that are not followed, so that they are looked at once.
    refused: Mutex<HashMap<ChannelId, EventId>>,
    /// The rooms that events were found in, where they stay.
    places: Cache<EventId, RoomId>,
}

impl Default for Upgrades {
    fn default() -> Self {
        Self {
            turn: tokio::sync::Mutex::default(),
            refused: Mutex::default(),
            places: Cache::new(PLACES),
        }
    }
}

impl Upgrades {
    fn refused(&self) -> std::sync::MutexGuard<'_, HashMap<ChannelId, EventId>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_refused(&self, channel: ChannelId, tombstone: &Tombstone) -> bool {
        self.refused().get(&channel) == Some(&tombstone.event)
    }
}

impl Core {
    /// Follows the upgrades that nobody told us of. What is wrong with one channel is logged.
    pub(super) async fn find_upgrades(&self, source: Source) -> Result<()> {
        let asked = self.directory.channels().into_iter().map(|channel| async {
            let successor = self.homeserver.successor(&channel.room).await;
            (channel, successor)
        });
        let mut asked = stream::iter(asked).buffer_unordered(AT_ONCE);
        let mut upgraded = Vec::new();
        while let Some((channel, successor)) = asked.next().await {
            match successor {
                Ok(None) => {}
                Ok(Some(_)) => upgraded.push(channel),
                Err(error) if error.is_transient() => {
                    tracing::warn!(%error, channel_id = %channel.id, "whether a room was upgraded is not known");
                    self.homeserver.check().await?;
                }
                // Its walk will fail in the same way, and is spoken of.
                Err(error) => {
                    tracing::debug!(%error, channel_id = %channel.id, "whether a room was upgraded is not to be seen");
                }
            }
        }
        for channel in upgraded {
            if let Err(error) = self.follow_upgrade(channel.id, source).await {
                tracing::warn!(%error, channel_id = %channel.id, "an upgraded room is not followed yet");
                if error.is_transient() {
                    self.homeserver.check().await?;
                }
            }
        }
        Ok(())
    }

    /// The room of a channel that an event is in: messages stay in the room that they were said in.
    pub(super) async fn room_of(&self, channel: &Channel, event: &EventId) -> Result<RoomId> {
        if channel.former.is_empty() {
            return Ok(channel.room.clone());
        }
        let places = &self.upgrades.places;
        if let Some(room) = places.get(event).await {
            return Ok(room);
        }
        for room in channel.rooms() {
            if self.homeserver.sent_at(room, event).await?.is_some() {
                places.insert(event.clone(), room.clone()).await;
                return Ok(room.clone());
            }
        }
        Ok(channel.room.clone())
    }

    /// Refuses what Matrix cannot do about something that was said in another room: to react, to
    /// answer in a thread or to say something else instead.
    pub(super) async fn require_same_room(
        &self,
        channel: &Channel,
        message: &Message,
    ) -> Result<()> {
        if channel.former.is_empty() {
            return Ok(());
        }
        match self.room_of(channel, &message.event).await? == channel.room {
            true => Ok(()),
            false => Err(Error::conflict(format!(
                "message {} was said before the channel's Matrix room was replaced: Matrix knows no \
                 reaction, thread or edit from one room to another",
                message.id
            ))),
        }
    }

    /// Moves a channel to the room that took the place of its own, as often as that has happened.
    pub async fn follow_upgrade(&self, id: ChannelId, source: Source) -> Result<()> {
        let _turn = self.upgrades.turn.lock().await;
        while self.follow_once(id, source).await? {}
        Ok(())
    }

    /// Whether there was a step to follow.
    async fn follow_once(&self, id: ChannelId, source: Source) -> Result<bool> {
        let Some(channel) = self.directory.channel(id) else {
            return Ok(false);
        };
        let Some(before) = self.homeserver.room(&channel.room).await? else {
            return Ok(false);
        };
        let Some(tombstone) = before.tombstone.clone() else {
            return Ok(false);
        };
        if self.upgrades.is_refused(id, &tombstone) {
            return Ok(false);
        }
        let there = self.homeserver.room(&tombstone.successor).await?;
        let was_followed = there
            .as_ref()
            .is_some_and(|it| self.is_marked(it, &channel));
        if let Some(reason) = self.forged_here(&channel, &before, &tombstone, was_followed) {
            self.refuse_upgrade(&channel, &tombstone, reason);
            return Ok(false);
        }
        let was_in = there.is_some();
        let after = self.enter_successor(&tombstone).await?;
        if let Some(reason) = self.forged_there(&channel, &after) {
            if !was_in {
                self.homeserver.leave(&after.room, None).await?;
            }
            self.refuse_upgrade(&channel, &tombstone, reason);
            return Ok(false);
        }
        self.move_channel(&channel, &tombstone, source).await?;
        Ok(true)
    }

    /// Why a tombstone is not believed, as far as its own room tells.
    fn forged_here(
        &self,
        channel: &Channel,
        before: &RoomSnapshot,
        tombstone: &Tombstone,
        was_followed: bool,
    ) -> Option<&'static str> {
        let stored = before.levels.as_ref();
        // Whoever ended the room may have lost their power there since it was followed.
        if !was_followed
            && !stored.is_some_and(|it| access::may_move(&tombstone.sender, &it.levels))
        {
            return Some("its sender had not the power to end the room");
        }
        match self.directory.channel_of(&tombstone.successor) {
            Some(_) if channel.has_had(&tombstone.successor) => {
                Some("it names a room that the channel had before")
            }
            Some(_) => Some("it names the room of another channel"),
            None => None,
        }
    }

    /// Whether a room says of itself that it took the place of a channel's, and the connector that it
    /// is the channel: so it was followed before.
    fn is_marked(&self, after: &RoomSnapshot, channel: &Channel) -> bool {
        let connector = self.directory.naming.connector();
        let marked = after.channel.as_ref();
        after.predecessor.as_ref() == Some(&channel.room)
            && marked.is_some_and(|it| it.sender == connector && it.state.id == channel.id)
    }

    /// Why a room is not believed to have taken the place of a channel's.
    fn forged_there(&self, channel: &Channel, after: &RoomSnapshot) -> Option<&'static str> {
        if after.predecessor.as_ref() != Some(&channel.room) {
            return Some("the room that it names does not say that it took the place of this one");
        }
        let connector = self.directory.naming.connector();
        let ours = after.channel.iter().find(|it| it.sender == connector);
        match ours {
            Some(stored) if stored.state.id != channel.id => {
                Some("the room that it names is another channel")
            }
            _ => None,
        }
    }

    fn refuse_upgrade(&self, channel: &Channel, tombstone: &Tombstone, reason: &str) {
        tracing::warn!(
            reason,
            channel_id = %channel.id,
            room_id = %channel.room,
            successor = %tombstone.successor,
            sender = %tombstone.sender,
            "a room's upgrade is not followed"
        );
        let event = tombstone.event.clone();
        self.upgrades.refused().insert(channel.id, event);
    }

    /// Enters the room that took another's place, by the invitation of whoever made it if need be.
    async fn enter_successor(&self, tombstone: &Tombstone) -> Result<RoomSnapshot> {
        let (homeserver, room) = (&self.homeserver, &tombstone.successor);
        match homeserver.join(room, None).await {
            Err(error) if !error.is_transient() => {
                let connector = self.directory.naming.connector();
                let inviter = Some(&tombstone.sender);
                homeserver.invite(room, &connector, inviter).await?;
                homeserver.join(room, None).await?;
            }
            other => other?,
        }
        self.read(room).await
    }

    async fn read(&self, room: &RoomId) -> Result<RoomSnapshot> {
        let unread = || Error::HomeserverNonsense(format!("{room} cannot be read by a member"));
        self.homeserver.room(room).await?.ok_or_else(unread)
    }

    async fn move_channel(
        &self,
        channel: &Channel,
        tombstone: &Tombstone,
        source: Source,
    ) -> Result<()> {
        let to = &tombstone.successor;
        // Its history ends here; afterwards nobody reads it again.
        let end = Some(&tombstone.event);
        let report = self.heal_until(channel, end, source).await;
        if let Some(error) = report.error.filter(Error::is_transient) {
            return Err(error);
        }
        self.mark_successor(channel, tombstone).await?;
        self.move_alias(channel, to).await?;
        let after = self.read(to).await?;
        let left = self.left_behind(channel, &after).await?;
        self.call_after(channel, to, &left).await;
        let after = self.read(to).await?;
        let left = self.left_behind(channel, &after).await?;
        let moved = What::ChannelUpdated {
            change: ChannelChange::Room(to.clone()),
            by: tombstone.sender.clone(),
            at: tombstone.at,
        };
        let mut first = vec![(Some(tombstone.event.clone()), moved)];
        // That the old room has lost its alias is known, and later than all that this one began with.
        if let Some(alias) = &after.alias {
            let what = What::ChannelUpdated {
                change: ChannelChange::Alias(Some(alias.clone())),
                by: tombstone.sender.clone(),
                at: self.clock.now(),
            };
            first.push((None, what));
        }
        let gone = left.iter().map(|member| gone_by(member, tombstone));
        first.extend(gone.map(|member| (None, What::MemberChanged(member))));
        self.take_in_snapshot(&after, first, source).await?;
        tracing::info!(channel_id = %channel.id, from = %channel.room, %to, "a channel moved with its room");
        if let Some(moved) = self.directory.channel(channel.id) {
            self.tend_space(&moved.microdao).await;
            self.heal_channel(&moved, source).await;
        }
        Ok(())
    }

    /// Says in the new room that it is the channel.
    async fn mark_successor(&self, channel: &Channel, tombstone: &Tombstone) -> Result<()> {
        let (homeserver, room) = (&self.homeserver, &tombstone.successor);
        let state = state_of(channel);
        let snapshot = homeserver.room(room).await?;
        let is_said = |snapshot: RoomSnapshot| {
            snapshot.channel.is_some_and(|stored| {
                stored.state == state && stored.sender == self.directory.naming.connector()
            })
        };
        if snapshot.is_some_and(is_said) {
            return Ok(());
        }
        let setting = Setting::Channel(state.clone());
        match homeserver.set(room, &setting, None).await {
            Err(error) if !error.is_transient() => {
                homeserver.take_over(room, Some(&tombstone.sender)).await?;
                homeserver.set(room, &setting, None).await.map(drop)
            }
            other => other.map(drop),
        }
    }

    /// Sees that the channel's alias leads to its new room. Homeservers move aliases with a room that
    /// they upgrade; this is for those that do not.
    async fn move_alias(&self, channel: &Channel, to: &RoomId) -> Result<()> {
        let homeserver = &self.homeserver;
        let Some(alias) = self.alias_of(channel) else {
            return Ok(());
        };
        let alias = &alias;
        let moved = async {
            match homeserver.resolve_alias(alias).await? {
                Some(room) if room == *to => {}
                Some(room) if room != channel.room => return Ok(()),
                Some(_) => {
                    homeserver.remove_alias(alias).await?;
                    homeserver.set_alias(alias, to).await?;
                }
                None => homeserver.set_alias(alias, to).await?,
            }
            let after = homeserver.room(to).await?;
            if after.is_some_and(|after| after.alias.as_ref() != Some(alias)) {
                let canonical = Setting::CanonicalAlias(alias.clone());
                homeserver.set(to, &canonical, None).await?;
            }
            Ok::<_, Error>(())
        };
        match moved.await {
            Err(error) if !error.is_transient() => {
                tracing::warn!(%error, channel_id = %channel.id, "an upgraded channel's alias did not move");
                Ok(())
            }
            other => other,
        }
    }

    /// What a channel is known by; where the homeserver has taken that from the old room already, what
    /// it was made with.
    fn alias_of(&self, channel: &Channel) -> Option<RoomAlias> {
        let made_with = match channel.kind {
            ChannelKind::City => self.directory.city.alias(&channel.slug).ok(),
            ChannelKind::Channel => {
                let server = &self.directory.naming.server_name;
                channel_alias(&channel.slug, &channel.microdao, server).ok()
            }
            ChannelKind::Gateway => None,
        };
        channel.alias.clone().or(made_with)
    }

    /// Who stood to the old room as they do not to the new one.
    async fn left_behind(&self, channel: &Channel, after: &RoomSnapshot) -> Result<Vec<Member>> {
        let mut left = Vec::new();
        let there: HashSet<_> = after.members.iter().map(|(_, it)| &it.user).collect();
        // Those who are in it or invited, and those who have knocked.
        for membership in [None, Some(Membership::Knocking)] {
            let mut from = None;
            loop {
                let query = MemberQuery {
                    channel: channel.id,
                    membership,
                    after: from,
                    limit: PAGE,
                };
                let page = self.store.index.members(query).await?;
                left.extend(
                    page.items
                        .into_iter()
                        .filter(|it| !there.contains(&it.user)),
                );
                from = page.next.and_then(|next| UserId::parse(&next));
                if from.is_none() {
                    break;
                }
            }
        }
        Ok(left)
    }

    /// Lets the members of the old room come after: agents are brought along, people of a room that
    /// is not open are invited, as their clients would ask for.
    async fn call_after(&self, channel: &Channel, to: &RoomId, left: &[Member]) {
        let homeserver = &self.homeserver;
        let is_open = channel.visibility == Visibility::Public;
        let call = |member: Member| async move {
            let is_agent = member.entity.kind() == EntityKind::Agent;
            let called = async {
                if !is_open {
                    homeserver.invite(to, &member.user, None).await?;
                }
                match is_agent {
                    true => homeserver.join(to, Some(&member.user)).await,
                    false => Ok(()),
                }
            };
            if let Err(error) = called.await {
                tracing::info!(%error, user_id = %member.user, room_id = %to, "a member is not called after an upgraded room");
            }
        };
        let is_in = |member: &&Member| member.membership == Membership::Joined;
        let calls = left.iter().filter(is_in).cloned().map(call);
        let mut calls = stream::iter(calls).buffer_unordered(AT_ONCE);
        while calls.next().await.is_some() {}
    }
}

/// Whoever has not come along is out, until they come.
fn gone_by(member: &Member, tombstone: &Tombstone) -> Member {
    Member {
        membership: Membership::Left,
        by: tombstone.sender.clone(),
        since: tombstone.at.max(member.since),
        ..member.clone()
    }
}

/// What an adoption begins with.
pub(super) type First = Vec<(Option<EventId>, What)>;

/// Whether a channel's room says that it took the place of another.
pub(super) fn took_the_place_of(snapshot: &RoomSnapshot, known: &Arc<Channel>) -> bool {
    snapshot.predecessor.as_ref() == Some(&known.room)
}
