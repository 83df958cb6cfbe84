//! Webhooks and what belongs to them, version 1.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::event::EventRecord;
use super::{Record, word};
use crate::domain::entity::Entity;
use crate::domain::id::{ChannelId, EventId, Seq};
use crate::domain::webhook::{Pause, PauseReason, Rotation, Secrets, Webhook, WebhookId};
use crate::store::StoreError;
use crate::store::webhooks::{Attempt, DeadLetter, Fate, Pending, WebhookChange};

#[derive(Serialize, Deserialize)]
pub struct WebhookRecord {
    channel: Option<Uuid>,
    url: String,
    events: Vec<String>,
    description: String,
    secret: String,
    previous_secret: Option<String>,
    previous_until: Option<u64>,
    /// Those before the previous one, and until when.
    #[serde(default)]
    older_secrets: Vec<(String, u64)>,
    paused_because: Option<String>,
    paused_at: Option<u64>,
    created_by: Option<Uuid>,
    /// `None` also where it was not written down yet; the token tells it then.
    #[serde(default)]
    service: Option<String>,
    created_at: u64,
    #[serde(default)]
    agent: Option<String>,
    #[serde(default)]
    include_agents: bool,
}

impl Record<'_> for WebhookRecord {
    const NAME: &'static str = "webhook";
    const VERSION: u8 = 1;
}

impl WebhookRecord {
    /// The webhook of an id that has come to a position.
    pub fn under(self, id: WebhookId, position: Seq) -> Result<Webhook, StoreError> {
        let previous = self.previous_secret.zip(self.previous_until);
        let reason = self
            .paused_because
            .map(|reason| word(Self::NAME, PauseReason::parse, &reason))
            .transpose()?;
        let agent = self.agent.as_deref();
        let agent = agent.map(|agent| word(Self::NAME, Entity::parse, agent));
        Ok(Webhook {
            agent: agent.transpose()?,
            include_agents: self.include_agents,
            id,
            channel: self.channel.map(ChannelId),
            url: self.url,
            events: self.events,
            description: self.description,
            secrets: Secrets {
                current: self.secret,
                previous: previous.into_iter().chain(self.older_secrets).collect(),
            },
            paused: reason.map(|reason| Pause {
                reason,
                at: self.paused_at.unwrap_or_default(),
            }),
            service: self.service,
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
        if let Some(rotation) = &change.rotation {
            self.rotate(rotation);
        }
        if let Some(paused) = change.paused {
            self.set_paused(paused);
        }
    }

    fn rotate(&mut self, rotation: &Rotation) {
        let previous = self.previous_secret.take().zip(self.previous_until.take());
        let older = std::mem::take(&mut self.older_secrets);
        let mut secrets = Secrets {
            current: std::mem::take(&mut self.secret),
            previous: previous.into_iter().chain(older).collect(),
        };
        secrets.rotate(rotation);
        self.set_secrets(secrets);
    }

    fn set_secrets(&mut self, secrets: Secrets) {
        self.secret = secrets.current;
        let mut previous = secrets.previous.into_iter();
        (self.previous_secret, self.previous_until) = previous.next().unzip();
        self.older_secrets = previous.collect();
    }

    pub fn set_paused(&mut self, paused: Option<Pause>) {
        self.paused_because = paused.map(|pause| pause.reason.as_str().to_owned());
        self.paused_at = paused.map(|pause| pause.at);
    }
}

impl From<&Webhook> for WebhookRecord {
    fn from(webhook: &Webhook) -> Self {
        let paused = webhook.paused;
        let mut record = Self {
            channel: webhook.channel.map(|channel| channel.0),
            url: webhook.url.clone(),
            events: webhook.events.clone(),
            description: webhook.description.clone(),
            secret: String::new(),
            previous_secret: None,
            previous_until: None,
            older_secrets: Vec::new(),
            paused_because: paused.map(|pause| pause.reason.as_str().to_owned()),
            paused_at: paused.map(|pause| pause.at),
            created_by: webhook.created_by,
            service: webhook.service.clone(),
            created_at: webhook.created_at,
            agent: webhook.agent.as_ref().map(Entity::to_string),
            include_agents: webhook.include_agents,
        };
        record.set_secrets(webhook.secrets.clone());
        record
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
