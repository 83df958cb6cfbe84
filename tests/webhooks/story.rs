//! What a webhook lives through.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::homeserver::unique;
use crate::receiver::{Receiver, Reply, Seen};
use crate::support::{Hook, Room, answered, eventually, items, quick, shared, text, world_with};

#[tokio::test]
async fn receiver_is_told_what_happens_signed_and_in_order() {
    let (world, receiver) = (shared().await, Receiver::start().await);
    let room = Room::new(world).await;
    let body = json!({
        "room_id": room.matrix,
        "webhook_url": receiver.url(),
        "events": ["m.room.message", "messaging.member.joined"],
    });
    let hook = Hook::subscribe(world, body).await;
    let mut said = Vec::new();
    for number in 0..5 {
        said.push(room.say(&format!("message {number}")).await);
    }
    receiver.texts(5).await;
    let bob = world.register_unique("bob").await;
    bob.join(&room.matrix).await;
    room.owner.react(&room.matrix, &said[0], "👍").await;
    // What we say ourselves comes once, too.
    let api = world.daarion.api_as(&format!("user:{}", bob.localpart()));
    let path = format!("/api/messaging/channels/{}/messages", room.channel);
    answered(201, api.post(&path, json!({ "text": "from bob" })).await);
    let seen = receiver.until("seven", |seen| seen.len() >= 7).await;

    let ids: Vec<_> = seen[..5].iter().map(Seen::event_id).collect();
    assert_eq!(ids, said);
    let first = &seen[0];
    assert_eq!(first.body["subscription_id"], hook.id);
    assert_eq!(first.body["room_id"], room.matrix);
    assert_eq!(first.body["event"]["type"], "m.room.message");
    assert_eq!(first.body["event"]["sender"], room.owner.user_id);
    assert_eq!(first.body["event"]["content"]["msgtype"], "m.text");
    assert!(first.body["event"]["origin_server_ts"].is_u64());
    assert_eq!(first.body["name"], "messaging.message.created");
    assert_eq!(first.body["channel_id"], room.channel);
    let entity = format!("user:{}", room.owner.localpart());
    assert_eq!(first.body["entity_id"], entity);
    let delivery = format!("evt_{}", text(&first.body["message_id"]));
    assert_eq!(first.header("webhook-id"), delivery);
    let join = &seen[5].body;
    assert_eq!(join["name"], "messaging.member.joined");
    assert_eq!(join["event"]["type"], "m.room.member");
    assert_eq!(join["event"]["state_key"], bob.user_id);
    assert_eq!(seen[6].text(), "from bob");
    for one in &seen {
        one.verify(&hook.secret);
        assert_eq!(one.header("content-type"), "application/json");
    }
    assert_eq!(seen.len(), 7, "nothing else, and nothing twice");
    let view = hook
        .until("quiet", |it| it["lag"] == 0 && it["pending"] == 0)
        .await;
    assert_eq!(view["status"], "active");
    let deliveries = hook.deliveries().await;
    assert_eq!(deliveries.len(), 7);
    assert_eq!(deliveries[0]["status"], 200);
    assert_eq!(deliveries[0]["answer"], "so it is");
    assert_eq!(deliveries[0]["outcome"], "delivered");
}

#[tokio::test]
async fn failed_delivery_is_repeated_and_those_behind_it_wait() {
    let world = shared().await;
    // More than the quick tries: it has to wait on the disk.
    let tries = AtomicUsize::new(0);
    let receiver = Receiver::answering(move |seen| match seen.text() {
        "first" if tries.fetch_add(1, Ordering::SeqCst) < 4 => Reply::Status(500),
        _ => Reply::Status(204),
    })
    .await;
    let (room, other) = (Room::new(world).await, Room::new(world).await);
    let everywhere = json!({ "webhook_url": receiver.url(), "events": ["m.room.message"] });
    let hook = Hook::subscribe(world, everywhere).await;
    room.say("first").await;
    receiver.until("a failure", |seen| !seen.is_empty()).await;
    for words in ["second", "third"] {
        room.say(words).await;
    }
    other.say("elsewhere").await;
    receiver
        .until("three of the room", |seen| {
            let delivered = seen.iter().filter(|it| it.is_delivered());
            delivered
                .filter(|it| it.body["room_id"] == room.matrix)
                .count()
                >= 3
        })
        .await;
    let delivered = receiver.delivered();
    let of = |room: &Room| -> Vec<String> {
        let of = delivered
            .iter()
            .filter(|it| it.body["room_id"] == room.matrix);
        of.map(|it| it.text().to_owned()).collect()
    };
    assert_eq!(of(&room), ["first", "second", "third"]);
    assert_eq!(of(&other), ["elsewhere"], "another room does not wait");
    let seen = receiver.seen();
    let tries: Vec<_> = seen.iter().filter(|it| it.text() == "first").collect();
    assert_eq!(tries.len(), 5);
    for one in &tries {
        one.verify(&hook.secret);
        assert_eq!(one.header("webhook-id"), tries[0].header("webhook-id"));
    }
    hook.post("pause", json!({})).await;
}

