//! The live hub: turns the journal's events into frames and hands them to those who listen.
//!
//! One task reads the journal and renders each frame once. A listener has a bounded queue;
//! whoever is too slow for it is told so and resumes by `seq` from the journal.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, broadcast, watch};
use tokio_util::sync::CancellationToken;

use super::addressed;
use super::index::Indexed;
use super::told::{Teller, Told};
use crate::directory::Directory;
use crate::domain::channel::{ChannelChange, Visibility};
use crate::domain::event::{Event, What};
use crate::domain::id::{ChannelId, Seq, UserId};
use crate::domain::member::Membership;
use crate::payload;
use crate::store::{Store, StoreError};

/// How many frames may wait for one listener.
const QUEUE: usize = 256;
/// How many events are read at once.
const BATCH: usize = 500;
/// How far back a position may be, in events of all channels. To read the lists anew costs less
/// than to look for a channel's frames among more, whoever pays.
const FAR: u64 = 50_000;
/// How long frames wait for the index, and how long while it is made anew or stands still.
const INDEX_WAIT: Duration = Duration::from_secs(5);
const SHORT_WAIT: Duration = Duration::from_millis(250);
/// How long the hub waits before it reads again after a failure.
const RETRY: Duration = Duration::from_secs(1);

/// A frame as it goes over the wire.
#[derive(Debug)]
pub struct Frame {
    pub seq: Seq,
    pub json: String,
    /// Who may not listen any more from here on.
    pub shuts: Shuts,
    /// Whose deed it tells of, when a bot's: agents are not told of each.
    pub bot: Option<UserId>,
}

/// Whom a frame may shut out of its channel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Shuts {
    Nobody,
    /// Who has left the channel or is banned from it, if they may not know of it so.
    Removed(UserId, Membership),
    /// Everybody who is no member: the channel is private from here on.
    Strangers,
}

impl Shuts {
    fn of(what: &What) -> Self {
        match what {
            What::MemberChanged(member)
                if matches!(
                    member.membership,
                    Membership::Left | Membership::Banned | Membership::Knocking
                ) =>
            {
                Self::Removed(member.user.clone(), member.membership)
            }
            What::ChannelUpdated {
                change: ChannelChange::Visibility(Visibility::Private) | ChannelChange::Knockable,
                ..
            } => Self::Strangers,
            _ => Self::Nobody,
        }
    }
}

impl Frame {
    fn of(told: &Told, directory: &Directory) -> Option<Self> {
        let Told {
            event,
            shown,
            called,
        } = told;
        Some(Self {
            seq: event.seq,
            json: payload::frame(event, shown.as_ref(), called.as_ref())?,
            shuts: Shuts::of(&event.what),
            bot: addressed::bot(directory, &event.what).cloned(),
        })
    }
}

/// Where listeners sign up.
pub struct Hub {
    store: Store,
    /// Knows who is an agent.
    directory: Arc<Directory>,
    indexed: Indexed,
    position: watch::Sender<Seq>,
    channels: Mutex<Channels>,
    /// Rings when somebody signs up.
    sign_up: Notify,
}

type Channels = HashMap<ChannelId, broadcast::Sender<Arc<Frame>>>;

/// What a listener begins with.
pub struct Listener {
    /// Frames from now on. Some may be older than `from`: they are in the journal's part.
    pub frames: broadcast::Receiver<Arc<Frame>>,
    /// Everything up to here is to be read from the journal.
    pub from: Seq,
}

impl Hub {
    /// A hub that hands on what comes after the journal's present end.
    #[must_use]
    pub fn new(store: Store, directory: Arc<Directory>, indexed: Indexed) -> Self {
        let position = watch::Sender::new(store.journal.head());
        Self {
            store,
            directory,
            indexed,
            position,
            channels: Mutex::default(),
            sign_up: Notify::new(),
        }
    }

    /// Signs up for a channel.
    #[must_use]
    pub fn listen(&self, channel: ChannelId) -> Listener {
        let mut channels = self.listened_to();
        if channels.is_empty() {
            // Nobody was there to be told of what has come so far.
            self.position.send_replace(self.store.journal.head());
            self.sign_up.notify_one();
        }
        let sender = channels
            .entry(channel)
            .or_insert_with(|| broadcast::Sender::new(QUEUE));
        // In this order: what is handed out between the two lines is then in both parts,
        // and the listener drops the repeat; the other order would make a gap.
        let frames = sender.subscribe();
        let from = *self.position.borrow();
        Listener { frames, from }
    }

