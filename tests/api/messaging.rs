//! Channels, their messages and their members (`/api/messaging/channels`).

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::daarion::{DaarionOptions, World, WorldOptions, in_most_rounds, shared_world};
use crate::homeserver::http::exchange;
use crate::homeserver::{path, unique};
use crate::stream::{Stream, refusal};
use crate::support::{
    Person, answered, column, eventually, items, listed, members_of, merge, message_path,
    messages_of, path_of, refused, room_of, room_path, text, time,
};

const CHANNELS: &str = "/api/messaging/channels";

/// The script of the messaging document, and then its steps with Element.
#[tokio::test]
async fn script_of_the_document_works_as_printed() {
    let world = shared_world().await;
    world.register("admin").await;
    let alice = Person::named(world, "alice").await;
    let anyone = |user| world.daarion.anonymous().with_header("x-user-id", user);

    let body = json!({
        "slug": "test",
        "name": "Test Channel",
        "microdao_id": "microdao:daarion",
        "visibility": "public",
    });
    let channel = answered(201, anyone("user:admin").post(CHANNELS, body).await);
    let body = json!({ "text": "Hello from Alice!" });
    let message = anyone("user:alice")
        .post(&messages_of(&channel), body)
        .await;
    let message = answered(201, message);

    assert_eq!(channel["matrix_room_alias"], "#test-daarion:test.localhost");
    assert_eq!(channel["created_by"], "user:admin");
    assert_eq!(message["sender_id"], "user:alice");
    assert_eq!(message["content_preview"], "Hello from Alice!");

    let element = world.register_unique("element").await;
    let room = element.join("#test-daarion:test.localhost").await;
    assert_eq!(room, room_of(&channel));
    let seen = element.wait_for_text(&room, "Hello from Alice!").await;
    assert_eq!(seen["sender"], "@alice:test.localhost");
    let event = element.send_text(&room, "Hello from Element!").await;
    let seen = alice.wait_for_message(&channel, &event, |_| true).await;
    assert_eq!(seen["content_preview"], "Hello from Element!");
}

#[tokio::test]
async fn created_channel_is_a_room_that_its_creator_owns() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let slug = unique("channel");
    let body = json!({
        "slug": slug,
        "name": "Розмова",
        "microdao_id": "microdao:7",
        "visibility": "public",
        "description": "Про все",
    });
    let channel = answered(201, alice.api.post(CHANNELS, body.clone()).await);
    let mut expected = json!({
        "kind": "channel",
        "status": "active",
        "confidential": false,
        "encryption": null,
        "indexed": true,
        "why": null,
        "accepts_knocks": false,
        "slow_mode_seconds": 0,
        "created_by": alice.id(),
        "former_matrix_room_ids": [],
        "matrix_room_alias": format!("#{slug}-7:test.localhost"),
        "membership": "joined",
        "last_event": null,
    });
    merge(&mut expected, body.clone());
    for given in ["id", "matrix_room_id", "created_at"] {
        expected[given] = channel[given].clone();
    }
    assert_eq!(channel, expected);
    refused(409, "CONFLICT", alice.api.post(CHANNELS, body).await);
    assert_eq!(
        answered(200, alice.api.get(&path_of(&channel)).await),
        channel
    );

    let state = async |kind| alice.matrix.state_event(room_of(&channel), kind, "").await;
    let name = state("m.room.name").await.expect("a name");
    assert_eq!(name["name"], "Розмова", "without the city's part");
    let levels = state("m.room.power_levels").await.expect("power levels");
    assert_eq!(levels["users"], json!({ alice.user_id(): 100 }));
    let marked = state("city.daarion.channel").await.expect("our state");
    assert_eq!(marked["id"], channel["id"]);
    assert_eq!(marked["kind"], "channel");
    assert_eq!(marked["microdao"], "microdao:7");

    let other = json!({ "slug": slug, "name": "Інша", "microdao_id": "microdao:8" });
    answered(201, alice.api.post(CHANNELS, other).await);
    for (bad, field) in [
        (json!({ "slug": "Ні" }), "slug"),
        (json!({ "name": " " }), "name"),
        (json!({ "microdao_id": "daarion" }), "microdao_id"),
        (json!({ "description": "ж".repeat(1_001) }), "description"),
    ] {
        let mut body = json!({ "name": "Розмова", "slug": unique("slug") });
        merge(&mut body, bad);
        let words = refused(400, "M_INVALID_PARAM", alice.api.post(CHANNELS, body).await);
        assert!(words.starts_with(&format!("{field}: ")), "{words}");
    }
}

#[tokio::test]
async fn channel_does_not_take_the_name_of_a_city_room() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let (slug, year) = (unique("news"), unique("y"));
    let body = json!({
        "name": "Новини",
        "slug": format!("city_{slug}"),
        "microdao_id": format!("microdao:{year}"),
    });
    let words = refused(400, "M_INVALID_PARAM", alice.api.post(CHANNELS, body).await);
    assert!(words.starts_with("slug: "), "{words}");
    // So the city's room of this alias can still be made.
    alice
        .city_room(json!({ "slug": format!("{slug}-{year}") }))
        .await;
    let body = json!({ "slug": format!("city-{slug}") });
    alice.channel(body).await;
    // The homeserver keeps the names as well, in any client.
    let alias = format!("#city_{}:test.localhost", unique("mine"));
    let room = alice.matrix.create_room(json!({})).await;
    let directory = path(&["_matrix", "client", "v3", "directory", "room", &alias]);
    let body = json!({ "room_id": room });
    let answer = alice.matrix.request(Method::PUT, &directory, Some(body));
    let (status, answer) = answer.await;
    assert_eq!(
        (status.as_u16(), &answer["errcode"]),
        (400, &json!("M_EXCLUSIVE"))
    );
}