#[tokio::test]
async fn receiver_that_is_gone_pauses_its_webhook() {
    let world = shared().await;
    let receiver = Receiver::answering(|_| Reply::Status(410)).await;
    let room = Room::new(world).await;
    let hook = Hook::to_messages(world, &room, &receiver.url()).await;
    room.say("one").await;
    let paused = hook.until("a pause", |it| it["status"] == "paused").await;
    assert_eq!(paused["paused_because"], "gone");
    room.say("two").await;
    receiver.answer(|_| Reply::Status(200));
    // The index is past it, so a webhook that were awake would have sent it.
    let other = Receiver::start().await;
    Hook::to_messages(world, &room, &other.url()).await;
    room.say("three").await;
    other.texts(1).await;
    assert_eq!(receiver.seen().len(), 1);
    let resumed = hook.post("resume", json!({})).await;
    assert_eq!(resumed["status"], "active");
    assert_eq!(receiver.texts(3).await, ["one", "two", "three"]);
}

#[tokio::test]
async fn receiver_says_when_to_come_back() {
    let world = shared().await;
    let tries = AtomicUsize::new(0);
    let receiver = Receiver::answering(move |_| match tries.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::With(429, "retry-after", "3".into()),
        1 => Reply::With(503, "retry-after", "1".into()),
        _ => Reply::Status(200),
    })
    .await;
    let room = Room::new(world).await;
    Hook::to_messages(world, &room, &receiver.url()).await;
    room.say("later").await;
    let seen = receiver.until("three tries", |seen| seen.len() == 3).await;
    let wait = |at: usize| seen[at].at.duration_since(seen[at - 1].at);
    assert!(wait(1) >= Duration::from_millis(2_900), "{:?}", wait(1));
    assert!(wait(2) >= Duration::from_millis(900), "{:?}", wait(2));
}

#[tokio::test]
async fn receiver_that_wants_to_be_left_alone_is_left_alone_by_every_channel() {
    let world = &world_with(quick()).await;
    let tries = AtomicUsize::new(0);
    let receiver = Receiver::answering(move |_| match tries.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::With(429, "retry-after", "4".into()),
        _ => Reply::Status(200),
    })
    .await;
    let rooms = [Room::new(world).await, Room::new(world).await];
    let body = json!({ "webhook_url": receiver.url(), "events": ["m.room.message"] });
    Hook::subscribe(world, body).await;
    rooms[0].say("first").await;
    receiver.until("the refusal", |seen| seen.len() == 1).await;
    rooms[1].say("second").await;
    let seen = receiver.until("all", |seen| seen.len() == 3).await;
    for later in &seen[1..] {
        let waited = later.at.duration_since(seen[0].at);
        assert!(
            waited >= Duration::from_millis(3_900),
            "{waited:?} for {}",
            later.text()
        );
    }
}

