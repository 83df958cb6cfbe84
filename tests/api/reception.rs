//! What comes of messages: reactions, threads, pins, by daarion and by plain Matrix.

use serde_json::{Value, json};

use crate::daarion::shared_world;
use crate::homeserver::path;
use crate::stream::Stream;
use crate::support::{
    Person, answered, column, eventually, items, listed, message_path, path_of, refused, room_of,
    text, time,
};

/// The path of a reaction to a message.
fn reaction(channel: &Value, message: &Value, emoji: &str) -> String {
    let key = path(&[emoji]);
    format!("{}/reactions{key}", message_path(channel, message))
}

fn pins_of(channel: &Value) -> String {
    format!("{}/pins", path_of(channel))
}

fn pin(channel: &Value, message: &Value) -> String {
    format!("{}/{}", pins_of(channel), text(&message["id"]))
}

fn threads_of(channel: &Value) -> String {
    format!("{}/threads", path_of(channel))
}

#[tokio::test]
async fn reactions_agree_in_both_worlds() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let channel = alice.channel(json!({})).await;
    let room = room_of(&channel);
    bob.matrix.join(room).await;
    let said = alice.say(&channel, "Хто за?").await;
    let event = text(&said["matrix_event_id"]);
    assert_eq!(said["reactions"], json!([]));
    let mut stream = Stream::open(&alice.api, &channel).await;

    // Through daarion, and once more, which changes nothing.
    let place = reaction(&channel, &said, "👍");
    let message = answered(200, alice.api.put(&place, Value::Null).await);
    assert_eq!(message["reactions"], json!([{ "key": "👍", "count": 1 }]));
    assert_eq!(
        answered(200, alice.api.put(&place, Value::Null).await),
        message
    );
    let seen = bob
        .matrix
        .wait_for_event(room, |it| it["type"] == "m.reaction")
        .await;
    assert_eq!(seen["sender"], alice.user_id());
    let relation = json!({ "rel_type": "m.annotation", "event_id": event, "key": "👍" });
    assert_eq!(seen["content"]["m.relates_to"], relation);
    let frame = stream.next_of("reaction.added").await;
    assert_eq!(frame["message_id"], said["id"]);
    assert_eq!(frame["reactions"], message["reactions"]);

    // By plain Matrix.
    let first = bob.matrix.react(room, event, "👍").await;
    bob.matrix.react(room, event, "🎉").await;
    let both = json!([{ "key": "👍", "count": 2 }, { "key": "🎉", "count": 1 }]);
    let shown = |message: &Value| message["reactions"] == both;
    let message = alice.wait_for_message(&channel, event, shown).await;
    let one = answered(200, alice.api.get(&message_path(&channel, &said)).await);
    assert_eq!(listed(one), message);
    let all = format!("{}/reactions", message_path(&channel, &said));
    let page = answered(200, alice.api.get(&all).await);
    assert_eq!(column(&page, "key"), ["🎉", "👍", "👍"]);
    let mut senders = column(&page, "sender_id");
    senders[1..].sort_unstable();
    let mut expected = [alice.id(), bob.id()];
    expected.sort_unstable();
    assert_eq!(senders, [&bob.id(), &expected[0], &expected[1]]);
    assert_eq!(items(&page)[0]["sender_matrix_id"], bob.user_id());
    assert_eq!(items(&page)[0]["sender_type"], "human");
    time(&items(&page)[0]["created_at"]);
    let mut keys = Vec::new();
    let mut next = Value::Null;
    loop {
        let cursor = next.as_str().map(|next| format!("&cursor={next}"));
        let place = format!("{all}?limit=1{}", cursor.unwrap_or_default());
        let page = answered(200, alice.api.get(&place).await);
        keys.extend(column(&page, "key").into_iter().map(str::to_owned));
        next = page["next"].clone();
        if next.is_null() {
            break;
        }
    }
    assert_eq!(keys, ["🎉", "👍", "👍"]);
    let own = format!(
        "{}/reactions/own?message_ids={}",
        path_of(&channel),
        text(&said["id"])
    );
    let own = answered(200, bob.api.get(&own).await);
    assert_eq!(items(&own)[0]["keys"], json!(["🎉", "👍"]));

    // Taken back by plain Matrix: what it was is told, and that no message is gone.
    while stream.next_of("reaction.added").await["emoji"] != "🎉" {}
    bob.matrix.redact(room, &first).await;
    let frame = stream.next().await;
    let expected = json!({
        "type": "reaction.removed",
        "seq": frame["seq"],
        "channel_id": channel["id"],
        "message_id": said["id"],
        "emoji": "👍",
        "sender_matrix_id": bob.user_id(),
        "by_matrix_id": bob.user_id(),
        "removed_at": frame["removed_at"],
        "reactions": [{ "key": "🎉", "count": 1 }, { "key": "👍", "count": 1 }],
    });
    assert_eq!(frame, expected);

    // And through daarion; to have none is fine.
    let message = answered(200, alice.api.delete(&place).await);
    assert_eq!(message["reactions"], json!([{ "key": "🎉", "count": 1 }]));
    assert_eq!(answered(200, alice.api.delete(&place).await), message);
    let place = reaction(&channel, &said, "🎉");
    let message = answered(200, alice.api.delete(&place).await);
    assert_eq!(message["reactions"][0]["count"], 1, "it is not hers");
    let frame = stream.next_of("reaction.removed").await;
    assert_eq!(
        (&frame["emoji"], &frame["sender_matrix_id"]),
        (&json!("👍"), &json!(alice.user_id()))
    );
    let gone = bob.matrix.wait_for_event(room, |it| {
        it["type"] == "m.room.redaction" && it["sender"] == alice.user_id()
    });
    assert_eq!(gone.await["content"]["redacts"], seen["event_id"]);
}

