//! API keys: what a program may do with one, where, as whom, and for how long.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::daarion::{Caller, World, WorldOptions, in_most_rounds, shared_world};
use crate::homeserver::unique;
use crate::sign_in::{ME, REFRESH, TICKET, bearer, signed_in};
use crate::stream::{self, Stream, refusal};
use crate::support::{
    Person, answered, column, eventually, items, members_of, merge, messages_of, path_of, refused,
    room_path, text,
};

const KEYS: &str = "/api/keys";
const CHANNELS: &str = "/api/messaging/channels";

/// A key, as its owner has been given it.
struct Key {
    shown: String,
    id: String,
    owner: Caller,
}

impl Key {
    async fn new(owner: &Caller, more: Value) -> Self {
        let mut body = json!({ "name": "Скрипт", "scopes": ["*"] });
        merge(&mut body, more);
        let made = answered(201, owner.post(KEYS, body).await);
        Self {
            shown: text(&made["key"]).to_owned(),
            id: text(&made["api_key"]["id"]).to_owned(),
            owner: owner.clone(),
        }
    }

    /// The program that has it.
    fn program(&self, world: &World) -> Caller {
        let value = format!("Bearer {}", self.shown);
        let anyone = world.daarion.anonymous();
        anyone.with_header("authorization", &value)
    }

    async fn listed(&self) -> Value {
        let all = answered(200, self.owner.get(KEYS).await);
        let found = items(&all).iter().find(|it| it["id"] == *self.id);
        found.expect("it is in the list").clone()
    }

    fn path(&self) -> String {
        format!("{KEYS}/{}", self.id)
    }
}

/// Somebody who has signed in.
async fn signed(world: &World, person: &Person) -> Caller {
    bearer(world, &signed_in(world, person).await)
}

#[tokio::test]
async fn nothing_opens_the_city_to_an_account_that_is_closed() {
    let world = shared_world().await;
    let (alice, bob) = (
        Person::new(world, "alice").await,
        Person::new(world, "bob").await,
    );
    let grant = signed_in(world, &alice).await;
    let (me, other) = (bearer(world, &grant), signed(world, &bob).await);
    let key = Key::new(&me, json!({})).await;
    let keys = [(key.program(world), 401), (me, 401), (other, 200)];
    for (caller, _) in &keys {
        answered(200, caller.get(CHANNELS).await);
    }
    let close = format!("/internal/matrix/users/{}/deactivate", alice.user_id());
    answered(
        200,
        world
            .daarion
            .service()
            .post(&close, json!({ "erase": false }))
            .await,
    );
    for (caller, status) in &keys {
        answered(*status, caller.get(CHANNELS).await);
    }
    let refresh = json!({ "refresh_token": grant["refresh_token"] });
    answered(401, world.daarion.anonymous().post(REFRESH, refresh).await);
}

/// Without daarion: by an administrator of the homeserver, who may lock it as well.
#[tokio::test]
async fn nobody_comes_in_by_an_account_that_the_homeserver_has_shut() {
    let mut options = WorldOptions::default();
    let check = ("auth.account_check".to_owned(), "\"1s\"".to_owned());
    options.daarion.settings.push(check);
    let world = &World::start_with(options).await;
    let [alice, bob, carol] = [
        Person::new(world, "alice").await,
        Person::new(world, "bob").await,
        Person::new(world, "carol").await,
    ];
    let grants = [signed_in(world, &alice).await, signed_in(world, &bob).await];
    let [me, other] = [bearer(world, &grants[0]), bearer(world, &grants[1])];
    let third = signed(world, &carol).await;
    let [key, others] = [
        Key::new(&me, json!({})).await,
        Key::new(&other, json!({})).await,
    ];
    let inside = [
        &me,
        &key.program(world),
        &other,
        &others.program(world),
        &third,
    ]
    .map(Clone::clone);
    for caller in &inside {
        answered(200, caller.get(CHANNELS).await);
    }
    let channel = alice.channel(json!({})).await;
    let stream = Stream::open(&me, &channel).await;
    world.homeserver.close_account(alice.user_id()).await;
    world.homeserver.lock_account(bob.user_id(), true).await;
    let frame = stream.closed().await.expect("it says why");
    assert_eq!(frame.code, CloseCode::Policy, "{frame:?}");
    for caller in &inside[..4] {
        eventually("the end of what opens", async || {
            let (status, _) = caller.get(CHANNELS).await;
            (status == 401).then_some(())
        })
        .await;
    }
    answered(200, third.get(CHANNELS).await);
    for grant in &grants {
        let refresh = json!({ "refresh_token": grant["refresh_token"] });
        answered(401, world.daarion.anonymous().post(REFRESH, refresh).await);
    }
    world.homeserver.lock_account(bob.user_id(), false).await;
    answered(200, signed(world, &bob).await.get(CHANNELS).await);
}