#[tokio::test]
async fn what_is_given_up_can_be_replayed_and_purged() {
    let (world, elsewhere) = (shared().await, Receiver::start().await);
    let there = elsewhere.url();
    let receiver = Receiver::answering(move |seen| match seen.text() {
        "redirected" => Reply::With(302, "location", there.clone()),
        "poison" | "venom" => Reply::Status(500),
        _ => Reply::Status(200),
    })
    .await;
    let room = Room::new(world).await;
    let hook = Hook::to_messages(world, &room, &receiver.url()).await;
    let mut ids = HashMap::new();
    for words in ["redirected", "poison", "fine", "venom", "good"] {
        ids.insert(words, room.say(words).await);
    }
    receiver.texts(2).await;
    let dead = eventually("three dead letters", async || {
        Some(hook.dead_letters().await).filter(|dead| dead.len() == 3)
    })
    .await;
    let given_up: Vec<_> = dead.iter().map(|it| text(&it["event_id"])).collect();
    assert_eq!(
        given_up,
        ["redirected", "poison", "venom"].map(|it| ids[it].clone())
    );
    assert_eq!(dead[0]["attempts"], 6, "four at once and two more");
    assert_eq!(dead[1]["reason"], "the receiver answered 500");
    assert_eq!(elsewhere.seen().len(), 0, "a redirect is not followed");
    let outcomes: Vec<_> = hook.deliveries().await;
    assert!(outcomes.iter().any(|it| it["outcome"] == "given_up"));

    receiver.answer(|_| Reply::Status(200));
    let replay = "/internal/matrix/webhook/dead-letters/replay";
    for (field, value) in [
        ("from", json!("2020-01-01T00:00:00Z")),
        ("until", json!("2020-01-01T00:00:00Z")),
        ("all", json!(true)),
    ] {
        let body = json!({ "ids": [dead[2]["id"]], field: value });
        let refused = answered(400, hook.service.post(replay, body).await);
        let words = text(&refused["message"]);
        assert!(words.starts_with(&format!("{field}: ")), "{words}");
    }
    let one = hook.replay(json!({ "ids": [dead[2]["id"]] })).await;
    assert_eq!(one["replayed"], 1);
    assert_eq!(receiver.texts(3).await, ["fine", "good", "venom"]);
    let nothing = json!({ "subscription_id": hook.id, "until": "2020-01-01T00:00:00Z" });
    assert_eq!(hook.replay(nothing).await["replayed"], 0);
    let path = "/internal/matrix/webhook/dead-letters/purge";
    let purged = hook.service.post(path, json!({ "ids": [dead[1]["id"]] }));
    assert_eq!(answered(200, purged.await)["purged"], 1);
    let rest = json!({ "subscription_id": hook.id, "from": dead[0]["arrived_at"] });
    assert_eq!(hook.replay(rest).await["replayed"], 1);
    receiver.texts(4).await;
    hook.until("an end of the replay", |it| it["replaying"] == 0)
        .await;
    assert_eq!(hook.dead_letters().await, [Value::Null; 0]);
    let missing = hook.service.post(path, json!({})).await;
    answered(400, missing);
}

#[tokio::test]
async fn replay_is_told_apart_from_what_happens_meanwhile() {
    let world = shared().await;
    let receiver = Receiver::answering(|seen| match seen.text() {
        "poison" => Reply::Status(500),
        _ => Reply::Status(200),
    })
    .await;
    let room = Room::new(world).await;
    let hook = Hook::to_messages(world, &room, &receiver.url()).await;
    room.say("poison").await;
    eventually("a dead letter", async || hook.dead_letters().await.pop()).await;
    // It fails again, and what is new waits behind it.
    let all = json!({ "subscription_id": hook.id });
    assert_eq!(hook.replay(all).await["replayed"], 1);
    room.say("new").await;
    let both = hook.until("two that wait", |it| it["pending"] == 2).await;
    assert_eq!(both["replaying"], 1, "{both}");
    receiver.answer(|_| Reply::Status(200));
    let end = hook.until("nothing that waits", |it| it["pending"] == 0);
    assert_eq!(end.await["replaying"], 0);
    assert_eq!(receiver.texts(2).await, ["poison", "new"]);
}

#[tokio::test]
async fn second_rotation_ends_no_secret_early() {
    let (world, receiver) = (shared().await, Receiver::start().await);
    let room = Room::new(world).await;
    let hook = Hook::to_messages(world, &room, &receiver.url()).await;
    let rotate = async || hook.post("rotate", json!({ "overlap_seconds": 600 })).await;
    // Two at once: each is told another secret, and both sign.
    let (one, other) = tokio::join!(rotate(), rotate());
    room.say("all three").await;
    receiver.texts(1).await;
    let seen = &receiver.seen()[0];
    for secret in [&hook.secret, &text(&one["secret"]), &text(&other["secret"])] {
        seen.verify(secret);
    }
    assert_eq!(seen.header("webhook-signature").split(' ').count(), 3);
    rotate().await;
    rotate().await;
    let path = hook.path(&["rotate"]);
    let much = hook.service.post(&path, json!({ "overlap_seconds": 600 }));
    answered(409, much.await);
    let alone = hook.post("rotate", json!({ "overlap_seconds": 0 })).await;
    room.say("one").await;
    receiver.texts(2).await;
    let seen = &receiver.seen()[1];
    seen.verify(&text(&alone["secret"]));
    assert_eq!(seen.header("webhook-signature").split(' ').count(), 1);
}

