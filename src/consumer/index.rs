//! Brings the index up to the journal, and the directory's channels up to the index.
//!
//! The only writer of the index. Rebuilding goes through its command queue, so that an
//! apply and a clear can never cross.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::directory::Directory;
use crate::domain::channel::ChannelChange;
use crate::domain::event::{Event, Source, What};
use crate::domain::id::{ChannelId, Seq};
use crate::domain::{Error, Result};
use crate::store::{ClearTo, Store, StoreError};

/// How many events are applied in one step. The journal's appends share the store's one
/// writer with these steps, so a step must stay short.
const BATCH: usize = 500;

/// How long events gather before they are applied, while nobody waits for them: the pages of the
/// index are written once for all of them.
const GATHER: Duration = Duration::from_millis(50);

/// How many channels may wait for whoever follows their being opened and closed.
const DOORS: usize = 256;

/// How long the consumer waits before it tries a failed step again.
const RETRY: Duration = Duration::from_secs(1);

/// Tells how far the index has come, and takes orders to rebuild it.
#[derive(Clone)]
pub struct Indexed {
    position: watch::Receiver<Seq>,
    /// How many wait for it.
    waiting: watch::Sender<usize>,
    commands: mpsc::Sender<Clear>,
    is_replaying: Arc<AtomicBool>,
    doors: broadcast::Sender<ChannelId>,
    memberships: Arc<AtomicU64>,
}

