//! Equal requests that come at the same time: the first is worked on, and the others wait for it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::domain::{Error, Result};

/// For how long somebody waits: a request that takes longer hangs, and its caller asks again.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is being worked on, by its name.
pub struct Turns<K: Eq + Hash + Clone> {
    active: Arc<Mutex<HashMap<K, Work>>>,
}

struct Work {
    /// Of what is asked for.
    digest: [u8; 32],
    /// Closed when the work has ended.
    ended: watch::Receiver<()>,
}

/// Somebody's turn, until it is dropped.
pub struct Turn<K: Eq + Hash + Clone> {
    name: K,
    active: Arc<Mutex<HashMap<K, Work>>>,
    _ends: watch::Sender<()>,
}

impl<K: Eq + Hash + Clone> Default for Turns<K> {
    fn default() -> Self {
        Self {
            active: Arc::default(),
        }
    }
}

impl<K: Eq + Hash + Clone> Turns<K> {
    /// Waits until nobody else is at it. What is asked for must be the same as theirs.
    pub async fn enter(&self, name: &K, digest: [u8; 32]) -> Result<Turn<K>> {
        self.enter_within(name, digest, PATIENCE).await
    }

    async fn enter_within(
        &self,
        name: &K,
        digest: [u8; 32],
        patience: Duration,
    ) -> Result<Turn<K>> {
        let entering = async {
            loop {
                match self.try_enter(name, digest)? {
                    Ok(turn) => return Ok(turn),
                    // An error: it has ended.
                    Err(mut ended) => while ended.changed().await.is_ok() {},
                }
            }
        };
        let entered = tokio::time::timeout(patience, entering).await;
        entered.unwrap_or_else(|_| Err(super::refuse("a request with it is being worked on")))
    }

    /// The turn, or the end of whose turn it is.
    fn try_enter(
        &self,
        name: &K,
        digest: [u8; 32],
    ) -> Result<std::result::Result<Turn<K>, watch::Receiver<()>>, Error> {
        let mut active = lock(&self.active);
        if let Some(work) = active.get(name) {
            if work.digest != digest {
                return Err(super::used_for_another());
            }
            return Ok(Err(work.ended.clone()));
        }
        let (ends, ended) = watch::channel(());
        active.insert(name.clone(), Work { digest, ended });
        Ok(Ok(Turn {
            name: name.clone(),
            active: self.active.clone(),
            _ends: ends,
        }))
    }
}

impl<K: Eq + Hash + Clone> Drop for Turn<K> {
    fn drop(&mut self) {
        lock(&self.active).remove(&self.name);
    }
}

fn lock<T>(active: &Mutex<T>) -> MutexGuard<'_, T> {
    active.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn equals_wait_and_others_are_refused() {
        let turns = Arc::new(Turns::default());
        let first = turns.enter(&"key", [1; 32]).await.expect("free");
        let other = turns.enter(&"key", [2; 32]).await;
        assert!(matches!(other, Err(Error::Conflict(_))), "another body");
        turns.enter(&"another", [2; 32]).await.expect("free");
        let again = turns.clone();
        let equal = tokio::spawn(async move { again.enter(&"key", [1; 32]).await.map(drop) });
        tokio::task::yield_now().await;
        assert!(!equal.is_finished(), "it waits");
        drop(first);
        equal.await.expect("no panic").expect("its turn");
        assert!(lock(&turns.active).is_empty());
    }

    #[tokio::test]
    async fn nobody_waits_for_ever() {
        let turns = Turns::default();
        let _first = turns.enter(&1, [0; 32]).await.expect("free");
        let patience = Duration::from_millis(10);
        let waited = turns.enter_within(&1, [0; 32], patience).await.map(drop);
        assert!(matches!(waited, Err(Error::Conflict(_))), "{waited:?}");
    }
}