#[tokio::test]
async fn channels_are_paged_and_filtered() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let microdao = format!("microdao:{}", unique("dao"));
    let mut made = Vec::new();
    for number in 0..5 {
        let visibility = if number == 4 { "private" } else { "public" };
        let body = json!({ "microdao_id": microdao, "visibility": visibility });
        made.push(alice.channel(body).await);
    }
    let ids: Vec<_> = made.iter().map(|channel| text(&channel["id"])).collect();
    bob.matrix.join(room_of(&made[2])).await;
    bob.say(&made[1], "Я тут").await;

    let list = async |person: &Person, query: &str| {
        let path = format!("{CHANNELS}?microdao_id={microdao}&{query}");
        answered(200, person.api.get(&path).await)
    };
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = list(&alice, &format!("limit=2{cursor}")).await;
        assert!(items(&page).len() <= 2, "{page}");
        seen.extend(column(&page, "id").into_iter().map(str::to_owned));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen, ids, "each once, the oldest first");
    let whole = list(&alice, "limit=5").await;
    assert_eq!(whole["next"], Value::Null, "a full page can be the last");

    assert_eq!(column(&list(&bob, "").await, "id"), ids[..4]);
    assert_eq!(
        column(&list(&alice, "visibility=private").await, "id"),
        ids[4..]
    );
    assert_eq!(
        column(&list(&alice, "visibility=public").await, "id"),
        ids[..4]
    );
    assert_eq!(column(&list(&alice, "kind=channel").await, "id"), ids);
    assert!(items(&list(&alice, "kind=city").await).is_empty());
    assert!(items(&list(&alice, "status=archived").await).is_empty());
    assert_eq!(column(&list(&alice, "status=active").await, "id"), ids);
    assert_eq!(column(&list(&alice, "joined=false").await, "id"), ids);
    eventually("bob's joined channels", async || {
        (column(&list(&bob, "joined=true").await, "id") == ids[1..3]).then_some(())
    })
    .await;
    let mine = list(&bob, "joined=true&limit=1").await;
    assert_eq!(items(&mine)[0]["membership"], "joined");
    assert!(items(&mine)[0]["last_event"].is_string(), "{mine}");

    let room = alice.city_room(json!({})).await;
    let archive = format!("/api/city/rooms/{}/archive", text(&room["slug"]));
    answered(200, alice.api.request(Method::POST, &archive, None).await);
    let query = format!("{CHANNELS}?kind=city&status=archived&joined=true");
    let page = answered(200, alice.api.get(&query).await);
    assert_eq!(column(&page, "id"), [text(&room["channel_id"])]);
}

#[tokio::test]
async fn plain_matrix_message_is_here_within_a_second() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let channel = alice.channel(json!({})).await;
    let mut stream = Stream::open(&alice.api, &channel).await;
    // Somebody who never heard of daarion.
    let bob = world.register_unique("bob").await;
    bob.join(text(&channel["matrix_room_alias"])).await;

    in_most_rounds(..Duration::from_secs(1), async || {
        let mut delays = Vec::new();
        for number in 0..5 {
            let body = format!("Привіт {number}");
            let sent = Instant::now();
            let event = bob.send_text(room_of(&channel), &body).await;
            let frame = stream.next_of("message.created").await;
            let message = &alice.wait_for_message(&channel, &event, |_| true).await;
            delays.push(sent.elapsed());

            assert_eq!(message["channel_id"], channel["id"]);
            assert_eq!(message["sender_id"], format!("user:{}", bob.localpart()));
            assert_eq!(message["sender_type"], "human");
            assert_eq!(message["sender_matrix_id"], bob.user_id);
            assert_eq!(message["msgtype"], "m.text");
            assert_eq!(message["content_preview"], body);
            assert_eq!(message["truncated"], false);
            assert_eq!(message["deleted"], false);
            for absent in ["reply_to", "thread_id", "media", "edited_at"] {
                assert_eq!(message[absent], Value::Null, "{absent}");
            }
            assert!(message.get("content").is_none(), "{message}");
            assert_eq!(frame["message"], *message, "the stream says the same");
            let found = alice.api.get(&message_path(&channel, message)).await;
            assert_eq!(listed(answered(200, found)), *message);
        }
        delays.sort_unstable();
        delays[2]
    })
    .await;
    let channel = answered(200, alice.api.get(&path_of(&channel)).await);
    let newest = alice.messages(&channel, "limit=1").await;
    let said = time(&items(&newest)[0]["created_at"]);
    assert_eq!(time(&channel["last_event"]), said);
}

#[tokio::test]
async fn message_of_the_api_arrives_in_matrix_sent_by_its_author() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let carol = Person::new(world, "carol").await;
    let channel = alice.channel(json!({})).await;
    bob.matrix.join(room_of(&channel)).await;
    // Carol was never in the room: she joins by speaking.
    for person in [&alice, &carol] {
        let body = format!("Це я, {}", person.id());
        let body = json!({ "text": body, "mentions": [bob.id()] });
        let message = person.send(&channel, body.clone()).await;
        let seen = bob
            .matrix
            .wait_for_text(room_of(&channel), text(&body["text"]))
            .await;
        assert_eq!(seen["sender"], person.user_id());
        assert_eq!(seen["event_id"], message["matrix_event_id"]);
        assert_eq!(seen["content"]["msgtype"], "m.text");
        let mentioned = json!({ "user_ids": [bob.user_id()] });
        assert_eq!(seen["content"]["m.mentions"], mentioned);
        let page = alice.messages(&channel, "limit=1").await;
        assert_eq!(items(&page)[0], message, "it is in the next list");
    }
    // The homeserver's own push of the same events changes nothing.
    let event = bob.matrix.send_text(room_of(&channel), "А це я").await;
    alice.wait_for_message(&channel, &event, |_| true).await;
    let page = alice.messages(&channel, "order=asc").await;
    let senders = column(&page, "sender_id");
    assert_eq!(senders, [alice.id(), carol.id(), bob.id()]);
}

