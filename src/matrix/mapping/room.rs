//! A room as its state shows it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::channel_state::read_channel_state;
use super::envelope::Envelope;
use super::power::{Creation, Power};
use super::{json, state};
use crate::directory::Directory;
use crate::domain::channel::{STATE_TYPE, Visibility};
use crate::domain::id::{EventId, Millis, RoomId, UserId};
use crate::domain::member::Member;
use crate::homeserver::{RoomSnapshot, StoredChannelState, StoredPins};

/// Reads a room's state events; what is malformed among them is left out. No time is later
/// than `now`, as with events: what comes after would be taken for older.
#[must_use]
pub fn snapshot<'a>(
    room: &RoomId,
    events: impl Iterator<Item = &'a RawValue>,
    directory: &Directory,
    now: Millis,
) -> (RoomSnapshot, Power) {
    let mut snapshot = RoomSnapshot {
        room: room.clone(),
        channel: None,
        name: None,
        topic: None,
        alias: None,
        public: false,
        encrypted: false,
        created_at: 0,
        members: Vec::new(),
        pins: None,
    };
    let (mut creation, mut levels) = (Creation::default(), None);
    for event in events {
        let Some(envelope) = json::object::<Envelope>(event) else {
            continue;
        };
        let (Some(kind), Some(key)) = (json::text(envelope.kind), json::text(envelope.state_key))
        else {
            continue;
        };
        match (kind.as_ref(), key.as_ref()) {
            ("m.room.member", _) => {
                snapshot.members.extend(member(&envelope, directory, now));
            }
            ("m.room.create", "") => {
                creation = Creation::read(event).unwrap_or_default();
                snapshot.created_at = sent_at(&envelope, now).unwrap_or(0);
            }
            ("m.room.power_levels", "") => levels = envelope.content,
            _ if !key.is_empty() => {}
            _ => describe(&mut snapshot, &kind, &envelope, now),
        }
    }
    (snapshot, Power::new(creation, levels))
}

fn describe(snapshot: &mut RoomSnapshot, kind: &str, envelope: &Envelope, now: Millis) {
    #[derive(Deserialize)]
    struct Content<'a> {
        #[serde(borrow)]
        name: Option<&'a RawValue>,
        #[serde(borrow)]
        topic: Option<&'a RawValue>,
    }
    let Some(content) = json::field::<Content>(envelope.content) else {
        return;
    };
    let filled = |raw| {
        json::text(raw)
            .map(Cow::into_owned)
            .filter(|text| !text.is_empty())
    };
    match kind {
        "m.room.name" => snapshot.name = filled(content.name),
        "m.room.topic" => snapshot.topic = filled(content.topic),
        "m.room.canonical_alias" => {
            snapshot.alias = envelope
                .content
                .and_then(|content| state::alias(content).ok().flatten());
        }
        "m.room.join_rules" => {
            let visibility = envelope.content.map(state::visibility);
            snapshot.public = visibility == Some(Ok(Visibility::Public));
        }
        "m.room.encryption" => snapshot.encrypted = true,
        "m.room.pinned_events" => snapshot.pins = pins(envelope, now),
        STATE_TYPE => snapshot.channel = channel(envelope, now),
        _ => {}
    }
}

fn channel(envelope: &Envelope, now: Millis) -> Option<StoredChannelState> {
    Some(StoredChannelState {
        event: EventId::parse(&json::text(envelope.event_id)?)?,
        sender: UserId::parse(&json::text(envelope.sender)?)?,
        at: sent_at(envelope, now)?,
        state: read_channel_state(envelope.content?)?,
    })
}

fn pins(envelope: &Envelope, now: Millis) -> Option<StoredPins> {
    Some(StoredPins {
        event: EventId::parse(&json::text(envelope.event_id)?)?,
        sender: UserId::parse(&json::text(envelope.sender)?)?,
        at: sent_at(envelope, now)?,
        pinned: state::pinned(envelope.content?).ok()?,
    })
}

fn member(envelope: &Envelope, directory: &Directory, now: Millis) -> Option<(EventId, Member)> {
    let user = UserId::parse(&json::text(envelope.state_key)?)?;
    let (membership, display_name) = state::membership(envelope.content?).ok()??;
    let member = Member {
        entity: directory.entity(&user),
        user,
        membership,
        display_name,
        by: UserId::parse(&json::text(envelope.sender)?)?,
        since: sent_at(envelope, now)?,
    };
    Some((EventId::parse(&json::text(envelope.event_id)?)?, member))
}

fn sent_at(envelope: &Envelope, now: Millis) -> Option<Millis> {
    Some(json::integer(envelope.origin_server_ts)?.min(now))
}
