//! Our identifiers as ruma's, which is stricter about some.

use ruma::{OwnedEventId, OwnedRoomAliasId, OwnedRoomId, OwnedServerName, OwnedUserId};

use crate::domain::id::{EventId, RoomAlias, RoomId, ServerName, UserId};
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

pub(super) fn servers(servers: &[ServerName]) -> Result<Vec<OwnedServerName>> {
    let parsed = servers.iter().map(|server| {
        let parsed = ruma::ServerName::parse(server.as_str());
        parsed.map_err(|_| invalid("via", server.as_str()))
    });
    parsed.collect()
}

fn invalid(field: &'static str, given: &str) -> Error {
    Error::invalid(field, format!("is no Matrix identifier: {given}"))
}