#[tokio::test]
async fn message_that_is_sent_again_with_its_key_is_said_once() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let channel = alice.channel(json!({})).await;
    let path = messages_of(&channel);
    let body = json!({ "text": "Only once" });
    let keyed = |person: &Person, key: &str| {
        let api = world.daarion.api_as(&person.id());
        api.with_header("idempotency-key", key)
    };

    let first = answered(201, keyed(&alice, "1").post(&path, body.clone()).await);
    let again = answered(201, keyed(&alice, "1").post(&path, body.clone()).await);
    assert_eq!(again, first);
    // A key is its sender's own.
    let other = answered(201, keyed(&bob, "1").post(&path, body.clone()).await);
    assert_ne!(other["id"], first["id"]);
    assert_eq!(items(&alice.messages(&channel, "limit=9").await).len(), 2);

    let other = json!({ "text": "Another" });
    let other = keyed(&alice, "1").post(&path, other).await;
    refused(409, "CONFLICT", other);
    // Also where the lists show no difference.
    let long = |end: &str| json!({ "text": format!("{}{end}", "x".repeat(300)) });
    answered(201, keyed(&alice, "2").post(&path, long("a")).await);
    let answer = keyed(&alice, "2").post(&path, long("b")).await;
    refused(409, "CONFLICT", answer);
    for more in [
        json!({ "thread_id": first["id"] }),
        json!({ "mentions": [bob.id()] }),
        json!({ "format": "markdown" }),
    ] {
        let mut other = body.clone();
        merge(&mut other, more);
        let answer = keyed(&alice, "1").post(&path, other).await;
        refused(409, "CONFLICT", answer);
    }
    // A key with which nothing was sent is free.
    let nowhere = json!({ "text": "Only once", "reply_to": channel["id"] });
    let answer = keyed(&alice, "3").post(&path, nowhere).await;
    refused(400, "M_INVALID_PARAM", answer);
    answered(201, keyed(&alice, "3").post(&path, body.clone()).await);
    let long = "k".repeat(129);
    for bad in ["", "a b", "ключ", long.as_str()] {
        let request = alice.api.builder(Method::POST, &path);
        let request = request.header("idempotency-key", bad.as_bytes());
        let answer = exchange(request, Some(&body)).await.expect("an answer");
        let words = refused(400, "M_INVALID_PARAM", answer);
        assert!(words.starts_with("Idempotency-Key: "), "{bad:?}: {words}");
    }
}

#[tokio::test]
async fn replies_agree_in_both_worlds() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let channel = alice.channel(json!({})).await;
    let room = room_of(&channel);
    bob.matrix.join(room).await;

    let asked = alice.say(&channel, "Хто тут?").await;
    let relation = json!({ "m.in_reply_to": { "event_id": asked["matrix_event_id"] } });
    let body = json!({ "msgtype": "m.text", "body": "Я", "m.relates_to": relation });
    let event = bob.matrix.send_event(room, "m.room.message", body).await;
    let answer = alice.wait_for_message(&channel, &event, |_| true).await;
    assert_eq!(answer["reply_to"], asked["id"]);
    assert_eq!(answer["thread_id"], Value::Null);

    let body = json!({ "text": "Добре", "reply_to": answer["id"] });
    let thanks = alice.send(&channel, body).await;
    assert_eq!(thanks["reply_to"], answer["id"]);
    let seen = bob.matrix.wait_for_text(room, "Добре").await;
    let related = &seen["content"]["m.relates_to"]["m.in_reply_to"]["event_id"];
    assert_eq!(*related, event);

    let elsewhere = alice.channel(json!({})).await;
    let foreign = alice.say(&elsewhere, "Не тут").await;
    let nowhere = json!("00000000-0000-4000-8000-000000000000");
    for id in [&nowhere, &foreign["id"]] {
        for field in ["reply_to", "thread_id"] {
            let body = json!({ "text": "Куди?", field: id });
            let answer = alice.api.post(&messages_of(&channel), body).await;
            let words = refused(400, "M_INVALID_PARAM", answer);
            assert!(words.starts_with(&format!("{field}: ")), "{words}");
        }
    }
}

#[tokio::test]
async fn threads_agree_in_both_worlds() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let channel = alice.channel(json!({})).await;
    let room = room_of(&channel);
    bob.matrix.join(room).await;

    let root = alice.say(&channel, "Тема").await;
    let relation = json!({
        "rel_type": "m.thread",
        "event_id": root["matrix_event_id"],
        "is_falling_back": true,
        "m.in_reply_to": { "event_id": root["matrix_event_id"] },
    });
    let body = json!({ "msgtype": "m.text", "body": "До теми", "m.relates_to": relation });
    let event = bob.matrix.send_event(room, "m.room.message", body).await;
    let first = alice.wait_for_message(&channel, &event, |_| true).await;
    assert_eq!(first["thread_id"], root["id"]);
    assert_eq!(first["reply_to"], Value::Null, "the fallback is no answer");

    let body = json!({ "text": "Згода", "thread_id": root["id"] });
    let second = alice.send(&channel, body).await;
    assert_eq!(second["thread_id"], root["id"]);
    let seen = bob.matrix.wait_for_text(room, "Згода").await;
    let relation = &seen["content"]["m.relates_to"];
    assert_eq!(relation["rel_type"], "m.thread");
    assert_eq!(relation["event_id"], root["matrix_event_id"]);

    let body = json!({ "text": "Саме так", "thread_id": root["id"], "reply_to": first["id"] });
    let third = alice.send(&channel, body).await;
    assert_eq!(third["reply_to"], first["id"]);
    let seen = bob.matrix.wait_for_text(room, "Саме так").await;
    let relation = &seen["content"]["m.relates_to"];
    assert_eq!(relation["is_falling_back"], false);
    assert_eq!(relation["m.in_reply_to"]["event_id"], event);
    let page = bob.messages(&channel, "limit=1").await;
    assert_eq!(items(&page)[0], third);

    let body = json!({ "text": "Глибше", "thread_id": second["id"] });
    let answer = alice.api.post(&messages_of(&channel), body).await;
    let words = refused(400, "M_INVALID_PARAM", answer);
    assert!(words.starts_with("thread_id: "), "{words}");
}

