//! What daarion keeps, as traits in domain words.
//!
//! Every method is one atomic operation: it happened whole and is as durable as its trait
//! says, or it did not happen. No transaction and no type of a backend leaves a backend, so
//! that another one is a new folder, an arm in [`open`] and one line of the contract suite.

pub mod accounts;
pub mod api_keys;
pub mod audit;
#[cfg(test)]
mod contract;
pub mod creations;
pub mod idempotency;
pub mod index;
pub mod invites;
pub mod journal;
pub mod microdaos;
pub mod moderation;
pub mod receptions;
pub mod redb;
pub mod scheduled;
pub mod service_tokens;
pub mod sessions;
pub mod subscriptions;
pub mod webhooks;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use accounts::Accounts;
pub use api_keys::ApiKeys;
pub use audit::Audit;
pub use creations::{Creation, Creations};
pub use idempotency::Idempotency;
pub use index::{ActivityMap, ClearTo, Index, MemberQuery, MessageQuery, RenderedPage};
pub use invites::InviteLinks;
pub use journal::{Append, Appended, Journal, OriginOf, Placed, SkippedReport};
pub use microdaos::Microdaos;
pub use moderation::Moderation;
pub use receptions::Receptions;
pub use scheduled::ScheduledMessages;
pub use service_tokens::ServiceTokens;
pub use sessions::Sessions;
pub use subscriptions::{Slowest, Subscription, Subscriptions};
pub use webhooks::Webhooks;

/// Why a store operation failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk is full or fails, or the file cannot be opened.
    #[error("{0}")]
    Unavailable(String),
    /// Another process has the file open.
    #[error("{path} is in use by another process; is daarion running already?")]
    Locked { path: String },
    /// The file was written by a newer daarion.
    #[error(
        "{path} has store format {found}, this daarion knows formats up to {known}; \
         install a newer daarion"
    )]
    Newer {
        path: String,
        found: u64,
        known: u64,
    },
    /// What is stored cannot be what was written.
    #[error("stored data is damaged: {0}")]
    Damaged(String),
    /// A row that must be unique exists already.
    #[error("{0}")]
    Exists(String),
    /// The journal's oldest events, which were asked for, have been dropped.
    #[error("the journal's beginning is past its retention; use --from-homeserver")]
    Trimmed,
    /// Events between the index's position and those to be applied were left out.
    #[error("the index is at position {position}; read the journal from there")]
    Behind { position: u64 },
}

impl From<StoreError> for crate::domain::Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Exists(what) => Self::Conflict(what),
            StoreError::Trimmed => Self::Conflict(error.to_string()),
            StoreError::Damaged(what) => Self::Internal(format!("stored data is damaged: {what}")),
            other => Self::StoreUnavailable(other.to_string()),
        }
    }
}

/// All that daarion keeps, each part behind its trait.
#[derive(Clone)]
pub struct Store {
    pub journal: Arc<dyn Journal>,
    pub index: Arc<dyn Index>,
    pub accounts: Arc<dyn Accounts>,
    pub api_keys: Arc<dyn ApiKeys>,
    pub audit: Arc<dyn Audit>,
    pub creations: Arc<dyn Creations>,
    pub idempotency: Arc<dyn Idempotency>,
    pub invites: Arc<dyn InviteLinks>,
    pub microdaos: Arc<dyn Microdaos>,
    pub moderation: Arc<dyn Moderation>,
    pub receptions: Arc<dyn Receptions>,
    pub scheduled: Arc<dyn ScheduledMessages>,
    pub service_tokens: Arc<dyn ServiceTokens>,
    pub sessions: Arc<dyn Sessions>,
    pub subscriptions: Arc<dyn Subscriptions>,
    pub webhooks: Arc<dyn Webhooks>,
    /// Ends the store's threads and closes its file; part of the drain at the end.
    pub closer: Arc<dyn Closer>,
}

/// What the operator sees of the store itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoreStatus {
    /// Size of the file in bytes; zero for one in memory.
    pub bytes: u64,
    /// Format of the file.
    pub format: u64,
    /// How long opening took, in milliseconds.
    pub opened_in_ms: u64,
    /// Whether the last write failed.
    pub failing: bool,
}

/// The life of a store.
#[async_trait::async_trait]
pub trait Closer: Send + Sync {
    /// Waits for what is being written, then closes; later calls fail as unavailable.
    async fn close(&self);

    /// Waits until nothing can be written any more: it was closed, or its writer broke off.
    async fn closed(&self);

    /// Size, format and health.
    fn status(&self) -> StoreStatus;
}

/// Opens the store of a data directory, which must exist, and migrates it.
pub fn open(data_dir: &Path) -> Result<Store, StoreError> {
    redb::open(&file(data_dir))
}

/// The store's file in a data directory.
#[must_use]
pub fn file(data_dir: &Path) -> PathBuf {
    data_dir.join("daarion.redb")
}

/// A store in memory, for tests and for what is never kept.
pub fn in_memory() -> Result<Store, StoreError> {
    redb::in_memory()
}
