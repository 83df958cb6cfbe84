//! Section 5 of the document over an application service alone: all but people with passwords.

use reqwest::Method;
use serde_json::{Value, json};

use crate::caller::{Gateway, whole};
use crate::daarion::{World, shared_world};
use crate::homeserver::{path, unique};
use crate::support::{answered, refused, text};

/// Whoever has lost the answer asks again, and has the token that was shown once.
#[tokio::test]
async fn registering_by_a_key_is_done_once() {
    let world = shared_world().await;
    let named = Gateway::of(&world.daarion).with_header("idempotency-key", &unique("key"));
    let body = json!({ "username": format!("agent_{}", unique("named")), "password": "x" });
    let first = answered(200, named.post("register-user", body.clone()).await);
    assert!(first["access_token"].is_string());
    let again = answered(200, named.post("register-user", body.clone()).await);
    assert_eq!(again, first);
    let mut other = body.clone();
    other["password"] = json!("y");
    refused(409, "CONFLICT", named.post("register-user", other).await);
    let unnamed = Gateway::of(&world.daarion);
    refused(409, "CONFLICT", unnamed.post("register-user", body).await);
}

async fn profile(world: &World, user: &str) -> Value {
    let reader = world.register_unique("reader").await;
    let place = path(&["_matrix", "client", "v3", "profile", user]);
    reader.request(Method::GET, &place, None).await.1
}

#[tokio::test]
async fn agent_is_registered_without_an_admin_token() {
    let world = shared_world().await;
    let gateway = Gateway::of(&world.daarion);
    let name = unique("oracle");
    let body = json!({
        "username": format!("agent_{name}"),
        "password": "not looked at",
        "display_name": "Оракул",
        "avatar_url": "mxc://test.localhost/avatar456",
        "admin": false,
    });
    let made = answered(200, gateway.post("register-user", body.clone()).await);
    let user = format!("@agent_{name}:test.localhost");
    assert_eq!(made["user_id"], user.as_str());
    let seen = profile(world, &user).await;
    assert_eq!(seen["displayname"], "Оракул");
    assert_eq!(seen["avatar_url"], "mxc://test.localhost/avatar456");
    let agent = path(&["internal", "agents", &format!("agent:{name}")]);
    let agent = answered(200, gateway.service.get(&agent).await);
    assert_eq!(agent["display_name"], "Оракул");

    // Its token is good at the homeserver.
    let http = crate::homeserver::http::Http::without_pool(world.homeserver.base_url());
    let request = http.builder(Method::GET, "/_matrix/client/v3/account/whoami");
    let request = request.bearer_auth(text(&made["access_token"]));
    let answer = crate::homeserver::http::exchange(request, None).await;
    let (_, who) = answer.expect("the homeserver answers");
    assert_eq!(who["user_id"], user.as_str());
    assert_eq!(who["device_id"], made["device_id"]);

    refused(
        409,
        "CONFLICT",
        gateway.post("register-user", body.clone()).await,
    );
    let mut admin = body;
    admin["username"] = json!(format!("agent:{}", unique("boss")));
    admin["admin"] = json!(true);
    let words = refused(
        400,
        "M_INVALID_PARAM",
        gateway.post("register-user", admin).await,
    );
    assert!(words.starts_with("admin"), "{words}");
}

#[tokio::test]
async fn people_with_passwords_say_what_is_missing() {
    let world = shared_world().await;
    let gateway = Gateway::of(&world.daarion);
    let body = |more: Value| {
        let mut body = json!({ "username": unique("alice"), "password": "generated-secure-one" });
        crate::support::merge(&mut body, more);
        body
    };
    let words = refused(
        403,
        "M_FORBIDDEN",
        gateway.post("register-user", body(json!({}))).await,
    );
    assert!(words.contains("matrix.admin_token"), "{words}");
    for (field, value) in [
        ("username", json!("Alice")),
        ("username", json!("a b")),
        ("username", json!("")),
        ("username", json!("user:alice:elsewhere.org")),
        ("username", json!("robot:alice")),
        ("password", Value::Null),
        ("password", json!("")),
        ("display_name", json!("x".repeat(257))),
        ("avatar_url", json!("https://example.org/a.png")),
    ] {
        let answer = gateway
            .post("register-user", body(json!({ field: value })))
            .await;
        let words = refused(400, "M_INVALID_PARAM", answer);
        assert!(words.starts_with(field), "{field}: {words}");
    }
    let body = body(json!({ "username": "daarion" }));
    refused(409, "CONFLICT", gateway.post("register-user", body).await);
}

