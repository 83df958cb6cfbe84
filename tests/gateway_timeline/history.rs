//! Histories, both ways.

use serde_json::{Value, json};

use crate::daarion::{World, shared_world};
use crate::homeserver::path;
use crate::support::{answered, channel, query, text};

async fn page(world: &World, room: &str, pairs: &[(&str, &str)]) -> Value {
    let path = path(&["internal", "matrix", "rooms", room, "messages"]);
    let path = format!("{path}?{}", query(pairs));
    answered(200, world.daarion.service().get(&path).await)
}

fn ids(page: &Value) -> Vec<String> {
    let chunk = page["chunk"].as_array().expect("a chunk").iter();
    chunk
        .map(|event| text(&event["event_id"]).to_owned())
        .collect()
}

#[tokio::test]
async fn history_is_read_both_ways_from_its_ends() {
    let world = shared_world().await;
    let (alice, room) = channel(world, "alice").await;
    let mut sent = Vec::new();
    for number in 0..5 {
        sent.push(alice.send_text(&room, &format!("{number}")).await);
    }
    sent.reverse();
    let newest = page(world, &room, &[("limit", "3")]).await;
    assert_eq!(ids(&newest), sent[..3]);
    let event = &newest["chunk"][0];
    assert_eq!(event["entity_id"], format!("user:{}", alice.localpart()));
    assert_eq!(event["content"]["body"], "4");
    let from = text(&newest["end"]);
    let older = page(
        world,
        &room,
        &[("from", from), ("limit", "2"), ("dir", "b")],
    )
    .await;
    assert_eq!(ids(&older), sent[3..]);
    assert_eq!(older["start"], from);

    let oldest = page(world, &room, &[("dir", "f"), ("limit", "200")]).await;
    assert_eq!(oldest["chunk"][0]["type"], "m.room.create");
    assert_eq!(oldest["chunk"][0]["entity_id"], "agent:daarion");
    assert!(ids(&oldest).ends_with(&[sent[1].clone(), sent[0].clone()]));
    let ten = page(world, &room, &[]).await;
    assert_eq!(ids(&ten).len(), 10, "the default");
}

#[tokio::test]
async fn history_is_read_by_alias_and_as_a_user() {
    let world = shared_world().await;
    let alice = world.register_unique("alice").await;
    let name = crate::homeserver::unique("private");
    let room = alice.create_room(json!({ "room_alias_name": name })).await;
    let event = alice.send_text(&room, "між нами").await;
    let alias = format!("#{name}:test.localhost");
    let user = ("user_id", alice.user_id.as_str());
    let seen = page(world, &alias, &[user, ("limit", "1")]).await;
    assert_eq!(ids(&seen), [event]);
    let path = path(&["internal", "matrix", "rooms", &room, "messages"]);
    let refused = answered(403, world.daarion.service().get(&path).await);
    assert_eq!(
        refused["error"], "M_FORBIDDEN",
        "the connector is not there"
    );
}

#[tokio::test]
async fn bad_histories_name_what_is_wrong() {
    let world = shared_world().await;
    let (_, room) = channel(world, "alice").await;
    let service = world.daarion.service();
    for (room, pairs, status, words) in [
        (room.as_str(), [("limit", "0")], 400, "limit: "),
        (&room, [("limit", "201")], 400, "limit: "),
        (&room, [("dir", "x")], 400, "dir: "),
        (&room, [("from", "nonsense")], 400, ""),
        (&room, [("from", "\u{fffd}")], 400, "from: "),
        ("nowhere", [("dir", "b")], 404, "there is no \"nowhere\""),
        ("#nowhere:test.localhost", [("dir", "b")], 404, ""),
    ] {
        let path = path(&["internal", "matrix", "rooms", room, "messages"]);
        let path = format!("{path}?{}", query(&pairs));
        let refused = answered(status, service.get(&path).await);
        assert!(text(&refused["message"]).starts_with(words), "{refused}");
    }
}
