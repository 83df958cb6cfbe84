//! What is not kept: foreign rooms, structural types, what cannot be used; and what comes
//! and goes.

use daarion::domain::event::{Skipped, Source};
use daarion::domain::id::{EventId, RoomId};
use daarion::homeserver::{Ephemeral, Mapped};
use daarion::matrix::mapping;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::fixture::{
    CHANNEL, NOW, ROOM, channel, channel_id, directory, event, map, message, raw, reason, state,
    user,
};

#[test]
fn rooms_that_are_no_channels_are_foreign() {
    let mut input = message(json!({ "msgtype": "m.text", "body": "приватне" }));
    for room in [
        json!("!other:daarion.city"),
        json!("x"),
        json!(null),
        json!(5),
        json!({}),
    ] {
        input["room_id"] = room;
        assert_eq!(map(&input), Mapped::Foreign);
    }
    // Also when nothing else of them can be read.
    let input = json!({ "room_id": "!other", "content": 5, "origin_server_ts": "x" });
    assert_eq!(map(&input), Mapped::Foreign);
    for text in ["\"garbage\"", "null", "5", "[]", "{}"] {
        let raw: &RawValue = serde_json::from_str(text).expect("JSON");
        let mapped = mapping::map(raw, &directory(), NOW, Source::Push);
        assert_eq!(mapped, Mapped::Foreign, "{text}");
    }
}

#[test]
fn history_takes_its_channel_and_not_the_directory() {
    let unknown = channel(42, "!unknown", false);
    let map_in =
        |value: &Value| mapping::map_in(&raw(value), &unknown, &directory(), NOW, Source::Rebuild);
    let mut input = message(json!({ "msgtype": "m.text", "body": "x" }));
    input["room_id"] = json!("!unknown");
    let (id, mapped) = map_in(&input);
    assert_eq!(id, Some(EventId::trusted("$event")));
    assert!(matches!(mapped, Mapped::Event(e) if e.channel == unknown.id
        && e.source == Source::Rebuild));
    let (id, mapped) = map_in(&json!("garbage"));
    assert!(id.is_none() && matches!(mapped, Mapped::Skipped(_)));
}

#[test]
fn known_types_that_say_nothing_new_are_nothing() {
    for kind in [
        "m.room.create",
        "m.room.history_visibility",
        "m.room.guest_access",
        "m.room.server_acl",
        "m.room.tombstone",
        "m.room.avatar",
        "m.room.third_party_invite",
        "m.space.child",
        "m.space.parent",
        "m.call.invite",
        "m.poll.response",
        "m.poll.end",
        "org.matrix.msc3381.poll.response",
        "org.matrix.msc3381.poll.end",
        "m.beacon",
        "m.beacon_info",
        "org.matrix.msc3672.beacon_info",
    ] {
        assert_eq!(
            map(&state(kind, json!({ "any": "thing" }))),
            Mapped::Nothing,
            "{kind}"
        );
    }
}

#[test]
fn tombstone_of_a_channels_room_asks_to_look_at_it() {
    let ended = state("m.room.tombstone", json!({ "replacement_room": "!new" }));
    assert_eq!(map(&ended), Mapped::Claim(RoomId::trusted(ROOM)));
    let mut foreign = ended.clone();
    foreign["room_id"] = json!("!other");
    assert_eq!(map(&foreign), Mapped::Foreign);
    // Nobody can end a room twice: in what was before, it says nothing.
    let known = channel(CHANNEL, ROOM, false);
    let (_, mapped) = mapping::map_in(&raw(&ended), &known, &directory(), NOW, Source::Heal);
    assert_eq!(mapped, Mapped::Nothing);
}

#[test]
fn of_a_former_room_only_what_is_taken_back_counts() {
    let directory = directory();
    let mut moved = channel(CHANNEL, "!new", false);
    moved.former = vec![RoomId::trusted(ROOM)];
    directory.put_channel(moved);
    let map = |event: &Value| mapping::map(&raw(event), &directory, NOW, Source::Push);
    let mut taken_back = event(json!({ "type": "m.room.redaction", "content": {} }));
    taken_back["redacts"] = json!("$before");
    let taken_back = map(&taken_back);
    assert!(matches!(taken_back, Mapped::Event(event) if event.channel == channel_id(CHANNEL)));
    // Whoever is banned from the channel or muted there may be neither here.
    for past in [
        message(json!({ "msgtype": "m.text", "body": "late" })),
        event(json!({ "type": "m.reaction", "content": { "m.relates_to": {
            "rel_type": "m.annotation", "event_id": "$before", "key": "x"
        } } })),
        state("m.room.name", json!({ "name": "Old" })),
        state("m.room.join_rules", json!({ "join_rule": "invite" })),
        state("m.room.tombstone", json!({ "replacement_room": "!evil" })),
    ] {
        assert_eq!(map(&past), Mapped::Nothing, "{past}");
    }
}

