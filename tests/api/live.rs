//! The live stream of a channel (`/ws/messaging/{channel_id}`).

use serde_json::{Value, json};

use crate::daarion::{World, shared_world};
use crate::homeserver::unique;
use crate::stream::{Stream, path_of, refusal};
use crate::support::{Person, answered, members_of, refused, room_of, text, time};

#[tokio::test]
async fn ping_is_answered_as_it_came() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let channel = alice.channel(json!({})).await;
    let mut stream = Stream::open(&alice.api, &channel).await;
    for (ping, pong) in [
        ("ping", "pong"),
        ("\"ping\"", "\"pong\""),
        (" ping\n", "pong"),
    ] {
        stream.send(ping).await;
        assert_eq!(answer(&mut stream).await, pong);
    }
    // What it does not understand it lets pass.
    for noise in ["", "{", "pong", "{\"type\":\"message.created\"}", "кіт"] {
        stream.send(noise).await;
    }
    stream.send("ping").await;
    assert_eq!(answer(&mut stream).await, "pong");
    stream.close().await;
}

/// The next text that is no frame: how the channel was made may be pushed, and told, late.
async fn answer(stream: &mut Stream) -> String {
    loop {
        let text = stream.next_text().await;
        if !text.starts_with('{') {
            return text;
        }
    }
}

#[tokio::test]
async fn frames_have_the_documents_fields_and_more() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let channel = alice.channel(json!({})).await;
    let mut stream = Stream::open(&alice.api, &channel).await;
    let begin = seq(&stream.first);
    let journal = stream.first["journal"].clone();
    assert!(journal.is_string(), "{journal}");
    let expected = json!({
        "type": "ready",
        "seq": begin,
        "journal": journal,
        "channel_id": channel["id"],
    });
    assert_eq!(stream.first, expected);

    bob.matrix.join(room_of(&channel)).await;
    let frame = stream.next_of("member.joined").await;
    assert_eq!(frame["member"]["member_id"], bob.id());
    assert_eq!(frame["member"]["matrix_user_id"], bob.user_id());
    assert_eq!(frame["member"]["membership"], "joined");
    assert!(seq(&frame) > begin);

    let event = bob.matrix.send_text(room_of(&channel), "Hello!").await;
    let frame = stream.next_of("message.created").await;
    let message = alice.wait_for_message(&channel, &event, |_| true).await;
    let expected = json!({
        "type": "message.created",
        "seq": seq(&frame),
        "channel_id": channel["id"],
        "message": message,
    });
    assert_eq!(frame, expected);
    assert_eq!(frame["message"]["channel_id"], channel["id"]);
    assert_eq!(frame["message"]["sender_id"], bob.id());
    assert_eq!(frame["message"]["content_preview"], "Hello!");
    time(&frame["message"]["created_at"]);

    bob.matrix.react(room_of(&channel), &event, "👍").await;
    let reaction = stream.next().await;
    let expected = json!({
        "type": "reaction.added",
        "seq": seq(&reaction),
        "channel_id": channel["id"],
        "message_id": message["id"],
        "emoji": "👍",
        "sender_matrix_id": bob.user_id(),
        "created_at": reaction["created_at"],
        "reactions": [{ "key": "👍", "count": 1 }],
    });
    assert_eq!(reaction, expected);
    assert!(seq(&reaction) > seq(&frame));

    let topic = json!({ "topic": "Нова тема" });
    alice
        .matrix
        .set_state(room_of(&channel), "m.room.topic", "", topic)
        .await;
    let changed = stream.next().await;
    assert_eq!(changed["type"], "channel.updated");
    assert_eq!(changed["channel"], json!({ "description": "Нова тема" }));

    let body = json!({ "member_id": Person::new(world, "carol").await.id() });
    answered(
        201,
        alice.api.post(&members_of(&channel), body.clone()).await,
    );
    let invited = stream.next().await;
    assert_eq!(invited["type"], "member.invited");
    assert_eq!(invited["member"]["member_id"], body["member_id"]);
    bob.matrix.leave(room_of(&channel)).await;
    let left = stream.next().await;
    assert_eq!(left["type"], "member.left");
    assert_eq!(left["member"]["member_id"], bob.id());
}

