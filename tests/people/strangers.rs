//! To whoever may not know of it a private channel does not exist, whatever they ask. The questions are
//! made of the OpenAPI documents, so that none that comes later is forgotten.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::asked::{CHANNEL, NOWHERE, Operation, document};
use crate::daarion::{Caller, World, shared_world};
use crate::homeserver::unique;
use crate::stream;
use crate::support::{Person, answered, members_of, message_path, path_of, text};
use crate::world::gather;

/// How many answers of a kind are timed.
const TIMED: usize = 11;
/// What one of two answers may take longer at its middle, as a factor and beside it.
const SLOWER: (u32, Duration) = (2, Duration::from_millis(2));

/// A question about a channel that is not named yet.
struct Question {
    operation: Operation,
    path: String,
    body: Option<Value>,
}

/// All that an answer tells but for its number and its date.
type Answer = (u16, Vec<(String, String)>, String);

impl Question {
    /// With what is known of the channel: a message in it, and who asks.
    fn new(operation: Operation, message: &str, agent: &str) -> Self {
        let path = operation.path(|name| match name {
            "channel_id" => CHANNEL.to_owned(),
            "entity" => "user:alice".to_owned(),
            "message_id" | "message_ids" | "thread_id" => message.to_owned(),
            "emoji" => "%F0%9F%91%8D".to_owned(),
            "agent_id" => agent.to_owned(),
            "link_id" | "scheduled_id" => NOWHERE.to_owned(),
            _ => panic!("a new parameter, {name}: say here what to ask for"),
        });
        let more = match operation.id.as_str() {
            "muteMember" => json!({ "seconds": 60 }),
            "deleteMessagesOfSender" => json!({ "sender": "user:alice" }),
            "inviteMember" => json!({ "member_id": "user:alice" }),
            "postToChannel" => json!({ "channel_id": CHANNEL }),
            _ => json!({}),
        };
        let mut body = operation.body.clone();
        if let Some(body) = &mut body {
            crate::support::merge(body, more);
        }
        Self {
            operation,
            path,
            body,
        }
    }

    fn builder(&self, by: &Caller, channel: &str) -> reqwest::RequestBuilder {
        let path = self.path.replace(CHANNEL, channel);
        let request = by.builder(self.operation.method.clone(), &path);
        match &self.body {
            Some(body) => {
                let body = body.to_string().replace(CHANNEL, channel);
                request
                    .header("content-type", "application/json")
                    .body(body)
            }
            None => request,
        }
    }

    async fn ask(&self, by: &Caller, channel: &str) -> Answer {
        let answer = self
            .builder(by, channel)
            .send()
            .await
            .expect("daarion answers");
        let status = answer.status().as_u16();
        let told = answer.headers().iter();
        let told = told.filter(|(name, _)| !["x-request-id", "date"].contains(&name.as_str()));
        let mut headers: Vec<_> = told
            .map(|(name, value)| match name.as_str() {
                // What is left of an allowance is another number at another time.
                "ratelimit-remaining" | "ratelimit-reset" => (name.to_string(), String::new()),
                _ => (name.to_string(), format!("{value:?}")),
            })
            .collect();
        headers.sort();
        let body = answer.text().await.expect("a body");
        (status, headers, body.replace(channel, CHANNEL))
    }

    /// How long the answer takes at its middle, for each of two channels, asked in turns.
    async fn middles(&self, by: &Caller, channels: [&str; 2]) -> [Duration; 2] {
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..TIMED {
            for (channel, times) in channels.iter().zip(&mut times) {
                let begun = Instant::now();
                self.ask(by, channel).await;
                times.push(begun.elapsed());
            }
        }
        times.map(|mut times| {
            times.sort_unstable();
            times[times.len() / 2]
        })
    }

    /// Whether the two take so different times that one could tell them apart, every time one tries.
    async fn is_told_by_time(&self, by: &Caller, channels: [&str; 2]) -> Option<[Duration; 2]> {
        let mut last = None;
        for _ in 0..5 {
            let middles = self.middles(by, channels).await;
            let (slow, fast) = (middles[0].max(middles[1]), middles[0].min(middles[1]));
            if slow <= fast * SLOWER.0 + SLOWER.1 {
                return None;
            }
            last = Some(middles);
        }
        last
    }
}

/// Operations of the public listener that are about one channel, and are not for operators.
fn about_channels() -> Vec<Operation> {
    let all = document("public").into_iter();
    let all = all.filter(|it| it.is_of_channel() && !it.path.starts_with("/api/admin/"));
    all.collect()
}

