//! Messages that their senders have named by keys: people, programs and services.
//!
//! The name travels with the message, and the index notes it in the commit that takes the message
//! over: whoever sends it again within a day finds the first one there, also after a restart. What
//! was cut off before that is in the room, perhaps, and the homeserver forgets transactions when it is
//! restarted: so the room is read before something is sent that may have been sent already.

use std::time::Duration;

use moka::future::Cache;
use uuid::Uuid;

use super::Core;
use super::idempotency::{Turn, Turns, used_for_another};
use super::standing::index_made_anew;
use crate::clock::Clock;
use crate::domain::channel::Channel;
use crate::domain::event::Source;
use crate::domain::id::{ChannelId, Millis, SendKey, UserId};
use crate::domain::message::{Message, Sending};
use crate::domain::{Error, Result};
use crate::store::idempotency::SendingName;

/// For how long what was tried is remembered, and how many.
const KEPT: Duration = Duration::from_millis(SendKey::REMEMBERED);
const KEPT_AT_MOST: u64 = 20_000;

/// How long a homeserver may remember the transaction of a process that was before this one,
/// in milliseconds. Synapse forgets it after half an hour, and looks every half an hour.
const REMEMBERED: Millis = 2 * 60 * 60 * 1_000;

/// The name of a sending, by which it is done once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SendingAs {
    Unnamed,
    /// By a key of its caller, for a day.
    Keyed(Uuid),
    /// As a scheduled message, whenever it is done.
    Scheduled {
        id: Uuid,
        /// When it was scheduled.
        made_at: Millis,
        /// Whether it was tried before, maybe by another process.
        again: bool,
    },
}

impl SendingAs {
    pub fn transaction(self) -> Option<Uuid> {
        match self {
            Self::Unnamed => None,
            Self::Keyed(id) | Self::Scheduled { id, .. } => Some(id),
        }
    }

    /// Whether its sender says that it was tried before.
    fn is_again(self) -> bool {
        matches!(self, Self::Scheduled { again: true, .. })
    }

    /// Since when what was said under the name counts.
    pub fn remembered_since(self, now: Millis) -> Millis {
        match self {
            Self::Scheduled { .. } => 0,
            Self::Unnamed | Self::Keyed(_) => now.saturating_sub(SendKey::REMEMBERED),
        }
    }
}

/// The sendings with a name.
pub struct Sendings {
    turns: Turns<Uuid>,
    tried: Cache<Uuid, [u8; 32]>,
    /// The channels that were read since the start: what processes before this one have said there
    /// is in the index.
    read: Cache<ChannelId, ()>,
    clock: Clock,
    since: Millis,
}

/// A sending that was begun; equal ones wait until it is dropped.
pub struct Begun {
    pub sending: Sending,
    pub attempt: Attempt,
    /// Whether this process has tried it before.
    is_repeated: bool,
    _turn: Turn<Uuid>,
}

impl Begun {
    /// Whether it was tried before and nobody but this process knows: whoever has scheduled a message
    /// says so themselves.
    pub fn is_only_known_here(&self, named: SendingAs) -> bool {
        self.is_repeated && !matches!(named, SendingAs::Scheduled { .. })
    }
}

/// Whether a sending was tried before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Attempt {
    First,
    /// It was, or this process is too young to know.
    Again,
}

impl Sendings {
    pub fn new(clock: Clock) -> Self {
        let tried = Cache::builder()
            .max_capacity(KEPT_AT_MOST)
            .time_to_live(KEPT);
        Self {
            turns: Turns::default(),
            tried: tried.build(),
            read: Cache::new(KEPT_AT_MOST),
            since: clock.now(),
            clock,
        }
    }

    /// Notes what is about to be sent. A name is good for one message.
    pub async fn begin(&self, transaction: Uuid, digest: [u8; 32]) -> Result<Begun> {
        let turn = self.turns.enter(&transaction, digest).await?;
        let noted = self.tried.entry(transaction).or_insert(digest).await;
        if *noted.value() != digest {
            return Err(used_for_another());
        }
        let is_young = self.clock.now() < self.since + REMEMBERED;
        let is_repeated = !noted.is_fresh();
        Ok(Begun {
            sending: Sending {
                transaction,
                digest,
            },
            attempt: match is_repeated || is_young {
                true => Attempt::Again,
                false => Attempt::First,
            },
            is_repeated,
            _turn: turn,
        })
    }

