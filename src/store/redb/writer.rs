//! The one writer: a thread that takes what is waiting and commits it once.
//!
//! A request is a closure over the open transaction. All requests of a group share one
//! commit and are answered after it, so that 64 callers pay for one `fsync` together. When a
//! request fails, its group is rolled back and every request runs again on its own: a closure
//! must therefore give the same result when it is called twice. When the disk fails, the
//! group fails whole, and the database is opened anew. This file is the callers' end of the
//! queue; [`thread`] is the other.

mod health;
mod thread;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

use redb::WriteTransaction;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio_util::sync::CancellationToken;

use self::thread::Writer;
use super::audit;
use super::memory::{Memory, Staged};
use super::shared::Shared;
use crate::store::StoreError;
use crate::store::audit::{Along, taken_along};

/// How many requests may wait; a caller beyond them waits to be let in.
const QUEUE: usize = 1_024;
/// What a request may use.
pub struct Work<'a> {
    pub txn: &'a WriteTransaction,
    pub memory: &'a Memory,
    pub staged: Staged,
    durable: bool,
}

impl<'a> Work<'a> {
    fn new(txn: &'a WriteTransaction, memory: &'a Memory) -> Self {
        Self {
            txn,
            memory,
            staged: memory.stage(),
            durable: false,
        }
    }

    /// Says that what this request wrote must be on the disk when it is answered. What is
    /// written without this may be lost by a crash, together with all that came after it.
    pub fn must_be_durable(&mut self) {
        self.durable = true;
    }
}

trait Request: Send {
    fn run(&mut self, work: &mut Work<'_>) -> Result<(), StoreError>;
    fn answer(self: Box<Self>, outcome: Result<(), StoreError>);
}

struct Job<T, F> {
    act: F,
    /// What the audit log is to hold when this has written something that lasts.
    along: Option<Along>,
    result: Option<T>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Request for Job<T, F>
where
    T: Send,
    F: FnMut(&mut Work<'_>) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, work: &mut Work<'_>) -> Result<(), StoreError> {
        let was_durable = std::mem::replace(&mut work.durable, false);
        self.result = Some((self.act)(work)?);
        if let Some(along) = self.along.as_ref().filter(|_| work.durable) {
            // A key is revoked all the same when there is no record of it.
            audit::add_or_say(work, &along.deeds, along.now)?;
        }
        work.durable |= was_durable;
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<(), StoreError>) {
        let Self { result, answer, .. } = *self;
        // The caller may have gone away; its write stands all the same.
        let _ = answer.send(outcome.and_then(|()| result.ok_or_else(closed)));
    }
}

enum Message {
    Request(Box<dyn Request>, OwnedSemaphorePermit),
    /// A reader met an I/O error, after which redb refuses what is not in its cache.
    Recover,
    Close(oneshot::Sender<()>),
}

/// The callers' end of the writer. Dropping it ends the thread and closes the database.
pub struct WriterHandle {
    /// `None` only while it is dropped.
    queue: Option<Sender<Message>>,
    places: Arc<Semaphore>,
    thread: Option<JoinHandle<()>>,
    /// Cancelled when the thread ends, however it does.
    ended: CancellationToken,
    /// Whether a [`Message::Recover`] is on its way.
    recovering: Arc<AtomicBool>,
}

impl WriterHandle {
    /// Starts the thread.
    pub fn start(shared: Arc<Shared>) -> Result<Self, StoreError> {
        let (queue, waiting) = std::sync::mpsc::channel();
        let recovering = Arc::new(AtomicBool::new(false));
        let writer = Writer::new(shared, waiting, Arc::clone(&recovering));
        let ended = CancellationToken::new();
        let guard = ended.clone().drop_guard();
        let run = move || {
            let _guard = guard;
            writer.run();
        };
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(run)
            .map_err(|error| StoreError::Unavailable(format!("no thread: {error}")))?;
        Ok(Self {
            queue: Some(queue),
            places: Arc::new(Semaphore::new(QUEUE)),
            thread: Some(thread),
            ended,
            recovering,
        })
    }

    /// Runs a closure in the next group and waits for the commit. The closure may run more
    /// than once; it still counts when the caller stops waiting.
    pub async fn run<T, F>(&self, act: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Work<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(|_| closed())?;
        let (answer, answered) = oneshot::channel();
        let job = Job {
            act,
            along: taken_along(),
            result: None,
            answer,
        };
        self.send(Message::Request(Box::new(job), place))?;
        answered.await.map_err(|_| closed())?
    }

    /// Asks for the database to be looked at, and opened anew if it does not work.
    pub fn recover(&self) {
        if !self.recovering.swap(true, Ordering::AcqRel) {
            // A writer that is gone has closed the database already.
            let _ = self.send(Message::Recover);
        }
    }

    /// Waits for what was asked for before, then ends the thread and closes the database.
    pub async fn close(&self) {
        let (answer, answered) = oneshot::channel();
        if self.send(Message::Close(answer)).is_ok() {
            let _ = answered.await;
        }
    }

    /// Waits for the thread's end.
    pub async fn closed(&self) {
        self.ended.cancelled().await;
    }

    fn send(&self, message: Message) -> Result<(), StoreError> {
        let queue = self.queue.as_ref().ok_or_else(closed)?;
        queue.send(message).map_err(|_| closed())
    }
}

impl Drop for WriterHandle {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has said so itself.
            let _ = thread.join();
        }
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}
