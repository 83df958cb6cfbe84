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

/// Why a look-up brought nothing.
#[derive(Debug)]
enum Failed {
    /// Whoever was to look may not now.
    NotAdmitted,
    Looked(Error),
}

/// Look-ups of rooms.
pub struct Details<T> {
    found: Cache<(RoomId, u64), T>,
    states: Box<[AtomicU64]>,
    places: RandomState,
}

impl<T: Clone + Send + Sync + 'static> Details<T> {
    /// What is remembered of a room or, when that is nothing, what `look` finds with what `admit`
    /// has given to whoever looks. Failures are not remembered.
    ///
    /// What comes of a look is told to all who wait for it. Who was not admitted is told so alone,
    /// and another of them tries.
    pub async fn get<P, A: Future<Output = Result<P>>, L: Future<Output = Result<T>>>(
        &self,
        room: &RoomId,
        admit: impl Fn() -> A,
        look: impl Fn(P) -> L,
    ) -> Result<T> {
        loop {
            let state = self.state(room).load(Ordering::SeqCst);
            let mut refusal = None;
            let looking = async {
                match admit().await {
                    Ok(place) => look(place).await.map_err(Failed::Looked),
                    Err(error) => {
                        refusal = Some(error);
                        Err(Failed::NotAdmitted)
                    }
                }
            };
            let found = self.found.try_get_with((room.clone(), state), looking);
            match found.await {
                Ok(found) => return Ok(found),
                Err(failed) => match (failed.as_ref(), refusal) {
                    (Failed::Looked(error), _) => return Err(error.clone()),
                    (Failed::NotAdmitted, Some(refusal)) => return Err(refusal),
                    (Failed::NotAdmitted, None) => {}
                },
            }
        }
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
            details.get(&room, admitted, async |()| {
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

    async fn admitted() -> Result<()> {
        Ok(())
    }

    #[tokio::test]
    async fn who_is_not_admitted_is_told_so_alone() {
        let (details, room, gate) = (Details::default(), room(), Notify::new());
        let refused = async || {
            gate.notified().await;
            Err(Error::forbidden("you ask too often"))
        };
        let flood = details.get(&room, refused, async |()| Ok("never"));
        let quiet = (0..10).map(|_| details.get(&room, admitted, async |()| Ok("name")));
        let open = async { gate.notify_one() };
        let (flood, quiet, ()) = tokio::join!(flood, join_all(quiet), open);
        assert_eq!(flood, Err(Error::forbidden("you ask too often")));
        assert!(quiet.into_iter().all(|name| name == Ok("name")));
    }

    #[tokio::test]
    async fn what_the_homeserver_says_is_told_to_all() {
        let (details, room, calls) = (Details::<()>::default(), room(), AtomicUsize::new(0));
        let look = || {
            details.get(&room, admitted, async |()| {
                calls.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                Err(Error::unavailable("down"))
            })
        };
        let all = join_all((0..10).map(|_| look())).await;
        assert!(
            all.into_iter()
                .all(|it| it == Err(Error::unavailable("down")))
        );
        assert_eq!(calls.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn what_changes_a_room_counts_at_once() {
        let details = Details::default();
        let room = room();
        let get = async |name: &'static str| {
            let look = async |()| Ok(name);
            details.get(&room, admitted, look).await
        };
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
        let slow = details.get(&room, admitted, async |()| {
            details.happened(&room, "m.room.topic");
            Ok("old")
        });
        assert_eq!(slow.await, Ok("old"));
        let next = details.get(&room, admitted, async |()| Ok("new"));
        assert_eq!(next.await, Ok("new"));
    }

    #[tokio::test]
    async fn failures_are_not_remembered() {
        let (details, room) = (Details::default(), room());
        let down = async |()| Err(Error::unavailable("down"));
        assert!(details.get(&room, admitted, down).await.is_err());
        let up = details.get(&room, admitted, async |()| Ok(1));
        assert_eq!(up.await, Ok(1));
    }
}
