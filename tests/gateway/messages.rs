//! Section 2 of the document: messages, reactions, redactions.

use serde_json::{Map, Value, json};

use crate::caller::{Gateway, content, member, whole};
use crate::daarion::shared_world;
use crate::homeserver::unique;
use crate::support::{answered, merge, refused, text, time};

#[tokio::test]
async fn message_is_sent_with_every_field_of_the_document() {
    let world = shared_world().await;
    let gateway = Gateway::of(&world.daarion);
    let room = gateway.room().await;
    let (agent, agent_user) = gateway.agent().await;
    let body = json!({ "room_id": room, "user_id": agent });
    answered(200, gateway.post("join", body).await);
    let alice = member(world, &room, "alice").await;
    let parent = alice.send_text(&room, "Hello?").await;
    let body = json!({
        "room_id": room,
        "sender": agent,
        "sender_matrix_id": agent_user,
        "msgtype": "m.text",
        "body": "Hello from DAARION!",
        "format": "org.matrix.custom.html",
        "formatted_body": "<p>Hello from <strong>DAARION</strong>!</p>",
        "relates_to": { "m.in_reply_to": { "event_id": parent } },
    });
    let sent = answered(200, gateway.post("send", body).await);
    let event = whole(&alice, &room, text(&sent["event_id"])).await;
    assert_eq!(event["sender"], agent_user.as_str());
    let at = time(&sent["sent_at"]).timestamp_millis();
    assert_eq!(event["origin_server_ts"], at);
    let expected = json!({
        "msgtype": "m.text",
        "body": "Hello from DAARION!",
        "format": "org.matrix.custom.html",
        "formatted_body": "<p>Hello from <strong>DAARION</strong>!</p>",
        "m.mentions": {},
        "m.relates_to": { "m.in_reply_to": { "event_id": parent } },
    });
    assert_eq!(event["content"], expected);
}

#[tokio::test]
async fn each_msgtype_is_sent_as_it_is() {
    let world = shared_world().await;
    let gateway = Gateway::of(&world.daarion);
    let room = gateway.room().await;
    let alice = member(world, &room, "alice").await;
    for msgtype in [
        "m.text", "m.notice", "m.image", "m.file", "m.audio", "m.video",
    ] {
        let is_media = !matches!(msgtype, "m.text" | "m.notice");
        let mut message = json!({ "msgtype": msgtype, "body": "кіт.png" });
        if is_media {
            let info = json!({ "mimetype": "image/png", "size": 102_400, "w": 640, "h": 480 });
            let file = json!({
                "url": "mxc://test.localhost/file123", "info": info, "filename": "cat.png",
            });
            merge(&mut message, file);
        }
        let mut body = message.clone();
        merge(&mut body, json!({ "room_id": room }));
        let sent = answered(200, gateway.post("send", body.clone()).await);
        let mut seen = content(&alice, &room, text(&sent["event_id"])).await;
        assert_eq!(seen["m.mentions"], json!({}));
        seen.as_object_mut()
            .expect("an object")
            .remove("m.mentions");
        assert_eq!(seen, message);
        let body = match is_media {
            true => without(body, "url"),
            false => with(body, json!({ "url": "mxc://test.localhost/file123" })),
        };
        let words = refused(400, "M_INVALID_PARAM", gateway.post("send", body).await);
        assert!(words.starts_with("url"), "{words}");
    }
}

#[tokio::test]
async fn edits_threads_and_mentions_are_what_clients_expect() {
    let world = shared_world().await;
    let gateway = Gateway::of(&world.daarion);
    let room = gateway.room().await;
    let alice = member(world, &room, "alice").await;
    let first = gateway.say(&room, "frist").await;
    let edit = json!({
        "room_id": room,
        "msgtype": "m.text",
        "body": "first",
        "formatted_body": "<b>first</b>",
        "relates_to": { "rel_type": "m.replace", "event_id": first },
    });
    let edited = answered(200, gateway.post("send", edit).await);
    let seen = content(&alice, &room, text(&edited["event_id"])).await;
    assert_eq!(seen["body"], "* first");
    assert_eq!(seen["m.new_content"]["body"], "first");
    assert_eq!(seen["m.new_content"]["formatted_body"], "<b>first</b>");
    assert_eq!(seen["m.relates_to"]["event_id"], first.as_str());

    let threaded = json!({
        "room_id": room,
        "msgtype": "m.notice",
        "body": "in the thread",
        "relates_to": { "rel_type": "m.thread", "event_id": first },
        "mentions": [alice.user_id, "agent:daarion", "@room"],
    });
    let threaded = answered(200, gateway.post("send", threaded).await);
    let seen = content(&alice, &room, text(&threaded["event_id"])).await;
    assert_eq!(seen["m.relates_to"]["rel_type"], "m.thread");
    assert_eq!(seen["m.relates_to"]["is_falling_back"], true);
    assert_eq!(
        seen["m.relates_to"]["m.in_reply_to"]["event_id"],
        first.as_str()
    );
    let mentions = json!({ "user_ids": [alice.user_id, "@daarion:test.localhost"], "room": true });
    assert_eq!(seen["m.mentions"], mentions);
}