#[tokio::test]
async fn edits_and_redactions_of_plain_matrix_show() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let channel = alice.channel(json!({})).await;
    let room = room_of(&channel);
    bob.matrix.join(room).await;
    let mut stream = Stream::open(&alice.api, &channel).await;

    let event = bob.matrix.send_text(room, "Чернетка").await;
    let draft = alice.wait_for_message(&channel, &event, |_| true).await;
    let edit = |body: &str, target: &str| {
        json!({
            "msgtype": "m.text",
            "body": format!("* {body}"),
            "m.new_content": { "msgtype": "m.text", "body": body },
            "m.relates_to": { "rel_type": "m.replace", "event_id": target },
        })
    };
    bob.matrix
        .send_event(room, "m.room.message", edit("Чистовик", &event))
        .await;
    let edited = alice
        .wait_for_message(&channel, &event, |it| it["edited_at"].is_string())
        .await;
    assert_eq!(edited["content_preview"], "Чистовик");
    assert_eq!(edited["id"], draft["id"]);
    assert_eq!(edited["created_at"], draft["created_at"]);
    assert!(time(&edited["edited_at"]) >= time(&draft["created_at"]));
    let full = alice.messages(&channel, "content=full").await;
    assert_eq!(items(&full)[0]["content"]["body"], "Чистовик");
    let frame = stream.next_of("message.updated").await;
    assert_eq!(frame["message_id"], draft["id"]);
    assert_eq!(frame["content_preview"], "Чистовик");
    assert_eq!(frame["edited_at"], edited["edited_at"]);

    // Nobody edits what another one said.
    let said = alice.say(&channel, "Моє слово").await;
    let target = text(&said["matrix_event_id"]);
    bob.matrix
        .send_event(room, "m.room.message", edit("Підроблене", target))
        .await;

    bob.matrix.redact(room, &event).await;
    let deleted = alice
        .wait_for_message(&channel, &event, |it| it["deleted"] == true)
        .await;
    assert_eq!(deleted["content_preview"], "");
    assert_eq!(deleted["id"], draft["id"]);
    let frame = stream.next_of("message.deleted").await;
    assert_eq!(frame["message_id"], draft["id"]);
    time(&frame["deleted_at"]);
    let page = alice.messages(&channel, "content=full&order=asc").await;
    assert_eq!(column(&page, "id"), [text(&draft["id"]), text(&said["id"])]);
    assert_eq!(items(&page)[0]["content"], Value::Null);
    assert_eq!(items(&page)[1]["content_preview"], "Моє слово");
    assert_eq!(items(&page)[1]["content"]["body"], "Моє слово");
}

#[tokio::test]
async fn markdown_is_made_safe_both_ways() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let channel = alice.channel(json!({})).await;
    let room = room_of(&channel);
    bob.matrix.join(room).await;
    let is_safe = |html: &str| {
        assert!(html.contains("<strong>Увага</strong>"), "{html}");
        for bad in ["<script", "onerror", "javascript:", "<style", "<iframe"] {
            assert!(!html.contains(bad), "{html}");
        }
    };
    let nasty = "**Увага** <script>alert(1)</script> <img src=x onerror=alert(1)> \
                 [тут](javascript:alert(1)) <iframe src=//evil></iframe>";
    let sent = alice
        .send(&channel, json!({ "text": nasty, "format": "markdown" }))
        .await;
    let seen = bob.matrix.wait_for_text(room, nasty).await;
    assert_eq!(seen["content"]["format"], "org.matrix.custom.html");
    is_safe(text(&seen["content"]["formatted_body"]));
    let place = format!("{}/{}", messages_of(&channel), text(&sent["id"]));
    let full = answered(200, alice.api.get(&format!("{place}?content=full")).await);
    assert_eq!(full["content"]["body"], nasty);
    is_safe(text(&full["content"]["formatted_body"]));

    let body = json!({
        "msgtype": "m.text",
        "body": "Увага",
        "format": "org.matrix.custom.html",
        "formatted_body": "<strong>Увага</strong><script>alert(1)</script>\
                           <a href='javascript:alert(1)'>тут</a><style>*{}</style>",
    });
    let event = bob.matrix.send_event(room, "m.room.message", body).await;
    alice.wait_for_message(&channel, &event, |_| true).await;
    let full = alice.messages(&channel, "content=full&limit=1").await;
    is_safe(text(&items(&full)[0]["content"]["formatted_body"]));

    let plain = alice
        .send(&channel, json!({ "text": "**не** розмітка" }))
        .await;
    let seen = bob.matrix.wait_for_text(room, "**не** розмітка").await;
    assert!(seen["content"].get("formatted_body").is_none(), "{seen}");
    let place = format!(
        "{}/{}?content=full",
        messages_of(&channel),
        text(&plain["id"])
    );
    let full = answered(200, alice.api.get(&place).await);
    let expected = json!({ "body": "**не** розмітка", "formatted_body": null });
    assert_eq!(full["content"], expected);
}

