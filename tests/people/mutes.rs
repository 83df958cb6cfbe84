//! Mutes and slow mode: what has to be put right afterwards, also after a kill.

use serde_json::{Value, json};

use crate::daarion::{World, shared_world};
use crate::support::{Person, answered, eventually, messages_of, path_of, refused, room_of, time};
use crate::world::{becomes, empower, gather, level, member_path, seen};

fn mute_of(channel: &Value, person: &Person) -> String {
    format!("{}/mute", member_path(channel, person))
}

/// A channel of alice's in which carol is a moderator and bob is told to be quiet.
async fn start(world: &World) -> (Person, Person, Person, Value) {
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let carol = Person::new(world, "carol").await;
    let channel = alice.channel(json!({})).await;
    gather(&channel, &alice, &[&bob, &carol]).await;
    let place = member_path(&channel, &carol);
    let role = json!({ "role": "moderator" });
    answered(200, alice.api.patch(&place, role).await);
    (alice, bob, carol, channel)
}

async fn says(person: &Person, channel: &Value) -> u16 {
    let body = json!({ "text": "Слово" });
    let (status, _) = person.api.post(&messages_of(channel), body).await;
    status.as_u16()
}

#[tokio::test]
async fn mute_takes_the_word_in_both_worlds_and_gives_it_back() {
    let world = shared_world().await;
    let (alice, bob, carol, channel) = start(world).await;
    let room = room_of(&channel);
    let place = mute_of(&channel, &bob);
    let body = json!({ "seconds": 3600, "reason": "Галас" });
    let words = refused(
        403,
        "M_FORBIDDEN",
        bob.api.put(&mute_of(&channel, &carol), body.clone()).await,
    );
    assert!(words.starts_with("needs the power level 50"), "{words}");
    refused(
        403,
        "M_FORBIDDEN",
        carol
            .api
            .put(&mute_of(&channel, &alice), body.clone())
            .await,
    );
    for body in [
        json!({}),
        json!({ "seconds": 0 }),
        json!({ "seconds": 31_536_001 }),
        json!({ "until": "2020-01-01T00:00:00Z" }),
        json!({ "seconds": 1, "until": "2090-01-01T00:00:00Z" }),
    ] {
        refused(400, "M_INVALID_PARAM", carol.api.put(&place, body).await);
    }
    let muted = answered(200, carol.api.put(&place, body.clone()).await);
    assert_eq!(
        (&muted["role"], &muted["power_level"]),
        (&json!("guest"), &json!(-1))
    );
    assert_eq!(muted["mute_reason"], "Галас");
    time(&muted["muted_until"]);
    assert_eq!(level(&alice.matrix, room, bob.user_id()).await, -1);
    assert_eq!(says(&bob, &channel).await, 403);
    let place_there = crate::homeserver::path(&[
        "_matrix",
        "client",
        "v3",
        "rooms",
        room,
        "send",
        "m.room.message",
        "t1",
    ]);
    let builder = bob
        .matrix
        .client
        .builder(reqwest::Method::PUT, &place_there);
    let request = builder.bearer_auth(&bob.matrix.access_token);
    let text = json!({ "msgtype": "m.text", "body": "Слово" });
    let answer = crate::homeserver::http::exchange(request, Some(&text)).await;
    assert_eq!(answer.expect("an answer").0, 403);
    // Muted again it is until then, and what is given back stays.
    let again = answered(200, carol.api.put(&place, json!({ "seconds": 7200 })).await);
    assert!(time(&again["muted_until"]) > time(&muted["muted_until"]));
    assert_eq!(again["mute_reason"], Value::Null);
    for _ in 0..2 {
        answered(204, carol.api.delete(&place).await);
    }
    assert_eq!(level(&alice.matrix, room, bob.user_id()).await, Value::Null);
    assert_eq!(says(&bob, &channel).await, 201);

    // It comes due by itself, and gives back what there was.
    empower(&alice.matrix, room, bob.user_id(), 7).await;
    becomes(&alice, &channel, &bob, "power_level", json!(7)).await;
    answered(200, carol.api.put(&place, json!({ "seconds": 1 })).await);
    becomes(&alice, &channel, &bob, "power_level", json!(7)).await;
    assert_eq!(
        seen(&alice, &channel, &bob).await["muted_until"],
        Value::Null
    );

    // Not when somebody else has decided since.
    answered(200, carol.api.put(&place, json!({ "seconds": 2 })).await);
    empower(&alice.matrix, room, bob.user_id(), 20).await;
    becomes(&alice, &channel, &bob, "power_level", json!(20)).await;
    assert_eq!(
        seen(&alice, &channel, &bob).await["muted_until"],
        Value::Null
    );
    answered(
        200,
        carol
            .api
            .put(&mute_of(&channel, &bob), json!({ "seconds": 1 }))
            .await,
    );
    becomes(&alice, &channel, &bob, "power_level", json!(20)).await;
    let guest = json!({ "role": "guest" });
    answered(
        200,
        alice.api.patch(&member_path(&channel, &bob), guest).await,
    );
    let words = refused(
        409,
        "CONFLICT",
        carol.api.put(&place, json!({ "seconds": 9 })).await,
    );
    assert!(words.contains("may not speak"), "{words}");
}

