//! What operators see and do at `/api/admin`: the overview, channels, healing, the backfill as a
//! job, agents, people online and the configuration.

use std::path::Path;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::daarion::{Caller, DaarionOptions, World, WorldOptions, shared_world};
use crate::homeserver::http::exchange;
use crate::homeserver::{path, unique};
use crate::operations::document;
use crate::stream::refusal;
use crate::support::{
    Person, answered, column, eventually, items, members_of, messages_of, path_of, refused,
    room_of, room_path, text, time,
};

const OVERVIEW: &str = "/api/admin/overview";
const CHANNELS: &str = "/api/admin/channels";
const BACKFILL: &str = "/api/admin/backfill";
const ROOMS: &str = "/api/admin/rooms";
const NOWHERE: &str = "00000000-0000-4000-8000-000000000000";

/// The operator whom the harness lists in `auth.operators`.
pub fn operator(world: &World) -> Caller {
    world.daarion.api_as("user:operator")
}

async fn post(caller: &Caller, path: &str) -> (StatusCode, Value) {
    caller.request(Method::POST, path, None).await
}

/// A channel as the list for operators has it.
async fn overseen(operator: &Caller, channel_id: &str) -> Value {
    let mut query = String::from("limit=200");
    loop {
        let page = answered(200, operator.get(&format!("{CHANNELS}?{query}")).await);
        let found = items(&page)
            .iter()
            .find(|it| it["channel_id"] == channel_id);
        if let Some(found) = found {
            return found.clone();
        }
        query = format!("limit=200&cursor={}", text(&page["next"]));
    }
}

fn problem<'a>(overview: &'a Value, topic: &str) -> Option<&'a Value> {
    let problems = overview["problems"].as_array().expect("a list");
    problems.iter().find(|problem| problem["topic"] == topic)
}

#[tokio::test]
async fn nobody_but_operators_may_come_in() {
    let world = shared_world().await;
    let person = Person::new(world, "alice").await;
    let mine = |template: &str| {
        let area = template.strip_prefix("/api/admin/").unwrap_or("session");
        !matches!(area, "login" | "logout" | "session")
    };
    let operations = document("public");
    let operations: Vec<_> = operations
        .iter()
        .filter(|operation| mine(&operation.template))
        .collect();
    assert!(operations.len() >= 14, "{operations:?}");
    for operation in operations {
        let path = operation.path(|_| NOWHERE.to_owned());
        let ask = async |caller: &Caller| {
            let request = caller.builder(operation.method.clone(), &path);
            // Nothing is read of those who may not come in.
            let request = request
                .body("{\"")
                .header("content-type", "application/json");
            exchange(request, None).await.expect("daarion answers")
        };
        let answer = ask(&world.daarion.anonymous()).await;
        refused(401, "M_MISSING_TOKEN", answer);
        let words = refused(403, "M_FORBIDDEN", ask(&person.api).await);
        assert!(words.contains(&person.id()), "{words}");
    }
}

#[tokio::test]
async fn overview_tells_how_the_installation_does() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let room = alice.city_room(json!({})).await;
    let event = alice.matrix.send_text(room_of(&room), "Почули?").await;
    alice.wait_for_message(&room, &event, |_| true).await;
    let operator = operator(world);
    let overview = eventually("a registration that is well", async || {
        let overview = answered(200, operator.get(OVERVIEW).await);
        let homeserver = &overview["homeserver"];
        let is_well = homeserver["registration"] == "ok"
            && homeserver["last_transaction_at"].is_string()
            && overview["readers"][0]["lag"] == 0;
        is_well.then_some(overview)
    })
    .await;
    let homeserver = &overview["homeserver"];
    assert_eq!(homeserver["url"], world.homeserver.base_url());
    assert_eq!(homeserver["server_name"], "test.localhost");
    assert_eq!(homeserver["status"], "connected");
    assert!(homeserver["reason"].is_null() && homeserver["registration_reason"].is_null());
    let came = time(&homeserver["last_transaction_at"]);
    assert!(came >= time(&overview["started_at"]));
    assert_eq!(overview["version"], env!("CARGO_PKG_VERSION"));

    let by_minute = overview["events_by_minute"].as_array().expect("a list");
    assert_eq!(by_minute.len(), 60);
    let hour: u64 = by_minute.iter().filter_map(Value::as_u64).sum();
    assert!(hour >= 3, "the room, its owner, the message: {overview}");
    assert!(
        overview["events_per_minute"].as_u64() >= Some(1),
        "{overview}"
    );
    assert_eq!(overview["readers"][0]["name"], "index");
    assert!(overview["journal"]["head"].as_u64() >= overview["readers"][0]["position"].as_u64());
    assert!(overview["store"]["bytes"].as_u64() > Some(0));
    assert_eq!(overview["store"]["failing"], false);
    assert!(overview["counts"]["channels"].as_u64() >= Some(1));
    assert!(overview["counts"]["messages"].as_u64() >= Some(1));
    assert_eq!(overview["rebuilding"], false);

    let shown = world.daarion.run_cli(&["status", "--json"]).await;
    let shown: Value = serde_json::from_slice(&shown.stdout).expect("JSON");
    assert_eq!(shown["registration"], homeserver["registration"]);
    assert_eq!(shown["started_at"], overview["started_at"]);
    assert!(shown["events_per_minute"].is_u64(), "{shown}");
    assert!(shown["problems"].is_array(), "{shown}");
    let shown = world.daarion.run_cli(&["status"]).await;
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("registration    ok"), "{shown}");
}

