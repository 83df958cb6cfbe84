//! Agents: registered by services and by the command line, heard in channels.

use std::process::Output;

use reqwest::Method;
use serde_json::{Value, json};

use crate::daarion::{Caller, World, shared_world};
use crate::homeserver::{path, unique};
use crate::stream::{Stream, refusal};
use crate::support::{
    Person, answered, column, items, members_of, merge, messages_of, refused, room_of, text, time,
};

const AGENTS: &str = "/internal/agents";

#[tokio::test]
async fn agent_is_registered_found_and_renamed() {
    let world = shared_world().await;
    let service = world.daarion.service();
    let name = unique("sofia");
    let id = format!("agent:{name}");
    let user_id = format!("@agent_{name}:test.localhost");
    let body = json!({ "id": id, "display_name": "Софія" });
    let agent = answered(201, service.post(AGENTS, body.clone()).await);
    let mut expected = json!({
        "id": id,
        "display_name": "Софія",
        "description": null,
        "avatar_url": null,
        "owner": null,
        "matrix_user_id": user_id,
        "commands": [],
        "created_at": agent["created_at"],
        "deactivated_at": null,
        "account_closed": false,
    });
    assert_eq!(agent, expected);
    time(&agent["created_at"]);
    let words = refused(409, "CONFLICT", service.post(AGENTS, body).await);
    assert!(words.contains(&id), "{words}");

    let place = path(&["internal", "agents", &id]);
    assert_eq!(answered(200, service.get(&place).await), agent);
    let somebody = world.register_unique("somebody").await;
    let profile = path(&["_matrix", "client", "v3", "profile", &user_id]);
    let shown = async || {
        let answer = somebody.request(reqwest::Method::GET, &profile, None).await;
        answered(200, answer)["displayname"].clone()
    };
    assert_eq!(shown().await, "Софія");
    let patch = json!({ "display_name": "Софія Київська" });
    expected["display_name"] = patch["display_name"].clone();
    assert_eq!(answered(200, service.patch(&place, patch).await), expected);
    assert_eq!(shown().await, "Софія Київська");
    assert_eq!(answered(200, service.get(&place).await), expected);

    let nobody = path(&["internal", "agents", "agent:nobody"]);
    refused(404, "M_NOT_FOUND", service.get(&nobody).await);
    let patch = json!({ "display_name": "Ніхто" });
    refused(
        404,
        "M_NOT_FOUND",
        service.patch(&nobody, patch.clone()).await,
    );
    for bad in ["sofia", "user:alice", "agent:", "agent:Софія", "agent:a b"] {
        let place = path(&["internal", "agents", bad]);
        refused(400, "M_INVALID_PARAM", service.get(&place).await);
        refused(
            400,
            "M_INVALID_PARAM",
            service.patch(&place, patch.clone()).await,
        );
        let words = refused(
            400,
            "M_INVALID_PARAM",
            service.post(AGENTS, json!({ "id": bad })).await,
        );
        assert!(words.starts_with("id: "), "{words}");
    }
    for bad in ["", " ", "a\nb", &"ж".repeat(129)] {
        let words = refused(
            400,
            "M_INVALID_PARAM",
            service.patch(&place, json!({ "display_name": bad })).await,
        );
        assert!(words.starts_with("display_name: "), "{words}");
    }
}

#[tokio::test]
async fn agents_are_listed_by_name_page_by_page() {
    let world = shared_world().await;
    let service = world.daarion.service();
    let mut mine = Vec::new();
    for name in ["list-b", "list-a", "list-c"] {
        let id = format!("agent:{}", unique(name));
        let agent = answered(201, service.post(AGENTS, json!({ "id": id })).await);
        let (_, name) = id.split_once(':').expect("a colon");
        assert_eq!(agent["display_name"], name, "the name when none is given");
        mine.push(id);
    }
    mine.sort();
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = service.get(&format!("{AGENTS}?limit=2{cursor}")).await;
        let page = answered(200, page);
        assert!(items(&page).len() <= 2, "{page}");
        seen.extend(column(&page, "id").into_iter().map(str::to_owned));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        let next: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        cursor = format!("&cursor={next}");
    }
    assert!(
        seen.is_sorted_by(|a, b| a < b),
        "each once, by name: {seen:?}"
    );
    seen.retain(|id| mine.contains(id));
    assert_eq!(seen, mine);
}

