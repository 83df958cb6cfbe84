//! Invite links: good for whom they are made, for as long, and for as many.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::daarion::{World, shared_world};
use crate::homeserver::path;
use crate::support::{
    Person, answered, column, eventually, items, path_of, refused, room_of, text,
};

fn links_of(channel: &Value) -> String {
    format!("{}/invite-links", path_of(channel))
}

fn invite(code: &str) -> String {
    path(&["api", "invites", code])
}

async fn link(person: &Person, channel: &Value, terms: Value) -> Value {
    answered(201, person.api.post(&links_of(channel), terms).await)
}

async fn accept(person: &Person, link: &Value) -> (reqwest::StatusCode, Value) {
    let place = format!("{}/accept", invite(text(&link["code"])));
    person.api.post(&place, Value::Null).await
}

async fn people(world: &World, count: usize) -> Vec<Person> {
    join_all((0..count).map(|_| Person::new(world, "guest"))).await
}

#[tokio::test]
async fn who_follows_a_link_is_in_the_channel() {
    let world = shared_world().await;
    let (alice, bob) = (
        Person::new(world, "alice").await,
        Person::new(world, "bob").await,
    );
    let hidden = json!({ "name": "Таємна рада", "visibility": "private" });
    let channel = alice.channel(hidden).await;
    refused(
        404,
        "M_NOT_FOUND",
        bob.api.post(&links_of(&channel), json!({})).await,
    );
    let made = link(
        &alice,
        &channel,
        json!({ "expires_in": 3600, "max_uses": 5 }),
    )
    .await;
    assert_eq!((&made["uses"], &made["max_uses"]), (&json!(0), &json!(5)));
    assert_eq!(made["created_by"], alice.id());
    let code = text(&made["code"]);
    // Whoever has the code sees where it leads, signed in or not.
    let anybody = world.daarion.anonymous();
    let leads = answered(200, anybody.get(&invite(code)).await);
    assert_eq!(leads["channel_name"], "Таємна рада");
    assert_eq!(leads["invited_by"], alice.id());
    for _ in 0..2 {
        let entered = answered(200, accept(&bob, &made).await);
        assert_eq!(entered["channel_id"], channel["id"]);
    }
    let found = answered(200, bob.api.get(&path_of(&channel)).await);
    assert_eq!(found["membership"], "joined");
    bob.say(&channel, "Вітаю").await;
    alice.matrix.wait_for_text(room_of(&channel), "Вітаю").await;
    // Counted once; the code is nowhere to be seen again. Members without the right make none.
    let listed = answered(200, alice.api.get(&links_of(&channel)).await);
    assert_eq!(items(&listed).len(), 1);
    assert_eq!(listed["items"][0]["uses"], 1);
    assert!(!listed.to_string().contains(code), "{listed}");
    refused(403, "M_FORBIDDEN", bob.api.get(&links_of(&channel)).await);
    refused(
        403,
        "M_FORBIDDEN",
        bob.api.post(&links_of(&channel), json!({})).await,
    );
}

#[tokio::test]
async fn links_that_lead_nowhere_are_told_apart_by_nobody() {
    let world = shared_world().await;
    let (alice, maker) = (
        Person::new(world, "alice").await,
        Person::new(world, "maker").await,
    );
    let guests = people(world, 2).await;
    let channel = alice.channel(json!({ "visibility": "private" })).await;
    let room = room_of(&channel);
    let unknown = refused(
        404,
        "M_NOT_FOUND",
        guests[0].api.get(&invite("nonsense")).await,
    );
    let is_dead = async |made: &Value| {
        let looked = guests[0].api.get(&invite(text(&made["code"]))).await;
        assert_eq!(refused(404, "M_NOT_FOUND", looked), unknown);
        assert_eq!(
            refused(404, "M_NOT_FOUND", accept(&guests[0], made).await),
            unknown
        );
    };
    let revoked = link(&alice, &channel, json!({})).await;
    let place = format!("{}/{}", links_of(&channel), text(&revoked["id"]));
    let (status, _) = alice.api.delete(&place).await;
    assert_eq!(status, 204);
    refused(404, "M_NOT_FOUND", alice.api.delete(&place).await);
    is_dead(&revoked).await;
    let short = link(&alice, &channel, json!({ "expires_in": 1 })).await;
    eventually("the end of a link", async || {
        let (status, _) = guests[0].api.get(&invite(text(&short["code"]))).await;
        (status == 404).then_some(())
    })
    .await;
    is_dead(&short).await;
    let single = link(&alice, &channel, json!({ "max_uses": 1 })).await;
    answered(200, accept(&guests[1], &single).await);
    is_dead(&single).await;
    // Whose maker may invite nobody any more.
    alice.matrix.invite(room, maker.user_id()).await;
    maker.matrix.join(room).await;
    let mut levels = alice
        .matrix
        .state_event(room, "m.room.power_levels", "")
        .await
        .expect("levels");
    levels["users"][maker.user_id()] = json!(50);
    alice
        .matrix
        .set_state(room, "m.room.power_levels", "", levels.clone())
        .await;
    let word = eventually("the maker's link", async || {
        let (status, made) = maker.api.post(&links_of(&channel), json!({})).await;
        (status == 201).then_some(made)
    })
    .await;
    answered(200, guests[0].api.get(&invite(text(&word["code"]))).await);
    levels["users"][maker.user_id()] = json!(0);
    alice
        .matrix
        .set_state(room, "m.room.power_levels", "", levels)
        .await;
    eventually("the end of the maker's right", async || {
        let (status, _) = guests[0].api.get(&invite(text(&word["code"]))).await;
        (status == 404).then_some(())
    })
    .await;
    is_dead(&word).await;
    // Terms are held to their bounds.
    for (terms, field) in [
        (json!({ "expires_in": 0 }), "expires_in"),
        (json!({ "max_uses": 0 }), "max_uses"),
    ] {
        let bad = alice.api.post(&links_of(&channel), terms).await;
        assert!(refused(400, "M_INVALID_PARAM", bad).starts_with(field));
    }
}

