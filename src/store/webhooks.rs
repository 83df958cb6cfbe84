//! Webhooks, what waits for them to be tried again, the latest tries, and dead letters.
//!
//! Where a webhook has come to is the position of the [`Subscription`](super::Subscription) of
//! the same id. [`Webhooks::settle`] moves it together with all that came of a batch, so that
//! nothing is passed over that is neither delivered nor waiting.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::event::Event;
use crate::domain::id::{ChannelId, EventId, Millis, Seq};
use crate::domain::webhook::{Pause, Rotation, Webhook, WebhookId};

/// What of a webhook is set anew.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WebhookChange {
    pub url: Option<String>,
    pub events: Option<Vec<String>>,
    pub description: Option<String>,
    pub rotation: Option<Rotation>,
    /// `Some(None)` lets it run, and what waits is due at once.
    pub paused: Option<Option<Pause>>,
}

/// A delivery that waits to be tried (again).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pending {
    pub channel: ChannelId,
    pub seq: Seq,
    /// How many tries have failed.
    pub tries: u32,
    /// When it is tried, if it is the first of its channel.
    pub due_at: Millis,
    /// Since when it is to be delivered: since its arrival, or since it was replayed.
    pub since: Millis,
    /// The event itself, without what was said in it, when it was replayed and the journal need
    /// not have it any more.
    pub event: Option<Event>,
}

impl Pending {
    /// What a dead letter becomes that is to be tried once more.
    #[must_use]
    pub fn replayed(event: Event, now: Millis) -> Self {
        Self {
            channel: event.channel,
            seq: event.seq,
            tries: 0,
            due_at: now,
            since: now,
            event: Some(event),
        }
    }
}

/// A channel in which something waits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lane {
    pub channel: ChannelId,
    /// When the first one is due.
    pub due_at: Millis,
}

/// How much a webhook has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// What waits.
    pub pending: u64,
    /// Of that, what was a dead letter and was replayed.
    pub replayed: u64,
    /// Dead letters.
    pub dead: u64,
}

/// What became of a try.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    Delivered,
    /// It is tried again.
    Retried,
    /// It became a dead letter.
    GivenUp,
    /// The receiver is gone; the webhook is paused.
    Paused,
    /// A test event, which is sent once.
    Test,
}

impl Fate {
    /// The word that contracts and records use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Retried => "retried",
            Self::GivenUp => "given_up",
            Self::Paused => "paused",
            Self::Test => "test",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "delivered" => Some(Self::Delivered),
            "retried" => Some(Self::Retried),
            "given_up" => Some(Self::GivenUp),
            "paused" => Some(Self::Paused),
            "test" => Some(Self::Test),
            _ => None,
        }
    }
}

/// One try of a delivery. Nothing of what was sent is kept but its name and its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attempt {
    pub at: Millis,
    /// Our name of the event.
    pub name: String,
    /// The event's place in the journal; 0 for a test event.
    pub seq: Seq,
    /// What the receiver was told to know it by.
    pub delivery_id: String,
    pub event: Option<EventId>,
    pub channel: Option<ChannelId>,
    /// Which try of this delivery it was, from 1.
    pub number: u32,
    pub latency_ms: u64,
    /// The receiver's status; `None` when there was no answer.
    pub status: Option<u16>,
    /// Why there was none.
    pub error: Option<String>,
    /// The beginning of the answer.
    pub answer: String,
    pub fate: Fate,
    /// When it is tried again.
    pub next_at: Option<Millis>,
}

/// A delivery that was given up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeadLetter {
    pub webhook: WebhookId,
    /// It is kept without what was said in it.
    pub event: Event,
    pub tries: u32,
    pub died_at: Millis,
    /// What came of the last try, for people.
    pub reason: String,
}

/// Where a dead letter lies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct DeadPlace {
    pub webhook: WebhookId,
    pub seq: Seq,
}

/// Which dead letters to list: in the order of webhooks' ids, each one's oldest first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DeadQuery {
    /// Those of these webhooks.
    pub webhooks: Vec<WebhookId>,
    /// Whose event arrived at this time or later.
    pub from: Option<Millis>,
    /// Whose event arrived before this time.
    pub until: Option<Millis>,
    /// Those behind this one.
    pub after: Option<DeadPlace>,
    pub limit: usize,
}

/// What came of a batch.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Settled {
    /// Everything up to here is delivered, waits or is given up.
    pub position: Seq,
    /// What waits no more.
    pub done: Vec<(ChannelId, Seq)>,
    /// What waits from now on, or waits anew.
    pub pending: Vec<Pending>,
    /// What was given up; it waits no more.
    pub dead: Vec<DeadLetter>,
    pub attempts: Vec<Attempt>,
    pub pause: Option<Pause>,
    /// Until when the receiver has asked to be left alone; not stored.
    pub come_back_at: Option<Millis>,
}

#[async_trait]
pub trait Webhooks: Send + Sync {
    /// Adds a webhook, durably; [`StoreError::Exists`] when the id is taken.
    async fn add(&self, webhook: Webhook) -> Result<(), StoreError>;

    /// One by its id.
    async fn webhook(&self, id: WebhookId) -> Result<Option<Webhook>, StoreError>;

    /// All by creation; those that cannot be read are passed over.
    async fn webhooks(&self) -> Result<Vec<Webhook>, StoreError>;

    /// Changes a webhook, durably, and answers what it is then; `None` when there is none.
    async fn change(
        &self,
        id: WebhookId,
        change: WebhookChange,
    ) -> Result<Option<Webhook>, StoreError>;

    /// Removes a webhook and all that belongs to it, durably; `false` when there is none.
    async fn remove_webhook(&self, id: WebhookId) -> Result<bool, StoreError>;

    /// Writes what came of a batch; `false` when there is no such webhook. Durable when
    /// something was given up or the webhook is paused by it. Otherwise a crash may lose it,
    /// whole: the batch is then delivered again.
    async fn settle(&self, id: WebhookId, settled: Settled) -> Result<bool, StoreError>;

    /// How much waits and was given up, without looking at all of it; nothing when there is no
    /// such webhook.
    async fn counts(&self, id: WebhookId) -> Result<Counts, StoreError>;

    /// Every channel in which something waits.
    async fn lanes(&self, id: WebhookId) -> Result<Vec<Lane>, StoreError>;

    /// The first that wait in a channel, in their order.
    async fn pending(
        &self,
        id: WebhookId,
        channel: ChannelId,
        limit: usize,
    ) -> Result<Vec<Pending>, StoreError>;

    /// What has waited since before a time and needs the journal for it.
    async fn waiting_since(
        &self,
        id: WebhookId,
        before: Millis,
        limit: usize,
    ) -> Result<Vec<Pending>, StoreError>;

    /// The latest tries, the newest first, each with its number; those before a number when one
    /// is given. Some 200 are kept.
    async fn attempts(
        &self,
        id: WebhookId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, Attempt)>, StoreError>;

    /// Dead letters.
    async fn dead_letters(&self, query: DeadQuery) -> Result<Vec<DeadLetter>, StoreError>;

    /// Has dead letters wait once more, due at once, durably. Says how many were there.
    async fn replay(&self, dead: Vec<DeadPlace>, now: Millis) -> Result<u64, StoreError>;

    /// Removes dead letters, durably. Says how many were there.
    async fn purge(&self, dead: Vec<DeadPlace>) -> Result<u64, StoreError>;
}