#[tokio::test]
async fn any_text_is_a_reaction() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let carol = Person::new(world, "carol").await;
    let channel = alice.channel(json!({})).await;
    let said = alice.say(&channel, "Як?").await;
    for emoji in [
        "a/b",
        "mxc://test.localhost/cat",
        "так, звісно",
        "100%",
        "👩🏽‍🚀",
    ] {
        // Carol was never in the room: she joins by reacting.
        let place = reaction(&channel, &said, emoji);
        let message = answered(200, carol.api.put(&place, Value::Null).await);
        let keys = items(&message["reactions"]).iter();
        assert!(keys.clone().any(|it| it["key"] == emoji), "{message}");
        answered(200, carol.api.delete(&place).await);
    }
    for bad in ["%20", "%00", &"x".repeat(256)] {
        let place = format!("{}/reactions/{bad}", message_path(&channel, &said));
        let words = refused(
            400,
            "M_INVALID_PARAM",
            alice.api.put(&place, Value::Null).await,
        );
        assert!(words.starts_with("emoji: "), "{words}");
    }
    let place = reaction(&channel, &said, "👍");
    answered(200, alice.api.put(&place, Value::Null).await);
    alice
        .matrix
        .redact(room_of(&channel), text(&said["matrix_event_id"]))
        .await;
    let event = text(&said["matrix_event_id"]);
    let gone = |message: &Value| message["deleted"] == true;
    let message = alice.wait_for_message(&channel, event, gone).await;
    assert_eq!(message["reactions"], json!([]));
    refused(409, "CONFLICT", carol.api.put(&place, Value::Null).await);
    let all = format!("{}/reactions", message_path(&channel, &said));
    assert_eq!(answered(200, alice.api.get(&all).await)["items"], json!([]));
}

#[tokio::test]
async fn nobody_reacts_where_they_do_not_belong() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let channel = alice.channel(json!({ "visibility": "private" })).await;
    let said = alice.say(&channel, "Між нами").await;
    let one = message_path(&channel, &said);
    let place = reaction(&channel, &said, "👍");
    for answer in [
        bob.api.put(&place, Value::Null).await,
        bob.api.delete(&place).await,
        bob.api.get(&format!("{one}/reactions")).await,
        bob.api.get(&format!("{one}/context")).await,
        bob.api.get(&threads_of(&channel)).await,
        bob.api.get(&pins_of(&channel)).await,
        bob.api.put(&pin(&channel, &said), Value::Null).await,
        bob.api.patch(&one, json!({ "text": "Ні" })).await,
        bob.api.delete(&one).await,
    ] {
        let words = refused(404, "M_NOT_FOUND", answer);
        assert_eq!(words, format!("no channel {}", text(&channel["id"])));
    }
    // By way of a channel that may be seen it is not there either.
    let open = bob.channel(json!({})).await;
    let sideways = reaction(&open, &said, "👍");
    refused(
        404,
        "M_NOT_FOUND",
        bob.api.put(&sideways, Value::Null).await,
    );

    let secret = alice.channel(json!({ "confidential": true })).await;
    let event = alice.matrix.send_event(
        room_of(&secret),
        "m.room.encrypted",
        json!({ "algorithm": "x" }),
    );
    let event = event.await;
    let said = alice.wait_for_message(&secret, &event, |_| true).await;
    let place = reaction(&secret, &said, "👍");
    refused(403, "M_FORBIDDEN", alice.api.put(&place, Value::Null).await);
    let mut stream = Stream::open(&alice.api, &secret).await;
    let given = alice.matrix.react(room_of(&secret), &event, "🤫").await;
    let frame = stream.next().await;
    assert_eq!(
        (&frame["type"], &frame["emoji"]),
        (&json!("reaction.added"), &json!(""))
    );
    alice.matrix.redact(room_of(&secret), &given).await;
    let frame = stream.next().await;
    assert_eq!(frame["type"], "reaction.removed");
    assert_eq!(frame["message_id"], said["id"]);
    let page = alice.messages(&secret, "limit=1").await;
    assert_eq!(items(&page)[0]["reactions"], json!([]));
}