#[tokio::test]
async fn skipped_events_are_a_problem_with_advice() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let room = alice.city_room(json!({})).await;
    let odd = json!({ "words": { "таємниця": 7 } });
    alice
        .matrix
        .send_event(room_of(&room), "city.nobody.knows", odd)
        .await;
    let operator = operator(world);
    let overview = eventually("the skipped event", async || {
        let overview = answered(200, operator.get(OVERVIEW).await);
        // It is counted and told of by different parts.
        let is_counted = overview["skipped"]["count"].as_u64() >= Some(1);
        let is_told = problem(&overview, "skipped_events").is_some();
        (is_counted && is_told).then_some(overview)
    })
    .await;
    let problem = problem(&overview, "skipped_events").expect("it was there");
    assert_eq!(problem["level"], "warning");
    assert!(problem["count"].as_u64() >= Some(1));
    assert!(time(&problem["first_at"]) <= time(&problem["at"]));
    assert!(text(&problem["code"]).starts_with("ingest: "), "{problem}");
    assert!(text(&problem["advice"]).contains("skipped events"));
    assert!(!text(&overview["skipped"]["latest"][0]["reason"]).is_empty());
    let said = overview.to_string();
    assert!(!said.contains("таємниця"), "no words of people: {said}");
}

#[tokio::test]
async fn pushes_that_are_refused_are_a_problem_with_advice() {
    let world = shared_world().await;
    let operator = operator(world);
    let stranger = world.daarion.anonymous_internal();
    let stranger = stranger.with_header("authorization", "Bearer wrong");
    let place = "/_matrix/app/v1/transactions/refused";
    let answer = stranger.request(Method::PUT, place, Some(json!({ "events": [] })));
    assert_eq!(answer.await.0, 403);
    let overview = answered(200, operator.get(OVERVIEW).await);
    let known = problem(&overview, "push_refused").expect("the problem");
    assert!(
        text(&known["message"]).contains("push was refused"),
        "{known}"
    );
    assert!(
        text(&known["advice"]).contains("registration show"),
        "{known}"
    );
    assert!(
        world
            .daarion
            .log()
            .contains("its token is not our hs_token")
    );
}

#[tokio::test]
async fn channels_are_listed_with_the_state_of_their_adoption() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let room = alice.city_room(json!({ "visibility": "private" })).await;
    let channel = alice.channel(json!({ "confidential": true })).await;
    bob.matrix.join(text(&channel["matrix_room_alias"])).await;
    let said = alice.say(&room, "Є").await;
    let operator = operator(world);

    let found = overseen(&operator, text(&room["channel_id"])).await;
    let alias = format!("#city_{}:test.localhost", text(&room["slug"]));
    let expected = json!({
        "channel_id": room["channel_id"],
        "kind": "city",
        "slug": room["slug"],
        "name": room["name"],
        "microdao_id": "microdao:daarion",
        "status": "active",
        "visibility": "private",
        "confidential": false,
        "is_default": room["is_default"],
        "matrix_room_id": room["matrix_room_id"],
        "matrix_room_alias": alias,
        "alias_expected": alias,
        "adoption": "adopted",
        "members": 2,
        "members_online": found["members_online"],
        "last_event": said["created_at"],
        "created_at": room["created_at"],
    });
    assert_eq!(found, expected, "alice and the connector are in it");
    eventually("bob in the channel", async || {
        let found = overseen(&operator, text(&channel["id"])).await;
        assert_eq!(found["kind"], "channel");
        assert_eq!(found["confidential"], true);
        (found["members"] == 3).then_some(())
    })
    .await;

    let mut seen = Vec::new();
    let mut query = "limit=1&kind=city".to_owned();
    loop {
        let page = answered(200, operator.get(&format!("{CHANNELS}?{query}")).await);
        let [one] = items(&page).as_slice() else {
            panic!("{page} is not a page of one");
        };
        assert_eq!(one["kind"], "city");
        seen.push(one["channel_id"].clone());
        let Some(next) = page["next"].as_str() else {
            break;
        };
        query = format!("limit=1&kind=city&cursor={next}");
    }
    assert!(seen.contains(&room["channel_id"]) && !seen.contains(&channel["id"]));
    for bad in ["limit=0", "cursor=x", "kind=x", "status=x"] {
        let name = bad.split('=').next().expect("a name");
        let answer = operator.get(&format!("{CHANNELS}?{bad}")).await;
        assert!(refused(400, "M_INVALID_PARAM", answer).contains(name));
    }
}

