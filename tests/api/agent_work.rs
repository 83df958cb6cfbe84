//! Agents at work: with tokens of their own, by commands, heard by each other, and at their end.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::daarion::{Caller, World, in_most_rounds, shared_world};
use crate::homeserver::{path, unique};
use crate::stream::{self, Stream};
use crate::support::{
    LIMIT, Person, answered, column, eventually, items, members_of, merge, message_path,
    messages_of, path_of, refused, room_of, text,
};

const AGENTS: &str = "/internal/agents";

/// An agent, with a token of its own.
struct Worker {
    id: String,
    user_id: String,
    token: String,
    token_id: String,
}

impl Worker {
    /// Of nobody.
    async fn new(world: &World, name: &str) -> Self {
        Self::with(world, name, json!({})).await
    }

    async fn with(world: &World, name: &str, more: Value) -> Self {
        let service = world.daarion.service();
        let mut body = json!({ "id": format!("agent:{}", unique(name)) });
        merge(&mut body, more);
        let agent = answered(201, service.post(AGENTS, body).await);
        let id = text(&agent["id"]).to_owned();
        let made = json!({ "name": "робота" });
        let made = service.post(&at(&id, &["tokens"]), made).await;
        let made = answered(201, made);
        Self {
            user_id: text(&agent["matrix_user_id"]).to_owned(),
            token: text(&made["token"]).to_owned(),
            token_id: text(&made["agent_token"]["id"]).to_owned(),
            id,
        }
    }

    /// As it calls what people call.
    fn outside(&self, world: &World) -> Caller {
        self.shown(world.daarion.anonymous())
    }

    /// As it calls what services call, without their secret.
    fn inside(&self, world: &World) -> Caller {
        self.shown(world.daarion.anonymous_internal())
    }

    fn shown(&self, anyone: Caller) -> Caller {
        anyone.with_header("authorization", &format!("Bearer {}", self.token))
    }

    async fn join(&self, person: &Person, channel: &Value) {
        let body = json!({ "member_id": self.id });
        answered(201, person.api.post(&members_of(channel), body).await);
    }

    async fn declare(&self, world: &World, names: &[&str]) {
        let commands = names.iter().map(|name| {
            let arguments = json!([{ "name": "city", "required": true }]);
            json!({
                "name": name, "description": "Каже погоду", "usage": "<city>",
                "arguments": arguments,
            })
        });
        let commands: Value = commands.collect();
        let place = at(&self.id, &["commands"]);
        let agent = answered(200, self.inside(world).put(&place, commands).await);
        assert_eq!(column(&agent["commands"], "name"), names);
    }
}

/// Below an agent, on the internal listener.
fn at(id: &str, rest: &[&str]) -> String {
    path(&[&["internal", "agents", id], rest].concat())
}

/// Below an agent, where people find it.
fn public(id: &str, rest: &[&str]) -> String {
    path(&[&["api", "agents", id], rest].concat())
}