#[tokio::test]
async fn a_key_does_what_its_scopes_say_and_no_more() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let me = signed(world, &alice).await;
    let channel = alice.channel(json!({})).await;
    let scopes = json!({ "scopes": ["messages:*"], "expires_in": 3600 });
    let key = Key::new(&me, scopes).await;
    assert!(key.shown.starts_with("dk_"), "{}", key.shown);
    let listed = key.listed().await;
    let expected = json!({
        "id": key.id, "name": "Скрипт", "scopes": ["messages:read", "messages:send"],
        "channels": null, "act_as": null, "created_at": listed["created_at"],
        "expires_at": listed["expires_at"], "last_used_at": null,
    });
    assert_eq!(listed, expected);
    assert!(listed["expires_at"].is_string());

    let program = key.program(world);
    answered(200, program.get(&messages_of(&channel)).await);
    let said = json!({ "text": "Від програми" });
    let said = answered(201, program.post(&messages_of(&channel), said).await);
    assert_eq!(said["sender_id"], *alice.id());
    let found = answered(200, program.get(ME).await);
    assert_eq!(
        (&found["entity_id"], &found["session_id"]),
        (&json!(alice.id()), &Value::Null)
    );
    Stream::open(&program, &channel).await.close().await;
    assert!(key.listed().await["last_used_at"].is_string());

    // Of something else the words name what it would need.
    for (path, scope) in [
        (CHANNELS.to_owned(), "channels:read"),
        (path_of(&channel), "channels:read"),
        (members_of(&channel), "members:read"),
    ] {
        let words = refused(403, "M_FORBIDDEN", program.get(&path).await);
        assert!(words.contains(scope), "{path}: {words}");
    }
    let rooms = program.get("/api/city/rooms").await;
    assert!(refused(403, "forbidden", rooms).contains("channels:read"));
    let new = json!({ "name": "Нова", "slug": unique("channel") });
    let words = refused(403, "M_FORBIDDEN", program.post(CHANNELS, new).await);
    assert!(words.contains("channels:manage"), "{words}");
    let invite = json!({ "member_id": "user:nobody" });
    let invited = program.post(&members_of(&channel), invite).await;
    assert!(refused(403, "M_FORBIDDEN", invited).contains("members:manage"));

    let silent = Key::new(&me, json!({ "scopes": ["members:read"] })).await;
    let silent = silent.program(world);
    answered(200, silent.get(&members_of(&channel)).await);
    let path = stream::path_of(&channel);
    let words = refused(403, "M_FORBIDDEN", refusal(&silent, &path).await);
    assert!(words.contains("messages:read"), "{words}");

    // What is a person's own, and what is for operators, is for no key.
    let all = Key::new(&me, json!({})).await;
    let program = all.program(world);
    answered(200, program.get(CHANNELS).await);
    for path in [KEYS, "/api/auth/sessions"] {
        let words = refused(403, "M_FORBIDDEN", program.get(path).await);
        assert!(words.contains("no API key"), "{words}");
    }
    refused(403, "M_FORBIDDEN", program.post(TICKET, json!({})).await);
    refused(
        403,
        "M_FORBIDDEN",
        program.delete("/api/auth/sessions").await,
    );
    refused(403, "M_FORBIDDEN", program.delete(&all.path()).await);
    let operator = world.daarion.api_as("user:operator");
    let operators = Key::new(&operator, json!({})).await.program(world);
    let words = operators.get("/api/admin/overview").await;
    refused(403, "M_FORBIDDEN", words);
    // A key is worth nothing on the other listener.
    let value = format!("Bearer {}", all.shown);
    let inside = world.daarion.anonymous_internal();
    let inside = inside.with_header("authorization", &value);
    refused(401, "M_MISSING_TOKEN", inside.get("/internal/agents").await);
}

