//! Tells whoever has a channel open that their own scheduled messages there have changed. A bell
//! carries no data and rings once for what comes together: who hears it reads the list anew.

use std::collections::HashMap;
use std::future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::Schedule;
use crate::domain::entity::Entity;
use crate::domain::id::ChannelId;
use crate::store::scheduled::Place;

/// The bells of those who listen.
#[derive(Default)]
pub(super) struct Bells(Mutex<HashMap<Place, watch::Sender<()>>>);

impl Bells {
    fn listen(self: &Arc<Self>, place: Place) -> Listening {
        let bell = self.held().entry(place.clone()).or_default().subscribe();
        Listening {
            bells: self.clone(),
            place,
            bell,
        }
    }

    pub(super) fn ring(&self, channel: ChannelId, author: &Entity) {
        if let Some(bell) = self.held().get(&(channel, author.clone())) {
            bell.send_replace(());
        }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Place, watch::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who listens.
pub struct Listening {
    bells: Arc<Bells>,
    place: Place,
    bell: watch::Receiver<()>,
}

impl Listening {
    /// Until something has changed since the last time.
    pub async fn rung(&mut self) {
        if self.bell.changed().await.is_err() {
            // It is held for as long as anybody listens.
            future::pending::<()>().await;
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut held = self.bells.held();
        // This one's own receiver is still among them.
        let is_last = held
            .get(&self.place)
            .is_some_and(|bell| bell.receiver_count() <= 1);
        if is_last {
            held.remove(&self.place);
        }
    }
}

impl Schedule {
    /// Listens to what becomes of somebody's scheduled messages in a channel from now on.
    #[must_use]
    pub fn listen(&self, channel: ChannelId, author: &Entity) -> Listening {
        self.bells.listen((channel, author.clone()))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn no_bell_is_kept_for_whoever_has_gone() {
        let bells = Arc::new(Bells::default());
        let name = "sofia".to_owned();
        let place = (ChannelId(Uuid::nil()), Entity::Agent { name });
        let (one, other) = (bells.listen(place.clone()), bells.listen(place.clone()));
        drop(one);
        bells.ring(place.0, &place.1);
        assert!(other.bell.has_changed().expect("it is held"));
        drop(other);
        assert!(bells.held().is_empty());
    }
}
