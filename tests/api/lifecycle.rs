//! Starting, stopping, and how daarion says that it is well.

use std::process::Output;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::daarion::{Daarion, DaarionOptions, World, WorldOptions, in_most_rounds, shared_world};
use crate::stream::Stream;
use crate::support::{Person, answered, column, eventually, messages_of, room_of, text};

/// What daarion promises between SIGTERM and its end.
const DRAIN: Duration = Duration::from_secs(10);

#[tokio::test]
async fn stop_drains_what_is_open_within_ten_seconds() {
    let world = World::start().await;
    let alice = Person::named(&world, "alice").await;
    let channel = alice.channel(json!({})).await;
    let mut streams = Vec::new();
    for _ in 0..5 {
        streams.push(Stream::open(&alice.api, &channel).await);
    }
    // A connection that is kept and says nothing, and a request that hangs on the homeserver.
    answered(200, alice.api.get("/api/city/rooms").await);
    world.homeserver.pause();
    let hanging = async {
        let body = Some(json!({ "text": "Чи дійде?" }));
        alice
            .api
            .try_request(Method::POST, &messages_of(&channel), body)
            .await
    };
    let stop = async {
        // The request is under way when its connection is.
        eventually("the request's connection to the homeserver", async || {
            connections(&world).await.then_some(())
        })
        .await;
        let begun = Instant::now();
        let status = world.daarion.terminate().await;
        (status, begun.elapsed())
    };
    let (_, (status, took)) = tokio::join!(hanging, stop);
    world.homeserver.resume();
    assert_eq!(status.code(), Some(0), "{status}");
    assert!(took < DRAIN, "{took:?}");
    for stream in streams {
        let frame = stream.closed().await.expect("a close frame");
        assert_eq!(u16::from(frame.code), 1012);
    }
    assert!(!world.daarion.admin_socket().exists(), "the socket is gone");

    // Where there is nothing to wait for, it does not.
    in_most_rounds(..Duration::from_secs(2), async || {
        world.daarion.launch().await;
        let begun = Instant::now();
        assert_eq!(world.daarion.terminate().await.code(), Some(0));
        begun.elapsed()
    })
    .await;
}

#[tokio::test]
async fn request_in_flight_is_answered_before_the_end() {
    let world = World::start().await;
    let alice = Person::named(&world, "alice").await;
    let channel = alice.channel(json!({})).await;
    let talk = async {
        let mut sent = Vec::new();
        loop {
            let body = Some(json!({ "text": format!("Слово {}", sent.len()) }));
            let path = messages_of(&channel);
            match alice.api.try_request(Method::POST, &path, body).await {
                Ok((StatusCode::CREATED, message)) => sent.push(message),
                Ok((status, body)) => {
                    assert_eq!(status, 503, "{body}");
                    return sent;
                }
                Err(_) => return sent,
            }
        }
    };
    let stop = async {
        eventually("some talk", async || {
            let page = alice.messages(&channel, "limit=5").await;
            (column(&page, "id").len() == 5).then_some(())
        })
        .await;
        world.daarion.terminate().await
    };
    let (sent, status) = tokio::join!(talk, stop);
    assert!(status.success(), "{status}");
    world.daarion.launch().await;
    let page = eventually("everything that was answered", async || {
        let page = alice.messages(&channel, "order=asc&limit=200").await;
        (column(&page, "id").len() >= sent.len()).then_some(page)
    })
    .await;
    let ids: Vec<_> = sent.iter().map(|message| text(&message["id"])).collect();
    assert_eq!(column(&page, "id")[..ids.len()], ids);
}

#[tokio::test]
async fn every_answer_has_a_request_id() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let mut seen = Vec::new();
    for (caller, path) in [
        (alice.api.clone(), "/api/city/rooms"),
        (alice.api.clone(), "/api/city/rooms"),
        (alice.api.clone(), "/api/city/rooms/nowhere"),
        (world.daarion.anonymous(), "/api/messaging/channels"),
        (world.daarion.anonymous(), "/nowhere"),
        (world.daarion.anonymous(), "/healthz"),
        (world.daarion.anonymous_internal(), "/internal/agents"),
        (world.daarion.as_homeserver(), "/_matrix/app/v1/users/x"),
    ] {
        let response = caller.builder(Method::GET, path).send().await;
        let response = response.expect("daarion answers");
        let id = response.headers().get("x-request-id");
        let id = id.unwrap_or_else(|| panic!("{path} has no id"));
        seen.push(id.to_str().expect("text").to_owned());
    }
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count, "each is another one");

    for (given, is_kept) in [
        ("proxy-7.a_b", true),
        ("0af7651916cd43dd8448eb211c80319c", true),
        ("two words", false),
        ("\"}{", false),
        (&"x".repeat(65), false),
        ("", false),
    ] {
        for path in ["/api/city/rooms", "/nowhere"] {
            let request = alice.api.builder(Method::GET, path);
            let response = request.header("x-request-id", given).send().await;
            let response = response.expect("daarion answers");
            let id = response.headers().get("x-request-id").expect("an id");
            assert_eq!(id == given, is_kept, "{given:?} {path}");
        }
    }
}

