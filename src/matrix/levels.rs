//! Who has what power in a room, read and set, and how somebody stands to it.

use ruma::events::StateEventType;

use super::mapping::{self, Power};
use super::{Matrix, rooms};
use crate::domain::Result;
use crate::domain::id::{EventId, RoomId, UserId};
use crate::domain::member::Member;
use crate::homeserver::StoredLevels;

const LEVELS: &str = "m.room.power_levels";

impl Matrix {
    /// Changes one entry of the list, as it is in the room now: what others have set, and what we
    /// do not know, stays.
    pub(super) async fn put_level(
        &self,
        room: &RoomId,
        (user, from, level): (&UserId, Option<i64>, Option<i64>),
        as_user: Option<&UserId>,
    ) -> Result<Option<StoredLevels>> {
        let creation = self.read_creation(room).await?;
        let content = self.read_one_state(room, StateEventType::RoomPowerLevels, "", false);
        let content = content.await?;
        let power = Power::new(creation, content.as_deref());
        let levels = power.levels();
        if levels.users.get(user).copied() != from {
            return Ok(None);
        }
        let content = rooms::json(&power.with(user, level))?;
        let event = self.put_state(room, LEVELS, content, as_user).await?;
        let connector = || self.directory.naming.connector();
        Ok(Some(StoredLevels {
            event: Some(event),
            sender: as_user.cloned().unwrap_or_else(connector),
            at: self.clock.now(),
            levels: levels.with(user, level),
        }))
    }

    pub(super) async fn read_member(
        &self,
        room: &RoomId,
        user: &UserId,
    ) -> Result<Option<(EventId, Member)>> {
        let kind = StateEventType::RoomMember;
        let event = self.read_one_state(room, kind, user.as_str(), true).await?;
        let now = self.clock.now();
        Ok(event.and_then(|event| mapping::member_of(&event, &self.directory, now)))
    }
}
