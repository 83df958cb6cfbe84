//! What the tasks that read and the thread that writes share: the open database and the
//! memory beside it.
//!
//! A reader holds the database for the time of one read; the writer takes it away only to
//! close it or to open it anew after an I/O error.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use redb::{Database, ReadTransaction, ReadableDatabase};
use tokio::sync::watch;

use super::medium::Medium;
use super::memory::Memory;
use super::migrations;
use crate::clock::Clock;
use crate::domain::id::Seq;
use crate::store::StoreError;

/// The shared part of a store.
pub struct Shared {
    medium: Box<dyn Medium>,
    clock: Clock,
    /// `None` while it is closed.
    database: RwLock<Option<Database>>,
    memory: RwLock<Memory>,
    /// The journal's head, for those who wait for it to move.
    bell: watch::Sender<Seq>,
    opened_in_ms: AtomicU64,
    /// Whether the last write failed.
    failing: AtomicBool,
}

impl Shared {
    /// Opens the store of a medium.
    pub fn open(medium: Box<dyn Medium>, clock: Clock) -> Result<Self, StoreError> {
        let shared = Self {
            medium,
            clock,
            database: RwLock::default(),
            memory: RwLock::default(),
            bell: watch::Sender::default(),
            opened_in_ms: AtomicU64::new(0),
            failing: AtomicBool::new(false),
        };
        shared.reopen()?;
        Ok(shared)
    }

    /// Closes the database, if it is open, and opens it with all that is in memory. Reads
    /// wait meanwhile.
    pub fn reopen(&self) -> Result<(), StoreError> {
        let begun = self.clock.instant();
        let mut held = self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        // The file is locked until the old one is gone.
        drop(held.take());
        let database = self.medium.open()?;
        migrations::run(&database, &self.medium.name())?;
        let mut loaded = Memory::load(&database)?;
        loaded.era = self.memory().era + 1;
        *self.memory.write().unwrap_or_else(PoisonError::into_inner) = loaded;
        *held = Some(database);
        drop(held);
        self.bell.send_replace(self.memory().head);
        let took = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.opened_in_ms.store(took, Ordering::Relaxed);
        Ok(())
    }

    /// Closes the database. redb makes durable what is not, and notes that it was closed, so
    /// that the next opening checks nothing.
    pub fn close(&self) -> Result<(), StoreError> {
        let taken = self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match taken.map(Database::close) {
            None | Some(Ok(())) => Ok(()),
            Some(Err(error)) => Err(super::errors::opening(&self.medium.name(), error)),
        }
    }

    /// Whether there is no open database.
    pub fn is_closed(&self) -> bool {
        self.database
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .is_none()
    }

    /// Does something with the open database.
    pub fn with_database<T>(
        &self,
        act: impl FnOnce(&Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let held = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let database = held
            .as_ref()
            .ok_or_else(|| StoreError::Unavailable("the store is closed".to_owned()))?;
        act(database)
    }

    /// Reads from one snapshot.
    pub fn read<T>(
        &self,
        act: impl FnOnce(&ReadTransaction) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.with_database(|database| act(&database.begin_read()?))
    }

    /// The memory as of the last commit.
    pub fn memory(&self) -> RwLockReadGuard<'_, Memory> {
        self.memory.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the memory; for the writer alone, after a commit.
    pub fn change_memory(&self, act: impl FnOnce(&mut Memory)) {
        let head = {
            let mut memory = self.memory.write().unwrap_or_else(PoisonError::into_inner);
            act(&mut memory);
            memory.head
        };
        self.bell
            .send_if_modified(|rung| std::mem::replace(rung, head) != head);
    }

    /// Rings when the journal has grown, and when the database was opened anew.
    pub fn bell(&self) -> watch::Receiver<Seq> {
        self.bell.subscribe()
    }

    /// Whether the medium takes writes, apart from the database.
    pub fn probe(&self) -> Result<(), String> {
        self.medium.probe()
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    pub fn bytes(&self) -> u64 {
        self.medium.bytes()
    }

    pub fn opened_in_ms(&self) -> u64 {
        self.opened_in_ms.load(Ordering::Relaxed)
    }

    pub fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    pub fn set_failing(&self, failing: bool) {
        self.failing.store(failing, Ordering::Relaxed);
    }
}
