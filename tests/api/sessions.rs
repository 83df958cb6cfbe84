//! People see where they are signed in, and end that from elsewhere; the keys that sign are replaced
//! meanwhile.

use serde_json::{Value, json};

use crate::admin::operator;
use crate::browser::Browser;
use crate::daarion::{Daarion, DaarionOptions, World, shared_world};
use crate::sign_in::{LOGIN, ME, REFRESH, TICKET, address, bearer, credentials, signed_in};
use crate::stream::{Stream, path_of, refusal};
use crate::support::{Person, answered, column, items, refused, text, time};

const SESSIONS: &str = "/api/auth/sessions";

/// A browser somewhere, signed in; with the access token that it holds.
async fn browser(world: &World, person: &Person, from: &str, agent: &str) -> (Browser, Value) {
    let mut browser = Browser::behind_proxy(world, from).with("user-agent", agent);
    let mut body = credentials(person);
    body["cookie"] = json!(true);
    let grant = answered(200, browser.post(LOGIN, body).await);
    (browser, grant)
}

/// The session that an access token belongs to.
async fn own(world: &World, grant: &Value) -> String {
    let me = answered(200, bearer(world, grant).get(ME).await);
    text(&me["session_id"]).to_owned()
}

#[tokio::test]
async fn people_see_where_they_are_signed_in_and_end_it() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let channel = alice.channel(json!({})).await;
    let (phones, desks) = (address(), address());
    let (mut phone, phone_grant) = browser(world, &alice, &phones, "phone/1").await;
    let (mut desk, desk_grant) = browser(world, &alice, &desks, "desk/2 (X11)").await;
    let lost = signed_in(world, &alice).await;

    let from_desk = |grant: &Value| {
        let caller = bearer(world, grant);
        caller
            .with_header("x-forwarded-for", &desks)
            .with_header("user-agent", "desk/2 (X11)")
    };
    let me = from_desk(&desk_grant);
    let all = answered(200, me.get(SESSIONS).await);
    assert_eq!(all["next"], Value::Null);
    let expected = [
        own(world, &lost).await,
        own(world, &desk_grant).await,
        own(world, &phone_grant).await,
    ];
    // The newest first, unless they began in the same millisecond.
    let mut ids = column(&all, "id");
    ids.sort_unstable();
    let mut expected_ids: Vec<_> = expected.iter().map(String::as_str).collect();
    expected_ids.sort_unstable();
    assert_eq!(ids, expected_ids);
    let find = |id: &str| {
        let found = items(&all).iter().find(|it| it["id"] == *id);
        found.expect("it is listed").clone()
    };
    let desk_session = find(&expected[1]);
    assert_eq!(desk_session["address"], *desks);
    assert_eq!(desk_session["user_agent"], "desk/2 (X11)");
    assert_eq!(desk_session["is_current"], true);
    for session in items(&all) {
        let begun = time(&session["created_at"]);
        assert!(time(&session["last_seen_at"]) >= begun, "{session}");
        let days = time(&session["expires_at"]).signed_duration_since(begun);
        assert_eq!(days.num_days(), 30, "{session}");
        assert_eq!(session["is_current"], session["id"] == *expected[1]);
    }
    assert!(!all.to_string().contains(text(&lost["refresh_token"])));

    // One is ended from elsewhere: at once, with all that it had opened.
    let stream = Stream::open(&bearer(world, &phone_grant), &channel).await;
    let ticket = answered(
        200,
        bearer(world, &phone_grant).post(TICKET, json!({})).await,
    );
    let path = format!("{SESSIONS}/{}", expected[2]);
    answered(204, me.delete(&path).await);
    let frame = stream.closed().await.expect("it says why");
    assert_eq!(frame.reason.as_str(), "signed out");
    let words = bearer(world, &phone_grant).get(ME).await;
    refused(401, "M_UNKNOWN_TOKEN", words);
    refused(401, "M_UNKNOWN_TOKEN", phone.press(REFRESH).await);
    let path = format!("{}?ticket={}", path_of(&channel), text(&ticket["ticket"]));
    let anyone = world.daarion.anonymous();
    refused(401, "M_UNKNOWN_TOKEN", refusal(&anyone, &path).await);
    let path = format!("{SESSIONS}/{}", expected[2]);
    refused(404, "M_NOT_FOUND", me.delete(&path).await);

    // Nobody else's is there for anybody.
    let bob = Person::new(world, "bob").await;
    let path = format!("{SESSIONS}/{}", expected[0]);
    refused(404, "M_NOT_FOUND", bob.api.delete(&path).await);
    let nothing = json!({ "items": [], "next": null });
    assert_eq!(answered(200, bob.api.get(SESSIONS).await), nothing);

    let ended = answered(200, me.delete(SESSIONS).await);
    assert_eq!(ended, json!({ "ended": 1 }));
    refused(401, "M_UNKNOWN_TOKEN", bearer(world, &lost).get(ME).await);
    answered(200, me.get(ME).await);
    answered(200, desk.press(REFRESH).await);
    let left = answered(200, me.get(SESSIONS).await);
    assert_eq!(column(&left, "id"), [expected[1].as_str()]);
    // A service that acts for her ends the last one, too.
    let ended = answered(200, alice.api.delete(SESSIONS).await);
    assert_eq!(ended, json!({ "ended": 1 }));
    refused(401, "M_UNKNOWN_TOKEN", me.get(ME).await);
}

