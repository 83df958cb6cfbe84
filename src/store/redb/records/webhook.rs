//! Webhooks and what belongs to them, version 1.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::event::EventRecord;
use super::{Record, word};
use crate::domain::id::{ChannelId, EventId, RoomId, Seq};
use crate::domain::webhook::{Pause, PauseReason, Secrets, Webhook, WebhookId};
use crate::store::StoreError;
use crate::store::webhooks::{Attempt, DeadLetter, Fate, Pending, WebhookChange};

#[derive(Serialize, Deserialize)]
pub struct WebhookRecord {
    channel: Option<Uuid>,
    rooms: Option<Vec<String>>,
    url: String,
    events: Vec<String>,
    description: String,
    secret: String,
    previous_secret: Option<String>,
    previous_until: Option<u64>,
    paused_because: Option<String>,
    paused_at: Option<u64>,
    created_by: Option<Uuid>,
    created_at: u64,
}

impl Record<'_> for WebhookRecord {
    const NAME: &'static str = "webhook";
    const VERSION: u8 = 1;
}

impl WebhookRecord {
    /// The webhook of an id that has come to a position.
    pub fn under(self, id: WebhookId, position: Seq) -> Result<Webhook, StoreError> {
        let rooms = self.rooms;
        let reason = self
            .paused_because
            .map(|reason| word(Self::NAME, PauseReason::parse, &reason))
            .transpose()?;
        Ok(Webhook {
            id,
            channel: self.channel.map(ChannelId),
            rooms: rooms.map(|rooms| rooms.into_iter().map(RoomId::trusted).collect()),
            url: self.url,
            events: self.events,
            description: self.description,
            secrets: Secrets {
                current: self.secret,
                previous: self.previous_secret.zip(self.previous_until),
            },
            paused: reason.map(|reason| Pause {
                reason,
                at: self.paused_at.unwrap_or_default(),
            }),
            created_by: self.created_by,
            created_at: self.created_at,
            position,
        })
    }

    /// Sets what is to be set anew.
    pub fn apply(&mut self, change: &WebhookChange) {
        if let Some(url) = &change.url {
            self.url.clone_from(url);
        }
        if let Some(events) = &change.events {
            self.events.clone_from(events);
        }
        if let Some(description) = &change.description {
            self.description.clone_from(description);
        }
        if let Some(secrets) = &change.secrets {
            self.set_secrets(secrets);
        }
        if let Some(paused) = change.paused {
            self.set_paused(paused);
        }
    }

    fn set_secrets(&mut self, secrets: &Secrets) {
        self.secret.clone_from(&secrets.current);
        let previous = secrets.previous.clone();
        (self.previous_secret, self.previous_until) = previous.unzip();
    }

    pub fn set_paused(&mut self, paused: Option<Pause>) {
        self.paused_because = paused.map(|pause| pause.reason.as_str().to_owned());
        self.paused_at = paused.map(|pause| pause.at);
    }
}

impl From<&Webhook> for WebhookRecord {
    fn from(webhook: &Webhook) -> Self {
        let rooms = webhook.rooms.as_ref();
        let text = |room: &RoomId| room.as_str().to_owned();
        let (previous_secret, previous_until) = webhook.secrets.previous.clone().unzip();
        let paused = webhook.paused;
        Self {
            channel: webhook.channel.map(|channel| channel.0),
            rooms: rooms.map(|rooms| rooms.iter().map(text).collect()),
            url: webhook.url.clone(),
            events: webhook.events.clone(),
            description: webhook.description.clone(),
            secret: webhook.secrets.current.clone(),
            previous_secret,
            previous_until,
            paused_because: paused.map(|pause| pause.reason.as_str().to_owned()),
            paused_at: paused.map(|pause| pause.at),
            created_by: webhook.created_by,
            created_at: webhook.created_at,
        }
    }
}

