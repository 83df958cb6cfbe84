//! The writer's thread: gathers groups, commits them, and recovers from a failing disk.
//!
//! After an I/O error redb refuses every write, and every read that is not in its cache,
//! until the database is opened anew. That is done at once, so that reads go on; writes are
//! tried again when the next one comes, and after repeated failures only now and then.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use redb::Durability;
use tokio::sync::oneshot;

use super::health::Health;
use super::{Message, Request, Work};
use crate::store::StoreError;
use crate::store::redb::memory::Staged;
use crate::store::redb::met;
use crate::store::redb::shared::Shared;

/// The most requests that share a commit. More would make the first ones wait.
const GROUP: usize = 256;

/// From this size of the file on, every durable commit also writes down which pages are free.
/// That doubles its cost, but a process that is killed while it writes then opens the file at
/// once. A smaller file is read whole for that, 1 GiB in 0.6 to 1.8 s, and has it written down only
/// when the writer rests.
const FULL_CHECK_BYTES: u64 = 3 << 29;

/// How long the writer is idle before it makes durable what is not.
const IDLE: Duration = Duration::from_millis(250);

/// Why a group was rolled back.
enum Failure {
    /// The disk or the database: nothing can be written until it is opened anew.
    Disk(String),
    /// One of the requests; the others have nothing to do with it.
    Request(StoreError),
}

impl Failure {
    fn disk(error: impl std::fmt::Display) -> Self {
        Self::Disk(error.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(reason) => Self::Disk(reason),
            other => Self::Request(other),
        }
    }
}

/// The state of the thread.
pub struct Writer {
    shared: Arc<Shared>,
    waiting: Receiver<Message>,
    recovering: Arc<AtomicBool>,
    /// Whether something is committed that is not durable, or not ready for a quick repair, or rows
    /// of known events are held in memory alone.
    unsettled: bool,
    /// Whether the writer has begun to settle, and nobody has come since.
    resting: bool,
    /// Whether the table of known events is damaged: its rows stay in memory.
    holds_rows: bool,
    health: Health,
}

type Group = Vec<Box<dyn Request>>;

impl Writer {
    pub fn new(
        shared: Arc<Shared>,
        waiting: Receiver<Message>,
        recovering: Arc<AtomicBool>,
    ) -> Self {
        let unsettled = shared.memory().lacks_rows();
        Self {
            unsettled,
            shared,
            waiting,
            recovering,
            resting: false,
            holds_rows: false,
            health: Health::default(),
        }
    }

    /// Serves until it is told to close, or no caller is left.
    pub fn run(mut self) {
        loop {
            let mut group = Group::new();
            let mut closing = None;
            match self.next() {
                Some(message) => self.take(message, &mut group, &mut closing),
                None => closing = Some(None),
            }
            while group.len() < GROUP
                && closing.is_none()
                && let Ok(message) = self.waiting.try_recv()
            {
                self.take(message, &mut group, &mut closing);
            }
            self.serve(group);
            if self.shared.memory().is_far_behind() {
                self.write_rows();
            }
            if let Some(answer) = closing {
                self.close(answer);
                return;
            }
        }
    }

    /// Waits for a message. When none comes for a while, makes everything durable, and asks a
    /// disk that has failed whether it is well again: nobody else may come to find out.
    fn next(&mut self) -> Option<Message> {
        loop {
            let now = self.shared.clock().instant();
            let limit = match self.health.pause(now) {
                Some(pause) => pause.max(IDLE),
                None if self.unsettled && self.resting => Duration::ZERO,
                None if self.unsettled => IDLE,
                None => return self.waiting.recv().ok(),
            };
            match self.waiting.recv_timeout(limit) {
                Ok(message) => {
                    self.resting = false;
                    return Some(message);
                }
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => self.rest(),
            }
        }
    }

    fn take(
        &mut self,
        message: Message,
        group: &mut Group,
        closing: &mut Option<Option<oneshot::Sender<()>>>,
    ) {
        match message {
            Message::Request(request, place) => {
                drop(place);
                group.push(request);
            }
            Message::Recover => self.look_after(),
            Message::Close(answer) => *closing = Some(Some(answer)),
        }
    }

    fn close(mut self, answer: Option<oneshot::Sender<()>>) {
        while self.has_rows() && self.write_rows() {}
        if let Err(error) = self.shared.close() {
            tracing::error!(%error, "the store did not close well; it will be checked at the next start");
        }
        if let Some(answer) = answer {
            let _ = answer.send(());
        }
    }

    /// Runs a group, and when one of its requests fails, each on its own.
    fn serve(&mut self, mut group: Group) {
        if group.is_empty() {
            return;
        }
        if let Err(reason) = self.have_database() {
            return refuse(group, &reason);
        }
        match self.attempt(&mut group) {
            Ok(()) => group.into_iter().for_each(|request| request.answer(Ok(()))),
            Err(Failure::Disk(reason)) => self.failed(group, &reason),
            Err(Failure::Request(error)) => match <[_; 1]>::try_from(group) {
                Ok([request]) => request.answer(Err(error)),
                Err(group) => group
                    .into_iter()
                    .for_each(|request| self.serve(vec![request])),
            },
        }
    }

