//! The journal: everything that has happened, in the order of its arrival.

use async_trait::async_trait;
use tokio::sync::watch;

use super::StoreError;
use crate::domain::audit::Origin;
use crate::domain::event::{Event, NewEvent, Skipped};
use crate::domain::id::{ChannelId, EventId, Millis, Seq};

/// What is appended at once.
#[derive(Clone, Debug, Default)]
pub struct Append {
    /// The name of the homeserver's transaction that brought it, made of its id and what is in
    /// it; one that is known already is a repeat.
    pub transaction: Option<String>,
    pub events: Vec<NewEvent>,
    pub skipped: Vec<Skipped>,
    pub arrived_at: Millis,
    /// The index takes messages over in the same commit, when it has taken over all before
    /// them: for a caller that waits for both, and for so few that it costs less. See
    /// [`Appended::indexed`].
    pub with_index: bool,
    /// From where it comes that some of this was brought about, for the audit log.
    pub origin: Option<OriginOf>,
}

/// From where some of the events of an [`Append`] come: kept with these, also with those that were
/// pushed before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OriginOf {
    pub origin: Origin,
    /// Their places among the events.
    pub events: Vec<usize>,
}

/// Where an event of an [`Append`] stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Placed {
    /// It was new.
    New(Seq),
    /// It was there; `None` when that is so long ago that only the index remembers it.
    Known(Option<Seq>),
}

/// What came of an append.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Appended {
    /// The transaction had been committed before; nothing was done.
    pub repeated: bool,
    /// One for each event, in their order; empty for a repeated transaction.
    pub placed: Vec<Placed>,
    /// The newest position of the journal.
    pub head: Seq,
    /// The index holds the events already.
    pub indexed: bool,
}

impl Appended {
    /// Nothing was done, because the transaction was known.
    #[must_use]
    pub fn repeated(head: Seq) -> Self {
        Self {
            repeated: true,
            placed: Vec::new(),
            head,
            indexed: false,
        }
    }
}

/// How many Matrix events could not be used, and the latest of them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SkippedReport {
    pub count: u64,
    /// Newest first.
    pub latest: Vec<Skipped>,
}

/// An append-only sequence. Only `ingest` appends.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Appends durably and atomically: events, transaction id and skipped events together.
    /// An event whose Matrix event id is in the journal or the index already is dropped,
    /// also when it stands twice in one append. A transaction that brought nothing new is not
    /// remembered: it would bring nothing new again.
    async fn append(&self, append: Append) -> Result<Appended, StoreError>;

    /// Up to `limit` events after a position, in order. One that is damaged is said aloud and
    /// passed over.
    async fn read(&self, after: Seq, limit: usize) -> Result<Vec<Event>, StoreError>;

    /// As [`read`](Self::read), of one channel alone: the events of it among the next `limit`,
    /// and the position behind those.
    async fn read_channel(
        &self,
        channel: ChannelId,
        after: Seq,
        limit: usize,
    ) -> Result<(Vec<Event>, Seq), StoreError>;

    /// Which journal this is: positions of another one mean nothing here. Given once, when the
    /// journal is begun, at random.
    fn id(&self) -> u64;

    /// The newest position; 0 when nothing was ever appended.
    fn head(&self) -> Seq;

    /// Rings whenever there may be something new to read: it holds the head. It rings for every
    /// commit, whether or not its caller still waits, and when the store was opened anew, after
    /// which the index's position may have gone back.
    fn bell(&self) -> watch::Receiver<Seq>;

    /// The oldest position that is kept; `head() + 1` when none is.
    async fn first(&self) -> Result<Seq, StoreError>;

    /// Which of these events have been appended before.
    async fn knows(&self, events: &[EventId]) -> Result<Vec<bool>, StoreError>;

    /// Drops events that arrived before a time and whose position is not past `upto`.
    /// Never one that the index has not applied; of those that it has, also what waits in it for
    /// another event. Says how many. Bounded work a call: call
    /// again until it says 0.
    async fn trim(&self, before: Millis, upto: Seq) -> Result<u64, StoreError>;

    /// Unusable Matrix events: all counted, the latest kept.
    async fn skipped(&self) -> Result<SkippedReport, StoreError>;
}
