//! Services with tokens of their own: what each may do, its end, its allowance.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::daarion::{Caller, Daarion, DaarionOptions, World, in_most_rounds, shared_world};
use crate::homeserver::unique;
use crate::stream::Stream;
use crate::support::{Person, answered, items, messages_of, refused, text};

const SERVICES: &str = "/api/admin/services";
const AGENTS: &str = "/internal/agents";
const TOKEN: &str = "x-internal-service-token";

/// A service with a token that an operator has made.
struct Service {
    name: String,
    id: String,
    token: String,
    operator: Caller,
}

impl Service {
    async fn new(daarion: &Daarion, more: Value) -> Self {
        let operator = daarion.api_as("user:operator");
        let name = unique("service");
        let mut body = json!({ "name": name, "scopes": ["*"], "act_as": ["*"] });
        crate::support::merge(&mut body, more);
        let made = answered(201, operator.post(SERVICES, body).await);
        Self {
            id: text(&made["service"]["id"]).to_owned(),
            token: text(&made["token"]).to_owned(),
            name,
            operator,
        }
    }

    fn inside(&self, daarion: &Daarion) -> Caller {
        let caller = daarion.anonymous_internal();
        caller.with_header(TOKEN, &self.token)
    }

    fn acting(&self, world: &World, entity: &str) -> Caller {
        let caller = world.daarion.anonymous();
        caller
            .with_header(TOKEN, &self.token)
            .with_header("x-user-id", entity)
    }

    async fn revoke(&self) -> Value {
        let path = format!("{SERVICES}/{}", self.id);
        answered(200, self.operator.delete(&path).await)
    }

    async fn listed(&self) -> Value {
        let all = answered(200, self.operator.get(SERVICES).await);
        let found = items(&all).iter().find(|it| it["id"] == *self.id);
        found.expect("it is in the list").clone()
    }
}

#[tokio::test]
async fn operators_make_list_and_revoke_tokens() {
    let world = shared_world().await;
    let service = Service::new(
        &world.daarion,
        json!({ "scopes": ["agents"], "act_as": [], "expires_in": 3600 }),
    )
    .await;
    assert!(service.token.starts_with("dst_"), "{}", service.token);
    let listed = service.listed().await;
    assert_eq!(listed["name"], *service.name);
    assert_eq!(listed["created_by"], "user:operator");
    assert_eq!(
        (&listed["is_good"], &listed["last_used_at"]),
        (&json!(true), &Value::Null)
    );
    assert!(!listed.to_string().contains(&service.token), "{listed}");

    let inside = service.inside(&world.daarion);
    answered(200, inside.get(AGENTS).await);
    assert!(service.listed().await["last_used_at"].is_string());
    let body = json!({ "name": service.name, "scopes": ["agents"] });
    let twice = service.operator.post(SERVICES, body).await;
    refused(409, "CONFLICT", twice);
    assert_eq!(service.revoke().await["is_good"], false);
    refused(401, "M_UNKNOWN_TOKEN", inside.get(AGENTS).await);
    let path = format!("{SERVICES}/{}", service.id);
    refused(404, "M_NOT_FOUND", service.operator.delete(&path).await);

    for (body, field) in [
        (json!({ "name": "Big", "scopes": ["agents"] }), "name"),
        (json!({ "name": unique("a"), "scopes": ["all"] }), "scopes"),
        (
            json!({ "name": unique("a"), "scopes": ["api"], "act_as": ["me"] }),
            "act_as",
        ),
        (
            json!({ "name": unique("a"), "scopes": ["api"], "expires_in": 0 }),
            "expires_in",
        ),
    ] {
        let answer = service.operator.post(SERVICES, body.clone()).await;
        let words = refused(400, "M_INVALID_PARAM", answer);
        assert!(words.contains(field), "{body}: {words}");
    }
}

