//! Messages that are edited, deleted, found again and swept away, and files that they carry.

use serde_json::{Value, json};

use crate::daarion::{DaarionOptions, World, WorldOptions, shared_world};
use crate::homeserver::MatrixUser;
use crate::stream::Stream;
use crate::support::{
    Person, answered, column, eventually, items, listed, message_path, messages_of, path_of,
    refused, room_of, text, time,
};

#[tokio::test]
async fn message_says_something_else_in_both_worlds() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let channel = alice.channel(json!({})).await;
    let room = room_of(&channel);
    bob.matrix.join(room).await;
    let body = json!({ "text": "Чернетка", "mentions": [bob.id()] });
    let said = alice.send(&channel, body).await;
    assert_eq!(said["edited"], false);
    assert_eq!(said["mentions"], json!([bob.id()]));
    assert_eq!(said["mentions_room"], false);
    let one = message_path(&channel, &said);
    let mut stream = Stream::open(&bob.api, &channel).await;

    let body = json!({
        "text": "**Чистовик**", "format": "markdown", "mentions": [bob.id(), alice.id()],
    });
    let edited = answered(200, alice.api.patch(&one, body).await);
    let mut expected = said.clone();
    expected["content_preview"] = json!("**Чистовик**");
    expected["edited"] = json!(true);
    expected["edited_at"] = edited["edited_at"].clone();
    expected["mentions"] = json!([bob.id(), alice.id()]);
    assert_eq!(edited, expected);
    assert!(time(&edited["edited_at"]) > time(&said["created_at"]));
    let page = alice.messages(&channel, "limit=1").await;
    assert_eq!(items(&page)[0], edited, "it is in the next list");
    let full = alice.messages(&channel, "limit=1&content=full").await;
    let html = text(&items(&full)[0]["content"]["formatted_body"]);
    assert!(html.contains("<strong>Чистовик</strong>"), "{html}");
    let frame = stream.next_of("message.updated").await;
    assert_eq!(frame["message_id"], said["id"]);
    assert_eq!(frame["content_preview"], "**Чистовик**");
    assert_eq!(frame["mentions"], edited["mentions"]);
    let seen = bob
        .matrix
        .wait_for_event(room, |it| {
            it["content"]["m.relates_to"]["rel_type"] == "m.replace"
        })
        .await;
    let content = &seen["content"];
    assert_eq!(seen["sender"], alice.user_id());
    assert_eq!(content["body"], "* **Чистовик**");
    assert_eq!(content["m.new_content"]["body"], "**Чистовик**");
    assert_eq!(content["m.relates_to"]["event_id"], said["matrix_event_id"]);
    let called = json!({ "user_ids": [alice.user_id()] });
    assert_eq!(content["m.mentions"], called, "only who is new");
    let called = json!({ "user_ids": [bob.user_id(), alice.user_id()] });
    assert_eq!(content["m.new_content"]["m.mentions"], called);

    // Twice within a millisecond the later one stands.
    for number in 0..3 {
        let body = json!({ "text": format!("Ще раз {number}") });
        answered(200, alice.api.patch(&one, body).await);
    }
    let page = alice.messages(&channel, "limit=1").await;
    assert_eq!(items(&page)[0]["content_preview"], "Ще раз 2");
    assert_eq!(items(&page)[0]["mentions"], json!([]));

    let other = json!({ "text": "Підробка" });
    refused(403, "M_FORBIDDEN", bob.api.patch(&one, other.clone()).await);
    for (body, field) in [
        (json!({ "text": " " }), "text"),
        (json!({ "text": "x", "mentions": ["nobody"] }), "mentions"),
    ] {
        let words = refused(400, "M_INVALID_PARAM", alice.api.patch(&one, body).await);
        assert!(words.starts_with(&format!("{field}: ")), "{words}");
    }
    // What a message is stays: the edit of one in a thread is in the thread.
    let body = json!({ "text": "У гілці", "thread_id": said["id"] });
    let reply = alice.send(&channel, body).await;
    let place = message_path(&channel, &reply);
    let reworded = answered(200, alice.api.patch(&place, other).await);
    assert_eq!(reworded["thread_id"], said["id"]);
}