#[tokio::test]
async fn health_tells_the_homeserver_from_ourselves() {
    let world = World::start().await;
    let alice = Person::named(&world, "alice").await;
    let room = alice.city_room(json!({})).await;
    let said = alice.say(&room, "Є").await;
    let outside = world.daarion.anonymous();
    let inside = world.daarion.anonymous_internal();
    let well = json!({ "status": "ok", "synapse": "connected" });
    for caller in [&outside, &inside] {
        for path in ["/healthz", "/health"] {
            assert_eq!(answered(200, caller.get(path).await), well);
        }
        assert_eq!(
            answered(200, caller.get("/readyz").await),
            json!({ "status": "ready" })
        );
    }
    let status = world.daarion.run_cli(&["status"]).await;
    assert!(status.status.success(), "{status:?}");
    let shown = String::from_utf8(status.stdout).expect("UTF-8");
    for line in [
        "status          ok",
        "homeserver      connected",
        "channels        1",
        "messages        1",
    ] {
        assert!(shown.contains(line), "{shown}");
    }

    world.homeserver.stop().await;
    let ill = eventually("the degradation", async || {
        let (status, body) = outside.get("/healthz").await;
        (status == 503).then_some(body)
    })
    .await;
    let reason = text(&ill["reason"]);
    let expected = json!({ "status": "degraded", "synapse": "unreachable", "reason": reason });
    assert_eq!(ill, expected);
    assert!(reason.contains(world.homeserver.base_url()), "{reason}");
    answered(503, inside.get("/health").await);
    for caller in [&outside, &inside] {
        assert_eq!(
            answered(200, caller.get("/readyz").await),
            json!({ "status": "ready" })
        );
    }
    // What is kept can be read.
    let rooms = answered(200, alice.api.get("/api/city/rooms").await);
    assert_eq!(column(&rooms, "slug"), [text(&room["slug"])]);
    let page = alice.messages(&room, "").await;
    assert_eq!(column(&page, "id"), [text(&said["id"])]);
    let mut stream = Stream::open(&alice.api, &room).await;
    stream.send("ping").await;
    assert_eq!(stream.next_text().await, "pong");
    // What needs the homeserver says when to come back.
    let request = alice.api.builder(Method::POST, &messages_of(&room));
    let response = request.json(&json!({ "text": "Куди?" })).send().await;
    let response = response.expect("daarion answers");
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key("retry-after"));
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(body["error"], "HOMESERVER_UNAVAILABLE");

    let status = world.daarion.run_cli(&["status", "--json"]).await;
    assert_eq!(status.status.code(), Some(1), "scripts can tell");
    let shown: Value = serde_json::from_slice(&status.stdout).expect("JSON");
    assert_eq!(shown["status"], "degraded");
    assert_eq!(shown["channels"], 1);
    assert_eq!(shown["messages"], 1);
    assert!(one_line(&status).contains("degraded"));

    world.homeserver.launch().await;
    eventually("health", async || {
        (outside.get("/healthz").await == (StatusCode::OK, well.clone())).then_some(())
    })
    .await;
    alice.say(&room, "Знову").await;
    let heard = alice.matrix.send_text(room_of(&room), "І чути").await;
    alice.wait_for_message(&room, &heard, |_| true).await;
}

