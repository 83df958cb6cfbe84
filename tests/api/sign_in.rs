//! People sign in with their Matrix password, stay so, and leave.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::daarion::{Caller, DaarionOptions, World, WorldOptions, shared_world};
use crate::stream::{Stream, path_of, refusal};
use crate::support::{Person, answered, eventually, refused, text};

pub const LOGIN: &str = "/api/auth/login";
pub const REFRESH: &str = "/api/auth/refresh";
const LOGOUT: &str = "/api/auth/logout";
pub const ME: &str = "/api/auth/me";
pub const TICKET: &str = "/api/auth/ticket";

/// An address that no other test guesses from.
pub fn address() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);

    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("198.51.{}.{}", number / 250, 1 + number % 250)
}

pub fn credentials(person: &Person) -> Value {
    json!({ "user": person.matrix.localpart(), "password": person.matrix.password })
}

/// The answer to a good password.
pub async fn signed_in(world: &World, person: &Person) -> Value {
    let anyone = world.daarion.anonymous();
    answered(200, anyone.post(LOGIN, credentials(person)).await)
}

/// Whoever has the access token.
pub fn bearer(world: &World, grant: &Value) -> Caller {
    let token = format!("Bearer {}", text(&grant["access_token"]));
    world
        .daarion
        .anonymous()
        .with_header("authorization", &token)
}

async fn refresh(world: &World, grant: &Value) -> (reqwest::StatusCode, Value) {
    let body = json!({ "refresh_token": grant["refresh_token"] });
    world.daarion.anonymous().post(REFRESH, body).await
}

#[tokio::test]
async fn a_matrix_password_opens_the_city() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let anyone = world.daarion.anonymous();
    let spellings = [
        alice.matrix.localpart().to_owned(),
        alice.id(),
        alice.user_id().to_owned(),
    ];
    for user in spellings {
        let body = json!({ "user": user, "password": alice.matrix.password });
        let grant = answered(200, anyone.post(LOGIN, body).await);
        let expected = json!({
            "access_token": grant["access_token"],
            "token_type": "Bearer",
            "expires_in": 900,
            "entity_id": alice.id(),
            "operator": false,
            "refresh_token": grant["refresh_token"],
        });
        assert_eq!(grant, expected);
        let me = bearer(world, &grant);
        let found = answered(200, me.get(ME).await);
        let expected = json!({
            "entity_id": alice.id(),
            "matrix_user_id": alice.user_id(),
            "display_name": alice.matrix.localpart(),
            "operator": false,
            "session_id": found["session_id"],
        });
        assert_eq!(found, expected);
        assert!(found["session_id"].is_string());
        answered(200, me.get("/api/city/rooms").await);
        let channel = json!({ "name": "Від себе", "slug": crate::homeserver::unique("own") });
        let channel = answered(201, me.post("/api/messaging/channels", channel).await);
        assert_eq!(channel["created_by"], alice.id());
    }
    // No device is left on the homeserver but the person's own.
    let path = "/_matrix/client/v3/devices";
    let devices = alice.matrix.request(reqwest::Method::GET, path, None).await;
    let devices = answered(200, devices);
    assert_eq!(
        devices["devices"].as_array().map(Vec::len),
        Some(1),
        "{devices}"
    );
    // A service that acts for somebody has no session.
    let me = answered(200, alice.api.get(ME).await);
    assert_eq!(
        (&me["session_id"], &me["entity_id"]),
        (&Value::Null, &json!(alice.id()))
    );
}

