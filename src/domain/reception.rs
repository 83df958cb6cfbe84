//! What comes of a message: reactions, the thread that begins with it, being pinned.

use super::error::{Error, Result};
use super::id::{EventId, Millis, UserId};
use super::message::Message;

/// How many keys of reactions a message shows at the most.
pub const MOST_KEYS: usize = 50;
/// The longest key of a reaction that is kept, in bytes: an emoji sequence or a few words.
pub const MAX_KEY: usize = 255;
/// How many messages of a channel may be pinned through us, as in other clients.
pub const MOST_PINS: usize = 100;

/// What has come of a message. The index alone knows it: it is made of other events.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reception {
    /// The most frequent first, equal ones by key; at most [`MOST_KEYS`].
    pub reactions: Vec<ReactionCount>,
    /// The thread that begins with it, once somebody has spoken there.
    pub thread: Option<ThreadSummary>,
    pub pinned: bool,
}

/// How many have reacted with a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReactionCount {
    pub key: String,
    pub count: u64,
}

/// A thread as its root shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ThreadSummary {
    /// How many messages are in it, without the root and without those that were deleted.
    pub count: u64,
    /// When the newest of them was said.
    pub last_at: Millis,
}

/// A reaction that stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reaction {
    /// Mostly an emoji.
    pub key: String,
    pub by: UserId,
    pub at: Millis,
    pub event: EventId,
}

/// A thread as lists show it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Thread {
    /// The message that it begins with.
    pub root: Message,
    pub summary: ThreadSummary,
    /// The newest message in it.
    pub last: Message,
    /// Who has spoken in it, whoever said most first; not all of very many.
    pub participants: Vec<UserId>,
}

/// Whether a text can be the key of a reaction.
#[must_use]
pub fn is_key(key: &str) -> bool {
    (1..=MAX_KEY).contains(&key.len()) && !key.contains('\0')
}

/// Checks the key of a reaction that somebody gives.
pub fn check_key(key: &str) -> Result<()> {
    match is_key(key) && !key.trim().is_empty() {
        true => Ok(()),
        false => Err(Error::invalid(
            "emoji",
            format!("must be 1 to {MAX_KEY} bytes, not blank, without NUL"),
        )),
    }
}
