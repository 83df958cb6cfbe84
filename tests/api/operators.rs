//! Operators: accounts of their own by the command line, sessions by cookie, and Matrix accounts
//! that the configuration lists.

use std::process::Output;

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::daarion::{DaarionOptions, World, WorldOptions, shared_world};
use crate::homeserver::unique;
use crate::sign_in::address;
use crate::support::{Person, answered, column, items, refused, text, time};

const LOGIN: &str = "/api/admin/login";
const LOGOUT: &str = "/api/admin/logout";
const SESSION: &str = "/api/admin/session";
const PASSWORD: &str = "correct horse battery";

async fn admin(world: &World, arguments: &[&str], input: &str) -> Output {
    let arguments: Vec<_> = std::iter::once("admin")
        .chain(arguments.iter().copied())
        .collect();
    world.daarion.run_cli_with(&arguments, input).await
}

/// A new operator's name.
async fn operator(world: &World) -> String {
    let name = unique("operator");
    let made = admin(world, &["create", &name, "--password-stdin"], PASSWORD).await;
    assert!(made.status.success(), "{made:?}");
    name
}

fn credentials(name: &str) -> Value {
    json!({ "name": name, "password": PASSWORD })
}

#[track_caller]
fn failure(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(words.lines().count(), 1, "{words}");
    words
}

#[tokio::test]
async fn an_operator_signs_in_and_out() {
    let world = shared_world().await;
    let name = operator(world).await;
    for (mut browser, cookie, secure) in [
        (Browser::on_loopback(world), "daarion_operator", false),
        (
            Browser::behind_proxy(world, &address()),
            "__Host-daarion_operator",
            true,
        ),
    ] {
        let grant = answered(200, browser.post(LOGIN, credentials(&name)).await);
        let expected = json!({
            "name": name,
            "csrf_token": grant["csrf_token"],
            "expires_at": grant["expires_at"],
        });
        assert_eq!(grant, expected);
        let hours = time(&grant["expires_at"]).signed_duration_since(chrono::Utc::now());
        assert!((11..=12).contains(&hours.num_hours()), "{hours}");
        let mut attributes = vec!["HttpOnly", "Max-Age=43200", "Path=/", "SameSite=Strict"];
        if secure {
            attributes.insert(3, "Secure");
        }
        attributes.sort_unstable();
        let attributes = attributes.into_iter().map(str::to_owned).collect();
        assert_eq!(browser.last_cookie(), (cookie.to_owned(), attributes));
        assert_eq!(browser.answer["cache-control"], "no-store");

        // A page that was loaded anew has the cookie alone.
        let session = answered(200, browser.get(SESSION).await);
        assert_eq!(browser.answer["cache-control"], "no-store");
        let expected = json!({
            "name": name,
            "entity_id": null,
            "via": "account",
            "csrf_token": grant["csrf_token"],
            "expires_at": grant["expires_at"],
        });
        assert_eq!(session, expected);

        let mut other_tab = browser.other_tab();
        for proof in [None, Some(""), Some("x"), Some(cookie)] {
            let mut page = browser.other_tab();
            if let Some(proof) = proof {
                page = page.with("x-csrf-token", proof);
            }
            let words = refused(403, "M_FORBIDDEN", page.press(LOGOUT).await);
            assert!(words.contains("X-CSRF-Token"), "{words}");
        }
        let mut foreign = browser.other_tab().with("origin", "https://evil.example");
        let words = refused(403, "M_FORBIDDEN", foreign.get(SESSION).await);
        assert!(words.contains("Origin"), "{words}");

        let mut page = browser.with("x-csrf-token", text(&grant["csrf_token"]));
        answered(204, page.press(LOGOUT).await);
        assert!(page.cookies.is_empty(), "{:?}", page.cookies);
        refused(401, "M_UNKNOWN_TOKEN", other_tab.get(SESSION).await);
        refused(401, "M_MISSING_TOKEN", page.get(SESSION).await);
    }
}

#[tokio::test]
async fn the_proof_of_one_session_is_none_for_another() {
    let world = shared_world().await;
    let (one, other) = (operator(world).await, operator(world).await);
    let mut mine = Browser::on_loopback(world);
    answered(200, mine.post(LOGIN, credentials(&one)).await);
    let mut theirs = Browser::on_loopback(world);
    let grant = answered(200, theirs.post(LOGIN, credentials(&other)).await);
    let mut mine = mine.with("x-csrf-token", text(&grant["csrf_token"]));
    refused(403, "M_FORBIDDEN", mine.press(LOGOUT).await);
    let session = answered(200, mine.get(SESSION).await);
    assert_eq!(session["name"], one);
}