    /// The channels that somebody listens to.
    fn listened_to(&self) -> MutexGuard<'_, Channels> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        channels.retain(|_, sender| sender.receiver_count() > 0);
        channels
    }

    /// The position up to which frames have been handed out to whoever listens.
    #[must_use]
    pub fn position(&self) -> Seq {
        *self.position.borrow()
    }

    /// The frames of a channel in the journal after `after` and up to `upto`, at most one
    /// batch of events' worth, and the position that they reach.
    pub async fn replay(
        &self,
        channel: ChannelId,
        after: Seq,
        upto: Seq,
    ) -> Result<(Vec<Frame>, Seq), StoreError> {
        // A quiet channel has nothing to write in between, and others want the thread, too.
        tokio::task::yield_now().await;
        let journal = &self.store.journal;
        let (events, reached) = journal.read_channel(channel, after, BATCH).await?;
        let mut frames = Vec::new();
        for event in events.iter().take_while(|event| event.seq <= upto) {
            frames.extend(self.frame(event).await?);
        }
        match reached > after {
            true => Ok((frames, reached.min(upto))),
            // What was there has been dropped meanwhile.
            false => Ok((frames, upto)),
        }
    }

    async fn frame(&self, event: &Event) -> Result<Option<Frame>, StoreError> {
        let told = Teller::of(&self.store).tell(&self.directory, event).await?;
        Ok(Frame::of(&told, &self.directory))
    }

    /// The journal that positions are of, as clients see it.
    #[must_use]
    pub fn journal(&self) -> String {
        format!("{:016x}", self.store.journal.id())
    }

    /// The oldest position that can be replayed from.
    pub async fn oldest(&self) -> Result<Seq, StoreError> {
        let kept = self.store.journal.first().await?.saturating_sub(1);
        Ok(kept.max(self.position().saturating_sub(FAR)))
    }

    /// Follows the journal, while anybody listens, until it is told to stop.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut bell = self.store.journal.bell();
        let mut stands_at = None;
        loop {
            if self.listened_to().is_empty() {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.sign_up.notified() => continue,
                }
            }
            bell.mark_unchanged();
            match self.step(&mut stands_at).await {
                Ok(0) => tokio::select! {
                    () = stop.cancelled() => return,
                    changed = bell.changed() => if changed.is_err() { return },
                },
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(%error, "cannot read the journal for the live streams");
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(RETRY) => {}
                    }
                }
            }
        }
    }

    /// Hands on what comes next. `stands_at` is where the index stood when it was waited for in vain.
    async fn step(&self, stands_at: &mut Option<Seq>) -> Result<usize, StoreError> {
        let events = self.store.journal.read(self.position(), BATCH).await?;
        let Some(last) = events.last().map(|event| event.seq) else {
            return Ok(0);
        };
        // Who is told of something may look for it at once, however busy the disk is. While the index
        // is made anew, or cannot go on, the news is more than the list, so the wait is short.
        let stands = *stands_at == Some(self.indexed.position());
        let wait = match stands || self.indexed.is_replaying() {
            true => SHORT_WAIT,
            false => INDEX_WAIT,
        };
        let is_there = self.indexed.reached(last, wait).await;
        *stands_at = (!is_there).then(|| self.indexed.position());
        let mut told = Frames::new();
        loop {
            // Somebody may sign up meanwhile, who is to be told of all of these as well.
            let untold: Vec<_> = {
                let channels = self.listened_to();
                let is_untold = |event: &&Event| {
                    channels.contains_key(&event.channel) && !told.contains_key(&event.seq)
                };
                let untold: Vec<_> = events.iter().filter(is_untold).collect();
                if untold.is_empty() {
                    hand_out(&channels, told);
                    // Moved while the lock is held: see `listen`.
                    self.position.send_replace(last);
                    return Ok(events.len());
                }
                untold
            };
            for event in untold {
                let frame = self.frame(event).await?;
                told.insert(event.seq, (event.channel, frame));
            }
        }
    }
}

/// What is to be told, by its position: `None` where nobody is told of it.
type Frames = BTreeMap<Seq, (ChannelId, Option<Frame>)>;

/// Hands frames to the listeners of their channels, in order.
fn hand_out(channels: &Channels, told: Frames) {
    for (channel, frame) in told.into_values() {
        if let (Some(sender), Some(frame)) = (channels.get(&channel), frame) {
            let _ = sender.send(Arc::new(frame));
        }
    }
}