#[tokio::test]
async fn stream_tells_of_its_own_channel_alone() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let (mine, other) = (
        alice.channel(json!({})).await,
        alice.channel(json!({})).await,
    );
    let mut stream = Stream::open(&alice.api, &mine).await;
    alice.say(&other, "Не сюди").await;
    let said = alice.say(&mine, "Сюди").await;
    assert_eq!(stream.next().await["message"], said);
    // After a resume as well.
    let begin = seq(&stream.first);
    let mut stream = Stream::resume(&alice.api, &mine, begin).await;
    assert_eq!(stream.next().await["message"], said);
    alice.say(&other, "Не сюди").await;
    let said = alice.say(&mine, "І сюди").await;
    assert_eq!(stream.next().await["message"], said);
}

#[tokio::test]
async fn client_that_comes_back_misses_nothing_and_sees_nothing_twice() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let channel = alice.channel(json!({})).await;
    bob.matrix.join(room_of(&channel)).await;
    let mut stream = Stream::open(&alice.api, &channel).await;
    let mut seen = Vec::new();
    let mut last = seq(&stream.first);
    let total = 60;
    let talk = async || {
        for number in 0..total {
            let body = format!("Слово {number}");
            match number % 2 {
                0 => drop(bob.matrix.send_text(room_of(&channel), &body).await),
                _ => drop(alice.say(&channel, &body).await),
            }
        }
    };
    let mut listen = async || {
        while seen.len() < total {
            let frame = stream.next().await;
            assert!(seq(&frame) > last, "numbers rise: {frame} after {last}");
            last = seq(&frame);
            if frame["type"] == "message.created" {
                seen.push(text(&frame["message"]["content_preview"]).to_owned());
            }
            if seen.len() % 7 == 0 {
                // One goes and another comes; or the line just breaks.
                let next = Stream::resume(&alice.api, &channel, last);
                let old = std::mem::replace(&mut stream, next.await);
                assert_eq!(stream.first["type"], "ready");
                assert_eq!(seq(&stream.first), last);
                if seen.len() % 2 == 0 {
                    old.close().await;
                }
            }
        }
    };
    tokio::join!(talk(), listen());
    let expected: Vec<_> = (0..total).map(|number| format!("Слово {number}")).collect();
    assert_eq!(seen, expected);

    // All of it once more, for somebody who has been away since the beginning.
    let mut stream = Stream::resume(&alice.api, &channel, 0).await;
    assert_eq!(stream.first["type"], "ready");
    for body in expected {
        let frame = stream.next_of("message.created").await;
        assert_eq!(frame["message"]["content_preview"], body);
    }
}

#[tokio::test]
async fn position_of_another_journal_is_told_to_read_anew() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let channel = alice.channel(json!({})).await;
    alice.say(&channel, "До того").await;
    for after in [1_u64 << 40, u64::MAX] {
        let mut stream = Stream::resume(&alice.api, &channel, after).await;
        assert_eq!(stream.first["type"], "resync", "{}", stream.first);
        assert_eq!(stream.first["channel_id"], channel["id"]);
        // From there on it is an ordinary stream.
        let next = alice.say(&channel, "Після того").await;
        let frame = stream.next().await;
        assert_eq!(frame["message"], next);
        assert!(seq(&frame) > seq(&stream.first));
    }
}

#[tokio::test]
async fn position_counts_in_its_own_journal_alone() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let channel = alice.channel(json!({})).await;
    let stream = Stream::resume(&alice.api, &channel, 0).await;
    let journal = stream.first["journal"].as_str().expect("it is named");
    for (of, expected) in [(journal, "ready"), ("0123456789abcdef", "resync")] {
        let stream = Stream::resume_of(&alice.api, &channel, 1, of).await;
        assert_eq!(stream.first["type"], expected, "{}", stream.first);
        assert_eq!(stream.first["journal"], journal);
    }
}

