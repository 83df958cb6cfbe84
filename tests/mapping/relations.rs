//! What refers to messages: edits, replies, threads, reactions, redactions.

use daarion::domain::entity::Entity;
use daarion::domain::event::What;
use daarion::domain::id::EventId;
use daarion::domain::message::{Mentions, Message};
use serde_json::{Value, json};

use crate::fixture::{NOW, SENT, event, id, map, message, reason, text, user, what};

fn edit(event: &str, body: &str) -> Value {
    json!({
        "msgtype": "m.text",
        "body": format!("* {body}"),
        "m.new_content": { "msgtype": "m.text", "body": body },
        "m.relates_to": { "rel_type": "m.replace", "event_id": event },
    })
}

#[test]
fn edit_changes_the_message() {
    let expected = What::MessageEdited {
        target: EventId::trusted("$first"),
        by: user("@alice:daarion.city"),
        preview: "нове".into(),
        truncated: false,
        mentions: Mentions::default(),
        at: SENT,
    };
    assert_eq!(what(&message(edit("$first", "нове"))), expected);
    assert_eq!(expected.name(), "messaging.message.updated");
}

#[test]
fn those_who_are_called_are_told_once() {
    let called = json!({
        "user_ids": ["@bob:daarion.city", 7, "bob", "@bob:daarion.city", "@agent_sofia:daarion.city"],
        "room": true,
    });
    let entity = |text| Entity::parse(text).expect("an entity");
    let mentions = Mentions {
        entities: vec![entity("user:bob"), entity("agent:sofia")],
        room: true,
    };
    let said = json!({ "msgtype": "m.text", "body": "Гей", "m.mentions": called });
    let expected = Message {
        mentions: mentions.clone(),
        ..text("Гей")
    };
    assert_eq!(what(&message(said)), What::MessageCreated(expected));
    // An edit calls all whom its new content calls.
    let mut edited = edit("$first", "нове");
    edited["m.mentions"] = json!({});
    edited["m.new_content"]["m.mentions"] = called;
    let What::MessageEdited { mentions: of, .. } = what(&message(edited)) else {
        panic!("is no edit");
    };
    assert_eq!(of, mentions);
    for odd in [
        json!(7),
        json!({ "user_ids": {} }),
        json!({ "room": "yes" }),
    ] {
        let said = json!({ "msgtype": "m.text", "body": "Гей", "m.mentions": odd });
        assert_eq!(what(&message(said)), What::MessageCreated(text("Гей")));
    }
}

#[test]
fn edit_of_an_encrypted_message_changes_only_its_time() {
    let content = json!({
        "algorithm": "m.megolm.v1.aes-sha2",
        "ciphertext": "AwgA",
        "m.relates_to": { "rel_type": "m.replace", "event_id": "$first" },
    });
    let What::MessageEdited { preview, .. } = what(&event(
        json!({ "type": "m.room.encrypted", "content": content }),
    )) else {
        panic!("is no edit");
    };
    assert_eq!(preview, "");
}

#[test]
fn history_brings_the_latest_edit_along() {
    let bundled = |sender: &str, at: u64| {
        json!({ "m.relations": { "m.replace": {
            "type": "m.room.message",
            "event_id": "$edit",
            "sender": sender,
            "origin_server_ts": at,
            "content": edit("$event", "нове"),
        } } })
    };
    let mut input = message(json!({ "msgtype": "m.text", "body": "старе" }));
    input["unsigned"] = bundled("@alice:daarion.city", SENT + 5);
    let expected = Message {
        edited_at: Some(SENT + 5),
        ..text("нове")
    };
    assert_eq!(what(&input), What::MessageCreated(expected));
    input["unsigned"] = bundled("@alice:daarion.city", NOW + 5);
    assert_eq!(
        what(&input).message().and_then(|message| message.edited_at),
        Some(NOW)
    );
    input["unsigned"] = bundled("@mallory:daarion.city", SENT + 5);
    assert_eq!(
        what(&input),
        What::MessageCreated(text("старе")),
        "only its author edits"
    );
}

#[test]
fn reply_names_its_message_and_loses_only_the_quotation_of_older_clients() {
    let reply = json!({ "m.in_reply_to": { "event_id": "$first" } });
    for (body, preview) in [
        (
            "> <@bob:daarion.city> питання\n> друге\n\nвідповідь\n> цитата",
            "відповідь\n> цитата",
        ),
        ("> * <@bob:daarion.city> махає\n\nвідповідь", "відповідь"),
        ("> <@bob:daarion.city> лише цитата", ""),
        ("відповідь", "відповідь"),
        ("> власна цитата\n\nі слово", "> власна цитата\n\nі слово"),
        ("> <b> у рядку", "> <b> у рядку"),
    ] {
        let content = json!({ "msgtype": "m.text", "body": body, "m.relates_to": reply });
        let expected = Message {
            reply_to: id("$first"),
            ..text(preview)
        };
        assert_eq!(what(&message(content)), What::MessageCreated(expected));
    }
    let quotation = message(json!({ "msgtype": "m.text", "body": "> цитата" }));
    assert_eq!(what(&quotation), What::MessageCreated(text("> цитата")));
}

#[test]
fn thread_names_its_root_and_a_fallback_is_no_reply() {
    for (falling_back, reply_to) in [
        (json!(true), None),
        (json!(false), id("$last")),
        (json!(null), id("$last")),
    ] {
        let relation = json!({
            "rel_type": "m.thread",
            "event_id": "$root",
            "is_falling_back": falling_back,
            "m.in_reply_to": { "event_id": "$last" },
        });
        let content = json!({ "msgtype": "m.text", "body": "у гілці", "m.relates_to": relation });
        let expected = Message {
            thread: id("$root"),
            reply_to,
            ..text("у гілці")
        };
        assert_eq!(what(&message(content)), What::MessageCreated(expected));
    }
}

#[test]
fn reaction_is_added() {
    let relation = json!({ "rel_type": "m.annotation", "event_id": "$first", "key": "👍" });
    let mut input = event(json!({
        "type": "m.reaction",
        "content": { "m.relates_to": relation },
    }));
    let expected = What::ReactionAdded {
        target: EventId::trusted("$first"),
        key: "👍".into(),
        by: user("@alice:daarion.city"),
        at: SENT,
    };
    assert_eq!(what(&input), expected);
    assert_eq!(expected.name(), "messaging.reaction.added");
    for key in ["", "a\0b", &"x".repeat(300)] {
        input["content"]["m.relates_to"]["key"] = json!(key);
        assert_eq!(reason(&input), "key is empty or too long, or holds NUL");
    }
    input["content"] = json!({});
    assert_eq!(
        map(&input),
        daarion::homeserver::Mapped::Nothing,
        "it was taken back"
    );
}

#[test]
fn redaction_deletes_in_both_forms() {
    let expected = What::MessageDeleted {
        target: EventId::trusted("$first"),
        by: user("@alice:daarion.city"),
        at: SENT,
    };
    let new = json!({ "redacts": "$first", "reason": "Spam" });
    let new = event(json!({ "type": "m.room.redaction", "content": new }));
    let old = event(json!({ "type": "m.room.redaction", "redacts": "$first", "content": {} }));
    assert_eq!(what(&new), expected);
    assert_eq!(what(&old), expected);
    assert_eq!(expected.name(), "messaging.message.deleted");
    let neither = event(json!({ "type": "m.room.redaction", "content": {} }));
    assert_eq!(reason(&neither), "redacts what is no event id");
}
