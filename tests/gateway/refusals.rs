//! What the homeserver will never do and what it will do later, told apart: what a service is told
//! of each, and how often the homeserver is asked.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::Method;
use serde_json::{Value, json};

use crate::caller::Gateway;
use crate::daarion::DaarionOptions;
use crate::errors::requests;
use crate::stub::{Asked, Said, Stub};
use crate::support::{answered, refused};

const ROOM: &str = "!room:test.localhost";

/// An answer with what it says of coming back.
struct Told {
    status: u16,
    retry_after: Option<String>,
    body: Value,
}

async fn ask(gateway: &Gateway, method: Method, what: &str, body: Option<&Value>) -> Told {
    let path = format!("/internal/matrix/{what}");
    let mut request = gateway.service.builder(method, &path);
    if let Some(body) = body {
        request = request.json(body);
    }
    let response = request.send().await.expect("daarion answers");
    let retry_after = response.headers().get("retry-after");
    let retry_after = retry_after.map(|value| value.to_str().expect("text").to_owned());
    Told {
        status: response.status().as_u16(),
        retry_after,
        body: response.json().await.expect("JSON"),
    }
}

/// Asks for everything that the gateway can do, and sees that it is told this each time, and that
/// nothing is asked of the homeserver twice.
async fn each_is_told(
    gateway: &Gateway,
    stub: &Stub,
    (status, code, retry_after): (u16, &str, Option<&str>),
    words: impl Fn(&str) -> bool,
) {
    // Whoever is forbidden the state of a room is not in it, which is said in our words.
    let is_told = |what: &str| code != "M_FORBIDDEN" || what != "webhook/subscribe";
    for (method, what, body) in requests().into_iter().filter(|it| is_told(it.1)) {
        stub.take_asked();
        let told = ask(gateway, method, what, body.as_ref()).await;
        let Told { body, .. } = &told;
        assert_eq!(told.status, status, "{what}: {body}");
        assert_eq!(body["error"], code, "{what}: {body}");
        let message = body["message"].as_str().unwrap_or_default();
        assert!(words(message), "{what}: {body}");
        let fields = body.as_object().map(serde_json::Map::len);
        assert_eq!(fields, Some(2), "{what}: nothing else: {body}");
        assert_eq!(told.retry_after.as_deref(), retry_after, "{what}: {body}");
        once_each(what, &stub.take_asked());
    }
}

fn once_each(what: &str, asked: &[Asked]) {
    let mut counts: HashMap<_, usize> = HashMap::new();
    for one in asked {
        *counts.entry((&one.method, &one.target)).or_default() += 1;
    }
    assert!(!counts.is_empty(), "{what}: the homeserver is asked");
    assert!(
        counts.values().all(|count| *count == 1),
        "{what}: {counts:?}"
    );
}

#[tokio::test]
async fn final_refusals_are_passed_on_and_not_repeated() {
    let stub = Stub::saying(Said::new(404, "")).await;
    let daarion = stub.daarion().await;
    let gateway = Gateway::of(&daarion);
    for (code, words) in [
        ("M_FORBIDDEN", "You may not do this here"),
        ("M_USER_SUSPENDED", "The account is suspended"),
        ("M_INVITE_BLOCKED", "They take no invitations"),
    ] {
        // As homeservers that mean it must not: a time to come back changes nothing.
        let said = json!({ "errcode": code, "error": words, "retry_after_ms": 1 });
        let said = Said::json(403, &said).with_header("retry-after", "1");
        stub.answer(move |_| said.clone());
        each_is_told(&gateway, &stub, (403, code, None), |it| it == words).await;
    }
}

#[tokio::test]
async fn what_may_be_asked_again_comes_with_a_time() {
    let stub = Stub::saying(Said::new(404, "")).await;
    let daarion = stub.daarion().await;
    let gateway = Gateway::of(&daarion);
    let limited = json!({
        "errcode": "M_LIMIT_EXCEEDED", "error": "Too many requests", "retry_after_ms": 59_001,
    });
    stub.answer(move |_| Said::json(429, &limited));
    let told = (429, "M_LIMIT_EXCEEDED", Some("60"));
    each_is_told(&gateway, &stub, told, |it| it == "Too many requests").await;
    let busy = json!({ "errcode": "M_UNKNOWN", "error": "The database is being mended" });
    let busy = Said::json(503, &busy).with_header("retry-after", "60");
    stub.answer(move |_| busy.clone());
    let told = (503, "HOMESERVER_UNAVAILABLE", Some("60"));
    each_is_told(&gateway, &stub, told, |it| it.contains("being mended")).await;
}

#[tokio::test]
async fn what_passes_soon_is_repeated_for_the_service_where_that_is_safe() {
    let tries = AtomicUsize::new(0);
    let stub = Stub::answering(move |asked| {
        if !asked.is_of_a_service() || asked.is_about_encryption() {
            return Said::missing();
        }
        let limited =
            json!({ "errcode": "M_LIMIT_EXCEEDED", "error": "Soon", "retry_after_ms": 50 });
        match tries.fetch_add(1, Ordering::SeqCst) {
            0 => Said::json(429, &limited),
            1 => Said::new(503, "<html>"),
            _ => Said::json(200, &json!({ "event_id": "$said" })),
        }
    })
    .await;
    let daarion = stub.daarion().await;
    let gateway = Gateway::of(&daarion);
    stub.take_asked();
    assert_eq!(gateway.say(ROOM, "once").await, "$said");
    let mut asked = stub.take_asked();
    assert!(asked.remove(0).is_about_encryption(), "{asked:?}");
    assert_eq!(asked.len(), 3);
    // With the same transaction id: it is said once, whichever of them the homeserver has taken.
    assert!(asked.iter().all(|it| *it == asked[0]), "{asked:?}");

    stub.answer(|_| Said::new(503, "<html>"));
    let twice = json!({ "name": "Twice?", "room_version": "12" });
    let made = gateway.post("create-room", twice).await;
    refused(503, "HOMESERVER_UNAVAILABLE", made);
    let asked = stub.take_asked();
    let creations = asked.iter().filter(|it| it.target.contains("/createRoom"));
    assert_eq!(creations.count(), 1, "it might be made twice: {asked:?}");
    answered(503, gateway.get_room(ROOM).await);
}

#[tokio::test]
async fn account_that_is_made_is_answered_though_nobody_is_signed_in() {
    let stub = Stub::answering(|asked| match &asked.target {
        target if target.contains("/login") => Said::new(500, "the database is away"),
        target if target.contains("/v2/users/") => Said::json(201, &json!({})),
        _ => Said::json(200, &json!({ "available": true })),
    })
    .await;
    let options =
        DaarionOptions::default().set("matrix.admin_token", "\"syt_of_an_administrator\"");
    let daarion = stub.daarion_with(options).await;
    let body = json!({ "username": "carol", "password": "generated-secure-password" });
    let made = Gateway::of(&daarion).post("register-user", body).await;
    let made = answered(200, made);
    assert_eq!(made["user_id"], "@carol:test.localhost");
    for field in ["access_token", "device_id"] {
        assert_eq!(made[field], Value::Null, "{made}");
    }
}
