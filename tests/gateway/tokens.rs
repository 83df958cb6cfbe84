//! Services whose tokens are for less than everything: what they may not do, for whom they may not
//! act, where they may not work, and what becomes of what they have open when they end.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::caller::{Gateway, member};
use crate::daarion::{in_most_rounds, shared_world};
use crate::homeserver::{path, unique};
use crate::shape::Document;
use crate::support::{Person, answered, eventually, refused, text};

const ALICE: &str = "@alice:test.localhost";
const ROOM: &str = "!nowhere:test.localhost";
const HOOK: &str = "webhook/subscribe/sub-7d9f3c1e-5a0b-4c2d-8e6f-1a2b3c4d5e6f";

/// A request of every operation of the gateway, and the scope that it needs.
fn operations() -> Vec<(&'static str, Method, String, Option<Value>)> {
    let (get, post, put) = (Method::GET, Method::POST, Method::PUT);
    let member = || Some(json!({ "room_id": ROOM, "user_id": ALICE }));
    let event = || Some(json!({ "room_id": ROOM, "event_id": "$a", "emoji": "👍" }));
    let at_room = |more: &str| format!("rooms/{ROOM}{more}");
    let at_user = |more: &str| format!("users/{ALICE}{more}");
    let at_hook = |more: &str| format!("{HOOK}{more}");
    let draft = json!({ "room_id": ROOM, "msgtype": "m.text", "body": "a" });
    let hook = json!({ "room_id": ROOM, "webhook_url": "https://example.org/" });
    let none = || Some(json!({ "ids": [] }));
    let own = |list: Vec<(&'static str, Method, &str, Option<Value>)>| {
        let own = |(scope, method, what, body): (_, _, &str, _)| (scope, method, what.into(), body);
        list.into_iter().map(own).collect::<Vec<_>>()
    };
    let mut all = own(vec![
        (
            "gateway:rooms",
            post.clone(),
            "create-room",
            Some(json!({})),
        ),
        ("gateway:send", post.clone(), "send", Some(draft)),
        ("gateway:send", post.clone(), "send-reaction", event()),
        ("gateway:send", post.clone(), "redact", event()),
        ("gateway:members", post.clone(), "invite", member()),
        ("gateway:members", post.clone(), "join", member()),
        ("gateway:members", post.clone(), "leave", member()),
        ("gateway:members", post.clone(), "kick", member()),
        ("gateway:members", post.clone(), "ban", member()),
        ("gateway:members", post.clone(), "unban", member()),
        (
            "gateway:users",
            post.clone(),
            "register-user",
            Some(json!({ "username": "agent:!" })),
        ),
        ("gateway:read", get.clone(), "sync?timeout=0", None),
        (
            "gateway:media",
            post.clone(),
            "media/sign",
            Some(json!({ "content_uri": "mxc://a/b" })),
        ),
        (
            "gateway:webhooks",
            post.clone(),
            "webhook/subscribe",
            Some(hook),
        ),
        ("gateway:webhooks", get.clone(), "webhook/subscribe", None),
        (
            "gateway:webhooks",
            get.clone(),
            "webhook/dead-letters",
            None,
        ),
        (
            "gateway:webhooks",
            post.clone(),
            "webhook/dead-letters/replay",
            none(),
        ),
        (
            "gateway:webhooks",
            post.clone(),
            "webhook/dead-letters/purge",
            none(),
        ),
    ]);
    let name = || Some(json!({ "name": "A", "topic": "A", "avatar_url": "" }));
    let shown = || Some(json!({ "display_name": "A", "avatar_url": "", "erase": false }));
    all.extend([
        ("gateway:read", get.clone(), at_room(""), None),
        ("gateway:read", get.clone(), at_room("/messages"), None),
        ("gateway:rooms", put.clone(), at_room("/name"), name()),
        ("gateway:rooms", put.clone(), at_room("/topic"), name()),
        ("gateway:rooms", put.clone(), at_room("/avatar"), name()),
        (
            "gateway:users",
            put.clone(),
            at_user("/display-name"),
            shown(),
        ),
        ("gateway:users", put.clone(), at_user("/avatar"), shown()),
        (
            "gateway:users",
            post.clone(),
            at_user("/deactivate"),
            shown(),
        ),
        ("gateway:webhooks", get.clone(), at_hook(""), None),
        ("gateway:webhooks", get, at_hook("/deliveries"), None),
        ("gateway:webhooks", Method::DELETE, at_hook(""), None),
        (
            "gateway:webhooks",
            Method::PATCH,
            at_hook(""),
            Some(json!({})),
        ),
    ]);
    for act in ["/pause", "/resume", "/rotate", "/test"] {
        all.push((
            "gateway:webhooks",
            post.clone(),
            at_hook(act),
            Some(json!({})),
        ));
    }
    all
}

