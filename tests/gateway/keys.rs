//! `Idempotency-Key` of a room that is made: once, whatever becomes of the answers and of daarion.
//! A homeserver of its own, which lists no rooms, and a proxy in between.

use serde_json::{Value, json};

use crate::caller::Gateway;
use crate::daarion::{DaarionOptions, World, WorldOptions};
use crate::homeserver::http::{Http, exchange};
use crate::proxy::{Action, Proxy};
use crate::support::{answered, refused, text};

/// A daarion that is told of nothing: the homeserver does not reach it.
async fn deaf_world() -> (World, Proxy) {
    let proxy = Proxy::start().await;
    let options = DaarionOptions {
        connector_url: Some("http://127.0.0.1:1".to_owned()),
        ..DaarionOptions::default()
    };
    let behind = DaarionOptions {
        homeserver_url: proxy.url(),
        ..options.clone()
    };
    let world = World::prepare(WorldOptions {
        daarion: options,
        homeserver_settings: Some(json!({ "room_list_publication_rules": [] })),
        ..WorldOptions::default()
    })
    .await;
    proxy.lead_to(world.homeserver.base_url());
    world.daarion.write_configuration(&behind);
    world.homeserver.launch().await;
    world.daarion.launch().await;
    (world, proxy)
}

/// The rooms of the homeserver with this name.
async fn rooms_named(world: &World, name: &str) -> Vec<String> {
    let token = world.homeserver.admin_token().await;
    let http = Http::new(world.homeserver.base_url());
    let place = format!("/_synapse/admin/v1/rooms?search_term={name}");
    let request = http.builder(reqwest::Method::GET, &place);
    let (_, found) = exchange(request.bearer_auth(token), None)
        .await
        .expect("the homeserver answers");
    let rooms = found["rooms"].as_array().expect("rooms").iter();
    rooms
        .map(|room| text(&room["room_id"]).to_owned())
        .collect()
}

#[tokio::test]
async fn room_whose_answer_was_lost_is_found_by_its_key() {
    let (world, proxy) = deaf_world().await;
    let with_key = |key| Gateway::of(&world.daarion).with_header("idempotency-key", key);
    let gateway = with_key("the-key");
    let body = |name: &str| json!({ "name": name, "visibility": "public" });
    proxy.set("/createRoom", Action::LoseAnswer);
    let lost = gateway.post("create-room", body("Lost")).await;
    refused(503, "HOMESERVER_UNAVAILABLE", lost);
    proxy.open();
    let made = answered(200, gateway.post("create-room", body("Lost")).await);
    let again = answered(200, gateway.post("create-room", body("Lost")).await);
    assert_eq!(again, made);
    assert_eq!(rooms_named(&world, "Lost").await, [text(&made["room_id"])]);
    let warning = text(&made["warnings"][0]);
    assert!(warning.contains("room_list_publication_rules"), "{warning}");

    // The key stands for what was asked for first, also after a restart.
    world.daarion.restart().await;
    let again = answered(200, gateway.post("create-room", body("Lost")).await);
    assert_eq!(again, made);
    let other = gateway.post("create-room", body("Another")).await;
    let words = refused(409, "CONFLICT", other);
    assert!(words.starts_with("Idempotency-Key"), "{words}");
    assert_eq!(rooms_named(&world, "Another").await, [""; 0]);
}

#[tokio::test]
async fn room_that_was_not_made_is_not_made_before_that_is_settled() {
    let (world, proxy) = deaf_world().await;
    let gateway = Gateway::of(&world.daarion).with_header("idempotency-key", "the-key");
    let body = || json!({ "name": "Never" });
    proxy.set("/createRoom", Action::Fail);
    let failed = gateway.post("create-room", body()).await;
    refused(503, "HOMESERVER_UNAVAILABLE", failed);
    proxy.open();
    let early = gateway.post("create-room", body()).await;
    let words = refused(503, "HOMESERVER_UNAVAILABLE", early);
    assert!(words.contains("not settled"), "{words}");
    assert_eq!(rooms_named(&world, "Never").await, [""; 0]);

    // What is refused leaves the key free.
    let gateway = Gateway::of(&world.daarion).with_header("idempotency-key", "another-key");
    proxy.set("/createRoom", Action::Refuse);
    let refusal = gateway.post("create-room", body()).await;
    refused(403, "M_FORBIDDEN", refusal);
    proxy.open();
    let made = answered(
        200,
        gateway.post("create-room", json!({ "name": "Now" })).await,
    );
    assert_eq!(made["room_alias"], Value::Null);
}
