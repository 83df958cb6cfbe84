//! What of a pushed event may be known of any room, and what a redaction takes away.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::envelope::Envelope;
use super::json;
use crate::domain::id::{EventId, RoomId};

/// Where something happened, and of which type it is: all that may be known of rooms that are
/// no channels.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Glance {
    pub room: RoomId,
    pub kind: String,
}

/// Reads the room and the type of an event.
#[must_use]
pub fn sight(raw: &RawValue) -> Option<Glance> {
    let envelope = json::object::<Envelope>(raw)?;
    let room = json::text(envelope.room_id)?;
    Some(Glance {
        room: RoomId::parse(&room)?,
        kind: json::text(envelope.kind)?.into_owned(),
    })
}

/// The id of an event of a channel.
#[must_use]
pub fn event_id(raw: &RawValue) -> Option<EventId> {
    let envelope = json::object::<Envelope>(raw)?;
    EventId::parse(&json::text(envelope.event_id)?)
}

/// The event that a redaction takes away. Its id is in the content since room version 11 and
/// beside it before (MSC2174).
#[must_use]
pub fn redacted(raw: &RawValue) -> Option<EventId> {
    #[derive(Deserialize)]
    struct Content<'a> {
        #[serde(borrow)]
        redacts: Option<&'a RawValue>,
    }
    let envelope = json::object::<Envelope>(raw)?;
    let content = json::field::<Content>(envelope.content);
    [content.and_then(|it| it.redacts), envelope.redacts]
        .into_iter()
        .find_map(|raw| EventId::parse(&json::text(raw)?))
}
