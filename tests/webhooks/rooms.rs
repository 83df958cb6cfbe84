//! Webhooks of rooms that were no channels, and of tokens that count no more.

use reqwest::Method;
use serde_json::json;

use crate::homeserver::unique;
use crate::receiver::Receiver;
use crate::support::{Hook, Room, answered, eventually, shared, text};

const CONNECTOR: &str = "@daarion:test.localhost";
const SUBSCRIBE: &str = "/internal/matrix/webhook/subscribe";

#[tokio::test]
async fn room_that_the_connector_may_mark_becomes_a_channel() {
    let (world, receiver) = (shared().await, Receiver::start().await);
    let service = world.daarion.service();
    let owner = world.register_unique("owner").await;
    let room = owner.create_room(json!({ "name": "Old" })).await;
    owner.send_text(&room, "before").await;
    owner.invite(&room, CONNECTOR).await;
    let body = json!({ "room_id": room, "webhook_url": receiver.url() });
    for unknown in [
        body,
        json!({ "room_id": "!nowhere", "webhook_url": receiver.url() }),
    ] {
        let refused = answered(404, service.post(SUBSCRIBE, unknown).await);
        assert!(
            text(&refused["message"]).contains("is not in it"),
            "{refused}"
        );
    }
    let join = json!({ "room_id": room, "user_id": CONNECTOR });
    answered(200, service.post("/internal/matrix/join", join).await);
    let body = json!({
        "room_id": room, "webhook_url": receiver.url(), "events": ["m.room.message"],
    });
    let refused = answered(403, service.post(SUBSCRIBE, body.clone()).await);
    assert_eq!(refused["error"], "M_FORBIDDEN");
    let words = text(&refused["message"]);
    assert!(
        words.contains("the power") && words.contains("create-room"),
        "{words}"
    );

    let mut levels = owner
        .state_event(&room, "m.room.power_levels", "")
        .await
        .expect("it has levels");
    levels["users"][CONNECTOR] = json!(50);
    owner
        .set_state(&room, "m.room.power_levels", "", levels)
        .await;
    let hook = Hook::subscribe(world, body).await;
    let seen = hook.get().await;
    assert_eq!(seen["room_id"], *room);
    let api = world.daarion.api_as(&format!("user:{}", owner.localpart()));
    let path = format!("/api/messaging/channels/{}", text(&seen["channel_id"]));
    let channel = answered(200, api.get(&path).await);
    assert_eq!(channel["kind"], "gateway", "{channel}");
    owner.send_text(&room, "after").await;
    assert_eq!(receiver.texts(1).await, ["after"], "what is old is no news");
    // It is one from now on.
    let body = json!({ "room_id": room, "webhook_url": receiver.url() });
    let again = Hook::subscribe(world, body).await;
    assert_eq!(again.get().await["channel_id"], seen["channel_id"]);
}

#[tokio::test]
async fn revoked_token_pauses_its_webhooks() {
    let (world, receiver) = (shared().await, Receiver::start().await);
    let operator = world.daarion.api_as("user:operator");
    let room = Room::new(world).await;
    let body = json!({ "name": unique("service"), "scopes": ["gateway:webhooks"] });
    let made = answered(201, operator.post("/api/admin/services", body).await);
    let service = world
        .daarion
        .anonymous_internal()
        .with_header("x-internal-service-token", text(&made["token"]).as_str());
    let body = json!({ "room_id": room.matrix, "webhook_url": receiver.url() });
    let subscribed = answered(200, service.post(SUBSCRIBE, body).await);
    let hook = Hook {
        id: text(&subscribed["subscription_id"]),
        secret: text(&subscribed["secret"]),
        service: world.daarion.service(),
    };
    assert_eq!(hook.get().await["token_id"], made["service"]["id"]);
    let path = format!("/api/admin/services/{}", text(&made["service"]["id"]));
    answered(200, operator.delete(&path).await);
    let paused = hook.until("a pause", |it| it["status"] == "paused").await;
    assert_eq!(paused["paused_because"], "revoked");
    let resume = hook.path(&["resume"]);
    answered(409, hook.service.post(&resume, json!({})).await);
}

#[tokio::test]
async fn service_of_one_room_is_told_of_no_other() {
    let (world, receiver) = (shared().await, Receiver::start().await);
    let operator = world.daarion.api_as("user:operator");
    let (here, there) = (Room::new(world).await, Room::new(world).await);
    let body = json!({
        "name": unique("service"), "scopes": ["gateway:webhooks"], "rooms": [here.matrix],
    });
    let made = answered(201, operator.post("/api/admin/services", body).await);
    let service = world
        .daarion
        .anonymous_internal()
        .with_header("x-internal-service-token", text(&made["token"]).as_str());
    let body = json!({ "webhook_url": receiver.url(), "events": ["m.room.message"] });
    let subscribed = answered(200, service.post(SUBSCRIBE, body.clone()).await);
    let hook = Hook {
        id: text(&subscribed["subscription_id"]),
        secret: text(&subscribed["secret"]),
        service,
    };
    there.say("there").await;
    here.say("here").await;
    assert_eq!(receiver.texts(1).await, ["here"]);
    hook.until("quiet", |it| it["lag"] == 0).await;
    assert_eq!(receiver.seen().len(), 1, "nothing else");
    // Nor does it see the webhooks of others.
    let theirs = Hook::subscribe(world, body).await;
    answered(404, hook.service.get(&theirs.path(&[])).await);
}

#[tokio::test]
async fn webhook_of_a_room_goes_along_when_that_is_upgraded() {
    let (world, receiver) = (shared().await, Receiver::start().await);
    let owner = world.register_unique("owner").await;
    let api = world.daarion.api_as(&format!("user:{}", owner.localpart()));
    let options = json!({ "room_version": "11", "preset": "public_chat" });
    let room = owner.create_room(options).await;
    let body = json!({ "room": room, "slug": unique("upgraded") });
    let adopt = "/api/messaging/channels/adopt";
    let channel = answered(201, api.post(adopt, body).await);
    // Of a service that may work in this room and no other.
    let operator = world.daarion.api_as("user:operator");
    let body = json!({
        "name": unique("service"), "scopes": ["gateway:webhooks"], "rooms": [room],
    });
    let made = answered(201, operator.post("/api/admin/services", body).await);
    let service = world
        .daarion
        .anonymous_internal()
        .with_header("x-internal-service-token", text(&made["token"]).as_str());
    let body = json!({
        "room_id": room, "webhook_url": receiver.url(), "events": ["m.room.message"],
    });
    answered(200, service.post(SUBSCRIBE, body).await);
    owner.send_text(&room, "before").await;
    assert_eq!(receiver.texts(1).await, ["before"]);
    let place = crate::homeserver::path(&["_matrix", "client", "v3", "rooms", &room, "upgrade"]);
    let version = json!({ "new_version": "12" });
    let upgraded = owner.request(Method::POST, &place, Some(version)).await;
    let new = text(&answered(200, upgraded)["replacement_room"]);
    let path = format!("/api/messaging/channels/{}", text(&channel["id"]));
    eventually("the channel in its new room", async || {
        let found = answered(200, api.get(&path).await);
        (found["matrix_room_id"] == *new).then_some(())
    })
    .await;
    owner.send_text(&new, "after").await;
    assert_eq!(receiver.texts(2).await, ["before", "after"]);
}
