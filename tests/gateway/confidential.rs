//! A confidential channel: two people with clients of their own speak there, end-to-end encrypted,
//! and nothing of what they say is anywhere in daarion.

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::daarion::shared_world;
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
    let service = world.daarion.service();
    let sync = answered(200, service.get("/internal/matrix/sync?timeout=0").await);
    let seen = [listed.to_string(), sync.to_string(), world.daarion.log()];
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
