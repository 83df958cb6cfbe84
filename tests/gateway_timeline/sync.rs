//! Polls: our own stream, and a user's.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::daarion::shared_world;
use crate::support::{answered, channel, channel_of, poll, poll_until, query, says, text};

async fn now() -> String {
    let first = poll(shared_world().await, &[]).await;
    assert_eq!(first["rooms"]["join"], json!({}), "it begins now");
    text(&first["next_batch"]).to_owned()
}

#[tokio::test]
async fn polls_show_each_event_whole_and_once() {
    let world = shared_world().await;
    let (alice, room) = channel(world, "alice").await;
    let since = now().await;
    let long = "довге ".repeat(200);
    let ids = [
        alice.send_text(&room, "перше").await,
        alice.send_text(&room, &long).await,
        alice.send_text(&room, "останнє").await,
    ];
    let (events, since) = poll_until(world, since, &room, says("останнє")).await;
    let id = |event: &&Value| text(&event["event_id"]).to_owned();
    // What made the channel may be pushed behind the answer to whoever made it.
    let said = events.iter().filter(|it| it["type"] == "m.room.message");
    let said: Vec<_> = said.collect();
    assert_eq!(said.iter().map(id).collect::<Vec<_>>(), ids);
    let different: HashSet<_> = events.iter().map(|event| id(&event)).collect();
    assert_eq!(different.len(), events.len(), "each once");
    let second = said[1];
    assert_eq!(second["content"]["body"], long, "whole");
    assert_eq!(second["sender"], alice.user_id);
    assert_eq!(second["entity_id"], format!("user:{}", alice.localpart()));
    assert!(second["origin_server_ts"].is_u64());
    assert!(second.get("room_id").is_none());

    let begun = Instant::now();
    let filter = json!({ "room": { "rooms": [room] } }).to_string();
    let quiet = [
        ("since", since.as_str()),
        ("timeout", "300"),
        ("filter", &filter),
    ];
    let nothing = poll(world, &quiet).await;
    assert_eq!(nothing["rooms"]["join"], json!({}));
    assert!(begun.elapsed() >= Duration::from_millis(300), "it waited");
}

#[tokio::test]
async fn a_poll_answers_as_soon_as_something_happens() {
    let world = shared_world().await;
    let (alice, room) = channel(world, "alice").await;
    let begin = now().await;
    // What made the channel may be pushed late; behind what is said there it is not.
    alice.send_text(&room, "спершу").await;
    let (_, since) = poll_until(world, begin, &room, says("спершу")).await;
    let filter = json!({ "room": { "rooms": [room] } }).to_string();
    let pairs = [
        ("since", since.as_str()),
        ("timeout", "20000"),
        ("filter", &filter),
    ];
    let begun = Instant::now();
    let (answer, _) = tokio::join!(poll(world, &pairs), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        alice.send_text(&room, "тепер").await
    });
    assert!(begun.elapsed() < Duration::from_secs(15));
    let timeline = &answer["rooms"]["join"][&room]["timeline"];
    assert_eq!(timeline["events"][0]["content"]["body"], "тепер");
    assert_eq!(timeline["limited"], false);
}

#[tokio::test]
async fn what_is_redacted_is_shown_without_its_content() {
    let world = shared_world().await;
    let (alice, room) = channel(world, "alice").await;
    let since = now().await;
    let event = alice.send_text(&room, "таємне").await;
    poll_until(world, since.clone(), &room, says("таємне")).await;
    let redaction = alice.redact(&room, &event).await;
    let is_redaction = |event: &Value| event["event_id"] == redaction;
    // Who polls before it is known here is shown the event as it was.
    poll_until(world, since.clone(), &room, is_redaction).await;
    let (events, _) = poll_until(world, since, &room, is_redaction).await;
    let mut shown = events.iter().filter(|it| it["event_id"] == event);
    assert_eq!(shown.next().expect("is shown")["content"], json!({}));
    assert_eq!(shown.next(), None, "once");
}