#[tokio::test]
async fn message_is_deleted_by_its_author_or_whoever_may() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let carol = Person::new(world, "carol").await;
    let channel = alice.channel(json!({})).await;
    let room = room_of(&channel);
    for person in [&bob, &carol] {
        person.matrix.join(room).await;
    }
    let mut stream = Stream::open(&alice.api, &channel).await;
    let (own, other) = (
        bob.say(&channel, "Моє").await,
        bob.say(&channel, "Теж").await,
    );
    let (one, two) = (message_path(&channel, &own), message_path(&channel, &other));
    refused(403, "M_FORBIDDEN", carol.api.delete(&one).await);
    let long = format!("{one}?reason={}", "x".repeat(1_001));
    let words = refused(400, "M_INVALID_PARAM", bob.api.delete(&long).await);
    assert!(words.starts_with("reason: "), "{words}");
    answered(204, bob.api.delete(&format!("{one}?reason=Oops")).await);
    // Alice owns the channel.
    answered(204, alice.api.delete(&two).await);
    let page = alice.messages(&channel, "order=asc&content=full").await;
    for (message, said) in items(&page).iter().zip([&own, &other]) {
        assert_eq!(message["id"], said["id"]);
        assert_eq!(
            (&message["deleted"], &message["content_preview"]),
            (&json!(true), &json!(""))
        );
        assert_eq!(message["content"], Value::Null);
        let frame = stream.next_of("message.deleted").await;
        assert_eq!(frame["message_id"], said["id"]);
    }
    let seen = carol.matrix.wait_for_event(room, |it| {
        it["type"] == "m.room.redaction" && it["sender"] == bob.user_id()
    });
    let seen = seen.await;
    assert_eq!(seen["content"]["reason"], "Oops");
    assert_eq!(seen["content"]["redacts"], own["matrix_event_id"]);

    for (method, answer) in [
        ("delete", bob.api.delete(&one).await),
        ("edit", bob.api.patch(&one, json!({ "text": "Знов" })).await),
    ] {
        let words = refused(409, "CONFLICT", answer);
        assert!(words.ends_with("is deleted"), "{method}: {words}");
    }
    let nowhere = json!({ "id": "00000000-0000-4000-8000-000000000000" });
    let nowhere = message_path(&channel, &nowhere);
    refused(404, "M_NOT_FOUND", bob.api.delete(&nowhere).await);
    let edit = json!({ "text": "Нема" });
    refused(404, "M_NOT_FOUND", bob.api.patch(&nowhere, edit).await);
}

#[tokio::test]
async fn archived_room_takes_no_more_and_lets_go() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let room = alice.city_room(json!({})).await;
    let said = alice.say(&room, "Прощавайте").await;
    let archive = format!("/api/city/rooms/{}/archive", text(&room["slug"]));
    answered(200, alice.api.post(&archive, json!({})).await);
    let one = message_path(&room, &said);
    let react = format!("{one}/reactions/x");
    let pin = format!("{}/pins/{}", path_of(&room), text(&said["id"]));
    for answer in [
        alice.api.patch(&one, json!({ "text": "Ні" })).await,
        alice.api.put(&react, Value::Null).await,
        alice.api.put(&pin, Value::Null).await,
    ] {
        let words = refused(403, "M_FORBIDDEN", answer);
        assert_eq!(words, "the channel is archived");
    }
    answered(204, alice.api.delete(&one).await);
}

/// A picture that a person's own client has uploaded.
async fn upload(user: &MatrixUser) -> String {
    let request = user
        .client
        .builder(
            reqwest::Method::POST,
            "/_matrix/media/v3/upload?filename=cat.png",
        )
        .bearer_auth(&user.access_token)
        .header("content-type", "image/png")
        .body(b"a picture".to_vec());
    let answer = crate::homeserver::http::exchange(request, None).await;
    let (status, body) = answer.expect("the homeserver answers");
    assert_eq!(status, 200, "{body}");
    text(&body["content_uri"]).to_owned()
}