/// Whether the answer says that the service has not this scope.
fn lacks(answer: &(StatusCode, Value), scope: &str) -> bool {
    let words = answer.1["message"].as_str().unwrap_or_default();
    answer.0 == StatusCode::FORBIDDEN && words.ends_with(&format!("has no scope {scope}"))
}

async fn upload(service: &Gateway) -> (StatusCode, Value) {
    let form = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\na\r\n--b--\r\n";
    let request = service
        .service
        .builder(Method::POST, "/internal/matrix/upload");
    let request = request
        .header("content-type", "multipart/form-data; boundary=b")
        .body(form);
    let answer = crate::homeserver::http::exchange(request, None).await;
    answer.expect("daarion answers")
}

#[tokio::test]
async fn each_operation_needs_its_scope_and_no_other() {
    let world = shared_world().await;
    let gateway = [
        "gateway:read",
        "gateway:send",
        "gateway:rooms",
        "gateway:members",
        "gateway:users",
        "gateway:media",
        "gateway:webhooks",
    ];
    for scope in gateway {
        let others = gateway.iter().filter(|it| **it != scope).copied();
        let others = others.chain(["agents", "city", "api"]).collect::<Vec<_>>();
        // Nobody to act for, so that nothing is done.
        let only = json!({ "scopes": [scope], "act_as": [] });
        let all_but = json!({ "scopes": others, "act_as": [] });
        let (only, _) = Gateway::narrow(&world.daarion, only).await;
        let (all_but, _) = Gateway::narrow(&world.daarion, all_but).await;
        for (needed, method, what, body) in operations() {
            let path = format!("/internal/matrix/{what}");
            let asked = if needed == scope { &all_but } else { &only };
            let answer = asked.ask(method.clone(), &path, body.clone()).await;
            assert!(
                lacks(&answer, needed),
                "{scope}: {method} {what}: {answer:?}"
            );
            if needed == scope && what != "create-room" {
                let answer = only.service.request(method, &path, body).await;
                assert!(!lacks(&answer, needed), "{what}: {answer:?}");
            }
        }
        let (may, may_not) = (upload(&only).await, upload(&all_but).await);
        let of_media = scope == "gateway:media";
        assert_eq!(may.0 == StatusCode::OK, of_media, "{may:?}");
        assert_eq!(lacks(&may_not, scope), of_media, "{may_not:?}");
    }
}

#[test]
fn table_has_every_operation() {
    let listed = operations();
    let fits = |template: &str, what: &str| {
        let path = format!(
            "/internal/matrix/{}",
            what.split('?').next().unwrap_or(what)
        );
        let (parts, given): (Vec<_>, Vec<_>) =
            (template.split('/').collect(), path.split('/').collect());
        let mut pairs = parts.iter().zip(&given);
        parts.len() == given.len() && pairs.all(|(part, it)| part.starts_with('{') || part == it)
    };
    for (method, template) in Document::read().operations("/internal/matrix/") {
        // Of another document, or not JSON.
        let is_elsewhere = ["/rooms/create", "/rooms/find-by-alias", "/upload"];
        if is_elsewhere.iter().any(|it| template.ends_with(it)) {
            continue;
        }
        let mut listed = listed.iter();
        let is_there =
            listed.any(|(_, it, what, _)| it.as_str() == method && fits(&template, what));
        assert!(is_there, "{method} {template}");
    }
}