/// Somebody who waits for the index, or will in a moment.
pub struct Waiting(watch::Sender<usize>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

struct Clear {
    to: ClearTo,
    done: oneshot::Sender<Result<(), StoreError>>,
}

impl Indexed {
    /// The position behind the last event in the index.
    #[must_use]
    pub fn position(&self) -> Seq {
        *self.position.borrow()
    }

    /// Lets the index know that its next step is waited for, until this is dropped. For those
    /// who append what they will wait for, so that the step begins with the append.
    #[must_use]
    pub fn waiting(&self) -> Waiting {
        self.waiting.send_modify(|count| *count += 1);
        Waiting(self.waiting.clone())
    }

    /// Waits until the index holds the event at `seq`; says whether it came to that in time.
    pub async fn reached(&self, seq: Seq, within: Duration) -> bool {
        if self.position() >= seq {
            return true;
        }
        let _waiting = self.waiting();
        let mut position = self.position.clone();
        let reached = position.wait_for(|position| *position >= seq);
        matches!(tokio::time::timeout(within, reached).await, Ok(Ok(_)))
    }

    /// The channels that were opened or closed elsewhere from now on. Whoever is too slow misses some.
    #[must_use]
    pub fn doors(&self) -> broadcast::Receiver<ChannelId> {
        self.doors.subscribe()
    }

    /// Whether the index knows less than it did: it is read anew from the journal, and says who was
    /// where, and who had what power, long ago.
    #[must_use]
    pub fn is_replaying(&self) -> bool {
        self.is_replaying.load(Ordering::SeqCst)
    }

    /// Counts how often it has changed who is where: what was made of that is so while this is the same.
    #[must_use]
    pub fn memberships(&self) -> u64 {
        self.memberships.load(Ordering::SeqCst)
    }

    /// Empties the index and lets it fill again.
    pub async fn clear(&self, to: ClearTo) -> Result<()> {
        let (done, outcome) = oneshot::channel();
        let stopped = |_| Error::StoreUnavailable("daarion is stopping".to_owned());
        let clear = Clear { to, done };
        self.commands.send(clear).await.map_err(|_| stopped(()))?;
        Ok(outcome.await.map_err(|_| stopped(()))??)
    }
}

/// The consumer.
pub struct IndexConsumer {
    store: Store,
    directory: Arc<Directory>,
    bell: watch::Receiver<Seq>,
    position: watch::Sender<Seq>,
    waiting: watch::Receiver<usize>,
    commands: mpsc::Receiver<Clear>,
    /// Whether the index may hold what the directory and those who wait for it do not know of.
    is_untold: bool,
    /// Up to where the journal is read again, while it is.
    replay_to: Option<Seq>,
    is_replaying: Arc<AtomicBool>,
    doors: broadcast::Sender<ChannelId>,
    memberships: Arc<AtomicU64>,
}

impl IndexConsumer {
    #[must_use]
    pub fn new(store: Store, directory: Arc<Directory>) -> (Self, Indexed) {
        let (position, watch) = watch::channel(store.index.position());
        let (waiting, waited_for) = watch::channel(0);
        let (sender, commands) = mpsc::channel(1);
        let is_replaying = Arc::new(AtomicBool::new(false));
        let (doors, _) = broadcast::channel(DOORS);
        let memberships = Arc::new(AtomicU64::new(0));
        let indexed = Indexed {
            position: watch,
            waiting,
            commands: sender,
            is_replaying: is_replaying.clone(),
            doors: doors.clone(),
            memberships: memberships.clone(),
        };
        let consumer = Self {
            bell: store.journal.bell(),
            store,
            directory,
            position,
            waiting: waited_for,
            commands,
            is_untold: true,
            replay_to: None,
            is_replaying,
            doors,
            memberships,
        };
        (consumer, indexed)
    }

    /// Applies what the journal has and the index has not, and fills the directory. Part of
    /// the start: nothing is taken in before.
    pub async fn catch_up(&mut self) -> Result<(), StoreError> {
        while self.step().await? > 0 {}
        Ok(())
    }

    /// Follows the journal until it is told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            match self.step().await {
                // There is more.
                Ok(BATCH) => {
                    self.answer_commands().await;
                    continue;
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(%error, "cannot bring the index up to the journal");
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(RETRY) => continue,
                    }
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                changed = self.bell.changed() => match changed {
                    Ok(()) => self.gather().await,
                    Err(_) => return,
                },
                Some(clear) = self.commands.recv() => self.clear(clear).await,
            }
        }
    }

    /// Lets events gather until there are enough of them, or somebody waits.
    async fn gather(&mut self) {
        let enough = self.store.index.position() + BATCH as Seq;
        tokio::select! {
            _ = self.waiting.wait_for(|count| *count > 0) => {}
            _ = self.bell.wait_for(|head| *head >= enough) => {}
            () = tokio::time::sleep(GATHER) => {}
        }
    }

    async fn answer_commands(&mut self) {
        while let Ok(clear) = self.commands.try_recv() {
            self.clear(clear).await;
        }
    }

    /// One step: at most [`BATCH`] events. Says how many.
    async fn step(&mut self) -> Result<usize, StoreError> {
        self.bell.mark_unchanged();
        if self.is_untold {
            self.follow_all().await?;
            self.tell();
        }
        let position = self.store.index.position();
        let events = self.store.journal.read(position, BATCH).await?;
        if events.is_empty() {
            // Messages may have been taken over by the append that brought them.
            if *self.position.borrow() != position {
                self.tell();
            }
            return Ok(0);
        }
        self.is_untold = true;
        for passed_over in self.store.index.apply(&events).await? {
            tracing::warn!(
                reason = passed_over,
                "an event could not be indexed as it is"
            );
        }
        if events
            .iter()
            .any(|it| matches!(it.what, What::MemberChanged(_)))
        {
            self.memberships.fetch_add(1, Ordering::SeqCst);
        }
        match self.replay_to {
            Some(_) => self.follow_all().await?,
            None => {
                self.follow_channels(&events).await?;
                self.tell_of_doors(&events);
            }
        }
        self.tell();
        Ok(events.len())
    }

    /// Tells the directory of all that the index has; while the journal is read again, of nothing
    /// before the end of that. Until then the directory knows better what is so now.
    async fn follow_all(&mut self) -> Result<(), StoreError> {
        let position = self.store.index.position();
        if self.replay_to.is_some_and(|end| position < end) {
            return Ok(());
        }
        self.put_all_channels().await?;
        if self.replay_to.take().is_some() {
            self.is_replaying.store(false, Ordering::SeqCst);
        }
        Ok(())
    }

    /// Tells how far the index has come, the directory having come as far.
    fn tell(&mut self) {
        self.position.send_replace(self.store.index.position());
        self.is_untold = false;
    }

    /// Whoever does it here looks after what follows from it as well.
    fn tell_of_doors(&self, events: &[Event]) {
        let is_door = |event: &&Event| {
            let What::ChannelUpdated { change, .. } = &event.what else {
                return false;
            };
            event.source != Source::Echo
                && matches!(
                    change,
                    ChannelChange::Visibility(_) | ChannelChange::Knockable
                )
        };
        for id in channels_of(events, is_door) {
            let _ = self.doors.send(id);
        }
    }

    async fn follow_channels(&self, events: &[Event]) -> Result<(), StoreError> {
        let touches = |event: &&Event| {
            matches!(
                event.what,
                What::ChannelCreated(_) | What::ChannelUpdated { .. }
            )
        };
        self.follow_levels(events).await?;
        let channels = channels_of(events, touches);
        if channels.len() > 16 {
            return self.put_all_channels().await;
        }
        for id in channels {
            let channel = match self.store.index.channel(id).await {
                Ok(Some(channel)) => channel,
                // It is named where it is applied.
                Ok(None) | Err(StoreError::Damaged(_)) => continue,
                Err(error) => return Err(error),
            };
            // Making one room the default has unmade another, and one alias leads to one channel.
            let by_alias = channel.alias.as_ref();
            let by_alias = by_alias.and_then(|alias| self.directory.channel_by_alias(alias));
            if channel.is_default || by_alias.is_some_and(|other| other.id != id) {
                return self.put_all_channels().await;
            }
            self.directory.put_channel(channel);
        }
        Ok(())
    }

    /// Before the channels, so that what is known of a new one is known with it. Those of a room that a
    /// channel has left are forgotten.
    async fn follow_levels(&self, events: &[Event]) -> Result<(), StoreError> {
        let touches = |event: &&Event| match &event.what {
            What::LevelsChanged { .. } => true,
            What::ChannelUpdated { change, .. } => matches!(change, ChannelChange::Room(_)),
            _ => false,
        };
        for id in channels_of(events, touches) {
            match self.store.index.levels_of(id).await {
                Ok(Some(levels)) => self.directory.put_levels(id, levels),
                Ok(None) => self.directory.forget_levels(id),
                Err(StoreError::Damaged(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes none away.
    async fn put_all_channels(&self) -> Result<(), StoreError> {
        for (id, levels) in self.store.index.levels().await? {
            self.directory.put_levels(id, levels);
        }
        for channel in self.store.index.channels().await? {
            self.directory.put_channel(channel);
        }
        Ok(())
    }

    async fn clear(&mut self, clear: Clear) {
        // A journal that is read again has the same channels: nobody needs to miss them.
        let is_replay = clear.to == ClearTo::JournalStart;
        // Said before it is so: whoever looks at the index meanwhile is not to take it for all.
        self.is_replaying.store(is_replay, Ordering::SeqCst);
        let cleared = self.store.index.clear(clear.to).await;
        if cleared.is_ok() {
            self.memberships.fetch_add(1, Ordering::SeqCst);
            self.replay_to = is_replay.then(|| self.store.journal.head());
            self.tell();
            // An empty journal has no event that would end it.
            self.is_untold = true;
            if !is_replay {
                self.directory.forget_channels();
            }
        } else if self.replay_to.is_none() {
            self.is_replaying.store(false, Ordering::SeqCst);
        }
        let _ = clear.done.send(cleared);
    }
}

/// The channels of these events, each once.
fn channels_of(events: &[Event], is_meant: impl Fn(&&Event) -> bool) -> Vec<ChannelId> {
    let meant = events.iter().filter(is_meant);
    let mut channels: Vec<_> = meant.map(|event| event.channel).collect();
    channels.sort_unstable();
    channels.dedup();
    channels
}
