//! Requests that their callers name by `Idempotency-Key`: what they make is made once, whatever
//! becomes of the answers.

use reqwest::Method;
use serde_json::{Value, json};

use crate::admin::operator;
use crate::daarion::{Caller, Daarion, DaarionOptions, World, WorldOptions, shared_world};
use crate::homeserver::unique;
use crate::sign_in::{bearer, signed_in};
use crate::support::{
    Person, answered, items, members_of, messages_of, path_of, refused, text, tomorrow,
};

const KEY: &str = "Idempotency-Key";

/// The same request, by name.
async fn post(caller: &Caller, path: &str, body: &Value, key: &str) -> (u16, Value) {
    let named = caller.clone().with_header("idempotency-key", key);
    let (status, answer) = named.request(Method::POST, path, Some(body.clone())).await;
    (status.as_u16(), answer)
}

/// A creating operation: who calls it, where, and two things to ask for.
struct Creating {
    caller: Caller,
    path: String,
    one: Value,
    other: Value,
}

/// What stands for each of them. One that is missing fails the test.
async fn creating(world: &World, alice: &Person, operation: &str) -> Creating {
    let slug = || unique("once");
    let named = |more: Value| {
        let mut body = json!({ "name": "Раз", "slug": slug() });
        crate::support::merge(&mut body, more);
        body
    };
    let (one, other) = (named(json!({})), named(json!({})));
    let people = |path: &str, one: Value, other: Value| Creating {
        caller: alice.api.clone(),
        path: path.to_owned(),
        one,
        other,
    };
    let agent = |caller: Caller, path: &str| Creating {
        caller,
        path: path.to_owned(),
        one: json!({ "id": format!("agent:{}", slug()) }),
        other: json!({ "id": format!("agent:{}", slug()) }),
    };
    match operation {
        "createCityRoom" => people("/api/city/rooms", one, other),
        "createChannel" => people("/api/messaging/channels", one, other),
        "sendMessage" => {
            let channel = alice.channel(json!({})).await;
            let (one, other) = (json!({ "text": "раз" }), json!({ "text": "два" }));
            people(&messages_of(&channel), one, other)
        }
        "scheduleMessage" => {
            let channel = alice.channel(json!({})).await;
            let path = format!("{}/scheduled", path_of(&channel));
            let at = tomorrow();
            let message = |text: &str| json!({ "text": text, "send_at": at });
            people(&path, message("раз"), message("два"))
        }
        "inviteMember" => {
            let channel = alice.channel(json!({})).await;
            let bob = Person::new(world, "bob").await;
            let carol = Person::new(world, "carol").await;
            let (one, other) = (
                json!({ "member_id": bob.id() }),
                json!({ "member_id": carol.id() }),
            );
            people(&members_of(&channel), one, other)
        }
        "createKey" => {
            let me = bearer(world, &signed_in(world, alice).await);
            let key = |name: &str| json!({ "name": name, "scopes": ["messages:read"] });
            Creating {
                caller: me,
                path: "/api/keys".to_owned(),
                one: key("раз"),
                other: key("два"),
            }
        }
        "createAdminRoom" => Creating {
            caller: operator(world),
            path: "/api/admin/rooms".to_owned(),
            one,
            other,
        },
        "createAdminAgent" => agent(operator(world), "/api/admin/agents"),
        "createAgent" => agent(world.daarion.service(), "/internal/agents"),
        "createOwnAgent" => agent(alice.api.clone(), "/api/agents"),
        "createAdminAgentToken" => {
            token_of(operator(world), "/api/admin/agents", alice, world).await
        }
        "createAgentToken" => {
            token_of(world.daarion.service(), "/internal/agents", alice, world).await
        }
        "createOwnAgentToken" => token_of(alice.api.clone(), "/api/agents", alice, world).await,
        "createMicrodao" => {
            let named = || json!({ "id": format!("microdao:{}", slug()), "name": "Раз" });
            people("/api/messaging/microdaos", named(), named())
        }
        "createInviteLink" => {
            let channel = alice.channel(json!({})).await;
            let path = format!("{}/invite-links", path_of(&channel));
            people(&path, json!({ "max_uses": 1 }), json!({ "max_uses": 2 }))
        }
        "adoptRoom" => {
            let room = async || {
                let made = alice
                    .matrix
                    .create_room(json!({ "preset": "private_chat" }));
                json!({ "room": made.await, "slug": slug() })
            };
            people("/api/messaging/channels/adopt", room().await, room().await)
        }
        "createServiceToken" => {
            let token =
                |name: String| json!({ "name": name, "scopes": ["gateway:read"], "act_as": [] });
            Creating {
                caller: operator(world),
                path: "/api/admin/services".to_owned(),
                one: token(slug()),
                other: token(slug()),
            }
        }
        "postToChannel" => {
            let id = format!("agent:{}", slug());
            let service = world.daarion.service();
            answered(
                201,
                service.post("/internal/agents", json!({ "id": id })).await,
            );
            let channel = alice.channel(json!({})).await;
            let invitation = json!({ "member_id": id });
            answered(201, alice.api.post(&members_of(&channel), invitation).await);
            let message = |text: &str| json!({ "channel_id": channel["id"], "text": text });
            Creating {
                caller: service,
                path: format!("/internal/agents/{id}/post-to-channel"),
                one: message("раз"),
                other: message("два"),
            }
        }
        other => {
            panic!("{other} makes something, and no request of it stands in tests/api/once.rs")
        }
    }
}