#[tokio::test]
async fn file_is_sent_by_its_address() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let channel = alice.channel(json!({})).await;
    let room = room_of(&channel);
    bob.matrix.join(room).await;
    let url = upload(&alice.matrix).await;
    let mut stream = Stream::open(&bob.api, &channel).await;
    let media = json!({
        "url": url, "filename": "cat.png", "mimetype": "image/png", "size": 9,
        "width": 4, "height": 3,
    });
    let sent = alice
        .send(&channel, json!({ "text": "", "media": media }))
        .await;
    assert_eq!(sent["msgtype"], "m.image");
    assert_eq!(sent["content_preview"], "cat.png");
    let shown = json!({ "url": url, "mimetype": "image/png", "size": 9 });
    assert_eq!(sent["media"], shown);
    let frame = stream.next_of("media.uploaded").await;
    assert_eq!(frame["message"], sent);
    let seen = bob.matrix.wait_for_text(room, "cat.png").await;
    let info = json!({ "mimetype": "image/png", "size": 9, "w": 4, "h": 3 });
    assert_eq!(seen["content"]["info"], info);
    assert_eq!(seen["content"]["url"], url);
    let page = alice.messages(&channel, "limit=1").await;
    assert_eq!(items(&page)[0], sent);

    // With words about it, as a kind of one's own choice, in a thread.
    let body = json!({
        "text": "**Кіт**", "format": "markdown", "thread_id": sent["id"],
        "media": { "url": url, "kind": "file" },
    });
    let said = alice.send(&channel, body).await;
    assert_eq!(
        (&said["msgtype"], &said["content_preview"]),
        (&json!("m.file"), &json!("**Кіт**"))
    );
    let seen = bob.matrix.wait_for_text(room, "**Кіт**").await;
    assert_eq!(seen["content"]["filename"], "file");
    assert_eq!(seen["content"]["formatted_body"], "<strong>Кіт</strong>");

    let place = message_path(&channel, &said);
    let edit = alice.api.patch(&place, json!({ "text": "Пес" })).await;
    refused(409, "CONFLICT", edit);
    for (media, field) in [
        (json!({ "url": "https://example.org/cat.png" }), "media.url"),
        (json!({ "url": "mxc://test.localhost/../x" }), "media.url"),
        (json!({ "url": url, "filename": "a\nb" }), "media.filename"),
        (json!({ "url": url, "mimetype": "" }), "media.mimetype"),
        (
            json!({ "url": url, "size": 9_007_199_254_740_992_u64 }),
            "media.size",
        ),
    ] {
        let body = json!({ "text": "", "media": media });
        let answer = alice.api.post(&messages_of(&channel), body).await;
        let words = refused(400, "M_INVALID_PARAM", answer);
        assert!(words.starts_with(&format!("{field}: ")), "{words}");
    }
    let words = refused(
        400,
        "M_INVALID_PARAM",
        alice
            .api
            .post(&messages_of(&channel), json!({ "text": "" }))
            .await,
    );
    assert!(words.starts_with("text: "), "{words}");
}

