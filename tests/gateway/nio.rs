//! What the gateway has done, as matrix-nio sees it: a client that we did not write.

use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::process::Command;

use crate::caller::{Gateway, member};
use crate::daarion::shared_world;
use crate::homeserver::MatrixUser;
use crate::homeserver::unique;
use crate::python::python;
use crate::support::{answered, merge, text};

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/gateway");

/// What the client tells of a room.
async fn seen(homeserver: &str, user: &MatrixUser, room: &str) -> Value {
    let output = Command::new(python().await)
        .arg(format!("{SCRIPTS}/client.py"))
        .args([homeserver, &user.user_id, &user.password, room])
        .output()
        .await
        .expect("Python can be run");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "client.py failed: {errors}");
    serde_json::from_slice(&output.stdout).expect("client.py prints JSON")
}

/// A file of this type, uploaded by a person's own client.
async fn upload(user: &MatrixUser, mimetype: &str, bytes: Vec<u8>) -> String {
    let request = user
        .client
        .builder(Method::POST, "/_matrix/media/v3/upload?filename=file")
        .bearer_auth(&user.access_token)
        .header("content-type", mimetype)
        .body(bytes);
    let answer = crate::homeserver::http::exchange(request, None).await;
    let (status, body) = answer.expect("the homeserver answers");
    assert_eq!(status, 200, "{body}");
    text(&body["content_uri"]).to_owned()
}

struct Seen(Value);

impl Seen {
    fn event(&self, id: &Value) -> &Value {
        let events = self.0["events"].as_array().expect("events");
        let found = events.iter().find(|event| event["event_id"] == *id);
        found.unwrap_or_else(|| panic!("{id} is not in {}", self.0))
    }
}