#[tokio::test]
async fn threads_are_listed_with_who_speaks_there() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let channel = alice.channel(json!({})).await;
    let room = room_of(&channel);
    bob.matrix.join(room).await;
    let threads = async || answered(200, alice.api.get(&threads_of(&channel)).await);
    assert_eq!(threads().await, json!({ "items": [], "next": null }));

    let (first, second) = (
        alice.say(&channel, "Перша тема").await,
        alice.say(&channel, "Друга тема").await,
    );
    let reply = async |root: &Value, text: &str| {
        let body = json!({ "text": text, "thread_id": root["id"] });
        alice.send(&channel, body).await
    };
    let in_first = reply(&first, "До першої").await;
    reply(&second, "До другої").await;
    let relation = json!({
        "rel_type": "m.thread",
        "event_id": first["matrix_event_id"],
        "is_falling_back": true,
        "m.in_reply_to": { "event_id": first["matrix_event_id"] },
    });
    let body = json!({ "msgtype": "m.text", "body": "І я", "m.relates_to": relation });
    let event = bob.matrix.send_event(room, "m.room.message", body).await;
    let of_bob = alice.wait_for_message(&channel, &event, |_| true).await;

    let all = threads().await;
    assert_eq!(
        column(&all, "id"),
        [text(&first["id"]), text(&second["id"])]
    );
    let thread = &items(&all)[0];
    assert_eq!(thread["count"], 2);
    assert_eq!(thread["last_at"], of_bob["created_at"]);
    assert_eq!(thread["last_message"], of_bob);
    let summary = json!({ "count": 2, "last_at": of_bob["created_at"] });
    assert_eq!(thread["root"]["thread"], summary);
    let mut participants = [alice.id(), bob.id()];
    participants.sort_unstable();
    assert_eq!(thread["participants"], json!(participants));
    let one = format!("{}/{}", threads_of(&channel), text(&first["id"]));
    assert_eq!(answered(200, alice.api.get(&one).await), *thread);
    let listed = alice.messages(&channel, "limit=200").await;
    let root = items(&listed).iter().find(|it| it["id"] == first["id"]);
    assert_eq!(root.expect("the root"), &thread["root"]);

    let messages = format!("{one}/messages");
    let page = answered(200, alice.api.get(&messages).await);
    assert_eq!(
        column(&page, "id"),
        [text(&of_bob["id"]), text(&in_first["id"])]
    );
    assert_eq!(items(&page)[0], of_bob);
    let full = answered(
        200,
        alice
            .api
            .get(&format!("{messages}?content=full&order=asc"))
            .await,
    );
    assert_eq!(items(&full)[0]["content"]["body"], "До першої");
    let page = answered(200, alice.api.get(&format!("{messages}?limit=1")).await);
    // What is said meanwhile does not disturb.
    let third = reply(&first, "Ще").await;
    let next = format!("{messages}?limit=1&cursor={}", text(&page["next"]));
    let page = answered(200, alice.api.get(&next).await);
    assert_eq!(column(&page, "id"), [text(&in_first["id"])]);
    assert_eq!(page["next"], Value::Null);

    // What is deleted counts no more, the last included.
    answered(204, alice.api.delete(&message_path(&channel, &third)).await);
    bob.matrix.redact(room, &event).await;
    alice
        .wait_for_message(&channel, &event, |it| it["deleted"] == true)
        .await;
    let all = threads().await;
    let ids = [text(&second["id"]), text(&first["id"])];
    assert_eq!(column(&all, "id"), ids);
    assert_eq!(items(&all)[1]["count"], 1);
    assert_eq!(items(&all)[1]["last_message"]["id"], in_first["id"]);
    assert_eq!(items(&all)[1]["participants"], json!([alice.id()]));
    answered(
        204,
        alice.api.delete(&message_path(&channel, &in_first)).await,
    );
    refused(404, "M_NOT_FOUND", alice.api.get(&one).await);
    let none = answered(200, alice.api.get(&messages).await);
    assert_eq!(none, json!({ "items": [], "next": null }));
}

