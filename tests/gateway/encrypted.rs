//! Nothing is said in the clear in a room that is encrypted, whosever room it is.

use reqwest::Method;
use serde_json::{Value, json};

use crate::caller::Gateway;
use crate::daarion::shared_world;
use crate::homeserver::{MatrixUser, path};
use crate::support::{answered, eventually, refused, text};

fn encryption() -> Value {
    json!({ "algorithm": "m.megolm.v1.aes-sha2" })
}

async fn timeline(user: &MatrixUser, room: &str) -> String {
    let place = path(&["_matrix", "client", "v3", "rooms", room, "messages"]);
    let (status, page) = user
        .request(Method::GET, &format!("{place}?dir=b&limit=100"), None)
        .await;
    assert_eq!(status, 200, "{page}");
    page["chunk"].to_string()
}

#[tokio::test]
async fn encrypted_room_of_others_hears_nothing_in_the_clear() {
    let world = shared_world().await;
    let gateway = Gateway::of(&world.daarion);
    let alice = world.register_unique("alice").await;
    let state = json!([{ "type": "m.room.encryption", "state_key": "", "content": encryption() }]);
    let body = json!({ "preset": "private_chat", "initial_state": state });
    let room = alice.create_room(body).await;
    let event = alice
        .state(&room)
        .await
        .iter()
        .find(|event| event["type"] == "m.room.create")
        .map(|event| text(&event["event_id"]).to_owned())
        .expect("an event");
    let say = |sender: &str| {
        json!({
            "room_id": room, "msgtype": "m.text", "body": "in the clear", "sender": sender,
        })
    };
    let words = refused(
        403,
        "M_FORBIDDEN",
        gateway.post("send", say(&alice.user_id)).await,
    );
    assert!(words.contains("encrypted"), "{words}");
    let react = json!({
        "room_id": room, "event_id": event, "emoji": "👍", "reactor": alice.user_id,
    });
    let words = refused(
        403,
        "M_FORBIDDEN",
        gateway.post("send-reaction", react).await,
    );
    assert!(words.contains("encrypted"), "{words}");
    let stranger = world.register_unique("stranger").await;
    refused(
        403,
        "M_FORBIDDEN",
        gateway.post("send", say(&stranger.user_id)).await,
    );
    let heard = timeline(&alice, &room).await;
    assert!(!heard.contains("in the clear"), "{heard}");
    assert!(!heard.contains("👍"), "{heard}");
}

#[tokio::test]
async fn room_of_others_that_is_encrypted_later_is_known_for_it() {
    let world = shared_world().await;
    let gateway = Gateway::of(&world.daarion);
    let alice = world.register_unique("alice").await;
    let room = alice.create_room(json!({ "preset": "private_chat" })).await;
    let say = || {
        json!({
            "room_id": room, "msgtype": "m.text", "body": "hello", "sender": alice.user_id,
        })
    };
    answered(200, gateway.post("send", say()).await);
    let place = path(&[
        "_matrix",
        "client",
        "v3",
        "rooms",
        &room,
        "state",
        "m.room.encryption",
        "",
    ]);
    let (status, answer) = alice.request(Method::PUT, &place, Some(encryption())).await;
    assert_eq!(status, 200, "{answer}");
    // As soon as the homeserver has told of it.
    eventually("a refusal", async || {
        let (status, _) = gateway.post("send", say()).await;
        (status == 403).then_some(())
    })
    .await;
}