#[test]
fn unknown_type_is_skipped_and_kept_as_it_came() {
    let input = event(json!({ "type": "city.other.thing", "content": { "z": 1 } }));
    let Mapped::Skipped(skipped) = map(&input) else {
        panic!("is not skipped");
    };
    assert_eq!(skipped.reason, "unknown type city.other.thing");
    assert_eq!(
        serde_json::from_str::<Value>(&skipped.raw).ok(),
        Some(input)
    );
}

#[test]
fn skipped_event_is_cut_at_a_character() {
    let long = event(json!({ "type": "x", "content": { "z": "ї".repeat(40_000) } }));
    let Mapped::Skipped(Skipped { raw, .. }) = map(&long) else {
        panic!("is not skipped");
    };
    assert!(raw.len() <= 65_536 && raw.len() > 65_500);
    let long = event(json!({ "type": "ї".repeat(70_000), "content": {} }));
    assert!(reason(&long).len() < 300);
}

#[test]
fn malformed_fields_say_which() {
    for (field, wrong, expected) in [
        ("origin_server_ts", json!(-1), "origin_server_ts is no time"),
        (
            "origin_server_ts",
            json!(1.5),
            "origin_server_ts is no time",
        ),
        (
            "origin_server_ts",
            json!(u64::MAX),
            "origin_server_ts is no time",
        ),
        (
            "origin_server_ts",
            json!("1"),
            "origin_server_ts is no time",
        ),
        (
            "origin_server_ts",
            json!(null),
            "origin_server_ts is no time",
        ),
        ("event_id", json!("event"), "event_id is no event id"),
        (
            "event_id",
            json!(format!("${}", "x".repeat(300))),
            "event_id is no event id",
        ),
        ("sender", json!("alice"), "sender is no user id"),
        ("type", json!(5), "type is no string"),
        ("content", json!([]), "content is no usable object"),
        ("content", json!("x"), "content is no usable object"),
        ("content", json!(null), "content is missing"),
        ("state_key", json!(5), "state_key is no string"),
        (
            "state_key",
            json!(""),
            "is a state event, which its type must not be",
        ),
    ] {
        let mut input = message(json!({ "msgtype": "m.text", "body": "x" }));
        input[field] = wrong;
        assert_eq!(reason(&input), expected);
    }
    for (content, expected) in [
        (json!({ "msgtype": "m.text" }), "body is no string"),
        (
            json!({ "msgtype": "m.text", "body": 5 }),
            "body is no string",
        ),
        (json!({ "body": "x" }), "msgtype is no string"),
        (
            json!({ "body": "x", "msgtype": "" }),
            "msgtype is empty or too long",
        ),
    ] {
        assert_eq!(reason(&message(content)), expected);
    }
}

#[test]
fn escapes_are_read_and_broken_ones_are_skipped() {
    let input = |body: &str| {
        let text = message(json!({ "msgtype": "m.text", "body": "BODY" })).to_string();
        let text = text.replace("BODY", body);
        RawValue::from_string(text).expect("JSON")
    };
    let found = mapping::map(&input(r#"a\n\u0457\"\\"#), &directory(), NOW, Source::Push);
    assert!(matches!(found, Mapped::Event(e)
        if e.what.message().is_some_and(|m| m.preview == "a\nї\"\\")));
    let lone = mapping::map(&input(r"\ud800"), &directory(), NOW, Source::Push);
    assert!(matches!(lone, Mapped::Skipped(s) if s.reason == "body is no string"));
}

#[test]
fn presence_comes_and_goes() {
    let presence = |content: Value| {
        let event = json!({ "type": "m.presence", "sender": "@a:s", "content": content });
        mapping::ephemeral(&raw(&event))
    };
    let of = |online| {
        Some(Ephemeral::Presence {
            user: user("@a:s"),
            online,
        })
    };
    assert_eq!(presence(json!({ "presence": "online" })), of(true));
    assert_eq!(presence(json!({ "presence": "unavailable" })), of(false));
    let active = json!({ "presence": "unavailable", "currently_active": true });
    assert_eq!(presence(active), of(true));
    assert_eq!(presence(json!({ "presence": 5 })), None);
    for other in [
        json!({ "type": "m.typing", "room_id": "!a", "content": { "user_ids": [] } }),
        json!({ "type": "m.presence", "content": { "presence": "online" } }),
        json!("garbage"),
    ] {
        assert_eq!(mapping::ephemeral(&raw(&other)), None);
    }
}