#[tokio::test]
async fn operators_archive_any_channel_and_take_it_back() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let operator = operator(world);
    for channel in [
        alice.city_room(json!({})).await,
        alice.channel(json!({ "visibility": "private" })).await,
    ] {
        let id = channel.get("channel_id").unwrap_or(&channel["id"]);
        let place = format!("{CHANNELS}/{}", text(id));
        for _ in 0..2 {
            let archived = answered(200, post(&operator, &format!("{place}/archive")).await);
            assert_eq!(archived["status"], "archived");
            assert_eq!(archived["channel_id"], *id);
        }
        let answer = alice
            .api
            .post(&messages_of(&channel), json!({ "text": "Ще" }))
            .await;
        refused(403, "M_FORBIDDEN", answer);
        let archived = format!("{CHANNELS}?status=archived&limit=200");
        let page = answered(200, operator.get(&archived).await);
        assert!(column(&page, "channel_id").contains(&text(id)));
        let state = alice.matrix.state(room_of(&channel)).await;
        let state = state.iter().find(|it| it["type"] == "city.daarion.channel");
        let state = state.expect("the channel's state");
        assert_eq!(state["content"]["status"], "archived", "Matrix knows, too");

        let active = answered(200, post(&operator, &format!("{place}/unarchive")).await);
        assert_eq!(active["status"], "active");
        alice.say(&channel, "Знову").await;
    }
    for deed in ["archive", "unarchive", "heal"] {
        let answer = post(&operator, &format!("{CHANNELS}/{NOWHERE}/{deed}")).await;
        refused(404, "M_NOT_FOUND", answer);
        let answer = post(&operator, &format!("{CHANNELS}/not-a-uuid/{deed}")).await;
        assert!(refused(400, "M_INVALID_PARAM", answer).contains("channel_id"));
    }
}

#[tokio::test]
async fn operator_is_nobody_in_a_channel_of_others() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let operator = operator(world);
    let private = json!({ "visibility": "private" });
    let channel = alice.channel(private.clone()).await;
    let room = alice.city_room(private).await;
    for channel in [&channel, &room] {
        let said = alice.say(channel, "Тільки своїм").await;
        let one = format!("{}/{}", messages_of(channel), text(&said["id"]));
        for place in [
            path_of(channel),
            messages_of(channel),
            members_of(channel),
            one,
        ] {
            refused(404, "M_NOT_FOUND", operator.get(&place).await);
        }
        let body = json!({ "text": "Перевірка" });
        let answer = operator.post(&messages_of(channel), body).await;
        refused(404, "M_NOT_FOUND", answer);
        let (status, _) = refusal(&operator, &crate::stream::path_of(channel)).await;
        assert_eq!(status, 404);
    }
    refused(404, "not_found", operator.get(&room_path(&room)).await);
    for list in ["/api/city/rooms", "/api/messaging/channels?limit=200"] {
        let list = answered(200, operator.get(list).await);
        let slugs = column(&list, "slug");
        assert!(!slugs.contains(&text(&channel["slug"])), "{list}");
        assert!(!slugs.contains(&text(&room["slug"])), "{list}");
    }
    // Of what everybody may see it changes no more than anybody.
    let open = alice.city_room(json!({})).await;
    answered(200, operator.get(&room_path(&open)).await);
    let body = json!({ "member_id": alice.id() });
    let answer = operator.post(&members_of(&open), body).await;
    refused(403, "M_FORBIDDEN", answer);
    let archive = format!("{}/archive", room_path(&open));
    refused(403, "forbidden", post(&operator, &archive).await);
}

