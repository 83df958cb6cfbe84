//! Ingest: the one door through which everything that happens enters the journal.
//!
//! It is the only caller of `Journal::append`. Whoever brings events waits here until they
//! are durable; the journal's bell then wakes its readers.

mod minutes;
mod numbering;

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, watch};

pub use self::minutes::{MINUTES, Minutes};
use self::numbering::Numbering;
use crate::acts;
use crate::clock::Clock;
use crate::directory::Directory;
use crate::domain::Result;
use crate::domain::audit::Origin;
use crate::domain::channel::Channel;
use crate::domain::event::{NewEvent, Source, What};
use crate::domain::id::{EventId, Millis, RoomId, UserId};
use crate::homeserver::{Ephemeral, Mapped};
use crate::store::{Append, Appended, Journal, OriginOf};

/// How many rooms may wait to be looked at. A claim that finds the queue full is found again
/// by the next healing.
const CLAIMS: usize = 1_024;
/// As many events of a transaction the index takes over in the commit that makes them durable: one
/// commit costs less than two. More would keep the homeserver waiting for the index.
const FEW: usize = 8;
/// For how long no transaction has come before such a one, in milliseconds. When they come faster, the
/// index gathers them: what it writes for one is most of what it writes for many.
const CALM: Millis = 10;
/// How many canaries are remembered. The doctor sends one at a time.
const CANARIES: usize = 16;
/// How long skipped events are not spoken of again, in milliseconds: members may send as many
/// as they like.
const QUIET: Millis = 60_000;

/// For how long somebody makes a channel of a room at the most, in milliseconds.
const MAKING: Millis = 60_000;

/// The door.
pub struct Ingest {
    journal: Arc<dyn Journal>,
    directory: Arc<Directory>,
    clock: Clock,
    claims: mpsc::Sender<RoomId>,
    ephemeral: mpsc::Sender<Ephemeral>,
    pushed: watch::Sender<Pushed>,
    counters: Counters,
}

/// What the homeserver has pushed that nobody keeps and the doctor waits for.
#[derive(Clone, Debug, Default)]
pub struct Pushed {
    /// How many transactions had ephemeral events in them.
    pub ephemeral: u64,
    /// The latest canaries that came back.
    pub canaries: VecDeque<EventId>,
}

/// What has come through the door since the start.
#[derive(Default)]
pub struct Counters {
    pub transactions: AtomicU64,
    pub repeated_transactions: AtomicU64,
    pub events: AtomicU64,
    pub repeated_events: AtomicU64,
    /// Events of rooms that are no channels: dropped unseen.
    pub foreign: AtomicU64,
    pub skipped: AtomicU64,
    /// The kept events by the minute of their arrival.
    pub minutes: Minutes,
    /// Whether one of its transactions was left out.
    numbering: Numbering,
    /// When the homeserver last brought a transaction; 0 when it has not yet.
    last_transaction_at: AtomicU64,
    /// When skipped events were last spoken of.
    told_of_skipped_at: AtomicU64,
}

impl Counters {
    /// When the homeserver last brought a transaction, since the start.
    #[must_use]
    pub fn last_transaction_at(&self) -> Option<Millis> {
        let at = self.last_transaction_at.load(Ordering::Relaxed);
        (at > 0).then_some(at)
    }

    /// How often a transaction of the homeserver's was left out, as far as its numbers tell.
    #[must_use]
    pub fn gaps(&self) -> u64 {
        self.numbering.gaps()
    }

    /// Without their reasons, which may quote what a member made up.
    fn tell_of_skipped(&self, now: Millis) {
        let told_at = self.told_of_skipped_at.load(Ordering::Relaxed);
        if now < told_at.saturating_add(QUIET) {
            return;
        }
        self.told_of_skipped_at.store(now, Ordering::Relaxed);
        let skipped = self.skipped.load(Ordering::Relaxed);
        tracing::warn!(skipped, "events of channels cannot be used");
    }
}

/// The far ends of the door's queues, for whoever works on them.
pub struct Outlets {
    /// Rooms that claim to be channels.
    pub claims: mpsc::Receiver<RoomId>,
    pub ephemeral: mpsc::Receiver<Ephemeral>,
}

impl Ingest {
    #[must_use]
    pub fn new(
        journal: Arc<dyn Journal>,
        directory: Arc<Directory>,
        clock: Clock,
    ) -> (Self, Outlets) {
        let (claims, claims_out) = mpsc::channel(CLAIMS);
        let (ephemeral, ephemeral_out) = mpsc::channel(CLAIMS);
        let ingest = Self {
            journal,
            directory,
            clock,
            claims,
            ephemeral,
            pushed: watch::Sender::default(),
            counters: Counters::default(),
        };
        let outlets = Outlets {
            claims: claims_out,
            ephemeral: ephemeral_out,
        };
        (ingest, outlets)
    }

    /// What the doctor waits for.
    #[must_use]
    pub fn pushed(&self) -> watch::Receiver<Pushed> {
        self.pushed.subscribe()
    }

