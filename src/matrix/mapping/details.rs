//! What the gateway reads of a room: its state for people, one membership, one reaction.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::envelope::Envelope;
use super::{json, state};
use crate::domain::id::{EventId, UserId};
use crate::domain::member::Membership;
use crate::homeserver::gateway::{RoomDetails, Standing};

/// Reads a room's state events; what is malformed among them is left out.
#[must_use]
pub fn details<'a>(events: impl Iterator<Item = &'a RawValue>) -> RoomDetails {
    let mut details = RoomDetails::default();
    for event in events {
        let Some(envelope) = json::object::<Envelope>(event) else {
            continue;
        };
        let (Some(kind), Some(key), Some(content)) = (
            json::text(envelope.kind),
            json::text(envelope.state_key),
            envelope.content,
        ) else {
            continue;
        };
        match (kind.as_ref(), key.as_ref()) {
            ("m.room.member", _) => count(&mut details, content),
            (kind, "") => describe(&mut details, kind, content),
            _ => {}
        }
    }
    details
}

fn count(details: &mut RoomDetails, content: &RawValue) {
    match standing(content) {
        Some(Standing::Is(Membership::Joined)) => details.joined += 1,
        Some(Standing::Is(Membership::Invited)) => details.invited += 1,
        _ => {}
    }
}

fn describe(details: &mut RoomDetails, kind: &str, content: &RawValue) {
    #[derive(Deserialize)]
    struct Content<'a> {
        #[serde(borrow)]
        name: Option<&'a RawValue>,
        #[serde(borrow)]
        topic: Option<&'a RawValue>,
        #[serde(borrow)]
        url: Option<&'a RawValue>,
        #[serde(borrow)]
        algorithm: Option<&'a RawValue>,
        #[serde(borrow)]
        room_version: Option<&'a RawValue>,
    }
    let Some(read) = json::object::<Content>(content) else {
        return;
    };
    let filled = |raw| {
        let text = json::text(raw).map(Cow::into_owned);
        text.filter(|text| !text.is_empty())
    };
    match kind {
        "m.room.name" => details.name = filled(read.name),
        "m.room.topic" => details.topic = filled(read.topic),
        "m.room.avatar" => details.avatar_url = filled(read.url),
        "m.room.canonical_alias" => details.alias = state::alias(content).ok().flatten(),
        // Encrypted is encrypted, whatever the event says of how.
        "m.room.encryption" => {
            let algorithm = filled(read.algorithm);
            details.encryption = Some(algorithm.unwrap_or_else(|| "unknown".to_owned()));
        }
        // Rooms of the first version do not say so.
        "m.room.create" => {
            let version = filled(read.room_version);
            details.room_version = Some(version.unwrap_or_else(|| "1".to_owned()));
        }
        _ => {}
    }
}

/// What the content of an `m.room.member` says; `None` of nonsense.
#[must_use]
pub fn standing(content: &RawValue) -> Option<Standing> {
    let said = state::membership(content).ok()?;
    Some(Standing::Is(said.membership))
}

/// The event's id, when it is this user's reaction with this key.
#[must_use]
pub fn reaction_by(event: &RawValue, user: &UserId, key: &str) -> Option<EventId> {
    #[derive(Deserialize)]
    struct Content<'a> {
        #[serde(borrow, rename = "m.relates_to")]
        relation: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Relation<'a> {
        #[serde(borrow)]
        key: Option<&'a RawValue>,
    }
    let envelope: Envelope = json::object(event)?;
    let content: Content = json::field(envelope.content)?;
    let relation: Relation = json::field(content.relation)?;
    let is_it = json::text(envelope.sender)? == user.as_str() && json::text(relation.key)? == key;
    let id = json::text(envelope.event_id).filter(|_| is_it)?;
    EventId::parse(&id)
}