#[tokio::test]
async fn rotated_secret_signs_beside_the_old_one() {
    let (world, receiver) = (shared().await, Receiver::start().await);
    let room = Room::new(world).await;
    let hook = Hook::to_messages(world, &room, &receiver.url()).await;
    let rotated = hook.post("rotate", json!({ "overlap_seconds": 600 })).await;
    let fresh = text(&rotated["secret"]);
    assert_ne!(fresh, hook.secret);
    assert!(rotated["previous_secret_until"].is_string());
    room.say("both").await;
    receiver.texts(1).await;
    let at_once = hook.post("rotate", json!({ "overlap_seconds": 0 })).await;
    let latest = text(&at_once["secret"]);
    room.say("one").await;
    receiver.texts(2).await;
    let seen = receiver.seen();
    seen[0].verify(&hook.secret);
    seen[0].verify(&fresh);
    assert_eq!(seen[0].header("webhook-signature").split(' ').count(), 2);
    seen[1].verify(&latest);
    assert!(!seen[1].is_signed(&fresh) && !seen[1].is_signed(&hook.secret));
}

#[tokio::test]
async fn test_event_is_sent_once_also_when_paused() {
    let world = shared().await;
    let receiver = Receiver::answering(|_| Reply::Status(418)).await;
    let room = Room::new(world).await;
    let hook = Hook::to_messages(world, &room, &receiver.url()).await;
    let paused = hook.post("pause", json!({})).await;
    assert_eq!(paused["paused_because"], "asked");
    let tested = hook.post("test", json!({})).await;
    assert_eq!(
        (&tested["status"], &tested["outcome"]),
        (&json!(418), &json!("test"))
    );
    let seen = receiver.seen();
    assert_eq!(seen.len(), 1);
    seen[0].verify(&hook.secret);
    assert_eq!(seen[0].body["name"], "webhook.test");
    assert_eq!(seen[0].body["room_id"], room.matrix);
    assert_eq!(hook.deliveries().await, [tested]);
}

#[tokio::test]
async fn webhook_tells_how_far_it_is_and_what_came_of_its_latest_try() {
    let world = shared().await;
    let receiver = Receiver::answering(|_| Reply::Echo(202)).await;
    let room = Room::new(world).await;
    let hook = Hook::to_messages(world, &room, &receiver.url()).await;
    let fresh = hook.get().await;
    assert_eq!(fresh["channel_name"], "Room");
    assert_eq!(fresh["last_delivery"], json!(null));
    assert_eq!(fresh["token_id"], json!(null), "by the shared secret");
    room.say("one").await;
    let told = hook
        .until("a try", |it| it["last_delivery"]["status"] == 202)
        .await;
    assert_eq!(told["last_delivery"], hook.deliveries().await[0]);
    let seq = told["last_delivery"]["seq"].as_u64();
    let reached = hook
        .until("its position", |it| it["position"].as_u64() >= seq)
        .await;
    assert!(reached["position"].as_u64() > fresh["position"].as_u64());
}