#[tokio::test]
async fn filters_choose_and_limits_leave_a_way_back() {
    let world = shared_world().await;
    let (alice, room) = channel(world, "alice").await;
    let other = channel_of(world, &alice).await;
    let since = now().await;
    alice.send_text(&other, "деінде").await;
    let first = alice.send_text(&room, "один").await;
    for body in ["два", "три"] {
        alice.send_text(&room, body).await;
    }
    poll_until(world, since.clone(), &room, says("три")).await;
    let filter = json!({ "room": {
        "rooms": [room],
        "timeline": { "limit": 2, "types": ["m.room.*"], "not_types": ["m.room.member"] },
    } });
    let filter = filter.to_string();
    let answer = poll(world, &[("since", &since), ("filter", &filter)]).await;
    let rooms = answer["rooms"]["join"].as_object().expect("rooms");
    assert_eq!(rooms.len(), 1);
    let timeline = &rooms[&room]["timeline"];
    let events = timeline["events"].as_array().expect("events").iter();
    let bodies: Vec<_> = events.map(|event| &event["content"]["body"]).collect();
    assert_eq!(bodies, ["два", "три"]);
    assert_eq!(timeline["limited"], true);
    let from = text(&timeline["prev_batch"]);
    let path = crate::homeserver::path(&["internal", "matrix", "rooms", &room, "messages"]);
    let path = format!("{path}?{}", query(&[("from", from), ("limit", "1")]));
    let before = answered(200, world.daarion.service().get(&path).await);
    assert_eq!(before["chunk"][0]["event_id"], first);
}

#[tokio::test]
async fn a_users_own_sync_is_passed_through() {
    let world = shared_world().await;
    let (alice, room) = channel(world, "alice").await;
    let private = alice.create_room(json!({ "preset": "private_chat" })).await;
    let user = ("user_id", alice.user_id.as_str());
    let first = poll(world, &[user, ("timeout", "0")]).await;
    assert!(first["rooms"]["join"][&room].is_object());
    assert!(
        first["rooms"]["join"][&private].is_object(),
        "all her rooms"
    );
    let since = text(&first["next_batch"]);
    let event = alice.send_text(&private, "моє").await;
    let entity = format!("user:{}", alice.localpart());
    let user = ("user_id", entity.as_str());
    let next = poll(world, &[user, ("since", since), ("timeout", "10000")]).await;
    let events = &next["rooms"]["join"][&private]["timeline"]["events"];
    assert_eq!(events[0]["event_id"], event);
    assert_eq!(events[0]["entity_id"], entity);
    let filter = json!({ "room": { "rooms": [room] } }).to_string();
    let narrow = poll(world, &[user, ("timeout", "0"), ("filter", &filter)]).await;
    assert!(narrow["rooms"]["join"].get(&private).is_none());
}

#[tokio::test]
async fn bad_polls_name_what_is_wrong() {
    let world = shared_world().await;
    let service = world.daarion.service();
    for (pairs, status, words) in [
        ([("since", "s1_2")], 400, "since: "),
        ([("since", "d0000000000000000_1")], 400, "since: "),
        ([("filter", "7")], 400, "filter: "),
        ([("timeout", "soon")], 400, "timeout: "),
        ([("user_id", "nobody")], 400, "user_id: "),
        ([("user_id", "@daarion:test.localhost")], 403, ""),
        ([("user_id", "@a:elsewhere.org")], 403, ""),
    ] {
        let path = format!("/internal/matrix/sync?{}", query(&pairs));
        let refused = answered(status, service.get(&path).await);
        assert!(text(&refused["message"]).starts_with(words), "{refused}");
    }
    let nobody = poll_status(&[("user_id", "@nobody:test.localhost")]).await;
    assert_eq!(nobody, 403, "the homeserver does not know them");
    let anonymous = world.daarion.anonymous_internal();
    answered(401, anonymous.get("/internal/matrix/sync").await);
}

async fn poll_status(pairs: &[(&str, &str)]) -> u16 {
    let path = format!("/internal/matrix/sync?{}", query(pairs));
    let (status, _) = shared_world().await.daarion.service().get(&path).await;
    status.as_u16()
}