#[tokio::test]
async fn the_name_of_a_program_is_kept_short() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let long = "x".repeat(2_000);
    for (agent, listed) in [(long.as_str(), true), ("", false)] {
        let (_, grant) = browser(world, &alice, &address(), agent).await;
        let me = bearer(world, &grant).with_header("user-agent", agent);
        let all = answered(200, me.get(SESSIONS).await);
        let current = items(&all).iter().find(|it| it["is_current"] == true);
        let told = &current.expect("it is listed")["user_agent"];
        match listed {
            true => assert_eq!(text(told).len(), 256),
            false => assert_eq!(*told, Value::Null, "{agent}"),
        }
    }
}

#[tokio::test]
async fn keys_that_sign_are_replaced_while_daarion_is_up_and_down() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let first = signed_in(world, &alice).await;
    let keys = async |daarion: &Daarion, command: &str| {
        let output = daarion.run_cli(&["key", command, "--json"]).await;
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice::<Value>(&output.stdout).expect("JSON")
    };
    let kid = |grant: &Value| {
        let header = jsonwebtoken::decode_header(text(&grant["access_token"]));
        header.expect("a header").kid.expect("a key's name")
    };
    let before = keys(&world.daarion, "list").await;
    let after = keys(&world.daarion, "rotate").await;
    assert_eq!(items(&after).len(), items(&before).len() + 2);
    assert_eq!(items(&after)[0]["forgotten_at"], Value::Null);
    assert!(items(&after)[1]["forgotten_at"].is_string());
    // Nobody notices.
    answered(200, bearer(world, &first).get(ME).await);
    let body = json!({ "refresh_token": first["refresh_token"] });
    let second = world.daarion.anonymous().post(REFRESH, body).await;
    let second = answered(200, second);
    answered(200, bearer(world, &second).get(ME).await);
    assert_ne!(kid(&first), kid(&second));
    assert_eq!(kid(&second), text(&items(&after)[0]["id"]));
    let output = world.daarion.run_cli(&["key", "list"]).await;
    let table = String::from_utf8(output.stdout).expect("text");
    assert!(
        table.contains(&kid(&second)) && table.contains("signs"),
        "{table}"
    );

    // A daarion that is down, and an operator's session, whose proofs are made with them.
    let daarion = Daarion::start(&DaarionOptions::default()).await;
    let made = daarion.run_cli_with(
        &["admin", "create", "root", "--password-stdin"],
        "correct horse battery",
    );
    assert!(made.await.status.success());
    let anyone = daarion.anonymous();
    let login = json!({ "name": "root", "password": "correct horse battery" });
    let request = anyone.builder(reqwest::Method::POST, "/api/admin/login");
    let answer = request.json(&login).send().await.expect("daarion answers");
    let cookie = answer.headers()["set-cookie"].to_str().expect("text");
    let cookie = cookie.split(';').next().expect("a pair").to_owned();
    let grant: Value = answer.json().await.expect("JSON");
    daarion.terminate().await;
    let rotated = keys(&daarion, "rotate").await;
    assert_eq!(items(&rotated).len(), 4);
    daarion.launch().await;
    let operator = daarion
        .anonymous()
        .with_header("cookie", &cookie)
        .with_header("x-csrf-token", text(&grant["csrf_token"]));
    let body = json!({ "name": "billing", "scopes": ["agents"] });
    answered(201, operator.post("/api/admin/services", body).await);
    let session = answered(200, operator.get("/api/admin/session").await);
    assert_ne!(session["csrf_token"], grant["csrf_token"]);
}

