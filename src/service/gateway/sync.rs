//! What is new, for services that poll.
//!
//! Without a user it is our own numbered stream in the shape of Matrix's `/sync`: what the journal
//! has of channels, the events whole. A position is `d<journal>_<seq>`. With a user it is the
//! homeserver's own `/sync` as that user. A poll is a task that waits, no thread, and ends with
//! its caller.

mod filter;
mod position;
mod warm;

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use self::filter::Filter;
use self::position::Position;
use self::warm::Warm;
use super::checks::check_place;
use super::turns::Turns;
use super::{Actor, Gateway};
use crate::domain::channel::Channel;
use crate::domain::event::{Event, Source};
use crate::domain::id::{EventId, RoomId, Seq, UserId};
use crate::domain::service::{Scope, ServiceCaller};
use crate::domain::{Error, Result};
use crate::homeserver::timeline::{SyncQuery, Timeline};
use crate::payload::outline;
use crate::recent::Recent;
use crate::service::Core;
use crate::service::auth::Auth;

/// How many events are read of the journal at once.
const BATCH: usize = 500;
/// How many events an answer of our own stream has at most.
const MOST: usize = 100;
/// How many events are fetched at once for an answer.
const FETCHES: usize = 8;
/// The longest wait that is granted.
const LONGEST: Duration = Duration::from_secs(300);
/// How long what is new waits at a time for the index, which knows the rooms of new channels.
const INDEX_WAIT: Duration = Duration::from_millis(250);

/// What a poll asks for.
#[derive(Clone, Debug, Default)]
pub struct Poll {
    /// An earlier answer's `next_batch`.
    pub since: Option<String>,
    pub timeout: Option<Duration>,
    /// JSON.
    pub filter: Option<String>,
    /// As whom: an entity or a Matrix user.
    pub user: Option<String>,
}

/// The polls.
pub struct EventSync {
    pub core: Arc<Core>,
    pub gateway: Arc<Gateway>,
    pub timeline: Arc<dyn Timeline>,
    /// Knows when a token counts no more.
    auth: Arc<Auth>,
    /// Polls that are open.
    pub polls: Arc<Turns>,
    recent: Arc<Recent>,
    warm: Arc<Warm>,
    /// How long a poll waits that does not say.
    timeout: Duration,
    stop: CancellationToken,
}

/// An event that an answer has, and where it happened.
struct Shown {
    event: Event,
    channel: Arc<Channel>,
}

/// An event of an answer, by its id.
type Told = (Option<EventId>, Value);

