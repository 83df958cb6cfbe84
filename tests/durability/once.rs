//! What was done is written down though its caller has hung up, and what was said is said once though
//! the homeserver has forgotten it.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::daarion::{DaarionOptions, WorldOptions};
use crate::proxy::Action;
use crate::support::{
    any_world_behind_proxy, city_room, event_ids, eventually, messages, text, truth,
    world_between_proxies,
};

/// The homeserver's push comes while its answer is held, and the caller is gone before daarion hears
/// of it.
#[tokio::test]
async fn who_did_it_is_known_though_they_have_hung_up() {
    let (world, proxy) = any_world_behind_proxy(WorldOptions::default()).await;
    world.register("alice").await;
    let api = world.daarion.api_as("user:alice");
    let room = city_room(&api, "square").await;
    let place = format!("/api/messaging/channels/{}", room.channel);
    proxy.set("city.daarion.channel", Action::HoldAnswer);
    let path = format!("{place}/slow-mode");
    let slow = Some(json!({ "seconds": 10 }));
    tokio::select! {
        answer = api.try_request(Method::PUT, &path, slow) => panic!("too soon: {answer:?}"),
        () = proxy.until_held(1) => {}
    }
    proxy.open();
    let record = eventually("a record", async || {
        let (_, page) = api.get(&format!("{place}/audit")).await;
        let items = page["items"].as_array().cloned().unwrap_or_default();
        let is_it = |it: &Value| it["after"]["slow_mode_seconds"] == "10";
        items.into_iter().find(is_it).ok_or(page)
    })
    .await;
    assert_eq!(record["actor"], "user:alice", "{record}");
    assert_ne!(record["from"]["via"], "matrix", "{record}");
}

/// Neither the answer nor the push comes, and the homeserver is killed: it knows of no transaction.
#[tokio::test]
async fn message_is_said_once_though_the_homeserver_has_forgotten_its_key() {
    let (world, to_homeserver, to_daarion) = world_between_proxies(DaarionOptions {
        heal_interval: "12h".into(),
        ..DaarionOptions::default()
    })
    .await;
    let alice = world.register("alice").await;
    let api = world.daarion.api_as("user:alice");
    let room = city_room(&api, "square").await;
    let path = format!("/api/messaging/channels/{}/messages", room.channel);
    let named = api.clone().with_header("idempotency-key", "once");
    let words = || Some(json!({ "text": "Once" }));
    let service = world
        .daarion
        .service()
        .with_header("idempotency-key", "once");
    let matrix = room.matrix.as_str();
    let by_service = || json!({ "room_id": matrix, "msgtype": "m.text", "body": "By a service" });

    to_daarion.set("/transactions/", Action::Swallow);
    to_homeserver.set("/send/m.room.message", Action::LoseAnswer);
    let (status, answer) = named.request(Method::POST, &path, words()).await;
    assert!(status.is_server_error(), "{status} {answer}");
    let send = "/internal/matrix/send";
    let (status, answer) = service.post(send, by_service()).await;
    assert!(status.is_server_error(), "{status} {answer}");
    world.homeserver.kill();
    to_homeserver.open();
    world.homeserver.launch().await;
    let said = eventually("an answer", async || {
        let (status, said) = named.request(Method::POST, &path, words()).await;
        match status {
            StatusCode::CREATED => Ok(said),
            _ => Err(said),
        }
    })
    .await;
    // The same of a service, also by a daarion that has begun since.
    world.daarion.restart().await;
    let (status, sent) = service.post(send, by_service()).await;
    assert_eq!(status, StatusCode::OK, "{sent}");
    let other = json!({ "room_id": matrix, "msgtype": "m.text", "body": "Another" });
    let (status, answer) = service.post(send, other).await;
    assert_eq!(status, StatusCode::CONFLICT, "{answer}");
    let truth = event_ids(&truth(&alice, matrix).await);
    let both = [text(&said, "matrix_event_id"), text(&sent, "event_id")];
    assert_eq!(truth, both);
    assert_eq!(messages(&api, &room.channel).await.len(), 2);
}

/// The homeserver closes the room and its answer is lost: then nobody is to see it in the directory.
#[tokio::test]
async fn room_that_may_be_closed_is_not_listed_again() {
    let (world, proxy) = any_world_behind_proxy(WorldOptions::default()).await;
    let alice = world.register("alice").await;
    let api = world.daarion.api_as("user:alice");
    // The first room is the city's default, which stays open.
    city_room(&api, "gate").await;
    let room = city_room(&api, "square").await;
    let is_listed = async || {
        let path = "/_matrix/client/v3/publicRooms?limit=100";
        let (_, page) = alice.request(Method::GET, path, None).await;
        let rooms = page["chunk"].as_array().cloned().unwrap_or_default();
        rooms.iter().any(|it| it["room_id"] == room.matrix.as_str())
    };
    assert!(is_listed().await, "it is public");
    let place = format!("/api/messaging/channels/{}", room.channel);
    let close = || Some(json!({ "visibility": "private" }));
    proxy.set("m.room.join_rules", Action::Refuse);
    let (status, answer) = api.request(Method::PATCH, &place, close()).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{answer}");
    assert!(is_listed().await, "it is as it was");
    proxy.set("m.room.join_rules", Action::LoseAnswer);
    let (status, answer) = api.request(Method::PATCH, &place, close()).await;
    assert!(status.is_server_error(), "{status} {answer}");
    proxy.open();
    assert!(!is_listed().await);
    eventually("the room is closed", async || {
        let (_, channel) = api.get(&place).await;
        match channel["visibility"] == "private" {
            true => Ok(()),
            false => Err(channel),
        }
    })
    .await;
    assert!(!is_listed().await);
}