#[tokio::test]
async fn agent_may_be_a_matrix_user_of_its_own() {
    let world = shared_world().await;
    let service = world.daarion.service();
    let bot = world.register_unique("bot").await;
    let id = format!("agent:{}", unique("own"));
    let ghost = format!("@{}:test.localhost", unique("ghost"));
    for bad in ["bot", "@bot:example.org", ghost.as_str()] {
        let body = json!({ "id": id, "matrix_user_id": bad });
        let words = refused(400, "M_INVALID_PARAM", service.post(AGENTS, body).await);
        assert!(words.starts_with("matrix_user_id: "), "{words}");
    }
    let body = json!({ "id": id, "display_name": "Власний", "matrix_user_id": bot.user_id });
    let agent = answered(201, service.post(AGENTS, body).await);
    assert_eq!(agent["matrix_user_id"], bot.user_id);

    let alice = Person::new(world, "alice").await;
    let channel = alice.channel(json!({})).await;
    let invited = invite(&alice, &channel, &id).await;
    assert_eq!(invited["matrix_user_id"], bot.user_id);
    assert_eq!(invited["member_type"], "agent");
    let posted = answered(201, post(&service, &id, &channel, "Через API").await);
    assert_eq!(posted["sender_id"], id);
    assert_eq!(posted["sender_matrix_id"], bot.user_id);
    // What its own Matrix client says is the agent's, too.
    let event = bot.send_text(room_of(&channel), "З клієнта").await;
    let seen = alice.wait_for_message(&channel, &event, |_| true).await;
    assert_eq!(seen["sender_id"], id);
    assert_eq!(seen["sender_type"], "agent");
}

#[tokio::test]
async fn nobody_is_the_connector_by_any_name() {
    let world = shared_world().await;
    let alice = Person::new(world, "alice").await;
    let channel = alice.channel(json!({ "visibility": "private" })).await;
    for name in [
        "agent:daarion",
        "user:daarion",
        "user:daarion:test.localhost",
    ] {
        let connector = world.daarion.api_as(name);
        let words = refused(
            403,
            "M_FORBIDDEN",
            connector.get(&messages_of(&channel)).await,
        );
        assert!(words.contains("connector"), "{name}: {words}");
        let body = json!({ "text": "Від імені міста" });
        let answer = connector.post(&messages_of(&channel), body).await;
        refused(403, "M_FORBIDDEN", answer);
        let stream = crate::stream::path_of(&channel);
        refused(403, "M_FORBIDDEN", refusal(&connector, &stream).await);
    }

    let service = world.daarion.service();
    let words = refused(
        409,
        "CONFLICT",
        service.post(AGENTS, json!({ "id": "agent:daarion" })).await,
    );
    assert!(words.starts_with("id: "), "{words}");
    let id = format!("agent:{}", unique("usurper"));
    let body = json!({ "id": id, "matrix_user_id": "@daarion:test.localhost" });
    let words = refused(400, "M_INVALID_PARAM", service.post(AGENTS, body).await);
    assert!(words.starts_with("matrix_user_id: "), "{words}");
}

#[tokio::test]
async fn agent_is_an_agent_by_whatever_name_it_comes() {
    let world = shared_world().await;
    let service = world.daarion.service();
    let alice = Person::new(world, "alice").await;
    let open = alice.channel(json!({})).await;
    let id = registered(&service, "sofia").await;
    let (_, name) = id.split_once(':').expect("a colon");
    let disguised = world.daarion.api_as(&format!("user:agent_{name}"));
    // A person would come in by itself; an agent is brought.
    let body = json!({ "text": "Я людина" });
    let answer = disguised.post(&messages_of(&open), body.clone()).await;
    refused(403, "M_FORBIDDEN", answer);
    invite(&alice, &open, &id).await;
    let said = answered(201, disguised.post(&messages_of(&open), body).await);
    assert_eq!(said["sender_id"], id);
    assert_eq!(said["sender_type"], "agent");
}

