//! Roles and power levels, in both worlds.

use serde_json::{Value, json};

use crate::daarion::shared_world;
use crate::stream::Stream;
use crate::support::{
    Person, answered, eventually, items, members_of, message_path, path_of, refused, room_of, text,
};
use crate::world::{becomes, empower, gather, level, member_path, seen};

#[tokio::test]
async fn role_is_the_same_in_both_worlds() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let channel = alice.channel(json!({})).await;
    let room = room_of(&channel);
    gather(&channel, &alice, &[&bob]).await;
    let owner = seen(&bob, &channel, &alice).await;
    assert_eq!(
        (&owner["role"], &owner["power_level"]),
        (&json!("owner"), &json!(100))
    );
    let member = seen(&alice, &channel, &bob).await;
    assert_eq!(
        (&member["role"], &member["power_level"]),
        (&json!("member"), &json!(0))
    );
    let mut stream = Stream::open(&bob.api, &channel).await;

    // Here, and so there.
    let set = async |by: &Person, whom: &Person, role: &str| {
        let place = member_path(&channel, whom);
        by.api.patch(&place, json!({ "role": role })).await
    };
    for (role, number) in [
        ("moderator", json!(50)),
        ("admin", json!(75)),
        ("guest", json!(-1)),
        ("member", Value::Null),
        ("owner", json!(100)),
    ] {
        let changed = answered(200, set(&alice, &bob, role).await);
        assert_eq!(changed["role"], role);
        let shown = if number.is_null() {
            json!(0)
        } else {
            number.clone()
        };
        assert_eq!(changed["power_level"], shown);
        assert_eq!(seen(&bob, &channel, &bob).await, changed);
        assert_eq!(level(&bob.matrix, room, bob.user_id()).await, number);
        let frame = stream.next_of("channel.roles_changed").await;
        assert_eq!(frame["by_matrix_id"], alice.user_id());
        assert_eq!(frame["default_power_level"], 0);
        let named = frame["roles"].as_array().expect("a list");
        let mine = named
            .iter()
            .find(|it| it["matrix_user_id"] == bob.user_id());
        assert_eq!(
            mine.map_or(Value::Null, |it| it["power_level"].clone()),
            number
        );
        let creator = &named[0];
        assert_eq!(creator["matrix_user_id"], "@daarion:test.localhost");
        assert_eq!(
            (&creator["power_level"], &creator["role"]),
            (&Value::Null, &json!("owner"))
        );
    }
    let page = answered(200, bob.api.get(&members_of(&channel)).await);
    let listed = items(&page).iter().find(|it| it["member_id"] == bob.id());
    assert_eq!(listed.expect("is listed")["role"], "owner");

    // An owner has nothing to say to another one, and may step down.
    refused(403, "M_FORBIDDEN", set(&alice, &bob, "member").await);
    answered(200, set(&bob, &bob, "moderator").await);
    // There, and so here.
    empower(&alice.matrix, room, bob.user_id(), 60).await;
    becomes(&alice, &channel, &bob, "power_level", json!(60)).await;
    assert_eq!(seen(&alice, &channel, &bob).await["role"], "moderator");
    empower(&alice.matrix, room, bob.user_id(), 99).await;
    becomes(&alice, &channel, &bob, "role", json!("admin")).await;
    empower(&alice.matrix, room, bob.user_id(), -7).await;
    becomes(&alice, &channel, &bob, "role", json!("guest")).await;
}

#[tokio::test]
async fn nobody_gives_what_they_have_not() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let carol = Person::new(world, "carol").await;
    let channel = alice.channel(json!({})).await;
    let room = room_of(&channel);
    gather(&channel, &alice, &[&bob, &carol]).await;
    let set = async |by: &Person, whom: &Person, role: &str| {
        let place = member_path(&channel, whom);
        by.api.patch(&place, json!({ "role": role })).await
    };
    let words = refused(403, "M_FORBIDDEN", set(&bob, &carol, "moderator").await);
    let expected = format!(
        "needs the power level 100 in this channel; {} has 0",
        bob.id()
    );
    assert_eq!(words, expected);
    // In a room where admins may set levels.
    let mut levels = alice
        .matrix
        .state_event(room, "m.room.power_levels", "")
        .await
        .expect("levels");
    levels["events"]["m.room.power_levels"] = json!(75);
    levels["users"][bob.user_id()] = json!(75);
    let kind = "m.room.power_levels";
    alice.matrix.set_state(room, kind, "", levels).await;
    becomes(&alice, &channel, &bob, "role", json!("admin")).await;
    refused(403, "M_FORBIDDEN", set(&bob, &carol, "owner").await);
    answered(200, set(&bob, &carol, "moderator").await);
    answered(200, set(&bob, &carol, "admin").await);
    refused(403, "M_FORBIDDEN", set(&bob, &carol, "member").await);
    refused(403, "M_FORBIDDEN", set(&bob, &alice, "member").await);
    refused(403, "M_FORBIDDEN", set(&bob, &bob, "owner").await);
    answered(200, set(&bob, &bob, "member").await);

    let words = refused(409, "CONFLICT", set(&alice, &alice, "member").await);
    assert!(words.contains("without an owner"), "{words}");
    answered(200, set(&alice, &carol, "owner").await);
    answered(200, set(&alice, &alice, "moderator").await);
    let stranger = Person::new(world, "dora").await;
    refused(404, "M_NOT_FOUND", set(&carol, &stranger, "member").await);
    let place = format!("{}/nobody", members_of(&channel));
    let body = json!({ "role": "member" });
    let words = refused(400, "M_INVALID_PARAM", carol.api.patch(&place, body).await);
    assert!(words.starts_with("entity: "), "{words}");
    refused(400, "M_BAD_JSON", set(&carol, &bob, "king").await);
    // Daarion itself is the creator of its rooms.
    let place = format!("{}/agent:daarion", members_of(&channel));
    let (status, daarion) = carol.api.get(&place).await;
    if status == 200 {
        assert_eq!(daarion["power_level"], Value::Null);
    }
}