#[tokio::test]
async fn html_is_sanitised_before_anybody_sees_it() {
    let world = shared_world().await;
    let gateway = Gateway::of(&world.daarion);
    let room = gateway.room().await;
    let alice = member(world, &room, "alice").await;
    let html = "<p onclick=\"x()\">a<script>alert(1)</script><a href=\"javascript:x\">b</a>\
         <img src=\"https://example.org/a.png\"></p>";
    let body = json!({
        "room_id": room, "msgtype": "m.text", "body": "ab", "formatted_body": html,
    });
    let sent = answered(200, gateway.post("send", body).await);
    let seen = content(&alice, &room, text(&sent["event_id"])).await;
    assert_eq!(seen["formatted_body"], "<p>aalert(1)b</p>");
}

#[tokio::test]
async fn what_matrix_cannot_take_is_named() {
    let world = shared_world().await;
    let gateway = Gateway::of(&world.daarion);
    let room = gateway.room().await;
    let message = |more: Value| {
        let good = json!({ "room_id": room, "msgtype": "m.image", "body": "x",
            "url": "mxc://test.localhost/a" });
        with(good, more)
    };
    for (field, value) in [
        ("room_id", json!("nowhere")),
        ("room_id", json!("#")),
        ("room_id", json!("#a:b c")),
        ("sender", json!("alice")),
        ("sender_matrix_id", json!("@alice")),
        ("body", json!("")),
        ("body", json!("a\0b")),
        ("body", json!("x".repeat(60_001))),
        ("format", json!("markdown")),
        ("format", json!("org.matrix.custom.html")),
        ("formatted_body", json!("<b>".repeat(1_001))),
        ("url", json!("https://example.org/a.png")),
        ("url", json!("mxc://test.localhost/")),
        ("filename", json!("x".repeat(256))),
        ("info", json!({ "w": 1.5 })),
        ("info", json!({ "w": 9_007_199_254_740_992_i64 })),
        ("info", json!({ "a": [{ "b": 1e300 }] })),
        ("relates_to", json!({ "event_id": "nonsense" })),
        ("relates_to", json!({ "rel_type": "m.thread" })),
        ("relates_to", json!({ "rel_type": 7, "event_id": "$a" })),
        ("relates_to", json!({ "m.in_reply_to": {} })),
        ("mentions", json!(["nobody"])),
        ("mentions", json!(vec!["@a:b"; 51])),
    ] {
        let shown: String = value.to_string().chars().take(60).collect();
        let answer = gateway.post("send", message(json!({ field: value }))).await;
        let words = refused(400, "M_INVALID_PARAM", answer);
        let expected = if shown.contains("custom.html") {
            "formatted_body"
        } else {
            field
        };
        assert!(words.starts_with(expected), "{field} {shown}: {words}");
    }
    for (field, value) in [
        ("msgtype", json!("m.emote")),
        ("msgtype", Value::Null),
        ("room_id", Value::Null),
        ("body", json!(7)),
        ("info", json!([])),
        ("relates_to", json!("$event")),
    ] {
        let answer = gateway.post("send", message(json!({ field: value }))).await;
        let words = refused(400, "M_BAD_JSON", answer);
        assert!(words.starts_with(field), "{field}: {words}");
    }
    let info: Map<_, _> = (0..5_000)
        .map(|at| (format!("field-{at}"), json!(at)))
        .collect();
    for more in [
        json!({ "info": info }),
        json!({ "body": "x".repeat(40_000), "formatted_body": "x".repeat(40_000) }),
    ] {
        refused(
            413,
            "M_TOO_LARGE",
            gateway.post("send", message(more)).await,
        );
    }
}