#[tokio::test]
async fn agent_that_is_invited_as_a_person_comes_in_at_once() {
    let world = shared_world().await;
    let service = world.daarion.service();
    let alice = Person::new(world, "alice").await;
    let channel = alice.channel(json!({})).await;
    let id = registered(&service, "sofia").await;
    let (_, name) = id.split_once(':').expect("a colon");
    // Another one is a Matrix user of its own.
    let bot = world.register_unique("bot").await;
    let own = format!("agent:{}", unique("own"));
    let body = json!({ "id": own, "matrix_user_id": bot.user_id });
    answered(201, service.post("/internal/agents", body).await);
    for (named, id) in [
        (format!("user:agent_{name}"), &id),
        (format!("user:{}", bot.localpart()), &own),
    ] {
        let body = json!({ "member_id": named });
        let member = answered(201, alice.api.post(&members_of(&channel), body).await);
        assert_eq!(member["member_id"], *id);
        assert_eq!(member["membership"], "joined");
    }
    let ghost = unique("ghost");
    let body = json!({ "member_id": format!("user:agent_{ghost}") });
    let answer = alice.api.post(&members_of(&channel), body).await;
    let words = refused(404, "M_NOT_FOUND", answer);
    assert!(words.contains(&format!("agent:{ghost}")), "{words}");
}

#[tokio::test]
async fn agent_posts_notices_to_channels_that_it_is_in() {
    let world = shared_world().await;
    let service = world.daarion.service();
    let alice = Person::new(world, "alice").await;
    let channel = alice.channel(json!({ "visibility": "private" })).await;
    let id = registered(&service, "sofia").await;
    let (_, name) = id.split_once(':').expect("a colon");

    // An agent comes where it is brought, into public channels as well.
    let open = alice.channel(json!({})).await;
    refused(
        403,
        "M_FORBIDDEN",
        post(&service, &id, &open, "Можна?").await,
    );
    let answer = post(&service, &id, &channel, "Можна?").await;
    assert!(answer.0 == 403 || answer.0 == 404, "{answer:?}");

    invite(&alice, &channel, &id).await;
    let mut stream = Stream::open(&alice.api, &channel).await;
    let posted = answered(
        201,
        post(&service, &id, &channel, "Hello from Sofia!").await,
    );
    let expected = json!({
        "sender_id": id,
        "sender_type": "agent",
        "sender_matrix_id": format!("@agent_{name}:test.localhost"),
        "msgtype": "m.notice",
        "content_preview": "Hello from Sofia!",
        "channel_id": channel["id"],
    });
    let mut whole = posted.clone();
    merge(&mut whole, expected);
    assert_eq!(posted, whole);
    let frame = stream.next_of("message.created").await;
    assert_eq!(frame["message"], posted);
    let seen = alice
        .matrix
        .wait_for_text(room_of(&channel), "Hello from Sofia!")
        .await;
    assert_eq!(seen["content"]["msgtype"], "m.notice");
    assert_eq!(
        seen["content"]["m.mentions"],
        json!({}),
        "nobody is disturbed"
    );
    assert_eq!(seen["sender"], posted["sender_matrix_id"]);

    let asked = alice.say(&channel, "Котра година?").await;
    let place = path(&["internal", "agents", &id, "post-to-channel"]);
    let body = json!({
        "channel_id": channel["id"],
        "text": "**Полудень**",
        "format": "markdown",
        "reply_to": asked["id"],
        "mentions": [alice.id()],
    });
    let reply = answered(201, service.post(&place, body).await);
    assert_eq!(reply["reply_to"], asked["id"]);
    let seen = alice
        .matrix
        .wait_for_text(room_of(&channel), "**Полудень**")
        .await;
    let related = &seen["content"]["m.relates_to"]["m.in_reply_to"]["event_id"];
    assert_eq!(*related, asked["matrix_event_id"]);
    let html = text(&seen["content"]["formatted_body"]);
    assert!(html.contains("<strong>Полудень</strong>"), "{html}");
    let mentioned = json!({ "user_ids": [alice.user_id()] });
    assert_eq!(seen["content"]["m.mentions"], mentioned);

    let nowhere = json!({ "id": "00000000-0000-4000-8000-000000000000" });
    refused(
        404,
        "M_NOT_FOUND",
        post(&service, &id, &nowhere, "Є хто?").await,
    );
    let answer = post(&service, "agent:nobody", &channel, "Бу").await;
    refused(404, "M_NOT_FOUND", answer);
    // The agent speaks through the people's API as well, when a service says that it is it, and
    // as an agent.
    let body = json!({ "text": "Інакше" });
    let sent = world
        .daarion
        .api_as(&id)
        .post(&messages_of(&channel), body)
        .await;
    let sent = answered(201, sent);
    assert_eq!(sent["sender_type"], "agent");
    assert_eq!(sent["msgtype"], "m.notice");
    let seen = alice
        .matrix
        .wait_for_text(room_of(&channel), "Інакше")
        .await;
    assert_eq!(seen["content"]["msgtype"], "m.notice");
}

