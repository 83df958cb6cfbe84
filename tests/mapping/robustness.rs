//! Every event that we can map, with each of its fields taken away or replaced by something
//! of every other type: no panic, and an outcome that makes sense.

use daarion::domain::event::Source;
use daarion::homeserver::Mapped;
use daarion::matrix::mapping;
use serde_json::{Value, json};

use crate::fixture::{NOW, ROOM, channel, directory, event, map, message, raw, state};

fn valid() -> Vec<Value> {
    let because = json!({ "redacted_because": { "type": "m.room.redaction" } });
    let bundled = json!({ "m.relations": { "m.replace": {
        "sender": "@alice:daarion.city",
        "origin_server_ts": 5,
        "content": { "m.new_content": { "msgtype": "m.text", "body": "нове" } },
    } } });
    let mut edited = message(json!({
        "msgtype": "m.text",
        "body": "> <@b:s> x\n\nтекст",
        "format": "org.matrix.custom.html",
        "formatted_body": "<b>текст</b>",
        "m.mentions": { "user_ids": ["@b:s"] },
        "m.relates_to": {
            "rel_type": "m.thread",
            "event_id": "$root",
            "is_falling_back": false,
            "m.in_reply_to": { "event_id": "$first" },
        },
    }));
    edited["unsigned"] = bundled;
    let mut member = state(
        "m.room.member",
        json!({ "membership": "join", "displayname": "Б" }),
    );
    member["state_key"] = json!("@bob:daarion.city");
    let mut settings = state(
        "city.daarion.channel",
        json!({
            "version": 1,
            "id": "00000000-0000-0000-0000-000000000007",
            "kind": "city",
            "slug": "general",
            "microdao": "microdao:daarion",
            "visibility": "public",
            "confidential": false,
            "status": "active",
            "is_default": true,
            "created_by": null,
            "created_at": 1,
        }),
    );
    settings["sender"] = json!("@daarion:daarion.city");
    let reaction = json!({ "m.relates_to": {
        "rel_type": "m.annotation", "event_id": "$first", "key": "👍",
    } });
    let poll = json!({ "m.poll": { "question": { "m.text": [{ "body": "?" }] } } });
    let media = json!({
        "msgtype": "m.video",
        "body": "v",
        "url": "mxc://s/v",
        "file": { "url": "mxc://s/v", "key": { "k": "x" } },
        "info": { "mimetype": "video/mp4", "size": 1, "thumbnail_info": { "w": 1 } },
    });
    let edit = json!({
        "msgtype": "m.text",
        "body": "* x",
        "m.new_content": { "msgtype": "m.text", "body": "x" },
        "m.relates_to": { "rel_type": "m.replace", "event_id": "$first" },
    });
    let encrypted = json!({ "algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "x" });
    vec![
        edited,
        message(media),
        message(edit),
        event(json!({ "type": "m.room.message", "content": {}, "unsigned": because })),
        event(json!({ "type": "m.room.encrypted", "content": encrypted })),
        event(json!({ "type": "m.poll.start", "content": poll })),
        event(json!({ "type": "m.reaction", "content": reaction })),
        event(json!({ "type": "m.room.redaction", "content": { "redacts": "$first" } })),
        member,
        state("m.room.name", json!({ "name": "Назва" })),
        state("m.room.topic", json!({ "topic": "Тема" })),
        state(
            "m.room.canonical_alias",
            json!({ "alias": "#a:daarion.city" }),
        ),
        settings,
    ]
}

/// What a field may turn into; `None` takes it away.
fn wrong() -> Vec<Option<Value>> {
    vec![
        None,
        Some(json!(null)),
        Some(json!(true)),
        Some(json!(0)),
        Some(json!(-1)),
        Some(json!(1e300)),
        Some(json!(u64::MAX)),
        Some(json!("")),
        Some(json!("x")),
        Some(json!("\u{0}\u{202e}ї\n")),
        Some(json!("$".repeat(70_000))),
        Some(json!([])),
        Some(json!([[["x"]], { "body": 5 }])),
        Some(json!({})),
        Some(json!({ "": { "body": [] }, "event_id": 5 })),
    ]
}

/// The paths of all fields, those of objects inside objects included.
fn paths(value: &Value, at: &mut Vec<String>, all: &mut Vec<Vec<String>>) {
    let Some(fields) = value.as_object() else {
        return;
    };
    for (name, inner) in fields {
        at.push(name.clone());
        all.push(at.clone());
        paths(inner, at, all);
        at.pop();
    }
}

fn mutated(event: &Value, path: &[String], to: Option<&Value>) -> Value {
    let mut event = event.clone();
    let (last, parents) = path.split_last().expect("a path");
    let parent = parents
        .iter()
        .fold(&mut event, |value, name| &mut value[name]);
    match to {
        Some(value) => parent[last] = value.clone(),
        None => {
            let fields = parent.as_object_mut().expect("an object");
            fields.remove(last);
        }
    }
    event
}

#[test]
fn no_field_can_do_harm() {
    let (mut tried, mut skipped) = (0, 0);
    let other = channel(42, "!other", true);
    for event in valid() {
        assert!(matches!(map(&event), Mapped::Event(_)), "{event}");
        let mut all = Vec::new();
        paths(&event, &mut Vec::new(), &mut all);
        for path in all {
            for to in wrong() {
                let event = mutated(&event, &path, to.as_ref());
                let mapped = map(&event);
                tried += 1;
                match &mapped {
                    Mapped::Foreign => assert_ne!(event["room_id"], ROOM),
                    Mapped::Skipped(one) => {
                        skipped += 1;
                        assert!(!one.reason.is_empty() && one.raw.len() <= 65_536);
                    }
                    Mapped::Event(one) => {
                        let shown = format!("{one:?}");
                        assert!(shown.len() < 4_000, "{path:?} {to:?}: {shown}");
                    }
                    Mapped::Nothing | Mapped::Claim(_) | Mapped::Canary(_) => {}
                }
                // The other readers of foreign events must stand it, too.
                let raw = raw(&event);
                let _ = mapping::map_in(&raw, &other, &directory(), NOW, Source::Heal);
                let _ = mapping::full_content(&raw);
                let _ = mapping::ephemeral(&raw);
                let room = &other.room;
                let _ = mapping::snapshot(room, std::iter::once(raw.as_ref()), &directory(), NOW);
            }
        }
    }
    assert!(
        tried > 2_000 && skipped > 500,
        "{tried} tried, {skipped} skipped"
    );
}

#[test]
fn deeply_nested_json_is_no_danger() {
    let deep = "[".repeat(30_000) + &"]".repeat(30_000);
    let text = message(json!({ "msgtype": "m.text", "body": "x", "m.text": "DEEP" })).to_string();
    let text = text.replace("\"DEEP\"", &deep);
    let Ok(raw) = serde_json::value::RawValue::from_string(text) else {
        return;
    };
    let mapped = mapping::map(&raw, &directory(), NOW, Source::Push);
    assert!(matches!(mapped, Mapped::Event(_) | Mapped::Skipped(_)));
    let _ = mapping::full_content(&raw);
}
