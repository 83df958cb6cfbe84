//! What receivers are sent is what the OpenAPI document calls a `WebhookPayload`.

use std::collections::BTreeSet;

use serde_json::json;

use crate::homeserver::unique;
use crate::receiver::{Receiver, Seen};
use crate::shape::Document;
use crate::support::{Hook, Room, answered, shared, text};

fn name(seen: &Seen) -> String {
    text(&seen.body["name"])
}

#[tokio::test]
async fn whatever_is_sent_is_what_the_document_says() {
    let (world, receiver) = (shared().await, Receiver::start().await);
    let room = Room::new(world).await;
    let body = json!({ "room_id": room.matrix, "webhook_url": receiver.url() });
    let hook = Hook::subscribe(world, body).await;
    hook.post("test", json!({})).await;
    let (owner, matrix) = (&room.owner, &room.matrix);
    let said = room.say("words").await;
    let edit = json!({
        "msgtype": "m.text", "body": "* other words",
        "m.new_content": { "msgtype": "m.text", "body": "other words" },
        "m.relates_to": { "rel_type": "m.replace", "event_id": said },
    });
    owner.send_event(matrix, "m.room.message", edit).await;
    let picture = json!({ "msgtype": "m.image", "body": "a.png", "url": "mxc://s/a" });
    owner.send_event(matrix, "m.room.message", picture).await;
    owner.react(matrix, &said, "👍").await;
    owner.redact(matrix, &said).await;
    let bob = world.register_unique("bob").await;
    bob.join(matrix).await;
    let topic = json!({ "topic": "Something else" });
    owner.set_state(matrix, "m.room.topic", "", topic).await;
    let names = [
        "messaging.channel.updated",
        "messaging.media.uploaded",
        "messaging.member.joined",
        "messaging.message.created",
        "messaging.message.deleted",
        "messaging.message.updated",
        "messaging.reaction.added",
        "webhook.test",
    ];
    let all = |seen: &[Seen]| {
        let seen: BTreeSet<_> = seen.iter().map(name).collect();
        names.iter().all(|name| seen.contains(*name))
    };
    let seen = receiver.until("one of each", all).await;
    let document = Document::read();
    for one in &seen {
        document.check_schema("WebhookPayload", &one.body);
    }
    let is_of_bob = |seen: &&Seen| seen.body["event"]["state_key"] == bob.user_id;
    let joined = seen.iter().find(is_of_bob).expect("bob came");
    let entity = format!("user:{}", bob.localpart());
    assert_eq!(joined.body["state_key_entity_id"], entity);
}

#[tokio::test]
async fn memberships_without_their_content_say_whose_they_are() {
    let (world, receiver) = (shared().await, Receiver::start().await);
    let owner = world.register_unique("owner").await;
    let api = world.daarion.api_as(&format!("user:{}", owner.localpart()));
    let body = json!({
        "slug": unique("quiet"), "name": "Quiet", "confidential": true, "visibility": "public",
    });
    let channel = answered(201, api.post("/api/messaging/channels", body).await);
    let matrix = text(&channel["matrix_room_id"]);
    let body = json!({ "room_id": matrix, "webhook_url": receiver.url() });
    Hook::subscribe(world, body).await;
    let bob = world.register_unique("bob").await;
    bob.join(&matrix).await;
    let content = json!({ "algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "geheim" });
    let said = bob.send_event(&matrix, "m.room.encrypted", content).await;
    let redaction = bob.redact(&matrix, &said).await;
    let is_it = |seen: &Seen| seen.event_id() == redaction;
    let seen = receiver
        .until("the redaction", |seen| seen.iter().any(is_it))
        .await;
    let document = Document::read();
    for one in &seen {
        document.check_schema("WebhookPayload", &one.body);
        assert_eq!(one.body["why"], "encrypted");
    }
    let is_of_bob = |seen: &&Seen| seen.body["event"]["state_key"] == bob.user_id;
    let joined = &seen.iter().find(is_of_bob).expect("bob came").body;
    assert_eq!(joined["event"]["content"], json!({ "membership": "join" }));
    let entity = format!("user:{}", bob.localpart());
    assert_eq!(joined["state_key_entity_id"], entity);
    let redacted = &seen.iter().find(|it| is_it(it)).expect("it came").body;
    assert_eq!(redacted["event"]["redacts"], said);
}
