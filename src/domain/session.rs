//! Sessions: somebody has signed in and has not signed out yet.
//!
//! What a session is known by is a secret of its holder; here, and in the store, there is only
//! the digest of it.

use std::fmt;
use std::net::IpAddr;

use uuid::Uuid;

use super::entity::Entity;
use super::id::Millis;

/// For how long after a refresh the token that it replaced still leads to the same successor
/// once that one was seen, in milliseconds: two tabs of a browser may refresh at the same moment.
pub const GRACE: Millis = 10_000;

/// The longest name of a program that is kept, in characters.
const LONGEST_AGENT: usize = 256;

/// The SHA-256 of a secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// What it may be called where its holder sees it: half of it, in the form of an id.
    #[must_use]
    pub fn handle(&self) -> Uuid {
        let (half, _) = self.0.split_first_chunk().expect("it has 32 bytes");
        uuid::Builder::from_random_bytes(*half).into_uuid()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Enough to tell two apart.
        let [a, b, c, d, ..] = self.0;
        write!(f, "{a:02x}{b:02x}{c:02x}{d:02x}…")
    }
}

/// By what somebody was let in: when it ends, so does what was opened with it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Pass {
    /// The session, by the digest of its id.
    Session(Digest),
    /// The token of a service that acts for the person.
    Service(Uuid),
    /// The person's API key.
    Key(Uuid),
    /// The word of an outside issuer, by the digest of it.
    Issued { token: Digest, until: Millis },
    /// The installation's shared secret, or its word alone: that does not end.
    Trusted,
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

/// Who somebody seems to be by the way of their request.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Visitor {
    /// `None` for the machine itself, and where it is not known.
    pub address: Option<IpAddr>,
    /// What the program calls itself.
    pub user_agent: Option<String>,
}

impl Visitor {
    /// Somebody at an address, with a program of that name. What is no text of one line, or goes
    /// on for too long, is left out.
    #[must_use]
    pub fn new(address: Option<IpAddr>, user_agent: Option<&str>) -> Self {
        let clean = |agent: &str| {
            let visible = agent.chars().filter(|it| !it.is_control());
            visible.take(LONGEST_AGENT).collect::<String>()
        };
        let user_agent = user_agent.map(clean).filter(|agent| !agent.is_empty());
        Self {
            address,
            user_agent,
        }
    }
}

/// When somebody was last here with a session, and how.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Seen {
    /// To the minute; 0 for a session of an older daarion that nobody has come with since.
    pub at: Millis,
    pub visitor: Visitor,
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
    pub seen: Seen,
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
    fn a_visitor_is_kept_short_and_on_one_line() {
        let visitor = Visitor::new(None, Some(&format!("cur\nl/{}", "8".repeat(500))));
        let agent = visitor.user_agent.expect("a name");
        assert!(agent.starts_with("curl/8"), "{agent}");
        assert_eq!(agent.chars().count(), LONGEST_AGENT);
        assert_eq!(Visitor::new(None, Some("\t")), Visitor::default());
    }

    #[test]
    fn handles_differ_as_digests_do() {
        let [one, other] = [[1; 32], [2; 32]].map(|bytes| Digest(bytes).handle());
        assert_ne!(one, other);
        assert_eq!(one, Digest([1; 32]).handle());
        assert_eq!(one.get_version_num(), 4);
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