#[tokio::test]
async fn nobody_becomes_another_agent_or_renames_it() {
    let world = shared_world().await;
    let service = world.daarion.service();
    let sofia = registered(&service, "sofia").await;
    let place = path(&["internal", "agents", &sofia]);
    let sofia = answered(200, service.get(&place).await);
    let user = text(&sofia["matrix_user_id"]).to_owned();
    let profile = path(&["_matrix", "client", "v3", "profile", &user, "displayname"]);
    let alice = Person::new(world, "alice").await;
    let name = async || {
        let (_, shown) = alice.matrix.request(Method::GET, &profile, None).await;
        shown["displayname"].clone()
    };
    assert_eq!(name().await, sofia["display_name"]);

    let evil = format!("agent:{}", unique("evil"));
    let body = json!({ "id": evil, "display_name": "Зло", "matrix_user_id": user });
    let words = refused(409, "CONFLICT", service.post(AGENTS, body).await);
    assert!(words.contains(text(&sofia["id"])), "{words}");
    // The name of an agent that is yet to come is not for others either.
    let unborn = format!("@agent_{}:test.localhost", unique("unborn"));
    let body = json!({ "id": evil, "matrix_user_id": unborn });
    refused(409, "CONFLICT", service.post(AGENTS, body).await);
    assert_eq!(name().await, sofia["display_name"]);
    assert_eq!(answered(200, service.get(&place).await), sofia);
}

#[tokio::test]
async fn command_line_creates_and_lists_agents() {
    let world = shared_world().await;
    let cli = async |arguments: &[&str]| world.daarion.run_cli(arguments).await;
    let name = unique("oleh");
    let id = format!("agent:{name}");
    let made = cli(&["agent", "create", &name, "--display-name", "Олег", "--json"]).await;
    let made = printed(&made);
    assert_eq!(made["id"], id);
    assert_eq!(made["display_name"], "Олег");
    assert_eq!(
        made["matrix_user_id"],
        format!("@agent_{name}:test.localhost")
    );
    let service = world.daarion.service();
    let place = path(&["internal", "agents", &id]);
    let found = answered(200, service.get(&place).await);
    assert_eq!(found["display_name"], "Олег");

    let listed = printed(&cli(&["agent", "list", "--json"]).await);
    assert!(column(&listed, "id").contains(&id.as_str()), "{listed}");
    let table = cli(&["agent", "list"]).await;
    let table = String::from_utf8(table.stdout).expect("UTF-8");
    assert!(table.starts_with("AGENT"), "{table}");
    let row = table.lines().find(|line| line.contains(&id));
    assert!(row.is_some_and(|row| row.contains("Олег")), "{table}");

    for (arguments, words) in [
        (["agent", "create", &id], "exists already"),
        (["agent", "create", "Олег"], "agent:<name>"),
    ] {
        let refused = cli(&arguments).await;
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        let said = String::from_utf8(refused.stderr).expect("UTF-8");
        assert!(
            said.starts_with("daarion: ") && said.contains(words),
            "{said}"
        );
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[tokio::test]
async fn agents_outlive_a_restart() {
    let world = World::start().await;
    let service = world.daarion.service();
    let alice = Person::named(&world, "alice").await;
    let channel = alice.channel(json!({})).await;
    let id = registered(&service, "sofia").await;
    invite(&alice, &channel, &id).await;
    let before = answered(200, service.get(AGENTS).await);
    world.daarion.kill();
    world.daarion.launch().await;
    assert_eq!(answered(200, service.get(AGENTS).await), before);
    answered(201, post(&service, &id, &channel, "Знову тут").await);
}

async fn registered(service: &Caller, name: &str) -> String {
    let id = format!("agent:{}", unique(name));
    answered(201, service.post(AGENTS, json!({ "id": id })).await);
    id
}

async fn invite(person: &Person, channel: &Value, member: &str) -> Value {
    let body = json!({ "member_id": member });
    answered(201, person.api.post(&members_of(channel), body).await)
}

async fn post(
    service: &Caller,
    agent: &str,
    channel: &Value,
    text: &str,
) -> (reqwest::StatusCode, Value) {
    let place = path(&["internal", "agents", agent, "post-to-channel"]);
    let body = json!({ "channel_id": channel["id"], "text": text });
    service.post(&place, body).await
}

#[track_caller]
fn printed(output: &Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}