#[tokio::test]
async fn wrong_name_and_wrong_password_are_told_alike_and_slowed_down() {
    let world = shared_world().await;
    let name = operator(world).await;
    let mut browser = Browser::behind_proxy(world, &address());
    for (name, password) in [(name.as_str(), "wrong"), ("nobody", PASSWORD)] {
        let body = json!({ "name": name, "password": password });
        let words = refused(401, "M_FORBIDDEN", browser.post(LOGIN, body).await);
        assert_eq!(words, "wrong name or password");
    }
    let guess = json!({ "name": name, "password": "another guess" });
    let mut tries = 0;
    loop {
        let (status, answer) = browser.post(LOGIN, guess.clone()).await;
        if status == 429 {
            refused(429, "M_LIMIT_EXCEEDED", (status, answer));
            assert!((1..=60).contains(&browser.retry_after()));
            break;
        }
        refused(401, "M_FORBIDDEN", (status, answer));
        tries += 1;
        assert!(tries < 10, "the account may be tried for ever");
    }
    // Nobody keeps the owner out, who is elsewhere.
    let mut owner = Browser::behind_proxy(world, &address());
    answered(200, owner.post(LOGIN, credentials(&name)).await);
}

#[tokio::test]
async fn plain_http_from_elsewhere_is_refused() {
    let world = shared_world().await;
    let name = operator(world).await;
    let forwarded = Browser::on_loopback(world).with("x-forwarded-for", "203.0.113.9");
    let plain = Browser::behind_proxy(world, &address()).with("x-forwarded-proto", "http");
    let by_name = Browser::on_loopback(world).with("host", "city.example.org");
    for mut browser in [forwarded, plain, by_name] {
        let answer = browser.post(LOGIN, credentials(&name)).await;
        let words = refused(403, "M_FORBIDDEN", answer);
        assert!(words.contains("HTTPS"), "{words}");
        assert!(browser.set.is_empty());
    }
    // What came over a plain page does not count over a secure one, and the other way round.
    let mut local = Browser::on_loopback(world);
    answered(200, local.post(LOGIN, credentials(&name)).await);
    let mut secure = Browser::behind_proxy(world, &address());
    secure.cookies = local.cookies;
    refused(401, "M_MISSING_TOKEN", secure.get(SESSION).await);
}

#[tokio::test]
async fn accounts_are_made_and_changed_while_the_daemon_is_up() {
    let world = shared_world().await;
    let name = operator(world).await;
    let again = admin(world, &["create", &name, "--password-stdin"], PASSWORD).await;
    assert!(failure(&again).contains("exists already"));
    for (name, password, words) in [
        ("Root", PASSWORD, "name: "),
        ("", PASSWORD, "name: "),
        ("root-2", "too short", "password: "),
        ("root-2", "", "password: "),
    ] {
        let refused = admin(world, &["create", name, "--password-stdin"], password).await;
        let found = failure(&refused);
        assert!(found.contains(words), "{found}");
    }
    let unasked = admin(world, &["create", "root-2"], PASSWORD).await;
    assert!(failure(&unasked).contains("--password-stdin"));
    let nobody = ["passwd", "nobody/at all", "--password-stdin"];
    let words = failure(&admin(world, &nobody, PASSWORD).await);
    assert!(words.contains("no operator nobody/at all"), "{words}");

    let mut browser = Browser::on_loopback(world);
    answered(200, browser.post(LOGIN, credentials(&name)).await);
    let other = "another long password";
    let passwd = ["passwd", &name, "--password-stdin"];
    let set = admin(world, &passwd, &format!("{other}\n")).await;
    assert!(set.status.success(), "{set:?}");
    refused(401, "M_UNKNOWN_TOKEN", browser.get(SESSION).await);
    refused(
        401,
        "M_FORBIDDEN",
        browser.post(LOGIN, credentials(&name)).await,
    );
    let body = json!({ "name": name, "password": other });
    answered(200, browser.post(LOGIN, body).await);

    let listed = admin(world, &["list", "--json"], "").await;
    let listed: Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    let found = items(&listed).iter().find(|item| item["name"] == name);
    let found = found.expect("it is listed");
    assert!(time(&found["password_set_at"]) > time(&found["created_at"]));
    assert_eq!(
        found.as_object().map(serde_json::Map::len),
        Some(3),
        "no hash"
    );
    let table = admin(world, &["list"], "").await;
    let table = String::from_utf8(table.stdout).expect("text");
    assert!(
        table.starts_with("OPERATOR") && table.contains(&name),
        "{table}"
    );
    let log = world.daarion.log();
    assert!(
        !log.contains(PASSWORD) && !log.contains(other),
        "no password is logged"
    );
}

