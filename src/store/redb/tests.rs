//! The contract of a store on a redb file and on redb in memory, and what only this backend
//! has: a file that can be held, foreign, damaged or on a disk that fails.

mod concealed;
mod damage;
mod faults;
mod fixture;
mod forged;
mod met;
mod opening;
mod webhooks;

use std::path::PathBuf;

use async_trait::async_trait;
use redb::StorageBackend;
use tempfile::TempDir;

use super::medium::MemoryMedium;
use super::{open, open_medium};
use crate::store::Store;
use crate::store::contract::{Ground, store_contract};

store_contract!(file, FileGround::new());
store_contract!(memory, MemoryGround::default());

/// A file in a directory that goes away with the test.
struct FileGround {
    directory: TempDir,
    generation: u32,
}

impl FileGround {
    fn new() -> Self {
        Self {
            directory: TempDir::new().expect("a directory"),
            generation: 0,
        }
    }

    fn path(&self) -> PathBuf {
        self.directory
            .path()
            .join(format!("{}.redb", self.generation))
    }
}

#[async_trait]
impl Ground for FileGround {
    async fn open(&self) -> Store {
        open(&self.path()).expect("the store opens")
    }

    /// What has reached the kernel outlives the process: the file as it stands.
    async fn kill(&mut self, store: Store) -> Store {
        let from = self.path();
        self.generation += 1;
        std::fs::copy(from, self.path()).expect("copied");
        drop(store);
        self.open().await
    }
}

#[derive(Default)]
struct MemoryGround(MemoryMedium);

#[async_trait]
impl Ground for MemoryGround {
    async fn open(&self) -> Store {
        open_medium(Box::new(self.0.clone())).expect("the store opens")
    }

    async fn kill(&mut self, store: Store) -> Store {
        self.0 = snapshot(&self.0);
        drop(store);
        self.open().await
    }
}

/// The bytes of a medium at this moment, as a medium of its own.
fn snapshot(medium: &MemoryMedium) -> MemoryMedium {
    let copy = MemoryMedium::default();
    let length = medium.len().expect("memory has a length");
    let mut bytes = vec![0; usize::try_from(length).expect("it is in memory")];
    medium.read(0, &mut bytes).expect("memory is read");
    copy.set_len(length).expect("memory grows");
    copy.write(0, &bytes).expect("memory is written");
    copy
}
