//! Who is told at once that something of a room has changed.

use crate::domain::id::RoomId;

/// Told of every event that the homeserver pushes, of channels and of other rooms alike: where
/// it is, and its type. Answers at once, because the homeserver waits.
pub trait RoomWatch: Send + Sync {
    fn happened(&self, room: &RoomId, kind: &str);
}
