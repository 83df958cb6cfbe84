//! Messages of every kind.

use daarion::domain::event::What;
use daarion::domain::message::{Media, Message, MessageKind};
use daarion::homeserver::Mapped;
use serde_json::{Value, json};

use crate::fixture::{CONFIDENTIAL, NOW, channel_id, event, map, message, text, user, what};

#[test]
fn text_is_a_message() {
    let input = message(json!({ "msgtype": "m.text", "body": "Добрий день!" }));
    assert_eq!(what(&input), What::MessageCreated(text("Добрий день!")));
    assert_eq!(what(&input).name(), "messaging.message.created");
}

#[test]
fn image_is_a_medium() {
    let input = message(json!({
        "msgtype": "m.image",
        "body": "місто.png",
        "url": "mxc://daarion.city/file123",
        "info": { "mimetype": "image/png", "size": 102_400, "w": 640, "h": 480 },
    }));
    let expected = Message {
        kind: MessageKind::Image,
        media: Some(Media {
            url: Some("mxc://daarion.city/file123".into()),
            mimetype: Some("image/png".into()),
            size: Some(102_400),
        }),
        ..text("місто.png")
    };
    assert_eq!(what(&input), What::MediaUploaded(expected));
    assert_eq!(what(&input).name(), "messaging.media.uploaded");
}

#[test]
fn other_files_are_media_too() {
    for (msgtype, kind) in [
        ("m.file", MessageKind::File),
        ("m.audio", MessageKind::Audio),
        ("m.video", MessageKind::Video),
    ] {
        let content = json!({ "msgtype": msgtype, "body": "f", "url": "mxc://daarion.city/f" });
        let What::MediaUploaded(found) = what(&message(content)) else {
            panic!("{msgtype} is no medium");
        };
        assert_eq!(found.kind, kind);
    }
}

#[test]
fn file_without_a_usable_address_keeps_the_rest() {
    for url in [
        json!(null),
        json!(5),
        json!("https://tracker.example/x.png"),
        json!(format!("mxc://{}", "x".repeat(2_000))),
    ] {
        let info = json!({ "mimetype": ["image/png"], "size": -1 });
        let content = json!({ "msgtype": "m.file", "body": "f", "url": url, "info": info });
        let What::MediaUploaded(found) = what(&message(content)) else {
            panic!("{url} makes it no medium");
        };
        let nothing = Media {
            url: None,
            mimetype: None,
            size: None,
        };
        assert_eq!(found.media, Some(nothing));
    }
}

#[test]
fn notice_emote_location_and_unknown_kinds_are_messages() {
    for (msgtype, kind) in [
        ("m.notice", MessageKind::Notice),
        ("m.emote", MessageKind::Emote),
        ("m.location", MessageKind::Location),
        (
            "city.daarion.poem",
            MessageKind::Other("city.daarion.poem".into()),
        ),
    ] {
        let input = message(json!({ "msgtype": msgtype, "body": "тут", "geo_uri": "geo:50,30" }));
        let expected = Message {
            kind,
            ..text("тут")
        };
        assert_eq!(what(&input), What::MessageCreated(expected), "{msgtype}");
    }
}

#[test]
fn sticker_is_a_medium_of_its_own_kind() {
    let content = json!({
        "body": "Кіт",
        "url": "mxc://daarion.city/cat",
        "info": { "mimetype": "image/webp" },
    });
    let input = event(json!({ "type": "m.sticker", "content": content }));
    let What::MediaUploaded(found) = what(&input) else {
        panic!("is no medium");
    };
    assert_eq!(found.kind, MessageKind::Other("m.sticker".into()));
    assert_eq!(found.preview, "Кіт");
}

#[test]
fn poll_shows_its_question() {
    let stable = json!({
        "m.text": [{ "body": "Питання? 1. Так" }],
        "m.poll": {
            "question": { "m.text": [{ "body": "Питання?" }] },
            "answers": [{ "m.id": "1", "m.text": [{ "body": "Так" }] }],
        },
    });
    let unstable = json!({
        "org.matrix.msc1767.text": "Питання? 1. Так",
        "org.matrix.msc3381.poll.start": {
            "question": { "org.matrix.msc1767.text": "Питання?", "body": "Питання?" },
            "answers": [],
        },
    });
    for (kind, content) in [
        ("m.poll.start", stable),
        ("org.matrix.msc3381.poll.start", unstable),
    ] {
        let expected = Message {
            kind: MessageKind::Other(kind.into()),
            ..text("Питання?")
        };
        let input = event(json!({ "type": kind, "content": content }));
        assert_eq!(what(&input), What::MessageCreated(expected));
    }
}

