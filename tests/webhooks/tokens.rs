//! A webhook hears nothing more once the token that made it has ended.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::daarion::{Caller, World, in_most_rounds};
use crate::homeserver::unique;
use crate::receiver::{Receiver, Reply, Seen};
use crate::support::{Hook, Room, answered, quick, shared, text, world_with};

const SECOND: Duration = Duration::from_secs(1);

/// A webhook that a service's own token has made, seen by the installation, and the token's id.
async fn of_token(world: &World, room: &Room, url: &str, more: Value) -> (Hook, String) {
    let operator = world.daarion.api_as("user:operator");
    let mut body = json!({
        "name": unique("service"), "scopes": ["gateway:webhooks", "gateway:read"],
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        body[key] = value.clone();
    }
    let made = answered(201, operator.post("/api/admin/services", body).await);
    let service = world.daarion.anonymous_internal();
    let service = service.with_header("x-internal-service-token", &text(&made["token"]));
    let body = json!({
        "room_id": room.matrix, "webhook_url": url, "events": ["m.room.message"],
    });
    let hook = service.post("/internal/matrix/webhook/subscribe", body);
    let hook = answered(200, hook.await);
    let hook = Hook {
        id: text(&hook["subscription_id"]),
        secret: text(&hook["secret"]),
        service: world.daarion.service(),
    };
    (hook, text(&made["service"]["id"]))
}

/// Talks on and on.
async fn talk(room: &Room, until: Instant) {
    let mut number = 0;
    while Instant::now() < until {
        room.say(&format!("word {number}")).await;
        number += 1;
    }
}

/// When the last came to a receiver.
fn last_at(receiver: &Receiver) -> Instant {
    receiver.seen().last().expect("something came").at
}

async fn is_paused(hook: &Hook) {
    let paused = hook.until("a pause", |it| it["status"] == "paused").await;
    assert_eq!(paused["paused_because"], "revoked");
}

#[tokio::test]
async fn webhook_of_a_token_that_expires_stops_with_it() {
    const LIFE: Duration = Duration::from_secs(6);
    let world = shared().await;
    in_most_rounds(LIFE - SECOND..LIFE + SECOND, async || {
        let (receiver, witness) = (Receiver::start().await, Receiver::start().await);
        let room = Room::new(world).await;
        let begun = Instant::now();
        let brief = json!({ "expires_in": LIFE.as_secs() });
        let (hook, _) = of_token(world, &room, &receiver.url(), brief).await;
        // Another one of the same room shows that there was something to be told.
        let other = Hook::to_messages(world, &room, &witness.url()).await;
        talk(&room, begun + LIFE + 4 * SECOND).await;
        let last = last_at(&receiver);
        is_paused(&hook).await;
        let heard = receiver.count();
        let talked_on = |it: &Seen| it.at > begun + LIFE + SECOND;
        assert!(witness.seen().iter().any(talked_on));
        let resumed = hook.service.post(&hook.path(&["resume"]), json!({})).await;
        answered(409, resumed);
        assert_eq!(receiver.count(), heard);
        other.post("pause", json!({})).await;
        last.duration_since(begun)
    })
    .await;
}

#[tokio::test]
async fn webhook_of_a_token_that_is_revoked_stops_at_once() {
    let world = shared().await;
    in_most_rounds(..SECOND, async || {
        let room = Room::new(world).await;
        // One takes all that is said, and of one there is always something to be tried again.
        let takes = Receiver::start().await;
        let fails = Receiver::answering(|_| Reply::Status(500)).await;
        let (taken, first) = of_token(world, &room, &takes.url(), json!({})).await;
        let (failing, second) = of_token(world, &room, &fails.url(), json!({})).await;
        room.say("again and again").await;
        for receiver in [&takes, &fails] {
            receiver.until("a try", |seen| !seen.is_empty()).await;
        }
        let begun = Instant::now();
        revoke(world, &first).await;
        revoke(world, &second).await;
        talk(&room, begun + 5 * SECOND).await;
        for hook in [&taken, &failing] {
            is_paused(hook).await;
        }
        let last = last_at(&takes).max(last_at(&fails));
        last.saturating_duration_since(begun)
    })
    .await;
}

/// The service with a token of this kind, and the token's id.
async fn with_token(world: &World, body: &Value) -> (Caller, String) {
    let operator = world.daarion.api_as("user:operator");
    let made = answered(
        201,
        operator.post("/api/admin/services", body.clone()).await,
    );
    let service = world.daarion.anonymous_internal();
    let service = service.with_header("x-internal-service-token", &text(&made["token"]));
    (service, text(&made["service"]["id"]))
}

async fn revoke(world: &World, token: &str) {
    let operator = world.daarion.api_as("user:operator");
    let path = format!("/api/admin/services/{token}");
    answered(200, operator.delete(&path).await);
}

#[tokio::test]
async fn webhook_goes_on_with_the_next_token_of_its_service_and_by_its_rights() {
    // Of its own: a webhook of all rooms hears the other tests.
    let world = &world_with(quick()).await;
    let receiver = Receiver::start().await;
    let (here, there) = (Room::new(world).await, Room::new(world).await);
    let mut rights = json!({ "name": unique("service"), "scopes": ["gateway:webhooks"] });
    let (service, token) = with_token(world, &rights).await;
    let everywhere = json!({ "webhook_url": receiver.url(), "events": ["m.room.message"] });
    let keyed = service.clone().with_header("idempotency-key", "everywhere");
    let subscribe = "/internal/matrix/webhook/subscribe";
    let made = answered(200, keyed.post(subscribe, everywhere.clone()).await);
    let elsewhere = Receiver::start().await;
    let of_there = json!({
        "room_id": there.matrix, "webhook_url": elsewhere.url(), "events": ["m.room.message"],
    });
    let of_there = answered(200, service.post(subscribe, of_there).await);
    let hook = |service: &Caller, made: &Value| Hook {
        id: text(&made["subscription_id"]),
        secret: text(&made["secret"]),
        service: service.clone(),
    };
    let seen = hook(&world.daarion.service(), &made);
    assert_eq!(seen.get().await["service"], rights["name"]);
    there.say("with the first").await;
    assert_eq!(receiver.texts(1).await, ["with the first"]);
    assert_eq!(elsewhere.texts(1).await, ["with the first"]);

    revoke(world, &token).await;
    is_paused(&seen).await;
    here.say("without any").await;
    // Another token of the same service, of one room.
    rights["rooms"] = json!([here.matrix]);
    let (next, _) = with_token(world, &rights).await;
    there.say("not allowed").await;
    here.say("with the second").await;
    assert_eq!(
        receiver.texts(3).await,
        ["with the first", "without any", "with the second"]
    );
    let ours = hook(&next, &made);
    let view = ours.until("all that happened", |it| it["lag"] == 0).await;
    assert_eq!(
        (&view["status"], &view["pending"]),
        (&json!("active"), &json!(0))
    );
    assert_eq!(receiver.count(), 3);
    // The service is the same by its key; what is of another room is none of its now.
    let again = next.clone().with_header("idempotency-key", "everywhere");
    let again = answered(200, again.post(subscribe, everywhere).await);
    assert_eq!(again["subscription_id"], made["subscription_id"]);
    assert_eq!(again["secret"], made["secret"]);
    let theirs = hook(&next, &of_there);
    answered(404, next.get(&theirs.path(&[])).await);
    assert_eq!(elsewhere.count(), 1, "nothing after");
    // Operators see and remove what nobody else can.
    let operator = world.daarion.api_as("user:operator");
    let path = format!("/api/admin/webhooks/{}", theirs.id);
    assert_eq!(
        answered(200, operator.get(&path).await)["service"],
        rights["name"]
    );
    answered(200, operator.delete(&path).await);
    answered(200, next.delete(&ours.path(&[])).await);
}

#[tokio::test]
async fn webhook_that_was_paused_on_purpose_does_not_go_on_with_another_token() {
    let (world, receiver) = (shared().await, Receiver::start().await);
    let room = Room::new(world).await;
    let name = json!({ "name": unique("service") });
    let (hook, token) = of_token(world, &room, &receiver.url(), name.clone()).await;
    revoke(world, &token).await;
    is_paused(&hook).await;
    let paused = hook.post("pause", json!({})).await;
    assert_eq!(paused["paused_because"], "asked");
    let (other, _) = of_token(world, &room, &receiver.url(), name).await;
    room.say("to the other one").await;
    receiver.texts(1).await;
    other.until("quiet", |it| it["lag"] == 0).await;
    assert_eq!(receiver.count(), 1);
    assert_eq!(hook.get().await["status"], "paused");
}