#[tokio::test]
async fn operators_end_all_by_which_somebody_comes_in() {
    let world = shared_world().await;
    let (alice, bob) = (
        Person::new(world, "alice").await,
        Person::new(world, "bob").await,
    );
    let operator = operator(world);
    let (phone, desk) = (
        signed_in(world, &alice).await,
        signed_in(world, &alice).await,
    );
    let others = signed_in(world, &bob).await;
    let new = json!({ "name": "програма", "scopes": ["channels:read"] });
    let key = answered(201, alice.api.post("/api/keys", new).await);
    let program = world
        .daarion
        .anonymous()
        .with_header("authorization", &format!("Bearer {}", text(&key["key"])));
    answered(200, program.get("/api/messaging/channels").await);
    let channel = alice.channel(json!({})).await;
    let stream = Stream::open(&bearer(world, &phone), &channel).await;

    let of = |who: &str| format!("/api/admin/people/{who}/access");
    let words = refused(400, "M_INVALID_PARAM", operator.delete(&of("nobody")).await);
    assert!(words.contains("entity"), "{words}");
    refused(
        404,
        "M_NOT_FOUND",
        operator.delete(&of("user:nowhere")).await,
    );
    refused(403, "M_FORBIDDEN", bob.api.delete(&of(&alice.id())).await);

    let ended = answered(200, operator.delete(&of(&alice.id())).await);
    assert_eq!(ended, json!({ "sessions": 2, "keys": 1 }));
    for grant in [&phone, &desk] {
        refused(401, "M_UNKNOWN_TOKEN", bearer(world, grant).get(ME).await);
        let body = json!({ "refresh_token": grant["refresh_token"] });
        let refreshing = world.daarion.anonymous().post(REFRESH, body).await;
        refused(401, "M_UNKNOWN_TOKEN", refreshing);
    }
    refused(
        401,
        "M_UNKNOWN_TOKEN",
        program.get("/api/messaging/channels").await,
    );
    let frame = stream.closed().await.expect("it says why");
    assert_eq!(frame.reason.as_str(), "signed out");
    answered(200, bearer(world, &others).get(ME).await);

    // They may come back, and nothing is left to end before they do.
    let by_user_id = of(alice.user_id());
    let ended = answered(200, operator.delete(&by_user_id).await);
    assert_eq!(ended, json!({ "sessions": 0, "keys": 0 }));
    let again = signed_in(world, &alice).await;
    answered(200, bearer(world, &again).get(ME).await);
    // The log names who has ended whose.
    let log = "/api/admin/audit?actor=user:operator&action=session.ended&limit=50";
    let log = answered(200, operator.get(log).await);
    let ended = |it: &&Value| it["before"]["of"] == alice.id();
    assert_eq!(items(&log).iter().filter(ended).count(), 2, "{log}");
}
