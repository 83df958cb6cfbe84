//! Section 3 of the document: membership.

use reqwest::Method;
use serde_json::{Value, json};

use crate::caller::{Gateway, member};
use crate::daarion::shared_world;
use crate::homeserver::{MatrixUser, path};
use crate::support::{answered, refused, text};

async fn membership(of: &MatrixUser, room: &str, seen_by: &MatrixUser) -> Value {
    let event = seen_by
        .state_event(room, "m.room.member", &of.user_id)
        .await;
    event.unwrap_or_default()["membership"].clone()
}

#[tokio::test]
async fn people_are_brought_in_and_out() {
    let world = shared_world().await;
    let gateway = Gateway::of(&world.daarion);
    let admin = world.register_unique("admin").await;
    let levels = json!({ "users": { &admin.user_id: 50 } });
    let body = json!({ "preset": "private_chat", "power_level_content_override": levels });
    let made = answered(200, gateway.post("create-room", body).await);
    let room = text(&made["room_id"]);
    let body = json!({ "room_id": room, "user_id": admin.user_id });
    answered(200, gateway.post("invite", body.clone()).await);
    answered(200, gateway.post("join", body).await);
    let alice = world.register_unique("alice").await;
    let entity = format!("user:{}", alice.localpart());

    let invite = json!({
        "room_id": room, "user_id": alice.user_id,
        "inviter": format!("user:{}", admin.localpart()), "inviter_matrix_id": admin.user_id,
        "reason": "come in",
    });
    for _ in 0..2 {
        let invited = answered(200, gateway.post("invite", invite.clone()).await);
        assert_eq!(invited, json!({ "status": "invited" }));
    }
    assert_eq!(membership(&alice, room, &admin).await, "invite");
    for user in [&alice.user_id, &entity] {
        let join = json!({ "room_id": room, "user_id": user });
        let joined = answered(200, gateway.post("join", join).await);
        assert_eq!(joined, json!({ "status": "joined", "room_id": room }));
    }
    assert_eq!(membership(&alice, room, &admin).await, "join");
    let invited = answered(200, gateway.post("invite", invite).await);
    assert_eq!(invited, json!({ "status": "joined" }), "they are in it");
    for user in [&alice.user_id, &entity] {
        let leave = json!({ "room_id": room, "user_id": user });
        let left = answered(200, gateway.post("leave", leave).await);
        assert_eq!(left, json!({ "status": "left" }));
    }
    assert_eq!(membership(&alice, room, &admin).await, "leave");

    // Whoever may not by themselves is invited first.
    let join = json!({ "room_id": room, "user_id": entity });
    answered(200, gateway.post("join", join.clone()).await);
    let kick = json!({
        "room_id": room, "user_id": alice.user_id, "kicker": admin.user_id,
        "reason": "Violation of rules",
    });
    for _ in 0..2 {
        let kicked = answered(200, gateway.post("kick", kick.clone()).await);
        assert_eq!(kicked, json!({ "status": "kicked" }));
    }
    let event = admin
        .state_event(room, "m.room.member", &alice.user_id)
        .await;
    let event = event.expect("a membership");
    assert_eq!(event["reason"], "Violation of rules");

    let ban = json!({ "room_id": room, "user_id": alice.user_id, "moderator": admin.user_id });
    for _ in 0..2 {
        let banned = answered(200, gateway.post("ban", ban.clone()).await);
        assert_eq!(banned, json!({ "status": "banned" }));
    }
    // The homeserver's own code for whoever is banned.
    refused(403, "M_BAD_STATE", gateway.post("join", join.clone()).await);
    let unban = json!({ "room_id": room, "user_id": alice.user_id });
    for _ in 0..2 {
        let unbanned = answered(200, gateway.post("unban", unban.clone()).await);
        assert_eq!(unbanned, json!({ "status": "unbanned" }));
    }
    answered(200, gateway.post("join", join).await);
}

#[tokio::test]
async fn restricted_room_is_joined_by_an_invitation() {
    let world = shared_world().await;
    let gateway = Gateway::of(&world.daarion);
    let space = gateway.room().await;
    let allow = json!([{ "type": "m.room_membership", "room_id": space }]);
    let rule = json!({ "join_rule": "restricted", "allow": allow });
    let state = json!([{ "type": "m.room.join_rules", "content": rule }]);
    let body = json!({ "preset": "private_chat", "initial_state": state });
    let made = answered(200, gateway.post("create-room", body).await);
    let alice = world.register_unique("alice").await;
    let via = ["test.localhost", "elsewhere.org"];
    let join = json!({ "room_id": made["room_id"], "user_id": alice.user_id, "via": via });
    answered(200, gateway.post("join", join).await);
}

