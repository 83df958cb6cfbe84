//! Adoption: a Matrix room that says it is a channel becomes one in the index.
//!
//! The one way in for rooms that we just made, that a rebuild finds and that were announced
//! by push. It may be repeated: the state events' ids make the journal drop what it has.

use std::sync::Arc;

use super::Core;
use crate::domain::channel::{Channel, ChannelChange, ChannelKind, Visibility};
use crate::domain::event::{NewEvent, Source, What};
use crate::domain::id::{ChannelId, EventId, RoomId};
use crate::domain::{Error, Result};
use crate::homeserver::{ChannelState, Mapped, RoomSnapshot};

/// What of a room's state is taken in, counted: 1 members, name, topic, alias, join rules,
/// encryption, settings, pins. Whatever is added makes it one more.
const SURVEY: u64 = 1;

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
        let Some((event, channel)) = self.channel_of(snapshot) else {
            return Ok(None);
        };
        let id = channel.id;
        self.known_as(id, &snapshot.room)?;
        let settings = self.settings_to_set(snapshot, &channel, source).await?;
        let telling = self.telling(source).await?;
        let mut found = Vec::with_capacity(2 + snapshot.members.len());
        let mut push = |event: Option<EventId>, what: What| {
            found.push(Mapped::Event(NewEvent {
                channel: id,
                event,
                source: telling.source_of(&what),
                what,
            }));
        };
        push(Some(event), What::ChannelCreated(channel));
        if let Some(settings) = settings {
            push(None, settings);
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
        match self.adopt(&channel.room, source).await {
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
            Some(known) => (known.status, known.is_default) != (channel.status, channel.is_default),
            // One that is being made is new, although its announcement came first.
            None => {
                let being_made = self.store.creations.unfinished().await?;
                being_made.iter().all(|creation| creation.id != channel.id)
            }
        };
        Ok(settings_of(snapshot, channel).filter(|_| is_needed))
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
            room: snapshot.room.clone(),
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
        },
        by: stored.sender.clone(),
        at: stored.at,
    })
}