#[tokio::test]
async fn the_terminal_asks_twice_and_shows_no_password() {
    let world = shared_world().await;
    let name = unique("terminal");
    let on_terminal = async |second: &str| {
        let answers = [("characters): ", PASSWORD), ("Once more: ", second)];
        let arguments = ["admin", "create", &name];
        let output = world.daarion.run_cli_on_terminal(&arguments, &answers);
        let output = output.await;
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(shown.contains("Once more: "), "{shown} {output:?}");
        assert!(!shown.contains(PASSWORD), "{shown}");
        (output.status.success(), shown)
    };
    let (is_made, shown) = on_terminal("something else").await;
    assert!(!is_made && shown.contains("differ"), "{shown}");
    let (is_made, shown) = on_terminal(PASSWORD).await;
    assert!(is_made && shown.contains("can sign in"), "{shown}");
    let mut browser = Browser::on_loopback(world);
    answered(200, browser.post(LOGIN, credentials(&name)).await);
}

#[tokio::test]
async fn accounts_are_made_and_changed_while_the_daemon_is_down() {
    let world = World::start_with(WorldOptions {
        daarion: DaarionOptions::default().set("auth.operators", "[\"@olena:test.localhost\"]"),
        ..WorldOptions::default()
    })
    .await;
    world.daarion.terminate().await;
    for name in ["root", "night-shift"] {
        let made = admin(&world, &["create", name, "--password-stdin"], PASSWORD).await;
        assert!(made.status.success(), "{made:?}");
    }
    let again = admin(&world, &["create", "root", "--password-stdin"], PASSWORD).await;
    assert!(failure(&again).contains("exists already"));
    let listed = admin(&world, &["list", "--json"], "").await;
    let listed: Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    assert_eq!(column(&listed, "name"), ["night-shift", "root"]);

    world.daarion.launch().await;
    let mut root = Browser::on_loopback(&world);
    answered(200, root.post(LOGIN, credentials("root")).await);
    let mut other = Browser::on_loopback(&world);
    answered(200, other.post(LOGIN, credentials("night-shift")).await);
    world.daarion.restart().await;
    answered(200, root.get(SESSION).await);
    world.daarion.terminate().await;
    let passwd = ["passwd", "root", "--password-stdin"];
    let set = admin(&world, &passwd, "another long password").await;
    assert!(set.status.success(), "{set:?}");
    world.daarion.launch().await;
    refused(401, "M_UNKNOWN_TOKEN", root.get(SESSION).await);
    answered(200, other.get(SESSION).await);

    // An operator's account is nobody in the city.
    refused(401, "M_MISSING_TOKEN", other.get("/api/auth/me").await);

    // People whom the configuration lists are operators, and others are not.
    let olena = Person::named(&world, "olena").await;
    let alice = Person::named(&world, "alice").await;
    let session = answered(200, olena.api.get(SESSION).await);
    let expected = json!({
        "name": "user:olena",
        "entity_id": "user:olena",
        "via": "matrix",
        "csrf_token": null,
        "expires_at": null,
    });
    assert_eq!(session, expected);
    answered(204, olena.api.post(LOGOUT, json!({})).await);
    let words = refused(403, "M_FORBIDDEN", alice.api.get(SESSION).await);
    assert!(words.contains("user:alice"), "{words}");
    let body = json!({ "user": "olena", "password": olena.matrix.password });
    let grant = answered(200, other.post("/api/auth/login", body).await);
    let token = format!("Bearer {}", text(&grant["access_token"]));
    // A token says who it is, whatever cookie comes along.
    let mut both = other.other_tab().with("authorization", &token);
    assert_eq!(answered(200, both.get(SESSION).await)["via"], "matrix");
    answered(204, both.press(LOGOUT).await);
    answered(200, other.get(SESSION).await);
}