#[tokio::test]
async fn operators_change_any_channel_as_daarion_itself() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let operator = operator(world);
    let body = json!({ "name": "Площа", "slug": unique("square") });
    let nobodys = answered(201, operator.post(ROOMS, body).await);
    let theirs = alice.channel(json!({ "visibility": "private" })).await;
    for (channel, matrix_name) in [(&nobodys, "DAARION City — Ринок"), (&theirs, "Ринок")]
    {
        let id = channel.get("channel_id").unwrap_or(&channel["id"]);
        let place = format!("{CHANNELS}/{}", text(id));
        let patch = json!({ "name": "Ринок", "description": "Щосуботи" });
        let changed = answered(200, operator.patch(&place, patch).await);
        assert_eq!(changed["name"], "Ринок");
        if channel["kind"] == "city" {
            alice.matrix.join(room_of(channel)).await;
        }
        let state = alice.matrix.state(room_of(channel)).await;
        let of = |kind: &str| state.iter().find(|event| event["type"] == kind);
        let name = of("m.room.name").expect("a name");
        assert_eq!(name["content"]["name"], matrix_name);
        assert_eq!(name["sender"], "@daarion:test.localhost");
        let topic = of("m.room.topic").expect("a topic");
        assert_eq!(topic["content"]["topic"], "Щосуботи");
        let unchanged = answered(200, operator.patch(&place, json!({})).await);
        assert_eq!(unchanged["name"], "Ринок");
        let words = refused(
            400,
            "M_INVALID_PARAM",
            operator.patch(&place, json!({ "name": "" })).await,
        );
        assert!(words.starts_with("name: "), "{words}");
        answered(200, post(&operator, &format!("{place}/archive")).await);
        let answer = operator.patch(&place, json!({ "name": "Площа" })).await;
        refused(409, "CONFLICT", answer);
    }
    let place = format!("{CHANNELS}/{}", text(&theirs["id"]));
    let answer = operator.patch(&place, json!({ "is_default": true })).await;
    let words = refused(400, "M_INVALID_PARAM", answer);
    assert!(words.starts_with("is_default: "), "{words}");
    let nowhere = format!("{CHANNELS}/{NOWHERE}");
    let answer = operator.patch(&nowhere, json!({ "name": "Ніде" })).await;
    refused(404, "M_NOT_FOUND", answer);
    let answer = alice.api.patch(&place, json!({ "name": "Моя" })).await;
    refused(403, "M_FORBIDDEN", answer);
}

#[tokio::test]
async fn operators_make_rooms_that_belong_to_nobody() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let operator = operator(world);
    let slug = unique("square");
    let body = json!({ "name": "Площа", "slug": slug, "description": "Для всіх" });
    let made = answered(201, operator.post(ROOMS, body.clone()).await);
    assert_eq!(
        (&made["slug"], &made["kind"]),
        (&json!(slug), &json!("city"))
    );
    assert_eq!(
        (&made["members"], &made["adoption"]),
        (&json!(1), &json!("adopted"))
    );
    let room = answered(200, alice.api.get(&format!("/api/city/rooms/{slug}")).await);
    assert_eq!(room["description"], "Для всіх");
    assert_eq!(room["created_by"], Value::Null);
    refused(409, "CONFLICT", operator.post(ROOMS, body).await);
    let (shape, value) = ("M_BAD_JSON", "M_INVALID_PARAM");
    for (body, code, field) in [
        (json!({}), shape, "name"),
        (json!({ "name": "" }), value, "name"),
        (json!({ "name": "а", "slug": "А" }), value, "slug"),
        (json!({ "name": "🎉" }), value, "slug"),
        (
            json!({ "name": "а", "is_default": "так" }),
            shape,
            "is_default",
        ),
    ] {
        let words = refused(400, code, operator.post(ROOMS, body).await);
        assert!(words.contains(field), "{words}");
    }
}

#[tokio::test]
async fn operators_register_agents() {
    let world = shared_world().await;
    let operator = operator(world);
    let id = format!("agent:{}", unique("sofia"));
    let body = json!({ "id": id, "display_name": "Софія" });
    let agents = "/api/admin/agents";
    let made = answered(201, operator.post(agents, body.clone()).await);
    assert_eq!(
        (&made["id"], &made["display_name"]),
        (&json!(id), &json!("Софія"))
    );
    refused(409, "CONFLICT", operator.post(agents, body).await);
    let listed = answered(200, operator.get(&format!("{agents}?limit=200")).await);
    assert!(items(&listed).contains(&made), "{listed}");
    let bad = json!({ "id": "sofia" });
    assert!(refused(400, "M_INVALID_PARAM", operator.post(agents, bad).await).contains("id"));
}