    /// Ends a sending. When nothing was sent its name is free; not so when it is not known what an
    /// earlier try has left (`is_looked_up`), and nobody else remembers that there was one.
    pub async fn end<T>(
        &self,
        begun: Begun,
        named: SendingAs,
        is_looked_up: bool,
        sent: &Result<T>,
    ) {
        let is_open = !is_looked_up && begun.is_only_known_here(named);
        if let Err(error) = sent
            && !is_open
            && !error.leaves_open()
        {
            self.tried.invalidate(&begun.sending.transaction).await;
        }
    }

    /// What was said under this name before. Where it may be that it was and has not come to us, the
    /// channel is read first.
    pub async fn first_said(
        &self,
        core: &Core,
        channel: &Channel,
        sender: &UserId,
        named: SendingAs,
        begun: &Begun,
    ) -> Result<Option<Message>> {
        let since = named.remembered_since(self.clock.now());
        let said = || said_before(core, channel, sender, begun.sending, since);
        let first = said().await?;
        if first.is_some() || begun.attempt == Attempt::First && !named.is_again() {
            return Ok(first);
        }
        let read = &self.read;
        if begun.is_repeated || named.is_again() {
            read_anew(core, channel).await?;
            read.insert(channel.id, ()).await;
        } else if !read.contains_key(&channel.id) {
            let reading = read.try_get_with(channel.id, read_anew(core, channel));
            reading.await.map_err(|error| Error::clone(&error))?;
        } else {
            return Ok(None);
        }
        said().await
    }
}

/// Takes in what the homeserver has of a channel that we have not. A channel that cannot be read to
/// the end is not read.
async fn read_anew(core: &Core, channel: &Channel) -> Result<()> {
    let report = core.heal_channel(channel, Source::Heal).await;
    match report.error {
        Some(error) => Err(error),
        None => core.indexed_to(core.store.journal.head()).await,
    }
}

/// What is known to have been said under this name, by the same sender in the same channel.
async fn said_before(
    core: &Core,
    channel: &Channel,
    sender: &UserId,
    sending: Sending,
    since: Millis,
) -> Result<Option<Message>> {
    let name = SendingName {
        channel: channel.id,
        transaction: sending.transaction,
        sender: sender.clone(),
    };
    let sent = core.store.idempotency.sent(&name).await?;
    let Some(sent) = sent.filter(|sent| sent.at >= since) else {
        return Ok(None);
    };
    if sent.digest != sending.digest {
        return Err(used_for_another());
    }
    // Its row outlives the index, which is filled again. Until then it must not be sent.
    let first = core.store.index.message(sent.message).await?;
    first.map(Some).ok_or_else(index_made_anew)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Error;

    async fn begin(sendings: &Sendings, digest: u8) -> Result<Attempt> {
        let begun = sendings.begin(Uuid::from_u128(1), [digest; 32]).await;
        begun.map(|begun| begun.attempt)
    }

    #[tokio::test]
    async fn key_is_good_for_one_message() {
        let sendings = Sendings::new(Clock::manual(0));
        let begun = begin(&sendings, 1).await;
        assert_eq!(begun, Ok(Attempt::Again), "it may be of a process before");
        assert_eq!(begin(&sendings, 1).await, begun);
        let refused = begin(&sendings, 2).await;
        assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    }

    #[tokio::test]
    async fn what_was_refused_leaves_its_key_free_and_what_is_open_does_not() {
        let sendings = Sendings::new(Clock::manual(0));
        let id = Uuid::from_u128(1);
        let named = SendingAs::Keyed(id);
        let open = Err::<(), _>(Error::unavailable("its answer was lost"));
        let refused = Err::<(), _>(Error::forbidden("no"));
        let begun = sendings.begin(id, [1; 32]).await.expect("it is free");
        sendings.end(begun, named, true, &open).await;
        let begun = sendings.begin(id, [1; 32]).await.expect("the same");
        sendings.end(begun, named, false, &refused).await;
        let other = begin(&sendings, 2).await;
        assert!(matches!(other, Err(Error::Conflict(_))), "{other:?}");
        let begun = sendings.begin(id, [1; 32]).await.expect("the same");
        sendings.end(begun, named, true, &refused).await;
        assert_eq!(begin(&sendings, 2).await, Ok(Attempt::Again), "it is free");
    }

    #[tokio::test]
    async fn process_that_is_old_enough_knows_the_first_attempt() {
        let clock = Clock::manual(0);
        let sendings = Sendings::new(clock.clone());
        clock.set(REMEMBERED);
        assert_eq!(begin(&sendings, 1).await, Ok(Attempt::First));
        assert_eq!(begin(&sendings, 1).await, Ok(Attempt::Again));
    }
}