#[tokio::test]
async fn agent_has_a_picture_and_an_owner_until_they_are_taken_away() {
    let world = shared_world().await;
    let service = world.daarion.service();
    let alice = Person::new(world, "alice").await;
    let worker = Worker::with(
        world,
        "sofia",
        json!({
            "display_name": "Софія", "description": "Знає погоду", "owner": alice.id(),
            "avatar_url": "mxc://test.localhost/picture1",
        }),
    )
    .await;
    let place = at(&worker.id, &[]);
    let agent = answered(200, service.get(&place).await);
    let expected = json!({
        "display_name": "Софія", "description": "Знає погоду", "owner": alice.id(),
        "avatar_url": "mxc://test.localhost/picture1", "account_closed": false,
    });
    let mut whole = agent.clone();
    merge(&mut whole, expected);
    assert_eq!(agent, whole);
    let profile = path(&["_matrix", "client", "v3", "profile", &worker.user_id]);
    let picture = async || {
        let (_, shown) = alice.matrix.request(Method::GET, &profile, None).await;
        shown["avatar_url"].clone()
    };
    assert_eq!(picture().await, "mxc://test.localhost/picture1");

    let mut changed = agent.clone();
    for (field, value) in [
        ("avatar_url", json!("mxc://test.localhost/picture2")),
        ("avatar_url", Value::Null),
        ("description", Value::Null),
        ("owner", Value::Null),
    ] {
        let patched = service.patch(&place, json!({ field: value })).await;
        changed[field] = value.clone();
        assert_eq!(answered(200, patched), changed, "{field} alone");
        if field == "avatar_url" {
            // The specification leaves open whether what is cleared is empty or not there.
            let shown = picture().await;
            assert_eq!(shown.as_str().unwrap_or(""), value.as_str().unwrap_or(""));
        }
    }
    for (field, value) in [
        ("avatar_url", json!("https://example.org/a.png")),
        ("description", json!("x".repeat(1_001))),
        ("owner", json!("agent:sofia")),
        ("owner", json!(format!("user:{}", unique("ghost")))),
    ] {
        let answer = service.patch(&place, json!({ field: value })).await;
        let words = refused(400, "M_INVALID_PARAM", answer);
        assert!(words.starts_with(&format!("{field}: ")), "{words}");
    }
}

#[tokio::test]
async fn owner_looks_after_an_agent_and_others_do_not() {
    let world = shared_world().await;
    let (alice, bob) = (
        Person::new(world, "alice").await,
        Person::new(world, "bob").await,
    );
    // Here only operators register agents.
    let body = json!({ "id": format!("agent:{}", unique("own")) });
    let words = refused(
        403,
        "M_FORBIDDEN",
        alice.api.post("/api/agents", body).await,
    );
    assert!(words.contains("agents.create"), "{words}");
    let worker = Worker::with(world, "sofia", json!({ "owner": alice.id() })).await;

    let query = format!("/api/agents?owner={}", alice.id());
    let theirs = answered(200, bob.api.get(&query).await);
    assert_eq!(column(&theirs, "id"), [worker.id.as_str()]);
    let seen = answered(200, bob.api.get(&public(&worker.id, &[])).await);
    assert_eq!(seen["owner"], alice.id());
    let nobody = bob.api.get(&public("agent:nobody", &[])).await;
    refused(404, "M_NOT_FOUND", nobody);

    let name = json!({ "display_name": "Софія Київська" });
    let place = public(&worker.id, &[]);
    let renamed = answered(200, alice.api.patch(&place, name.clone()).await);
    assert_eq!(renamed["display_name"], name["display_name"]);
    let given = json!({ "owner": bob.id() });
    let tokens = public(&worker.id, &["tokens"]);
    let made = json!({ "name": "мій", "scopes": ["messages:read"], "expires_in": 3_600 });
    let made = answered(201, alice.api.post(&tokens, made).await);
    assert_eq!(made["agent_token"]["created_by"], alice.id());
    let listed = answered(200, alice.api.get(&tokens).await);
    assert_eq!(column(&listed, "name"), ["мій", "робота"]);
    let services = &items(&listed)[1];
    assert_eq!(services["created_by"], "service:shared");

    for answer in [
        bob.api.patch(&place, name).await,
        bob.api.get(&tokens).await,
        bob.api.post(&tokens, json!({ "name": "чужий" })).await,
        bob.api
            .delete(&format!("{tokens}/{}", worker.token_id))
            .await,
        bob.api
            .put(&public(&worker.id, &["commands"]), json!([]))
            .await,
        bob.api
            .post(&public(&worker.id, &["deactivate"]), json!({}))
            .await,
    ] {
        let words = refused(403, "M_FORBIDDEN", answer);
        assert!(words.contains("owner"), "{words}");
    }
    // An operator may all of it.
    let operator = world.daarion.api_as("user:operator");
    let admin = path(&["api", "admin", "agents", &worker.id]);
    let patched = answered(200, operator.patch(&admin, given).await);
    assert_eq!(patched["owner"], bob.id());
    let words = refused(403, "M_FORBIDDEN", alice.api.get(&tokens).await);
    assert!(words.contains("owner"), "{words}");
    // What the owner before had made is good for nothing any more.
    let left = answered(200, bob.api.get(&tokens).await);
    assert!(items(&left).is_empty(), "{left}");
    let refusal = worker.outside(world).get("/api/auth/me").await;
    refused(401, "M_UNKNOWN_TOKEN", refusal);
}

