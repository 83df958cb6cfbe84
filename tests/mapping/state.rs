//! State events: members, and what a room says of itself.

use daarion::domain::access::Levels;
use daarion::domain::channel::{ChannelChange, ChannelStatus, Visibility};
use daarion::domain::event::{NewEvent, Source, What};
use daarion::domain::id::{EventId, RoomAlias, RoomId};
use daarion::domain::member::{Member, Membership};
use daarion::homeserver::{ChannelState, Mapped};
use daarion::matrix::mapping::{channel_state, read_channel_state, snapshot};
use serde_json::{Value, json};

use crate::fixture::{
    CHANNEL, NOW, SENT, channel, channel_id, directory, event, map, raw, reason, state, user, what,
};

fn member(user: &str, content: Value) -> Value {
    event(json!({ "type": "m.room.member", "state_key": user, "content": content }))
}

#[test]
fn members_come_and_go() {
    for (membership, expected, name) in [
        ("join", Membership::Joined, "messaging.member.joined"),
        ("invite", Membership::Invited, "messaging.member.invited"),
        ("leave", Membership::Left, "messaging.member.left"),
        ("ban", Membership::Banned, "messaging.member.left"),
        ("knock", Membership::Knocking, "messaging.member.knocked"),
    ] {
        let content = json!({
            "membership": membership, "displayname": " Боб ", "reason": " Через галас ",
        });
        let found = what(&member("@bob:daarion.city", content));
        let bob = user("@bob:daarion.city");
        let expected = What::MemberChanged(Member {
            entity: directory().entity(&bob),
            user: bob,
            membership: expected,
            display_name: Some("Боб".into()),
            by: user("@alice:daarion.city"),
            since: SENT,
            reason: Some("Через галас".into()),
        });
        assert_eq!(found, expected);
        assert_eq!(found.name(), name);
    }
    for reason in [json!(""), json!(7), json!(null)] {
        let content = json!({ "membership": "leave", "reason": reason });
        let What::MemberChanged(found) = what(&member("@bob:daarion.city", content)) else {
            panic!("is no member");
        };
        assert_eq!(found.reason, None);
    }
}

#[test]
fn display_name_that_cannot_be_shown_is_none() {
    for (name, shown) in [
        (json!(null), 0),
        (json!(""), 0),
        (json!("   "), 0),
        (json!(7), 0),
        (json!("x".repeat(5_000)), 256),
    ] {
        let content = json!({ "membership": "join", "displayname": name });
        let What::MemberChanged(found) = what(&member("@bob:daarion.city", content)) else {
            panic!("is no member");
        };
        assert_eq!(found.display_name.map_or(0, |name| name.len()), shown);
    }
}

#[test]
fn member_that_is_no_user_is_skipped() {
    for key in [
        json!(""),
        json!("bob"),
        json!("@bob"),
        json!("@b b:s"),
        json!(null),
    ] {
        let mut input = member("", json!({ "membership": "join" }));
        input["state_key"] = key;
        assert_eq!(reason(&input), "state_key is no user id");
    }
    let unknown = member("@bob:daarion.city", json!({ "membership": "hover" }));
    assert_eq!(reason(&unknown), "membership is unknown");
}