#[tokio::test]
async fn long_text_is_cut_in_lists_and_whole_on_demand() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let channel = alice.channel(json!({})).await;
    let exact = "ї".repeat(280);
    let long: String = (0..1_500)
        .map(|number| format!("слово {number} "))
        .collect();
    let long = long.trim().to_owned();
    for (given, truncated) in [(&exact, false), (&long, true)] {
        let sent = alice.say(&channel, given).await;
        let page = alice.messages(&channel, "limit=1").await;
        let preview: String = given.chars().take(280).collect();
        assert_eq!(items(&page)[0], sent);
        assert_eq!(sent["content_preview"], preview);
        assert_eq!(sent["truncated"], truncated);
        let page = alice.messages(&channel, "limit=1&content=full").await;
        assert_eq!(items(&page)[0]["content"]["body"], **given);
        let place = format!("{}/{}", messages_of(&channel), text(&sent["id"]));
        let one = async |query| {
            let one = alice.api.get(&format!("{place}{query}")).await;
            listed(answered(200, one))
        };
        assert_eq!(one("?content=full").await, items(&page)[0]);
        assert_eq!(one("?content=preview").await, sent);
    }
    answered(
        201,
        alice
            .api
            .post(
                &messages_of(&channel),
                json!({ "text": "x".repeat(30_000) }),
            )
            .await,
    );
    for bad in [
        "x".repeat(30_001),
        "ж".repeat(15_001),
        " \n\t ".into(),
        String::new(),
    ] {
        let answer = alice
            .api
            .post(&messages_of(&channel), json!({ "text": bad }))
            .await;
        let words = refused(400, "M_INVALID_PARAM", answer);
        assert!(words.starts_with("text: "), "{words}");
    }
}

#[tokio::test]
async fn pages_do_not_shift_while_messages_arrive() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let channel = alice.channel(json!({})).await;
    let mut ids = Vec::new();
    for number in 0..6 {
        let message = alice.say(&channel, &format!("Рядок {number}")).await;
        ids.push(text(&message["id"]).to_owned());
    }
    for order in ["desc", "asc"] {
        let mut seen = Vec::new();
        let mut cursor = String::new();
        let mut added = Vec::new();
        let known = ids.clone();
        loop {
            let query = format!("limit=2&order={order}{cursor}");
            let page = alice.messages(&channel, &query).await;
            seen.extend(column(&page, "id").into_iter().map(str::to_owned));
            let Some(next) = page["next"].as_str() else {
                break;
            };
            cursor = format!("&cursor={next}");
            if added.len() < 3 {
                let message = alice.say(&channel, "Між сторінками").await;
                added.push(text(&message["id"]).to_owned());
            }
        }
        ids.extend(added);
        let expected: Vec<_> = match order {
            // Walking back, what came meanwhile stands before the first page.
            "desc" => known.iter().rev().cloned().collect(),
            _ => ids.clone(),
        };
        assert_eq!(seen, expected, "{order}");
    }
    let newest_first = alice.messages(&channel, "").await;
    let expected: Vec<_> = ids.iter().rev().cloned().collect();
    assert_eq!(
        column(&newest_first, "id"),
        expected,
        "newest first by default"
    );
    let times: Vec<_> = items(&newest_first)
        .iter()
        .map(|it| time(&it["created_at"]))
        .collect();
    assert!(times.is_sorted_by(|a, b| a >= b), "{times:?}");
}

#[tokio::test]
async fn private_channel_does_not_exist_for_strangers() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let channel = alice.channel(json!({ "visibility": "private" })).await;
    let said = alice.say(&channel, "Тільки своїм").await;
    let one = format!("{}/{}", messages_of(&channel), text(&said["id"]));
    for place in [
        path_of(&channel),
        messages_of(&channel),
        members_of(&channel),
        one,
    ] {
        refused(404, "M_NOT_FOUND", bob.api.get(&place).await);
    }
    let answer = bob
        .api
        .post(&messages_of(&channel), json!({ "text": "Пустіть" }))
        .await;
    refused(404, "M_NOT_FOUND", answer);
    let answer = bob
        .api
        .post(&members_of(&channel), json!({ "member_id": bob.id() }))
        .await;
    refused(404, "M_NOT_FOUND", answer);
    // A message of a channel that may be read is not a way to one that may not.
    let open = bob.channel(json!({})).await;
    let sideways = format!("{}/{}", messages_of(&open), text(&said["id"]));
    refused(404, "M_NOT_FOUND", bob.api.get(&sideways).await);
    let body = json!({ "text": "Відповідь", "reply_to": said["id"] });
    let answer = bob.api.post(&messages_of(&open), body).await;
    refused(400, "M_INVALID_PARAM", answer);
    let cursor = format!("{}?cursor={}", messages_of(&open), text(&said["id"]));
    refused(400, "M_INVALID_PARAM", bob.api.get(&cursor).await);

    // Who is invited may look, and speaks after accepting.
    let answer = alice
        .api
        .post(&members_of(&channel), json!({ "member_id": bob.id() }))
        .await;
    answered(201, answer);
    answered(200, bob.api.get(&path_of(&channel)).await);
    let answer = bob
        .api
        .post(&messages_of(&channel), json!({ "text": "Вже?" }))
        .await;
    refused(403, "M_FORBIDDEN", answer);
    bob.matrix.join(room_of(&channel)).await;
    eventually("bob's membership", async || {
        let seen = answered(200, bob.api.get(&path_of(&channel)).await);
        (seen["membership"] == "joined").then_some(())
    })
    .await;
    bob.say(&channel, "Дякую").await;
    let page = bob.messages(&channel, "order=asc").await;
    assert_eq!(column(&page, "content_preview"), ["Тільки своїм", "Дякую"]);
}