#[tokio::test]
async fn commands_tell_about_the_configuration() {
    let world = shared_world().await;
    let check = world.daarion.run_cli(&["config", "check"]).await;
    assert!(check.status.success(), "{check:?}");
    let described = world.daarion.run_cli(&["config", "check", "--json"]).await;
    let shown: Value = serde_json::from_slice(&described.stdout).expect("JSON");
    assert!(shown.is_object(), "{shown}");
    let said = String::from_utf8(described.stdout).expect("UTF-8");
    for secret in secrets(&world.daarion) {
        assert!(!said.contains(&secret), "{said}");
    }

    let registration = world.daarion.registration().await;
    let yaml: Value = serde_yaml::from_str(&registration).expect("YAML");
    assert_eq!(yaml["id"], "daarion");
    assert_eq!(yaml["as_token"], world.daarion.as_token());
    assert_eq!(yaml["hs_token"], world.daarion.hs_token());
    assert_eq!(yaml["url"], world.daarion.internal(""));
    assert_eq!(yaml["sender_localpart"], "daarion");
    assert_eq!(yaml["rate_limited"], false);
    assert_eq!(yaml["receive_ephemeral"], true);
    let spaces = &yaml["namespaces"];
    for space in ["users", "aliases"] {
        let exclusive = &spaces[space][0]["exclusive"];
        assert_eq!(*exclusive, true, "the first match decides: {spaces}");
    }

    let status = world.daarion.run_cli(&["status", "--json"]).await;
    let shown: Value = serde_json::from_slice(&status.stdout).expect("JSON");
    for (pointer, is_there) in [
        ("/version", shown["version"].is_string()),
        ("/store/bytes", shown["store"]["bytes"].is_u64()),
        ("/journal/head", shown["journal"]["head"].is_u64()),
        ("/readers/0/lag", shown["readers"][0]["lag"].is_u64()),
        ("/skipped/count", shown["skipped"]["count"].is_u64()),
    ] {
        assert!(is_there, "{pointer} in {shown}");
    }
}

#[tokio::test]
async fn commands_say_when_no_daemon_runs() {
    let daarion = Daarion::prepare(&DaarionOptions::default());
    for command in [
        &["status"][..],
        &["heal"],
        &["agent", "list"],
        &["backfill"],
    ] {
        let output = daarion.run_cli(command).await;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = one_line(&output);
        assert!(said.contains("not running"), "{said}");
    }
}

#[tokio::test]
async fn second_daemon_on_the_same_data_is_refused() {
    let world = World::start().await;
    let second = Daarion::prepare(
        &DaarionOptions {
            homeserver_url: world.homeserver.base_url().to_owned(),
            ..DaarionOptions::default()
        }
        .set(
            "data_dir",
            &toml_text(&world.daarion.data_dir().display().to_string()),
        ),
    );
    let output = serve(&second).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = last_line(&output);
    assert!(
        said.contains("daarion.redb") && said.contains("in use"),
        "{said}"
    );
    assert!(!said.contains("panicked") && !said.contains('{'), "{said}");
    let alice = Person::named(&world, "alice").await;
    alice.city_room(json!({})).await;
}

#[tokio::test]
async fn port_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    for key in ["listen.public", "listen.internal"] {
        let value = format!("[{}]", toml_text(&address));
        let daarion = Daarion::prepare(&DaarionOptions::default().set(key, &value));
        let output = serve(&daarion).await;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = last_line(&output);
        for part in [&address, key, "in use"] {
            assert!(said.contains(part), "{part} in {said}");
        }
    }
}

#[tokio::test]
async fn log_is_json_without_secrets_and_without_words_of_people() {
    let options = DaarionOptions::default().set("log.level", "\"info,daarion=trace\"");
    let world = World::start_with(WorldOptions {
        daarion: options,
        has_admin_token: true,
        ..WorldOptions::default()
    })
    .await;
    let alice = Person::named(&world, "alice").await;
    let room = alice.city_room(json!({ "visibility": "private" })).await;
    let words = ["таємниця", "пароль-відома", "секрет-у-html", "неприйняте"];
    alice.say(&room, words[0]).await;
    let event = alice.matrix.send_text(room_of(&room), words[1]).await;
    alice.wait_for_message(&room, &event, |_| true).await;
    let foreign = alice
        .matrix
        .create_room(json!({ "preset": "private_chat" }))
        .await;
    alice.matrix.send_text(&foreign, words[2]).await;
    let body = json!({ "text": words[3], "reply_to": "not-a-uuid" });
    answered(400, alice.api.post(&messages_of(&room), body).await);
    let wrong = world
        .daarion
        .anonymous()
        .with_header("x-internal-service-token", "a-wrong-secret");
    let wrong = wrong.with_header("x-request-id", "this-very-request");
    answered(401, wrong.get("/api/city/rooms").await);
    let transaction = json!({ "events": [{ "type": "m.room.message", "content": words[3] }] });
    answered(
        200,
        world
            .daarion
            .as_homeserver()
            .put("/_matrix/app/v1/transactions/1", transaction)
            .await,
    );
    world.homeserver.stop().await;
    answered(
        503,
        alice
            .api
            .post(&messages_of(&room), json!({ "text": words[0] }))
            .await,
    );
    world.daarion.terminate().await;

    let log = world.daarion.log();
    let mut messages = Vec::new();
    for line in log.lines() {
        let line: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        for field in ["timestamp", "level", "target"] {
            assert!(line[field].is_string(), "{line}");
        }
        messages.push(text(&line["message"]).to_owned());
    }
    for milestone in ["listening", "ready", "stopping", "stopped"] {
        assert!(
            messages.iter().any(|message| message == milestone),
            "{milestone} in {messages:?}"
        );
    }
    assert!(
        log.contains("this-very-request"),
        "requests are found by their id"
    );
    let mut hidden = secrets(&world.daarion);
    hidden.extend(words.map(str::to_owned));
    hidden.extend([
        "a-wrong-secret".to_owned(),
        alice.matrix.access_token.clone(),
    ]);
    hidden.push(world.homeserver.admin_token().await);
    for secret in hidden {
        let line = log.lines().find(|line| line.contains(&secret));
        assert!(line.is_none(), "{secret} is in {line:?}");
    }
}

