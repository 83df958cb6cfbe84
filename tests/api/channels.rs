//! Channels as people look after them: changed, archived, adopted from rooms of others.

use reqwest::Method;
use serde_json::{Value, json};

use crate::daarion::shared_world;
use crate::homeserver::{path, unique};
use crate::support::{
    Person, answered, column, eventually, items, messages_of, path_of, refused, room_of, text,
};

const CHANNELS: &str = "/api/messaging/channels";

/// Whether the homeserver's directory of public rooms lists a room.
async fn is_listed(person: &Person, room: &str) -> bool {
    let place = path(&["_matrix", "client", "v3", "directory", "list", "room", room]);
    let (_, answer) = person.matrix.request(Method::GET, &place, None).await;
    answer["visibility"] == "public"
}

#[tokio::test]
async fn owner_changes_a_channel_and_matrix_shows_it() {
    let world = shared_world().await;
    let (alice, bob) = (
        Person::new(world, "alice").await,
        Person::new(world, "bob").await,
    );
    let channel = alice.channel(json!({})).await;
    let room = room_of(&channel);
    bob.matrix.join(room).await;
    let patch = json!({ "name": "Рада", "description": "Про все", "visibility": "private" });
    refused(
        403,
        "M_FORBIDDEN",
        bob.api.patch(&path_of(&channel), patch.clone()).await,
    );
    let changed = answered(200, alice.api.patch(&path_of(&channel), patch).await);
    assert_eq!(changed["name"], "Рада");
    assert_eq!(changed["description"], "Про все");
    assert_eq!(changed["visibility"], "private");
    let state = async |kind| {
        alice
            .matrix
            .state_event(room, kind, "")
            .await
            .expect("state")
    };
    assert_eq!(state("m.room.name").await["name"], "Рада");
    assert_eq!(state("m.room.topic").await["topic"], "Про все");
    assert_eq!(state("m.room.join_rules").await["join_rule"], "invite");
    assert!(!is_listed(&alice, room).await);
    // To a stranger it does not exist any more.
    let stranger = Person::new(world, "stranger").await;
    let unknown = path(&[
        "api",
        "messaging",
        "channels",
        "00000000-0000-4000-8000-000000000000",
    ]);
    let of_unknown = refused(
        404,
        "M_NOT_FOUND",
        stranger.api.patch(&unknown, json!({})).await,
    );
    let of_private = stranger.api.patch(&path_of(&channel), json!({})).await;
    let of_private = refused(404, "M_NOT_FOUND", of_private);
    let neutral = |words: String, id: &str| words.replace(id, "…");
    assert_eq!(
        neutral(of_private, text(&channel["id"])),
        neutral(of_unknown, "00000000-0000-4000-8000-000000000000")
    );
    // And back.
    let open = json!({ "visibility": "public" });
    let changed = answered(200, alice.api.patch(&path_of(&channel), open).await);
    assert_eq!(changed["visibility"], "public");
    assert_eq!(changed["name"], "Рада");
    assert!(is_listed(&alice, room).await);
    answered(200, stranger.api.get(&path_of(&channel)).await);
    // What is bad is named.
    let bad = alice
        .api
        .patch(&path_of(&channel), json!({ "name": "" }))
        .await;
    assert!(refused(400, "M_INVALID_PARAM", bad).starts_with("name"));
}

#[tokio::test]
async fn owner_archives_a_channel_and_takes_it_back() {
    let world = shared_world().await;
    let (alice, bob) = (
        Person::new(world, "alice").await,
        Person::new(world, "bob").await,
    );
    let channel = alice.channel(json!({})).await;
    bob.matrix.join(room_of(&channel)).await;
    let archive = format!("{}/archive", path_of(&channel));
    let unarchive = format!("{}/unarchive", path_of(&channel));
    refused(
        403,
        "M_FORBIDDEN",
        bob.api.post(&archive, Value::Null).await,
    );
    let archived = answered(200, alice.api.post(&archive, Value::Null).await);
    assert_eq!(archived["status"], "archived");
    let said = bob
        .api
        .post(&messages_of(&channel), json!({ "text": "Чи чути?" }))
        .await;
    refused(403, "M_FORBIDDEN", said);
    let patch = alice
        .api
        .patch(&path_of(&channel), json!({ "name": "Інша" }))
        .await;
    refused(409, "CONFLICT", patch);
    answered(200, alice.api.post(&archive, Value::Null).await);
    let again = answered(200, alice.api.post(&unarchive, Value::Null).await);
    assert_eq!(again["status"], "active");
    bob.say(&channel, "Чути").await;
    let stranger = Person::new(world, "stranger").await;
    let hidden = alice.channel(json!({ "visibility": "private" })).await;
    let hidden = format!("{}/archive", path_of(&hidden));
    refused(
        404,
        "M_NOT_FOUND",
        stranger.api.post(&hidden, Value::Null).await,
    );
}

