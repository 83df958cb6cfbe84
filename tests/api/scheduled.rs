//! Scheduled messages: said once at their time, however often daarion is killed meanwhile.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::daarion::{World, shared_world};
use crate::stream::Stream;
use crate::support::{Person, answered, eventually, items, path_of, refused, room_of, text, time};

fn scheduled_of(channel: &Value) -> String {
    format!("{}/scheduled", path_of(channel))
}

fn in_seconds(seconds: i64) -> String {
    let at = Utc::now() + chrono::TimeDelta::seconds(seconds);
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

async fn schedule(person: &Person, channel: &Value, words: &str, at: &str) -> Value {
    let body = json!({ "text": words, "send_at": at });
    answered(201, person.api.post(&scheduled_of(channel), body).await)
}

async fn of(person: &Person, channel: &Value, scheduled: &Value) -> Value {
    let path = format!("{}/{}", scheduled_of(channel), text(&scheduled["id"]));
    answered(200, person.api.get(&path).await)
}

/// Waits until it stands so.
async fn until(person: &Person, channel: &Value, scheduled: &Value, state: &str) -> Value {
    eventually(&format!("{state} message"), async || {
        let now = of(person, channel, scheduled).await;
        (now["state"] == state).then_some(now)
    })
    .await
}

#[tokio::test]
async fn a_scheduled_message_is_said_at_its_time() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let channel = alice.channel(json!({})).await;
    let at = in_seconds(2);
    let made = schedule(&alice, &channel, "**потім**", &at).await;
    let expected = json!({
        "id": made["id"], "channel_id": channel["id"], "send_at": at, "state": "waiting",
        "error": null, "message_id": null, "sent_at": null, "text": "**потім**",
        "format": "plain", "reply_to": null, "thread_id": null, "mentions": [],
        "media_url": null, "created_at": made["created_at"],
    });
    assert_eq!(made, expected);
    let own = answered(200, alice.api.get(&scheduled_of(&channel)).await);
    assert_eq!(items(&own), &vec![made.clone()]);
    let others = answered(200, bob.api.get(&scheduled_of(&channel)).await);
    assert_eq!(items(&others).len(), 0);
    assert_eq!(
        items(&alice.messages(&channel, "").await).len(),
        0,
        "nobody sees it"
    );

    let sent = until(&alice, &channel, &made, "sent").await;
    assert!(time(&sent["sent_at"]) >= time(&made["send_at"]), "{sent}");
    let page = alice.messages(&channel, "").await;
    assert_eq!(items(&page).len(), 1, "{page}");
    assert_eq!(items(&page)[0]["id"], sent["message_id"]);
    assert_eq!(items(&page)[0]["sender_id"], alice.id());
    alice
        .matrix
        .wait_for_text(room_of(&channel), "**потім**")
        .await;
}

#[tokio::test]
async fn it_is_changed_and_cancelled_by_its_author_alone() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let channel = alice.channel(json!({})).await;
    let made = schedule(&alice, &channel, "раз", &in_seconds(600)).await;
    let path = format!("{}/{}", scheduled_of(&channel), text(&made["id"]));
    let later = in_seconds(1_200);
    let change = json!({ "text": "два", "send_at": later });
    let changed = answered(200, alice.api.patch(&path, change.clone()).await);
    assert_eq!(
        (&changed["text"], &changed["send_at"]),
        (&json!("два"), &json!(later))
    );
    refused(404, "M_NOT_FOUND", bob.api.patch(&path, change).await);
    refused(404, "M_NOT_FOUND", bob.api.delete(&path).await);
    for (body, field) in [
        (json!({ "send_at": "2020-01-01T00:00:00Z" }), "send_at: "),
        (json!({ "text": " " }), "text: "),
    ] {
        let words = refused(400, "M_INVALID_PARAM", alice.api.patch(&path, body).await);
        assert!(words.starts_with(field), "{words}");
    }
    answered(204, alice.api.delete(&path).await);
    refused(404, "M_NOT_FOUND", alice.api.get(&path).await);
    let far = json!({ "text": "раз", "send_at": "2099-01-01T00:00:00Z" });
    refused(
        400,
        "M_INVALID_PARAM",
        alice.api.post(&scheduled_of(&channel), far).await,
    );
    let nowhere = "/api/messaging/channels/00000000-0000-4000-8000-000000000000/scheduled";
    let private = alice.channel(json!({ "visibility": "private" })).await;
    for path in [nowhere.to_owned(), scheduled_of(&private)] {
        refused(404, "M_NOT_FOUND", bob.api.get(&path).await);
        let body = json!({ "text": "раз", "send_at": in_seconds(60) });
        refused(404, "M_NOT_FOUND", bob.api.post(&path, body).await);
    }
}

