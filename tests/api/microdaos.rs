//! Microdaos: groups of channels, of which nobody learns more than of their channels.

use serde_json::{Value, json};

use crate::daarion::{World, shared_world};
use crate::homeserver::{path, unique};
use crate::support::{
    Person, answered, column, eventually, items, path_of, refused, room_of, text,
};

const MICRODAOS: &str = "/api/messaging/microdaos";
const CHANNELS: &str = "/api/messaging/channels";

fn place(id: &str) -> String {
    path(&["api", "messaging", "microdaos", id])
}

async fn channel_in(person: &Person, microdao: &str, visibility: &str) -> Value {
    person
        .channel(json!({ "microdao_id": microdao, "visibility": visibility }))
        .await
}

#[tokio::test]
async fn microdao_is_there_with_its_first_channel_and_named_by_its_maker() {
    let world = shared_world().await;
    let (alice, bob) = (
        Person::new(world, "alice").await,
        Person::new(world, "bob").await,
    );
    let id = format!("microdao:{}", unique("garden"));
    let unknown = refused(404, "M_NOT_FOUND", alice.api.get(&place(&id)).await);
    let first = channel_in(&alice, &id, "public").await;
    let found = answered(200, bob.api.get(&place(&id)).await);
    assert_eq!(found["name"], id.trim_start_matches("microdao:"));
    assert_eq!(found["created_by"], alice.id());
    assert_eq!(
        (&found["channels"], &found["members"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(found["matrix_room_id"], Value::Null);
    // Whoever made the first channel names it, and nobody else.
    let patch = json!({ "name": "Сад", "description": "Про рослини" });
    refused(
        403,
        "M_FORBIDDEN",
        bob.api.patch(&place(&id), patch.clone()).await,
    );
    let new = json!({ "id": id, "name": "Мій сад" });
    refused(409, "CONFLICT", bob.api.post(MICRODAOS, new).await);
    let named = answered(200, alice.api.patch(&place(&id), patch).await);
    assert_eq!(
        (&named["name"], &named["description"]),
        (&json!("Сад"), &json!("Про рослини"))
    );
    // Matrix clients see a space with the public channels in it.
    let space = text(&named["matrix_room_id"]).to_owned();
    let create = alice.matrix.state_event(&space, "m.room.create", "").await;
    assert_eq!(create.expect("a creation")["type"], "m.space");
    let child = async |room: &str| {
        alice
            .matrix
            .state_event(&space, "m.space.child", room)
            .await
    };
    assert!(
        child(room_of(&first))
            .await
            .is_some_and(|it| it["via"].is_array())
    );
    let second = channel_in(&bob, &id, "public").await;
    assert!(
        child(room_of(&second))
            .await
            .is_some_and(|it| it["via"].is_array())
    );
    let hidden = channel_in(&bob, &id, "private").await;
    assert_eq!(child(room_of(&hidden)).await, None);
    let close = json!({ "visibility": "private" });
    answered(200, bob.api.patch(&path_of(&second), close).await);
    assert_eq!(child(room_of(&second)).await, Some(json!({})));
    // Also when it is done in another client.
    let rules = json!({ "join_rule": "invite" });
    let room = room_of(&first);
    alice
        .matrix
        .set_state(room, "m.room.join_rules", "", rules)
        .await;
    eventually("a space without the room", async || {
        (child(room).await == Some(json!({}))).then_some(())
    })
    .await;
    // What an owner calls it in any client, it is called here.
    alice
        .matrix
        .set_state(&space, "m.room.name", "", json!({ "name": "Город" }))
        .await;
    eventually("the other name", async || {
        let found = answered(200, bob.api.get(&place(&id)).await);
        (found["name"] == "Город").then_some(())
    })
    .await;
    refused(
        403,
        "M_FORBIDDEN",
        bob.api.patch(&place(&id), json!({ "name": "Ліс" })).await,
    );
    let nowhere = place("microdao:nowhere-at-all");
    let words = refused(404, "M_NOT_FOUND", alice.api.get(&nowhere).await);
    assert_eq!(words.replace("microdao:nowhere-at-all", &id), unknown);
}

#[tokio::test]
async fn nothing_of_private_channels_shows_in_what_is_counted() {
    let world = shared_world().await;
    let (alice, stranger) = (
        Person::new(world, "alice").await,
        Person::new(world, "stranger").await,
    );
    let member = Person::new(world, "member").await;
    let id = format!("microdao:{}", unique("cellar"));
    let open = channel_in(&alice, &id, "public").await;
    let hidden = channel_in(&alice, &id, "private").await;
    alice
        .matrix
        .invite(room_of(&hidden), member.user_id())
        .await;
    member.matrix.join(room_of(&hidden)).await;
    eventually("the member", async || {
        let found = answered(200, member.api.get(&place(&id)).await);
        (found["channels"] == 2 && found["members"] == 2).then_some(())
    })
    .await;
    let found = answered(200, stranger.api.get(&place(&id)).await);
    assert_eq!(
        (&found["channels"], &found["members"]),
        (&json!(1), &json!(1))
    );
    let listed = answered(
        200,
        stranger.api.get(&format!("{}/channels", place(&id))).await,
    );
    assert_eq!(column(&listed, "id"), [text(&open["id"])]);
    let people = answered(
        200,
        stranger.api.get(&format!("{}/members", place(&id))).await,
    );
    assert_eq!(column(&people, "member_id"), [alice.id()]);
    let people = answered(
        200,
        member.api.get(&format!("{}/members", place(&id))).await,
    );
    assert_eq!(column(&people, "member_id"), [alice.id(), member.id()]);
    assert_eq!(people["items"][0]["channels"], 2);
    // One whose channels are all private does not exist for a stranger.
    let secret = format!("microdao:{}", unique("vault"));
    let made = channel_in(&alice, &secret, "private").await;
    refused(404, "M_NOT_FOUND", stranger.api.get(&place(&secret)).await);
    for more in ["channels", "members"] {
        let list = format!("{}/{more}", place(&secret));
        refused(404, "M_NOT_FOUND", stranger.api.get(&list).await);
    }
    let patch = json!({ "name": "Сховище" });
    refused(
        404,
        "M_NOT_FOUND",
        stranger.api.patch(&place(&secret), patch.clone()).await,
    );
    // Nor does anybody get into it by a channel of their own, before it is named and after.
    let intrude = async || {
        let own = json!({ "name": "Своє", "slug": unique("own"), "microdao_id": secret });
        let words = refused(409, "CONFLICT", stranger.api.post(CHANNELS, own).await);
        assert_eq!(words, format!("{secret} exists already"));
        let room = stranger
            .matrix
            .create_room(json!({ "name": "Кімната" }))
            .await;
        let own = json!({ "room": room, "slug": unique("own"), "microdao_id": secret });
        let adopting = stranger.api.post(&format!("{CHANNELS}/adopt"), own).await;
        refused(409, "CONFLICT", adopting);
        refused(404, "M_NOT_FOUND", stranger.api.get(&place(&secret)).await);
    };
    intrude().await;
    let named = answered(200, alice.api.patch(&place(&secret), patch).await);
    assert_eq!(named["visibility"], "private");
    intrude().await;
    alice
        .matrix
        .invite(room_of(&made), stranger.user_id())
        .await;
    eventually("the microdao of an invitation", async || {
        let (status, _) = stranger.api.get(&place(&secret)).await;
        (status == 200).then_some(())
    })
    .await;
    // Whoever knows of it makes channels there.
    channel_in(&stranger, &secret, "private").await;
}

#[tokio::test]
async fn city_is_a_microdao_that_is_always_there() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let city = answered(200, alice.api.get(&place("microdao:daarion")).await);
    assert_eq!(
        city["name"],
        answered(200, alice.api.get("/api/city").await)["name"]
    );
    assert_eq!(
        (&city["created_by"], &city["created_at"]),
        (&Value::Null, &Value::Null)
    );
    let patch = alice
        .api
        .patch(&place("microdao:daarion"), json!({ "name": "Село" }))
        .await;
    refused(403, "M_FORBIDDEN", patch);
    let new = json!({ "id": "microdao:daarion" });
    refused(409, "CONFLICT", alice.api.post(MICRODAOS, new).await);
    let bad = alice.api.post(MICRODAOS, json!({ "id": "daarion" })).await;
    assert!(refused(400, "M_INVALID_PARAM", bad).starts_with("id"));
}

#[tokio::test]
async fn named_microdaos_are_listed_page_by_page() {
    let world = shared_world().await;
    let (alice, bob) = (
        Person::new(world, "alice").await,
        Person::new(world, "bob").await,
    );
    let mut ids = Vec::new();
    for visibility in ["public", "private", "public"] {
        let id = format!("microdao:{}", unique("club"));
        let new = json!({ "id": id, "name": "Клуб", "visibility": visibility });
        let made = answered(201, alice.api.post(MICRODAOS, new).await);
        assert_eq!((&made["id"], &made["channels"]), (&json!(id), &json!(0)));
        ids.push(id);
    }
    let all = async |person: &Person| {
        let (mut all, mut from) = (Vec::new(), String::new());
        loop {
            let page = person.api.get(&format!("{MICRODAOS}?limit=2{from}")).await;
            let page = answered(200, page);
            assert!(items(&page).len() <= 2);
            all.extend(column(&page, "id").into_iter().map(str::to_owned));
            let Some(next) = page["next"].as_str() else {
                return all;
            };
            from = format!("&cursor={next}");
        }
    };
    let of_alice = all(&alice).await;
    assert!(of_alice.is_sorted());
    assert!(ids.iter().all(|id| of_alice.contains(id)), "{of_alice:?}");
    let of_bob = all(&bob).await;
    assert!(
        of_bob.contains(&ids[0]) && !of_bob.contains(&ids[1]),
        "{of_bob:?}"
    );
    assert!(of_bob.contains(&"microdao:daarion".to_owned()));
    let again = json!({ "id": ids[0] });
    refused(409, "CONFLICT", bob.api.post(MICRODAOS, again).await);
}

#[tokio::test]
async fn name_of_a_microdao_outlives_the_loss_of_our_data() {
    let world = World::start().await;
    let alice = Person::named(&world, "alice").await;
    let id = "microdao:orchard";
    channel_in(&alice, id, "public").await;
    let patch = json!({ "name": "Сад", "description": "Про дерева" });
    let named = answered(200, alice.api.patch(&place(id), patch).await);
    world.daarion.terminate().await;
    std::fs::remove_file(world.daarion.data_dir().join("daarion.redb")).expect("removed");
    world.daarion.launch().await;
    let found = eventually("the microdao", async || {
        let (status, found) = alice.api.get(&place(id)).await;
        (status == 200 && found["matrix_room_id"] != Value::Null).then_some(found)
    })
    .await;
    for field in [
        "name",
        "description",
        "visibility",
        "created_by",
        "created_at",
        "matrix_room_id",
    ] {
        assert_eq!(found[field], named[field], "{field}");
    }
}