#[tokio::test]
async fn creator_of_a_new_room_stays_what_they_are() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let room = alice
        .matrix
        .create_room(json!({
            "preset": "public_chat", "name": "Своя", "room_version": "12",
        }))
        .await;
    bob.matrix.join(&room).await;
    let daarion = "@daarion:test.localhost";
    alice.matrix.invite(&room, daarion).await;
    empower(&alice.matrix, &room, daarion, 100).await;
    empower(&alice.matrix, &room, bob.user_id(), 100).await;
    // A service subscribes to it, by which it becomes a channel.
    let join = json!({ "room_id": room, "user_id": daarion });
    let service = world.daarion.service();
    answered(200, service.post("/internal/matrix/join", join).await);
    let body = json!({ "room_id": room, "webhook_url": "https://hooks.example.org/x" });
    let subscribed = service
        .post("/internal/matrix/webhook/subscribe", body)
        .await;
    answered(200, subscribed);
    let channel = eventually("the channel", async || {
        let list = "/api/messaging/channels?kind=gateway&limit=200";
        let page = answered(200, alice.api.get(list).await);
        let found = items(&page)
            .iter()
            .find(|it| it["matrix_room_id"] == room.as_str());
        found.cloned()
    })
    .await;
    let creator = seen(&bob, &channel, &alice).await;
    assert_eq!(
        (&creator["role"], &creator["power_level"]),
        (&json!("owner"), &Value::Null)
    );
    let place = member_path(&channel, &alice);
    let demote = json!({ "role": "member" });
    for by in [&alice, &bob] {
        let words = refused(409, "CONFLICT", by.api.patch(&place, demote.clone()).await);
        assert!(words.contains("is a creator of the Matrix room"), "{words}");
    }
    refused(409, "CONFLICT", bob.api.delete(&place).await);
    let ban = format!("{}/bans/{}", path_of(&channel), alice.id());
    refused(409, "CONFLICT", bob.api.put(&ban, Value::Null).await);
    // And may change an owner.
    let place = member_path(&channel, &bob);
    let changed = answered(200, alice.api.patch(&place, demote).await);
    assert_eq!(changed["role"], "member");
    assert_eq!(
        level(&alice.matrix, &room, bob.user_id()).await,
        Value::Null
    );
}

#[tokio::test]
async fn what_the_room_demands_is_demanded_here() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let channel = alice.channel(json!({})).await;
    let room = room_of(&channel);
    gather(&channel, &alice, &[&bob]).await;
    let said = alice.say(&channel, "Слово").await;
    let own = bob.say(&channel, "Моє").await;
    let one = message_path(&channel, &said);
    let words = refused(403, "M_FORBIDDEN", bob.api.delete(&one).await);
    let expected = format!(
        "needs the power level 50 in this channel; {} has 0",
        bob.id()
    );
    assert_eq!(words, expected);
    let pin = format!("{}/pins/{}", path_of(&channel), text(&said["id"]));
    let words = refused(403, "M_FORBIDDEN", bob.api.put(&pin, Value::Null).await);
    assert_eq!(words, expected);

    // Only those with 10 may speak from now on, and only they react.
    let mut levels = alice
        .matrix
        .state_event(room, "m.room.power_levels", "")
        .await
        .expect("levels");
    levels["events_default"] = json!(10);
    let kind = "m.room.power_levels";
    alice.matrix.set_state(room, kind, "", levels).await;
    let messages = format!("{}/messages", path_of(&channel));
    let words = eventually("a refusal", async || {
        let body = json!({ "text": "Ще" });
        let (status, body) = bob.api.post(&messages, body).await;
        let words = body["message"].as_str().unwrap_or_default().to_owned();
        // Until it has reached us, the homeserver refuses.
        (status == 403 && words.starts_with("needs")).then_some(words)
    })
    .await;
    let expected = format!(
        "needs the power level 10 in this channel; {} has 0",
        bob.id()
    );
    assert_eq!(words, expected);
    let mine = message_path(&channel, &own);
    for answer in [
        bob.api
            .put(&format!("{one}/reactions/x"), Value::Null)
            .await,
        bob.api.patch(&mine, json!({ "text": "Інше" })).await,
        bob.api.delete(&mine).await,
    ] {
        assert_eq!(refused(403, "M_FORBIDDEN", answer), expected);
    }
    let place = member_path(&channel, &bob);
    answered(
        200,
        alice
            .api
            .patch(&place, json!({ "role": "moderator" }))
            .await,
    );
    bob.say(&channel, "Тепер можна").await;
    answered(204, bob.api.delete(&one).await);
}