#[tokio::test]
async fn documents_are_there_and_load_nothing_from_elsewhere() {
    let world = shared_world().await;
    for (caller, name) in [
        (world.daarion.anonymous(), "public"),
        (world.daarion.anonymous_internal(), "internal"),
    ] {
        let get = async |path: &str| {
            let response = caller.builder(Method::GET, path).send().await;
            let response = response.expect("daarion answers");
            assert_eq!(response.status(), 200, "{path}");
            let kind = response.headers().get("content-type").expect("a type");
            let kind = kind.to_str().expect("text").to_owned();
            (kind, response.text().await.expect("text"))
        };
        let (kind, json) = get("/openapi.json").await;
        assert!(kind.starts_with("application/json"), "{kind}");
        let file = format!("{}/openapi/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let committed = std::fs::read_to_string(file).expect("it is committed");
        assert_eq!(json, committed);
        let (kind, yaml) = get("/openapi.yaml").await;
        assert!(kind.contains("yaml"), "{kind}");
        let yaml: Value = serde_yaml::from_str(&yaml).expect("YAML");
        assert_eq!(yaml, serde_json::from_str::<Value>(&json).expect("JSON"));

        let (kind, page) = get("/docs").await;
        assert!(kind.starts_with("text/html"), "{kind}");
        assert!(page.contains("sendMessage") || page.contains("postToChannel"));
        assert_eq!(elsewhere(&page), [""; 0], "/docs of {name}");
    }
}

/// What a page would load from another origin: tags' sources, imports of style sheets, and
/// addresses that its scripts are told to fetch.
fn elsewhere(page: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for tag in page.split('<').skip(1) {
        let name = tag.split([' ', '>', '\n', '/']).next().unwrap_or_default();
        let loads = [
            "script", "link", "img", "iframe", "source", "video", "audio", "object",
        ];
        if !loads.contains(&name) {
            continue;
        }
        let tag = tag.split('>').next().unwrap_or_default();
        for attribute in ["src=", "href=", "data="] {
            let Some((_, value)) = tag.split_once(attribute) else {
                continue;
            };
            let value = value.trim_start_matches(['"', '\'']);
            if value.starts_with("http") || value.starts_with("//") {
                found.push(tag);
            }
        }
    }
    for import in [
        "@import url(http",
        "@import \"http",
        "url(http",
        "url(\"http",
        "url(//",
    ] {
        found.extend(page.match_indices(import).map(|(_, text)| text));
    }
    found
}

fn secrets(daarion: &Daarion) -> Vec<String> {
    let secrets = [daarion.secret(), daarion.as_token(), daarion.hs_token()];
    secrets.map(str::to_owned).into()
}

/// Whether daarion waits for an answer of the homeserver, which is paused.
async fn connections(world: &World) -> bool {
    // The kernel lists sockets by address and inode: a request is under way when bytes that the
    // homeserver has not read wait at its side.
    let port = format!("{:04X}", world.homeserver.port());
    let sockets = tokio::fs::read_to_string("/proc/net/tcp").await;
    let sockets = sockets.expect("the kernel lists its sockets");
    sockets.lines().skip(1).any(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let waiting = fields[4].split(':').nth(1).unwrap_or("0");
        fields[1].ends_with(&port) && waiting.chars().any(|digit| digit != '0')
    })
}

/// Runs the daemon, which must end by itself.
async fn serve(daarion: &Daarion) -> Output {
    let ended = daarion.run_cli(&["serve"]);
    tokio::time::timeout(Duration::from_secs(20), ended)
        .await
        .expect("it does not start")
}

/// What went to the standard error, which must be one line.
#[track_caller]
fn one_line(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.starts_with("daarion: "), "{said}");
    said
}

/// The last line of the standard error, behind what was logged.
#[track_caller]
fn last_line(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let last = said.lines().last().unwrap_or_default();
    assert!(last.starts_with("daarion: "), "{said}");
    last.to_owned()
}

fn toml_text(text: &str) -> String {
    Value::from(text).to_string()
}
