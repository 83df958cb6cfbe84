//! Section 1 of the document: rooms.

use serde_json::{Value, json};

use crate::caller::{Gateway, member};
use crate::daarion::shared_world;
use crate::homeserver::{path, unique};
use crate::support::{Person, answered, column, eventually, items, refused, text};

#[tokio::test]
async fn room_is_made_with_every_field_of_the_document() {
    let world = shared_world().await;
    let gateway = Gateway::of(&world.daarion);
    let alias = unique("general");
    let body = json!({
        "name": "General Discussion",
        "topic": "Main DAARION.city channel",
        "visibility": "public",
        "room_alias_name": alias,
        "preset": "public_chat",
        "initial_state": [{
            "type": "m.room.guest_access",
            "state_key": "",
            "content": { "guest_access": "can_join" },
        }],
        "power_level_content_override": {
            "users": { "@daarion:test.localhost": 100 },
            "events": { "m.room.name": 50, "m.room.topic": 50, "m.reaction": 1 },
        },
        "creation_content": { "m.federate": true },
    });
    let made = answered(200, gateway.post("create-room", body).await);
    let (room, full) = (text(&made["room_id"]), format!("#{alias}:test.localhost"));
    assert_eq!(made["room_alias"], full.as_str());
    assert!(made.get("warnings").is_none(), "{made}");

    let alice = member(world, &full, "alice").await;
    for (kind, field, expected) in [
        ("m.room.name", "name", json!("General Discussion")),
        ("m.room.topic", "topic", json!("Main DAARION.city channel")),
        ("m.room.guest_access", "guest_access", json!("can_join")),
        ("m.room.join_rules", "join_rule", json!("public")),
        ("m.room.canonical_alias", "alias", json!(full)),
        ("m.room.create", "m.federate", json!(true)),
        ("city.daarion.channel", "kind", json!("gateway")),
    ] {
        let content = alice.state_event(room, kind, "").await.unwrap_or_default();
        assert_eq!(content[field], expected, "{kind}: {content}");
    }
    let levels = alice.state_event(room, "m.room.power_levels", "").await;
    let levels = levels.expect("power levels");
    assert_eq!(levels["users"], json!({}), "the creator of version 12");
    let events = &levels["events"];
    for (kind, level) in [
        ("m.room.topic", 50),
        ("m.reaction", 1),
        ("m.room.power_levels", 100),
        ("city.daarion.channel", 150),
    ] {
        assert_eq!(events[kind], level, "{kind} in {events}");
    }
    let listed = path(&["_matrix", "client", "v3", "directory", "list", "room", room]);
    let (_, listed) = alice.request(reqwest::Method::GET, &listed, None).await;
    assert_eq!(listed["visibility"], "public");
}

#[tokio::test]
async fn room_is_read_by_any_of_its_names() {
    let world = shared_world().await;
    let gateway = Gateway::of(&world.daarion);
    let alias = unique("named");
    let body = json!({
        "name": "Named", "topic": "About", "room_alias_name": alias, "preset": "public_chat",
    });
    let made = answered(200, gateway.post("create-room", body).await);
    let room = text(&made["room_id"]);
    member(world, room, "alice").await;
    let invited = world.register_unique("bob").await;
    let body = json!({ "room_id": room, "user_id": invited.user_id });
    answered(200, gateway.post("invite", body).await);
    let picture = json!({ "avatar_url": "mxc://test.localhost/avatar123" });
    answered(200, gateway.put_room(room, "avatar", picture).await);
    let full = format!("#{alias}:test.localhost");
    let expected = json!({
        "room_id": room,
        "name": "Named",
        "topic": "About",
        "avatar_url": "mxc://test.localhost/avatar123",
        "canonical_alias": full,
        "member_count": 3,
        "joined_members": 2,
        "encryption": null,
        "room_version": "12",
        "channel_id": made["channel_id"],
    });
    for name in [room, &full, &format!("#{alias}")] {
        let found = answered(200, gateway.get_room(name).await);
        assert_eq!(found, expected, "{name}");
    }
    let nowhere = gateway.get_room("#nowhere:test.localhost").await;
    let words = refused(404, "M_NOT_FOUND", nowhere);
    assert!(words.contains("#nowhere:test.localhost"), "{words}");
    refused(404, "M_NOT_FOUND", gateway.get_room("nowhere").await);
    let private = world.register_unique("carol").await;
    let theirs = private
        .create_room(json!({ "preset": "private_chat" }))
        .await;
    refused(403, "M_FORBIDDEN", gateway.get_room(&theirs).await);
}

