//! Our identifiers as ruma's, which is stricter about some.

use ruma::{OwnedEventId, OwnedRoomAliasId, OwnedRoomId, OwnedUserId};

use crate::domain::id::{EventId, RoomAlias, RoomId, UserId};
use crate::domain::{Error, Result};

pub(super) fn room(room: &RoomId) -> Result<OwnedRoomId> {
    ruma::RoomId::parse(room.as_str()).map_err(|_| invalid("room_id", room.as_str()))
}

pub(super) fn event(event: &EventId) -> Result<OwnedEventId> {
    ruma::EventId::parse(event.as_str()).map_err(|_| invalid("event_id", event.as_str()))
}

pub(super) fn user(user: &UserId) -> Result<OwnedUserId> {
    ruma::UserId::parse(user.as_str()).map_err(|_| invalid("user_id", user.as_str()))
}

pub(super) fn alias(alias: &RoomAlias) -> Result<OwnedRoomAliasId> {
    ruma::RoomAliasId::parse(alias.as_str()).map_err(|_| invalid("alias", alias.as_str()))
}

fn invalid(field: &'static str, given: &str) -> Error {
    Error::invalid(field, format!("is no Matrix identifier: {given}"))
}
