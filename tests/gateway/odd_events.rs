//! Events that no parser likes: whoever polls or reads a history gets them as they are, and all
//! others as always.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::caller::Gateway;
use crate::homeserver::path;
use crate::stub::{Said, Stub};

const ROOM: &str = "!room:test.localhost";
const POLL: &str = "/internal/matrix/sync?user_id=@alice:test.localhost&timeout=0";

/// One that is nested deeper than most parsers go, numbers that no double holds, half a
/// character, and what is no event at all.
fn odd() -> [String; 4] {
    let deep = format!("{}1{}", "[".repeat(1_000), "]".repeat(1_000));
    let of = |content: &str| {
        format!(r#"{{"type":"m.room.message","sender":"@bob:test.localhost","content":{content}}}"#)
    };
    [
        of(&format!(r#"{{"deep":{deep}}}"#)),
        of(r#"{"number":1e999}"#),
        of(r#"{"half":"\ud800"}"#),
        deep,
    ]
}

fn plain(body: &str) -> String {
    let event = json!({
        "type": "m.room.message", "event_id": "$plain", "sender": "@alice:test.localhost",
        "entity_id": "agent:forged", "content": { "msgtype": "m.text", "body": body },
    });
    event.to_string()
}

/// Odd events between others.
fn events() -> String {
    let [deep, number, half, none] = odd();
    [plain("before"), deep, number, half, none, plain("behind")].join(",")
}

#[derive(Deserialize)]
struct Event<'a> {
    sender: String,
    entity_id: Option<String>,
    #[serde(borrow)]
    content: &'a RawValue,
}

/// Sees that all events are there in their order, each with its sender's entity as far as it has a
/// sender, and the content as it was.
#[track_caller]
fn all_there(shown: &[&RawValue]) {
    assert_eq!(shown.len(), 6);
    let was = format!("[{}]", events());
    let was: Vec<&RawValue> = serde_json::from_str(&was).expect("a list");
    for (shown, was) in shown.iter().zip(was) {
        let Ok(event) = serde_json::from_str::<Event<'_>>(shown.get()) else {
            assert_eq!(shown.get(), was.get(), "it is no event");
            continue;
        };
        let before: Event<'_> = serde_json::from_str(was.get()).expect("an event");
        assert_eq!(event.content.get(), before.content.get());
        let name = event.sender.trim_start_matches('@').split(':').next();
        let entity = format!("user:{}", name.expect("a name"));
        assert_eq!(event.entity_id, Some(entity));
    }
}

async fn text(gateway: &Gateway, path: &str) -> String {
    let request = gateway.service.builder(Method::GET, path);
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    answer.text().await.expect("text")
}

#[derive(Deserialize)]
struct Timeline<'a> {
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Room<'a> {
    #[serde(borrow)]
    timeline: Timeline<'a>,
}

#[derive(Deserialize)]
struct Sync<'a> {
    next_batch: String,
    #[serde(borrow)]
    rooms: std::collections::HashMap<String, std::collections::HashMap<String, Room<'a>>>,
}

#[tokio::test]
async fn an_odd_event_ends_no_poll() {
    let events = events();
    let other = plain("elsewhere");
    let answer = format!(
        r#"{{"next_batch":"s2","account_data":{{"events":[{{"type":"m.x"}}]}},"rooms":{{"join":{{"{ROOM}":{{"timeline":{{"events":[{events}],"limited":false}}}},"!other:test.localhost":{{"timeline":{{"events":[{other}]}}}}}}}}}}"#
    );
    let stub = Stub::answering(move |asked| match asked.target.contains("/sync?") {
        true => Said::new(200, &answer),
        false => Said::new(404, ""),
    })
    .await;
    let daarion = stub.daarion().await;
    let shared = Gateway::of(&daarion);
    let (bound, _) = Gateway::narrow(&daarion, json!({ "rooms": [ROOM] })).await;
    for (gateway, rooms, sees_all) in [(shared, 2, true), (bound, 1, false)] {
        let text = text(&gateway, POLL).await;
        let whole: Sync<'_> = serde_json::from_str(&text).expect("JSON");
        assert_eq!(whole.next_batch, "s2");
        assert_eq!(whole.rooms["join"].len(), rooms, "of its rooms alone");
        all_there(&whole.rooms["join"][ROOM].timeline.events);
        assert_eq!(text.contains("account_data"), sees_all, "{text}");
    }
}

#[derive(Deserialize)]
struct History<'a> {
    #[serde(borrow)]
    chunk: Vec<&'a RawValue>,
    end: String,
}

#[tokio::test]
async fn an_odd_event_is_whole_in_a_history() {
    let answer = format!(r#"{{"start":"t1","end":"t2","chunk":[{}]}}"#, events());
    let stub = Stub::answering(move |asked| match asked.target.contains("/messages?") {
        true => Said::new(200, &answer),
        false => Said::new(404, ""),
    })
    .await;
    let daarion = stub.daarion().await;
    let gateway = Gateway::of(&daarion);
    let text = text(
        &gateway,
        &path(&["internal", "matrix", "rooms", ROOM, "messages"]),
    )
    .await;
    let page: History<'_> = serde_json::from_str(&text).expect("JSON");
    assert_eq!(page.end, "t2");
    all_there(&page.chunk);
}