#[tokio::test]
async fn rooms_of_version_11_keep_their_server_and_the_connectors_power() {
    let world = shared_world().await;
    let gateway = Gateway::of(&world.daarion);
    let body = json!({ "room_version": "11", "preset": "public_chat" });
    let made = answered(200, gateway.post("create-room", body).await);
    let room = text(&made["room_id"]);
    assert!(room.ends_with(":test.localhost"), "{room}");
    let found = answered(200, gateway.get_room(room).await);
    assert_eq!(found["room_version"], "11");
    assert_eq!(found["name"], Value::Null);
    let alice = member(world, room, "alice").await;
    let levels = alice.state_event(room, "m.room.power_levels", "").await;
    let levels = levels.expect("power levels");
    assert_eq!(levels["users"]["@daarion:test.localhost"], 100);
    assert_eq!(levels["events"]["city.daarion.channel"], 100);
}

#[tokio::test]
async fn what_a_rooms_version_does_not_know_is_explained() {
    let world = shared_world().await;
    let gateway = Gateway::of(&world.daarion);
    let bob = world.register_unique("bob").await;
    let creators = json!({ "additional_creators": [bob.user_id] });
    let body = json!({ "room_version": "11", "creation_content": creators });
    let words = refused(
        400,
        "M_INVALID_PARAM",
        gateway.post("create-room", body).await,
    );
    assert!(
        words.contains("additional_creators: room version 11"),
        "{words}"
    );
    let levels = json!({ "users": { &bob.user_id: 100 } });
    let body = json!({ "creation_content": creators, "power_level_content_override": levels });
    let words = refused(
        400,
        "M_INVALID_PARAM",
        gateway.post("create-room", body).await,
    );
    assert!(words.contains("is a creator of the room"), "{words}");
    let body = json!({ "creation_content": creators });
    answered(200, gateway.post("create-room", body).await);
    let body = json!({ "room_version": "nonsense" });
    let (status, body) = gateway.post("create-room", body).await;
    assert_eq!(status, 400, "{body}");
    assert_eq!(body["error"], "M_UNSUPPORTED_ROOM_VERSION", "{body}");
}

#[tokio::test]
async fn wrong_fields_of_a_new_room_are_named() {
    let world = shared_world().await;
    let gateway = Gateway::of(&world.daarion);
    let state = |kind: &str, content: Value| json!([{ "type": kind, "content": content }]);
    for (field, value) in [
        ("name", json!("x".repeat(256))),
        ("topic", json!("a\0")),
        ("room_alias_name", json!("a:b")),
        ("room_alias_name", json!("")),
        ("room_version", json!("")),
        ("creation_content", json!({ "a": 1.5 })),
        ("power_level_content_override", json!({ "users": 7 })),
        ("initial_state", state("city.daarion.channel", json!({}))),
        (
            "initial_state",
            state("a", json!({ "a": 9_007_199_254_740_993_i64 })),
        ),
        ("initial_state", state("", json!({}))),
    ] {
        let answer = gateway.post("create-room", json!({ field: value })).await;
        let words = refused(400, "M_INVALID_PARAM", answer);
        assert!(words.starts_with(field), "{field}: {words}");
    }
    let alias = unique("taken");
    let body = || json!({ "room_alias_name": alias });
    answered(200, gateway.post("create-room", body()).await);
    refused(
        400,
        "M_ROOM_IN_USE",
        gateway.post("create-room", body()).await,
    );
}

#[tokio::test]
async fn room_is_made_once_with_a_key() {
    let world = shared_world().await;
    let key = unique("key");
    let gateway = Gateway::of(&world.daarion).with_header("idempotency-key", &key);
    let body = || json!({ "name": "Once", "room_alias_name": key });
    let first = answered(200, gateway.post("create-room", body()).await);
    let again = answered(200, gateway.post("create-room", body()).await);
    assert_eq!(again, first);
}