#[tokio::test]
async fn wrong_user_and_wrong_password_are_told_alike() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let mut browser = Browser::behind_proxy(world, &address());
    let mut told = Vec::new();
    for (user, password) in [
        (alice.matrix.localpart(), "wrong"),
        ("nobody-of-this-name", "wrong"),
        ("agent_nobody", "wrong"),
        ("daarion", "wrong"),
    ] {
        let body = json!({ "user": user, "password": password });
        told.push(refused(401, "M_FORBIDDEN", browser.post(LOGIN, body).await));
        assert!(browser.set.is_empty(), "no cookie");
    }
    told.dedup();
    assert_eq!(told, ["wrong user or password"]);
    for user in ["", "a b", "@alice:elsewhere.net", "user:", "кіт"] {
        let body = json!({ "user": user, "password": "x" });
        let words = refused(400, "M_INVALID_PARAM", browser.post(LOGIN, body).await);
        assert!(words.starts_with("user: "), "{words}");
    }
    let body = json!({ "user": "alice", "password": "" });
    let words = refused(400, "M_INVALID_PARAM", browser.post(LOGIN, body).await);
    assert!(words.starts_with("password: "), "{words}");
    let log = world.daarion.log();
    assert!(
        !log.contains(&alice.matrix.password),
        "no password is logged"
    );
}

#[tokio::test]
async fn guessing_is_slowed_down() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let guess = |number: u32| {
        let user = alice.matrix.localpart();
        json!({ "user": user, "password": format!("guess-{number}") })
    };
    // One account, from one address.
    let mut number = 0;
    let mut browser = Browser::behind_proxy(world, &address());
    loop {
        let (status, answer) = browser.post(LOGIN, guess(number)).await;
        if status == 429 {
            refused(429, "M_LIMIT_EXCEEDED", (status, answer));
            break;
        }
        refused(401, "M_FORBIDDEN", (status, answer));
        number += 1;
        assert!(number < 10, "the account may be tried for ever");
    }
    assert!((1..=60).contains(&browser.retry_after()));
    // Nobody keeps the owner out, who is elsewhere.
    let mut owner = Browser::behind_proxy(world, &address());
    answered(200, owner.post(LOGIN, credentials(&alice)).await);
    eventually("a moment when that address may try again", async || {
        let (status, _) = browser.post(LOGIN, credentials(&alice)).await;
        (status == 200).then_some(())
    })
    .await;

    // Many accounts, from one address.
    let mut browser = Browser::behind_proxy(world, &address());
    let mut number = 0;
    loop {
        let user = crate::homeserver::unique("victim");
        let body = json!({ "user": user, "password": "guess" });
        let (status, answer) = browser.post(LOGIN, body).await;
        if status == 429 {
            break;
        }
        refused(401, "M_FORBIDDEN", (status, answer));
        number += 1;
        assert!(number < 50, "the address may guess for ever");
    }
    assert!(
        number > 5,
        "people who share an address are not shut out at once"
    );
    // Who connects from elsewhere cannot take another's address for its own.
    let mut other = Browser::behind_proxy(world, &address());
    let grant = other.post(LOGIN, credentials(&Person::new(world, "bob").await));
    answered(200, grant.await);
}

#[tokio::test]
async fn refreshing_rotates_and_a_used_token_ends_the_session() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let first = signed_in(world, &alice).await;
    let second = answered(200, refresh(world, &first).await);
    for field in ["access_token", "refresh_token"] {
        assert_ne!(first[field], second[field], "{field}");
    }
    let both = [&first, &second];
    for grant in both {
        answered(200, bearer(world, grant).get(ME).await);
    }
    let third = answered(200, refresh(world, &second).await);
    // The first token is two rotations old: somebody has kept it.
    let words = refused(401, "M_UNKNOWN_TOKEN", refresh(world, &first).await);
    assert!(words.contains("used before"), "{words}");
    for grant in [&second, &third] {
        let words = refused(401, "M_UNKNOWN_TOKEN", bearer(world, grant).get(ME).await);
        assert!(words.contains("ended"), "{words}");
        refused(401, "M_UNKNOWN_TOKEN", refresh(world, grant).await);
    }
    // Noise ends nothing.
    let other = signed_in(world, &alice).await;
    for bad in ["", "dr_", "dr_AAAA", text(&other["access_token"])] {
        let body = json!({ "refresh_token": bad });
        let answer = world.daarion.anonymous().post(REFRESH, body).await;
        refused(401, "M_UNKNOWN_TOKEN", answer);
    }
    let mut spoilt = text(&other["refresh_token"]).to_owned();
    spoilt.replace_range(40..41, if &spoilt[40..41] == "A" { "B" } else { "A" });
    let body = json!({ "refresh_token": spoilt });
    let answer = world.daarion.anonymous().post(REFRESH, body).await;
    refused(401, "M_UNKNOWN_TOKEN", answer);
    answered(200, refresh(world, &other).await);
}