/// A token of an agent that Alice answers for.
async fn token_of(caller: Caller, agents: &str, alice: &Person, world: &World) -> Creating {
    let id = format!("agent:{}", unique("once"));
    let agent = json!({ "id": id, "owner": alice.id() });
    let service = world.daarion.service();
    answered(201, service.post("/internal/agents", agent).await);
    Creating {
        caller,
        path: format!("{agents}/{id}/tokens"),
        one: json!({ "name": "раз" }),
        other: json!({ "name": "два" }),
    }
}

#[tokio::test]
async fn every_creating_post_is_done_once_by_its_key() {
    let world = &World::start_with(WorldOptions {
        daarion: DaarionOptions::default().set("agents.create", "\"members\""),
        ..WorldOptions::default()
    })
    .await;
    let city = answered(200, world.daarion.anonymous().get("/api/city").await);
    assert_eq!(city["create_agents"], "members");
    let alice = Person::new(world, "alice").await;
    let mut tried = 0;
    for listener in [
        world.daarion.anonymous(),
        world.daarion.anonymous_internal(),
    ] {
        let document = answered(200, listener.get("/openapi.json").await);
        for (path, operations) in document["paths"].as_object().expect("paths") {
            let post = &operations["post"];
            if post["responses"]["201"].is_null() {
                continue;
            }
            let operation = text(&post["operationId"]);
            let parameters = post["parameters"].as_array().into_iter().flatten();
            let mut headers = parameters.filter(|it| it["in"] == "header");
            let is_declared = headers.any(|it| it["name"] == KEY);
            assert!(is_declared, "{operation} ({path}) declares no {KEY}");
            is_done_once(creating(world, &alice, operation).await, operation).await;
            tried += 1;
        }
    }
    assert!(tried >= 18, "only {tried} operations make something");
}

/// What is posted without a name. All of it may be done again and is then as it was, or ends what began
/// before, but one: each sign-in is a session.
const WITHOUT_NAMES: &[&str] = &[
    "acceptInvite",
    "adminPauseWebhook",
    "adminPurgeDeadLetters",
    "adminReplayDeadLetters",
    "adminResumeWebhook",
    "adminRotateWebhook",
    "adminTestWebhook",
    "archiveChannel",
    "archiveCityRoom",
    "archiveOwnChannel",
    "backfillCity",
    "banFromGatewayRoom",
    "beginBackfill",
    "createTicket",
    "deactivateAdminAgent",
    "deactivateAgent",
    "deactivateMatrixUser",
    "deactivateOwnAgent",
    "deleteMessagesOfSender",
    "healAll",
    "healChannel",
    "inviteToGatewayRoom",
    "joinChannel",
    "joinGatewayRoom",
    "kickFromGatewayRoom",
    "knockAtChannel",
    "knockByAlias",
    "leaveChannel",
    "leaveGatewayRoom",
    "login",
    "loginWithOpenId",
    "logout",
    "operatorLogin",
    "operatorLogout",
    "pauseWebhook",
    "purgeDeadLetters",
    "reactivateAdminAgent",
    "reactivateAgent",
    "reactivateOwnAgent",
    "redactGatewayEvent",
    "refresh",
    "replayDeadLetters",
    "resumeWebhook",
    "rotateWebhook",
    "runDoctor",
    "sendGatewayReaction",
    "signMediaAddresses",
    "testWebhook",
    "unarchiveChannel",
    "unarchiveCityRoom",
    "unarchiveOwnChannel",
    "unbanFromGatewayRoom",
];

#[tokio::test]
async fn what_has_no_name_is_known() {
    let world = shared_world().await;
    let mut found = Vec::new();
    for listener in [
        world.daarion.anonymous(),
        world.daarion.anonymous_internal(),
    ] {
        let document = answered(200, listener.get("/openapi.json").await);
        for operations in document["paths"].as_object().expect("paths").values() {
            let post = &operations["post"];
            let parameters = post["parameters"].as_array().into_iter().flatten();
            let is_named = parameters.into_iter().any(|it| it["name"] == KEY);
            if !post.is_null() && !is_named {
                found.push(text(&post["operationId"]).to_owned());
            }
        }
    }
    found.sort();
    assert_eq!(found, WITHOUT_NAMES);
}