#[test]
fn long_text_is_cut() {
    let body = "ї".repeat(1_000);
    let What::MessageCreated(found) = what(&message(json!({ "msgtype": "m.text", "body": body })))
    else {
        panic!("is no message");
    };
    assert_eq!(found.preview.chars().count(), 280);
    assert!(found.truncated);
}

#[test]
fn encrypted_message_shows_nothing() {
    let content = json!({
        "algorithm": "m.megolm.v1.aes-sha2",
        "ciphertext": "AwgAEnACgAkLmt6qF84IK",
        "session_id": "X",
    });
    let input = event(json!({ "type": "m.room.encrypted", "content": content }));
    let expected = Message {
        kind: MessageKind::Encrypted,
        ..text("")
    };
    assert_eq!(what(&input), What::MessageCreated(expected));
}

#[test]
fn confidential_channel_keeps_nothing_that_is_said_in_the_clear() {
    let mut input = message(json!({
        "msgtype": "m.image",
        "body": "таємниця",
        "url": "mxc://daarion.city/secret",
        "m.mentions": { "user_ids": ["@bob:daarion.city"], "room": true },
    }));
    input["room_id"] = json!(CONFIDENTIAL);
    let expected = Message {
        channel: channel_id(8),
        kind: MessageKind::Image,
        ..text("")
    };
    assert_eq!(what(&input), What::MediaUploaded(expected));
    let edit = json!({
        "msgtype": "m.text",
        "body": "* таємниця",
        "m.new_content": { "msgtype": "m.text", "body": "таємниця" },
        "m.relates_to": { "rel_type": "m.replace", "event_id": "$first" },
    });
    let mut input = message(edit);
    input["room_id"] = json!(CONFIDENTIAL);
    assert!(!format!("{:?}", what(&input)).contains("таємниця"));
    let relation = json!({ "rel_type": "m.annotation", "event_id": "$first", "key": "таємниця" });
    let content = json!({ "m.relates_to": relation });
    let mut input = event(json!({ "type": "m.reaction", "content": content }));
    input["room_id"] = json!(CONFIDENTIAL);
    assert!(matches!(what(&input), What::ReactionAdded { key, .. } if key.is_empty()));
    let mut input = message(json!({ "msgtype": 5, "body": "таємниця" }));
    input["room_id"] = json!(CONFIDENTIAL);
    let Mapped::Skipped(skipped) = map(&input) else {
        panic!("is not skipped");
    };
    assert!(skipped.raw.contains("$event") && !skipped.raw.contains("таємниця"));
}

#[test]
fn redacted_message_is_a_deleted_one() {
    let because = json!({ "redacted_because": { "type": "m.room.redaction" } });
    for (kind, shown) in [
        ("m.room.message", MessageKind::Text),
        ("m.room.encrypted", MessageKind::Encrypted),
        ("m.sticker", MessageKind::Other("m.sticker".into())),
    ] {
        for unsigned in [because.clone(), Value::Null] {
            let input = event(json!({ "type": kind, "content": {}, "unsigned": unsigned }));
            let expected = Message {
                kind: shown.clone(),
                deleted: true,
                ..text("")
            };
            assert_eq!(what(&input), What::MessageCreated(expected));
        }
    }
    // A homeserver that leaves the content shows it to nobody through us.
    let mut input = message(json!({ "msgtype": "m.text", "body": "зайве" }));
    input["unsigned"] = because;
    assert!(!format!("{:?}", what(&input)).contains("зайве"));
}

#[test]
fn sender_is_an_entity() {
    for (sender, entity) in [
        ("@alice:daarion.city", "user:alice"),
        ("@bob:example.org:8448", "user:bob:example.org:8448"),
        ("@agent_atlas:daarion.city", "agent:atlas"),
        ("@sofia:daarion.city", "agent:sofia"),
        ("@daarion:daarion.city", "agent:daarion"),
    ] {
        let mut input = message(json!({ "msgtype": "m.text", "body": "x" }));
        input["sender"] = json!(sender);
        let What::MessageCreated(found) = what(&input) else {
            panic!("is no message");
        };
        assert_eq!(found.sender, user(sender));
        assert_eq!(found.sender_entity.to_string(), entity);
    }
}

#[test]
fn time_is_never_in_the_future() {
    let mut input = message(json!({ "msgtype": "m.text", "body": "x" }));
    input["origin_server_ts"] = json!(NOW + 60_000);
    assert_eq!(
        what(&input).message().map(|message| message.created_at),
        Some(NOW)
    );
    input["origin_server_ts"] = json!(0);
    assert_eq!(
        what(&input).message().map(|message| message.created_at),
        Some(0)
    );
}
