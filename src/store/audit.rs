//! The audit log: records in a chain, and what their reader of the journal goes by.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{StoreError, Subscription};
use crate::domain::audit::{AuditFilter, Deed, Kept, Link, Origin};
use crate::domain::id::{ChannelId, Millis, Seq};

/// The audit log's reader of the journal, as a subscription.
pub const READER: Uuid = Uuid::from_u128(0x6175_6469_7400_4000_8000_0000_0000_0001);

/// The reader, as it begins at a position.
#[must_use]
pub fn reader(position: Seq, created_at: Millis) -> Subscription {
    Subscription {
        id: READER,
        reader: "audit".to_owned(),
        channel: None,
        target: "audit log".to_owned(),
        events: Vec::new(),
        paused: false,
        position,
        created_at,
    }
}

/// What the reader knows of something.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Known {
    /// How it is; `None`: it is no more.
    pub value: Option<String>,
    /// When that came about.
    pub at: Millis,
}

/// Things by their names.
pub type Things = Vec<(String, Known)>;

/// What the reader has seen of the journal: what of it is to be kept, and what things are now.
#[derive(Clone, Debug, Default)]
pub struct Read {
    pub deeds: Vec<Deed>,
    pub now: Things,
    /// The position behind all that was read.
    pub position: Seq,
    /// The reader, when it begins with this.
    pub begins: Option<Subscription>,
}

/// A page of records, the newest first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AuditPage {
    pub items: Vec<Kept>,
    /// Before which record the next page begins. There may be one though this one is not full:
    /// a page looks at so many records and no more.
    pub next: Option<Seq>,
}

/// An append-only log.
#[async_trait]
pub trait Audit: Send + Sync {
    /// Adds records, durably. Answers the number of the last. Fails when the log is damaged.
    async fn add(&self, deeds: Vec<Deed>, now: Millis) -> Result<Seq, StoreError>;

    /// Adds what the reader has read and moves its position, durably and at once when anything is
    /// added. The origins up to there are forgotten. Records that a damaged log cannot take are said
    /// aloud, and hold neither the reader nor the journal up.
    async fn add_read(&self, read: Read, now: Millis) -> Result<(), StoreError>;

    /// What the reader knows of something, by its name.
    async fn seen(&self, name: &str) -> Result<Option<Known>, StoreError>;

    /// Notes how things are before the reader begins; what it knew of others is forgotten when this
    /// is done `afresh`.
    async fn know(&self, things: Things, afresh: bool) -> Result<(), StoreError>;

    /// From where the event at a position comes, when it came from us.
    async fn origin(&self, seq: Seq) -> Result<Option<Origin>, StoreError>;

    /// Records that fit, from the one before `before`, or the newest.
    async fn list(
        &self,
        filter: AuditFilter,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<AuditPage, StoreError>;

    /// Up to `limit` records after a number, in order, whatever is in them.
    async fn read(&self, after: Seq, limit: usize) -> Result<Vec<Kept>, StoreError>;

    /// Where the chain begins, behind what was trimmed, and where it ends.
    async fn ends(&self) -> Result<(Link, Link), StoreError>;

    /// Drops records that are older than `before`, but never the last one: so many at most. Says
    /// how many, and so does a record that is added with it.
    async fn trim(&self, before: Millis, limit: usize, now: Millis) -> Result<u64, StoreError>;
}

/// What is to be kept in the commit of what was done.
pub struct Along {
    pub deeds: Vec<Deed>,
    pub now: Millis,
}

tokio::task_local! {
    static ALONG: Mutex<Option<Along>>;
}

/// Does something to the store, and keeps the deed in the same commit: neither is there without the
/// other. Nothing is kept when the first write of it has nothing to write.
pub async fn along<T>(deeds: Vec<Deed>, now: Millis, effect: impl Future<Output = T>) -> T {
    let along = Mutex::new(Some(Along { deeds, now }));
    ALONG.scope(along, effect).await
}

/// What a backend's next write is to keep, once.
pub(super) fn taken_along() -> Option<Along> {
    let taken = ALONG.try_with(|along| {
        let mut along = along.lock().unwrap_or_else(PoisonError::into_inner);
        along.take()
    });
    taken.ok().flatten()
}

/// The hash of a record.
#[must_use]
pub fn hash(json: &str) -> String {
    Sha256::digest(json)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Names of what the reader knows.
pub mod names {
    use super::ChannelId;

    /// How far the journal may have been when it was noted how things are. Without a value while that
    /// goes on; not there, when it was noted by a daarion that did not say so.
    pub const SOWN: &str = "sown";

    /// Something of a channel.
    #[must_use]
    pub fn of_channel(channel: ChannelId, what: &str) -> String {
        format!("{channel} {what}")
    }

    /// Somebody's membership.
    #[must_use]
    pub fn of_member(channel: ChannelId, user: &str) -> String {
        format!("{channel} member {user}")
    }

    /// Whether somebody is muted.
    #[must_use]
    pub fn of_mute(channel: ChannelId, user: &str) -> String {
        format!("{channel} mute {user}")
    }
}