#[tokio::test]
async fn mute_comes_due_though_daarion_was_killed() {
    let world = World::start().await;
    let (alice, bob, carol, channel) = start(&world).await;
    let room = room_of(&channel).to_owned();
    empower(&alice.matrix, &room, bob.user_id(), 5).await;
    becomes(&alice, &channel, &bob, "power_level", json!(5)).await;
    let place = mute_of(&channel, &bob);
    answered(200, carol.api.put(&place, json!({ "seconds": 3 })).await);
    world.daarion.kill();
    assert_eq!(level(&alice.matrix, &room, bob.user_id()).await, -1);
    world.daarion.launch().await;
    eventually("the old level", async || {
        (level(&alice.matrix, &room, bob.user_id()).await == 5).then_some(())
    })
    .await;
    becomes(&alice, &channel, &bob, "muted_until", Value::Null).await;

    // One that lasts is in force afterwards, and one that others ended is not lifted again.
    answered(200, carol.api.put(&place, json!({ "seconds": 3600 })).await);
    world.daarion.kill();
    world.daarion.launch().await;
    assert_ne!(
        seen(&alice, &channel, &bob).await["muted_until"],
        Value::Null
    );
    assert_eq!(says(&bob, &channel).await, 403);
    world.daarion.kill();
    empower(&alice.matrix, &room, bob.user_id(), 30).await;
    world.daarion.launch().await;
    becomes(&alice, &channel, &bob, "power_level", json!(30)).await;
    answered(204, carol.api.delete(&place).await);
    assert_eq!(level(&alice.matrix, &room, bob.user_id()).await, 30);
}

#[tokio::test]
async fn slow_mode_is_kept_over_a_kill() {
    let world = World::start().await;
    let (alice, bob, carol, channel) = start(&world).await;
    let place = format!("{}/slow-mode", path_of(&channel));
    let set =
        async |by: &Person, seconds: u32| by.api.put(&place, json!({ "seconds": seconds })).await;
    refused(403, "M_FORBIDDEN", set(&bob, 0).await);
    refused(400, "M_INVALID_PARAM", set(&carol, 21_601).await);
    let slow = answered(200, set(&carol, 3600).await);
    assert_eq!(slow, json!({ "seconds": 3600 }));
    let shown = answered(200, bob.api.get(&path_of(&channel)).await);
    assert_eq!(shown["slow_mode_seconds"], 3600);
    let room = room_of(&channel);
    let state = alice
        .matrix
        .state_event(room, "city.daarion.channel", "")
        .await;
    assert_eq!(state.expect("is marked")["slow_mode_seconds"], 3600);

    let body = json!({ "text": "Раз" });
    let named = bob.api.clone().with_header("idempotency-key", "one");
    let said = answered(201, named.post(&messages_of(&channel), body.clone()).await);
    assert_eq!(
        answered(201, named.post(&messages_of(&channel), body.clone()).await)["id"],
        said["id"]
    );
    world.daarion.kill();
    world.daarion.launch().await;
    let request = bob
        .api
        .builder(reqwest::Method::POST, &messages_of(&channel));
    let answer = request.json(&body).send().await.expect("an answer");
    assert_eq!(answer.status(), 429);
    let wait: u64 = answer.headers()["retry-after"]
        .to_str()
        .expect("text")
        .parse()
        .expect("seconds");
    assert!((3_500..=3_600).contains(&wait), "{wait}");
    for person in [&alice, &carol] {
        for _ in 0..2 {
            assert_eq!(says(person, &channel).await, 201);
        }
    }
    // With a Matrix client nobody is held up.
    bob.matrix.send_text(room, "Два").await;
    answered(200, set(&carol, 0).await);
    assert_eq!(says(&bob, &channel).await, 201);
}