async fn is_done_once(asked: Creating, operation: &str) {
    let Creating {
        caller,
        path,
        one,
        other,
    } = asked;
    let key = unique("key");
    let first = post(&caller, &path, &one, &key).await;
    assert_eq!(first.0, 201, "{operation}: {}", first.1);
    let again = post(&caller, &path, &one, &key).await;
    assert_eq!(again, first, "{operation}: the same again");
    let (status, words) = post(&caller, &path, &other, &key).await;
    assert_eq!(status, 409, "{operation}: another body: {words}");
    let fresh = post(&caller, &path, &other, &unique("key")).await;
    assert_eq!(fresh.0, 201, "{operation}: {}", fresh.1);
    assert_ne!(fresh.1, first.1, "{operation}: another key");
    let (status, words) = post(&caller, &path, &one, "two words").await;
    assert_eq!(status, 400, "{operation}: no key: {words}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_equal_posts_are_one_message() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let channel = alice.channel(json!({})).await;
    let (path, body, key) = (
        messages_of(&channel),
        json!({ "text": "раз" }),
        unique("key"),
    );
    let posts = (0..1_000).map(|_| post(&alice.api, &path, &body, &key));
    let answers = futures_util::future::join_all(posts).await;
    let (status, first) = &answers[0];
    assert_eq!(*status, 201, "{first}");
    for answer in &answers {
        assert_eq!(
            (answer.0, &answer.1["id"]),
            (201, &first["id"]),
            "{}",
            answer.1
        );
    }
    let page = alice.messages(&channel, "limit=200").await;
    assert_eq!(items(&page).len(), 1, "{page}");
    let room = crate::support::room_of(&channel);
    let said = alice.matrix.messages(room).await;
    let said = said
        .iter()
        .filter(|event| event["type"] == "m.room.message");
    assert_eq!(said.count(), 1, "in Matrix, too");
}

#[tokio::test]
async fn keys_are_remembered_over_a_kill() {
    let world = World::start().await;
    let alice = Person::named(&world, "alice").await;
    let channel = alice.channel(json!({})).await;
    let path = messages_of(&channel);
    let message = json!({ "text": "раз" });
    let sent = post(&alice.api, &path, &message, "m").await;
    assert_eq!(sent.0, 201);
    let made = json!({ "name": "Раз", "slug": "once" });
    let room = post(&alice.api, "/api/messaging/channels", &made, "c").await;
    assert_eq!(room.0, 201);
    let me = bearer(&world, &signed_in(&world, &alice).await);
    let wanted = json!({ "name": "Раз", "scopes": ["messages:read"] });
    let api_key = post(&me, "/api/keys", &wanted, "k").await;
    assert_eq!(api_key.0, 201);
    let scheduled = format!("{}/scheduled", path_of(&channel));
    let soon = chrono::Utc::now() + chrono::TimeDelta::hours(1);
    let later = json!({ "text": "таємниця", "send_at": soon.to_rfc3339() });
    let waiting = post(&alice.api, &scheduled, &later, "s").await;
    assert_eq!(waiting.0, 201);
    let own = format!("{scheduled}/{}", text(&waiting.1["id"]));
    answered(204, alice.api.delete(&own).await);
    world.daarion.kill();
    assert!(!is_kept(&world.daarion, "таємниця"), "what was cancelled");
    let file = std::fs::read(world.daarion.data_dir().join("daarion.redb")).expect("the store");
    let shown = text(&api_key.1["key"]).as_bytes();
    let is_shown = file.windows(shown.len()).any(|window| window == shown);
    assert!(!is_shown, "the key stands in the store");
    world.daarion.launch().await;

    let again = post(&alice.api, &path, &message, "m").await;
    assert_eq!((again.0, &again.1["id"]), (201, &sent.1["id"]));
    let other = json!({ "text": "два" });
    let named = alice.api.clone().with_header("idempotency-key", "m");
    let words = refused(409, "CONFLICT", named.post(&path, other).await);
    assert!(words.contains("another"), "{words}");
    assert_eq!(
        post(&alice.api, "/api/messaging/channels", &made, "c").await,
        room
    );
    assert_eq!(post(&me, "/api/keys", &wanted, "k").await, api_key);
    assert_eq!(post(&alice.api, &scheduled, &later, "s").await, waiting);
    let (status, _) = post(&alice.api, "/api/messaging/channels", &wanted, "c").await;
    assert!(status == 409 || status == 400, "{status}");
    assert_eq!(items(&alice.messages(&channel, "").await).len(), 1);
}

/// Whether these words stand in an answer that is kept.
fn is_kept(daarion: &Daarion, words: &str) -> bool {
    use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
    const IDEMPOTENCY: TableDefinition<&str, &[u8]> = TableDefinition::new("idempotency_v1");

    let path = daarion.data_dir().join("daarion.redb");
    let database = Database::open(path).expect("a database");
    let read = database.begin_read().expect("a transaction");
    let table = read.open_table(IDEMPOTENCY).expect("a table");
    let mut rows = table.iter().expect("rows");
    rows.any(|row| {
        let (_, value) = row.expect("a row");
        String::from_utf8_lossy(value.value()).contains(words)
    })
}