#[tokio::test]
async fn nobody_is_acted_for_whom_the_token_does_not_name() {
    let world = shared_world().await;
    let everybody = Gateway::of(&world.daarion);
    let (agent, agent_user) = everybody.agent().await;
    let agents = json!({ "act_as": ["agent:*"] });
    let (agents, _) = Gateway::narrow(&world.daarion, agents).await;
    let (nobody, _) = Gateway::narrow(&world.daarion, json!({ "act_as": [] })).await;
    let room = everybody.room().await;
    let alice = member(world, &room, "alice").await;
    let join = json!({ "room_id": room, "user_id": agent });
    answered(200, agents.post("join", join).await);

    let entity = format!("user:{}", alice.localpart());
    let refuse = |answer: (StatusCode, Value), who: &str| {
        let words = refused(403, "M_FORBIDDEN", answer);
        assert!(words.ends_with(&format!("may not act as {who}")), "{words}");
    };
    let own = ["join", "leave"].map(|what| (what, "user_id", json!({})));
    for (what, field, more) in crate::senders::deeds().into_iter().chain(own) {
        let mut body = more;
        body["room_id"] = json!(room);
        for given in [&alice.user_id, &entity] {
            body[field] = json!(given);
            refuse(agents.post(what, body.clone()).await, &entity);
        }
        body[field] = json!(agent);
        refuse(nobody.post(what, body).await, &agent);
    }
    for (what, field) in [
        ("name", "name"),
        ("topic", "topic"),
        ("avatar", "avatar_url"),
    ] {
        let body = json!({ field: "", "sender": alice.user_id });
        refuse(agents.put_room(&room, what, body).await, &entity);
    }
    for (what, field) in [("display-name", "display_name"), ("avatar", "avatar_url")] {
        let body = json!({ field: "" });
        refuse(agents.put_user(&alice.user_id, what, body).await, &entity);
    }
    let close = path(&["internal", "matrix", "users", &alice.user_id, "deactivate"]);
    refuse(
        agents
            .ask(Method::POST, &close, Some(json!({ "erase": false })))
            .await,
        &entity,
    );
    let newcomer = json!({ "username": "newcomer", "password": "secret-enough" });
    refuse(
        agents.post("register-user", newcomer).await,
        "user:newcomer",
    );
    let theirs = format!("/internal/matrix/sync?timeout=0&user_id={entity}");
    refuse(agents.ask(Method::GET, &theirs, None).await, &entity);
    let messages = path(&["internal", "matrix", "rooms", &room, "messages"]);
    let theirs = format!("{messages}?user_id={entity}");
    refuse(agents.ask(Method::GET, &theirs, None).await, &entity);

    let body = |sender: Option<&str>| json!({ "room_id": room, "msgtype": "m.text", "body": "b", "sender": sender });
    answered(200, agents.post("send", body(Some(&agent))).await);
    answered(200, agents.post("send", body(Some(&agent_user))).await);
    answered(200, nobody.post("send", body(None)).await);
}

#[tokio::test]
async fn agents_are_no_way_to_other_people() {
    let world = shared_world().await;
    let everybody = Gateway::of(&world.daarion);
    let (agent, _) = everybody.agent().await;
    let alice = Person::new(world, "alice").await;
    let channel = alice.channel(json!({})).await;
    let mine = json!({ "scopes": ["agents"], "act_as": ["agent:*"] });
    let (agents, _) = Gateway::narrow(&world.daarion, mine).await;
    let none = json!({ "scopes": ["agents"], "act_as": ["agent:another"] });
    let (others, _) = Gateway::narrow(&world.daarion, none).await;
    let place = "/internal/agents";
    let stolen =
        json!({ "id": format!("agent:{}", unique("thief")), "matrix_user_id": alice.user_id() });
    let words = refused(403, "M_FORBIDDEN", agents.service.post(place, stolen).await);
    assert!(words.contains(&alice.id()), "{words}");
    let fresh = json!({ "id": format!("agent:{}", unique("fresh")) });
    refused(
        403,
        "M_FORBIDDEN",
        others.service.post(place, fresh.clone()).await,
    );
    answered(201, agents.service.post(place, fresh).await);
    let one = path(&["internal", "agents", &agent]);
    let named = json!({ "display_name": "Інша" });
    refused(
        403,
        "M_FORBIDDEN",
        others.service.patch(&one, named.clone()).await,
    );
    answered(200, agents.service.patch(&one, named).await);
    let post = path(&["internal", "agents", &agent, "post-to-channel"]);
    let said = json!({ "channel_id": channel["id"], "text": "a" });
    let words = refused(403, "M_FORBIDDEN", others.service.post(&post, said).await);
    assert!(
        words.contains(&format!("may not act as {agent}")),
        "{words}"
    );
}

