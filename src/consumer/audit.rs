//! The audit log's reader of the journal: what happened in channels that is to be kept, whoever did
//! it, by daarion or by a Matrix client, once an event.
//!
//! What daarion itself has done is in the journal with its origin. The homeserver's push may be
//! quicker than our own answer, so an event without an origin waits until the requests that were open
//! when it came have ended. What things were before is what this reader has seen last of them, by the
//! time at which they came about: an event that is older than that makes its record, of which is not
//! known what was before, and changes nothing of what is known. A rebuild tells how things are and makes
//! no records. What cannot be read of the store is left out of a record and holds up nothing.

mod again;
mod deeds;
mod levels;
mod present;
mod seeds;
mod seen;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Notify, watch};
use tokio_util::sync::CancellationToken;

use self::again::is_told_again;
use self::seen::{Seen, readable};
use super::index::Indexed;
use crate::acts::OpenActs;
use crate::clock::Clock;
use crate::directory::Directory;
use crate::domain::audit::{Deed, Origin, Via};
use crate::domain::event::{Event, Source, What};
use crate::domain::id::Seq;
use crate::store::audit::names::SOWN;
use crate::store::audit::{Known, READER, Read, reader};
use crate::store::{Store, StoreError};

/// How many events are read at once.
const BATCH: usize = 500;
/// How long, from then on, the requests may take that were open when an event came.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the reader waits before it tries a failed step again.
const RETRY: Duration = Duration::from_secs(1);
/// How many events without news may be read again after a kill: to note that each was read would cost
/// a commit.
const UNNOTED: Seq = 1_000;
/// After how long without news it notes all the same how far it has read: the journal keeps what is
/// behind that.
const QUIET: Duration = Duration::from_secs(5);
/// How long it waits for the index, which knows whose message was taken away.
const INDEX_WAIT: Duration = Duration::from_secs(30);

/// How long events gather before they are read, while nobody waits for the log.
const GATHER: Duration = Duration::from_millis(50);

/// Tells how far the log has come.
#[derive(Clone)]
pub struct Audited {
    position: watch::Receiver<Seq>,
    asked: Arc<Notify>,
}

impl Audited {
    /// Waits until all up to `seq` is in the log; says whether it came to that in time.
    pub async fn reached(&self, seq: Seq, within: Duration) -> bool {
        self.asked.notify_one();
        let mut position = self.position.clone();
        let reached = position.wait_for(|position| *position >= seq);
        matches!(tokio::time::timeout(within, reached).await, Ok(Ok(_)))
    }
}

/// The reader.
pub struct AuditReader {
    store: Store,
    directory: Arc<Directory>,
    indexed: Indexed,
    acts: Arc<OpenActs>,
    clock: Clock,
    position: watch::Sender<Seq>,
    /// Somebody waits for the log.
    asked: Arc<Notify>,
    /// `None` before the first step.
    progress: Mutex<Option<Progress>>,
}

/// What something was and is.
struct Change {
    /// `None`, too, when that is not known.
    before: Option<String>,
    now: Option<String>,
    /// Whether it came about before what is known already.
    is_late: bool,
    /// Whether it was known already when the log began, beside it: it may be that nothing changed.
    is_sown: bool,
}

/// How far the reader is.
struct Progress {
    read: Seq,
    /// How far it would begin after a kill.
    noted: Seq,
    /// Up to where what is known may be of the events that are read.
    sown_to: Seq,
}

/// Whether an event says of somebody that they have not come along when their channel moved to another
/// room: the homeserver has no event of that.
fn is_left_behind(event: &Event) -> bool {
    event.event.is_none() && matches!(event.what, What::MemberChanged(_))
}

impl AuditReader {
    #[must_use]
    pub fn new(
        store: Store,
        directory: Arc<Directory>,
        indexed: Indexed,
        acts: Arc<OpenActs>,
        clock: Clock,
    ) -> (Self, Audited) {
        let (position, watch) = watch::channel(0);
        let asked = Arc::new(Notify::new());
        let audited = Audited {
            position: watch,
            asked: asked.clone(),
        };
        let reader = Self {
            store,
            directory,
            indexed,
            acts,
            clock,
            position,
            asked,
            progress: Mutex::default(),
        };
        (reader, audited)
    }