#[tokio::test]
async fn name_topic_and_picture_are_set_by_whom_is_named() {
    let world = shared_world().await;
    let gateway = Gateway::of(&world.daarion);
    let owner = world.register_unique("owner").await;
    let levels = json!({ "users": { &owner.user_id: 50 } });
    let body = json!({ "preset": "public_chat", "power_level_content_override": levels });
    let made = answered(200, gateway.post("create-room", body).await);
    let room = text(&made["room_id"]);
    owner.join(room).await;
    let picture = "mxc://test.localhost/picture";
    for (what, kind, field, key, value) in [
        ("name", "m.room.name", "name", "name", "Updated Room Name"),
        ("topic", "m.room.topic", "topic", "topic", "Про що"),
        ("avatar", "m.room.avatar", "avatar_url", "url", picture),
    ] {
        let body = json!({ field: value });
        let set = answered(200, gateway.put_room(room, what, body.clone()).await);
        assert!(text(&set["event_id"]).starts_with('$'), "{set}");
        let again = answered(200, gateway.put_room(room, what, body).await);
        assert_eq!(again, set, "what changes nothing is the first event");
        let body = json!({ field: value, "sender": owner.user_id });
        let theirs = answered(200, gateway.put_room(room, what, body).await);
        assert_ne!(theirs, set, "it is the owner who says so now");
        let body = json!({ field: "", "sender": format!("user:{}", owner.localpart()) });
        answered(200, gateway.put_room(room, what, body).await);
        let state = owner.state(room).await;
        let event = state.iter().find(|event| event["type"] == kind);
        let event = event.expect("the event");
        assert_eq!(event["sender"], owner.user_id.as_str());
        let left = event["content"][key].as_str().unwrap_or_default();
        assert_eq!(left, "", "{event}");
        let body = json!({ field: value, "sender": "user:nobody" });
        let words = refused(403, "M_FORBIDDEN", gateway.put_room(room, what, body).await);
        assert!(words.contains("user:nobody"), "{words}");
    }
    let wrong = json!({ "avatar_url": "https://example.org/a.png" });
    let words = refused(
        400,
        "M_INVALID_PARAM",
        gateway.put_room(room, "avatar", wrong).await,
    );
    assert!(words.starts_with("avatar_url"), "{words}");
}

#[tokio::test]
async fn gateway_room_is_a_channel_for_whoever_asks_for_it() {
    let world = shared_world().await;
    let gateway = Gateway::of(&world.daarion);
    let body = json!({ "name": "Hidden", "visibility": "public" });
    let made = answered(200, gateway.post("create-room", body).await);
    let room = text(&made["room_id"]).to_owned();
    let alice = Person::new(world, "alice").await;
    let channels = async |query: &str| {
        let path = format!("/api/messaging/channels?limit=200&{query}");
        answered(200, alice.api.get(&path).await)
    };
    let asked = channels("kind=gateway").await;
    let found = items(&asked)
        .iter()
        .find(|it| it["id"] == made["channel_id"]);
    let found = found.expect("the channel");
    assert_eq!(found["name"], "Hidden");
    assert_eq!(found["matrix_room_id"], room.as_str());
    let slug = text(&found["slug"]);
    let id = text(&made["channel_id"]).replace('-', "");
    assert_eq!(slug, format!("gateway-{}", &id[..12]));
    let all = channels("kind=channel").await;
    assert!(!column(&all, "id").contains(&text(&made["channel_id"])));
    let all = channels("").await;
    assert!(!column(&all, "id").contains(&text(&made["channel_id"])));

    alice.matrix.join(&room).await;
    let event = gateway.say(&room, "journaled").await;
    let path = format!(
        "/api/messaging/channels/{}/messages",
        text(&made["channel_id"])
    );
    eventually("the message in the list", async || {
        let page = answered(200, alice.api.get(&path).await);
        column(&page, "matrix_event_id")
            .contains(&event.as_str())
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn encrypted_room_says_so_and_is_left_to_its_clients() {
    let world = shared_world().await;
    let gateway = Gateway::of(&world.daarion);
    let algorithm = "m.megolm.v1.aes-sha2";
    let state = json!([{ "type": "m.room.encryption", "content": { "algorithm": algorithm } }]);
    let made = answered(
        200,
        gateway
            .post("create-room", json!({ "initial_state": state }))
            .await,
    );
    let room = text(&made["room_id"]);
    let found = answered(200, gateway.get_room(room).await);
    assert_eq!(found["encryption"], algorithm);
    let body = json!({ "room_id": room, "msgtype": "m.text", "body": "in the clear" });
    let words = refused(403, "M_FORBIDDEN", gateway.post("send", body).await);
    assert!(words.contains("encrypted"), "{words}");
}
