//! The latest Matrix events of channels as the homeserver pushed them, in memory alone.
//!
//! The journal holds our events; who hands the Matrix ones on finds them here, or has them
//! fetched. Held only while somebody wants them ([`Recent::want`]), never those of encrypted
//! channels, and no longer than they are to be seen: what is redacted is forgotten.

use std::sync::{Arc, Mutex, PoisonError};

use moka::future::Cache;
use moka::policy::EvictionPolicy;
use serde_json::value::RawValue;
use tokio::sync::Semaphore;

use crate::domain::id::{EventId, RoomId};
use crate::domain::{Error, Result};
use crate::homeserver::timeline::Timeline;

/// How many bytes of events are held.
const MOST: u64 = 8 * 1024 * 1024;
/// What an event costs beside its text, in bytes.
const OVERHEAD: usize = 256;
/// How many misses are asked of the homeserver at once, those of all who hand events on together:
/// it has others to answer.
const ASKED_AT_ONCE: usize = 8;
/// How many redacted events are remembered, in case they are pushed late or again.
const REDACTED: u64 = 10_000;

type Events = Cache<EventId, Arc<RawValue>>;

/// The latest raw events.
pub struct Recent {
    timeline: Arc<dyn Timeline>,
    held: Mutex<Held>,
    redacted: Cache<EventId, ()>,
    turns: Semaphore,
}

#[derive(Default)]
struct Held {
    wants: usize,
    /// There while somebody wants it.
    events: Option<Events>,
}

/// Why there is no event to be had.
#[derive(Debug)]
enum Miss {
    Gone,
    Failed(Error),
}

/// As long as it lives, events are held.
pub struct Want(Arc<Recent>);

impl Recent {
    #[must_use]
    pub fn new(timeline: Arc<dyn Timeline>) -> Self {
        Self {
            timeline,
            held: Mutex::default(),
            redacted: Cache::new(REDACTED),
            turns: Semaphore::new(ASKED_AT_ONCE),
        }
    }

    /// Has events held from now on.
    #[must_use]
    pub fn want(self: &Arc<Self>) -> Want {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.wants += 1;
        held.events.get_or_insert_with(|| {
            let weigh = |id: &EventId, raw: &Arc<RawValue>| {
                let bytes = id.as_str().len() + raw.get().len() + OVERHEAD;
                u32::try_from(bytes).unwrap_or(u32::MAX)
            };
            // By use alone: what is new must not wait until it was often asked for.
            Cache::builder()
                .max_capacity(MOST)
                .weigher(weigh)
                .eviction_policy(EvictionPolicy::lru())
                .build()
        });
        drop(held);
        Want(self.clone())
    }

    /// Whether anybody wants events.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.events().is_some()
    }

    /// Takes an event that was pushed, of a channel that is not encrypted.
    pub async fn put(&self, event: EventId, raw: Box<RawValue>) {
        if let Some(events) = self.events()
            && !self.redacted.contains_key(&event)
        {
            events.insert(event, raw.into()).await;
        }
    }

    /// Forgets an event whose content is not to be seen any more.
    pub async fn forget(&self, event: &EventId) {
        self.redacted.insert(event.clone(), ()).await;
        if let Some(events) = self.events() {
            events.invalidate(event).await;
        }
    }

    /// An event, if it is held.
    pub async fn held(&self, event: &EventId) -> Option<Arc<RawValue>> {
        self.events()?.get(event).await
    }

    /// An event as it was pushed or, when that is not held, as the homeserver shows it now. Many
    /// who ask for the same event at once make one call. `None` when there is nothing to be seen.
    ///
    /// Not for encrypted channels: what is fetched is held.
    pub async fn event(&self, room: &RoomId, event: &EventId) -> Result<Option<Arc<RawValue>>> {
        let Some(events) = self.events() else {
            let fetched = self.ask(room, event).await?;
            return Ok(fetched.map(Into::into));
        };
        let fetch = async {
            match self.ask(room, event).await {
                Ok(Some(raw)) => Ok(Arc::from(raw)),
                Ok(None) => Err(Miss::Gone),
                Err(error) => Err(Miss::Failed(error)),
            }
        };
        let found = events.try_get_with_by_ref(event, fetch).await;
        // It may have been fetched just before it was redacted, and kept just after.
        if self.redacted.contains_key(event) {
            events.invalidate(event).await;
        }
        match found {
            Ok(raw) => Ok(Some(raw)),
            Err(miss) => match miss.as_ref() {
                Miss::Gone => Ok(None),
                Miss::Failed(error) => Err(error.clone()),
            },
        }
    }

    /// In turn: whoever came first is first.
    async fn ask(&self, room: &RoomId, event: &EventId) -> Result<Option<Box<RawValue>>> {
        let _turn = self.turns.acquire().await;
        self.timeline.event(room, event).await
    }

    fn events(&self) -> Option<Events> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.events.clone()
    }
}