#[tokio::test]
async fn public_channel_does_not_exist_for_whoever_is_banned() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let room = alice.city_room(json!({})).await;
    let said = bob.say(&room, "Поки пускають").await;
    let mut stream = Stream::open(&bob.api, &room).await;
    let (city, listed) = ("/api/city/rooms", format!("{CHANNELS}?limit=200&kind=city"));
    let sees = async |place: &str| {
        let list = answered(200, bob.api.get(place).await);
        column(&list, "slug").contains(&text(&room["slug"]))
    };
    assert!(sees(city).await && sees(&listed).await);

    alice.matrix.ban(room_of(&room), bob.user_id()).await;
    let frame = stream.next_of("member.left").await;
    assert_eq!(frame["member"]["membership"], "banned");
    let close = stream.closed().await.expect("a reason");
    assert_eq!(u16::from(close.code), 1008);
    eventually("nothing for the banned", async || {
        (bob.api.get(&path_of(&room)).await.0 == 404).then_some(())
    })
    .await;
    for place in [
        messages_of(&room),
        members_of(&room),
        format!("{}/{}", messages_of(&room), text(&said["id"])),
    ] {
        refused(404, "M_NOT_FOUND", bob.api.get(&place).await);
    }
    refused(404, "not_found", bob.api.get(&room_path(&room)).await);
    let (status, _) = refusal(&bob.api, &crate::stream::path_of(&room)).await;
    assert_eq!(status, 404);
    let body = json!({ "text": "Пустіть" });
    refused(
        404,
        "M_NOT_FOUND",
        bob.api.post(&messages_of(&room), body).await,
    );
    assert!(!sees(city).await && !sees(&listed).await);

    alice.matrix.unban(room_of(&room), bob.user_id()).await;
    eventually("the room for everybody else", async || {
        (bob.api.get(&path_of(&room)).await.0 == 200).then_some(())
    })
    .await;
    assert!(sees(city).await && sees(&listed).await);
    bob.say(&room, "Знову тут").await;
}

#[tokio::test]
async fn somebody_whom_the_homeserver_does_not_know_is_refused_by_name() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let channel = alice.channel(json!({})).await;
    let ghost = format!("user:{}", unique("ghost"));
    let caller = world.daarion.api_as(&ghost);
    let body = json!({ "text": "Бу" });
    let answer = caller.post(&messages_of(&channel), body).await;
    let words = refused(403, "M_FORBIDDEN", answer);
    assert!(words.contains(&ghost), "{words}");
    let body = json!({ "name": "Привиди", "slug": unique("ghosts") });
    let words = refused(
        403,
        "M_FORBIDDEN",
        caller.post(CHANNELS, body.clone()).await,
    );
    assert!(words.contains(&ghost), "{words}");
    let words = refused(403, "forbidden", caller.post("/api/city/rooms", body).await);
    assert!(words.contains(&ghost), "{words}");

    let body = json!({ "text": "Здалеку" });
    let remote = world.daarion.api_as("user:bob:example.org");
    let words = refused(
        403,
        "M_FORBIDDEN",
        remote.post(&messages_of(&channel), body).await,
    );
    assert!(words.contains("user:bob:example.org"), "{words}");
}

#[tokio::test]
async fn members_are_invited_and_listed() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let channel = alice.channel(json!({})).await;
    let agent = format!("agent:{}", unique("sofia"));
    let body = json!({ "id": agent, "display_name": "Софія" });
    let service = world.daarion.service();
    answered(201, service.post("/internal/agents", body).await);
    let members = members_of(&channel);
    let invite = async |who: &Person, member: &str| {
        who.api.post(&members, json!({ "member_id": member })).await
    };

    for outsider in [&bob, &Person::new(world, "carol").await] {
        let words = refused(403, "M_FORBIDDEN", invite(outsider, &agent).await);
        assert!(words.contains(&outsider.id()), "{words}");
    }
    let invited = answered(201, invite(&alice, &bob.id()).await);
    let mut expected = json!({
        "member_id": bob.id(),
        "matrix_user_id": bob.user_id(),
        "member_type": "human",
        "membership": "invited",
        "role": "member",
        "by": alice.user_id(),
    });
    let mut whole = invited.clone();
    merge(&mut whole, expected.clone());
    assert_eq!(invited, whole);
    time(&invited["since"]);
    assert_eq!(answered(200, invite(&alice, &bob.id()).await), invited);

    let joined = answered(201, invite(&alice, &agent).await);
    let (_, name) = agent.split_once(':').expect("a colon");
    expected = json!({
        "member_id": agent,
        "matrix_user_id": format!("@agent_{name}:test.localhost"),
        "member_type": "agent",
        "display_name": "Софія",
        "membership": "joined",
        "role": "agent",
    });
    let mut whole = joined.clone();
    merge(&mut whole, expected);
    assert_eq!(joined, whole);
    assert_eq!(answered(200, invite(&alice, &agent).await), joined);

    bob.matrix.join(room_of(&channel)).await;
    let list =
        async |query: &str| answered(200, alice.api.get(&format!("{members}?{query}")).await);
    let joined = eventually("bob among the joined", async || {
        let page = list("membership=joined").await;
        column(&page, "member_id")
            .contains(&bob.id().as_str())
            .then_some(page)
    })
    .await;
    let role = |who: &str| {
        let found = items(&joined).iter().find(|it| it["member_id"] == who);
        found.unwrap_or_else(|| panic!("{who} is not in {joined}"))["role"].clone()
    };
    assert_eq!(role(&alice.id()), "owner");
    assert_eq!(role(&bob.id()), "member");
    assert_eq!(role(&agent), "agent");
    assert!(items(&list("membership=invited").await).is_empty());
    assert_eq!(items(&list("").await).len(), items(&joined).len());
    assert_eq!(
        answered(200, invite(&alice, &bob.id()).await)["membership"],
        "joined"
    );
    // In a public channel any member may invite.
    let dmytro = Person::new(world, "dmytro").await;
    answered(201, invite(&bob, &dmytro.id()).await);
    answered(200, invite(&alice, &dmytro.id()).await);

    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = list(&format!("limit=1{cursor}")).await;
        seen.extend(
            column(&page, "matrix_user_id")
                .into_iter()
                .map(str::to_owned),
        );
        let Some(next) = page["next"].as_str() else {
            break;
        };
        let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        cursor = format!("&cursor={next}");
    }
    assert_eq!(seen.len(), items(&list("").await).len());
    assert!(
        seen.is_sorted_by(|a, b| a < b),
        "each once, by Matrix id: {seen:?}"
    );

    bob.matrix.leave(room_of(&channel)).await;
    eventually("bob among those who left", async || {
        let page = list("membership=left").await;
        (column(&page, "member_id") == [bob.id()]).then_some(())
    })
    .await;
    for nobody in [
        format!("user:{}", unique("ghost")),
        format!("agent:{}", unique("ghost")),
    ] {
        let words = refused(404, "M_NOT_FOUND", invite(&alice, &nobody).await);
        assert!(words.contains(&nobody), "{words}");
    }
    for bad in [
        "",
        "bob",
        "@bob:test.localhost",
        "user:",
        "agent:А",
        "user:a b",
        "user:bob:x:y",
        "user:bob:[",
        "user:bob:example..org",
        &format!("user:{}", "b".repeat(250)),
    ] {
        let words = refused(400, "M_INVALID_PARAM", invite(&alice, bad).await);
        assert!(words.starts_with("member_id: "), "{bad:?}: {words}");
    }
}