    /// Follows the journal until it is told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut bell = self.store.journal.bell();
        loop {
            let step = tokio::select! {
                () = stop.cancelled() => return,
                step = self.step() => step,
            };
            let pause = match step {
                Ok(true) => continue,
                Ok(false) => None,
                Err(error) => {
                    tracing::warn!(%error, "the audit log cannot be written; it is tried again");
                    Some(RETRY)
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = async {
                    match pause {
                        Some(pause) => tokio::time::sleep(pause).await,
                        None => if self.rest(&mut bell).await.is_err() { stop.cancelled().await },
                    }
                } => {}
            }
        }
    }

    /// Waits for news. Fails when there will be none any more.
    async fn rest(&self, bell: &mut watch::Receiver<Seq>) -> Result<(), watch::error::RecvError> {
        match tokio::time::timeout(QUIET, bell.changed()).await {
            Ok(changed) => changed?,
            Err(_) => {
                if let Err(error) = self.note_position().await {
                    tracing::warn!(%error, "how far the audit log has come is not noted");
                }
                bell.changed().await?;
            }
        }
        self.gather().await;
        bell.mark_unchanged();
        Ok(())
    }

    /// Lets events gather, unless somebody waits: one look at many costs less than many looks.
    async fn gather(&self) {
        tokio::select! {
            () = self.asked.notified() => {}
            () = tokio::time::sleep(GATHER) => {}
        }
    }

    /// Notes how far it has read, when it has read more than it has noted.
    async fn note_position(&self) -> Result<(), StoreError> {
        let mut progress = self.progress.lock().await;
        let ahead = progress.as_mut().filter(|it| it.read > it.noted);
        let Some(progress) = ahead else {
            return Ok(());
        };
        let read = Read {
            position: progress.read,
            ..Read::default()
        };
        self.store.audit.add_read(read, self.clock.now()).await?;
        progress.noted = progress.read;
        Ok(())
    }

    /// Takes the next events over; says whether there may be more.
    pub async fn step(&self) -> Result<bool, StoreError> {
        let mut progress = self.progress.lock().await;
        if self.has_lost(progress.as_ref()).await? {
            *progress = None;
        }
        if progress.is_none() {
            *progress = Some(self.begin().await?);
        }
        let Some(progress) = progress.as_mut() else {
            return Ok(false);
        };
        self.position.send_replace(progress.read);
        let events = self.store.journal.read(progress.read, BATCH).await?;
        let Some(last) = events.last().map(|event| event.seq) else {
            return Ok(false);
        };
        let mut seen = Seen::new(&self.store);
        let mut kept = Vec::new();
        for event in &events {
            seen.look(event.seq <= progress.sown_to);
            if event.what.is_audited() {
                let deeds = self.deeds(event, &mut seen).await?;
                let is_new = !is_told_again(event) || !self.is_recorded(event, &kept).await?;
                kept.extend(deeds.into_iter().filter(|_| is_new));
            }
        }
        let read = Read {
            deeds: kept,
            now: seen.into_news(),
            position: last,
            begins: None,
        };
        let is_news = !read.deeds.is_empty() || !read.now.is_empty();
        if is_news || last >= progress.noted + UNNOTED {
            self.store.audit.add_read(read, self.clock.now()).await?;
            progress.noted = last;
        }
        progress.read = last;
        self.position.send_replace(last);
        Ok(events.len() == BATCH)
    }

    /// Whether what was noted is not there any more, because the disk failed before it was durable: then
    /// it is read again.
    async fn has_lost(&self, progress: Option<&Progress>) -> Result<bool, StoreError> {
        let Some(progress) = progress else {
            return Ok(false);
        };
        let stored = self.store.subscriptions.get(READER).await?;
        Ok(stored.is_none_or(|it| it.position < progress.noted))
    }