#[tokio::test]
async fn agent_works_by_its_own_token() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let channel = alice.channel(json!({ "visibility": "private" })).await;
    let worker = Worker::new(world, "sofia").await;
    let (outside, inside) = (worker.outside(world), worker.inside(world));
    // Where it is no member, there is nothing.
    refused(
        404,
        "M_NOT_FOUND",
        outside.get(&messages_of(&channel)).await,
    );
    worker.join(&alice, &channel).await;

    let me = answered(200, outside.get("/api/auth/me").await);
    assert_eq!(me["entity_id"], worker.id);
    let asked = alice.say(&channel, "Є хто?").await;
    let body = json!({
        "text": "**Я**", "format": "markdown", "reply_to": asked["id"], "mentions": [alice.id()],
    });
    let said = answered(201, outside.post(&messages_of(&channel), body).await);
    assert_eq!(said["sender_id"], worker.id);
    assert_eq!(
        (&said["msgtype"], &said["sender_type"]),
        (&json!("m.notice"), &json!("agent"))
    );
    let seen = alice.matrix.wait_for_text(room_of(&channel), "**Я**").await;
    assert_eq!(seen["sender"], worker.user_id);
    assert_eq!(seen["content"]["msgtype"], "m.notice");
    assert_eq!(
        seen["content"]["m.mentions"]["user_ids"],
        json!([alice.user_id()])
    );
    let thread = json!({ "text": "У гілці", "thread_id": asked["id"] });
    let inner = answered(201, outside.post(&messages_of(&channel), thread).await);
    assert_eq!(inner["thread_id"], asked["id"]);
    let react = format!("{}/reactions/👍", message_path(&channel, &asked));
    let reacted = answered(200, outside.put(&react, json!(null)).await);
    assert_eq!(reacted["reactions"], json!([{ "key": "👍", "count": 1 }]));

    // The same where services are, without their secret.
    let post = at(&worker.id, &["post-to-channel"]);
    let body =
        json!({ "channel_id": channel["id"], "text": "Зсередини", "thread_id": asked["id"] });
    let posted = answered(201, inside.post(&post, body).await);
    assert_eq!(posted["thread_id"], asked["id"]);
    let (place, id) = (text(&channel["id"]), text(&posted["id"]));
    let own = at(&worker.id, &["channels", place, "messages", id]);
    let edited = inside.patch(&own, json!({ "text": "Інакше" })).await;
    let edited = answered(200, edited);
    assert_eq!(
        (&edited["content_preview"], &edited["edited"]),
        (&json!("Інакше"), &json!(true))
    );
    let party = format!("{own}/reactions/🎉");
    let reacted = answered(200, inside.put(&party, json!(null)).await);
    assert_eq!(reacted["reactions"], json!([{ "key": "🎉", "count": 1 }]));
    let taken = answered(200, inside.delete(&party).await);
    assert_eq!(taken["reactions"], json!([]));
    let others = at(
        &worker.id,
        &["channels", place, "messages", text(&asked["id"])],
    );
    let answer = inside.patch(&others, json!({ "text": "Чуже" })).await;
    refused(403, "M_FORBIDDEN", answer);
    answered(204, inside.delete(&own).await);
    let gone = alice.messages(&channel, "limit=200").await;
    let gone = items(&gone).iter().find(|it| it["id"] == posted["id"]);
    assert_eq!(gone.expect("it is listed")["deleted"], true);
    let kept = format!(
        "{}?channel_id={place}&thread_id={}",
        at(&worker.id, &["context"]),
        text(&asked["id"])
    );
    let kept = answered(200, inside.get(&kept).await);
    let texts = kept["messages"].as_array().expect("a list").iter();
    let texts: Vec<_> = texts.map(|it| text(&it["text"])).collect();
    assert_eq!(texts, ["Є хто?", "У гілці"]);
    assert_eq!(kept["messages"][1]["sender_type"], "agent");
    assert_eq!(
        (&kept["has_more"], &kept["why"]),
        (&json!(false), &Value::Null)
    );

    // What is not its own is not its to do.
    let other = Worker::new(world, "other").await;
    let body = json!({ "channel_id": channel["id"], "text": "Чужим іменем" });
    let post = at(&other.id, &["post-to-channel"]);
    let words = refused(403, "M_FORBIDDEN", inside.post(&post, body).await);
    assert!(words.contains(&worker.id), "{words}");
    refused(
        401,
        "M_MISSING_TOKEN",
        inside.get(&at(&worker.id, &[])).await,
    );
    for answer in [
        outside.get(&public(&worker.id, &["tokens"])).await,
        outside
            .post("/api/agents", json!({ "id": "agent:x" }))
            .await,
        outside.get("/api/keys").await,
    ] {
        refused(403, "M_FORBIDDEN", answer);
    }
    let disguised = outside.with_header("x-user-id", &alice.id());
    let answer = disguised.get(&messages_of(&channel)).await;
    refused(403, "M_FORBIDDEN", answer);
}