#[tokio::test]
async fn channel_that_is_closed_in_a_client_is_closed_to_strangers() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let carol = Person::new(world, "carol").await;
    let channel = alice.channel(json!({})).await;
    bob.matrix.join(room_of(&channel)).await;
    let joined = async || {
        let page = alice.api.get(&members_of(&channel)).await;
        let page = answered(200, page);
        column(&page, "member_id")
            .contains(&bob.id().as_str())
            .then_some(())
    };
    eventually("bob among the members", joined).await;
    let mut member = Stream::open(&bob.api, &channel).await;
    let mut stranger = Stream::open(&carol.api, &channel).await;

    let rules = async |rule: &str| {
        let content = json!({ "join_rule": rule });
        let set = alice
            .matrix
            .set_state(room_of(&channel), "m.room.join_rules", "", content);
        set.await;
    };
    rules("invite").await;
    for stream in [&mut member, &mut stranger] {
        let frame = stream.next_of("channel.updated").await;
        let closed = json!({ "visibility": "private", "accepts_knocks": false });
        assert_eq!(frame["channel"], closed);
    }
    let closed = stranger.closed().await.expect("a close frame");
    assert_eq!(u16::from(closed.code), 1008, "{closed:?}");
    for place in [path_of(&channel), messages_of(&channel)] {
        refused(404, "M_NOT_FOUND", carol.api.get(&place).await);
        answered(200, bob.api.get(&place).await);
    }
    let stream = crate::stream::path_of(&channel);
    refused(404, "M_NOT_FOUND", refusal(&carol.api, &stream).await);
    let said = alice.say(&channel, "Тепер між нами").await;
    assert_eq!(member.next_of("message.created").await["message"], said);

    rules("public").await;
    let frame = member.next_of("channel.updated").await;
    let open = json!({ "visibility": "public", "accepts_knocks": false });
    assert_eq!(frame["channel"], open);
    let seen = answered(200, carol.api.get(&path_of(&channel)).await);
    assert_eq!(seen["visibility"], "public");
}

#[tokio::test]
async fn channel_that_is_encrypted_later_keeps_nothing_of_what_was_said() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let channel = alice.channel(json!({})).await;
    let said = alice.say(&channel, "Ще вголос").await;
    let image = json!({
        "msgtype": "m.image",
        "body": "вголос.png",
        "url": "mxc://test.localhost/picture",
    });
    let room = room_of(&channel);
    let image = alice.matrix.send_event(room, "m.room.message", image).await;
    alice.wait_for_message(&channel, &image, |_| true).await;
    let full = alice.messages(&channel, "content=full&order=asc").await;
    assert_eq!(items(&full)[0]["content"]["body"], "Ще вголос");
    let mut stream = Stream::open(&alice.api, &channel).await;

    let megolm = json!({ "algorithm": "m.megolm.v1.aes-sha2" });
    alice
        .matrix
        .set_state(room, "m.room.encryption", "", megolm)
        .await;
    let frame = stream.next_of("channel.updated").await;
    assert_eq!(frame["channel"], json!({ "confidential": true }));
    let seen = answered(200, alice.api.get(&path_of(&channel)).await);
    assert_eq!(seen["confidential"], true);
    let answer = alice
        .api
        .post(&messages_of(&channel), json!({ "text": "Вголос" }))
        .await;
    refused(403, "M_FORBIDDEN", answer);
    let event = alice.matrix.send_text(room, "Усе ще вголос").await;
    alice.wait_for_message(&channel, &event, |_| true).await;
    let full = alice.messages(&channel, "content=full&order=asc").await;
    assert_eq!(items(&full)[0]["id"], said["id"]);
    for message in items(&full) {
        assert_eq!(message["content_preview"], "", "{message}");
        assert_eq!(message["media"], Value::Null, "{message}");
        assert_eq!(message["content"], Value::Null, "{message}");
    }
}

