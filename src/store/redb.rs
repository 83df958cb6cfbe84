//! The redb backend.

mod accounts;
mod apply;
mod creations;
mod errors;
mod index;
mod journal;
mod keys;
mod medium;
mod memory;
mod migrations;
mod pages;
mod records;
mod shared;
mod subscriptions;
mod tables;
mod writer;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use redb::ReadTransaction;

use self::medium::{FileMedium, Medium, MemoryMedium};
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
    let redb = Arc::new(Redb { shared, writer });
    Ok(Store {
        journal: redb.clone(),
        index: redb.clone(),
        accounts: redb.clone(),
        creations: redb.clone(),
        subscriptions: redb.clone(),
        closer: redb,
    })
}

/// An open store; its parts are the traits that it has.
struct Redb {
    shared: Arc<Shared>,
    writer: WriterHandle,
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
