//! Our own numbered stream in the shape of Matrix's `/sync`: what the journal has of channels, the
//! events whole. A position is `d<journal>_<seq>`.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::super::json;
use super::filter::Filter;
use super::position::{self, Position};
use super::{EventSync, Poll};
use crate::domain::channel::Channel;
use crate::domain::event::{Event, Source};
use crate::domain::id::{EventId, RoomId, Seq};
use crate::domain::service::ServiceCaller;
use crate::domain::{Error, Result};
use crate::payload::outline;
use crate::payload::raw_event::{Fields, hand_on};

/// How many events are read of the journal at once.
const BATCH: usize = 500;
/// How many events an answer of our own stream has at most.
const MOST: usize = 100;
/// How many events are fetched at once for an answer.
const FETCHES: usize = 8;
/// How long what is new waits at a time for the index, which knows the rooms of new channels.
const INDEX_WAIT: Duration = Duration::from_millis(250);

/// An event that an answer has, and where it happened.
struct Shown {
    event: Event,
    channel: Arc<Channel>,
}

/// What homeservers add for application services, and the room, by which the answer is sorted.
const ADDED: [&str; 3] = ["room_id", "user_id", "age"];

/// An event of an answer, by its id.
type Told = (Option<EventId>, Box<RawValue>);

#[derive(Serialize)]
struct Answer {
    next_batch: String,
    rooms: Rooms,
}

#[derive(Serialize)]
struct Rooms {
    join: Fields<'static, Room>,
}

#[derive(Serialize)]
struct Room {
    timeline: Timeline,
}

#[derive(Serialize)]
struct Timeline {
    events: Vec<Box<RawValue>>,
    /// Whether something is missing before these events.
    limited: bool,
    /// From where what is before them is read as history.
    #[serde(skip_serializing_if = "Option::is_none")]
    prev_batch: Option<String>,
}

impl EventSync {
    pub(super) async fn ours(&self, caller: &ServiceCaller, poll: &Poll) -> Result<Vec<u8>> {
        let filter = Filter::parse(poll.filter.as_deref())?;
        self.warm.keep();
        let journal = &self.core.store.journal;
        let Some(since) = &poll.since else {
            let head = Position::new(journal.id(), journal.head());
            return answer(head, Vec::new());
        };
        let mut at = Position::parse(since, journal.id(), journal.head())?;
        let oldest = journal.first().await?.saturating_sub(1);
        let is_gap = at.seq < oldest;
        at.seq = at.seq.max(oldest);
        let mut bell = self.core.store.journal.bell();
        let deadline = tokio::time::sleep(self.wait_of(poll));
        tokio::pin!(deadline);
        loop {
            bell.mark_unchanged();
            let events = journal.read(at.seq, BATCH).await?;
            let is_all = events.len() < BATCH;
            if let Some(last) = events.last() {
                self.core.indexed.reached(last.seq, INDEX_WAIT).await;
            }
            let last = events.last().map_or(at.seq, |event| event.seq);
            let shown = self.choose(caller, &filter, events, &mut at.seq).await?;
            if !shown.is_empty() {
                let rooms = self.render(caller, &filter, shown, is_gap).await?;
                return answer(at, rooms);
            }
            let lags = at.seq < last;
            if !is_all && !lags {
                continue;
            }
            tokio::select! {
                () = self.stop.cancelled() => break,
                () = &mut deadline => break,
                rung = bell.changed() => if rung.is_err() { break },
                () = tokio::time::sleep(INDEX_WAIT), if lags => {}
            }
        }
        answer(at, Vec::new())
    }

    /// The first events that a service is shown, at most one answer's worth; `at` becomes the
    /// position behind what was looked at.
    async fn choose(
        &self,
        caller: &ServiceCaller,
        filter: &Filter,
        events: Vec<Event>,
        at: &mut Seq,
    ) -> Result<Vec<Shown>> {
        let directory = &self.core.directory;
        let connector = directory.naming.connector();
        let mut shown = Vec::new();
        for event in events {
            if shown.len() == MOST {
                break;
            }
            // Nothing new has happened when the index is made anew.
            if event.source == Source::Rebuild {
                *at = event.seq;
                continue;
            }
            let channel = match directory.channel(event.channel) {
                None if self.may_become_known(&event).await? => break,
                // It may have become so just now.
                None => directory.channel(event.channel),
                known => known,
            };
            *at = event.seq;
            let Some(channel) = channel else {
                continue;
            };
            let sender = event.what.by().unwrap_or(&connector);
            if caller.may_work_for(&channel)
                && filter.takes(&channel.room, event.what.matrix_type(), sender)
            {
                shown.push(Shown { event, channel });
            }
        }
        Ok(shown)
    }