#[tokio::test]
async fn a_browser_keeps_its_refresh_token_in_a_cookie() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let mut body = credentials(&alice);
    body["cookie"] = json!(true);
    let days = 30 * 24 * 3600;
    for (mut browser, name, attributes) in [
        (
            Browser::on_loopback(world),
            "daarion_refresh",
            vec!["HttpOnly".to_owned()],
        ),
        (
            Browser::behind_proxy(world, &address()),
            "__Host-daarion_refresh",
            vec!["HttpOnly".to_owned(), "Secure".to_owned()],
        ),
    ] {
        let grant = answered(200, browser.post(LOGIN, body.clone()).await);
        assert_eq!(grant["refresh_token"], Value::Null);
        let mut expected = attributes;
        expected.extend([
            format!("Max-Age={days}"),
            "Path=/".to_owned(),
            "SameSite=Strict".to_owned(),
        ]);
        expected.sort();
        assert_eq!(browser.last_cookie(), (name.to_owned(), expected));
        assert_eq!(browser.answer["cache-control"], "no-store");

        let mut other_tab = browser.other_tab();
        let before = browser.cookies.clone();
        let next = answered(200, browser.press(REFRESH).await);
        assert_ne!(browser.cookies, before);
        assert_eq!(next["refresh_token"], Value::Null);
        // Another tab did the same at the same moment.
        answered(200, other_tab.press(REFRESH).await);
        assert_eq!(other_tab.cookies, browser.cookies);

        answered(204, browser.press(LOGOUT).await);
        assert!(browser.cookies.is_empty(), "{:?}", browser.cookies);
        refused(401, "M_UNKNOWN_TOKEN", other_tab.press(REFRESH).await);
        assert!(other_tab.cookies.is_empty(), "what is worth nothing goes");
        refused(401, "M_UNKNOWN_TOKEN", bearer(world, &next).get(ME).await);
        refused(401, "M_MISSING_TOKEN", browser.press(REFRESH).await);
        refused(401, "M_MISSING_TOKEN", browser.press(LOGOUT).await);
    }
}

#[tokio::test]
async fn a_page_of_another_site_is_refused() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let mut body = credentials(&alice);
    body["cookie"] = json!(true);
    let own = world.daarion.public("");
    let mut browser = Browser::on_loopback(world).with("origin", &own);
    answered(200, browser.post(LOGIN, body.clone()).await);
    for foreign in [
        "https://evil.example",
        "null",
        "http://127.0.0.1:1",
        "127.0.0.1",
    ] {
        let mut page = browser.other_tab().with("origin", foreign);
        for path in [REFRESH, LOGOUT] {
            let words = refused(403, "M_FORBIDDEN", page.press(path).await);
            assert!(words.contains("Origin"), "{words}");
        }
        refused(403, "M_FORBIDDEN", page.post(LOGIN, body.clone()).await);
    }
    answered(200, browser.press(REFRESH).await);

    let channel = alice.channel(json!({})).await;
    let path = path_of(&channel);
    let foreign = alice
        .api
        .clone()
        .with_header("origin", "https://evil.example");
    refused(403, "M_FORBIDDEN", refusal(&foreign, &path).await);
    let page = alice.api.clone().with_header("origin", &own);
    Stream::open(&page, &channel).await.close().await;
}