#[tokio::test]
async fn bad_streams_are_refused_before_they_open() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let channel = alice.channel(json!({ "visibility": "private" })).await;
    let path = path_of(&channel);
    for garbage in [
        "abc",
        "-1",
        "1.5",
        "",
        "18446744073709551616",
        "%F0%9F%90%88",
    ] {
        let answer = refusal(&alice.api, &format!("{path}?after={garbage}")).await;
        let words = refused(400, "M_INVALID_PARAM", answer);
        assert!(words.starts_with("after: "), "{garbage:?}: {words}");
    }
    refused(404, "M_NOT_FOUND", refusal(&bob.api, &path).await);
    let nowhere = "/ws/messaging/00000000-0000-4000-8000-000000000000";
    refused(404, "M_NOT_FOUND", refusal(&alice.api, nowhere).await);
    let words = refused(
        400,
        "M_INVALID_PARAM",
        refusal(&alice.api, "/ws/messaging/cat").await,
    );
    assert!(words.starts_with("channel_id: "), "{words}");
    let nobody = world.daarion.anonymous();
    refused(401, "M_MISSING_TOKEN", refusal(&nobody, &path).await);
    let wrong = nobody.with_header("x-internal-service-token", "wrong");
    refused(401, "M_UNKNOWN_TOKEN", refusal(&wrong, &path).await);
    // A plain request is no handshake.
    refused(400, "M_UNRECOGNIZED", alice.api.get(&path).await);
    let ghost = world.daarion.api_as(&format!("user:{}", unique("ghost")));
    refused(404, "M_NOT_FOUND", refusal(&ghost, &path).await);
}

#[tokio::test]
async fn many_listeners_hear_the_same() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let channel = alice.channel(json!({})).await;
    let mut streams = Vec::new();
    for number in 0..30 {
        let person = if number % 2 == 0 { &alice } else { &bob };
        streams.push(Stream::open(&person.api, &channel).await);
    }
    let mut said = Vec::new();
    for number in 0..10 {
        said.push(alice.say(&channel, &format!("Усім {number}")).await);
        if number == 5 {
            drop(streams.pop());
        }
    }
    let mut heard: Vec<Vec<Value>> = Vec::new();
    for stream in &mut streams {
        let mut frames = Vec::new();
        for _ in &said {
            frames.push(stream.next_of("message.created").await);
        }
        heard.push(frames);
    }
    for frames in &heard {
        assert_eq!(*frames, heard[0]);
    }
    let messages: Vec<_> = heard[0]
        .iter()
        .map(|frame| frame["message"].clone())
        .collect();
    assert_eq!(messages, said);
}

#[tokio::test]
async fn listeners_are_sent_away_with_a_code_and_resume_after_the_restart() {
    let world = World::start().await;
    let alice = Person::named(&world, "alice").await;
    let bob = Person::named(&world, "bob").await;
    let channel = alice.channel(json!({})).await;
    bob.matrix.join(room_of(&channel)).await;
    let mut stream = Stream::open(&alice.api, &channel).await;
    let before = bob.matrix.send_text(room_of(&channel), "До").await;
    let frame = stream.next_of("message.created").await;
    assert_eq!(frame["message"]["matrix_event_id"], before);
    let last = seq(&frame);
    let idle = Stream::open(&bob.api, &channel).await;

    let status = world.daarion.terminate().await;
    assert!(status.success(), "{status}");
    for stream in [stream, idle] {
        let frame = stream.closed().await.expect("a close frame");
        assert_eq!(u16::from(frame.code), 1012, "service restart: {frame:?}");
        assert!(frame.reason.contains("after"), "{frame:?}");
    }
    let away = bob.matrix.send_text(room_of(&channel), "Поки нема").await;
    world.daarion.launch().await;
    let mut stream = Stream::resume(&alice.api, &channel, last).await;
    assert_eq!(stream.first["type"], "ready", "{}", stream.first);
    let frame = stream.next_of("message.created").await;
    assert_eq!(frame["message"]["matrix_event_id"], away);
    let after = bob.matrix.send_text(room_of(&channel), "Після").await;
    let frame = stream.next_of("message.created").await;
    assert_eq!(frame["message"]["matrix_event_id"], after);
}

fn seq(frame: &Value) -> u64 {
    frame["seq"]
        .as_u64()
        .unwrap_or_else(|| panic!("{frame} has no number"))
}