#[tokio::test]
async fn pins_agree_in_both_worlds() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let channel = alice.channel(json!({})).await;
    let room = room_of(&channel);
    bob.matrix.join(room).await;
    let mut said = Vec::new();
    for number in 0..3 {
        said.push(alice.say(&channel, &format!("Слово {number}")).await);
    }
    let pins = async || {
        let pins = answered(200, bob.api.get(&pins_of(&channel)).await);
        assert_eq!(pins["next"], Value::Null);
        assert!(items(&pins).iter().all(|it| it["pinned"] == true));
        let ids = column(&pins, "id").into_iter().map(str::to_owned);
        ids.collect::<Vec<_>>()
    };
    let id = |at: usize| text(&said[at]["id"]).to_owned();
    let state = async || {
        bob.matrix
            .state_event(room, "m.room.pinned_events", "")
            .await
    };
    assert_eq!(pins().await, [""; 0]);
    let mut stream = Stream::open(&bob.api, &channel).await;

    // Through daarion, and once more, which changes nothing.
    for at in [1, 0, 1] {
        answered(
            204,
            alice.api.put(&pin(&channel, &said[at]), Value::Null).await,
        );
    }
    assert_eq!(pins().await, [id(1), id(0)]);
    let events = json!([said[1]["matrix_event_id"], said[0]["matrix_event_id"]]);
    assert_eq!(state().await.expect("is set")["pinned"], events);
    let frame = stream.next_of("channel.pins_changed").await;
    assert_eq!(frame["pinned"], json!([id(1)]));
    let frame = stream.next().await;
    assert_eq!(frame["pinned"], json!([id(1), id(0)]));
    assert_eq!(frame["by_matrix_id"], alice.user_id());
    time(&frame["pinned_at"]);
    refused(
        403,
        "M_FORBIDDEN",
        bob.api.put(&pin(&channel, &said[2]), Value::Null).await,
    );
    refused(
        403,
        "M_FORBIDDEN",
        bob.api.delete(&pin(&channel, &said[1])).await,
    );

    // By plain Matrix.
    let list = json!({ "pinned": [said[2]["matrix_event_id"], "$nowhere", 7] });
    alice
        .matrix
        .set_state(room, "m.room.pinned_events", "", list)
        .await;
    eventually("the pins", async || (pins().await == [id(2)]).then_some(())).await;
    let page = alice.messages(&channel, "order=asc").await;
    let flags: Vec<_> = items(&page).iter().map(|it| it["pinned"].clone()).collect();
    assert_eq!(flags, [json!(false), json!(false), json!(true)]);

    // What is unknown to us stays in the list, until it is taken away by its id.
    answered(
        204,
        alice.api.put(&pin(&channel, &said[0]), Value::Null).await,
    );
    let events = &state().await.expect("is set")["pinned"];
    assert_eq!(events[1], "$nowhere", "{events}");
    answered(204, alice.api.delete(&pin(&channel, &said[2])).await);
    answered(204, alice.api.delete(&pin(&channel, &said[2])).await);
    assert_eq!(pins().await, [id(0)]);
    answered(
        204,
        alice.api.delete(&message_path(&channel, &said[0])).await,
    );
    assert_eq!(pins().await, [""; 0], "what is deleted is not shown");
    refused(
        409,
        "CONFLICT",
        alice.api.put(&pin(&channel, &said[0]), Value::Null).await,
    );
    let nowhere = json!({ "id": "00000000-0000-4000-8000-000000000000" });
    refused(
        404,
        "M_NOT_FOUND",
        alice.api.put(&pin(&channel, &nowhere), Value::Null).await,
    );

    // Two at once lose none.
    let (one, two) = (pin(&channel, &said[1]), pin(&channel, &said[2]));
    let (one, two) = tokio::join!(
        alice.api.put(&one, Value::Null),
        alice.api.put(&two, Value::Null),
    );
    answered(204, one);
    answered(204, two);
    let mut both = pins().await;
    both.sort_unstable();
    let mut expected = [id(1), id(2)];
    expected.sort_unstable();
    assert_eq!(both, expected);
    let full = answered(
        200,
        bob.api
            .get(&format!("{}?content=full", pins_of(&channel)))
            .await,
    );
    assert!(text(&items(&full)[0]["content"]["body"]).starts_with("Слово"));
}
