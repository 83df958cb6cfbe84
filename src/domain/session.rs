//! Sessions: somebody has signed in and has not signed out yet.
//!
//! What a session is known by is a secret of its holder; here, and in the store, there is only
//! the digest of it.

use std::fmt;

use super::entity::Entity;
use super::id::Millis;

/// For how long after a refresh the token that it replaced still leads to the same successor
/// once that one was seen, in milliseconds: two tabs of a browser may refresh at the same moment.
pub const GRACE: Millis = 10_000;

/// The SHA-256 of a secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Enough to tell two apart.
        let [a, b, c, d, ..] = self.0;
        write!(f, "{a:02x}{b:02x}{c:02x}{d:02x}…")
    }
}

/// Whose session it is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Holder {
    Person(Entity),
    /// An operator's local account, by its name.
    Operator(String),
}

impl Holder {
    /// Reads what [`Display`](fmt::Display) writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("operator:") {
            Some(name) => Some(Self::Operator(name.to_owned())),
            None => Entity::parse(text).map(Self::Person),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(entity) => entity.fmt(f),
            Self::Operator(name) => write!(f, "operator:{name}"),
        }
    }
}

/// A session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// The digest of its id.
    pub key: Digest,
    pub holder: Holder,
    pub created_at: Millis,
    pub expires_at: Millis,
    /// The token that prolongs it; `None` when nothing does.
    pub refresh: Option<Refresh>,
}

impl Session {
    #[must_use]
    pub fn is_alive(&self, now: Millis) -> bool {
        now < self.expires_at
    }
}

/// What is known of a session's refresh tokens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refresh {
    pub current: Digest,
    /// The one before, which has been used.
    pub previous: Option<Digest>,
    /// When `current` took its place.
    pub rotated_at: Millis,
    /// Whether somebody has come with what was issued along with `current`. Until then the answer
    /// that brought it may have been lost, and `previous` is all that its holder has.
    pub is_seen: bool,
}

/// What a refresh token that a session once had is worth now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Worth {
    /// It is the one to use.
    Current,
    /// It was replaced a moment ago, or by one that nobody has been seen with yet.
    JustReplaced,
    /// It was used before: one of the two who had it is a thief.
    Used,
}

impl Refresh {
    /// Judges a token that is known to be one of this session's.
    #[must_use]
    pub fn worth(&self, shown: Digest, now: Millis) -> Worth {
        if shown == self.current {
            Worth::Current
        } else if self.previous == Some(shown) && (!self.is_seen || self.is_fresh(now)) {
            Worth::JustReplaced
        } else {
            Worth::Used
        }
    }

    /// The state after `current` was replaced.
    #[must_use]
    pub fn rotated(&self, next: Digest, now: Millis) -> Self {
        Self {
            current: next,
            previous: Some(self.current),
            rotated_at: now,
            is_seen: false,
        }
    }

    /// The state after somebody came with what was issued along with `current`; `None` when that
    /// changes nothing.
    #[must_use]
    pub fn seen(&self) -> Option<Self> {
        let is_news = self.previous.is_some() && !self.is_seen;
        is_news.then(|| Self {
            is_seen: true,
            ..self.clone()
        })
    }

    fn is_fresh(&self, now: Millis) -> bool {
        now.saturating_sub(self.rotated_at) <= GRACE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_token_counts_until_its_successor_is_seen() {
        let digest = |byte| Digest([byte; 32]);
        let first = Refresh {
            current: digest(1),
            previous: None,
            rotated_at: 5,
            is_seen: false,
        };
        assert_eq!(first.seen(), None, "there is nothing before it");
        assert_eq!(first.worth(digest(1), 1_000_000), Worth::Current);
        let second = first.rotated(digest(2), 100);
        assert_eq!(second.worth(digest(2), 100), Worth::Current);
        assert_eq!(second.worth(digest(1), 1_000_000), Worth::JustReplaced);
        let seen = second.seen().expect("it is news");
        assert_eq!(seen.seen(), None);
        assert_eq!(seen.worth(digest(1), 100 + GRACE), Worth::JustReplaced);
        assert_eq!(seen.worth(digest(1), 101 + GRACE), Worth::Used);
        let third = second.rotated(digest(3), 200);
        assert_eq!(third.worth(digest(1), 200), Worth::Used);
    }

    #[test]
    fn holders_are_read_as_they_are_written() {
        for text in ["user:alice", "operator:root", "user:bob:other.net"] {
            let holder = Holder::parse(text).expect("a holder");
            assert_eq!(holder.to_string(), text);
        }
        assert_eq!(Holder::parse("nobody"), None);
    }
}