/// What waits, without its channel and its `seq`, which are its key.
#[derive(Serialize, Deserialize)]
pub struct PendingRecord<'a> {
    pub tries: u32,
    pub due_at: u64,
    pub since: u64,
    #[serde(borrow)]
    pub event: Option<EventRecord<'a>>,
}

impl<'a> Record<'a> for PendingRecord<'a> {
    const NAME: &'static str = "pending delivery";
    const VERSION: u8 = 1;
}

impl<'a> PendingRecord<'a> {
    pub fn new(pending: &'a Pending) -> Self {
        Self {
            tries: pending.tries,
            due_at: pending.due_at,
            since: pending.since,
            event: pending.event.as_ref().map(EventRecord::numbered),
        }
    }

    /// Reads what waits in a channel at a place.
    pub fn at(self, channel: ChannelId, seq: Seq) -> Result<Pending, StoreError> {
        let event = self.event.map(|event| event.into_event(seq)).transpose()?;
        Ok(Pending {
            channel,
            seq,
            tries: self.tries,
            due_at: self.due_at,
            since: self.since,
            event,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub struct AttemptRecord {
    at: u64,
    name: String,
    seq: u64,
    delivery_id: String,
    event: Option<String>,
    channel: Option<Uuid>,
    number: u32,
    latency_ms: u64,
    status: Option<u16>,
    error: Option<String>,
    answer: String,
    fate: String,
    next_at: Option<u64>,
}

impl Record<'_> for AttemptRecord {
    const NAME: &'static str = "attempt";
    const VERSION: u8 = 1;
}

impl From<Attempt> for AttemptRecord {
    fn from(attempt: Attempt) -> Self {
        Self {
            at: attempt.at,
            name: attempt.name,
            seq: attempt.seq,
            delivery_id: attempt.delivery_id,
            event: attempt.event.map(|event| event.as_str().to_owned()),
            channel: attempt.channel.map(|channel| channel.0),
            number: attempt.number,
            latency_ms: attempt.latency_ms,
            status: attempt.status,
            error: attempt.error,
            answer: attempt.answer,
            fate: attempt.fate.as_str().to_owned(),
            next_at: attempt.next_at,
        }
    }
}

impl TryFrom<AttemptRecord> for Attempt {
    type Error = StoreError;

    fn try_from(record: AttemptRecord) -> Result<Self, StoreError> {
        Ok(Self {
            at: record.at,
            name: record.name,
            seq: record.seq,
            delivery_id: record.delivery_id,
            event: record.event.map(EventId::trusted),
            channel: record.channel.map(ChannelId),
            number: record.number,
            latency_ms: record.latency_ms,
            status: record.status,
            error: record.error,
            answer: record.answer,
            fate: word(AttemptRecord::NAME, Fate::parse, &record.fate)?,
            next_at: record.next_at,
        })
    }
}

/// A dead letter, without its webhook and its `seq`, which are its key.
#[derive(Serialize, Deserialize)]
pub struct DeadLetterRecord<'a> {
    tries: u32,
    died_at: u64,
    #[serde(borrow)]
    reason: Cow<'a, str>,
    #[serde(borrow)]
    event: EventRecord<'a>,
}

impl<'a> Record<'a> for DeadLetterRecord<'a> {
    const NAME: &'static str = "dead letter";
    const VERSION: u8 = 1;
}

impl<'a> DeadLetterRecord<'a> {
    pub fn new(dead: &'a DeadLetter) -> Self {
        Self {
            tries: dead.tries,
            died_at: dead.died_at,
            reason: dead.reason.as_str().into(),
            event: EventRecord::numbered(&dead.event),
        }
    }

    /// Reads the dead letter at a place.
    pub fn at(self, webhook: WebhookId, seq: Seq) -> Result<DeadLetter, StoreError> {
        Ok(DeadLetter {
            webhook,
            event: self.event.into_event(seq)?,
            tries: self.tries,
            died_at: self.died_at,
            reason: self.reason.into_owned(),
        })
    }
}
