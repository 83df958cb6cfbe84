//! Rooms that are upgraded with a real Synapse: the channel goes along, and nothing forged does.

use reqwest::Method;
use serde_json::{Value, json};

use crate::daarion::{World, shared_world};
use crate::homeserver::{path, unique};
use crate::support::{
    Person, answered, column, eventually, items, message_path, messages_of, path_of, refused,
    room_of, text,
};

/// A channel whose room has version 11, where its owners may upgrade it.
async fn old_channel(person: &Person, options: Value) -> Value {
    let mut room = json!({ "room_version": "11", "name": "Стара" });
    crate::support::merge(&mut room, options);
    let room = person.matrix.create_room(room).await;
    let body = json!({ "room": room, "slug": unique("upgraded") });
    answered(
        201,
        person.api.post("/api/messaging/channels/adopt", body).await,
    )
}

/// Upgrades a room as any client does, and answers the new one.
async fn upgrade(person: &Person, room: &str, version: &str) -> String {
    let place = path(&["_matrix", "client", "v3", "rooms", room, "upgrade"]);
    let body = json!({ "new_version": version });
    let answer = person
        .matrix
        .request(Method::POST, &place, Some(body))
        .await;
    text(&answered(200, answer)["replacement_room"]).to_owned()
}

async fn moved(person: &Person, channel: &Value, to: &str) -> Value {
    eventually("the channel in its new room", async || {
        let found = answered(200, person.api.get(&path_of(channel)).await);
        (found["matrix_room_id"] == to).then_some(found)
    })
    .await
}

async fn heal(world: &World) {
    let healed = world.daarion.run_cli(&["heal"]).await;
    assert!(healed.status.success(), "{healed:?}");
}

#[tokio::test]
async fn channel_goes_along_when_its_room_is_upgraded() {
    let world = shared_world().await;
    let (alice, bob) = (
        Person::new(world, "alice").await,
        Person::new(world, "bob").await,
    );
    let channel = old_channel(&alice, json!({ "preset": "public_chat" })).await;
    let room = room_of(&channel).to_owned();
    bob.matrix.join(&room).await;
    let before = bob.matrix.send_text(&room, "у старій").await;
    bob.wait_for_message(&channel, &before, |_| true).await;
    let new = upgrade(&alice, &room, "12").await;
    let after = moved(&alice, &channel, &new).await;
    for field in [
        "id",
        "slug",
        "name",
        "matrix_room_alias",
        "visibility",
        "created_by",
    ] {
        assert_eq!(after[field], channel[field], "{field}");
    }
    assert_eq!(after["former_matrix_room_ids"], json!([room]));
    let alias = text(&channel["matrix_room_alias"]);
    let place = path(&["_matrix", "client", "v3", "directory", "room", alias]);
    let (_, found) = alice.matrix.request(Method::GET, &place, None).await;
    assert_eq!(found["room_id"], new);
    let state = alice
        .matrix
        .state_event(&new, "city.daarion.channel", "")
        .await;
    assert_eq!(state.expect("a mark")["id"], channel["id"]);
    // The history of both is one list, and what was said in the old room can be read in full.
    bob.matrix.join(&new).await;
    let said = bob.matrix.send_text(&new, "у новій").await;
    bob.wait_for_message(&channel, &said, |_| true).await;
    let page = bob.messages(&channel, "content=full&order=asc").await;
    assert_eq!(
        column(&page, "matrix_event_id"),
        [before.as_str(), said.as_str()]
    );
    assert_eq!(page["items"][0]["content"]["body"], "у старій");
    // Who came along is a member, and daarion speaks where everybody is.
    let members = answered(
        200,
        bob.api.get(&format!("{}/members", path_of(&channel))).await,
    );
    assert!(column(&members, "member_id").contains(&bob.id().as_str()));
    alice.say(&channel, "разом").await;
    bob.matrix.wait_for_text(&new, "разом").await;
}