fn change(input: &Value) -> ChannelChange {
    match what(input) {
        What::ChannelUpdated { change, by, at } => {
            assert_eq!(
                (by, at),
                (user(input["sender"].as_str().expect("a sender")), SENT)
            );
            change
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn name_loses_the_citys_part() {
    for (name, expected) in [
        (json!("DAARION City — Енергія"), "Енергія"),
        (json!("Перейменовано"), "Перейменовано"),
        (json!(""), "general"),
        (json!(null), "general"),
    ] {
        let found = change(&state("m.room.name", json!({ "name": name })));
        assert_eq!(found, ChannelChange::Name(expected.into()));
    }
    let long = change(&state("m.room.name", json!({ "name": "я".repeat(500) })));
    assert_eq!(long, ChannelChange::Name("я".repeat(128)));
    let name = what(&state("m.room.name", json!({ "name": "x" }))).name();
    assert_eq!(name, "messaging.channel.updated");
}

#[test]
fn topic_is_the_description() {
    let found = change(&state("m.room.topic", json!({ "topic": "Про все" })));
    assert_eq!(found, ChannelChange::Description("Про все".into()));
    let redacted = change(&state("m.room.topic", json!({})));
    assert_eq!(redacted, ChannelChange::Description(String::new()));
}

#[test]
fn alias_is_set_and_taken_away() {
    let alias = "#city_general:daarion.city";
    let set = change(&state("m.room.canonical_alias", json!({ "alias": alias })));
    assert_eq!(set, ChannelChange::Alias(RoomAlias::parse(alias)));
    for content in [
        json!({}),
        json!({ "alias": "" }),
        json!({ "alt_aliases": [alias] }),
    ] {
        let taken = change(&state("m.room.canonical_alias", content));
        assert_eq!(taken, ChannelChange::Alias(None));
    }
    let bad = state("m.room.canonical_alias", json!({ "alias": "general" }));
    assert_eq!(reason(&bad), "alias is no room alias");
}

#[test]
fn join_rules_say_who_may_come_in() {
    for (rule, expected) in [
        (json!("public"), Visibility::Public),
        (json!("invite"), Visibility::Private),
        (json!("restricted"), Visibility::Private),
        (json!("of.the.future"), Visibility::Private),
        (json!(null), Visibility::Private),
    ] {
        let event = state("m.room.join_rules", json!({ "join_rule": rule }));
        assert_eq!(change(&event), ChannelChange::Visibility(expected));
        let room = RoomId::trusted("!general:daarion.city");
        let state = raw(&event);
        let state = std::iter::once(state.as_ref());
        let (snapshot, _) = snapshot(&room, state, &directory(), NOW);
        assert_eq!(snapshot.public, expected == Visibility::Public, "{rule}");
    }
    let name = what(&state("m.room.join_rules", json!({}))).name();
    assert_eq!(name, "messaging.channel.updated");
}

#[test]
fn rooms_that_accept_knocks_are_private_and_say_so() {
    for rule in ["knock", "knock_restricted"] {
        let event = state("m.room.join_rules", json!({ "join_rule": rule }));
        assert_eq!(change(&event), ChannelChange::Knockable);
        let room = RoomId::trusted("!general:daarion.city");
        let state = raw(&event);
        let state = std::iter::once(state.as_ref());
        let (snapshot, _) = snapshot(&room, state, &directory(), NOW);
        assert!(snapshot.accepts_knocks && !snapshot.public);
        assert_eq!(
            snapshot.entry_set,
            Some((user("@alice:daarion.city"), SENT))
        );
    }
}

#[test]
fn pins_are_what_of_the_list_can_be_events() {
    for (listed, expected) in [
        (json!({ "pinned": ["$a", "$b"] }), &["$a", "$b"][..]),
        (json!({ "pinned": ["$a", 7, "b", {}] }), &["$a"]),
        (json!({ "pinned": [] }), &[]),
        (json!({}), &[]),
    ] {
        let event = state("m.room.pinned_events", listed);
        let pinned: Vec<_> = expected.iter().map(|it| EventId::trusted(*it)).collect();
        let expected = What::PinsChanged {
            pinned: pinned.clone(),
            by: user("@alice:daarion.city"),
            at: SENT,
        };
        assert_eq!(what(&event), expected);
        assert_eq!(expected.name(), "messaging.channel.pins_changed");
        let room = RoomId::trusted("!general:daarion.city");
        let state = raw(&event);
        let state = std::iter::once(state.as_ref());
        let (snapshot, _) = snapshot(&room, state, &directory(), NOW);
        let pins = snapshot.pins.expect("pins");
        assert_eq!((pins.pinned, pins.at), (pinned, SENT));
    }
    let odd = state("m.room.pinned_events", json!({ "pinned": 7 }));
    assert_eq!(reason(&odd), "pinned is no list");
}

#[test]
fn levels_are_read_with_what_is_left_out() {
    let content = json!({
        "users": { "@bob:daarion.city": 50, "@eve:daarion.city": "-5", "nobody": 1 },
        "users_default": 1, "events": { "m.room.name": 75, "m.room.topic": {} },
        "kick": 30, "ban": "x", "notifications": { "room": 20 },
    });
    let event = state("m.room.power_levels", content.clone());
    let expected = Levels {
        users: [
            (user("@bob:daarion.city"), 50),
            (user("@eve:daarion.city"), -5),
        ]
        .into(),
        users_default: 1,
        events: [("m.room.name".to_owned(), 75)].into(),
        kick: 30,
        ..Levels::default()
    };
    let found = what(&event);
    assert_eq!(found.name(), "messaging.channel.roles_changed");
    let by = user("@alice:daarion.city");
    let (levels, at) = (expected.clone(), SENT);
    assert_eq!(found, What::LevelsChanged { levels, by, at });
    // Who stands above is known from the room's beginning.
    let directory = directory();
    let creators = [user("@carol:daarion.city")].into();
    let known = Levels {
        creators,
        ..expected.clone()
    };
    directory.put_levels(channel_id(CHANNEL), known.clone());
    let mapped = daarion::matrix::mapping::map(&raw(&event), &directory, NOW, Source::Push);
    assert!(matches!(
        mapped,
        Mapped::Event(NewEvent { what: What::LevelsChanged { levels, .. }, .. }) if levels == known
    ));
    assert_eq!(
        reason(&state("m.room.power_levels", json!(7))),
        "content is no usable object"
    );
    let bare = what(&state("m.room.power_levels", json!({})));
    assert!(matches!(bare, What::LevelsChanged { levels, .. } if levels == Levels::default()));

    let room = RoomId::trusted("!general:daarion.city");
    for (version, creators, unset) in [
        ("11", &[][..], 100),
        ("12", &["@alice:daarion.city", "@dora:daarion.city"], 0),
    ] {
        let created = state(
            "m.room.create",
            json!({
                "room_version": version, "additional_creators": ["@dora:daarion.city"],
            }),
        );
        let creators = creators.iter().map(|it| user(it)).collect();
        let expected = Levels {
            creators,
            ..expected.clone()
        };
        let events = [raw(&created), raw(&event)];
        let (found, _) = snapshot(&room, events.iter().map(AsRef::as_ref), &directory, NOW);
        let found = found.levels.expect("levels");
        assert_eq!((found.levels, found.at), (expected, SENT), "{version}");
        assert!(found.event.is_some());
        let events = std::iter::once(events[0].as_ref());
        let (found, _) = snapshot(&room, events, &directory, NOW);
        let found = found.levels.expect("levels");
        assert_eq!(found.event, None);
        let alice = user("@alice:daarion.city");
        let level = found.levels.of(&alice).level();
        assert_eq!(level.unwrap_or(0), unset, "{version}");
        assert_eq!(found.levels.to_set("m.room.name"), 0);
    }
}

#[test]
fn encryption_is_for_good() {
    for content in [json!({ "algorithm": "m.megolm.v1.aes-sha2" }), json!({})] {
        let found = change(&state("m.room.encryption", content));
        assert_eq!(found, ChannelChange::Encrypted);
    }
}

#[test]
fn state_of_another_key_is_skipped() {
    for kind in [
        "m.room.name",
        "m.room.topic",
        "m.room.canonical_alias",
        "m.room.join_rules",
        "m.room.encryption",
        "m.room.power_levels",
    ] {
        for key in [json!("x"), json!(null), json!(1)] {
            let mut input = state(kind, json!({}));
            input["state_key"] = key;
            assert!(reason(&input).starts_with("state_key is"));
        }
    }
}

fn settings() -> ChannelState {
    let channel = channel(CHANNEL, "", false);
    ChannelState {
        id: channel.id,
        kind: channel.kind,
        slug: channel.slug,
        microdao: channel.microdao,
        visibility: channel.visibility,
        confidential: channel.confidential,
        status: ChannelStatus::Archived,
        is_default: false,
        slow_mode_seconds: 30,
        created_by: Some("user:alice".into()),
        created_at: 17,
        changed_by: None,
    }
}

fn settings_event(sender: &str) -> Value {
    let content = channel_state(&settings()).expect("content");
    let mut input = state("city.daarion.channel", json!(content));
    input["sender"] = json!(sender);
    input
}

#[test]
fn settings_of_the_connector_are_taken_and_of_others_are_not() {
    let expected = ChannelChange::Settings {
        status: ChannelStatus::Archived,
        is_default: false,
        slow_mode_seconds: 30,
        changed_by: None,
    };
    let mut input = settings_event("@daarion:daarion.city");
    assert_eq!(change(&input), expected);
    assert_eq!(map(&settings_event("@alice:daarion.city")), Mapped::Nothing);
    input["content"]["id"] = json!(channel_id(99).to_string());
    assert_eq!(reason(&input), "is of another channel");
    input["content"] = json!({ "version": 2 });
    assert_eq!(reason(&input), "is no channel's settings");
}

#[test]
fn room_that_says_it_is_a_channel_is_a_claim() {
    let mut input = settings_event("@daarion:daarion.city");
    input["room_id"] = json!("!new");
    assert!(matches!(map(&input), Mapped::Claim(room) if room.as_str() == "!new"));
    input["state_key"] = json!("other");
    assert_eq!(map(&input), Mapped::Foreign);
    let mut input = settings_event("@alice:daarion.city");
    input["room_id"] = json!("!new");
    assert_eq!(map(&input), Mapped::Foreign);
}

#[test]
fn canary_is_known_by_its_sender() {
    let mut input = settings_event("@daarion:daarion.city");
    input["room_id"] = json!("!private");
    input["type"] = json!("city.daarion.canary");
    input["event_id"] = json!("$canary");
    assert!(matches!(map(&input), Mapped::Canary(event) if event.as_str() == "$canary"));
    input["sender"] = json!("@alice:daarion.city");
    assert_eq!(map(&input), Mapped::Foreign);
}

#[test]
fn settings_go_there_and_back() {
    let written = channel_state(&settings()).expect("content");
    assert_eq!(read_channel_state(&written), Some(settings()));
    let mut value: Value = serde_json::from_str(written.get()).expect("JSON");
    assert_eq!(
        value,
        json!({
            "version": 1,
            "id": "00000000-0000-0000-0000-000000000007",
            "kind": "city",
            "slug": "general",
            "microdao": "microdao:daarion",
            "visibility": "public",
            "confidential": false,
            "status": "archived",
            "is_default": false,
            "slow_mode_seconds": 30,
            "created_by": "user:alice",
            "created_at": 17,
        })
    );
    value["added_later"] = json!(true);
    // An older daarion wrote none.
    let mut older = value.clone();
    older
        .as_object_mut()
        .expect("an object")
        .remove("slow_mode_seconds");
    let read = read_channel_state(&raw(&older)).expect("is read all the same");
    assert_eq!(read.slow_mode_seconds, 0);
    value["created_by"] = json!("nobody in particular");
    let read = read_channel_state(&raw(&value)).expect("is read all the same");
    assert_eq!(read.created_by, None);
    for (field, wrong) in [
        ("version", json!(2)),
        ("slug", json!("Great Hall")),
        ("id", json!("x")),
        ("kind", json!("castle")),
        ("is_default", json!("yes")),
        ("created_at", json!(-1)),
    ] {
        let mut value = value.clone();
        value[field] = wrong;
        assert_eq!(read_channel_state(&raw(&value)), None, "{field}");
    }
}

#[test]
fn no_time_of_a_rooms_state_is_in_the_future() {
    let joined = member("@bob:daarion.city", json!({ "membership": "join" }));
    let created = state("m.room.create", json!({ "room_version": "12" }));
    let marked = settings_event("@daarion:daarion.city");
    for (sent, taken) in [(SENT, SENT), (4_102_444_800_000, NOW)] {
        let events = [&joined, &created, &marked].map(|event| {
            let mut event = event.clone();
            event["origin_server_ts"] = json!(sent);
            raw(&event)
        });
        let room = RoomId::trusted("!general:daarion.city");
        let events = events.iter().map(AsRef::as_ref);
        let (snapshot, _) = snapshot(&room, events, &directory(), NOW);
        assert_eq!(snapshot.members[0].1.since, taken);
        assert_eq!(snapshot.created_at, taken);
        assert_eq!(snapshot.channel.map(|stored| stored.at), Some(taken));
    }
}
