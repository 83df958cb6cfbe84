//! Adoption: a Matrix room that says it is a channel becomes one in the index.
//!
//! The one way in for rooms that we just made, that a rebuild finds and that were announced
//! by push. It may be repeated: the state events' ids make the journal drop what it has.

use std::sync::Arc;

use super::Core;
use super::upgrades::{First, took_the_place_of};
use crate::domain::channel::{Channel, ChannelChange, ChannelKind, Visibility};
use crate::domain::event::{NewEvent, Source, What};
use crate::domain::id::{ChannelId, EventId, RoomId};
use crate::domain::{Error, Result};
use crate::homeserver::{ChannelState, Mapped, RoomSnapshot};

/// What of a room's state is taken in, counted: 1 members, name, topic, alias, join rules,
/// encryption, settings, pins; 2 power levels and knocks. Whatever is added makes it one more.
const SURVEY: u64 = 2;

impl Core {
    /// Takes a room up as a channel. `None` when the connector is not in it or its state
    /// does not say, in the connector's own name, that it is one.
    pub async fn adopt(&self, room: &RoomId, source: Source) -> Result<Option<Arc<Channel>>> {
        let Some(snapshot) = self.homeserver.room(room).await? else {
            return Ok(None);
        };
        self.adopt_snapshot(&snapshot, source).await
    }

    /// The same, the state being at hand.
    pub async fn adopt_snapshot(
        &self,
        snapshot: &RoomSnapshot,
        source: Source,
    ) -> Result<Option<Arc<Channel>>> {
        if snapshot.microdao.is_some() {
            self.take_up_space_of(snapshot).await?;
            return Ok(None);
        }
        let Some((_, channel)) = self.channel_of(snapshot) else {
            return Ok(None);
        };
        if let Some(moved) = self.follow_to(snapshot, channel.id, source).await? {
            return Ok(Some(moved));
        }
        self.take_in_snapshot(snapshot, Vec::new(), source).await
    }

    /// A room that took the place of another, which is or was this channel, is come to by way of
    /// that one: the channel's history begins there. `None` when it is no such room.
    async fn follow_to(
        &self,
        snapshot: &RoomSnapshot,
        id: ChannelId,
        source: Source,
    ) -> Result<Option<Arc<Channel>>> {
        let Some(before) = &snapshot.predecessor else {
            return Ok(None);
        };
        match self.directory.channel(id) {
            Some(known) if known.has_had(&snapshot.room) => return Ok(None),
            Some(known) if took_the_place_of(snapshot, &known) => {}
            Some(_) => return Ok(None),
            None => {
                let successor = match self.homeserver.room(before).await? {
                    Some(before) => before.tombstone.map(|tombstone| tombstone.successor),
                    None => None,
                };
                if successor.as_ref() != Some(&snapshot.room) {
                    return Ok(None);
                }
                // Rooms are replaced one after the other, so this comes to an end.
                let first = Box::pin(self.adopt(before, source)).await?;
                if first.is_none_or(|first| first.id != id) {
                    return Ok(None);
                }
            }
        }
        self.follow_upgrade(id, source).await?;
        let moved = self.directory.channel(id);
        Ok(moved.filter(|moved| moved.has_had(&snapshot.room)))
    }