#[tokio::test]
async fn people_and_agents_are_named_and_pictured() {
    let world = shared_world().await;
    let gateway = Gateway::of(&world.daarion);
    let alice = world.register_unique("alice").await;
    let (agent, agent_user) = gateway.agent().await;
    let entity = format!("user:{}", alice.localpart());
    for (given, user) in [
        (alice.user_id.as_str(), alice.user_id.as_str()),
        (&entity, &alice.user_id),
        (&agent_user, &agent_user),
        (&agent, &agent_user),
    ] {
        let name = unique("Alice (Updated)");
        let body = json!({ "display_name": name });
        let updated = answered(200, gateway.put_user(given, "display-name", body).await);
        assert_eq!(updated, json!({ "status": "updated" }));
        let url = format!("mxc://test.localhost/{}", unique("avatar"));
        let body = json!({ "avatar_url": url });
        let updated = answered(200, gateway.put_user(given, "avatar", body).await);
        assert_eq!(updated, json!({ "status": "updated" }));
        let seen = profile(world, user).await;
        assert_eq!(seen["displayname"], name.as_str(), "{given}");
        assert_eq!(seen["avatar_url"], url.as_str(), "{given}");
    }
    let agent = path(&["internal", "agents", &agent]);
    let agent = answered(200, gateway.service.get(&agent).await);
    assert!(text(&agent["display_name"]).starts_with("Alice (Updated)"));

    for (what, field, long) in [
        ("display-name", "display_name", "x".repeat(257)),
        ("avatar", "avatar_url", "https://example.org/".into()),
    ] {
        let body = json!({ field: long });
        let words = refused(
            400,
            "M_INVALID_PARAM",
            gateway.put_user(&alice.user_id, what, body).await,
        );
        assert!(words.starts_with(field), "{words}");
        let body = || json!({ field: "" });
        refused(
            404,
            "M_NOT_FOUND",
            gateway.put_user("nobody", what, body()).await,
        );
        for who in [
            "@daarion:test.localhost",
            "@bob:elsewhere.org",
            "user:nobody-at-all",
        ] {
            refused(
                403,
                "M_FORBIDDEN",
                gateway.put_user(who, what, body()).await,
            );
        }
    }
}

#[tokio::test]
async fn account_is_closed_for_good() {
    let world = shared_world().await;
    let gateway = Gateway::of(&world.daarion);
    let room = gateway.room().await;
    let alice = crate::caller::member(world, &room, "alice").await;
    let said = alice.send_text(&room, "goodbye").await;
    let bob = crate::caller::member(world, &room, "bob").await;
    let place = path(&["internal", "matrix", "users", &alice.user_id, "deactivate"]);
    let body = || Some(json!({ "erase": false }));
    let closed = answered(200, gateway.ask(Method::POST, &place, body()).await);
    assert_eq!(closed, json!({ "status": "deactivated" }));
    let whoami = "/_matrix/client/v3/account/whoami";
    let (status, _) = alice.request(Method::GET, whoami, None).await;
    assert_eq!(status, 401, "signed out everywhere");
    let left = whole(&bob, &room, &said).await;
    assert_eq!(left["content"]["body"], "goodbye");
    let (agent, _) = gateway.agent().await;
    let place = path(&["internal", "matrix", "users", &agent, "deactivate"]);
    let entry = path(&["internal", "agents", &agent]);
    let open = answered(200, gateway.service.get(&entry).await);
    assert_eq!(open["deactivated_at"], Value::Null);
    answered(200, gateway.ask(Method::POST, &place, body()).await);
    let closed = answered(200, gateway.service.get(&entry).await);
    text(&closed["deactivated_at"]);
    let name = json!({ "display_name": "Still here" });
    let renamed = gateway.service.request(Method::PATCH, &entry, Some(name));
    answered(409, renamed.await);
    // Asked for again, as after a lost answer.
    answered(200, gateway.ask(Method::POST, &place, body()).await);
    let again = answered(200, gateway.service.get(&entry).await);
    assert_eq!(again, closed);
}
