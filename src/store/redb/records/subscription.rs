//! Subscriptions, version 1.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Record;
use crate::domain::id::{ChannelId, Seq};
use crate::store::Subscription;

#[derive(Serialize, Deserialize)]
pub struct SubscriptionRecord {
    id: Uuid,
    reader: String,
    channel: Option<Uuid>,
    target: String,
    events: Vec<String>,
    paused: bool,
    position: u64,
    created_at: u64,
    /// Of a webhook; `None` when nobody has counted yet.
    #[serde(default)]
    pub counts: Option<CountsRecord>,
}

/// How much of each kind a webhook has, counted along: its rows are many.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
pub struct CountsRecord {
    pub pending: u64,
    pub replayed: u64,
    pub dead: u64,
}

impl Record<'_> for SubscriptionRecord {
    const NAME: &'static str = "subscription";
    const VERSION: u8 = 1;
}

impl SubscriptionRecord {
    /// Moves the position forward, never back.
    pub fn advance(&mut self, position: Seq) {
        self.position = self.position.max(position);
    }

    /// Says whether it holds the journal's retention up.
    pub fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// Says where to, and what of the journal, it reads.
    pub fn set_target(&mut self, target: &str, events: &[String]) {
        target.clone_into(&mut self.target);
        self.events = events.to_vec();
    }
}

impl From<Subscription> for SubscriptionRecord {
    fn from(subscription: Subscription) -> Self {
        Self {
            id: subscription.id,
            reader: subscription.reader,
            channel: subscription.channel.map(|channel| channel.0),
            target: subscription.target,
            events: subscription.events,
            paused: subscription.paused,
            position: subscription.position,
            created_at: subscription.created_at,
            counts: None,
        }
    }
}

impl From<SubscriptionRecord> for Subscription {
    fn from(record: SubscriptionRecord) -> Self {
        Self {
            id: record.id,
            reader: record.reader,
            channel: record.channel.map(ChannelId),
            target: record.target,
            events: record.events,
            paused: record.paused,
            position: record.position,
            created_at: record.created_at,
        }
    }
}