#[tokio::test]
async fn the_command_line_makes_tokens_while_daarion_is_up_and_down() {
    let daarion = Daarion::prepare(&DaarionOptions::default());
    let create = async |name: &str| {
        let arguments = ["token", "create", "--name", name, "--scope", "agents"];
        let output = daarion.run_cli(&arguments).await;
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    let before = create("before").await;
    daarion.launch().await;
    let after = create("after").await;
    let ask = async |token: &str| {
        let caller = daarion.anonymous_internal();
        caller.with_header(TOKEN, token.trim()).get(AGENTS).await
    };
    answered(200, ask(&before).await);
    answered(200, ask(&after).await);
    let output = daarion.run_cli(&["token", "list", "--json"]).await;
    let all: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let names: Vec<_> = items(&all).iter().map(|it| text(&it["name"])).collect();
    assert_eq!(names, ["after", "before"]);
    let output = daarion.run_cli(&["token", "revoke", "before"]).await;
    assert!(output.status.success(), "{output:?}");
    refused(401, "M_UNKNOWN_TOKEN", ask(&before).await);
    daarion.terminate().await;
    let output = daarion.run_cli(&["token", "revoke", "after"]).await;
    assert!(output.status.success(), "{output:?}");
    daarion.launch().await;
    refused(401, "M_UNKNOWN_TOKEN", ask(&after).await);
}

#[tokio::test]
async fn what_a_token_is_not_for_is_refused() {
    let world = shared_world().await;
    let (alice, bob) = (
        Person::new(world, "alice").await,
        Person::new(world, "bob").await,
    );
    let reads = Service::new(
        &world.daarion,
        json!({ "scopes": ["gateway:read"], "act_as": [] }),
    )
    .await;
    let inside = reads.inside(&world.daarion);
    answered(200, inside.get("/internal/matrix/sync?timeout=0").await);
    let words = refused(403, "M_FORBIDDEN", inside.get(AGENTS).await);
    assert!(words.contains("agents"), "{words}");
    let theirs = format!("/internal/matrix/sync?timeout=0&user_id={}", alice.id());
    refused(403, "M_FORBIDDEN", inside.get(&theirs).await);
    let outside = reads.acting(world, &alice.id());
    let answer = outside.get("/api/messaging/channels").await;
    refused(403, "M_FORBIDDEN", answer);

    let acts = Service::new(
        &world.daarion,
        json!({ "scopes": ["api", "gateway:send"], "act_as": [alice.id()] }),
    )
    .await;
    let channel = alice.channel(json!({})).await;
    let message = json!({ "text": "Від сервісу" });
    let as_alice = acts.acting(world, &alice.id());
    answered(
        201,
        as_alice.post(&messages_of(&channel), message.clone()).await,
    );
    let as_bob = acts.acting(world, &bob.id());
    let answer = as_bob.post(&messages_of(&channel), message).await;
    let words = refused(403, "M_FORBIDDEN", answer);
    assert!(words.contains(&bob.id()), "{words}");
    let draft = |sender: &Person| {
        json!({
            "room_id": channel["matrix_room_id"], "msgtype": "m.text", "body": "a",
            "sender": sender.id(),
        })
    };
    let inside = acts.inside(&world.daarion);
    let send = "/internal/matrix/send";
    answered(200, inside.post(send, draft(&alice)).await);
    refused(403, "M_FORBIDDEN", inside.post(send, draft(&bob)).await);

    let elsewhere = Service::new(
        &world.daarion,
        json!({ "rooms": ["!elsewhere:test.localhost"] }),
    )
    .await;
    let inside = elsewhere.inside(&world.daarion);
    refused(403, "M_FORBIDDEN", inside.post(send, draft(&alice)).await);
}

#[tokio::test]
async fn a_revoked_token_ends_what_was_opened_with_it() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let channel = alice.channel(json!({})).await;
    let others = Service::new(&world.daarion, json!({})).await;
    let mut other = Stream::open(&others.acting(world, &alice.id()), &channel).await;
    in_most_rounds(..Duration::from_secs(1), async || {
        let service = Service::new(&world.daarion, json!({})).await;
        let caller = service.acting(world, &alice.id());
        let stream = Stream::open(&caller, &channel).await;
        let ticket = answered(200, caller.post("/api/auth/ticket", json!({})).await);
        let anybody = world.daarion.anonymous();
        let browsers = Stream::open_with_ticket(&anybody, &channel, text(&ticket["ticket"])).await;
        let inside = service.inside(&world.daarion);
        let start = answered(200, inside.get("/internal/matrix/sync?timeout=0").await);
        // In a room where nothing happens, whatever others do here.
        let poll = format!(
            "/internal/matrix/sync?timeout=60000&since={}&filter={}",
            text(&start["next_batch"]),
            r#"{"room":{"rooms":["!nowhere:test.localhost"]}}"#
        );
        let poll = tokio::spawn(async move { inside.get(&poll).await });
        // It is open by now, or is refused all the same.
        tokio::time::sleep(Duration::from_millis(200)).await;

        let begun = Instant::now();
        service.revoke().await;
        for stream in [stream, browsers] {
            let frame = stream.closed().await.expect("it says why");
            assert_eq!(frame.code, CloseCode::Policy, "{frame:?}");
        }
        refused(401, "M_UNKNOWN_TOKEN", poll.await.expect("no panic"));
        begun.elapsed()
    })
    .await;
    alice.say(&channel, "Далі").await;
    other.next_of("message.created").await;
}