#[tokio::test]
async fn power_of_others_is_not_borrowed() {
    let world = shared_world().await;
    let gateway = Gateway::of(&world.daarion);
    let room = gateway.room().await;
    let alice = member(world, &room, "alice").await;
    let bob = member(world, &room, "bob").await;
    for (what, field) in [("kick", "kicker"), ("ban", "moderator")] {
        let body = json!({ "room_id": room, "user_id": alice.user_id, field: bob.user_id });
        refused(403, "M_FORBIDDEN", gateway.post(what, body).await);
    }
    for (what, user) in [
        ("leave", "@daarion:test.localhost"),
        ("kick", "@daarion:test.localhost"),
        ("ban", "agent:daarion"),
    ] {
        let body = json!({ "room_id": room, "user_id": user });
        let words = refused(403, "M_FORBIDDEN", gateway.post(what, body).await);
        assert!(words.contains("the connector stays"), "{what}: {words}");
    }
}

#[tokio::test]
async fn connector_comes_into_rooms_of_others() {
    let world = shared_world().await;
    let gateway = Gateway::of(&world.daarion);
    let alice = world.register_unique("alice").await;
    let room = alice.create_room(json!({ "preset": "private_chat" })).await;
    let connector = "@daarion:test.localhost";
    let join = json!({ "room_id": room, "user_id": connector });
    refused(403, "M_FORBIDDEN", gateway.post("join", join.clone()).await);
    let invite = json!({ "room_id": room, "user_id": connector, "inviter": alice.user_id });
    answered(200, gateway.post("invite", invite).await);
    answered(200, gateway.post("join", join.clone()).await);
    let found = answered(200, gateway.get_room(&room).await);
    assert_eq!(found["channel_id"], Value::Null);
    answered(200, gateway.post("leave", join).await);
}

#[tokio::test]
async fn wrong_members_and_rooms_are_named() {
    let world = shared_world().await;
    let gateway = Gateway::of(&world.daarion);
    let room = gateway.room().await;
    for what in ["invite", "join", "leave", "kick", "ban", "unban"] {
        for (field, value) in [
            ("room_id", "nowhere"),
            ("user_id", "alice"),
            ("user_id", "@alice"),
        ] {
            let mut body = json!({ "room_id": room, "user_id": "@alice:test.localhost" });
            body[field] = json!(value);
            let words = refused(400, "M_INVALID_PARAM", gateway.post(what, body).await);
            assert!(words.starts_with(field), "{what}: {words}");
        }
        let body = json!({ "room_id": "#nowhere", "user_id": "@alice:test.localhost" });
        let words = refused(404, "M_NOT_FOUND", gateway.post(what, body).await);
        assert!(words.contains("#nowhere:test.localhost"), "{what}: {words}");
        refused(
            400,
            "M_BAD_JSON",
            gateway.post(what, json!({ "room_id": room })).await,
        );
    }
}

#[tokio::test]
async fn knock_is_withdrawn_and_refused_and_is_no_absence() {
    let world = shared_world().await;
    let gateway = Gateway::of(&world.daarion);
    let rule = json!([{ "type": "m.room.join_rules", "content": { "join_rule": "knock" } }]);
    let body = json!({ "preset": "private_chat", "initial_state": rule });
    let made = answered(200, gateway.post("create-room", body).await);
    let room = text(&made["room_id"]);
    let [alice, bob] = [
        world.register_unique("alice").await,
        world.register_unique("bob").await,
    ];
    let join = json!({ "room_id": room, "user_id": bob.user_id });
    answered(200, gateway.post("join", join).await);
    let knock = async || {
        let place = path(&["_matrix", "client", "v3", "knock", room]);
        let (status, answer) = alice.request(Method::POST, &place, Some(json!({}))).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(membership(&alice, room, &bob).await, "knock");
    };
    let about = |more: Value| {
        let mut body = json!({ "room_id": room, "user_id": alice.user_id });
        crate::support::merge(&mut body, more);
        body
    };

    knock().await;
    answered(200, gateway.post("leave", about(json!({}))).await);
    assert_eq!(membership(&alice, room, &bob).await, "leave");

    knock().await;
    let by_bob = about(json!({ "kicker": bob.user_id }));
    refused(403, "M_FORBIDDEN", gateway.post("kick", by_bob).await);
    assert_eq!(membership(&alice, room, &bob).await, "knock");
    let unban = gateway.post("unban", about(json!({}))).await;
    assert_eq!(answered(200, unban), json!({ "status": "unbanned" }));
    assert_eq!(membership(&alice, room, &bob).await, "knock");
    answered(200, gateway.post("kick", about(json!({}))).await);
    assert_eq!(membership(&alice, room, &bob).await, "leave");
}
