//! Answers are what the OpenAPI documents say that they are: a client that is generated of the
//! documents, and checks what it is given, understands daarion.

use serde_json::{Value, json};

use crate::daarion::{Caller, shared_world};
use crate::homeserver::path;
use crate::operations::{Operation, Schema, document};
use crate::support::{
    Person, answered, members_of, message_path, messages_of, path_of, room_path, text, tomorrow,
};

/// The paths that are asked; each operation that reads has at least one of them.
async fn ask(caller: &Caller, documents: &[Operation], template: &str, path: &str) {
    let body = answered(200, caller.get(path).await);
    let wanted = |operation: &&Operation| operation.name() == format!("GET {template}");
    let operation = documents.iter().find(wanted);
    let operation = operation.unwrap_or_else(|| panic!("{template} is documented"));
    let schema = operation.answers.get("200").expect("it may succeed");
    let mut wrong = Vec::new();
    find_wrong(schema, "", &body, &mut wrong);
    assert!(wrong.is_empty(), "{path}: {wrong:#?}\n{body:#}");
}

#[tokio::test]
async fn answers_are_as_documented() {
    let world = shared_world().await;
    let (public, internal) = (document("public"), document("internal"));
    let alice = Person::new(world, "alice").await;
    let room = alice.city_room(json!({})).await;
    let channel = alice.channel(json!({})).await;
    // Nothing was ever said in the one, and all sorts of things in the other.
    let root = alice.say(&channel, "Тема").await;
    let reply = json!({ "text": "Так", "reply_to": root["id"], "thread_id": root["id"] });
    alice.send(&channel, reply).await;
    let file = json!({ "msgtype": "m.image", "body": "мапа.png", "url": "mxc://test.localhost/a" });
    let event = alice
        .matrix
        .send_event(text(&channel["matrix_room_id"]), "m.room.message", file);
    let event = event.await;
    alice.wait_for_message(&channel, &event, |_| true).await;
    let service = world.daarion.service();
    let agent = format!("agent:{}", crate::homeserver::unique("answers"));
    let new = json!({ "id": agent, "owner": alice.id() });
    answered(201, service.post("/internal/agents", new).await);
    let member = json!({ "member_id": agent });
    answered(201, alice.api.post(&members_of(&channel), member).await);
    let of_agent = |rest: &[&str]| path(&[&["internal", "agents", &agent], rest].concat());
    let argument = json!({ "name": "city" });
    let command = json!({ "name": "weather", "description": "Каже", "arguments": [argument] });
    let declared = service
        .put(&of_agent(&["commands"]), json!([command]))
        .await;
    answered(200, declared);
    let token = json!({ "name": "a", "channels": [channel["id"]] });
    answered(201, service.post(&of_agent(&["tokens"]), token).await);

    let ask_public = async |template: &str, path: &str| {
        ask(&alice.api, &public, template, path).await;
    };
    ask_public("/api/city/rooms", "/api/city/rooms").await;
    ask_public("/api/city/rooms/{slug}", &room_path(&room)).await;
    ask_public(
        "/api/messaging/channels",
        "/api/messaging/channels?limit=200",
    )
    .await;
    ask_public("/api/messaging/channels", "/api/messaging/channels?limit=1").await;
    ask_public("/api/auth/me", "/api/auth/me").await;
    crate::sign_in::signed_in(world, &alice).await;
    let key = json!({ "name": "a", "scopes": ["*"], "channels": [channel["id"]] });
    answered(201, alice.api.post("/api/keys", key).await);
    for template in ["/api/auth/sessions", "/api/auth/methods", "/api/keys"] {
        ask_public(template, template).await;
    }
    let one = "/api/messaging/channels/{channel_id}";
    for channel in [&room, &channel] {
        ask_public(one, &path_of(channel)).await;
        let members = format!("{one}/members");
        ask_public(&members, &members_of(channel)).await;
        for query in ["content=preview", "content=full", "limit=1"] {
            let path = format!("{}?{query}", messages_of(channel));
            ask_public(&format!("{one}/messages"), &path).await;
        }
    }
    for query in ["", "?content=full"] {
        let path = format!("{}{query}", message_path(&channel, &root));
        ask_public(&format!("{one}/messages/{{message_id}}"), &path).await;
    }
    let reaction = format!("{}/reactions/x", message_path(&channel, &root));
    answered(200, alice.api.put(&reaction, Value::Null).await);
    let pin = format!("{}/pins/{}", path_of(&channel), text(&root["id"]));
    answered(204, alice.api.put(&pin, Value::Null).await);
    let sweep = format!("{}/delete", messages_of(&channel));
    let body = json!({ "sender": "user:nobody" });
    answered(202, alice.api.post(&sweep, body).await);
    let body = json!({ "text": "Потім", "send_at": tomorrow() });
    let scheduled = format!("{}/scheduled", path_of(&channel));
    answered(201, alice.api.post(&scheduled, body).await);
    let own = format!("reactions/own?message_ids={}", text(&root["id"]));
    let thread = format!("threads/{}", text(&root["id"]));
    for (template, path) in [
        ("messages", "messages"),
        (
            "messages/{message_id}/reactions",
            &format!("messages/{}/reactions", text(&root["id"])),
        ),
        (
            "messages/{message_id}/context",
            &format!("messages/{}/context", text(&root["id"])),
        ),
        ("messages/delete", "messages/delete"),
        ("reactions/own", &own),
        ("commands", "commands"),
        ("pins", "pins"),
        ("scheduled", "scheduled"),
        ("audit", "audit"),
        ("pins", "pins?content=full"),
        ("threads", "threads"),
        ("threads/{thread_id}", &thread),
        (
            "threads/{thread_id}/messages",
            &format!("{thread}/messages"),
        ),
    ] {
        let path = format!("{}/{path}", path_of(&channel));
        ask_public(&format!("{one}/{template}"), &path).await;
    }

    ask_public("/api/agents", "/api/agents?limit=200").await;
    for rest in ["", "/tokens"] {
        let found = format!("{}{rest}", path(&["api", "agents", &agent]));
        ask_public(&format!("/api/agents/{{agent_id}}{rest}"), &found).await;
    }

    let operator = world.daarion.api_as("user:operator");
    for template in [
        "/api/admin/session",
        "/api/admin/overview",
        "/api/admin/online",
        "/api/admin/channels",
        "/api/admin/backfill",
        "/api/admin/agents",
        "/api/admin/config",
        "/api/admin/audit",
        "/healthz",
        "/health",
        "/readyz",
    ] {
        ask(&operator, &public, template, template).await;
    }
    ask(&service, &internal, "/internal/agents", "/internal/agents").await;
    let channel_id = text(&channel["id"]);
    for rest in ["", "/tokens", &format!("/context?channel_id={channel_id}")] {
        let found = format!("{}{rest}", of_agent(&[]));
        let (rest, _) = rest.split_once('?').unwrap_or((rest, ""));
        let template = format!("/internal/agents/{{agent_id}}{rest}");
        ask(&service, &internal, &template, &found).await;
    }
    for rest in ["", "/tokens"] {
        let found = format!("{}{rest}", path(&["api", "admin", "agents", &agent]));
        let template = format!("/api/admin/agents/{{agent_id}}{rest}");
        ask(&operator, &public, &template, &found).await;
    }
    for template in ["/healthz", "/health", "/readyz"] {
        ask(&service, &internal, template, template).await;
    }
}