#[tokio::test]
async fn another_client_sees_each_effect() {
    let world = shared_world().await;
    let gateway = Gateway::of(&world.daarion);
    let alias = unique("seen");
    let body = json!({
        "name": "Before", "topic": "Seen by nio", "preset": "public_chat",
        "room_alias_name": alias,
    });
    let made = answered(200, gateway.post("create-room", body).await);
    let room = text(&made["room_id"]).to_owned();
    let alice = member(world, &room, "alice").await;
    let bob = world.register_unique("bob").await;
    let (agent, agent_user) = gateway.agent().await;
    let member = |user: &str| json!({ "room_id": room, "user_id": user });
    answered(200, gateway.post("invite", member(&bob.user_id)).await);
    answered(200, gateway.post("join", member(&bob.user_id)).await);
    answered(200, gateway.post("join", member(&agent)).await);
    answered(200, gateway.post("kick", member(&bob.user_id)).await);
    let named = gateway
        .put_room(&room, "name", json!({ "name": "After" }))
        .await;
    let named = answered(200, named)["event_id"].clone();
    let picture = upload(&alice, "image/png", b"a picture".to_vec()).await;
    for (what, body) in [
        ("display-name", json!({ "display_name": "Софія" })),
        ("avatar", json!({ "avatar_url": picture })),
    ] {
        answered(200, gateway.put_user(&agent, what, body).await);
    }

    let send = async |more: Value| {
        let mut body = json!({ "room_id": room, "sender": agent, "body": "Привіт" });
        merge(&mut body, more);
        answered(200, gateway.post("send", body).await)["event_id"].clone()
    };
    let html = "<p>Привіт, <strong>світе</strong></p>";
    let formatted = send(json!({ "msgtype": "m.text", "formatted_body": html })).await;
    let notice = send(json!({ "msgtype": "m.notice" })).await;
    let mut files = Vec::new();
    for (msgtype, class, mimetype) in [
        ("m.image", "RoomMessageImage", "image/png"),
        ("m.file", "RoomMessageFile", "application/pdf"),
        ("m.audio", "RoomMessageAudio", "audio/ogg"),
        ("m.video", "RoomMessageVideo", "video/mp4"),
    ] {
        let bytes = format!("the bytes of {msgtype}").into_bytes();
        let digest = hex::encode(Sha256::digest(&bytes));
        let size = bytes.len();
        let url = upload(&alice, mimetype, bytes).await;
        let info = json!({ "mimetype": mimetype, "size": size });
        let sent = send(json!({ "msgtype": msgtype, "url": url, "info": info })).await;
        files.push((sent, class, url, digest));
    }
    let relation = json!({ "m.in_reply_to": { "event_id": formatted } });
    let reply = send(json!({ "msgtype": "m.text", "relates_to": relation })).await;
    let relation = json!({ "rel_type": "m.replace", "event_id": formatted });
    let edit = send(json!({ "msgtype": "m.text", "relates_to": relation })).await;
    let relation = json!({ "rel_type": "m.thread", "event_id": formatted });
    let threaded = send(json!({ "msgtype": "m.text", "relates_to": relation })).await;
    let body = json!({
        "room_id": room, "event_id": formatted, "reactor": alice.user_id, "emoji": "👍",
    });
    let reaction = answered(200, gateway.post("send-reaction", body).await)["event_id"].clone();
    let spam = send(json!({ "msgtype": "m.text" })).await;
    let body = json!({ "room_id": room, "event_id": spam, "reason": "Spam" });
    let redaction = answered(200, gateway.post("redact", body).await)["event_id"].clone();

    let seen = Seen(seen(world.homeserver.base_url(), &alice, &room).await);
    let event = seen.event(&formatted);
    assert_eq!(event["class"], "RoomMessageText");
    assert_eq!(event["sender"], agent_user.as_str());
    assert_eq!(event["formatted_body"], html);
    assert_eq!(event["format"], "org.matrix.custom.html");
    assert_eq!(seen.event(&notice)["class"], "RoomMessageNotice");
    for (sent, class, url, digest) in files {
        let event = seen.event(&sent);
        assert_eq!(event["class"], class);
        assert_eq!(event["url"], url.as_str());
        assert_eq!(event["digest"], digest.as_str(), "{event}");
    }
    let relation = &seen.event(&reply)["relation"];
    assert_eq!(relation["m.in_reply_to"]["event_id"], formatted);
    let edit = seen.event(&edit);
    assert_eq!(
        (&edit["body"], &edit["relation"]["rel_type"]),
        (&json!("* Привіт"), &json!("m.replace"))
    );
    let relation = &seen.event(&threaded)["relation"];
    assert_eq!(
        (&relation["rel_type"], &relation["event_id"]),
        (&json!("m.thread"), &formatted)
    );
    let reaction = seen.event(&reaction);
    assert_eq!(reaction["class"], "ReactionEvent");
    assert_eq!(
        (&reaction["reacts_to"], &reaction["key"]),
        (&formatted, &json!("👍"))
    );
    assert_eq!(reaction["sender"], alice.user_id.as_str());
    let redacted = seen.event(&spam);
    assert_eq!(redacted["class"], "RedactedEvent", "{redacted}");
    assert_eq!(redacted["reason"], "Spam");
    assert_eq!(seen.event(&redaction)["class"], "RedactionEvent");
    let named = seen.event(&named);
    assert_eq!(
        (&named["class"], &named["name"]),
        (&json!("RoomNameEvent"), &json!("After"))
    );

    let events = seen.0["events"].as_array().expect("events");
    let of_bob = events
        .iter()
        .filter(|event| event["state_key"] == bob.user_id.as_str());
    let of_bob: Vec<_> = of_bob.map(|event| text(&event["membership"])).collect();
    assert_eq!(of_bob, ["invite", "join", "leave"]);
    assert_eq!(seen.0["name"], "After");
    assert_eq!(seen.0["topic"], "Seen by nio");
    assert_eq!(seen.0["alias"], format!("#{alias}:test.localhost"));
    assert_eq!(seen.0["users"][&agent_user], "Софія");
    assert_eq!(seen.0["avatars"][&agent_user], picture.as_str());
}