impl EventSync {
    #[must_use]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a part of its own, and all are made in one place"
    )]
    pub fn new(
        core: Arc<Core>,
        gateway: Arc<Gateway>,
        timeline: Arc<dyn Timeline>,
        auth: Arc<Auth>,
        recent: Arc<Recent>,
        polls: Arc<Turns>,
        timeout: Duration,
        stop: CancellationToken,
    ) -> Self {
        Self {
            core,
            gateway,
            timeline,
            auth,
            polls,
            warm: Arc::new(Warm::new(recent.clone())),
            recent,
            timeout,
            stop,
        }
    }

    /// What is new, as soon as something is.
    pub async fn poll(&self, caller: &ServiceCaller, poll: Poll) -> Result<Value> {
        caller.require(Scope::Read)?;
        check_place("since", poll.since.as_deref())?;
        let user = Actor::by_one_field("user_id", poll.user.as_deref());
        let user = self.gateway.acting(caller, &user)?;
        let _place = self.polls.wait(&caller.name).await?;
        let answer = async {
            match user {
                Some(user) => self.theirs(caller, &user, &poll).await,
                None => self.ours(caller, &poll).await,
            }
        };
        let Some(token) = caller.token else {
            return answer.await;
        };
        tokio::select! {
            answer = answer => answer,
            () = self.auth.services.ended(token) => Err(Error::Unauthenticated(
                "the service's token has expired or was revoked".to_owned(),
            )),
        }
    }

    async fn ours(&self, caller: &ServiceCaller, poll: &Poll) -> Result<Value> {
        let filter = Filter::parse(poll.filter.as_deref())?;
        self.warm.keep();
        let journal = &self.core.store.journal;
        let Some(since) = &poll.since else {
            let head = Position::new(journal.id(), journal.head());
            return Ok(answer(head, Map::new()));
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
            let shown = self.choose(caller, &filter, events, &mut at.seq);
            if !shown.is_empty() {
                let rooms = self.render(caller, &filter, shown, is_gap).await?;
                return Ok(answer(at, rooms));
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
        Ok(answer(at, Map::new()))
    }

    /// The first events that a service is shown, at most one answer's worth; `at` becomes the
    /// position behind what was looked at.
    fn choose(
        &self,
        caller: &ServiceCaller,
        filter: &Filter,
        events: Vec<Event>,
        at: &mut Seq,
    ) -> Vec<Shown> {
        let mut shown = Vec::new();
        for event in events {
            if shown.len() == MOST {
                break;
            }
            let channel = self.core.directory.channel(event.channel);
            // What the index has not met yet waits for it.
            if channel.is_none() && self.core.indexed.position() < event.seq {
                break;
            }
            *at = event.seq;
            // Nothing new has happened when the index is made anew.
            let Some(channel) = channel.filter(|_| event.source != Source::Rebuild) else {
                continue;
            };
            let connector = self.core.directory.naming.connector();
            let sender = event.what.by().unwrap_or(&connector);
            if caller.require_room(&channel.room).is_ok()
                && filter.takes(&channel.room, event.what.matrix_type(), sender)
            {
                shown.push(Shown { event, channel });
            }
        }
        shown
    }

    async fn render(
        &self,
        caller: &ServiceCaller,
        filter: &Filter,
        shown: Vec<Shown>,
        is_gap: bool,
    ) -> Result<Map<String, Value>> {
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
            (room.as_str().to_owned(), json!({ "timeline": timeline }))
        });
        Ok(timelines.collect())
    }

    /// An event as Matrix has it, the entity beside the sender.
    async fn whole(&self, caller: &ServiceCaller, shown: &Shown) -> Result<Value> {
        let Shown { event, channel } = shown;
        let raw = match &event.event {
            Some(id) if !channel.confidential => self.raw(caller, &channel.room, id).await?,
            _ => None,
        };
        let directory = &self.core.directory;
        let mut whole = match raw.and_then(|raw| serde_json::from_str(raw.get()).ok()) {
            Some(whole) => whole,
            None => {
                let why = channel.confidential.then_some("encrypted");
                outline::outline(event, &directory.naming.connector(), why)
            }
        };
        if let Some(fields) = whole.as_object_mut() {
            // The room is the key; the others are what homeservers add for application services.
            for added in ["room_id", "user_id", "age"] {
                fields.shift_remove(added);
            }
        }
        outline::name_sender(&mut whole, |user| directory.entity(user));
        Ok(whole)
    }

    async fn raw(
        &self,
        caller: &ServiceCaller,
        room: &RoomId,
        event: &EventId,
    ) -> Result<Option<Arc<RawValue>>> {
        if let Some(held) = self.recent.held(event).await {
            return Ok(Some(held));
        }
        let _turn = self.gateway.turn(caller).await?;
        self.recent.event(room, event).await
    }

    async fn theirs(&self, caller: &ServiceCaller, user: &UserId, poll: &Poll) -> Result<Value> {
        let query = SyncQuery {
            since: poll.since.clone(),
            timeout_ms: u64::try_from(self.wait_of(poll).as_millis()).unwrap_or_default(),
            filter: poll.filter.clone(),
        };
        let answer = tokio::select! {
            answer = self.timeline.sync(user, &query) => answer?,
            () = self.stop.cancelled() => return self.nothing_more(poll),
        };
        let mut answer: Value = serde_json::from_str(answer.get())
            .map_err(|error| Error::HomeserverNonsense(error.to_string()))?;
        if let Some(rooms) = &caller.rights.rooms {
            keep_rooms(&mut answer, rooms);
        }
        self.name_senders(&mut answer);
        Ok(answer)
    }

    /// What is answered to whoever polls while daarion stops.
    fn nothing_more(&self, poll: &Poll) -> Result<Value> {
        match &poll.since {
            Some(since) => Ok(json!({ "next_batch": since, "rooms": {} })),
            None => Err(Error::StoreUnavailable("daarion is stopping".to_owned())),
        }
    }

    /// Names the entities of all events of a `/sync`: each is in a list called `events`.
    fn name_senders(&self, value: &mut Value) {
        let Some(fields) = value.as_object_mut() else {
            return;
        };
        for (name, value) in fields {
            match value {
                Value::Array(events) if name == "events" => {
                    for event in events {
                        outline::name_sender(event, |user| self.core.directory.entity(user));
                    }
                }
                value => self.name_senders(value),
            }
        }
    }

    fn wait_of(&self, poll: &Poll) -> Duration {
        poll.timeout.unwrap_or(self.timeout).min(LONGEST)
    }
}

fn answer(at: Position, rooms: Map<String, Value>) -> Value {
    json!({ "next_batch": at.to_string(), "rooms": { "join": rooms } })
}

/// `limited` says that something is missing before these events; what is before them is read as
/// history from `prev_batch`.
fn timeline(events: Vec<Told>, is_limited: bool) -> Value {
    let first = events.iter().find_map(|(id, _)| id.as_ref());
    let before = first.map(position::before);
    let events: Vec<_> = events.into_iter().map(|(_, event)| event).collect();
    let mut timeline = json!({ "events": events, "limited": is_limited });
    if let Some(before) = before {
        timeline["prev_batch"] = before.into();
    }
    timeline
}

/// Takes out of a `/sync` what a service may not see that works in some rooms only.
fn keep_rooms(answer: &mut Value, allowed: &[String]) {
    let Some(fields) = answer.as_object_mut() else {
        return;
    };
    fields.retain(|name, _| name == "next_batch" || name == "rooms");
    let kinds = fields.get_mut("rooms").and_then(Value::as_object_mut);
    for rooms in kinds.into_iter().flat_map(Map::values_mut) {
        if let Some(rooms) = rooms.as_object_mut() {
            rooms.retain(|room, _| allowed.contains(room));
        }
    }
}

pub(super) use position::event_of;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_of_some_rooms_sees_no_others() {
        let mut answer = json!({
            "next_batch": "s1",
            "account_data": { "events": [] },
            "rooms": { "join": { "!a": 1, "!b": 2 }, "invite": { "!b": 3 } },
        });
        keep_rooms(&mut answer, &["!a".to_owned()]);
        let left = json!({ "next_batch": "s1", "rooms": { "join": { "!a": 1 }, "invite": {} } });
        assert_eq!(answer, left);
    }
}