    /// Notes that a transaction had ephemeral events in it, whatever they are.
    pub fn ephemeral_came(&self) {
        self.pushed.send_modify(|pushed| pushed.ephemeral += 1);
    }

    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Takes a transaction of the homeserver. When this returns, all of it is durable.
    pub async fn transaction(&self, id: &str, mapped: Vec<Mapped>) -> Result<()> {
        self.counters.transactions.fetch_add(1, Ordering::Relaxed);
        let appended = self.take(Some(id), mapped).await?;
        self.counters.numbering.note(id);
        let last = &self.counters.last_transaction_at;
        last.store(self.clock.now(), Ordering::Relaxed);
        if appended.repeated {
            let counter = &self.counters.repeated_transactions;
            counter.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Takes events that were found in a room's history, oldest first.
    pub async fn found(&self, mapped: Vec<Mapped>) -> Result<Appended> {
        self.take(None, mapped).await
    }

    /// Takes events that we brought about ourselves, and whose caller waits for the index.
    pub async fn echo(&self, events: Vec<NewEvent>) -> Result<Appended> {
        self.append(Append {
            events,
            arrived_at: self.clock.now(),
            with_index: true,
            ..Append::default()
        })
        .await
    }

    /// Hands on what is never stored. When nobody keeps up, the oldest news is the less
    /// interesting one, but waiting would hold the homeserver up: what is new is dropped.
    pub fn ephemeral(&self, news: Ephemeral) {
        let _ = self.ephemeral.try_send(news);
    }

    /// Counts an event of a room that is no channel.
    pub fn foreign(&self, count: u64) {
        self.counters.foreign.fetch_add(count, Ordering::Relaxed);
    }

    async fn take(&self, transaction: Option<&str>, mapped: Vec<Mapped>) -> Result<Appended> {
        let mut append = Append {
            arrived_at: self.clock.now(),
            ..Append::default()
        };
        for one in mapped {
            match one {
                Mapped::Event(event) => append.events.push(event),
                Mapped::Skipped(skipped) => append.skipped.push(skipped),
                Mapped::Claim(room) => {
                    let _ = self.claims.try_send(room);
                }
                Mapped::Canary(event) => self.canary_came(event),
                Mapped::Foreign => self.foreign(1),
                Mapped::Nothing => {}
            }
        }
        // Most of what a wide namespace brings is foreign. There is nothing to keep of such a
        // transaction, not even its id: taking it again would do nothing again.
        if append.events.is_empty() && append.skipped.is_empty() {
            return Ok(Appended {
                repeated: false,
                placed: Vec::new(),
                head: self.journal.head(),
                indexed: false,
            });
        }
        append.transaction = transaction.map(|id| with_content(id, &append));
        append.with_index = transaction.is_some() && append.events.len() <= FEW && self.is_calm();
        self.append(append).await
    }

    fn is_calm(&self) -> bool {
        let last = self.counters.last_transaction_at.load(Ordering::Relaxed);
        self.clock.now() >= last.saturating_add(CALM)
    }

    /// Which of these are what somebody does right now. A channel that they adopt is found in the
    /// homeserver, and is theirs all the same, and so is what they and daarion do in it meanwhile. Of
    /// what is found in a channel that was there before nothing is.
    fn acts_of(&self, origin: Origin, events: &[NewEvent]) -> Option<OriginOf> {
        let actor = origin.actor.as_ref();
        let making = self.clock.now().saturating_sub(MAKING);
        let is_maker = |channel: &Channel| actor.is_some() && channel.created_by.as_ref() == actor;
        let is_being_made = events.iter().any(|event| match &event.what {
            What::ChannelCreated(channel) => is_maker(channel) && channel.created_at >= making,
            _ => false,
        });
        let is_theirs = |user: &UserId| {
            let directory = &self.directory;
            *user == directory.naming.connector()
                || actor.is_some_and(|actor| directory.entity(user).to_string() == *actor)
        };
        let is_act = |event: &NewEvent| match &event.what {
            _ if event.source == Source::Echo => event.what.is_audited(),
            What::ChannelCreated(channel) => is_maker(channel),
            what => is_being_made && what.by().is_some_and(is_theirs),
        };
        let acts = events.iter().enumerate().filter(|(_, it)| is_act(it));
        let events: Vec<usize> = acts.map(|(place, _)| place).collect();
        (!events.is_empty()).then_some(OriginOf { origin, events })
    }

    fn canary_came(&self, event: EventId) {
        self.pushed.send_modify(|pushed| {
            pushed.canaries.push_back(event);
            if pushed.canaries.len() > CANARIES {
                pushed.canaries.pop_front();
            }
        });
    }

    async fn append(&self, mut append: Append) -> Result<Appended> {
        append.origin = acts::origin().and_then(|origin| self.acts_of(origin, &append.events));
        let (events, skipped) = (append.events.len() as u64, append.skipped.len() as u64);
        let appended = self.journal.append(append).await?;
        if appended.repeated {
            return Ok(appended);
        }
        let is_new =
            |placed: &&crate::store::Placed| matches!(placed, crate::store::Placed::New(_));
        let new = appended.placed.iter().filter(is_new).count() as u64;
        self.counters.events.fetch_add(new, Ordering::Relaxed);
        self.counters.minutes.add(self.clock.now(), new);
        self.counters.skipped.fetch_add(skipped, Ordering::Relaxed);
        if skipped > 0 {
            self.counters.tell_of_skipped(self.clock.now());
        }
        let repeated = &self.counters.repeated_events;
        repeated.fetch_add(events - new, Ordering::Relaxed);
        Ok(appended)
    }
}

/// A transaction's name in the memory of what came: its id and what is in it. The id alone would not
/// do. Synapse on SQLite counts from one again when it is restarted with an empty queue.
fn with_content(id: &str, append: &Append) -> String {
    let mut digest = Sha256::new();
    for event in append.events.iter().filter_map(|new| new.event.as_ref()) {
        digest.update(event.as_str());
        digest.update([0]);
    }
    for skipped in &append.skipped {
        digest.update(&skipped.raw);
        digest.update([0]);
    }
    let mut name = format!("{id} ");
    for byte in &digest.finalize()[..16] {
        let _ = write!(name, "{byte:02x}");
    }
    name
}