#[tokio::test]
async fn edit_that_is_taken_back_is_shown_nowhere() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let channel = alice.channel(json!({})).await;
    let said = alice.say(&channel, "Перше слово").await;
    let (room, event) = (room_of(&channel), text(&said["matrix_event_id"]));
    let edit = async |body: &str| {
        let content = json!({
            "msgtype": "m.text",
            "body": format!("* {body}"),
            "m.new_content": { "msgtype": "m.text", "body": body },
            "m.relates_to": { "rel_type": "m.replace", "event_id": event },
        });
        let edit = alice.matrix.send_event(room, "m.room.message", content);
        let edit = edit.await;
        let shown = |message: &Value| message["content_preview"] == body;
        alice.wait_for_message(&channel, event, shown).await;
        edit
    };
    let body = async || {
        let full = alice.messages(&channel, "content=full").await;
        assert_eq!(items(&full).len(), 1, "{full}");
        items(&full)[0]["content"]["body"].clone()
    };
    let first = edit("Друге слово").await;
    let second = edit("Мій пароль").await;
    assert_eq!(body().await, "Мій пароль");
    let mut stream = Stream::open(&alice.api, &channel).await;
    alice.matrix.redact(room, &second).await;
    let frame = stream.next().await;
    assert_eq!(frame["type"], "message.updated");
    assert_eq!(frame["message_id"], said["id"]);
    let is_blank =
        |message: &Value| message["content_preview"] == "" && message["truncated"] == json!(true);
    assert!(is_blank(&frame), "{frame}");
    alice.wait_for_message(&channel, event, is_blank).await;
    // The homeserver tells what it says now, and again when that is taken back as well.
    assert_eq!(body().await, "Друге слово");
    alice.matrix.redact(room, &first).await;
    eventually("the first words", async || {
        (body().await == "Перше слово").then_some(())
    })
    .await;
    let frame = stream.next().await;
    assert!(is_blank(&frame), "{frame}");
    let third = edit("Третє слово").await;
    assert_eq!(body().await, "Третє слово");
    assert_ne!(third, second);
    let mut stream = Stream::resume(&alice.api, &channel, 0).await;
    while let frame = stream.next().await
        && frame["content_preview"] != "Третє слово"
    {
        assert_ne!(frame["type"], "message.deleted", "{frame}");
    }
}

#[tokio::test]
async fn encrypted_channel_shows_that_something_was_said_and_not_what() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let channel = alice
        .channel(json!({ "confidential": true, "visibility": "private" }))
        .await;
    assert_eq!(channel["confidential"], true);
    let state = alice
        .matrix
        .state_event(room_of(&channel), "m.room.encryption", "")
        .await;
    assert_eq!(
        state.expect("it is encrypted")["algorithm"],
        "m.megolm.v1.aes-sha2"
    );
    let answer = alice
        .api
        .post(&messages_of(&channel), json!({ "text": "Вголос" }))
        .await;
    refused(403, "M_FORBIDDEN", answer);
    let secret = json!({
        "algorithm": "m.megolm.v1.aes-sha2",
        "ciphertext": "AwgAEnACgAkLmt6qF84IK",
        "session_id": "session",
    });
    let event = alice
        .matrix
        .send_event(room_of(&channel), "m.room.encrypted", secret)
        .await;
    let seen = alice.wait_for_message(&channel, &event, |_| true).await;
    assert_eq!(seen["msgtype"], "m.room.encrypted");
    assert_eq!(seen["content_preview"], "");
    let full = alice.messages(&channel, "content=full").await;
    assert_eq!(items(&full)[0]["content"], Value::Null);
}

#[tokio::test]
async fn user_header_alone_opens_nothing_where_it_is_not_allowed() {
    let world = World::start_with(WorldOptions {
        daarion: DaarionOptions {
            insecure_user_header: false,
            ..DaarionOptions::default()
        },
        ..WorldOptions::default()
    })
    .await;
    let alice = Person::named(&world, "alice").await;
    let channel = alice.channel(json!({})).await;
    let alone = world
        .daarion
        .anonymous()
        .with_header("x-user-id", "user:alice");
    refused(401, "M_MISSING_TOKEN", alone.get(CHANNELS).await);
    refused(401, "unauthorized", alone.get("/api/city/rooms").await);
    let answer = alone
        .post(&messages_of(&channel), json!({ "text": "Я" }))
        .await;
    refused(401, "M_MISSING_TOKEN", answer);
    let stream = crate::stream::path_of(&channel);
    refused(401, "M_MISSING_TOKEN", refusal(&alone, &stream).await);
    let wrong = alone.with_header("x-internal-service-token", "wrong");
    refused(401, "M_UNKNOWN_TOKEN", wrong.get(CHANNELS).await);
    assert!(items(&alice.messages(&channel, "").await).is_empty());
}

#[tokio::test]
async fn user_header_alone_does_not_count_through_a_proxy() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let alone = || {
        let caller = world.daarion.anonymous();
        caller.with_header("x-user-id", &alice.id())
    };
    answered(200, alone().get(CHANNELS).await);
    for (header, value) in [
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-proto", "https"),
        ("host", "city.example.org"),
    ] {
        let caller = alone().with_header(header, value);
        refused(401, "M_MISSING_TOKEN", caller.get(CHANNELS).await);
        let token = caller.with_header("x-internal-service-token", world.daarion.secret());
        answered(200, token.get(CHANNELS).await);
    }
}

#[tokio::test]
async fn many_senders_at_once_lose_nothing() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let channel = alice.channel(json!({})).await;
    bob.matrix.join(room_of(&channel)).await;
    let api = async || {
        for number in 0..20 {
            alice.say(&channel, &format!("api {number}")).await;
        }
    };
    let matrix = async || {
        for number in 0..20 {
            let body = format!("matrix {number}");
            bob.matrix.send_text(room_of(&channel), &body).await;
        }
    };
    tokio::join!(api(), matrix());
    let page = eventually("forty messages", async || {
        let page = alice.messages(&channel, "limit=200&order=asc").await;
        (items(&page).len() >= 40).then_some(page)
    })
    .await;
    for kind in ["api", "matrix"] {
        let said = column(&page, "content_preview").into_iter();
        let said: Vec<_> = said.filter(|text| text.starts_with(kind)).collect();
        let expected: Vec<_> = (0..20).map(|number| format!("{kind} {number}")).collect();
        assert_eq!(said, expected, "each once and in order");
    }
}