    /// One transaction with all of the group.
    fn attempt(&mut self, group: &mut Group) -> Result<(), Failure> {
        let begun = self
            .shared
            .with_database(|database| Ok(database.begin_write()?));
        let mut txn = begun.map_err(Failure::disk)?;
        let (staged, durable) = {
            let memory = self.shared.memory();
            let mut work = Work::new(&txn, &memory);
            for request in group {
                // Dropping the transaction rolls it back.
                request.run(&mut work)?;
            }
            (work.staged, work.durable)
        };
        // Holds for durable commits alone.
        let quick = durable && self.shared.bytes() >= FULL_CHECK_BYTES;
        txn.set_quick_repair(quick);
        if durable {
            // Those of the group that need not be durable can go on alone.
            self.may_try_the_disk().map_err(Failure::Request)?;
        } else {
            txn.set_durability(Durability::None)
                .map_err(Failure::disk)?;
        }
        txn.commit().map_err(Failure::disk)?;
        if durable {
            self.succeeded();
        }
        self.shared.change_memory(|memory| memory.absorb(staged));
        self.unsettled = !quick || self.has_rows();
        Ok(())
    }

    /// One step to where everything is on the disk, so that whoever comes need not wait for all.
    fn rest(&mut self) {
        self.resting = true;
        if !self.has_rows() || !self.write_rows() {
            self.settle();
            self.resting = false;
        }
    }

    /// Whether there are rows to write.
    fn has_rows(&self) -> bool {
        !self.holds_rows && self.shared.memory().lacks_rows()
    }

    /// Writes some of the rows that the table of known events lacks; says whether it has. What a
    /// crash takes of them is made of the journal again.
    fn write_rows(&mut self) -> bool {
        if self.holds_rows || self.health.is_failing() || self.shared.is_closed() {
            return false;
        }
        match self.write_some_rows() {
            Ok(staged) => {
                self.shared.change_memory(|memory| memory.absorb(staged));
                self.unsettled = true;
                true
            }
            Err(Failure::Disk(reason)) => {
                self.failed(Group::new(), &reason);
                false
            }
            // It keeps nobody from writing elsewhere.
            Err(Failure::Request(error)) => {
                tracing::error!(%error, "rows of known events stay in memory");
                self.holds_rows = true;
                false
            }
        }
    }

    fn write_some_rows(&self) -> Result<Staged, Failure> {
        let begun = self
            .shared
            .with_database(|database| Ok(database.begin_write()?));
        let mut txn = begun.map_err(Failure::disk)?;
        let staged = {
            let memory = self.shared.memory();
            let mut work = Work::new(&txn, &memory);
            met::write_some(&mut work)?;
            work.staged
        };
        txn.set_durability(Durability::None)
            .map_err(Failure::disk)?;
        txn.commit().map_err(Failure::disk)?;
        Ok(staged)
    }

    /// Commits durably what is not durable yet, in the way that lets the file be opened at
    /// once after a kill.
    fn settle(&mut self) {
        if self.may_try_the_disk().is_err() {
            return;
        }
        let settled = self.shared.with_database(|database| {
            let mut txn = database.begin_write()?;
            txn.set_quick_repair(true);
            Ok(txn.commit()?)
        });
        match settled {
            Ok(()) => {
                self.unsettled = false;
                self.succeeded();
            }
            Err(error) => self.failed(Group::new(), &error.to_string()),
        }
    }

    fn succeeded(&mut self) {
        if self.health.succeeded() {
            tracing::info!("the store can be written again");
            self.shared.set_failing(false);
        }
    }

    /// Recovers, and answers that the disk failed: whoever hears of it reads what is left.
    fn failed(&mut self, group: Group, reason: &str) {
        tracing::error!(reason, "the store cannot be written");
        self.shared.set_failing(true);
        self.health.failed(self.shared.clock().instant());
        self.recover();
        refuse(group, reason);
    }

    /// What was not durable is lost by this, together with the index's position, so that the
    /// index reads it from the journal again.
    fn recover(&mut self) {
        if let Err(error) = self.shared.reopen() {
            tracing::error!(%error, "the store cannot be opened");
        }
        self.holds_rows = false;
        self.unsettled = self.has_rows();
    }

    /// Recovers when a reader said that the database does not work, and it does not.
    fn look_after(&mut self) {
        let looked = self.shared.with_database(|database| {
            database.begin_write()?.abort()?;
            Ok(())
        });
        if looked.is_err() && !self.is_paused() {
            self.recover();
        }
        self.recovering.store(false, Ordering::Release);
    }

    fn is_paused(&self) -> bool {
        self.health.is_paused(self.shared.clock().instant())
    }

    /// Opens the database when it could not be opened before.
    fn have_database(&mut self) -> Result<(), String> {
        if !self.shared.is_closed() {
            return Ok(());
        }
        if self.is_paused() {
            return Err("it could not be opened just now".to_owned());
        }
        self.shared.reopen().map_err(|error| {
            self.health.failed(self.shared.clock().instant());
            error.to_string()
        })
    }

    /// Whether a durable commit is worth trying: after a failure the disk is asked first, at
    /// less cost than that of one more failure.
    fn may_try_the_disk(&mut self) -> Result<(), StoreError> {
        if !self.health.is_failing() {
            return Ok(());
        }
        if self.is_paused() {
            let reason = "the store could not be written just now";
            return Err(StoreError::Unavailable(reason.to_owned()));
        }
        self.shared.probe().map_err(|reason| {
            self.health.failed(self.shared.clock().instant());
            StoreError::Unavailable(reason)
        })
    }
}

fn refuse(group: Group, reason: &str) {
    for request in group {
        request.answer(Err(StoreError::Unavailable(reason.to_owned())));
    }
}