    /// Whether an event of a channel that nobody knows has to wait: the index has not met it yet,
    /// or channels are missing while all are read anew from the homeserver.
    async fn may_become_known(&self, event: &Event) -> Result<bool> {
        let is_ahead = self.core.indexed.position() < event.seq;
        Ok(is_ahead || self.core.store.index.rebuilding().await?.is_some())
    }

    async fn render(
        &self,
        caller: &ServiceCaller,
        filter: &Filter,
        shown: Vec<Shown>,
        is_gap: bool,
    ) -> Result<Vec<(RoomId, Room)>> {
        let whole = |shown: Shown| async move {
            let event = self.whole(caller, &shown).await?;
            Ok::<_, Error>((shown, event))
        };
        let events: Vec<_> = stream::iter(shown)
            .map(whole)
            .buffered(FETCHES)
            .try_collect()
            .await?;
        let mut rooms: Vec<(RoomId, Vec<Told>)> = Vec::new();
        for (Shown { event, channel }, value) in events {
            let place = rooms.iter().position(|(room, _)| *room == channel.room);
            let place = place.unwrap_or_else(|| {
                rooms.push((channel.room.clone(), Vec::new()));
                rooms.len() - 1
            });
            rooms[place].1.push((event.event, value));
        }
        let timelines = rooms.into_iter().map(|(room, mut events)| {
            let surplus = events.len().saturating_sub(filter.limit());
            events.drain(..surplus);
            let timeline = timeline(events, is_gap || surplus > 0);
            (room, Room { timeline })
        });
        Ok(timelines.collect())
    }

    /// An event as Matrix has it, with the entities of its users.
    async fn whole(&self, caller: &ServiceCaller, shown: &Shown) -> Result<Box<RawValue>> {
        let Shown { event, channel } = shown;
        let found = match &event.event {
            Some(id) if !channel.confidential => self.raw(caller, channel, id).await?,
            _ => None,
        };
        let directory = &self.core.directory;
        let raw = match found {
            Some(raw) => raw,
            None => {
                let why = channel.confidential.then_some("encrypted");
                let connector = directory.naming.connector();
                raw_of(&outline::outline(event, &connector, why))?.into()
            }
        };
        raw_of(&hand_on(&raw, &ADDED, |user| directory.entity(user)))
    }

    async fn raw(
        &self,
        caller: &ServiceCaller,
        channel: &Channel,
        event: &EventId,
    ) -> Result<Option<Arc<RawValue>>> {
        if let Some(held) = self.recent.held(event).await {
            return Ok(Some(held));
        }
        let _turn = self.gateway.turn(caller).await?;
        // What was said before the channel's room was replaced is in the former one.
        for room in channel.rooms() {
            if let Some(raw) = self.recent.event(room, event).await? {
                return Ok(Some(raw));
            }
        }
        Ok(None)
    }
}

fn answer(at: Position, rooms: Vec<(RoomId, Room)>) -> Result<Vec<u8>> {
    let rooms = rooms.into_iter();
    let rooms = rooms.map(|(room, shown)| (room.as_str().to_owned().into(), shown));
    json(&Answer {
        next_batch: at.to_string(),
        rooms: Rooms {
            join: Fields(rooms.collect()),
        },
    })
}

fn timeline(events: Vec<Told>, is_limited: bool) -> Timeline {
    let first = events.iter().find_map(|(id, _)| id.as_ref());
    Timeline {
        limited: is_limited,
        prev_batch: first.map(position::before),
        events: events.into_iter().map(|(_, event)| event).collect(),
    }
}

fn raw_of(value: &impl Serialize) -> Result<Box<RawValue>> {
    to_raw_value(value).map_err(|error| Error::internal(error.to_string()))
}