/// What an agent asks for itself, of channels.
fn of_agents() -> Vec<Operation> {
    let all = document("internal").into_iter();
    let all = all.filter(|it| it.path.starts_with("/internal/agents/"));
    all.filter(|it| it.is_of_channel() || it.id == "postToChannel")
        .collect()
}

/// An agent that is in no channel: its id, and how it calls either listener.
async fn agent(world: &World) -> (String, Caller, Caller) {
    let service = world.daarion.service();
    let id = format!("agent:{}", unique("spy"));
    answered(
        201,
        service.post("/internal/agents", json!({ "id": id })).await,
    );
    let body = json!({ "name": "робота", "scopes": ["*"] });
    let made = service
        .post(&format!("/internal/agents/{id}/tokens"), body)
        .await;
    let token = format!("Bearer {}", text(&answered(201, made)["token"]));
    let with = |anyone: Caller| anyone.with_header("authorization", &token);
    (
        id,
        with(world.daarion.anonymous()),
        with(world.daarion.anonymous_internal()),
    )
}

/// A private channel with a message, and people who have been in it.
async fn private(world: &World, alice: &Person) -> (Value, String, [Person; 2]) {
    let gone = Person::new(world, "gone").await;
    let banned = Person::new(world, "banned").await;
    let channel = alice.channel(json!({ "visibility": "private" })).await;
    gather(&channel, alice, &[&gone, &banned]).await;
    let message = alice.say(&channel, "Таємниця").await;
    let place = format!("{}/{}", members_of(&channel), gone.id());
    answered(204, alice.api.delete(&place).await);
    let place = format!("{}/bans/{}", path_of(&channel), banned.id());
    answered(200, alice.api.put(&place, Value::Null).await);
    (channel, text(&message["id"]).to_owned(), [gone, banned])
}

#[tokio::test]
async fn private_channel_is_the_same_as_none_in_every_operation() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let stranger = Person::new(world, "eve").await;
    let (agent, outside, inside) = agent(world).await;
    let (channel, message, [gone, banned]) = private(world, &alice).await;
    let id = text(&channel["id"]);
    let ask = |operation| Question::new(operation, &message, &agent);
    let questions: Vec<_> = about_channels().into_iter().map(ask).collect();
    assert!(questions.len() > 40, "only {} questions", questions.len());
    let operator = world.daarion.api_as("user:operator");
    let callers = [&stranger.api, &gone.api, &banned.api, &outside, &operator];
    let expected = json!({ "error": "M_NOT_FOUND", "message": format!("no channel {CHANNEL}") });
    for question in &questions {
        for (at, who) in callers.iter().enumerate() {
            let case = format!("{} as caller {at}", question.operation.id);
            let there = question.ask(who, id).await;
            assert_eq!(there, question.ask(who, NOWHERE).await, "{case}");
            if !question.operation.is_stream {
                assert_eq!((there.0, &there.2), (404, &expected.to_string()), "{case}");
            }
        }
    }
    for who in callers {
        let mut told = Vec::new();
        for id in [id, NOWHERE] {
            let path = stream::path_of(&json!({ "id": id }));
            let (status, body) = stream::refusal(who, &path).await;
            told.push((status, body.to_string().replace(id, CHANNEL)));
        }
        assert_eq!(told[0], told[1]);
        assert_eq!(
            told[0],
            (reqwest::StatusCode::NOT_FOUND, expected.to_string())
        );
    }

    // An agent, by the listener of services.
    let questions: Vec<_> = of_agents().into_iter().map(ask).collect();
    assert!(questions.len() > 4, "only {} questions", questions.len());
    for question in &questions {
        let there = question.ask(&inside, id).await;
        let name = &question.operation.id;
        assert_eq!(there, question.ask(&inside, NOWHERE).await, "{name}");
        assert_eq!(there.0, 404, "{name}: {}", there.2);
    }

    // What is named in a body.
    let alias = text(&channel["matrix_room_alias"]);
    let none = format!("#{}:test.localhost", unique("none"));
    let room = text(&channel["matrix_room_id"]);
    let named = [
        (
            "/api/keys",
            json!({ "name": "a", "scopes": ["*"], "channels": [id] }),
            id,
            NOWHERE,
        ),
        (
            "/api/messaging/knock",
            json!({ "alias": alias }),
            alias,
            none.as_str(),
        ),
        (
            "/api/messaging/channels/adopt",
            json!({ "room": room }),
            room,
            "!nowhere-at-all",
        ),
    ];
    for (path, body, there, nowhere) in named {
        for who in [&stranger.api, &gone.api, &banned.api] {
            let told = async |name: &str| {
                let body: Value = body.to_string().replace(there, name).parse().expect("JSON");
                let (status, body) = who.post(path, body).await;
                (status, body.to_string().replace(name, "that"))
            };
            assert_eq!(told(there).await, told(nowhere).await, "{path}");
        }
    }
}