#[tokio::test]
async fn its_author_alone_is_told_at_once_of_what_becomes_of_it() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let channel = alice.channel(json!({})).await;
    let mut hers = Stream::open(&alice.api, &channel).await;
    let mut his = Stream::open(&bob.api, &channel).await;
    let made = schedule(&alice, &channel, "раз", &in_seconds(600)).await;
    let frame = hers.next_of("scheduled.changed").await;
    // Whoever resumes from it misses nothing: it stands where the stream stands.
    let seq = frame["seq"].as_u64().expect("a position");
    assert!(Some(seq) >= hers.first["seq"].as_u64(), "{frame}");
    let expected = json!({
        "type": "scheduled.changed", "seq": seq, "channel_id": channel["id"],
    });
    assert_eq!(frame, expected);

    let path = format!("{}/{}", scheduled_of(&channel), text(&made["id"]));
    let change = json!({ "send_at": in_seconds(1) });
    answered(200, alice.api.patch(&path, change).await);
    hers.next_of("scheduled.changed").await;
    until(&alice, &channel, &made, "sent").await;
    hers.next_of("scheduled.changed").await;
    loop {
        let frame = his.next().await;
        assert_ne!(frame["type"], "scheduled.changed", "{frame}");
        if frame["type"] == "message.created" {
            break;
        }
    }

    let other = schedule(&alice, &channel, "два", &in_seconds(600)).await;
    let mut again = Stream::open(&alice.api, &channel).await;
    let path = format!("{}/{}", scheduled_of(&channel), text(&other["id"]));
    answered(204, alice.api.delete(&path).await);
    again.next_of("scheduled.changed").await;
}

#[tokio::test]
async fn whoever_may_not_speak_any_more_finds_it_failed() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let channel = alice.channel(json!({ "visibility": "private" })).await;
    let room = room_of(&channel);
    alice.matrix.invite(room, bob.user_id()).await;
    bob.matrix.join(room).await;
    let made = eventually("a member", async || {
        let body = json!({ "text": "раз", "send_at": in_seconds(3) });
        let (status, made) = bob.api.post(&scheduled_of(&channel), body).await;
        (status.as_u16() == 201).then_some(made)
    })
    .await;
    bob.matrix.leave(room).await;
    let failed = until(&bob, &channel, &made, "failed").await;
    assert!(!text(&failed["error"]).is_empty(), "{failed}");
    let own = answered(200, bob.api.get(&scheduled_of(&channel)).await);
    assert_eq!(items(&own).len(), 1);
    let path = format!("{}/{}", scheduled_of(&channel), text(&made["id"]));
    answered(204, bob.api.delete(&path).await);
    assert_eq!(items(&alice.messages(&channel, "").await).len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_is_said_once_however_often_daarion_is_killed() {
    const MESSAGES: usize = 24;
    let world = World::start().await;
    let alice = Person::named(&world, "alice").await;
    let channel = alice.channel(json!({})).await;
    let mut made = Vec::new();
    for number in 0..MESSAGES {
        let seconds = 2 + i64::try_from(number / 6).expect("small");
        let words = format!("message {number}");
        made.push(schedule(&alice, &channel, &words, &in_seconds(seconds)).await);
    }
    // Each time a little later after the start: in the middle of sending as well.
    for round in 0..6_u64 {
        tokio::time::sleep(Duration::from_millis(150 * round)).await;
        world.daarion.kill();
        world.daarion.launch().await;
    }
    for one in &made {
        until(&alice, &channel, one, "sent").await;
    }
    let room = room_of(&channel);
    let mut said: BTreeMap<String, usize> = BTreeMap::new();
    let events = alice.matrix.messages(room).await;
    for event in events.iter().filter(|it| it["type"] == "m.room.message") {
        *said
            .entry(text(&event["content"]["body"]).to_owned())
            .or_default() += 1;
    }
    assert_eq!(said.len(), MESSAGES, "{said:?}");
    assert!(said.values().all(|times| *times == 1), "{said:?}");
    let page = alice.messages(&channel, "limit=200").await;
    assert_eq!(items(&page).len(), MESSAGES);
}

#[tokio::test]
async fn what_came_due_while_nobody_was_there_is_said_at_the_start() {
    let world = World::start().await;
    let alice = Person::named(&world, "alice").await;
    let channel = alice.channel(json!({})).await;
    let made = schedule(&alice, &channel, "пізно", &in_seconds(1)).await;
    world.daarion.kill();
    eventually("its time", async || {
        (Utc::now() > time(&made["send_at"])).then_some(())
    })
    .await;
    world.daarion.launch().await;
    let sent = until(&alice, &channel, &made, "sent").await;
    assert_eq!(sent["send_at"], made["send_at"]);
    assert!(time(&sent["sent_at"]) > time(&made["send_at"]));
    assert_eq!(items(&alice.messages(&channel, "").await).len(), 1);
}
