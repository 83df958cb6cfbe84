//! Messages that are to be sent at a later time.

use async_trait::async_trait;
use uuid::Uuid;

use super::StoreError;
use crate::domain::entity::Entity;
use crate::domain::id::{ChannelId, Millis};
use crate::domain::scheduled::Scheduled;

/// Where one is to be sent, and whose it is.
pub type Place = (ChannelId, Entity);

/// What is due.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Due {
    /// The earliest first.
    pub items: Vec<Scheduled>,
    /// Whether there is more than was asked for.
    pub has_more: bool,
}

/// Which scheduled messages are past use.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PastUse {
    /// Those that were sent before this time.
    pub sent_before: Millis,
    /// Those that have failed before this time.
    pub failed_before: Millis,
    /// All that are not sent of these channels.
    pub channels: Vec<ChannelId>,
}

#[async_trait]
pub trait ScheduledMessages: Send + Sync {
    /// Adds one, durably, unless its author has as many as they may that are not sent. One of this id
    /// that is there stays as it is. Says whether it is there.
    async fn add(&self, scheduled: Scheduled, most: usize) -> Result<bool, StoreError>;

    /// One by its id.
    async fn get(&self, id: Uuid) -> Result<Option<Scheduled>, StoreError>;

    /// Those of one author, by time.
    async fn of(&self, by: &Entity) -> Result<Vec<Scheduled>, StoreError>;

    /// Writes one anew, durably, when nobody has changed it since it had this revision. Says whether
    /// it did.
    async fn change(&self, scheduled: Scheduled, revision: u64) -> Result<bool, StoreError>;

    /// Removes one, durably, when nobody has changed it since it had this revision. Says whether it did.
    async fn remove(&self, id: Uuid, revision: u64) -> Result<bool, StoreError>;

    /// Those that are pending and are to be looked at by now, up to `limit`, and of one author up to
    /// `each`.
    async fn due(&self, now: Millis, limit: usize, each: usize) -> Result<Due, StoreError>;

    /// When the next one is to be looked at after a time.
    async fn next(&self, after: Millis) -> Result<Option<Millis>, StoreError>;

    /// Forgets those that are past use, some hundreds at most. Says where each was to be sent, and
    /// whose it was; nothing when none is left.
    async fn drop_past_use(&self, past: PastUse) -> Result<Vec<Place>, StoreError>;
}
