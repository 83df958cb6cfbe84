//! What webhooks tell, and what is kept of that, of channels that are encrypted.

use serde_json::json;

use crate::homeserver::unique;
use crate::receiver::{Receiver, Reply, Seen};
use crate::support::{Hook, answered, eventually, shared, text};

#[tokio::test]
async fn nothing_of_an_encrypted_channel_is_sent() {
    let (world, receiver) = (shared().await, Receiver::start().await);
    let owner = world.register_unique("owner").await;
    let api = world.daarion.api_as(&format!("user:{}", owner.localpart()));
    let body = json!({ "slug": unique("quiet"), "name": "Quiet", "confidential": true });
    let channel = answered(201, api.post("/api/messaging/channels", body).await);
    let matrix = text(&channel["matrix_room_id"]);
    let body = json!({ "room_id": matrix, "webhook_url": receiver.url() });
    Hook::subscribe(world, body).await;
    let content = json!({ "algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "geheim" });
    let event = owner.send_event(&matrix, "m.room.encrypted", content).await;
    let is_it = |seen: &Seen| seen.event_id() == event;
    let seen = receiver
        .until("the event", |seen| seen.iter().any(is_it))
        .await;
    let seen = seen.iter().find(|seen| is_it(seen)).expect("it came");
    assert_eq!(seen.body["event"]["type"], "m.room.encrypted");
    assert_eq!(seen.body["event"]["content"], json!({}));
    assert_eq!(seen.body["why"], "encrypted");
    assert!(!String::from_utf8_lossy(&seen.bytes).contains("geheim"));
}

#[tokio::test]
async fn what_was_said_before_a_channel_was_encrypted_is_forgotten() {
    let world = shared().await;
    // Whatever it is sent, it repeats.
    let receiver = Receiver::answering(|_| Reply::Echo(500)).await;
    let (owner, service) = (
        world.register_unique("owner").await,
        world.daarion.service(),
    );
    let body = json!({
        "preset": "private_chat",
        "power_level_content_override": { "users": { &owner.user_id: 100 } },
    });
    let create = service.post("/internal/matrix/create-room", body);
    let room = text(&answered(200, create.await)["room_id"]);
    let join = json!({ "room_id": room, "user_id": owner.user_id });
    answered(200, service.post("/internal/matrix/join", join).await);
    let body = json!({
        "room_id": room, "webhook_url": receiver.url(), "events": ["m.room.message"],
    });
    let hook = Hook::subscribe(world, body).await;
    let said = owner.send_text(&room, "said in the clear").await;
    eventually("a dead letter", async || {
        Some(hook.dead_letters().await).filter(|dead| dead.len() == 1)
    })
    .await;
    let repeated = hook.deliveries().await;
    let is_repeated = |answer: &str| answer.contains("said in the clear");
    assert!(repeated.iter().all(|it| is_repeated(&text(&it["answer"]))));

    let content = json!({ "algorithm": "m.megolm.v1.aes-sha2" });
    owner
        .set_state(&room, "m.room.encryption", "", content)
        .await;
    let is_forgotten = async || {
        let tries = hook.deliveries().await;
        tries.iter().all(|it| it["answer"] == "").then_some(tries)
    };
    let tries = eventually("answers that are forgotten", is_forgotten).await;
    assert_eq!(tries.len(), repeated.len(), "the tries themselves are kept");
    receiver.answer(|_| Reply::Echo(200));
    hook.replay(json!({ "subscription_id": hook.id })).await;
    receiver.texts(1).await;
    let seen = receiver.delivered().remove(0);
    assert_eq!(seen.event_id(), said);
    assert_eq!(seen.body["event"]["content"], json!({}));
    assert_eq!(seen.body["why"], "encrypted");
    assert!(!String::from_utf8_lossy(&seen.bytes).contains("in the clear"));
    seen.verify(&hook.secret);
}
