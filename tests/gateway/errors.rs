//! The document's error answers, and what becomes of a homeserver that is away or not one.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::caller::Gateway;
use crate::daarion::{Daarion, DaarionOptions, shared_world};
use crate::stub::{Said, Stub};
use crate::support::refused;

/// A request of each kind that asks the homeserver.
pub fn requests() -> Vec<(Method, &'static str, Option<Value>)> {
    let room = "!room:test.localhost";
    let member = || Some(json!({ "room_id": room, "user_id": "@alice:test.localhost" }));
    let post = |what, body| (Method::POST, what, body);
    vec![
        post("create-room", Some(json!({ "name": "A" }))),
        (Method::GET, "rooms/!room:test.localhost", None),
        (
            Method::PUT,
            "rooms/!room:test.localhost/name",
            Some(json!({ "name": "A" })),
        ),
        post(
            "send",
            Some(json!({ "room_id": room, "msgtype": "m.text", "body": "a" })),
        ),
        post(
            "send-reaction",
            Some(json!({ "room_id": room, "event_id": "$a", "emoji": "👍" })),
        ),
        post("redact", Some(json!({ "room_id": room, "event_id": "$a" }))),
        post("invite", member()),
        post("join", member()),
        post("leave", member()),
        post("kick", member()),
        post("ban", member()),
        post("unban", member()),
        post("register-user", Some(json!({ "username": "agent:sofia" }))),
        (
            Method::PUT,
            "users/@alice:test.localhost/display-name",
            Some(json!({ "display_name": "A" })),
        ),
        (
            Method::PUT,
            "users/@alice:test.localhost/avatar",
            Some(json!({ "avatar_url": "" })),
        ),
        post(
            "users/@alice:test.localhost/deactivate",
            Some(json!({ "erase": false })),
        ),
        (
            Method::PUT,
            "rooms/!room:test.localhost/topic",
            Some(json!({ "topic": "A" })),
        ),
        (
            Method::PUT,
            "rooms/!room:test.localhost/avatar",
            Some(json!({ "avatar_url": "" })),
        ),
        (Method::GET, "rooms/!room:test.localhost/messages", None),
        (Method::GET, "sync?user_id=@alice:test.localhost", None),
        post(
            "webhook/subscribe",
            Some(json!({ "room_id": room, "webhook_url": "https://example.org/" })),
        ),
    ]
}

#[tokio::test]
async fn errors_have_the_documents_form() {
    let world = shared_world().await;
    let gateway = Gateway::of(&world.daarion);
    let room = gateway.room().await;
    let outsider = world.register_unique("outsider").await;
    let body = json!({
        "room_id": room, "msgtype": "m.text", "body": "a", "sender": outsider.user_id,
    });
    refused(403, "M_FORBIDDEN", gateway.post("send", body).await);
    let body = json!({ "room_id": "#nowhere:test.localhost", "msgtype": "m.text", "body": "a" });
    refused(404, "M_NOT_FOUND", gateway.post("send", body).await);
    refused(400, "M_BAD_JSON", gateway.post("send", json!({})).await);
    let anonymous = world.daarion.anonymous_internal();
    for (method, what, body) in requests() {
        let path = format!("/internal/matrix/{what}");
        let answer = anonymous.request(method.clone(), &path, body.clone()).await;
        refused(401, "M_MISSING_TOKEN", answer);
        let wrong = anonymous
            .clone()
            .with_header("x-internal-service-token", "wrong");
        let answer = wrong.request(method, &path, body).await;
        refused(401, "M_UNKNOWN_TOKEN", answer);
    }
}

#[tokio::test]
async fn homeserver_that_is_away_is_503_with_a_time() {
    let daarion = Daarion::start(&DaarionOptions::default()).await;
    each_is(&daarion, 503, "HOMESERVER_UNAVAILABLE").await;
}

#[tokio::test]
async fn homeserver_that_answers_nonsense_is_502() {
    let nonsense = Stub::saying(Said::new(200, "<p>Hi</p>")).await;
    each_is(&nonsense.daarion().await, 502, "HOMESERVER_ERROR").await;
}

#[tokio::test]
async fn what_the_homeserver_says_is_passed_on() {
    let said = json!({ "errcode": "M_UNKNOWN", "error": "Something is odd" });
    let odd = Stub::saying(Said::json(400, &said)).await;
    let daarion = odd.daarion().await;
    each_is(&daarion, 400, "M_UNKNOWN").await;
    let answer = Gateway::of(&daarion).get_room("!room:test.localhost").await;
    assert_eq!(answer.1["message"], "Something is odd");
}

async fn each_is(daarion: &Daarion, status: u16, code: &str) {
    let gateway = Gateway::of(daarion);
    for (method, what, body) in requests() {
        let path = format!("/internal/matrix/{what}");
        let mut request = gateway.service.builder(method.clone(), &path);
        if let Some(body) = &body {
            request = request.json(body);
        }
        let response = request.send().await.expect("daarion answers");
        let retry = response.headers().get("retry-after").cloned();
        let seen = (
            response.status(),
            response.json::<Value>().await.expect("JSON"),
        );
        assert_eq!(
            seen.0,
            StatusCode::from_u16(status).expect("a status"),
            "{what}: {}",
            seen.1
        );
        assert_eq!(seen.1["error"], code, "{what}: {}", seen.1);
        assert_eq!(retry.is_some(), status == 503, "{what}: Retry-After");
    }
}