#[tokio::test]
async fn a_ticket_opens_one_stream() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let channel = alice.channel(json!({ "visibility": "private" })).await;
    let me = bearer(world, &signed_in(world, &alice).await);
    let made = answered(200, me.post(TICKET, json!({})).await);
    let ticket = text(&made["ticket"]);
    assert_eq!(made, json!({ "ticket": ticket, "expires_in": 60 }));
    let anyone = world.daarion.anonymous();
    let mut stream = Stream::open_with_ticket(&anyone, &channel, ticket).await;
    alice.say(&channel, "Чути?").await;
    stream.next_of("message.created").await;
    let path = format!("{}?ticket={ticket}", path_of(&channel));
    let words = refused(401, "M_UNKNOWN_TOKEN", refusal(&anyone, &path).await);
    assert!(words.contains("ticket"), "{words}");
    for bad in ["", "x", "%D0%BA"] {
        let path = format!("{}?ticket={bad}", path_of(&channel));
        refused(401, "M_UNKNOWN_TOKEN", refusal(&anyone, &path).await);
    }
    // A ticket is its person's: what they may not see, it does not open.
    let bob = Person::new(world, "bob").await;
    let bob = bearer(world, &signed_in(world, &bob).await);
    let made = answered(200, bob.post(TICKET, json!({})).await);
    let path = format!("{}?ticket={}", path_of(&channel), text(&made["ticket"]));
    refused(404, "M_NOT_FOUND", refusal(&anyone, &path).await);
    // An access token in the header does as well.
    Stream::open(&me, &channel).await.close().await;
    refused(
        401,
        "M_MISSING_TOKEN",
        refusal(&anyone, &path_of(&channel)).await,
    );
    stream.close().await;
}

#[tokio::test]
async fn signing_out_ends_everything_at_once() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let channel = alice.channel(json!({})).await;
    let grant = signed_in(world, &alice).await;
    let other = signed_in(world, &alice).await;
    let (me, elsewhere) = (bearer(world, &grant), bearer(world, &other));
    let stream = Stream::open(&me, &channel).await;
    let mut stays = Stream::open(&elsewhere, &channel).await;
    let made = answered(200, me.post(TICKET, json!({})).await);
    answered(204, me.post(LOGOUT, json!({})).await);

    let close = stream.closed().await.expect("the server says why");
    assert_eq!(u16::from(close.code), 1008);
    assert_eq!(close.reason.as_str(), "signed out");
    let words = refused(401, "M_UNKNOWN_TOKEN", me.get(ME).await);
    assert!(words.contains("sign in again"), "{words}");
    let rooms = me.get("/api/city/rooms").await;
    let words = refused(401, "unauthorized", rooms);
    assert!(words.contains("sign in again"), "{words}");
    refused(401, "M_UNKNOWN_TOKEN", refresh(world, &grant).await);
    let path = format!("{}?ticket={}", path_of(&channel), text(&made["ticket"]));
    let anyone = world.daarion.anonymous();
    refused(401, "M_UNKNOWN_TOKEN", refusal(&anyone, &path).await);
    refused(
        401,
        "M_UNKNOWN_TOKEN",
        refusal(&me, &path_of(&channel)).await,
    );

    // The other device knows nothing of it.
    answered(200, elsewhere.get(ME).await);
    stays.send("ping").await;
    assert_eq!(stays.next_text().await, "pong");
    stays.close().await;
}