#[tokio::test]
async fn token_is_for_its_scopes_and_channels() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let (here, there) = (
        alice.channel(json!({})).await,
        alice.channel(json!({})).await,
    );
    let mut worker = Worker::new(world, "sofia").await;
    for channel in [&here, &there] {
        worker.join(&alice, channel).await;
    }
    let service = world.daarion.service();
    let narrow =
        json!({ "name": "вузький", "scopes": ["messages:read"], "channels": [here["id"]] });
    let made = service.post(&at(&worker.id, &["tokens"]), narrow).await;
    worker.token = text(&answered(201, made)["token"]).to_owned();
    let (outside, inside) = (worker.outside(world), worker.inside(world));
    answered(200, outside.get(&messages_of(&here)).await);
    let context = |channel: &Value| {
        let place = at(&worker.id, &["context"]);
        format!("{place}?channel_id={}", text(&channel["id"]))
    };
    answered(200, inside.get(&context(&here)).await);
    for answer in [
        outside.get(&messages_of(&there)).await,
        outside.get(&path_of(&here)).await,
        outside
            .post(&messages_of(&here), json!({ "text": "Ні" }))
            .await,
        inside.get(&context(&there)).await,
        inside.put(&at(&worker.id, &["commands"]), json!([])).await,
    ] {
        refused(403, "M_FORBIDDEN", answer);
    }
    for (field, body) in [
        ("scopes", json!({ "name": "a", "scopes": ["everything"] })),
        ("channels", json!({ "name": "a", "channels": ["here"] })),
        ("expires_in", json!({ "name": "a", "expires_in": 0 })),
        ("name", json!({ "name": " " })),
    ] {
        let answer = service.post(&at(&worker.id, &["tokens"]), body).await;
        let words = refused(400, "M_INVALID_PARAM", answer);
        assert!(words.starts_with(&format!("{field}: ")), "{words}");
    }
}

#[tokio::test]
async fn tokens_of_a_deactivated_agent_end_within_a_second() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let channel = alice.channel(json!({})).await;
    in_most_rounds(..Duration::from_secs(1), async || {
        let worker = Worker::with(world, "sofia", json!({ "owner": alice.id() })).await;
        worker.join(&alice, &channel).await;
        let (outside, inside) = (worker.outside(world), worker.inside(world));
        let listening = Stream::open(&outside, &channel).await;
        let path = public(&worker.id, &["deactivate"]);
        let begun = Instant::now();
        answered(200, alice.api.post(&path, json!({})).await);
        let close = listening.closed().await.expect("the server says why");
        let took = begun.elapsed();
        assert_eq!(close.code, CloseCode::Policy);
        refused(401, "M_UNKNOWN_TOKEN", outside.get("/api/auth/me").await);
        let post = json!({ "channel_id": channel["id"], "text": "Ще тут" });
        let place = at(&worker.id, &["post-to-channel"]);
        refused(401, "M_UNKNOWN_TOKEN", inside.post(&place, post).await);
        took
    })
    .await;
}

