//! Subscriptions: durable readers of the journal, each with a position of its own.

use async_trait::async_trait;
use uuid::Uuid;

use super::StoreError;
use crate::domain::id::{ChannelId, Millis, Seq};

/// A reader of the journal that outlives a restart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subscription {
    pub id: Uuid,
    /// What reads: `webhook`, `nats`.
    pub reader: String,
    /// Only this channel; `None` reads all.
    pub channel: Option<ChannelId>,
    /// Where what is read goes to.
    pub target: String,
    /// Event names; empty reads all.
    pub events: Vec<String>,
    /// A paused reader does not hold the journal's retention up.
    pub paused: bool,
    /// The last position that it is done with.
    pub position: Seq,
    pub created_at: Millis,
}

/// Who needs the oldest event of all, of those that are not paused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slowest {
    pub id: Uuid,
    /// It needs all events behind this one.
    pub after: Seq,
}

#[async_trait]
pub trait Subscriptions: Send + Sync {
    /// Adds or replaces a subscription.
    async fn put(&self, subscription: Subscription) -> Result<(), StoreError>;

    /// One by its id.
    async fn get(&self, id: Uuid) -> Result<Option<Subscription>, StoreError>;

    /// All by creation.
    async fn list(&self) -> Result<Vec<Subscription>, StoreError>;

    /// Moves a position forward, never back; `false` when there is no such subscription.
    async fn advance(&self, id: Uuid, position: Seq) -> Result<bool, StoreError>;

    /// Removes one; `false` when there is none.
    async fn remove(&self, id: Uuid) -> Result<bool, StoreError>;

    /// The one with the least position of those that are not paused, what waits to be tried again
    /// for them included: what the journal may not drop past.
    async fn slowest(&self) -> Result<Option<Slowest>, StoreError>;
}
