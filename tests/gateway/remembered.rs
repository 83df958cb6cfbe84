//! What a room is like is asked of the homeserver once, however many want to know it at the same
//! time, and anew as soon as something has changed.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::caller::Gateway;
use crate::daarion::Daarion;
use crate::homeserver::unique;
use crate::stub::{Said, Stub};
use crate::support::{answered, eventually};

const ROOM: &str = "!room:test.localhost";

fn event(kind: &str, content: &Value) -> Value {
    json!({
        "type": kind, "state_key": "", "content": content, "room_id": ROOM,
        "sender": "@alice:test.localhost", "event_id": format!("${}", unique("event")),
        "origin_server_ts": 1_700_000_000_000_u64,
    })
}

/// The state of a room that has a name.
fn named(name: &str) -> Said {
    let state = json!([
        event("m.room.create", &json!({ "room_version": "12" })),
        event("m.room.name", &json!({ "name": name })),
    ]);
    Said::json(200, &state)
}

/// Brings news of a room as the homeserver does.
async fn push(daarion: &Daarion, kind: &str) {
    let path = format!("/_matrix/app/v1/transactions/{}", unique("transaction"));
    let body = json!({ "events": [event(kind, &json!({ "body": "a", "name": "a" }))] });
    answered(200, daarion.as_homeserver().put(&path, body).await);
}

async fn name(gateway: &Gateway) -> Value {
    answered(200, gateway.get_room(ROOM).await)["name"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousand_who_ask_at_once_make_one_call() {
    let stub = Stub::answering(|_| named("Before").after(Duration::from_secs(2))).await;
    let daarion = stub.daarion().await;
    let gateway = Gateway::of(&daarion);
    stub.take_asked();
    let names = join_all((0..1_000).map(|_| name(&gateway))).await;
    assert!(names.iter().all(|name| name == "Before"), "{names:?}");
    let asked = stub.take_asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_a_room_counts_at_once() {
    let stub = Stub::answering(|_| named("Before")).await;
    let daarion = stub.daarion().await;
    let gateway = Arc::new(Gateway::of(&daarion));
    assert_eq!(name(&gateway).await, "Before");
    stub.take_asked();
    stub.answer(|_| named("After"));
    push(&daarion, "m.room.message").await;
    assert_eq!(name(&gateway).await, "Before", "a message changes nothing");
    assert_eq!(stub.take_asked().len(), 0);
    push(&daarion, "m.room.name").await;
    for _ in 0..3 {
        assert_eq!(name(&gateway).await, "After");
    }
    assert_eq!(stub.take_asked().len(), 1);

    // A change that crosses with an answer: the answer is told to whoever asked before, and is
    // not remembered.
    push(&daarion, "m.room.topic").await;
    stub.answer(|_| named("On its way").after(Duration::from_secs(2)));
    let before = gateway.clone();
    let before = tokio::spawn(async move { name(&before).await });
    eventually("a question", async || (stub.in_flight() == 1).then_some(())).await;
    stub.answer(|_| named("Latest"));
    push(&daarion, "m.room.name").await;
    assert_eq!(name(&gateway).await, "Latest");
    assert_eq!(before.await.expect("no panic"), "On its way");
    assert_eq!(name(&gateway).await, "Latest");
    assert_eq!(stub.take_asked().len(), 2);
}