/// Status and headers of an answer to a request for the agents.
async fn asked(caller: &Caller) -> (StatusCode, Vec<Option<u64>>) {
    let request = caller.builder(Method::GET, AGENTS);
    let answer = request.send().await.expect("daarion answers");
    let names = [
        "ratelimit-limit",
        "ratelimit-remaining",
        "ratelimit-reset",
        "retry-after",
    ];
    let number = |name: &str| answer.headers().get(name)?.to_str().ok()?.parse().ok();
    let numbers = names.into_iter().map(number).collect();
    (answer.status(), numbers)
}

#[tokio::test]
async fn each_service_has_an_allowance_of_its_own() {
    const RATE: u32 = 50;
    let options = DaarionOptions::default().set("limits.service_per_second", &RATE.to_string());
    let daarion = Daarion::start(&options).await;
    let flood = Service::new(&daarion, json!({})).await.inside(&daarion);
    let quiet = Service::new(&daarion, json!({})).await.inside(&daarion);

    let (status, numbers) = asked(&flood).await;
    assert_eq!(status, 200);
    assert_eq!(numbers[..2], [Some(50), Some(24)], "half a second's worth");
    assert_eq!(numbers[3], None);
    // What is granted while this machine does something else is lost.
    in_most_rounds(0.97.., async || {
        // What was saved up is not counted.
        let saved = (0..RATE).map(|_| asked(&flood));
        futures_util::future::join_all(saved).await;
        let begun = Instant::now();
        let (mut good, mut last) = (0, None);
        while begun.elapsed() < Duration::from_secs(4) {
            let answers = (0..8).map(|_| asked(&flood));
            for (status, numbers) in futures_util::future::join_all(answers).await {
                match status {
                    StatusCode::OK => good += 1,
                    status => last = Some((status, numbers)),
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let worth = begun.elapsed().as_secs_f64() * f64::from(RATE);
        let Some((status, numbers)) = last else {
            // It was not too much.
            return 0.0;
        };
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(numbers, [Some(50), Some(0), Some(1), Some(1)]);
        let most = worth + f64::from(RATE / 2) + 1.0;
        assert!(f64::from(good) <= most, "{good} of {worth}");
        f64::from(good) / worth
    })
    .await;

    let (status, numbers) = asked(&quiet).await;
    assert_eq!((status, numbers[1]), (StatusCode::OK, Some(24)));
    let (_, numbers) = asked(&daarion.anonymous_internal()).await;
    assert_eq!(numbers, [None; 4], "nobody's allowance");
}