#[tokio::test]
async fn room_of_others_becomes_a_channel_with_its_history() {
    let world = shared_world().await;
    let (alice, bob) = (
        Person::new(world, "alice").await,
        Person::new(world, "bob").await,
    );
    let name = unique("Стара-кімната");
    let room = alice
        .matrix
        .create_room(json!({ "preset": "private_chat", "name": name }))
        .await;
    alice.matrix.invite(&room, bob.user_id()).await;
    bob.matrix.join(&room).await;
    for number in 0..120 {
        alice
            .matrix
            .send_text(&room, &format!("давно {number}"))
            .await;
    }
    let slug = unique("old");
    let adopt = json!({ "room": room, "slug": slug, "microdao_id": "microdao:daarion" });
    let refused_words = refused(
        403,
        "M_FORBIDDEN",
        bob.api
            .post(&format!("{CHANNELS}/adopt"), adopt.clone())
            .await,
    );
    assert!(refused_words.contains("power"), "{refused_words}");
    let adopted = alice
        .api
        .post(&format!("{CHANNELS}/adopt"), adopt.clone())
        .await;
    let channel = answered(201, adopted);
    assert_eq!(channel["name"], name);
    assert_eq!(channel["slug"], slug);
    assert_eq!(channel["visibility"], "private");
    assert_eq!(channel["matrix_room_id"], room);
    assert_eq!(channel["created_by"], alice.id());
    let alias = format!("#{slug}-daarion:{}", world.homeserver.server_name());
    let (_, found) = alice
        .matrix
        .request(
            Method::GET,
            &path(&["_matrix", "client", "v3", "directory", "room", &alias]),
            None,
        )
        .await;
    assert_eq!(found["room_id"], room);
    eventually("the whole history", async || {
        let page = bob.messages(&channel, "limit=200").await;
        (items(&page).len() == 120).then_some(())
    })
    .await;
    let members = answered(
        200,
        bob.api.get(&format!("{}/members", path_of(&channel))).await,
    );
    assert!(column(&members, "member_id").contains(&bob.id().as_str()));
    // What is said there from now on is heard, and said by daarion it is heard there.
    let event = bob.matrix.send_text(&room, "тепер").await;
    alice.wait_for_message(&channel, &event, |_| true).await;
    alice.say(&channel, "чую").await;
    bob.matrix.wait_for_text(&room, "чую").await;
    // Once more it is one already.
    refused(
        409,
        "CONFLICT",
        alice.api.post(&format!("{CHANNELS}/adopt"), adopt).await,
    );
}

#[tokio::test]
async fn stranger_adopts_nothing_and_learns_nothing() {
    let world = shared_world().await;
    let (alice, mallory) = (
        Person::new(world, "alice").await,
        Person::new(world, "mallory").await,
    );
    let hidden = alice.channel(json!({ "visibility": "private" })).await;
    let foreign = alice
        .matrix
        .create_room(json!({ "preset": "private_chat" }))
        .await;
    let adopt = async |room: &str| {
        let body = json!({ "room": room, "slug": unique("stolen") });
        let answer = mallory.api.post(&format!("{CHANNELS}/adopt"), body).await;
        refused(404, "M_NOT_FOUND", answer).replace(room, "…")
    };
    let unknown = adopt("!nowhere").await;
    assert_eq!(adopt(room_of(&hidden)).await, unknown);
    assert_eq!(adopt(text(&hidden["matrix_room_alias"])).await, unknown);
    assert_eq!(adopt(&foreign).await, unknown);
    let odd = mallory
        .api
        .post(&format!("{CHANNELS}/adopt"), json!({ "room": "kitchen" }))
        .await;
    assert!(refused(400, "M_INVALID_PARAM", odd).starts_with("room"));
}

#[tokio::test]
async fn alias_that_is_taken_is_said_before_anything_is_done() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let channel = alice.channel(json!({})).await;
    let room = alice
        .matrix
        .create_room(json!({ "preset": "private_chat" }))
        .await;
    let body = json!({ "room": room, "slug": channel["slug"] });
    let adopted = alice.api.post(&format!("{CHANNELS}/adopt"), body).await;
    assert!(refused(409, "CONFLICT", adopted).contains("exists already"));
    let connector = format!("@daarion:{}", world.homeserver.server_name());
    let member = alice
        .matrix
        .state_event(&room, "m.room.member", &connector)
        .await;
    assert_eq!(member, None, "the connector stays outside");
}

#[tokio::test]
async fn encrypted_room_becomes_a_confidential_channel() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let content = json!({ "algorithm": "m.megolm.v1.aes-sha2" });
    let state = json!([{ "type": "m.room.encryption", "state_key": "", "content": content }]);
    let options = json!({ "preset": "private_chat", "initial_state": state });
    let room = alice.matrix.create_room(options).await;
    let said = alice.matrix.send_text(&room, "у відкриту").await;
    let body = json!({ "room": room, "slug": unique("quiet") });
    let adopted = alice.api.post(&format!("{CHANNELS}/adopt"), body).await;
    let channel = answered(201, adopted);
    assert_eq!(channel["confidential"], true);
    assert_eq!(channel["encryption"], "m.megolm.v1.aes-sha2");
    assert_eq!(channel["indexed"], false);
    assert!(text(&channel["why"]).contains("end-to-end encrypted"));
    let message = alice.wait_for_message(&channel, &said, |_| true).await;
    assert_eq!(message["content_preview"], "");
    let open = alice.channel(json!({})).await;
    assert_eq!(
        (&open["encryption"], &open["indexed"], &open["why"]),
        (&Value::Null, &json!(true), &Value::Null)
    );
}