impl Drop for Want {
    fn drop(&mut self) {
        let held = &self.0.held;
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        held.wants -= 1;
        if held.wants == 0 {
            held.events = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use serde_json::value::to_raw_value;

    use super::*;
    use crate::domain::id::UserId;
    use crate::homeserver::timeline::{PageQuery, SyncQuery, TimelinePage};

    /// Shows every event, and counts how often it was asked, and by how many at once.
    #[derive(Default)]
    struct Shown(AtomicUsize, AtomicUsize, AtomicUsize);

    #[async_trait]
    impl Timeline for Shown {
        async fn sync(&self, _: &UserId, _: &SyncQuery) -> Result<String> {
            Err(Error::unavailable("not here"))
        }

        async fn page(
            &self,
            _: &RoomId,
            _: &PageQuery,
            _: Option<&UserId>,
        ) -> Result<TimelinePage> {
            Err(Error::unavailable("not here"))
        }

        async fn before(&self, _: &RoomId, _: &EventId, _: Option<&UserId>) -> Result<String> {
            Err(Error::unavailable("not here"))
        }

        async fn event(&self, _: &RoomId, event: &EventId) -> Result<Option<Box<RawValue>>> {
            self.0.fetch_add(1, Ordering::SeqCst);
            let at_once = self.1.fetch_add(1, Ordering::SeqCst) + 1;
            self.2.fetch_max(at_once, Ordering::SeqCst);
            tokio::task::yield_now().await;
            self.1.fetch_sub(1, Ordering::SeqCst);
            match event.as_str() {
                "$gone" => Ok(None),
                "$down" => Err(Error::unavailable("down")),
                _ => Ok(Some(raw("fetched"))),
            }
        }
    }

    fn raw(text: &str) -> Box<RawValue> {
        to_raw_value(text).expect("JSON")
    }

    fn recent() -> (Arc<Recent>, Arc<Shown>) {
        let shown = Arc::new(Shown::default());
        (Arc::new(Recent::new(shown.clone())), shown)
    }

    async fn look(recent: &Recent, event: &str) -> Option<String> {
        let (room, event) = (RoomId::trusted("!r"), EventId::trusted(event));
        let found = recent.event(&room, &event).await.expect("an answer");
        found.map(|raw| raw.get().to_owned())
    }

    #[tokio::test]
    async fn events_are_held_while_somebody_wants_them() {
        let (recent, shown) = recent();
        let id = EventId::trusted("$e");
        recent.put(id.clone(), raw("pushed")).await;
        assert_eq!(look(&recent, "$e").await.as_deref(), Some("\"fetched\""));
        let want = recent.want();
        recent.put(id.clone(), raw("pushed")).await;
        assert_eq!(look(&recent, "$e").await.as_deref(), Some("\"pushed\""));
        recent.forget(&id).await;
        recent.put(id, raw("pushed late")).await;
        assert_eq!(look(&recent, "$e").await.as_deref(), Some("\"fetched\""));
        look(&recent, "$other").await;
        look(&recent, "$other").await;
        assert_eq!(shown.0.load(Ordering::SeqCst), 3, "a miss is kept");
        drop(want);
        assert!(!recent.is_wanted());
    }

    #[tokio::test]
    async fn many_who_miss_the_same_event_ask_once() {
        let (recent, shown) = recent();
        let _want = recent.want();
        let looks = (0..100).map(|_| look(&recent, "$e"));
        futures_util::future::join_all(looks).await;
        assert_eq!(shown.0.load(Ordering::SeqCst), 1);
        assert_eq!(look(&recent, "$gone").await, None);
        let down = EventId::trusted("$down");
        let failed = recent.event(&RoomId::trusted("!r"), &down).await;
        assert!(failed.is_err(), "a failure is not kept");
    }

    #[tokio::test]
    async fn the_homeserver_is_asked_in_turn() {
        let (recent, shown) = recent();
        let _want = recent.want();
        let ids: Vec<_> = (0..100).map(|number| format!("$e{number}")).collect();
        let looks = ids.iter().map(|id| look(&recent, id));
        futures_util::future::join_all(looks).await;
        assert_eq!(shown.0.load(Ordering::SeqCst), 100);
        assert_eq!(shown.2.load(Ordering::SeqCst), ASKED_AT_ONCE);
    }

    #[tokio::test]
    async fn the_oldest_make_room() {
        let (recent, shown) = recent();
        let _want = recent.want();
        let large = "x".repeat(60_000);
        for number in 0..200 {
            let id = EventId::trusted(format!("$e{number}"));
            recent.put(id, raw(&large)).await;
        }
        let events = recent.events().expect("held");
        events.run_pending_tasks().await;
        assert!(events.weighted_size() <= MOST);
        look(&recent, "$e199").await;
        assert_eq!(shown.0.load(Ordering::SeqCst), 0, "the newest is there");
        look(&recent, "$e0").await;
        assert_eq!(shown.0.load(Ordering::SeqCst), 1, "the oldest is not");
    }
}