    /// Takes in what a room's state says, behind what comes `first`.
    pub(super) async fn take_in_snapshot(
        &self,
        snapshot: &RoomSnapshot,
        first: First,
        source: Source,
    ) -> Result<Option<Arc<Channel>>> {
        let Some((event, channel)) = self.channel_of(snapshot) else {
            return Ok(None);
        };
        let id = channel.id;
        let moves = !first.is_empty();
        if !moves {
            self.known_as(id, &snapshot.room)?;
        }
        let settings = self.settings_to_set(snapshot, &channel, source).await?;
        let telling = self.telling(source).await?;
        let mut found = Vec::with_capacity(2 + first.len() + snapshot.members.len());
        let mut put = |event: Option<EventId>, what: What, source: Source| {
            found.push(Mapped::Event(NewEvent {
                channel: id,
                event,
                source,
                what,
            }));
        };
        for (event, what) in first {
            let news = telling.source_of(&what);
            put(event, what, news);
        }
        let created = What::ChannelCreated(channel);
        let news = telling.source_of(&created);
        put(Some(event), created, news);
        if let Some((event, levels)) = self.levels_to_set(snapshot, id, moves) {
            let news = match event {
                // They have not changed: we know of them only now.
                None if self.directory.levels(id).is_none() => Source::Rebuild,
                _ => telling.source_of(&levels),
            };
            put(event, levels, news);
        }
        let mut push = |event: Option<EventId>, what: What| {
            let news = telling.source_of(&what);
            put(event, what, news);
        };
        if let Some(settings) = settings {
            push(None, settings);
        }
        if let Some(knocks) = self.knocks_to_set(snapshot, id) {
            push(None, knocks);
        }
        for (event, member) in &snapshot.members {
            push(Some(event.clone()), What::MemberChanged(member.clone()));
        }
        if let Some(pins) = &snapshot.pins {
            let what = What::PinsChanged {
                pinned: pins.pinned.clone(),
                by: pins.sender.clone(),
                at: pins.at,
            };
            push(Some(pins.event.clone()), what);
        }
        let appended = self.ingest.found(found).await?;
        match self.indexed_to(appended.head).await {
            // Made and written down: whoever made it is told so, however far behind the index is.
            Err(Error::TimedOut(_)) if source == Source::Echo => {
                return Ok(self
                    .channel_of(snapshot)
                    .map(|(_, channel)| Arc::new(channel)));
            }
            other => other?,
        }
        let adopted = self.known_as(id, &snapshot.room)?.ok_or_else(|| {
            Error::conflict(format!("room {} cannot be channel {id}", snapshot.room))
        })?;
        self.store.receptions.set_survey(id, SURVEY).await?;
        Ok(Some(adopted))
    }

    /// Reads the state of a channel's room once more, when it was last read by a daarion that knew
    /// less of it: what was set before then is not pushed again.
    pub(super) async fn survey(&self, channel: &Channel, source: Source) -> Result<()> {
        if self.store.receptions.survey(channel.id).await? >= SURVEY {
            return Ok(());
        }
        // The channel is where it is: whether its room was replaced is asked elsewhere.
        let taken_in = async {
            match self.homeserver.room(&channel.room).await? {
                Some(snapshot) => self.take_in_snapshot(&snapshot, Vec::new(), source).await,
                None => Ok(None),
            }
        };
        match taken_in.await {
            Err(error) if !error.is_transient() => {
                tracing::warn!(%error, channel_id = %channel.id, "a room's state is not taken in");
                Ok(())
            }
            other => other.map(drop),
        }
    }

    /// The channel of this id, if there is one. Fails when it is another room's: nobody of this
    /// one may come into that.
    fn known_as(&self, id: ChannelId, room: &RoomId) -> Result<Option<Arc<Channel>>> {
        match self.directory.channel(id) {
            Some(channel) if channel.room != *room => Err(Error::conflict(format!(
                "room {room} says that it is channel {id}, which another room is already"
            ))),
            known => Ok(known),
        }
    }

    /// The room's settings, where they are to be set apart from the channel's creation. A room
    /// that is not new may have had others before: its history will be read, without the event
    /// that the channel was just made of.
    async fn settings_to_set(
        &self,
        snapshot: &RoomSnapshot,
        channel: &Channel,
        source: Source,
    ) -> Result<Option<What>> {
        if source == Source::Echo {
            return Ok(None);
        }
        let is_needed = match self.directory.channel(channel.id) {
            Some(known) => {
                let settings = |it: &Channel| (it.status, it.is_default, it.slow_mode_seconds);
                settings(&known) != settings(channel)
            }
            // One that is being made is new, although its announcement came first.
            None => {
                let being_made = self.store.creations.unfinished().await?;
                being_made.iter().all(|creation| creation.id != channel.id)
            }
        };
        Ok(settings_of(snapshot, channel).filter(|_| is_needed))
    }