#[tokio::test]
async fn deactivated_agent_leaves() {
    let world = shared_world().await;
    let service = world.daarion.service();
    let alice = Person::new(world, "alice").await;
    let channel = alice.channel(json!({})).await;
    let worker = Worker::with(world, "sofia", json!({ "owner": alice.id() })).await;
    worker.join(&alice, &channel).await;
    let body = json!({ "text": "Я тут була" });
    let outside = worker.outside(world);
    let said = answered(
        201,
        outside.post(&messages_of(&channel), body.clone()).await,
    );
    let ended = alice
        .api
        .post(&public(&worker.id, &["deactivate"]), json!({}))
        .await;
    let ended = answered(200, ended);
    assert_eq!(ended["account_closed"], false);
    text(&ended["deactivated_at"]);
    let post = json!({ "channel_id": channel["id"], "text": "Ще тут" });
    let place = at(&worker.id, &["post-to-channel"]);
    refused(409, "CONFLICT", service.post(&place, post.clone()).await);
    let acted = world.daarion.api_as(&worker.id);
    let answer = acted.post(&messages_of(&channel), body).await;
    refused(403, "M_FORBIDDEN", answer);
    let invite = json!({ "member_id": worker.id });
    let invited = alice.api.post(&members_of(&channel), invite.clone()).await;

    refused(409, "CONFLICT", invited);
    eventually("its leaving", async || {
        let members = answered(200, alice.api.get(&members_of(&channel)).await);
        (!column(&members, "member_id").contains(&worker.id.as_str())).then_some(())
    })
    .await;
    let state = alice
        .matrix
        .state_event(room_of(&channel), "m.room.member", &worker.user_id)
        .await;
    let state = state.expect("it was a member");
    assert_eq!(state["membership"], "leave");
    let kept = answered(200, alice.api.get(&message_path(&channel, &said)).await);
    assert_eq!(kept["content_preview"], "Я тут була");
    assert_eq!(kept["deleted"], false);

    // Its account lives: it can come back, with new tokens.
    let back = public(&worker.id, &["reactivate"]);
    let back = answered(200, alice.api.post(&back, json!({})).await);
    assert_eq!(back["deactivated_at"], Value::Null);
    refused(401, "M_UNKNOWN_TOKEN", outside.get("/api/auth/me").await);
    answered(201, alice.api.post(&members_of(&channel), invite).await);
    answered(201, service.post(&place, post).await);

    let close = json!({ "close_account": true });
    let closed = service.post(&at(&worker.id, &["deactivate"]), close).await;
    assert_eq!(answered(200, closed)["account_closed"], true);
    let back = service
        .post(&at(&worker.id, &["reactivate"]), json!({}))
        .await;
    let words = refused(409, "CONFLICT", back);
    assert!(words.contains("closed"), "{words}");
}