#[tokio::test]
async fn a_key_is_for_its_channels() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let me = signed(world, &alice).await;
    let (here, there) = (
        alice.channel(json!({})).await,
        alice.channel(json!({})).await,
    );
    let room = alice.city_room(json!({})).await;
    let channels = json!({ "channels": [here["id"], room["channel_id"]] });
    let key = Key::new(&me, channels.clone()).await;
    let listed = key.listed().await;
    assert_eq!(items(&json!({ "items": listed["channels"] })).len(), 2);
    let program = key.program(world);
    answered(200, program.get(&path_of(&here)).await);
    let said = json!({ "text": "Тут" });
    answered(201, program.post(&messages_of(&here), said.clone()).await);
    Stream::open(&program, &here).await.close().await;

    // Of the others nobody is told whether they are there.
    let nowhere = json!({ "id": "00000000-0000-4000-8000-000000000000" });
    let mut told = Vec::new();
    for channel in [&there, &nowhere] {
        for answer in [
            program.get(&path_of(channel)).await,
            program.get(&messages_of(channel)).await,
            program.post(&messages_of(channel), said.clone()).await,
            refusal(&program, &stream::path_of(channel)).await,
        ] {
            let words = refused(403, "M_FORBIDDEN", answer);
            told.push(words.replace(text(&channel["id"]), "that"));
        }
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
    let all = answered(200, program.get(&format!("{CHANNELS}?limit=200")).await);
    let mut ids = column(&all, "id");
    ids.sort_unstable();
    let mut expected = vec![text(&here["id"]), text(&room["channel_id"])];
    expected.sort_unstable();
    assert_eq!(ids, expected);
    let rooms = answered(200, program.get("/api/city/rooms").await);
    assert_eq!(column(&rooms, "slug"), [text(&room["slug"])]);
    answered(200, program.get(&room_path(&room)).await);
    let other = alice.city_room(json!({})).await;
    refused(404, "not_found", program.get(&room_path(&other)).await);
    let new = json!({ "name": "Нова", "slug": unique("channel") });
    let words = refused(403, "M_FORBIDDEN", program.post(CHANNELS, new).await);
    assert!(words.contains("certain channels"), "{words}");

    // A channel of somebody else's is none that a key could be for; nor does it open what its owner
    // may not see any more.
    let bob = Person::new(world, "bob").await;
    let private = bob.channel(json!({ "visibility": "private" })).await;
    let body = json!({ "name": "a", "scopes": ["*"], "channels": [private["id"]] });
    let words = refused(400, "M_INVALID_PARAM", me.post(KEYS, body).await);
    assert!(words.starts_with("channels: "), "{words}");
}

#[tokio::test]
async fn wrong_keys_name_the_field() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    for (more, field) in [
        (json!({ "name": "" }), "name"),
        (json!({ "name": "a\nb" }), "name"),
        (json!({ "scopes": [] }), "scopes"),
        (json!({ "scopes": ["messages:everything"] }), "scopes"),
        (json!({ "channels": [] }), "channels"),
        (json!({ "channels": ["general"] }), "channels"),
        (json!({ "act_as": "user:*" }), "act_as"),
        (json!({ "act_as": "agent:nobody-of-this-name" }), "act_as"),
        (json!({ "expires_in": 0 }), "expires_in"),
        (json!({ "expires_in": 400_000_000 }), "expires_in"),
    ] {
        let mut body = json!({ "name": "Скрипт", "scopes": ["*"] });
        merge(&mut body, more);
        let answer = alice.api.post(KEYS, body.clone()).await;
        let words = refused(400, "M_INVALID_PARAM", answer);
        assert!(words.starts_with(&format!("{field}: ")), "{body}: {words}");
    }
    let anyone = world.daarion.anonymous();
    for bad in ["dk_", "dk_AAAA", "dk_кіт"] {
        let value = format!("Bearer {bad}");
        let request = anyone.builder(reqwest::Method::GET, ME);
        let request = request.header("authorization", value.as_bytes());
        let answer = request.send().await.expect("daarion answers");
        assert_eq!(answer.status(), 401, "{bad}");
    }
}