#[tokio::test]
async fn tokens_that_are_not_ours_are_refused() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let grant = signed_in(world, &alice).await;
    let token = text(&grant["access_token"]);
    let (rest, signature) = token.rsplit_once('.').expect("three parts");
    let other = if signature.starts_with('A') { "B" } else { "A" };
    for bad in [
        "Bearer ".to_owned(),
        "Bearer x".to_owned(),
        format!("Bearer {rest}."),
        format!("Bearer {rest}.{other}{}", &signature[1..]),
        format!("Bearer {}", text(&grant["refresh_token"])),
        format!("Bearer {}", alice.matrix.access_token),
        format!("Bearer {}", world.daarion.as_token()),
    ] {
        // Whoever shows a token is whom the token says, and nobody else.
        let caller = alice.api.clone().with_header("authorization", &bad);
        refused(401, "M_UNKNOWN_TOKEN", caller.get(ME).await);
    }
    let proxys = alice.api.clone().with_header("authorization", "Basic YTpi");
    answered(200, proxys.get(ME).await);
    let scheme = world
        .daarion
        .anonymous()
        .with_header("authorization", &format!("bearer {token}"));
    answered(200, scheme.get(ME).await);
}

#[tokio::test]
async fn access_tokens_expire_and_sessions_outlive_a_restart() {
    let options = DaarionOptions::default()
        .set("auth.access_token_lifetime", "\"2s\"")
        .set("auth.operators", "[\"user:olena\"]")
        .set("listen.public_url", "\"https://city.example.org\"");
    let world = World::start_with(WorldOptions {
        daarion: options,
        ..WorldOptions::default()
    })
    .await;
    let alice = Person::named(&world, "alice").await;
    let olena = Person::named(&world, "olena").await;
    let grant = signed_in(&world, &alice).await;
    assert_eq!(grant["expires_in"], 2);
    assert_eq!(signed_in(&world, &olena).await["operator"], true);
    let me = bearer(&world, &grant);
    let words = eventually("expired token", async || {
        let (status, body) = me.get(ME).await;
        (status == 401).then(|| refused(401, "M_UNKNOWN_TOKEN", (status, body)))
    })
    .await;
    assert!(words.contains("expired"), "{words}");
    let words = refused(401, "unauthorized", me.get("/api/city/rooms").await);
    assert!(words.contains("expired"), "{words}");

    world.daarion.restart().await;
    let next = answered(200, refresh(&world, &grant).await);
    answered(200, bearer(&world, &next).get(ME).await);
    world.daarion.kill();
    world.daarion.launch().await;
    let last = answered(200, refresh(&world, &next).await);
    // Signing out does not ask whether the access token has expired.
    let me = bearer(&world, &last);
    eventually("expired token", async || {
        (me.get(ME).await.0 == 401).then_some(())
    })
    .await;
    answered(204, me.post(LOGOUT, json!({})).await);
    refused(401, "M_UNKNOWN_TOKEN", refresh(&world, &last).await);
    world.daarion.restart().await;
    refused(401, "M_UNKNOWN_TOKEN", refresh(&world, &last).await);

    // By the address that members know, a request is secure although nobody says so.
    let mut browser = Browser::on_loopback(&world).with("host", "city.example.org");
    let mut body = credentials(&alice);
    body["cookie"] = json!(true);
    answered(200, browser.post(LOGIN, body.clone()).await);
    let (name, attributes) = browser.last_cookie();
    assert_eq!(name, "__Host-daarion_refresh");
    assert!(attributes.contains(&"Secure".to_owned()), "{attributes:?}");
    for (origin, status) in [
        ("https://city.example.org", 200),
        ("http://city.example.org", 403),
        ("https://city.example.org:444", 403),
        ("https://other.example.org", 403),
    ] {
        let mut page = browser.other_tab().with("origin", origin);
        let (found, answer) = page.post(LOGIN, body.clone()).await;
        assert_eq!(found, status, "{origin}: {answer}");
    }

    world.homeserver.kill();
    let words = refused(
        503,
        "HOMESERVER_UNAVAILABLE",
        world
            .daarion
            .anonymous()
            .post(LOGIN, credentials(&alice))
            .await,
    );
    assert!(words.contains("homeserver"), "{words}");
}