#[tokio::test]
async fn webhook_is_listed_changed_and_removed() {
    let (world, old, new) = (
        shared().await,
        Receiver::start().await,
        Receiver::start().await,
    );
    let room = Room::new(world).await;
    let service = world.daarion.service();
    let body = json!({
        "room_id": room.matrix,
        "webhook_url": old.url(),
        "events": ["messaging.message.created"],
        "description": "рахунки",
    });
    let subscribe = "/internal/matrix/webhook/subscribe";
    let keyed = service
        .clone()
        .with_header("idempotency-key", &unique("key"));
    let made = answered(200, keyed.post(subscribe, body.clone()).await);
    let again = answered(200, keyed.post(subscribe, body.clone()).await);
    assert_eq!(made["hint"], Value::Null);
    assert_eq!(
        made["subscription_id"], again["subscription_id"],
        "the same key answers the same webhook"
    );
    assert_eq!(made, again, "an answer that was lost is given again");
    let other = json!({ "webhook_url": new.url() });
    answered(409, keyed.post(subscribe, other).await);
    let hook = Hook {
        service: service.clone(),
        id: text(&made["subscription_id"]),
        secret: text(&made["secret"]),
    };
    let view = hook.get().await;
    assert_eq!(view["description"], "рахунки");
    assert!(!view.to_string().contains(&hook.secret), "shown once");
    let operator = world.daarion.api_as("user:operator");
    for (caller, path) in [(&service, subscribe), (&operator, "/api/admin/webhooks")] {
        let page = answered(200, caller.get(&format!("{path}?limit=200")).await);
        let found = items(&page)
            .into_iter()
            .find(|it| it["subscription_id"] == hook.id);
        assert_eq!(found.expect("it is listed")["webhook_url"], old.url());
    }
    let moved = service
        .patch(&hook.path(&[]), json!({ "webhook_url": new.url() }))
        .await;
    assert_eq!(answered(200, moved)["events"], view["events"]);
    room.say("there").await;
    assert_eq!(new.texts(1).await, ["there"]);
    assert_eq!(old.seen().len(), 0);
    let removed = answered(200, service.delete(&hook.path(&[])).await);
    assert_eq!(removed, json!({ "status": "unsubscribed" }));
    answered(404, service.get(&hook.path(&[])).await);
    answered(404, service.delete(&hook.path(&[])).await);
}

#[tokio::test]
async fn wrong_subscriptions_name_what_is_wrong() {
    let world = shared().await;
    let (service, good) = (world.daarion.service(), "http://127.0.0.1:9/");
    let stranger = world.register_unique("stranger").await;
    let foreign = stranger.create_room(json!({})).await;
    for (status, body, words) in [
        (
            400,
            json!({ "webhook_url": "ftp://example.org" }),
            "webhook_url",
        ),
        (
            400,
            json!({ "webhook_url": "http://a:b@127.0.0.1/" }),
            "webhook_url",
        ),
        (
            400,
            json!({ "webhook_url": "http://10.0.0.1/" }),
            "webhooks.allow",
        ),
        (
            400,
            json!({ "webhook_url": good, "events": ["m.nothing"] }),
            "events",
        ),
        (
            400,
            json!({ "webhook_url": good, "room_id": "general" }),
            "room_id",
        ),
        (
            404,
            json!({ "webhook_url": good, "room_id": foreign }),
            "create-room",
        ),
        (400, json!({ "room_id": foreign }), "webhook_url"),
    ] {
        let answer = service
            .post("/internal/matrix/webhook/subscribe", body.clone())
            .await;
        let refused = answered(status, answer);
        let message = text(&refused["message"]);
        assert!(message.contains(words), "{body}: {message}");
    }
    answered(
        401,
        world
            .daarion
            .anonymous_internal()
            .get("/internal/matrix/webhook/subscribe")
            .await,
    );
}

#[tokio::test]
async fn end_waits_for_what_is_on_its_way() {
    let world = world_with(quick()).await;
    let arrived = Arc::new(AtomicUsize::new(0));
    let counter = arrived.clone();
    let receiver = Receiver::answering(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        Reply::Late(Duration::from_secs(1), 200)
    })
    .await;
    let room = Room::new(&world).await;
    Hook::to_messages(&world, &room, &receiver.url()).await;
    room.say("on its way").await;
    eventually("arrival", async || {
        (arrived.load(Ordering::SeqCst) > 0).then_some(())
    })
    .await;
    assert!(world.daarion.terminate().await.success());
    assert_eq!(receiver.delivered().len(), 1, "its answer was waited for");
    world.daarion.launch().await;
    room.say("after").await;
    assert_eq!(receiver.texts(2).await, ["on its way", "after"]);
}

#[tokio::test]
async fn three_retries_and_no_more_is_a_schedule() {
    let world = world_with(quick().set("webhooks.schedule", "[]")).await;
    let receiver = Receiver::answering(|_| Reply::Status(500)).await;
    let room = Room::new(&world).await;
    let hook = Hook::to_messages(&world, &room, &receiver.url()).await;
    room.say("in vain").await;
    let dead = eventually("a dead letter", async || hook.dead_letters().await.pop()).await;
    assert_eq!(dead["attempts"], 4);
    assert_eq!(receiver.seen().len(), 4, "once, and three times more");
}