#[tokio::test]
async fn people_online_are_members_of_channels() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let bob = Person::new(world, "bob").await;
    let operator = operator(world);
    let channel = alice.channel(json!({})).await;
    let here = async || {
        let page = answered(200, operator.get("/api/admin/online?limit=200").await);
        items(&page).clone()
    };
    alice.matrix.set_presence("online").await;
    bob.matrix.set_presence("online").await;
    let found = eventually("alice online", async || {
        let found = here().await;
        found.into_iter().find(|it| it["entity_id"] == alice.id())
    })
    .await;
    let expected = json!({
        "entity_id": alice.id(),
        "matrix_user_id": alice.user_id(),
        "display_name": alice.matrix.localpart(),
        "channels": 1,
    });
    assert_eq!(found, expected);
    let is_bob = |it: &Value| it["entity_id"] == bob.id();
    assert!(!here().await.iter().any(is_bob), "bob is in no channel");
    bob.matrix.join(text(&channel["matrix_room_alias"])).await;
    bob.matrix.set_presence("online").await;
    eventually("bob online", async || {
        here().await.iter().any(is_bob).then_some(())
    })
    .await;
    let overview = answered(200, operator.get(OVERVIEW).await);
    assert!(overview["counts"]["members_online"].as_u64() >= Some(2));
    let first = answered(200, operator.get("/api/admin/online?limit=1").await);
    let after = format!(
        "/api/admin/online?limit=200&cursor={}",
        text(&first["next"])
    );
    let rest = answered(200, operator.get(&after).await);
    assert!(!items(&rest).contains(&items(&first)[0]));
    bob.matrix.set_presence("offline").await;
    eventually("bob gone", async || {
        (!here().await.iter().any(is_bob)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn configuration_is_shown_without_its_secrets() {
    let options = DaarionOptions::default()
        .set("city.name", "\"Київ\"")
        .set("nats.url", "\"nats://user:hunter2@127.0.0.1:4222\"");
    let options = DaarionOptions {
        extra_toml: "[[auth.issuers]]\nissuer = \"x\"\n\
                     shared_key = \"key-key-key-key-key-key-key-key-key\"\n"
            .to_owned(),
        ..options
    };
    let world = World::start_with(WorldOptions {
        daarion: options,
        has_admin_token: true,
        ..WorldOptions::default()
    })
    .await;
    let operator = operator(&world);
    let config = answered(200, operator.get("/api/admin/config").await);
    let find = |key: &str| {
        let found = items(&config).iter().find(|it| it["key"] == key);
        found.unwrap_or_else(|| panic!("no {key} in {config}"))
    };
    let file = world.daarion.config_path().display().to_string();
    for (key, value, source, name) in [
        ("city.name", json!("Київ"), "file", json!(file)),
        ("city.room_prefix", json!("city_"), "default", Value::Null),
        ("matrix.as_token", json!("(hidden)"), "file", json!(file)),
        (
            "matrix.admin_token",
            json!("(hidden)"),
            "variable",
            json!("DAARION_MATRIX__ADMIN_TOKEN"),
        ),
        (
            "nats.url",
            json!("nats://(hidden)@127.0.0.1:4222"),
            "file",
            json!(file),
        ),
    ] {
        let found = find(key);
        assert_eq!(found["value"], value, "{found}");
        assert_eq!(
            (&found["source"], &found["source_name"]),
            (&json!(source), &name)
        );
        assert!(!text(&found["description"]).is_empty(), "{found}");
    }
    assert_eq!(find("city.name")["default"], "DAARION City");
    assert_eq!(find("internal.secret")["is_secret"], true);
    let mut secrets = vec!["hunter2".to_owned(), "key-key".to_owned()];
    let daarion = &world.daarion;
    secrets.extend([daarion.secret(), daarion.as_token(), daarion.hs_token()].map(str::to_owned));
    secrets.push(world.homeserver.admin_token().await);
    let whole = config.to_string();
    for secret in secrets {
        assert!(!whole.contains(&secret), "{secret} is in {whole}");
    }
}

#[tokio::test]
async fn healing_brings_what_was_never_pushed() {
    let options = DaarionOptions {
        // Nothing listens there: whatever the homeserver pushes is lost.
        connector_url: Some("http://127.0.0.1:9".to_owned()),
        ..DaarionOptions::default()
    };
    let world = World::start_with(WorldOptions {
        daarion: options,
        ..WorldOptions::default()
    })
    .await;
    let alice = Person::named(&world, "alice").await;
    let operator = operator(&world);
    let first = alice.city_room(json!({})).await;
    let second = alice.channel(json!({})).await;
    let healed = answered(200, post(&operator, "/api/admin/heal").await);
    let walked = column(&json!({ "items": healed["channels"] }), "channel_id").len();
    assert_eq!(walked, 2, "{healed}");

    let lost = alice.matrix.send_text(room_of(&first), "Чи дійде?").await;
    let heal = format!("{CHANNELS}/{}/heal", text(&first["channel_id"]));
    let expected = |missing: u64| {
        json!({
            "channel_id": first["channel_id"],
            "slug": first["slug"],
            "missing": missing,
            "healed": missing,
        })
    };
    assert_eq!(answered(200, post(&operator, &heal).await), expected(1));
    alice.wait_for_message(&first, &lost, |_| true).await;
    assert_eq!(answered(200, post(&operator, &heal).await), expected(0));

    let lost = alice.matrix.send_text(room_of(&second), "А це?").await;
    let healed = answered(200, post(&operator, "/api/admin/heal").await);
    assert_eq!(
        (&healed["missing"], &healed["healed"]),
        (&json!(1), &json!(1))
    );
    alice.wait_for_message(&second, &lost, |_| true).await;
    assert_eq!(
        answered(200, alice.api.get(&path_of(&second)).await)["id"],
        second["id"]
    );

    // And the overview says why nothing comes.
    let overview = eventually("the failed ping", async || {
        let overview = answered(200, operator.get(OVERVIEW).await);
        let state = &overview["homeserver"]["registration"];
        (state == "unreachable_from_homeserver").then_some(overview)
    })
    .await;
    assert!(overview["homeserver"]["last_transaction_at"].is_null());
    assert!(overview["homeserver"]["registration_reason"].is_string());
    let problem = problem(&overview, "cannot_reach_us").expect("the problem");
    assert!(text(&problem["advice"]).contains("matrix.connector_url"));
    assert_eq!(
        problem["count"], 1,
        "it is said once, however often it is tried"
    );
}

#[tokio::test]
async fn a_wrong_token_and_a_homeserver_that_is_away_are_told_apart() {
    let world = World::start().await;
    let operator = operator(&world);
    let wrong = unique("a-token-that-nobody-knows");
    world
        .daarion
        .set_environment("DAARION_MATRIX__AS_TOKEN", &wrong);
    world.daarion.restart().await;
    let overview = eventually("the refusal", async || {
        let overview = answered(200, operator.get(OVERVIEW).await);
        problem(&overview, "unknown_as_token")
            .is_some()
            .then_some(overview)
    })
    .await;
    let homeserver = &overview["homeserver"];
    assert_eq!(homeserver["registration"], "refused");
    assert_eq!(homeserver["status"], "unreachable");
    assert!(text(&homeserver["registration_reason"]).contains("as_token"));
    let known = problem(&overview, "unknown_as_token").expect("the problem");
    assert!(text(&known["advice"]).contains("registration show"));
    let health = answered(503, world.daarion.anonymous().get("/healthz").await);
    assert_eq!(health["status"], "degraded");
    assert!(text(&health["reason"]).contains("as_token"), "{health}");
    let status = world.daarion.run_cli(&["status"]).await;
    let shown = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(shown.contains("registration    refused"), "{shown}");
    assert!(shown.contains("what to do"), "{shown}");

    world.homeserver.stop().await;
    let overview = eventually("the absence", async || {
        let overview = answered(200, operator.get(OVERVIEW).await);
        problem(&overview, "homeserver_away")
            .is_some()
            .then_some(overview)
    })
    .await;
    let away = problem(&overview, "homeserver_away").expect("the problem");
    assert!(text(&away["message"]).contains(world.homeserver.base_url()));
    assert!(text(&away["advice"]).contains("matrix.homeserver_url"));
    let whole = overview.to_string();
    for secret in [&wrong, world.daarion.hs_token(), world.daarion.secret()] {
        assert!(!whole.contains(secret), "{secret} is in {whole}");
    }
    for path in ["/api/admin/heal", ROOMS] {
        let answer = operator.post(path, json!({ "name": "Ніде" })).await;
        refused(503, "HOMESERVER_UNAVAILABLE", answer);
    }
}

#[tokio::test]
async fn a_backfill_is_a_job_that_everybody_sees() {
    let world = World::start().await;
    let alice = Person::named(&world, "alice").await;
    let operator = operator(&world);
    let idle = answered(200, operator.get(BACKFILL).await);
    assert_eq!(
        (&idle["state"], &idle["started_at"]),
        (&json!("idle"), &Value::Null)
    );

    // A room that nobody has let us into, under an alias that is wanted.
    let locked = json!({ "preset": "private_chat", "room_alias_name": "city_locked" });
    let path = format!("/_matrix/client/v3/createRoom?user_id={}", alice.user_id());
    let request = alice.matrix.client.builder(Method::POST, &path);
    let request = request.bearer_auth(world.daarion.as_token());
    let made = exchange(request, Some(&locked)).await.expect("an answer");
    answered(200, made);

    let mut rooms: Vec<_> = (0..12)
        .map(|at| json!({ "slug": format!("old-{at}"), "name": format!("Стара {at}") }))
        .collect();
    rooms.push(json!({ "slug": "locked", "name": "Замкнена" }));
    let body = json!({ "rooms": rooms });
    let begun = answered(202, operator.post(BACKFILL, body.clone()).await);
    assert_eq!(
        (&begun["state"], &begun["checked"]),
        (&json!("running"), &json!(0))
    );
    let words = refused(409, "CONFLICT", operator.post(BACKFILL, body.clone()).await);
    assert!(words.contains("under way"), "{words}");

    let mut seen = Vec::new();
    let done = eventually("the end of the backfill", async || {
        // As a page does that was loaded anew.
        let caller = world.daarion.api_as("user:operator");
        let job = answered(200, caller.get(BACKFILL).await);
        assert_eq!(job["started_at"], begun["started_at"]);
        if job["state"] == "running" {
            seen.push(job["checked"].as_u64().expect("a number"));
            return None;
        }
        Some(job)
    })
    .await;
    assert!(
        seen.iter().any(|checked| (1..13).contains(checked)),
        "{seen:?}"
    );
    assert!(seen.is_sorted(), "{seen:?}");
    assert_eq!(done["state"], "done", "{done}");
    assert_eq!((&done["total"], &done["checked"]), (&json!(13), &json!(13)));
    assert_eq!((&done["found"], &done["created"]), (&json!(0), &json!(12)));
    assert_eq!(done["failed"][0]["slug"], "locked");
    assert!(!text(&done["failed"][0]["error"]).is_empty());
    assert!(time(&done["finished_at"]) >= time(&done["started_at"]));
    let city = answered(200, alice.api.get("/api/city/rooms").await);
    assert_eq!(items(&city).len(), 12);

    let room = alice.city_room(json!({})).await;
    let (place, alias) = (text(&room["channel_id"]), &room["matrix_room_alias"]);
    let nothing = json!({});
    alice
        .matrix
        .set_state(room_of(&room), "m.room.canonical_alias", "", nothing)
        .await;
    let bare = eventually("the alias that is gone", async || {
        let found = overseen(&operator, place).await;
        (found["adoption"] == "alias_missing").then_some(found)
    })
    .await;
    assert!(bare["matrix_room_alias"].is_null());
    assert_eq!(bare["alias_expected"], *alias);

    // Without a list: every room that is known. The command and the old endpoint are seen, too.
    let command = world.daarion.run_cli(&["backfill", "--json"]).await;
    assert!(command.status.success(), "{command:?}");
    let again = answered(200, operator.get(BACKFILL).await);
    assert_eq!(
        (&again["state"], &again["found"]),
        (&json!("done"), &json!(13))
    );
    assert!(time(&again["started_at"]) > time(&done["started_at"]));
    eventually("the alias that is back", async || {
        let found = overseen(&operator, place).await;
        (found["adoption"] == "adopted" && found["matrix_room_alias"] == *alias).then_some(())
    })
    .await;
    let service = world.daarion.service();
    let summary = service
        .post("/internal/city/matrix/backfill", json!({}))
        .await;
    assert_eq!(answered(200, summary)["found"], 13);
    let third = answered(200, operator.get(BACKFILL).await);
    assert!(time(&third["started_at"]) > time(&again["started_at"]));

    let (shape, value) = ("M_BAD_JSON", "M_INVALID_PARAM");
    let unfit = json!({ "rooms": [{ "slug": "Ї", "name": "x" }] });
    for (body, code, word) in [
        (json!({ "rooms": 7 }), shape, "rooms"),
        (unfit, value, "slug"),
        (json!({ "rooms": [{ "slug": "x" }] }), shape, "name"),
    ] {
        let words = refused(400, code, operator.post(BACKFILL, body).await);
        assert!(words.contains(word), "{words}");
    }
    world.homeserver.stop().await;
    answered(202, post(&operator, BACKFILL).await);
    let failed = eventually("the failure", async || {
        let job = answered(200, operator.get(BACKFILL).await);
        (job["state"] == "failed").then_some(job)
    })
    .await;
    assert!(
        text(&failed["error"]).contains("homeserver unavailable"),
        "{failed}"
    );
}

#[tokio::test]
async fn room_that_people_know_by_another_alias_keeps_its_own() {
    let world = World::start().await;
    let alice = Person::named(&world, "alice").await;
    let operator = operator(&world);
    let room = alice.city_room(json!({ "slug": "plaza" })).await;
    let (place, own) = (text(&room["channel_id"]), &room["matrix_room_alias"]);
    assert_eq!(*own, "#city_plaza:test.localhost");
    let (other, third) = ("#plaza:test.localhost", "#old-plaza:test.localhost");
    for alias in [other, third] {
        let directory = path(&["_matrix", "client", "v3", "directory", "room", alias]);
        let body = json!({ "room_id": room_of(&room) });
        let made = alice.matrix.request(Method::PUT, &directory, Some(body));
        answered(200, made.await);
    }
    let kind = "m.room.canonical_alias";
    let content = json!({ "alias": other, "alt_aliases": [third, own] });
    let chosen = alice.matrix.set_state(room_of(&room), kind, "", content);
    chosen.await;
    let differs = eventually("the alias that differs", async || {
        let found = overseen(&operator, place).await;
        (found["adoption"] == "alias_differs").then_some(found)
    })
    .await;
    assert_eq!(differs["matrix_room_alias"], other);
    assert_eq!(differs["alias_expected"], *own);
    let rooms = answered(200, alice.api.get("/api/city/rooms").await);
    assert_eq!(items(&rooms)[0]["matrix_room_alias"], *own);
    let one = answered(200, alice.api.get(&room_path(&room)).await);
    assert_eq!(one["matrix_room_alias"], *own);

    // A backfill makes ours the canonical one, and the room keeps its others.
    let backfill = "/internal/city/matrix/backfill";
    let summary = world.daarion.service().post(backfill, json!({})).await;
    assert_eq!(answered(200, summary)["found"], 1);
    eventually("the alias that is back", async || {
        let found = overseen(&operator, place).await;
        (found["adoption"] == "adopted").then_some(())
    })
    .await;
    let content = alice.matrix.state_event(room_of(&room), kind, "").await;
    let expected = json!({ "alias": own, "alt_aliases": [third, other] });
    assert_eq!(content, Some(expected));

    // One that leads nowhere any more is no reason to fail: bob takes his away, and has not the
    // power to say so in the room.
    let bob = Person::named(&world, "bob").await;
    bob.matrix.join(room_of(&room)).await;
    let bobs = "#bobs:test.localhost";
    let directory = path(&["_matrix", "client", "v3", "directory", "room", bobs]);
    let body = json!({ "room_id": room_of(&room) });
    let made = bob.matrix.request(Method::PUT, &directory, Some(body));
    answered(200, made.await);
    let content = json!({ "alias": bobs, "alt_aliases": [third] });
    let chosen = alice.matrix.set_state(room_of(&room), kind, "", content);
    chosen.await;
    let gone = bob.matrix.request(Method::DELETE, &directory, None).await;
    answered(200, gone);
    eventually("the alias that differs again", async || {
        let found = overseen(&operator, place).await;
        (found["adoption"] == "alias_differs").then_some(())
    })
    .await;
    let summary = world.daarion.service().post(backfill, json!({})).await;
    assert_eq!(answered(200, summary)["found"], 1);
    let content = alice.matrix.state_event(room_of(&room), kind, "").await;
    assert_eq!(
        content,
        Some(json!({ "alias": own, "alt_aliases": [third] }))
    );
}

#[tokio::test]
async fn the_sample_of_the_configuration_is_what_is_shown() {
    let world = shared_world().await;
    let config = answered(200, operator(world).get("/api/admin/config").await);
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/daarion.toml");
    let sample = std::fs::read_to_string(sample).expect("the sample is committed");
    for setting in items(&config) {
        let key = text(&setting["key"]);
        let name = key.rsplit('.').next().expect("a name");
        assert!(sample.contains(&format!("\n#{name} = ")), "{key}");
    }
}