#[tokio::test]
async fn members_of_a_private_channel_are_invited_after_it() {
    let world = shared_world().await;
    let (alice, bob) = (
        Person::new(world, "alice").await,
        Person::new(world, "bob").await,
    );
    let channel = old_channel(&alice, json!({ "preset": "private_chat" })).await;
    let room = room_of(&channel).to_owned();
    alice.matrix.invite(&room, bob.user_id()).await;
    bob.matrix.join(&room).await;
    eventually("bob in the channel", async || {
        let (status, found) = bob.api.get(&path_of(&channel)).await;
        (status == 200 && found["membership"] == "joined").then_some(())
    })
    .await;
    let new = upgrade(&alice, &room, "12").await;
    moved(&alice, &channel, &new).await;
    let found = answered(200, bob.api.get(&path_of(&channel)).await);
    assert_eq!(found["membership"], "invited");
    bob.matrix.join(&new).await;
    eventually("bob in the channel again", async || {
        let found = answered(200, bob.api.get(&path_of(&channel)).await);
        (found["membership"] == "joined").then_some(())
    })
    .await;
}

#[tokio::test]
async fn forged_upgrades_are_not_followed() {
    let world = shared_world().await;
    let (alice, mallory) = (
        Person::new(world, "alice").await,
        Person::new(world, "mallory").await,
    );
    let levels = json!({ "events": { "m.room.tombstone": 0 } });
    let options = json!({ "preset": "public_chat", "power_level_content_override": levels });
    let channel = old_channel(&alice, options).await;
    let room = room_of(&channel).to_owned();
    mallory.matrix.join(&room).await;
    let lure = async |predecessor: &str| {
        let before = json!({ "room_id": predecessor, "event_id": "$any" });
        let options = json!({
            "preset": "public_chat", "room_version": "11",
            "creation_content": { "predecessor": before },
        });
        mallory.matrix.create_room(options).await
    };
    let end = async |person: &Person, successor: &str| {
        let content = json!({ "body": "Сюди", "replacement_room": successor });
        person
            .matrix
            .set_state(&room, "m.room.tombstone", "", content)
            .await;
    };
    let stays = async || {
        heal(world).await;
        let found = answered(200, alice.api.get(&path_of(&channel)).await);
        assert_eq!(found["matrix_room_id"], room);
    };
    // The room lets anybody end it, but who does has no power in it.
    let both = lure(&room).await;
    end(&mallory, &both).await;
    stays().await;
    // The other room does not say that it took this one's place: the connector does not stay there.
    let other = lure("!another").await;
    end(&alice, &other).await;
    stays().await;
    let connector = format!("@daarion:{}", world.homeserver.server_name());
    let member = mallory
        .matrix
        .state_event(&other, "m.room.member", &connector)
        .await;
    assert!(member.is_none_or(|member| member["membership"] == "leave"));
    // What is said goes on in the old room.
    let said = mallory.matrix.send_text(&room, "тут").await;
    alice.wait_for_message(&channel, &said, |_| true).await;
    // And the truth is followed, whatever was claimed before.
    let new = upgrade(&alice, &room, "12").await;
    moved(&alice, &channel, &new).await;
}

#[tokio::test]
async fn upgrade_while_daarion_is_down_is_found() {
    let world = World::start().await;
    let (alice, bob) = (
        Person::named(&world, "alice").await,
        Person::named(&world, "bob").await,
    );
    let channel = old_channel(&alice, json!({ "preset": "public_chat" })).await;
    let room = room_of(&channel).to_owned();
    bob.matrix.join(&room).await;
    world.daarion.kill();
    let before = bob.matrix.send_text(&room, "ще в старій").await;
    let new = upgrade(&alice, &room, "12").await;
    bob.matrix.join(&new).await;
    let after = bob.matrix.send_text(&new, "уже в новій").await;
    world.daarion.launch().await;
    moved(&alice, &channel, &new).await;
    for event in [&before, &after] {
        alice.wait_for_message(&channel, event, |_| true).await;
    }
    // All of it is found again when nothing is left but the homeserver.
    let (known, messages) = (
        answered(200, alice.api.get(&path_of(&channel)).await),
        alice.messages(&channel, "limit=200").await,
    );
    world.daarion.terminate().await;
    std::fs::remove_file(world.daarion.data_dir().join("daarion.redb")).expect("removed");
    world.daarion.launch().await;
    eventually("the channel", async || {
        let (status, found) = alice.api.get(&path_of(&channel)).await;
        (status == 200 && found["matrix_room_id"] == known["matrix_room_id"]).then_some(())
    })
    .await;
    eventually("its messages", async || {
        let page = alice.messages(&channel, "limit=200").await;
        (column(&page, "id") == column(&messages, "id")).then_some(())
    })
    .await;
    assert_eq!(items(&messages).len(), 2);
}

