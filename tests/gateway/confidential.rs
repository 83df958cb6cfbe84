//! A confidential channel: two people with clients of their own speak there, end-to-end encrypted,
//! and nothing of what they say is anywhere in daarion, nor in any answer of its.

use std::path::Path;

use futures_util::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::asked::{NOWHERE, document};
use crate::daarion::{Caller, shared_world};
use crate::homeserver::{MatrixUser, path, unique};
use crate::python::python;
use crate::support::{answered, eventually, refused, text};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/gateway/confidential.py");

/// What two people say to each other, by the ids of their events.
async fn converse(homeserver: &str, room: &str, people: [&MatrixUser; 2], words: &Value) -> Value {
    let people = people.map(|person| json!([person.user_id, person.password]));
    let output = Command::new(python().await)
        .arg(SCRIPT)
        .args([homeserver, room])
        .args([json!(people).to_string(), words.to_string()])
        .output()
        .await
        .expect("Python can be run");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "confidential.py failed: {errors}");
    serde_json::from_slice(&output.stdout).expect("confidential.py prints JSON")
}

/// Every file below a directory, whole.
fn files(directory: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(directory).expect("a directory");
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => files(&path),
            false => vec![std::fs::read(&path).unwrap_or_default()],
        }
    };
    entries.flat_map(read).collect()
}

/// What is answered to somebody who asks for whatever a document lets them read.
async fn answers(caller: &Caller, name: &str, value: impl Fn(&str) -> String) -> Vec<String> {
    let mut answers = Vec::new();
    for operation in document(name) {
        // The homeserver's own page belongs to nobody's channel.
        if operation.method != Method::GET || operation.is_stream || operation.path.contains("/sso")
        {
            continue;
        }
        let path = operation.path(&value);
        let answer = caller.builder(Method::GET, &path).send().await;
        let answer = answer.expect("daarion answers");
        let status = answer.status();
        assert!(!status.is_server_error(), "{path}: {status}");
        answers.push(answer.text().await.expect("a text"));
    }
    answers
}

#[tokio::test]
async fn nothing_of_what_is_said_in_a_confidential_channel_is_in_daarion() {
    let world = shared_world().await;
    let (alice, bob) = (
        world.register_unique("alice").await,
        world.register_unique("bob").await,
    );
    let of = |person: &MatrixUser| {
        world
            .daarion
            .api_as(&format!("user:{}", person.localpart()))
    };
    let api = of(&alice);
    let new = json!({
        "name": "Тиша", "slug": unique("quiet"), "visibility": "private", "confidential": true,
    });
    let channel = answered(201, api.post("/api/messaging/channels", new).await);
    assert_eq!(channel["confidential"], true);
    assert_eq!(channel["encryption"], "m.megolm.v1.aes-sha2");
    assert_eq!(channel["indexed"], false);
    let room = text(&channel["matrix_room_id"]);
    // Nothing but what a room is made of came before its encryption.
    let state = alice.state_event(room, "m.room.encryption", "").await;
    assert_eq!(
        state.expect("encryption")["algorithm"],
        "m.megolm.v1.aes-sha2"
    );
    alice.invite(room, &bob.user_id).await;
    bob.join(room).await;
    let live = format!("/ws/messaging/{}", text(&channel["id"]));
    let mut live = api.websocket(&live).await;
    let words: Vec<_> = (0..4).map(|_| unique("geheimnis")).collect();
    let base = world.homeserver.base_url();
    let heard = converse(base, room, [&alice, &bob], &json!(words)).await;
    let heard = heard.as_object().expect("events");
    for word in &words {
        assert!(heard.values().any(|it| it == word), "{word} of {heard:?}");
    }
    // daarion knows that something was said, by whom and when.
    let messages = path(&[
        "api",
        "messaging",
        "channels",
        text(&channel["id"]),
        "messages",
    ]);
    let listed = eventually("all of it", async || {
        let page = answered(200, api.get(&format!("{messages}?content=full")).await);
        let items = page["items"].as_array().expect("items").clone();
        let is_there = |id: &String| items.iter().any(|it| it["matrix_event_id"] == id.as_str());
        heard.keys().all(is_there).then_some(page)
    })
    .await;
    for item in listed["items"].as_array().expect("items") {
        assert_eq!(item["content_preview"], "", "{item}");
    }
    let mut frames = String::new();
    while !heard.keys().all(|id| frames.contains(id.as_str())) {
        let frame = live.next().await.expect("it is open").expect("a frame");
        frames += &frame.into_text().expect("a text");
    }
    let service = world.daarion.service();
    let sync = answered(200, service.get("/internal/matrix/sync?timeout=0").await);
    let first = text(&listed["items"][0]["id"]).to_owned();
    let value = |name: &str| match name {
        "channel_id" => text(&channel["id"]).to_owned(),
        "message_id" | "message_ids" | "thread_id" => first.clone(),
        "room_id" => path(&[room])[1..].to_owned(),
        "entity" => format!("user:{}", bob.localpart()),
        "microdao_id" => text(&channel["microdao_id"]).to_owned(),
        _ => NOWHERE.to_owned(),
    };
    let mut seen = answers(&api, "public", value).await;
    seen.extend(answers(&service, "internal", value).await);
    // Some of them did tell of what was said.
    let told = seen.iter().filter(|it| it.contains(&first)).count();
    assert!(told > 3, "{told}");
    seen.extend([
        listed.to_string(),
        sync.to_string(),
        frames,
        world.daarion.log(),
    ]);
    for word in &words {
        assert!(seen.iter().all(|it| !it.contains(word.as_str())), "{word}");
        for file in files(&world.daarion.data_dir()) {
            let is_there = file.windows(word.len()).any(|it| it == word.as_bytes());
            assert!(!is_there, "{word} is in the data directory");
        }
    }
    // Nobody says anything there in the clear by daarion.
    let first = &listed["items"][0];
    let message = format!("{messages}/{}", text(&first["id"]));
    for (method, place, body) in [
        (
            Method::POST,
            messages.clone(),
            json!({ "text": "у відкриту" }),
        ),
        (
            Method::PATCH,
            message.clone(),
            json!({ "text": "у відкриту" }),
        ),
        (
            Method::PUT,
            format!("{message}/reactions/%F0%9F%91%8D"),
            Value::Null,
        ),
    ] {
        let body = (!body.is_null()).then_some(body);
        let answer = api.request(method, &place, body).await;
        let words = refused(403, "M_FORBIDDEN", answer);
        assert!(words.contains("encrypted"), "{words}");
    }
}
