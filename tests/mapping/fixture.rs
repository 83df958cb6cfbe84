//! A city with one room and one confidential channel, and short cuts into the mapping.

use daarion::directory::Directory;
use daarion::domain::agent::Agent;
use daarion::domain::channel::{Channel, ChannelKind, ChannelStatus, CityNaming, Visibility};
use daarion::domain::entity::{Entity, Naming};
use daarion::domain::event::{Skipped, Source, What};
use daarion::domain::id::{ChannelId, EventId, MessageId, RoomAlias, RoomId, UserId};
use daarion::domain::message::Message;
use daarion::homeserver::Mapped;
use daarion::matrix::mapping;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

/// When the test takes place. Events say that they were sent a second before.
pub const NOW: u64 = 1_764_000_001_000;
pub const SENT: u64 = NOW - 1_000;

pub const ROOM: &str = "!general:daarion.city";
pub const CONFIDENTIAL: &str = "!secret";
pub const CHANNEL: u128 = 7;

pub fn directory() -> Directory {
    let naming = Naming {
        server_name: "daarion.city".into(),
        sender_localpart: "daarion".into(),
        agent_prefix: "agent_".into(),
    };
    let city = CityNaming {
        city: "DAARION City".into(),
        room_prefix: "city_".into(),
        matrix_name: "{city} — {room}".into(),
        server_name: "daarion.city".into(),
    };
    let directory = Directory::new(naming, city);
    directory.put_channel(channel(CHANNEL, ROOM, false));
    directory.put_channel(channel(8, CONFIDENTIAL, true));
    let sofia = user("@sofia:daarion.city");
    directory.put_agent(Agent::new("sofia".into(), sofia, "Sofia".into(), 0));
    directory
}

pub fn channel(id: u128, room: &str, confidential: bool) -> Channel {
    Channel {
        id: channel_id(id),
        kind: ChannelKind::City,
        slug: "general".into(),
        name: "General".into(),
        description: String::new(),
        microdao: "microdao:daarion".into(),
        visibility: Visibility::Public,
        confidential,
        status: ChannelStatus::Active,
        is_default: true,
        accepts_knocks: false,
        slow_mode_seconds: 0,
        room: RoomId::trusted(room),
        former: Vec::new(),
        alias: RoomAlias::parse("#city_general:daarion.city"),
        created_by: None,
        created_at: 1,
    }
}

/// An event with what every event has, unless `fields` say otherwise (null takes away).
pub fn event(fields: Value) -> Value {
    let mut event = json!({
        "room_id": ROOM,
        "event_id": "$event",
        "sender": "@alice:daarion.city",
        "origin_server_ts": SENT,
        "unsigned": { "age": 12 },
    });
    for (key, value) in fields.as_object().expect("an object") {
        event[key] = value.clone();
    }
    event
}

/// A message event with this content.
pub fn message(content: Value) -> Value {
    event(json!({ "type": "m.room.message", "content": content }))
}

/// A state event with the empty state key.
pub fn state(kind: &str, content: Value) -> Value {
    event(json!({ "type": kind, "state_key": "", "content": content }))
}

pub fn raw(event: &Value) -> Box<RawValue> {
    to_raw_value(event).expect("JSON")
}

pub fn map(event: &Value) -> Mapped {
    mapping::map(&raw(event), &directory(), NOW, Source::Push)
}

/// What happened, when something did.
pub fn what(event: &Value) -> What {
    match map(event) {
        Mapped::Event(mapped) => {
            assert_eq!(mapped.source, Source::Push);
            assert_eq!(mapped.event, Some(EventId::trusted("$event")));
            mapped.what
        }
        other => panic!("{event} became {other:?}"),
    }
}

pub fn reason(event: &Value) -> String {
    match map(event) {
        Mapped::Skipped(Skipped { at, reason, .. }) => {
            assert_eq!(at, NOW);
            reason
        }
        other => panic!("{event} became {other:?}"),
    }
}

/// The message that a plain text of alice's becomes.
pub fn text(preview: &str) -> Message {
    let entity = Entity::parse("user:alice").expect("an entity");
    let sender = (user("@alice:daarion.city"), entity);
    let event = EventId::trusted("$event");
    Message {
        preview: preview.into(),
        ..Message::blank(channel_id(CHANNEL), event, sender, SENT)
    }
}

pub fn user(id: &str) -> UserId {
    UserId::parse(id).expect("a user id")
}

pub fn id(event: &str) -> Option<MessageId> {
    Some(MessageId::of(&EventId::trusted(event)))
}

pub fn channel_id(number: u128) -> ChannelId {
    ChannelId(uuid::Uuid::from_u128(number))
}