    /// That a room accepts knocks, where its rules were met by a daarion that took no notice of it.
    fn knocks_to_set(&self, snapshot: &RoomSnapshot, id: ChannelId) -> Option<What> {
        let known = self.directory.channel(id)?;
        let (by, at) = snapshot.entry_set.clone()?;
        let is_unknown = snapshot.accepts_knocks && !known.accepts_knocks;
        is_unknown.then_some(What::ChannelUpdated {
            change: ChannelChange::Knockable,
            by,
            at,
        })
    }

    /// The room's levels, where they are not known as they are. Of a channel that is new nobody has
    /// met their event, nor of one that `moves`, whose former room's levels are no longer its own. Of
    /// one that is known it may be there without what only the room's creation tells, and as a repeat
    /// it would not be taken in.
    fn levels_to_set(
        &self,
        snapshot: &RoomSnapshot,
        id: ChannelId,
        moves: bool,
    ) -> Option<(Option<EventId>, What)> {
        let stored = snapshot.levels.as_ref()?;
        let is_new = moves || self.directory.channel(id).is_none();
        if !moves && self.directory.levels(id).as_deref() == Some(&stored.levels) {
            return None;
        }
        let what = What::LevelsChanged {
            levels: stored.levels.clone(),
            by: stored.sender.clone(),
            at: stored.at,
        };
        Some((stored.event.clone().filter(|_| is_new), what))
    }

    fn channel_of(&self, snapshot: &RoomSnapshot) -> Option<(EventId, Channel)> {
        let stored = snapshot.channel.as_ref()?;
        if stored.sender != self.directory.naming.connector() {
            tracing::warn!(
                room_id = %snapshot.room,
                sender = %stored.sender,
                "a room's channel state was not set by the connector; it is not believed"
            );
            return None;
        }
        let state = &stored.state;
        let channel = Channel {
            id: state.id,
            kind: state.kind,
            slug: state.slug.clone(),
            name: self.name_of(snapshot, state),
            description: snapshot.topic.clone().unwrap_or_default(),
            microdao: state.microdao.clone(),
            visibility: if snapshot.public {
                Visibility::Public
            } else {
                Visibility::Private
            },
            confidential: state.confidential || snapshot.encrypted,
            status: state.status,
            is_default: state.is_default,
            accepts_knocks: snapshot.accepts_knocks,
            slow_mode_seconds: state.slow_mode_seconds,
            room: snapshot.room.clone(),
            former: Vec::new(),
            alias: snapshot.alias.clone(),
            created_by: state.created_by.clone(),
            created_at: state.created_at,
        };
        Some((stored.event.clone(), channel))
    }

    fn name_of(&self, snapshot: &RoomSnapshot, state: &ChannelState) -> String {
        let Some(name) = &snapshot.name else {
            return state.slug.clone();
        };
        match state.kind {
            ChannelKind::City => self.directory.city.room_name(name),
            ChannelKind::Channel | ChannelKind::Gateway => name.clone(),
        }
    }
}

/// The settings that a room has now, as of the time at which they were set.
fn settings_of(snapshot: &RoomSnapshot, channel: &Channel) -> Option<What> {
    let stored = snapshot.channel.as_ref()?;
    Some(What::ChannelUpdated {
        change: ChannelChange::Settings {
            status: channel.status,
            is_default: channel.is_default,
            slow_mode_seconds: channel.slow_mode_seconds,
            changed_by: stored.state.changed_by.clone(),
        },
        by: stored.sender.clone(),
        at: stored.at,
    })
}