    /// Where it is; at the first start behind all that there is, which it has to know. What comes while
    /// that is noted, or after a kill in the midst of it, is read as well.
    async fn begin(&self) -> Result<Progress, StoreError> {
        let reader = self.store.subscriptions.get(READER).await?;
        let known = readable(self.store.audit.seen(SOWN).await)?;
        let is_sown = reader.is_some() && known.as_ref().is_none_or(|it| it.value.is_some());
        let position = match reader {
            Some(reader) => reader.position,
            None => self.sign_up().await?,
        };
        let sown_to = match is_sown {
            true => known.and_then(|it| it.value?.parse().ok()).unwrap_or(0),
            false => {
                self.indexed_to(position).await?;
                seeds::sow(&self.store).await?
            }
        };
        Ok(Progress {
            read: position,
            noted: position,
            sown_to,
        })
    }

    /// Begins at the journal's end, and says that it is not noted yet how things are there.
    async fn sign_up(&self) -> Result<Seq, StoreError> {
        let head = self.store.journal.head();
        let read = Read {
            now: vec![(SOWN.to_owned(), Known::default())],
            position: head,
            begins: Some(reader(head, self.clock.now())),
            ..Read::default()
        };
        self.store.audit.add_read(read, self.clock.now()).await?;
        Ok(head)
    }

    /// Waits for the index, without which nothing can be said of an event.
    async fn indexed_to(&self, seq: Seq) -> Result<(), StoreError> {
        match self.indexed.reached(seq, INDEX_WAIT).await {
            true => Ok(()),
            false => Err(StoreError::Unavailable(
                "the index is far behind".to_owned(),
            )),
        }
    }

    /// What an event is to the log: mostly one record, of pins one for each message.
    async fn deeds(&self, event: &Event, seen: &mut Seen<'_>) -> Result<Vec<Deed>, StoreError> {
        if self.is_history(event).await? {
            self.note_present(event, seen).await?;
            return Ok(Vec::new());
        }
        let mut deeds = self.changes(event, seen).await?;
        if deeds.is_empty() {
            return Ok(deeds);
        }
        let origin = self.origin(event).await?;
        let is_connectors = self.is_connectors(&event.what);
        for deed in &mut deeds {
            deed.channel = Some(event.channel);
            deed.event.clone_from(&event.event);
            let is_ours = deed.actor.is_empty();
            // Somebody has asked daarion for it, and by which way is not known any more.
            if is_connectors && !is_ours && origin.via == Via::Matrix {
                continue;
            }
            if let Some(actor) = origin.actor.as_ref().filter(|_| is_ours) {
                deed.actor.clone_from(actor);
            }
            if deed.actor.is_empty() {
                "daarion".clone_into(&mut deed.actor);
            }
            deed.origin = origin.clone();
        }
        Ok(deeds)
    }

    /// Whether an event is no news: it is only read again, or is of a time when its room was no
    /// channel yet.
    async fn is_history(&self, event: &Event) -> Result<bool, StoreError> {
        match event.source {
            Source::Rebuild => Ok(true),
            // Nobody has done it to them: their channel has moved, and that is told.
            _ if is_left_behind(event) => Ok(true),
            Source::Heal => {
                // A channel that was just adopted is known when the index has come to it.
                self.indexed_to(event.seq).await?;
                let channel = self.channel(event.channel).await?;
                Ok(channel.is_some_and(|it| event.what.at() < it.created_at))
            }
            Source::Push | Source::Echo => Ok(false),
        }
    }

    /// From where an event comes.
    async fn origin(&self, event: &Event) -> Result<Origin, StoreError> {
        let noted = async || readable(self.store.audit.origin(event.seq).await);
        if let Some(origin) = noted().await? {
            return Ok(origin);
        }
        if event.source == Source::Echo {
            // Nobody has asked for it.
            return Ok(Origin::default());
        }
        let waited = self.clock.now().saturating_sub(event.arrived_at);
        let left = PATIENCE.saturating_sub(Duration::from_millis(waited));
        self.acts.settled(event.arrived_at, left).await;
        if let Some(origin) = noted().await? {
            return Ok(origin);
        }
        let did = event.event.as_ref().and_then(|it| self.acts.taken(it));
        if let Some(origin) = did {
            return Ok(origin);
        }
        Ok(Origin {
            via: Via::Matrix,
            ..Origin::default()
        })
    }
}
