//! The proof of the harness itself: the homeserver that the other tests stand on is a real one,
//! and it keeps what it was given when it is killed.

mod daarion;
mod homeserver;

use homeserver::{Homeserver, HomeserverOptions, Port};
use serde_json::json;

/// A service that is never there: the homeserver must start and work all the same.
const REGISTRATION: &str = r##"
id: harness
url: http://127.0.0.1:1
as_token: harness-as-token
hs_token: harness-hs-token
sender_localpart: harness
rate_limited: false
receive_ephemeral: true
namespaces:
  users: [{ exclusive: true, regex: "@agent_.*" }]
  aliases: [{ exclusive: true, regex: "#city_.*" }]
  rooms: []
"##;

async fn homeserver() -> Homeserver {
    Homeserver::start(HomeserverOptions {
        registration: Some(REGISTRATION.into()),
        ..HomeserverOptions::default()
    })
    .await
}

#[tokio::test]
async fn message_is_found_again_after_the_homeserver_was_killed() {
    let homeserver = homeserver().await;
    let alice = homeserver.register_user("alice", "wonderland").await;
    let bob = homeserver.register_user("bob", "builder").await;
    assert_eq!(alice.user_id, "@alice:test.localhost");

    let room = alice
        .create_room(json!({ "preset": "public_chat", "room_alias_name": "square" }))
        .await;
    assert_eq!(bob.join("#square:test.localhost").await, room);
    let sent = alice.send_text(&room, "Добрий день, Bob").await;
    let received = bob.wait_for_text(&room, "Добрий день, Bob").await;
    assert_eq!(received["event_id"], sent);
    assert_eq!(received["sender"], alice.user_id);

    homeserver.kill();
    assert!(!homeserver.is_running());
    homeserver.restart().await;

    let found = bob.messages(&room).await;
    assert_eq!(found.iter().filter(|e| e["event_id"] == sent).count(), 1);
    bob.send_text(&room, "still here").await;
    alice.wait_for_text(&room, "still here").await;
}

#[tokio::test]
async fn no_limit_of_rate_is_met() {
    let homeserver = homeserver().await;
    let alice = homeserver.register_user("alice", "password").await;
    let bob = homeserver.register_user("bob", "password").await;
    // Synapse's own limits: 10 rooms, 10 joins of a user, 10 joins of a room, 10 messages at once.
    let mut room = String::new();
    for _ in 0..12 {
        room = alice.create_room(json!({ "preset": "public_chat" })).await;
        bob.join(&room).await;
    }
    for number in 0..12 {
        let guest = homeserver
            .register_user(&format!("guest{number}"), "password")
            .await;
        guest.join(&room).await;
        alice.send_text(&room, "again").await;
    }
}

#[tokio::test]
async fn admin_token_opens_the_admin_api() {
    let homeserver = homeserver().await;
    let admin_token = homeserver.admin_token().await;
    let mut admin = homeserver.register_user("carol", "password").await;
    admin.access_token = admin_token;
    let (status, users) = admin
        .request(reqwest::Method::GET, "/_synapse/admin/v2/users", None)
        .await;
    assert_eq!(status, 200, "{users}");
    assert_eq!(users["total"], 2);
}

#[test]
fn reserved_ports_differ_and_are_free() {
    let ports: Vec<Port> = (0..50).map(|_| Port::reserve()).collect();
    let mut numbers: Vec<u16> = ports.iter().map(Port::number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 50);
    for number in numbers {
        std::net::TcpListener::bind(("127.0.0.1", number)).expect("a reserved port is free");
    }
}