#[tokio::test]
async fn who_is_banned_does_not_come_by_a_link() {
    let world = shared_world().await;
    let (alice, mallory) = (
        Person::new(world, "alice").await,
        Person::new(world, "mallory").await,
    );
    let channel = alice.channel(json!({ "visibility": "private" })).await;
    let made = link(&alice, &channel, json!({ "max_uses": 1 })).await;
    // Before daarion has heard of it, it is the homeserver that refuses.
    alice.matrix.ban(room_of(&channel), mallory.user_id()).await;
    for _ in 0..2 {
        refused(403, "M_FORBIDDEN", accept(&mallory, &made).await);
    }
    let listed = answered(200, alice.api.get(&links_of(&channel)).await);
    assert_eq!(listed["items"][0]["uses"], 0);
    let bob = Person::new(world, "bob").await;
    answered(200, accept(&bob, &made).await);
}

#[tokio::test]
async fn link_for_three_lets_in_three_of_those_who_try_at_once() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let guests = people(world, 10).await;
    let channel = alice.channel(json!({ "visibility": "private" })).await;
    let made = link(&alice, &channel, json!({ "max_uses": 3 })).await;
    // Each twice, as an impatient client does.
    let tries = guests
        .iter()
        .chain(&guests)
        .map(|guest| accept(guest, &made));
    let answers = join_all(tries).await;
    let entered = answers.iter().filter(|(status, _)| *status == 200).count();
    assert!((3..=6).contains(&entered), "{answers:?}");
    let members = format!("{}/members?membership=joined", path_of(&channel));
    let members = answered(200, alice.api.get(&members).await);
    let came = guests
        .iter()
        .filter(|guest| column(&members, "member_id").contains(&guest.id().as_str()));
    assert_eq!(came.count(), 3);
    let listed = answered(200, alice.api.get(&links_of(&channel)).await);
    assert_eq!(listed["items"][0]["uses"], 3);
}

#[tokio::test]
async fn count_of_a_link_outlives_a_kill() {
    let world = World::start().await;
    let alice = Person::named(&world, "alice").await;
    let guests = people(&world, 6).await;
    let channel = alice.channel(json!({ "visibility": "private" })).await;
    let made = link(&alice, &channel, json!({ "max_uses": 3 })).await;
    let place = format!("{}/accept", invite(text(&made["code"])));
    let tries = guests.iter().map(|guest| {
        let place = &place;
        async move {
            let asked = guest.api.try_request(reqwest::Method::POST, place, None);
            let _ = asked.await;
        }
    });
    // Killed while they come.
    let kill = async {
        eventually("the first who came", async || {
            let (_, listed) = alice.api.get(&links_of(&channel)).await;
            (listed["items"][0]["uses"] != 0).then_some(())
        })
        .await;
        world.daarion.kill();
    };
    tokio::join!(join_all(tries), kill);
    world.daarion.launch().await;
    for guest in guests.iter().chain(&guests) {
        let (status, answer) = accept(guest, &made).await;
        assert!(status == 200 || status == 404, "{status} {answer}");
    }
    let members = format!("{}/members?membership=joined", path_of(&channel));
    let members = answered(200, alice.api.get(&members).await);
    let came = guests
        .iter()
        .filter(|guest| column(&members, "member_id").contains(&guest.id().as_str()));
    assert_eq!(came.count(), 3);
}