#[tokio::test]
async fn no_answer_tells_of_a_private_channel_by_the_time_it_takes() {
    let world = World::start().await;
    let alice = Person::new(&world, "alice").await;
    let stranger = Person::new(&world, "eve").await;
    let (channel, message, [gone, _]) = private(&world, &alice).await;
    let id = text(&channel["id"]);
    for operation in about_channels() {
        let question = Question::new(operation, &message, "agent:nobody");
        for who in [&stranger.api, &gone.api] {
            let told = question.is_told_by_time(who, [id, NOWHERE]).await;
            let name = &question.operation.id;
            assert!(
                told.is_none(),
                "{name}: {told:?} for a private channel and for none"
            );
        }
    }
}

/// What somebody is told without naming a channel: by every operation that only reads and needs
/// nothing, on both listeners.
async fn told(world: &World, by: &Caller) -> Vec<(String, Value)> {
    let inside = world.daarion.anonymous_internal();
    let public = document("public").into_iter().map(|it| (by, it));
    let internal = document("internal").into_iter().map(|it| (&inside, it));
    let mut told = Vec::new();
    for (caller, operation) in public.chain(internal) {
        let is_plain = operation.method == Method::GET && !operation.path.contains('{');
        if !is_plain {
            continue;
        }
        let (status, mut body) = caller.get(&operation.path).await;
        // When a session was used last is just now.
        let items = body.get_mut("items").and_then(Value::as_array_mut);
        for item in items.into_iter().flatten() {
            item.as_object_mut()
                .and_then(|it| it.remove("last_used_at"));
        }
        told.push((operation.id, json!([status.as_u16(), body])));
    }
    for path in ["", "/channels", "/members"] {
        let path = format!("/api/messaging/microdaos/microdao:daarion{path}");
        let (status, body) = by.get(&path).await;
        told.push((path, json!([status.as_u16(), body])));
    }
    told
}

#[tokio::test]
async fn no_list_and_no_count_tells_of_a_private_channel() {
    let world = World::start().await;
    let alice = Person::named(&world, "alice").await;
    let bob = Person::named(&world, "bob").await;
    let stranger = Person::named(&world, "eve").await;
    alice.city_room(json!({})).await;
    alice.say(&alice.channel(json!({})).await, "Для всіх").await;
    let before = told(&world, &stranger.api).await;
    assert!(before.len() > 15, "only {}", before.len());

    let channel = alice.channel(json!({ "visibility": "private" })).await;
    gather(&channel, &alice, &[&bob]).await;
    let said = alice.say(&channel, "Таємниця").await;
    bob.say(&channel, "Нікому").await;
    let reaction = format!("{}/reactions/%F0%9F%91%8D", message_path(&channel, &said));
    answered(200, bob.api.put(&reaction, Value::Null).await);
    let body = json!({ "visibility": "private", "microdao_id": "microdao:hidden" });
    let other = alice.channel(body).await;
    for (before, after) in before.iter().zip(told(&world, &stranger.api).await) {
        assert_eq!(*before, after);
    }
    let hidden = "/api/messaging/microdaos/microdao:hidden";
    let none = "/api/messaging/microdaos/microdao:none";
    for path in ["", "/channels", "/members"] {
        let told = async |place: &str| {
            let (status, body) = stranger.api.get(&format!("{place}{path}")).await;
            let name = place.rsplit('/').next().expect("a name");
            (status, body.to_string().replace(name, "that"))
        };
        assert_eq!(told(hidden).await, told(none).await, "{path}");
    }
    // Whoever is in them is told of both.
    let mine = answered(
        200,
        alice.api.get("/api/messaging/channels?limit=200").await,
    );
    for channel in [&channel, &other] {
        let mut ids = crate::support::items(&mine).iter().map(|it| &it["id"]);
        assert!(ids.any(|id| id == &channel["id"]), "{mine}");
    }
}
