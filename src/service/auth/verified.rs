//! Tokens that were verified a moment ago: a page asks often, and a signature and a session need
//! not be looked at each time. What ends is forgotten here at once; besides, nothing is believed
//! for longer than a second.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::people::SignedIn;
use super::tokens::Access;
use crate::domain::entity::Entity;
use crate::domain::id::Millis;
use crate::domain::session::{Digest, Pass};

/// For how long a session is taken to be there, in milliseconds.
pub const SESSION: Millis = 1_000;
/// How many tokens are held; beyond that, those that are stale make room.
const HELD: usize = 10_000;

/// A token that was verified.
#[derive(Clone, Debug)]
pub struct Entry {
    pub who: SignedIn,
    /// What an access token of ours says, which stays so.
    pub access: Option<Arc<Access>>,
    pub checked_at: Millis,
    /// For how long that is believed.
    pub fresh_for: Millis,
    /// When the token itself expires.
    pub expires_at: Millis,
}

impl Entry {
    pub fn is_fresh(&self, now: Millis) -> bool {
        // A clock that was set back makes nothing fresh.
        let since = now.checked_sub(self.checked_at);
        now < self.expires_at && since.is_some_and(|since| since < self.fresh_for)
    }
}

/// What was verified.
#[derive(Default)]
pub struct Verified {
    held: RwLock<HashMap<Digest, Arc<Entry>>>,
    /// How often something has ended.
    ends: AtomicU64,
}

impl Verified {
    /// What is known of a token, fresh or not.
    pub fn find(&self, shown: Digest) -> Option<Arc<Entry>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.get(&shown).cloned()
    }

    /// How often something has ended; asked before a token is verified.
    pub fn ends(&self) -> u64 {
        self.ends.load(Ordering::SeqCst)
    }

    /// Holds what was verified, unless something has ended meanwhile: it may have been that.
    pub fn put(&self, shown: Digest, entry: Entry, ends: u64) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if self.ends() != ends {
            return;
        }
        if held.len() >= HELD && !held.contains_key(&shown) {
            held.retain(|_, other| other.is_fresh(entry.checked_at));
            if held.len() >= HELD {
                held.clear();
            }
        }
        held.insert(shown, Arc::new(entry));
    }

    /// Forgets what was let in so.
    pub fn forget(&self, by: &[Pass]) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        self.ends.fetch_add(1, Ordering::SeqCst);
        held.retain(|_, entry| !by.contains(&entry.who.by));
    }

    /// Forgets what somebody was let in by; says which that was.
    pub fn forget_all_of(&self, entity: &Entity) -> Vec<Pass> {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        self.ends.fetch_add(1, Ordering::SeqCst);
        let theirs = held.extract_if(|_, entry| entry.who.caller.entity == *entity);
        theirs.map(|(_, entry)| entry.who.by).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::Caller;

    fn digest(number: usize) -> Digest {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        Digest(bytes)
    }

    fn entry(session: usize, checked_at: Millis) -> Entry {
        let alice = Entity::parse("user:alice").expect("an entity");
        Entry {
            who: SignedIn {
                caller: Caller::new(alice, false),
                by: Pass::Session(digest(session)),
            },
            access: None,
            checked_at,
            fresh_for: SESSION,
            expires_at: 10_000,
        }
    }

    #[test]
    fn nothing_is_fresh_for_long() {
        let late = entry(1, 9_500);
        for (now, is_fresh) in [
            (9_499, false),
            (9_500, true),
            (9_999, true),
            (10_000, false),
        ] {
            assert_eq!(late.is_fresh(now), is_fresh, "{now}");
        }
        assert!(!entry(1, 5_000).is_fresh(6_000));
    }

    #[test]
    fn what_has_ended_is_forgotten_and_not_held_again() {
        let verified = Verified::default();
        for number in 1..=3 {
            verified.put(digest(number), entry(number % 2, 1), verified.ends());
        }
        let before = verified.ends();
        verified.forget(&[Pass::Session(digest(1))]);
        let there = [1, 2, 3].map(|number| verified.find(digest(number)).is_some());
        assert_eq!(there, [false, true, false]);
        // Whoever was looking at that moment has seen what was there before.
        verified.put(digest(1), entry(1, 1), before);
        assert!(verified.find(digest(1)).is_none());
    }

    #[test]
    fn memory_is_bounded() {
        let verified = Verified::default();
        for number in 0..3 * HELD {
            let at = number as u64 / 100;
            verified.put(digest(number), entry(number, at), 0);
            assert!(verified.held.read().expect("readable").len() <= HELD);
        }
    }

    #[test]
    fn what_somebody_was_let_in_by_is_forgotten() {
        let verified = Verified::default();
        let mut other = entry(2, 1);
        other.who.caller.entity = Entity::parse("user:bob").expect("an entity");
        verified.put(digest(1), entry(1, 1), 0);
        verified.put(digest(2), other, 0);
        let alice = Entity::parse("user:alice").expect("an entity");
        assert_eq!(verified.forget_all_of(&alice), [Pass::Session(digest(1))]);
        assert!(verified.find(digest(1)).is_none() && verified.find(digest(2)).is_some());
        // What is being verified meanwhile is not held.
        verified.put(digest(1), entry(1, 1), 0);
        assert!(verified.find(digest(1)).is_none());
    }
}