/// Where and why a value is not what the schema says.
fn find_wrong(schema: &Schema, place: &str, value: &Value, wrong: &mut Vec<String>) {
    if schema.0.get("type").is_none() {
        // Anything.
        return;
    }
    if value.is_null() {
        if schema.0["nullable"] != true {
            wrong.push(format!("{place}: may not be null"));
        }
        return;
    }
    let fits = match schema.kind() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.as_str().is_some_and(|text| schema.fits(text)),
        other => panic!("{place}: what is the type {other}?"),
    };
    if !fits {
        wrong.push(format!("{place}: {value} is not {}", schema.0));
    }
    for (at, item) in value.as_array().into_iter().flatten().enumerate() {
        find_wrong(&schema.items(), &format!("{place}[{at}]"), item, wrong);
    }
    let Some(object) = value.as_object() else {
        return;
    };
    for needed in schema.required() {
        if !object.contains_key(&needed) {
            wrong.push(format!("{place}.{needed}: is missing"));
        }
    }
    let fields = schema.fields();
    for (name, value) in object {
        let place = format!("{place}.{name}");
        match fields.iter().find(|(field, _)| field == name) {
            Some((_, schema)) => find_wrong(schema, &place, value, wrong),
            None => wrong.push(format!("{place}: is not documented")),
        }
    }
}

impl Schema {
    fn fits(&self, text: &str) -> bool {
        let is_one_of = self.0["enum"].as_array();
        let is_one_of = is_one_of.is_none_or(|values| values.iter().any(|it| it == text));
        is_one_of
            && match self.0["format"].as_str() {
                Some("uuid") => uuid::Uuid::parse_str(text).is_ok(),
                Some("date-time") => chrono::DateTime::parse_from_rfc3339(text).is_ok(),
                _ => true,
            }
    }
}