#[tokio::test]
async fn command_reaches_the_agent_that_is_meant() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let channel = alice.channel(json!({})).await;
    let (one, two) = (
        Worker::new(world, "one").await,
        Worker::new(world, "two").await,
    );
    for worker in [&one, &two] {
        worker.join(&alice, &channel).await;
    }
    let own = unique("only");
    one.declare(world, &["weather", &own]).await;
    two.declare(world, &["weather"]).await;
    let place = format!("{}/commands", path_of(&channel));
    let listed = answered(200, alice.api.get(&place).await);
    let bare = |worker: &Worker| worker.id.trim_start_matches("agent:").to_owned();
    let write: Vec<_> = column(&listed, "write")
        .into_iter()
        .map(str::to_owned)
        .collect();
    let mut shared = [&one, &two].map(|it| format!("!weather@{}", bare(it)));
    shared.sort();
    assert_eq!(write, [vec![format!("!{own}")], shared.to_vec()].concat());
    assert_eq!(items(&listed)[0]["usage"], "<city>");
    let argument = json!([{ "name": "city", "description": null, "required": true }]);
    assert_eq!(items(&listed)[0]["arguments"], argument);
    let stranger = Person::new(world, "stranger").await;
    let hidden = alice.channel(json!({ "visibility": "private" })).await;
    let hidden = format!("{}/commands", path_of(&hidden));
    refused(404, "M_NOT_FOUND", stranger.api.get(&hidden).await);

    // By any Matrix client, in either form.
    let mut heard = Stream::open(&one.outside(world), &channel).await;
    let room = room_of(&channel);
    for (said, name, arguments) in [
        (
            format!("!{own}  Київ, завтра "),
            own.as_str(),
            "Київ, завтра",
        ),
        (format!("/{own}"), &own, ""),
        (format!("!Weather@{} Львів", bare(&one)), "weather", "Львів"),
    ] {
        alice.matrix.send_text(room, &said).await;
        let frame = heard.next_of("message.created").await;
        let expected = json!({ "agent": one.id, "name": name, "arguments": arguments });
        assert_eq!(frame["command"], expected, "{said}");
    }
    for said in ["!weather Київ", "!nothing", "weather", "/etc/passwd"] {
        alice.matrix.send_text(room, said).await;
        let frame = heard.next_of("message.created").await;
        assert_eq!(frame["message"]["content_preview"], said);
        assert_eq!(frame["command"], Value::Null, "{said}");
    }
    // Of several, the one that is mentioned.
    let body = json!({ "text": "!weather Одеса", "mentions": [two.id] });
    alice.send(&channel, body).await;
    let frame = heard.next_of("message.created").await;
    assert_eq!(frame["command"]["agent"], two.id);
}

#[tokio::test]
async fn two_agents_that_answer_each_other_end() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let channel = alice.channel(json!({})).await;
    let (one, two) = (
        Worker::new(world, "one").await,
        Worker::new(world, "two").await,
    );
    for worker in [&one, &two] {
        worker.join(&alice, &channel).await;
    }
    // Unless it asks, neither hears the other, nor itself.
    let mut quiet = Stream::open(&one.outside(world), &channel).await;
    for worker in [&one, &two] {
        let body = json!({ "text": "Перевірка" });
        let said = worker
            .outside(world)
            .post(&messages_of(&channel), body)
            .await;
        answered(201, said);
    }
    alice.say(&channel, "Починайте").await;
    let frame = quiet.next_of("message.created").await;
    assert_eq!(frame["message"]["content_preview"], "Починайте");

    // Each answers whatever it hears.
    let answer = async |worker: &Worker, mut heard: Stream| {
        let caller = worker.outside(world);
        loop {
            heard.next_of("message.created").await;
            let body = json!({ "text": "І тобі того ж" });
            let answer = caller.post(&messages_of(&channel), body).await;
            if answer.0 != 201 {
                let words = refused(429, "M_LIMIT_EXCEEDED", answer);
                assert!(words.contains("agents.chain"), "{words}");
                return;
            }
        }
    };
    let first = Stream::open_to_agents(&one.outside(world), &channel).await;
    let second = Stream::open_to_agents(&two.outside(world), &channel).await;
    alice.say(&channel, "Хто перший?").await;
    tokio::select! {
        () = answer(&one, first) => {}
        () = answer(&two, second) => {}
        () = tokio::time::sleep(LIMIT) => panic!("they never end"),
    }
    let page = alice.messages(&channel, "limit=200").await;
    let theirs = items(&page).iter();
    let theirs = theirs.take_while(|it| it["sender_type"] == "agent").count();
    assert!((20..=45).contains(&theirs), "{theirs}");
    alice.say(&channel, "Досить").await;
    let body = json!({ "text": "Гаразд" });
    answered(
        201,
        one.outside(world).post(&messages_of(&channel), body).await,
    );
    let path = format!("{}?include_agents=maybe", stream::path_of(&channel));
    let words = stream::refusal(&one.outside(world), &path).await;
    refused(400, "M_INVALID_PARAM", words);
}