#[tokio::test]
async fn file_of_a_message_is_shown_to_whoever_may_read_it() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let channel = alice.channel(json!({ "visibility": "private" })).await;
    let invited = json!({ "member_id": bob.id() });
    answered(
        201,
        alice
            .api
            .post(&format!("{}/members", path_of(&channel)), invited)
            .await,
    );
    bob.matrix.join(room_of(&channel)).await;
    let media = json!({ "url": upload(&alice.matrix).await, "mimetype": "image/png" });
    let sent = alice
        .send(&channel, json!({ "text": "", "media": media }))
        .await;
    let file = format!("{}/file", message_path(&channel, &sent));

    let addresses = answered(200, bob.api.get(&file).await);
    let anybody = world.daarion.anonymous();
    let shown = anybody.builder(reqwest::Method::GET, text(&addresses["url"]));
    let shown = shown.send().await.expect("daarion answers");
    assert_eq!(shown.headers()["content-type"], "image/png");
    assert_eq!(shown.bytes().await.expect("the file"), "a picture");
    assert!(time(&addresses["expires_at"]) > time(&sent["created_at"]));

    let words = refused(401, "M_MISSING_TOKEN", anybody.get(&file).await);
    assert!(!words.contains("file"), "{words}");
    let stranger = Person::new(world, "stranger").await;
    let words = refused(404, "M_NOT_FOUND", stranger.api.get(&file).await);
    assert!(words.starts_with("no channel "), "{words}");
    let removal = format!("{}/members/{}", path_of(&channel), bob.id());
    answered(204, alice.api.delete(&removal).await);
    refused(404, "M_NOT_FOUND", bob.api.get(&file).await);

    let words = alice.say(&channel, "Слова").await;
    let none = format!("{}/file", message_path(&channel, &words));
    refused(404, "M_NOT_FOUND", alice.api.get(&none).await);
    answered(204, alice.api.delete(&message_path(&channel, &sent)).await);
    refused(404, "M_NOT_FOUND", alice.api.get(&file).await);
}

