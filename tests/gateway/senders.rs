//! Implementation note 1 of the document: whom a service may speak for, and how that is said.

use serde_json::{Value, json};

use crate::caller::{Gateway, whole};
use crate::daarion::shared_world;
use crate::homeserver::unique;
use crate::support::{answered, refused, text};

/// What is done by whom a request names: the request, the field, and what else it needs.
pub fn deeds() -> [(&'static str, &'static str, Value); 7] {
    [
        (
            "send",
            "sender",
            json!({ "msgtype": "m.text", "body": "a" }),
        ),
        (
            "send-reaction",
            "reactor",
            json!({ "event_id": "$a", "emoji": "👍" }),
        ),
        ("redact", "sender", json!({ "event_id": "$a" })),
        (
            "invite",
            "inviter",
            json!({ "user_id": "@bob:test.localhost" }),
        ),
        (
            "kick",
            "kicker",
            json!({ "user_id": "@bob:test.localhost" }),
        ),
        (
            "ban",
            "moderator",
            json!({ "user_id": "@bob:test.localhost" }),
        ),
        (
            "unban",
            "moderator",
            json!({ "user_id": "@bob:test.localhost" }),
        ),
    ]
}

#[tokio::test]
async fn sender_is_named_by_either_field_or_by_both() {
    let world = shared_world().await;
    let gateway = Gateway::of(&world.daarion);
    let room = gateway.room().await;
    let alice = crate::caller::member(world, &room, "alice").await;
    let entity = format!("user:{}", alice.localpart());
    let connector = "@daarion:test.localhost";
    for (sender, matrix_id, who) in [
        (None, None, connector),
        (Some(entity.as_str()), None, alice.user_id.as_str()),
        (None, Some(alice.user_id.as_str()), &alice.user_id),
        (Some(&entity), Some(&alice.user_id), &alice.user_id),
        (Some(&alice.user_id), Some(&entity), &alice.user_id),
    ] {
        let body = json!({
            "room_id": room, "msgtype": "m.text", "body": "who?",
            "sender": sender, "sender_matrix_id": matrix_id,
        });
        let sent = answered(200, gateway.post("send", body).await);
        let event = whole(&alice, &room, text(&sent["event_id"])).await;
        assert_eq!(event["sender"], who, "{sender:?} {matrix_id:?}");
    }
}

#[tokio::test]
async fn two_names_of_two_users_are_refused() {
    let world = shared_world().await;
    let gateway = Gateway::of(&world.daarion);
    let room = gateway.room().await;
    for (what, field, more) in deeds() {
        let matrix_field = format!("{field}_matrix_id");
        let mut body = more;
        body["room_id"] = json!(room);
        body[field] = json!("agent:sofia");
        body[&matrix_field] = json!("@sofia:test.localhost");
        let words = refused(400, "M_INVALID_PARAM", gateway.post(what, body).await);
        assert!(words.starts_with(&matrix_field), "{what}: {words}");
        assert!(
            words.contains("@agent_sofia:test.localhost"),
            "{what}: {words}"
        );
    }
}

#[tokio::test]
async fn agent_with_a_user_of_its_own_is_that_user() {
    let world = shared_world().await;
    let gateway = Gateway::of(&world.daarion);
    let room = gateway.room().await;
    let sofia = crate::caller::member(world, &room, "sofia").await;
    let id = format!("agent:{}", unique("sofia"));
    let body = json!({ "id": id, "matrix_user_id": sofia.user_id });
    answered(201, gateway.service.post("/internal/agents", body).await);
    let body = json!({
        "room_id": room, "msgtype": "m.text", "body": "as in the document",
        "sender": id, "sender_matrix_id": sofia.user_id,
    });
    let sent = answered(200, gateway.post("send", body).await);
    let event = whole(&sofia, &room, text(&sent["event_id"])).await;
    assert_eq!(event["sender"], sofia.user_id.as_str());
}

#[tokio::test]
async fn nobody_acts_for_strangers_for_the_connector_or_for_the_unknown() {
    let world = shared_world().await;
    let gateway = Gateway::of(&world.daarion);
    let room = gateway.room().await;
    for (who, said) in [
        ("user:bob:elsewhere.org", "another homeserver"),
        ("@bob:elsewhere.org", "another homeserver"),
        ("agent:daarion", "the connector itself"),
        ("@daarion:test.localhost", "the connector itself"),
        ("user:nobody-at-all", "user:nobody-at-all does not exist"),
        ("agent:nobody-at-all", "agent:nobody-at-all does not exist"),
    ] {
        let body = json!({ "room_id": room, "msgtype": "m.text", "body": "a", "sender": who });
        let words = refused(403, "M_FORBIDDEN", gateway.post("send", body).await);
        assert!(words.contains(said), "{who}: {words}");
    }
    let outsider = world.register_unique("outsider").await;
    let body = json!({
        "room_id": room, "msgtype": "m.text", "body": "a", "sender": outsider.user_id,
    });
    // The homeserver's own words are passed on.
    let words = refused(403, "M_FORBIDDEN", gateway.post("send", body).await);
    assert!(words.contains(&outsider.user_id), "{words}");
    let (_, anonymous) = world
        .daarion
        .anonymous_internal()
        .post("/internal/matrix/send", json!({}))
        .await;
    assert_eq!(anonymous["error"], Value::from("M_MISSING_TOKEN"));
}