#[tokio::test]
async fn a_key_acts_as_agents_within_what_its_owner_may() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let name = unique("sofia");
    let agent = format!("agent:{name}");
    let service = world.daarion.service();
    answered(
        201,
        service
            .post("/internal/agents", json!({ "id": agent }))
            .await,
    );
    let channel = alice.channel(json!({})).await;
    let body = json!({ "member_id": agent });
    answered(201, alice.api.post(&members_of(&channel), body).await);
    let operator = world.daarion.api_as("user:operator");
    let key = Key::new(&operator, json!({ "act_as": "agent:*" })).await;
    let acting = |key: &Key, entity: &str| key.program(world).with_header("x-user-id", entity);
    let say = async |caller: Caller| {
        let said = json!({ "text": "Від агента" });
        caller.post(&messages_of(&channel), said).await
    };
    let said = answered(201, say(acting(&key, &agent)).await);
    assert_eq!(
        (&said["sender_id"], &said["sender_type"]),
        (&json!(agent), &json!("agent"))
    );
    // As another person nobody acts, nor as an agent that is not there.
    let words = refused(403, "M_FORBIDDEN", say(acting(&key, &alice.id())).await);
    assert!(words.contains(&alice.id()), "{words}");
    refused(
        404,
        "M_NOT_FOUND",
        say(acting(&key, "agent:nobody-here")).await,
    );
    refused(403, "M_FORBIDDEN", say(acting(&key, "agent:daarion")).await);
    let words = refused(400, "M_INVALID_PARAM", say(acting(&key, "nobody")).await);
    assert!(words.to_lowercase().contains("x-user-id"), "{words}");
    let other = Key::new(&operator, json!({ "act_as": agent })).await;
    answered(201, say(acting(&other, &agent)).await);
    let plain = Key::new(&operator, json!({})).await;
    refused(403, "M_FORBIDDEN", say(acting(&plain, &agent)).await);

    // Who may not act as it may not let a program, however the key is made.
    let own = Key::new(&alice.api, json!({ "act_as": "agent:*" })).await;
    let words = refused(403, "M_FORBIDDEN", say(acting(&own, &agent)).await);
    assert!(words.contains(&alice.id()), "{words}");
    answered(201, say(acting(&own, &alice.id())).await);
    let body = json!({ "name": "a", "scopes": ["*"], "act_as": agent });
    refused(403, "M_FORBIDDEN", alice.api.post(KEYS, body).await);
}

#[tokio::test]
async fn a_revoked_key_ends_what_was_opened_with_it() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let channel = alice.channel(json!({})).await;
    let bob = Person::new(world, "bob").await;
    let stays = Key::new(&alice.api, json!({})).await;
    let mut other = Stream::open(&stays.program(world), &channel).await;
    in_most_rounds(..Duration::from_secs(1), async || {
        let key = Key::new(&alice.api, json!({})).await;
        let stream = Stream::open(&key.program(world), &channel).await;
        refused(404, "M_NOT_FOUND", bob.api.delete(&key.path()).await);
        let begun = Instant::now();
        answered(204, alice.api.delete(&key.path()).await);
        let frame = stream.closed().await.expect("it says why");
        let took = begun.elapsed();
        assert_eq!(frame.code, CloseCode::Policy, "{frame:?}");
        let words = refused(401, "M_UNKNOWN_TOKEN", key.program(world).get(ME).await);
        assert!(words.contains("revoked"), "{words}");
        refused(404, "M_NOT_FOUND", alice.api.delete(&key.path()).await);
        took
    })
    .await;
    alice.say(&channel, "Далі").await;
    other.next_of("message.created").await;

    let short = Key::new(&alice.api, json!({ "expires_in": 1 })).await;
    eventually("the end of a key", async || {
        let (status, _) = short.program(world).get(ME).await;
        (status == 401).then_some(())
    })
    .await;
    assert!(short.listed().await["last_used_at"].is_string());
    answered(204, alice.api.delete(&short.path()).await);

    // Nothing that could be shown to us is in the file.
    let file = std::fs::read(world.daarion.data_dir().join("daarion.redb"));
    let file = file.expect("the store is there");
    let secret = stays.shown.as_bytes();
    assert!(!file.windows(secret.len()).any(|part| part == secret));
    assert!(!world.daarion.log().contains(&stays.shown));
}
