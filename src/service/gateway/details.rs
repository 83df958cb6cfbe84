//! What rooms are like, remembered for a while: as long as nothing happens in them.
//!
//! Each look-up belongs to a **state** of its room, a number that grows with every event that may
//! change what the room is like. A look-up that began before such an event is never taken for
//! one that began after it, and many who look at once make one call.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::future::Cache;

use crate::domain::channel::STATE_TYPE;
use crate::domain::id::RoomId;
use crate::domain::{Error, Result};
use crate::homeserver::watch::RoomWatch;

/// How long a look-up counts while nothing is heard of its room.
const LIFETIME: Duration = Duration::from_secs(300);
/// How many rooms are remembered.
const ROOMS: u64 = 10_000;
/// How many states are counted. Rooms that share one only ask once more than they had to.
const STATES: usize = 4_096;

/// Look-ups of rooms.
pub struct Details<T> {
    found: Cache<(RoomId, u64), T>,
    states: Box<[AtomicU64]>,
    places: RandomState,
}

impl<T: Clone + Send + Sync + 'static> Details<T> {
    /// What is remembered of a room or, when that is nothing, what `look` finds. Failures are
    /// not remembered.
    pub async fn get(
        &self,
        room: &RoomId,
        look: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let state = self.state(room).load(Ordering::SeqCst);
        let found = self.found.try_get_with((room.clone(), state), look).await;
        found.map_err(|error: std::sync::Arc<Error>| error.as_ref().clone())
    }

    /// As [`get`](Self::get), of what not everybody may see: of those who miss, each looks as who
    /// they are.
    pub async fn get_alone(
        &self,
        room: &RoomId,
        look: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let key = (room.clone(), self.state(room).load(Ordering::SeqCst));
        if let Some(found) = self.found.get(&key).await {
            return Ok(found);
        }
        let found = look.await?;
        self.found.insert(key, found.clone()).await;
        Ok(found)
    }

    /// Forgets what is remembered of a room.
    pub fn forget(&self, room: &RoomId) {
        self.state(room).fetch_add(1, Ordering::SeqCst);
    }

    fn state(&self, room: &RoomId) -> &AtomicU64 {
        let place = self.places.hash_one(room) % STATES as u64;
        &self.states[usize::try_from(place).unwrap_or_default()]
    }
}

impl<T: Clone + Send + Sync + 'static> Default for Details<T> {
    fn default() -> Self {
        Self {
            found: Cache::builder()
                .max_capacity(ROOMS)
                .time_to_live(LIFETIME)
                .build(),
            states: (0..STATES).map(|_| AtomicU64::new(0)).collect(),
            places: RandomState::new(),
        }
    }
}

impl<T: Clone + Send + Sync + 'static> RoomWatch for Details<T> {
    fn happened(&self, room: &RoomId, kind: &str) {
        if changes_details(kind) {
            self.forget(room);
        }
    }
}

/// Whether events of a type may change what a room is like. Redactions do: that of a name leaves
/// the room without one.
fn changes_details(kind: &str) -> bool {
    match kind {
        "m.room.message" | "m.room.encrypted" => false,
        STATE_TYPE => true,
        kind => kind.starts_with("m.room.") || kind.starts_with("m.space."),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use futures_util::future::join_all;
    use tokio::sync::Notify;

    use super::*;

    fn room() -> RoomId {
        RoomId::trusted("!room:s")
    }

    #[tokio::test]
    async fn a_thousand_who_miss_make_one_call() {
        let (details, calls) = (Details::default(), AtomicUsize::new(0));
        let (room, gate) = (room(), Notify::new());
        let look = || {
            details.get(&room, async {
                calls.fetch_add(1, Ordering::SeqCst);
                gate.notified().await;
                Ok("name".to_owned())
            })
        };
        let all = join_all((0..1_000).map(|_| look()));
        let open = async { gate.notify_one() };
        let (found, ()) = tokio::join!(all, open);
        assert!(found.into_iter().all(|name| name == Ok("name".to_owned())));
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn what_changes_a_room_counts_at_once() {
        let details = Details::default();
        let room = room();
        let get = async |name: &'static str| details.get(&room, async { Ok(name) }).await;
        assert_eq!(get("old").await, Ok("old"));
        assert_eq!(get("new").await, Ok("old"), "remembered");
        details.happened(&room, "m.room.message");
        assert_eq!(get("new").await, Ok("old"), "a message changes nothing");
        details.happened(&room, "m.room.name");
        assert_eq!(get("new").await, Ok("new"));
        details.happened(&room, "m.room.redaction");
        assert_eq!(get("newer").await, Ok("newer"));
    }

    #[tokio::test]
    async fn a_look_that_began_before_a_change_is_not_kept() {
        let details = Details::default();
        let room = room();
        let slow = details.get(&room, async {
            details.happened(&room, "m.room.topic");
            Ok("old")
        });
        assert_eq!(slow.await, Ok("old"));
        assert_eq!(details.get(&room, async { Ok("new") }).await, Ok("new"));
    }

    #[tokio::test]
    async fn failures_are_not_remembered() {
        let (details, room) = (Details::default(), room());
        let failing = details.get(&room, async { Err(Error::unavailable("down")) });
        assert!(failing.await.is_err());
        assert_eq!(details.get(&room, async { Ok(1) }).await, Ok(1));
    }
}
