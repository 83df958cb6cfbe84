//! Accounts at a homeserver where they come and go between two requests, and where only the half of
//! their making succeeds.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::caller::Gateway;
use crate::daarion::{Daarion, DaarionOptions};
use crate::stub::{Asked, Said, Stub};
use crate::support::{answered, refused};

async fn daarion_with_admin_token(stub: &Stub) -> Daarion {
    let token = ("DAARION_MATRIX__ADMIN_TOKEN".into(), "an-admins".into());
    let options = DaarionOptions {
        environment: vec![token],
        ..DaarionOptions::default()
    };
    stub.daarion_with(options).await
}

fn alice() -> Value {
    json!({ "username": "alice", "password": "generated-secure-password" })
}

/// How often an account was written.
fn writes(stub: &Stub) -> usize {
    let is_write = |asked: &Asked| asked.method == Method::PUT;
    stub.take_asked().into_iter().filter(is_write).count()
}

#[tokio::test]
async fn account_that_somebody_took_meanwhile_is_left_alone() {
    // The name is free when it is asked for, and an account is there when it is made.
    let stub = Stub::saying(Said::json(200, &json!({ "available": true }))).await;
    let daarion = daarion_with_admin_token(&stub).await;
    let gateway = Gateway::of(&daarion);
    stub.take_asked();
    for _ in 0..2 {
        let taken = gateway.post("register-user", alice()).await;
        let words = refused(400, "M_USER_IN_USE", taken);
        assert!(words.contains("@alice:test.localhost"), "{words}");
        assert_eq!(writes(&stub), 1, "nothing is set that is somebody else's");
    }
}

#[tokio::test]
async fn account_that_was_made_and_not_set_up_is_completed() {
    let accounts = AtomicUsize::new(0);
    let stub = Stub::answering(move |asked| {
        if asked.method != Method::PUT {
            return Said::json(200, &json!({ "access_token": "a", "device_id": "A" }));
        }
        match accounts.fetch_add(1, Ordering::SeqCst) {
            0 => Said::json(201, &json!({})),
            1 => Said::json(
                400,
                &json!({ "errcode": "M_UNKNOWN", "error": "No such picture" }),
            ),
            _ => Said::json(200, &json!({})),
        }
    })
    .await;
    let daarion = daarion_with_admin_token(&stub).await;
    let gateway = Gateway::of(&daarion);
    refused(
        400,
        "M_UNKNOWN",
        gateway.post("register-user", alice()).await,
    );
    assert_eq!(writes(&stub), 2);
    let made = answered(200, gateway.post("register-user", alice()).await);
    assert_eq!(made["user_id"], "@alice:test.localhost");
    assert_eq!(writes(&stub), 1, "it is there");
    refused(
        400,
        "M_USER_IN_USE",
        gateway.post("register-user", alice()).await,
    );
}

#[tokio::test]
async fn registration_that_was_cut_off_has_its_answer_by_its_key() {
    let device = || Said::json(200, &json!({ "access_token": "a", "device_id": "A" }));
    let taken = json!({ "errcode": "M_USER_IN_USE", "error": "It is there" });
    let stub = Stub::answering(move |asked| match &asked.target {
        target if target.contains("/login") => device().after(Duration::from_secs(60)),
        _ if asked.method == Method::PUT => Said::json(201, &json!({})),
        _ => Said::json(200, &json!({ "available": true })),
    })
    .await;
    let daarion = daarion_with_admin_token(&stub).await;
    let named = Gateway::of(&daarion).with_header("idempotency-key", "alice");
    let path = "/internal/matrix/register-user";
    let asking = named.service.try_request(Method::POST, path, Some(alice()));
    let killing = async {
        let signs_in = |asked: &Asked| asked.target.contains("/login");
        while !stub.take_asked().iter().any(signs_in) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        daarion.kill();
    };
    let (cut_off, ()) = tokio::join!(asking, killing);
    cut_off.expect_err("it is killed before it answers");

    daarion.restart().await;
    stub.answer(move |asked| match asked.target.contains("/login") {
        true => device(),
        false => Said::json(400, &taken),
    });
    let made = answered(200, named.post("register-user", alice()).await);
    assert_eq!(made["access_token"], "a");
    assert_eq!(
        answered(200, named.post("register-user", alice()).await),
        made
    );
    let unnamed = Gateway::of(&daarion);
    refused(
        400,
        "M_USER_IN_USE",
        unnamed.post("register-user", alice()).await,
    );
}

#[tokio::test]
async fn agent_that_was_made_half_is_completed_by_asking_again() {
    let stub = Stub::answering(|_| Said::json(200, &json!({}))).await;
    let daarion = stub.daarion().await;
    let gateway = Gateway::of(&daarion);
    let ask = async || {
        let body = json!({
            "username": "agent:sofia", "display_name": "Sofia",
            "avatar_url": "mxc://test.localhost/avatar",
        });
        gateway.post("register-user", body).await
    };
    let device = || Said::json(200, &json!({ "access_token": "a", "device_id": "A" }));
    let agent = crate::homeserver::path(&["internal", "agents", "agent:sofia"]);
    // What is there already is no failure the second time.
    let taken = json!({ "errcode": "M_USER_IN_USE", "error": "It is there" });
    for failing in ["/displayname", "/avatar_url", "/login"] {
        let taken = Said::json(400, &taken);
        stub.answer(move |asked| match &asked.target {
            target if target.contains(failing) => Said::new(503, ""),
            target if target.contains("/register") => taken.clone(),
            _ => device(),
        });
        refused(503, "HOMESERVER_UNAVAILABLE", ask().await);
        answered(404, gateway.service.get(&agent).await);
    }
    stub.answer(move |asked| match asked.target.contains("/register") {
        true => Said::json(400, &taken),
        false => device(),
    });
    let made = answered(200, ask().await);
    assert_eq!(made["access_token"], "a");
    answered(200, gateway.service.get(&agent).await);
    refused(409, "CONFLICT", ask().await);
}
