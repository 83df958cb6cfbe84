//! The redb backend: one file, one writer, many readers.
//!
//! Begin with `tables`, what the file holds, and `writer`, how it changes. A read is one
//! snapshot on the caller's task; `shared` is what both sides hold. No redb type leaves
//! this folder.
//!
//! # Settings, and the figures that chose them
//! - **Dense records.** What is written with every message has names of one letter or none. A million
//!   messages are 1.1 GB with the whole journal, and were 2.3 GB: a kill while it writes costs half as
//!   much, and no commit of theirs needs quick repair.
//! - **One-phase commits.** A durable commit into a file of 2.3 GB took 0.19 ms in one phase,
//!   0.29 ms in two and 0.44 ms with quick repair, side by side with an `fdatasync` of
//!   0.15 ms (the last is twice the first on slower disks, too); each message that is sent
//!   waits for one. So quick repair is for the moment when the writer rests, and for files so
//!   large that reading them whole after a kill would take too long (`writer::thread`).
//! - **The index without `fsync`.** Applying one message takes 0.07 ms so, 0.5 ms with one.
//!   What a crash takes is read from the journal again; the next append makes it durable.
//! - **Nothing for repeats.** A message that we sent comes back by push; that it is known is
//!   seen in memory or by one read, without the writer.
//! - **A cache of 4 MiB.** Whatever fits is filled by the first healing and stays: the idle
//!   process on this index has 22 MB with 4 MiB, 27 to 29 MB with 6 or 8. What it costs: a list
//!   of 50 reads eight to fifteen pages of the tree, most of them through the kernel, which was
//!   more than half of its 115 µs. So the newest pages, which most lists ask for, are held ready
//!   to be sent beside it ([`newest`]): 38 µs.
//! - **A message that we sent is one commit.** The index takes it over with its append, since the
//!   caller waits for both; and so it does with a few that are pushed, since one commit is cheaper,
//!   unless they come so fast that it pays to let them gather.
//! - **Rows of known events that gather.** Their keys are random, so that few of one step share a page.
//!   More of them do that are held in memory and written in the order of their keys ([`met`]).
//! - **No name of a transaction that its events tell.** It would be two more pages of each commit.
//!
//! # What it does
//! `cargo bench --bench store`, 1,000,000 messages in 100 channels, the whole journal kept,
//! 2026-11-22, two virtual cores on ext4. The disk's `fdatasync` of 4 KiB swung between
//! 0.15 and 3.2 ms, and other work took up to two thirds of the machine, so: from the
//! quietest run to the busiest. Newer than these are the dense records, the held pages, which answer
//! the second and further lists of a channel, and the one commit of a few messages that are sent or
//! pushed.
//!
//! | | |
//! |---|---|
//! | ingest, transactions of 100 events, durable, the index following | 22,000–17,000 events/s |
//! | one append, durable | 0.2–2.2 ms |
//! | 64 callers, one event each, durable | 32,000–12,000/s |
//! | applying to the index, 100 at once; 500 at once | 39,000–24,000/s; 42,000–32,000/s |
//! | the newest 50 messages of a channel, ready to send | 17–25 µs |
//! | opening after a clean stop, or a kill while idle | 0–5 ms |
//! | opening after a kill while it writes | 1.3–2.4 s |
//! | memory of the process, opened; after 2,000 lists | 5 MB; 12 MB |
//! | making the index anew of the journal | 57,000–70,000 events/s |
//! | the file | 2.3 GB, of it in use 1.6 GB |

mod accounts;
mod agents;
mod api_keys;
mod apply;
mod audit;
mod creations;
mod errors;
mod idempotency;
mod index;
mod invites;
mod journal;
mod keys;
mod medium;
mod memory;
mod met;
mod microdaos;
mod migrations;
mod moderation;
mod newest;
mod operators;
mod pages;
mod reception;
mod records;
mod scheduled;
mod sendings;
mod service_tokens;
mod sessions;
mod shared;
mod signing_keys;
mod subscriptions;
mod tables;
mod webhooks;
mod writer;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use redb::ReadTransaction;

use self::medium::{FileMedium, Medium, MemoryMedium};
use self::met::Met;
use self::newest::NewestPages;
use self::shared::Shared;
use self::writer::WriterHandle;
use super::{Closer, Store, StoreError, StoreStatus};
use crate::clock::Clock;

/// Opens the store in a file, which is made when it is missing.
pub fn open(path: &Path) -> Result<Store, StoreError> {
    open_medium(Box::new(FileMedium::new(path.to_owned())))
}

/// A store in memory.
pub fn in_memory() -> Result<Store, StoreError> {
    open_medium(Box::new(MemoryMedium::default()))
}

fn open_medium(medium: Box<dyn Medium>) -> Result<Store, StoreError> {
    let shared = Arc::new(Shared::open(medium, Clock::system())?);
    let writer = WriterHandle::start(Arc::clone(&shared))?;
    let redb = Arc::new(Redb {
        shared,
        writer,
        newest: NewestPages::default(),
    });
    Ok(Store {
        journal: redb.clone(),
        index: redb.clone(),
        accounts: redb.clone(),
        api_keys: redb.clone(),
        audit: redb.clone(),
        creations: redb.clone(),
        idempotency: redb.clone(),
        invites: redb.clone(),
        microdaos: redb.clone(),
        moderation: redb.clone(),
        receptions: redb.clone(),
        scheduled: redb.clone(),
        service_tokens: redb.clone(),
        sessions: redb.clone(),
        subscriptions: redb.clone(),
        webhooks: redb.clone(),
        closer: redb,
    })
}

/// An open store; its parts are the traits that it has.
struct Redb {
    shared: Arc<Shared>,
    writer: WriterHandle,
    newest: NewestPages,
}

impl Redb {
    /// Reads from one snapshot on the caller's task: for reads with a bound, which take
    /// microseconds.
    fn read<T>(
        &self,
        act: impl FnOnce(&ReadTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let result = self.shared.read(act);
        if matches!(result, Err(StoreError::Unavailable(_))) {
            self.writer.recover();
        }
        result
    }

    /// Reads from one snapshot, with the rows that the table of known events lacked before it.
    fn read_with_met<T>(
        &self,
        act: impl FnOnce(&ReadTransaction, &Met) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let met = Arc::clone(&self.shared.memory().met);
        self.read(|txn| act(txn, &met))
    }

    /// Reads from one snapshot on a thread for blocking work: for scans without a bound.
    async fn scan<T: Send + 'static>(
        &self,
        act: impl FnOnce(&ReadTransaction) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.shared);
        let scanned = tokio::task::spawn_blocking(move || shared.read(act)).await;
        let result = scanned.unwrap_or_else(|error| {
            Err(StoreError::Unavailable(format!(
                "a scan broke off: {error}"
            )))
        });
        if matches!(result, Err(StoreError::Unavailable(_))) {
            self.writer.recover();
        }
        result
    }
}

#[async_trait]
impl Closer for Redb {
    async fn close(&self) {
        self.writer.close().await;
    }

    async fn closed(&self) {
        self.writer.closed().await;
    }

    fn status(&self) -> StoreStatus {
        StoreStatus {
            bytes: self.shared.bytes(),
            format: migrations::KNOWN,
            opened_in_ms: self.shared.opened_in_ms(),
            failing: self.shared.is_failing(),
        }
    }
}

#[cfg(test)]
mod tests;