#[tokio::test]
async fn what_was_said_before_can_be_taken_back_where_it_was_said() {
    let world = shared_world().await;
    let (alice, bob) = (
        Person::new(world, "alice").await,
        Person::new(world, "bob").await,
    );
    let channel = old_channel(&alice, json!({ "preset": "public_chat" })).await;
    let room = room_of(&channel).to_owned();
    bob.matrix.join(&room).await;
    let mut earlier = Vec::new();
    for text in ["перше", "друге"] {
        earlier.push(bob.say(&channel, text).await);
    }
    let own = alice.say(&channel, "третє").await;
    let liked = format!("{}/reactions/x", message_path(&channel, &own));
    answered(200, alice.api.put(&liked, json!({})).await);
    let new = upgrade(&alice, &room, "12").await;
    moved(&alice, &channel, &new).await;
    // What Matrix knows only inside of one room is refused as that.
    let edited = message_path(&channel, &own);
    let other = format!("{edited}/reactions/y");
    let thread = json!({ "text": "у гілку", "thread_id": own["id"] });
    for answer in [
        alice.api.patch(&edited, json!({ "text": "інше" })).await,
        alice.api.put(&other, json!({})).await,
        alice.api.post(&messages_of(&channel), thread).await,
    ] {
        let words = refused(409, "CONFLICT", answer);
        assert!(
            words.contains("before the channel's Matrix room"),
            "{words}"
        );
    }
    let reply = json!({ "text": "так", "reply_to": own["id"] });
    answered(201, alice.api.post(&messages_of(&channel), reply).await);
    // A link leads to where it is.
    let found = answered(200, alice.api.get(&edited).await);
    let link = text(&found["links"]["matrix_to"]);
    assert!(
        link.contains(&room.replace('!', "%21").replace(':', "%3A")),
        "{link}"
    );
    // Reactions and messages are taken back there.
    answered(200, alice.api.delete(&liked).await);
    let begun = json!({ "sender": bob.id() });
    let place = format!("{}/delete", messages_of(&channel));
    answered(202, alice.api.post(&place, begun).await);
    let done = eventually("the end of it", async || {
        let job = answered(200, alice.api.get(&place).await);
        (job["state"] == "done").then_some(job)
    })
    .await;
    assert_eq!((&done["deleted"], &done["failed"]), (&json!(2), &json!([])));
    for message in &earlier {
        let event = path(&[
            "_matrix",
            "client",
            "v3",
            "rooms",
            &room,
            "event",
            text(&message["matrix_event_id"]),
        ]);
        let (_, event) = alice.matrix.request(Method::GET, &event, None).await;
        assert_eq!(event["content"], json!({}), "{event}");
    }
}

#[tokio::test]
async fn who_is_banned_says_nothing_through_the_former_room() {
    let world = shared_world().await;
    let (alice, mallory) = (
        Person::new(world, "alice").await,
        Person::new(world, "mallory").await,
    );
    let levels = json!({ "users": { alice.user_id(): 100, mallory.user_id(): 50 } });
    let options = json!({ "preset": "public_chat", "power_level_content_override": levels });
    let channel = old_channel(&alice, options).await;
    let room = room_of(&channel).to_owned();
    mallory.matrix.join(&room).await;
    let before = mallory.matrix.send_text(&room, "до").await;
    alice.wait_for_message(&channel, &before, |_| true).await;
    let new = upgrade(&alice, &room, "12").await;
    moved(&alice, &channel, &new).await;
    // By a Matrix client, which knows of one room: the homeserver lets a moderator of the old one speak
    // there on.
    alice.matrix.ban(&new, mallory.user_id()).await;
    mallory.matrix.send_text(&room, "після").await;
    let after = alice.matrix.send_text(&new, "тихо").await;
    alice.wait_for_message(&channel, &after, |_| true).await;
    heal(world).await;
    let page = alice.messages(&channel, "order=asc").await;
    assert_eq!(column(&page, "matrix_event_id"), [before, after]);
    // Here it is one channel.
    let ban = format!("{}/bans/{}", path_of(&channel), mallory.id());
    answered(204, alice.api.delete(&ban).await);
    answered(200, alice.api.put(&ban, json!({})).await);
    let user = mallory.user_id();
    let banned = alice.matrix.state_event(&room, "m.room.member", user).await;
    assert_eq!(banned.expect("it is there")["membership"], "ban");
}