#[tokio::test]
async fn message_is_found_among_others_and_by_its_time() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let channel = alice.channel(json!({})).await;
    let mut said = Vec::new();
    for number in 0..7 {
        said.push(alice.say(&channel, &format!("Слово {number}")).await);
        // Each at a time of its own.
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    let id = |at: usize| text(&said[at]["id"]).to_owned();
    let context = format!("{}/context", message_path(&channel, &said[3]));
    let found = answered(
        200,
        alice.api.get(&format!("{context}?before=2&after=2")).await,
    );
    assert_eq!(found["message"], said[3]);
    let side = |name: &str| {
        let side = found[name].as_array().expect("a list").iter();
        side.map(|it| text(&it["id"]).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(side("before"), [id(2), id(1)]);
    assert_eq!(side("after"), [id(4), id(5)]);
    let older = format!("cursor={}", text(&found["older"]));
    assert_eq!(
        column(&alice.messages(&channel, &older).await, "id"),
        [id(0)]
    );
    let newer = format!("order=asc&cursor={}", text(&found["newer"]));
    assert_eq!(
        column(&alice.messages(&channel, &newer).await, "id"),
        [id(6)]
    );
    let all = answered(200, alice.api.get(&context).await);
    assert_eq!((&all["older"], &all["newer"]), (&Value::Null, &Value::Null));
    let none = answered(
        200,
        alice.api.get(&format!("{context}?before=0&after=0")).await,
    );
    assert_eq!((&none["before"], &none["after"]), (&json!([]), &json!([])));
    let words = refused(
        400,
        "M_INVALID_PARAM",
        alice.api.get(&format!("{context}?after=101")).await,
    );
    assert!(words.starts_with("after: "), "{words}");

    let at = text(&said[3]["created_at"]);
    let from = alice
        .messages(&channel, &format!("at={at}&order=asc&limit=2"))
        .await;
    assert_eq!(column(&from, "id"), [id(3), id(4)]);
    let on = format!("order=asc&cursor={}", text(&from["next"]));
    assert_eq!(
        column(&alice.messages(&channel, &on).await, "id"),
        [id(5), id(6)]
    );
    let until = alice.messages(&channel, &format!("at={at}&limit=2")).await;
    assert_eq!(column(&until, "id"), [id(3), id(2)]);
    let later = alice
        .messages(&channel, "at=2999-01-01T00:00:00Z&order=asc")
        .await;
    assert_eq!(later, json!({ "items": [], "next": null }));
    for bad in ["at=yesterday", "at=", &format!("at={at}&cursor={}", id(1))] {
        let answer = alice
            .api
            .get(&format!("{}?{bad}", messages_of(&channel)))
            .await;
        refused(400, "M_INVALID_PARAM", answer);
    }
}

#[tokio::test]
async fn message_has_addresses_that_lead_to_it() {
    let options = WorldOptions {
        daarion: DaarionOptions::default().set("listen.public_url", "\"https://city.example/\""),
        ..WorldOptions::default()
    };
    let world = World::start_with(options).await;
    let alice = Person::new(&world, "alice").await;
    let room = alice.city_room(json!({})).await;
    let channel = alice.channel(json!({})).await;
    for (place, page) in [
        (&room, format!("/city/{}", text(&room["slug"]))),
        (&channel, format!("/channels/{}", text(&channel["id"]))),
    ] {
        let said = alice.say(place, "Тут").await;
        let one = answered(200, alice.api.get(&message_path(place, &said)).await);
        let page = format!("https://city.example{page}?message={}", text(&said["id"]));
        assert_eq!(one["links"]["page"], page);
        let escaped = |id: &Value| {
            text(id)
                .replace('!', "%21")
                .replace(':', "%3A")
                .replace('$', "%24")
        };
        let (at, event) = (
            escaped(&place["matrix_room_id"]),
            escaped(&said["matrix_event_id"]),
        );
        let link = format!("https://matrix.to/#/{at}/{event}?via=test.localhost");
        assert_eq!(one["links"]["matrix_to"], link);
        assert_eq!(listed(one), said);
    }
}

#[tokio::test]
async fn all_that_somebody_said_is_deleted_at_once() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let channel = alice.channel(json!({})).await;
    let room = room_of(&channel);
    bob.matrix.join(room).await;
    let kept = alice.say(&channel, "Моє лишається").await;
    let first = bob.say(&channel, "Спам 0").await;
    for number in 1..12 {
        bob.say(&channel, &format!("Спам {number}")).await;
    }
    let place = format!("{}/delete", messages_of(&channel));
    refused(404, "M_NOT_FOUND", alice.api.get(&place).await);
    let mine = json!({ "sender": alice.id() });
    refused(403, "M_FORBIDDEN", bob.api.post(&place, mine).await);
    refused(404, "M_NOT_FOUND", bob.api.get(&place).await);
    for (body, field) in [
        (json!({ "sender": "bob" }), "sender"),
        (
            json!({ "sender": bob.id(), "reason": "x".repeat(1_001) }),
            "reason",
        ),
    ] {
        let words = refused(400, "M_INVALID_PARAM", alice.api.post(&place, body).await);
        assert!(words.starts_with(&format!("{field}: ")), "{words}");
    }

    // Only what was said later than the first.
    let since = time(&first["created_at"]) + chrono::Duration::milliseconds(1);
    let body = json!({ "sender": bob.id(), "since": since.to_rfc3339(), "reason": "Спам" });
    let begun = answered(202, alice.api.post(&place, body).await);
    assert_eq!(begun["sender"], bob.id());
    let ended = async || {
        eventually("the end of it", async || {
            let job = answered(200, alice.api.get(&place).await);
            (job["state"] != "running").then_some(job)
        })
        .await
    };
    let job = ended().await;
    assert_eq!(
        (&job["state"], &job["deleted"]),
        (&json!("done"), &json!(11))
    );
    assert_eq!((&job["failed"], &job["error"]), (&json!([]), &Value::Null));
    assert!(time(&job["finished_at"]) >= time(&job["started_at"]));
    let left = async || {
        let page = alice.messages(&channel, "order=asc&limit=200").await;
        let left = items(&page).iter().filter(|it| it["deleted"] == false);
        left.map(|it| text(&it["id"]).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(left().await, [text(&kept["id"]), text(&first["id"])]);
    let body = json!({ "sender": bob.id() });
    answered(202, alice.api.post(&place, body.clone()).await);
    assert_eq!(ended().await["deleted"], 1);
    answered(202, alice.api.post(&place, body).await);
    assert_eq!(ended().await["deleted"], 0, "there is nothing left");
    assert_eq!(left().await, [text(&kept["id"])]);
    // And bob's own, by himself.
    bob.say(&channel, "Сам").await;
    let body = json!({ "sender": bob.id() });
    answered(202, bob.api.post(&place, body).await);
    eventually("the last of it", async || {
        (left().await.len() == 1).then_some(())
    })
    .await;
}
