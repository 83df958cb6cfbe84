//! Tokens that are shown with each request, held in memory by their digests, so that no request
//! waits for the store. When each was used last is noted here, and written down now and then.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use uuid::Uuid;

use crate::domain::id::Millis;
use crate::domain::session::Digest;

/// A use that is less than this after the one before is not noted, in milliseconds.
pub const NOTED: Millis = 60_000;

/// What is held.
pub trait Token {
    fn id(&self) -> Uuid;
    fn digest(&self) -> Digest;
    fn last_used_at(&self) -> Option<Millis>;
    /// Whether it counts.
    fn is_good(&self, now: Millis) -> bool;
}

/// All tokens of one kind that may count.
pub struct Held<T> {
    known: RwLock<HashMap<Digest, Arc<Known<T>>>>,
}

/// One of them.
pub struct Known<T> {
    pub token: T,
    used_at: AtomicU64,
}

impl<T: Token> Held<T> {
    /// Those of them that are good.
    pub fn new(all: impl IntoIterator<Item = T>, now: Millis) -> Self {
        let good = all.into_iter().filter(|token| token.is_good(now));
        let known = good.map(|token| (token.digest(), Arc::new(Known::of(token))));
        Self {
            known: RwLock::new(known.collect()),
        }
    }

    /// A token that counts, by what is shown of it. It has been used.
    pub fn find(&self, shown: Digest, now: Millis) -> Option<Arc<Known<T>>> {
        let found = self.read().get(&shown).cloned()?;
        if !found.token.is_good(now) {
            return None;
        }
        let used_at = found.used_at.load(Ordering::Relaxed);
        if now >= used_at.saturating_add(NOTED) {
            found.used_at.store(now, Ordering::Relaxed);
        }
        Some(found)
    }

    pub fn add(&self, token: T) {
        let digest = token.digest();
        self.write().insert(digest, Arc::new(Known::of(token)));
    }

    /// From now on it does not count.
    pub fn remove(&self, digest: Digest) -> Option<Arc<Known<T>>> {
        self.write().remove(&digest)
    }

    /// Takes back a removal.
    pub fn restore(&self, known: Arc<Known<T>>) {
        self.write().insert(known.token.digest(), known);
    }

    /// Those that fit, in no order.
    pub fn all(&self, fits: impl Fn(&T) -> bool) -> Vec<Arc<Known<T>>> {
        let known = self.read();
        let fitting = known.values().filter(|known| fits(&known.token));
        fitting.cloned().collect()
    }

    /// When a token was used last.
    pub fn last_used(&self, digest: Digest) -> Option<Millis> {
        self.read().get(&digest)?.last_used()
    }

    /// What has been used since it was read, each with the time; forgets what has expired.
    pub fn uses(&self, now: Millis) -> Vec<(Uuid, Millis)> {
        let mut used = Vec::new();
        self.write().retain(|_, known| {
            let at = known.used_at.load(Ordering::Relaxed);
            if at > known.token.last_used_at().unwrap_or_default() {
                used.push((known.token.id(), at));
            }
            known.token.is_good(now)
        });
        used
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<Digest, Arc<Known<T>>>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<Digest, Arc<Known<T>>>> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Token> Known<T> {
    fn of(token: T) -> Self {
        Self {
            used_at: AtomicU64::new(token.last_used_at().unwrap_or_default()),
            token,
        }
    }

    pub fn last_used(&self) -> Option<Millis> {
        Some(self.used_at.load(Ordering::Relaxed)).filter(|at| *at > 0)
    }
}