#[tokio::test]
async fn message_is_said_once_with_a_key() {
    let world = shared_world().await;
    let key = unique("key");
    let gateway = Gateway::of(&world.daarion);
    let room = gateway.room().await;
    let alice = member(world, &room, "alice").await;
    let keyed = Gateway::of(&world.daarion).with_header("idempotency-key", &key);
    let body = |text: &str| json!({ "room_id": room, "msgtype": "m.text", "body": text });
    let first = answered(200, keyed.post("send", body("once")).await);
    let again = answered(200, keyed.post("send", body("once")).await);
    assert_eq!(again, first);
    refused(409, "CONFLICT", keyed.post("send", body("another")).await);
    let said = alice.messages(&room).await;
    let said = said
        .iter()
        .filter(|event| event["content"]["body"] == "once");
    assert_eq!(said.count(), 1);
    let other = answered(200, gateway.post("send", body("once")).await);
    assert_ne!(other["event_id"], first["event_id"]);
}

#[tokio::test]
async fn reaction_is_given_once() {
    let world = shared_world().await;
    let gateway = Gateway::of(&world.daarion);
    let room = gateway.room().await;
    let alice = member(world, &room, "alice").await;
    let target = gateway.say(&room, "nice").await;
    let reaction = |more: Value| {
        let good = json!({ "room_id": room, "event_id": target, "emoji": "👍" });
        with(good, more)
    };
    let by_alice = json!({
        "reactor": format!("user:{}", alice.localpart()),
        "reactor_matrix_id": alice.user_id,
    });
    let first = gateway
        .post("send-reaction", reaction(by_alice.clone()))
        .await;
    let first = answered(200, first);
    let again = gateway.post("send-reaction", reaction(by_alice)).await;
    assert_eq!(answered(200, again), first);
    let ours = gateway.post("send-reaction", reaction(json!({}))).await;
    assert_ne!(answered(200, ours), first, "the connector's own");
    let event = whole(&alice, &room, text(&first["event_id"])).await;
    assert_eq!(event["type"], "m.reaction");
    assert_eq!(event["sender"], alice.user_id.as_str());
    let relation = json!({ "rel_type": "m.annotation", "event_id": target, "key": "👍" });
    assert_eq!(event["content"]["m.relates_to"], relation);
    for (field, value) in [
        ("emoji", " "),
        ("event_id", "nonsense"),
        ("reactor", "alice"),
    ] {
        let answer = gateway
            .post("send-reaction", reaction(json!({ field: value })))
            .await;
        let words = refused(400, "M_INVALID_PARAM", answer);
        assert!(words.starts_with(field), "{words}");
    }
}

#[tokio::test]
async fn event_is_taken_back() {
    let world = shared_world().await;
    let gateway = Gateway::of(&world.daarion);
    let room = gateway.room().await;
    let alice = member(world, &room, "alice").await;
    let bob = member(world, &room, "bob").await;
    let spam = alice.send_text(&room, "spam").await;
    let redaction = |more: Value| {
        let good = json!({ "room_id": room, "event_id": spam, "reason": "Spam" });
        with(good, more)
    };
    let by_bob = json!({ "sender": format!("user:{}", bob.localpart()) });
    refused(
        403,
        "M_FORBIDDEN",
        gateway.post("redact", redaction(by_bob)).await,
    );
    let first = answered(200, gateway.post("redact", redaction(json!({}))).await);
    let again = answered(200, gateway.post("redact", redaction(json!({}))).await);
    assert_eq!(again, first);
    let event = whole(&alice, &room, &spam).await;
    assert_eq!(event["content"], json!({}));
    let because = &event["unsigned"]["redacted_because"];
    assert_eq!(because["content"]["reason"], "Spam");
    assert_eq!(because["event_id"], first["event_id"]);
    let own = bob.send_text(&room, "oops").await;
    let body = json!({ "event_id": own, "sender_matrix_id": bob.user_id });
    answered(200, gateway.post("redact", redaction(body)).await);
}

fn with(mut body: Value, more: Value) -> Value {
    merge(&mut body, more);
    body
}

fn without(mut body: Value, field: &str) -> Value {
    body.as_object_mut().expect("an object").remove(field);
    body
}
