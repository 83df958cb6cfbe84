//! What the homeserver shows of what happened in rooms: its own `/sync` as a user, a room's
//! history page by page, one event.
//!
//! Events go through as the homeserver shows them, in its words; whoever hands them on adds ours.

use async_trait::async_trait;
use serde_json::value::RawValue;

use crate::domain::Result;
use crate::domain::id::{EventId, RoomId, UserId};

/// A long poll of a user's `/sync`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SyncQuery {
    /// An earlier answer's `next_batch`.
    pub since: Option<String>,
    /// How long the homeserver may wait for news, in milliseconds.
    pub timeout_ms: u64,
    /// A filter, as JSON or as the id of one that the user has stored.
    pub filter: Option<String>,
}

/// Which way history is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Direction {
    /// From the newest to the oldest.
    #[default]
    Backwards,
    Forwards,
}

/// A page of a room's history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PageQuery {
    /// Where an earlier page ended; `None` begins at the newest event, or forwards at the oldest.
    pub from: Option<String>,
    pub direction: Direction,
    pub limit: u32,
}

/// What a page holds.
#[derive(Clone, Debug)]
pub struct TimelinePage {
    pub start: String,
    /// Where the next page begins; `None` when there is none.
    pub end: Option<String>,
    /// In the order that was asked for.
    pub chunk: Vec<Box<RawValue>>,
    /// State events that belong to the chunk, such as its senders' memberships.
    pub state: Vec<Box<RawValue>>,
}

/// What the homeserver shows of what happened. `as_user` as in
/// [`Homeserver`](super::Homeserver).
#[async_trait]
pub trait Timeline: Send + Sync {
    /// A user's own `/sync`: the whole answer, as text.
    async fn sync(&self, user: &UserId, query: &SyncQuery) -> Result<String>;

    /// A page of a room's history.
    async fn page(
        &self,
        room: &RoomId,
        query: &PageQuery,
        as_user: Option<&UserId>,
    ) -> Result<TimelinePage>;

    /// From where a room's history is read that is older than an event.
    async fn before(
        &self,
        room: &RoomId,
        event: &EventId,
        as_user: Option<&UserId>,
    ) -> Result<String>;

    /// One event as the connector sees it now; `None` when it is gone or not to be seen.
    async fn event(&self, room: &RoomId, event: &EventId) -> Result<Option<Box<RawValue>>>;
}