#[tokio::test]
async fn service_of_one_room_has_no_other() {
    let world = shared_world().await;
    let everywhere = Gateway::of(&world.daarion);
    let (agent, _) = everywhere.agent().await;
    let (here, alias) = (everywhere.room().await, unique("there"));
    let body = json!({ "preset": "public_chat", "room_alias_name": alias });
    let made = answered(200, everywhere.post("create-room", body).await);
    let there = text(&made["room_id"]).to_owned();
    let (narrow, _) = Gateway::narrow(&world.daarion, json!({ "rooms": [here] })).await;
    let since = answered(
        200,
        narrow.ask(Method::GET, "/internal/matrix/sync", None).await,
    );

    let said = narrow.say(&here, "here").await;
    answered(200, narrow.get_room(&here).await);
    let elsewhere = everywhere.say(&there, "there").await;
    let refuse = |answer| {
        let words = refused(403, "M_FORBIDDEN", answer);
        assert!(
            words.contains("may not work in") && words.contains(&there),
            "{words}"
        );
    };
    for room in [
        there.clone(),
        format!("#{alias}:test.localhost"),
        format!("#{alias}"),
    ] {
        let member = json!({ "room_id": room, "user_id": agent });
        for (what, more) in [
            ("send", json!({ "msgtype": "m.text", "body": "a" })),
            (
                "send-reaction",
                json!({ "event_id": elsewhere, "emoji": "👍" }),
            ),
            ("redact", json!({ "event_id": elsewhere })),
            (
                "webhook/subscribe",
                json!({ "webhook_url": "https://example.org/" }),
            ),
        ] {
            let mut body = more;
            body["room_id"] = json!(room);
            refuse(narrow.post(what, body).await);
        }
        for what in ["invite", "join", "leave", "kick", "ban", "unban"] {
            refuse(narrow.post(what, member.clone()).await);
        }
        refuse(narrow.get_room(&room).await);
        refuse(narrow.put_room(&room, "name", json!({ "name": "A" })).await);
        refuse(
            narrow
                .put_room(&room, "topic", json!({ "topic": "A" }))
                .await,
        );
        refuse(
            narrow
                .put_room(&room, "avatar", json!({ "avatar_url": "" }))
                .await,
        );
        let messages = path(&["internal", "matrix", "rooms", &room, "messages"]);
        refuse(narrow.ask(Method::GET, &messages, None).await);
    }
    let alias = format!("/internal/matrix/rooms/find-by-alias?alias=%23{alias}:test.localhost");
    // These two are of the bridge's document, which has a form of its own.
    let bridge = |(status, body): (StatusCode, Value), words: &str| {
        assert_eq!(
            (status.as_u16(), &body["error"]),
            (403, &json!("forbidden"))
        );
        assert!(text(&body["detail"]).contains(words), "{body}");
    };
    bridge(narrow.service.get(&alias).await, &there);
    refused(
        403,
        "M_FORBIDDEN",
        narrow.post("create-room", json!({})).await,
    );
    // What rooms do not bound is not for whoever has but some.
    let city = json!({ "slug": unique("city"), "name": "A" });
    let made = narrow
        .service
        .post("/internal/matrix/rooms/create", city)
        .await;
    bridge(made, "of all rooms");

    let since = text(&since["next_batch"]).to_owned();
    let poll = format!("/internal/matrix/sync?timeout=0&since={since}");
    let events = eventually("what was said here", async || {
        let new = answered(200, narrow.ask(Method::GET, &poll, None).await);
        let rooms = new["rooms"]["join"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        rooms.get(&here).map(|it| (rooms.len(), it.to_string()))
    })
    .await;
    assert!(events.1.contains(&said) && events.0 == 1, "{events:?}");
}

/// A poll for what is new with all, in no room: nothing ever is.
async fn ours(service: &Gateway) -> String {
    let start = service.ask(Method::GET, "/internal/matrix/sync", None);
    let since = answered(200, start.await)["next_batch"].clone();
    let filter = "%7B%22room%22%3A%7B%22rooms%22%3A%5B%5D%7D%7D";
    let since = text(&since);
    format!("/internal/matrix/sync?timeout=60000&since={since}&filter={filter}")
}

/// A poll for what is new with one who is in no room.
async fn theirs(service: &Gateway, user: &str) -> String {
    let poll = format!("/internal/matrix/sync?user_id={user}");
    let start = answered(200, service.ask(Method::GET, &poll, None).await);
    format!("{poll}&timeout=60000&since={}", text(&start["next_batch"]))
}

#[tokio::test]
async fn token_that_expires_ends_what_was_opened_with_it() {
    const LIFE: Duration = Duration::from_secs(2);
    let world = shared_world().await;
    let poll = ours(&Gateway::of(&world.daarion)).await;
    // Its life is counted in whole milliseconds.
    let soon = LIFE - Duration::from_millis(1)..LIFE + Duration::from_secs(1);
    in_most_rounds(soon, async || {
        let made = Instant::now();
        let life = json!({ "expires_in": LIFE.as_secs() });
        let (brief, _) = Gateway::narrow(&world.daarion, life).await;
        if made.elapsed() > LIFE / 2 {
            // It may not be open before the end.
            return Duration::ZERO;
        }
        let ended = brief.ask(Method::GET, &poll, None).await;
        let lasted = made.elapsed();
        refused(401, "M_UNKNOWN_TOKEN", ended);
        let late = brief.post("create-room", json!({})).await;
        refused(401, "M_UNKNOWN_TOKEN", late);
        lasted
    })
    .await;
}

#[tokio::test]
async fn token_that_is_revoked_counts_no_more_at_once() {
    let world = shared_world().await;
    let alice = world.register_unique("alice").await;
    let operator = world.daarion.api_as("user:operator");
    in_most_rounds(..Duration::from_secs(1), async || {
        let (service, id) = Gateway::narrow(&world.daarion, json!({})).await;
        let polls = [ours(&service).await, theirs(&service, &alice.user_id).await].map(|poll| {
            let service = service.service.clone();
            tokio::spawn(async move { service.get(&poll).await })
        });
        // They are open by now, or are refused all the same.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let path = format!("/api/admin/services/{id}");
        let begun = Instant::now();
        answered(200, operator.delete(&path).await);
        let late = service.post("create-room", json!({})).await;
        refused(401, "M_UNKNOWN_TOKEN", late);
        for poll in polls {
            refused(401, "M_UNKNOWN_TOKEN", poll.await.expect("no panic"));
        }
        begun.elapsed()
    })
    .await;
}

#[tokio::test]
async fn rooms_of_a_token_are_ids_however_they_are_written() {
    let world = shared_world().await;
    let gateway = Gateway::of(&world.daarion);
    let (here, there) = (gateway.room().await, gateway.room().await);
    assert!(!here.contains(':'), "of version 12: {here}");
    let rooms = json!({ "rooms": [format!("{here}:test.localhost")] });
    let (narrow, _) = Gateway::narrow(&world.daarion, rooms).await;
    narrow.say(&here, "here").await;
    let elsewhere = json!({ "room_id": there, "msgtype": "m.text", "body": "there" });
    refused(403, "M_FORBIDDEN", narrow.post("send", elsewhere).await);
    let operator = world.daarion.api_as("user:operator");
    for wrong in ["#general:test.localhost", "general", "!"] {
        let body = json!({ "name": unique("service"), "scopes": ["*"], "rooms": [wrong] });
        let made = operator.post("/api/admin/services", body).await;
        let refused = answered(400, made);
        let words = text(&refused["message"]);
        assert!(words.starts_with("rooms: "), "{wrong}: {words}");
    }
}

#[tokio::test]
async fn of_two_tokens_of_one_name_at_once_one_is_made() {
    let world = shared_world().await;
    let operator = world.daarion.api_as("user:operator");
    let name = unique("service");
    let make = || {
        let body = json!({ "name": name, "scopes": ["*"] });
        operator.post("/api/admin/services", body)
    };
    let (first, second) = tokio::join!(make(), make());
    let mut statuses = [first.0.as_u16(), second.0.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409], "{first:?} {second:?}");
}
