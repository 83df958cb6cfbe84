//! Bad input on every documented operation: always a 4xx in the shape of its area, naming what
//! was wrong, and never a 5xx. The table is the OpenAPI documents themselves.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::daarion::{Caller, World, shared_world};
use crate::homeserver::unique;
use crate::operations::{Operation, Schema, document};
use crate::raw::{Body, Raw};
use crate::support::{Person, answered, eventually, members_of, path_of, text, tomorrow};

const NOWHERE: &str = "00000000-0000-4000-8000-000000000000";
const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn body_that_is_no_json_is_refused() {
    let table = Table::new().await;
    let deep = "[".repeat(100_000);
    let bodies: [&[u8]; 9] = [
        b"{\"",
        b"{\"name\":}",
        b"name=x",
        b"\xff\xfe\x00",
        b"{\"name\":\"\xc3\x28\"}",
        b"{} {}",
        b"\0",
        b"{\"name\": \"\\ud800\"}",
        deep.as_bytes(),
    ];
    for operation in table.with_body() {
        for body in bodies {
            let request = table.request(&operation).body(body.to_vec());
            let request = request.header("content-type", "application/json");
            let answer = send(request).await;
            let case = format!(
                "{} {}",
                operation.name(),
                String::from_utf8_lossy(&body[..body.len().min(40)])
            );
            table.refused(&operation, &case, &[400], answer);
        }
        if operation.is_body_required {
            let request = table.request(&operation);
            let answer = send(request.header("content-type", "application/json")).await;
            table.refused(&operation, "an empty body", &[400], answer);
            let answer = send(table.request(&operation)).await;
            table.refused(&operation, "no body at all", &[400, 415], answer);
        } else {
            let (status, body) = send(table.request(&operation)).await;
            // What a body would have said may be in a cookie, and is not; another test may have
            // begun what there is only one of; and there is nobody to do it to, or the channel was
            // left by an operation before.
            let is_fine = status.is_success()
                || status == StatusCode::CONFLICT
                || (!operation.is_guarded && status == 401)
                || (operation.template.contains("{entity}") && (status == 403 || status == 404));
            assert!(is_fine, "{}: {status} {body}", operation.name());
        }
    }
}

#[tokio::test]
async fn body_of_another_type_is_refused() {
    let table = Table::new().await;
    for operation in table.with_body() {
        for content_type in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "é",
            "json",
            "",
        ] {
            let body = table.body(&operation);
            let request = table.request(&operation).body(body.to_string());
            let request = request.header("content-type", content_type.as_bytes());
            let case = format!("content type {content_type:?}");
            table.refused(&operation, &case, &[400, 415], send(request).await);
        }
        let body = operation.body.as_ref().expect("a body");
        for other in body.other_types() {
            let request = table.request(&operation).json(&other);
            let case = format!("the body {other}");
            table.refused(&operation, &case, &[400], send(request).await);
        }
        if operation.is_body_required {
            let request = table.request(&operation).json(&Value::Null);
            table.refused(&operation, "the body null", &[400], send(request).await);
        }
    }
}

#[tokio::test]
async fn every_field_is_checked_and_named() {
    let table = Table::new().await;
    for operation in table.with_body() {
        let schema = operation.body.clone().expect("a body");
        for field in schema.required() {
            let mut body = table.body(&operation);
            body.as_object_mut().expect("an object").remove(&field);
            table.names(&operation, &field, &body).await;
            body[&field] = Value::Null;
            table.names(&operation, &field, &body).await;
        }
        for (field, schema) in schema.fields() {
            let mut wrong = schema.other_types();
            match schema.kind() {
                "string" => wrong.push(json!("ї".repeat(100_000))),
                "array" => {
                    let items = schema.items();
                    wrong.extend(items.other_types().into_iter().map(|item| json!([item])));
                    match items.kind() {
                        "string" => wrong.push(json!(["ї".repeat(100_000)])),
                        _ => {
                            let spoilt = table.spoilt(&items).into_iter();
                            wrong.extend(spoilt.map(|item| json!([item])));
                        }
                    }
                }
                _ => {}
            }
            for value in wrong {
                let mut body = table.body(&operation);
                body[&field] = value;
                table.names(&operation, &field, &body).await;
            }
        }
    }
}

#[tokio::test]
async fn every_path_parameter_is_checked() {
    let table = Table::new().await;
    let long = "x".repeat(5_000);
    let paths: [&[u8]; 16] = [
        b"nowhere",
        b"%F0%9F%90%88",
        b"%D0%BA%D1%96%D1%82",
        b"%ff%fe",
        b"%00",
        b"%",
        b"%zz",
        b"%2",
        b"%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        b"..%2f..",
        b"a%0d%0aset-cookie:%20a=b",
        b"'%20OR%201=1--",
        b"%D0",
        b"a%2fb",
        b"%20",
        long.as_bytes(),
    ];
    for operation in &table.operations {
        for parameter in operation.path_parameters() {
            // Whatever text it is, somebody may react with it.
            if parameter.name == "emoji" {
                continue;
            }
            for value in paths {
                let target = operation.path(|name| match name == parameter.name {
                    true => "\u{1}".to_owned(),
                    false => table.known(name),
                });
                let (before, after) = target.split_once('\u{1}').expect("the hole");
                let target = [before.as_bytes(), value, after.as_bytes()].concat();
                let answer = table.raw(operation, &target, Body::Empty).await;
                let case = format!(
                    "{} is {}",
                    parameter.name,
                    String::from_utf8_lossy(&value[..value.len().min(40)])
                );
                table.refused(operation, &case, &[400, 404, 415], answer);
            }
            if parameter.schema.is_uuid() {
                let path = operation.path(|name| match name == parameter.name {
                    true => "not-a-uuid".to_owned(),
                    false => table.known(name),
                });
                let words = table
                    .send(operation, &path, table.good_body(operation))
                    .await;
                let words = table.refused(operation, "not-a-uuid", &[400], words);
                assert!(
                    words.contains(&parameter.name),
                    "{}: {words}",
                    operation.name()
                );
            }
            let unknown = match parameter.name.as_str() {
                "agent_id" => "agent:nobody",
                "room_id" => "%23nowhere:test.localhost",
                "entity" => "user:nowhere",
                _ if parameter.schema.is_uuid() => NOWHERE,
                _ => "nowhere",
            };
            let path = operation.path(|name| match name == parameter.name {
                true => unknown.to_owned(),
                false => table.known(name),
            });
            let answer = table
                .send(operation, &path, table.good_body(operation))
                .await;
            let case = format!("{} is {unknown}", parameter.name);
            table.refused(operation, &case, &[404], answer);
        }
    }
}

#[tokio::test]
async fn every_query_parameter_is_checked_and_named() {
    let table = Table::new().await;
    for operation in &table.operations {
        for parameter in operation.query_parameters() {
            let wrong: &[&str] = match (parameter.name.as_str(), parameter.schema.kind()) {
                ("cursor", _) => &["garbage", "%F0%9F%90%88", "0", "%00", "00ff", NOWHERE],
                ("limit", _) => &[
                    "0",
                    "201",
                    "4294967295",
                    "99999999999999999999",
                    "-1",
                    "a",
                    "1.5",
                ],
                (_, "integer") => &["-1", "a", "1.5", "99999999999999999999999"],
                (_, "boolean") => &["2", "yes please", "%D1%82%D0%B0%D0%BA"],
                _ if parameter.schema.is_enum() => &["nonsense", "", "%F0%9F%90%88"],
                _ if parameter.is_required => &["", "garbage", "%F0%9F%90%88"],
                _ => &[],
            };
            for value in wrong {
                let path = operation.path_asking(&parameter.name, value, |name| table.known(name));
                let answer = table
                    .send(operation, &path, table.good_body(operation))
                    .await;
                let case = format!("{}={value}", parameter.name);
                let words = table.refused(operation, &case, &[400], answer);
                assert!(
                    words.contains(&parameter.name),
                    "{} {case}: {words}",
                    operation.name()
                );
            }
            for value in ["%ff%fe", "%", "%zz", "a%00b"] {
                let target =
                    operation.path_asking(&parameter.name, value, |name| table.known(name));
                let (status, body) = table.raw(operation, target.as_bytes(), Body::Empty).await;
                // What is deleted is gone the second time, and some people were never there.
                let is_nobody = operation.template.contains("{entity}") && status == 404;
                let is_gone = operation.method == Method::DELETE
                    && (status == StatusCode::CONFLICT || is_nobody);
                if !status.is_success() && !is_gone {
                    let case = format!("{}={value}", parameter.name);
                    table.refused(operation, &case, &[400, 415], (status, body));
                }
            }
            if parameter.is_required {
                let path = operation.path(|name| table.known(name));
                let (path, _) = path.split_once('?').expect("a query");
                let answer = table
                    .send(operation, path, table.good_body(operation))
                    .await;
                let words = table.refused(operation, "no query", &[400], answer);
                assert!(
                    words.contains(&parameter.name),
                    "{}: {words}",
                    operation.name()
                );
            }
        }
    }
}

#[tokio::test]
async fn callers_who_do_not_say_who_they_are_are_refused() {
    let table = Table::new().await;
    let guarded = table.operations.iter().filter(|it| it.is_guarded);
    for operation in guarded {
        let path = operation.path(|name| table.known(name));
        let anyone = || table.anyone(operation);
        let hs_token = format!("Bearer {}", table.world.daarion.hs_token());
        let service = |token| anyone().with_header("x-internal-service-token", token);
        let callers = [
            anyone(),
            service("wrong"),
            service(""),
            service("wrong").with_header("x-user-id", "user:alice"),
            anyone().with_header("authorization", &hs_token),
            anyone().with_header("authorization", "Basic YTpi"),
        ];
        for (at, caller) in callers.into_iter().enumerate() {
            // Nothing of an anonymous request is parsed.
            let request = caller.builder(operation.method.clone(), &path).body("{\"");
            let request = request.header("content-type", "application/json");
            let case = format!("credentials {at}");
            table.refused(operation, &case, &[401], send(request).await);
        }
        if !is_internal(operation) {
            let token =
                || anyone().with_header("x-internal-service-token", table.world.daarion.secret());
            let answer = send(token().builder(operation.method.clone(), &path)).await;
            table.refused(operation, "no user", &[401], answer);
            let long = format!("user:{}", "a".repeat(250));
            for bad in [
                "alice",
                "",
                "user:",
                "user:a b",
                "group:a",
                "@alice:test.localhost",
                "user:a:b:c",
                "user:a:[",
                &long,
            ] {
                let caller = token().with_header("x-user-id", bad);
                let answer = send(caller.builder(operation.method.clone(), &path)).await;
                let case = format!("x-user-id {bad:?}");
                let words = table.refused(operation, &case, &[400, 401], answer);
                assert!(
                    words.to_lowercase().contains("x-user-id"),
                    "{case}: {words}"
                );
            }
        }
    }
}

#[tokio::test]
async fn methods_that_a_path_has_not_are_refused() {
    let table = Table::new().await;
    for operation in &table.operations {
        let path = operation.path(|name| table.known(name));
        for method in [
            "GET", "POST", "PUT", "PATCH", "DELETE", "PURGE", "TRACE", "OPTIONS",
        ] {
            let same = |other: &&Operation| {
                other.template == operation.template && other.method.as_str() == method
            };
            if table.operations.iter().any(|other| same(&other)) {
                continue;
            }
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            let request = table.caller(operation).builder(method.clone(), &path);
            let case = format!("the method {method}");
            let again = request.try_clone().expect("it has no body");
            table.refused(operation, &case, &[405], send(request).await);
            let answer = again.send().await.expect("daarion answers");
            let allow = answer.headers().get("allow").expect("what is allowed");
            let mut allowed = allow.to_str().expect("words").split(", ");
            assert!(
                allowed.any(|one| one == operation.method.as_str()),
                "{case}: {allow:?}"
            );
        }
        let nowhere = format!(
            "{}/nowhere/at/all",
            operation
                .path(|name| table.known(name))
                .split('?')
                .next()
                .expect("a path")
        );
        let request = table
            .caller(operation)
            .builder(operation.method.clone(), &nowhere);
        table.refused(operation, &nowhere, &[404], send(request).await);
    }
}

#[tokio::test]
async fn bodies_that_are_too_large_are_refused() {
    let table = Table::new().await;
    for operation in table.with_body() {
        let target = operation.path(|name| table.known(name));
        for body in [Body::Declared(33 * MIB), Body::Chunked(33 * MIB)] {
            let case = match body {
                Body::Chunked(_) => "33 MiB in chunks",
                _ => "33 MiB",
            };
            let answer = table.raw(&operation, target.as_bytes(), body).await;
            table.refused(&operation, case, &[413], answer);
        }
    }
}

#[tokio::test]
async fn transactions_of_anybody_but_the_homeserver_are_refused() {
    let world = shared_world().await;
    let place = "/_matrix/app/v1/transactions/1";
    let body = || Some(json!({ "events": [] }));
    let anyone = world.daarion.anonymous_internal();
    let refused = |wanted: u16, code: &str, answer: (StatusCode, Value)| {
        let body = answered(wanted, answer);
        let expected = json!({ "errcode": code, "error": body["error"] });
        assert_eq!(body, expected, "Matrix's own shape");
        assert!(!text(&body["error"]).is_empty());
    };
    refused(401, "M_UNAUTHORIZED", anyone.put(place, json!({})).await);
    for wrong in ["Bearer wrong", "Bearer ", "bearer"] {
        let caller = anyone.clone().with_header("authorization", wrong);
        let (status, answer) = caller.request(Method::PUT, place, body()).await;
        assert!(status == 401 || status == 403, "{wrong}: {status} {answer}");
        assert!(answer["errcode"].is_string(), "{answer}");
    }
    let as_token = format!("Bearer {}", world.daarion.as_token());
    let service = world
        .daarion
        .service()
        .with_header("authorization", &as_token);
    refused(
        403,
        "M_FORBIDDEN",
        service.request(Method::PUT, place, body()).await,
    );

    let homeserver = world.daarion.as_homeserver();
    for bad in [
        "",
        "{",
        "[]",
        "null",
        "\u{0}",
        "{\"events\": 7}",
        "{\"events\": {}}",
        "{}",
    ] {
        let request = homeserver.builder(Method::PUT, place).body(bad);
        refused(400, "M_BAD_JSON", send(request).await);
    }
    let raw = homeserver
        .builder(Method::PUT, place)
        .body(vec![0xff, 0xfe]);
    refused(400, "M_BAD_JSON", send(raw).await);
    let events = json!({ "events": [7, null, "x", {}, { "type": 7 }, [{}]], "ephemeral": [1, {}] });
    let answer = homeserver
        .put("/_matrix/app/v1/transactions/odd", events)
        .await;
    assert_eq!(
        answered(200, answer),
        json!({}),
        "odd events do not stop the others"
    );
    let answer = homeserver
        .put(
            "/_matrix/app/v1/transactions/odder",
            json!({ "events": [], "ephemeral": 7 }),
        )
        .await;
    answered(200, answer);

    for (method, path, status) in [
        (Method::GET, place, 405),
        (Method::PUT, "/_matrix/app/v1/transactions", 404),
        (Method::GET, "/_matrix/app/v1/nothing", 404),
        (
            Method::GET,
            "/_matrix/app/v1/users/@nobody:test.localhost",
            404,
        ),
        (Method::GET, "/_matrix/app/v1/users/%F0%9F%90%88", 404),
        (
            Method::GET,
            "/_matrix/app/v1/rooms/%23nowhere:test.localhost",
            404,
        ),
        (Method::GET, "/_matrix/app/v1/rooms/garbage", 404),
    ] {
        let answer = answered(status, homeserver.request(method, path, None).await);
        assert!(
            answer["errcode"].is_string() && answer["error"].is_string(),
            "{path}: {answer}"
        );
    }
    let base_url = world.daarion.internal("");
    for body in [Body::Declared(33 * MIB), Body::Chunked(33 * MIB)] {
        let answer = Raw {
            base_url: &base_url,
            method: "PUT",
            target: place.as_bytes(),
            headers: vec![(
                "authorization".into(),
                format!("Bearer {}", world.daarion.hs_token()),
            )],
            body,
        };
        refused(413, "M_TOO_LARGE", answer.send().await);
    }
}

#[tokio::test]
async fn inner_paths_do_not_exist_outside() {
    let world = shared_world().await;
    let internal = document("internal");
    let internal = internal.iter().filter(|operation| is_internal(operation));
    let homeserver = format!("Bearer {}", world.daarion.hs_token());
    let mut paths: Vec<_> = internal
        .map(|operation| (operation.method.clone(), operation.path(|_| "x".to_owned())))
        .collect();
    paths.extend([
        (Method::PUT, "/_matrix/app/v1/transactions/1".to_owned()),
        (Method::POST, "/_matrix/app/v1/ping".to_owned()),
        (
            Method::GET,
            "/_matrix/app/v1/users/@daarion:test.localhost".to_owned(),
        ),
        (Method::GET, "/_matrix/client/versions".to_owned()),
        (Method::GET, "/internal".to_owned()),
        (Method::GET, "/internal/".to_owned()),
        (Method::GET, "/metrics".to_owned()),
        (Method::GET, "/status".to_owned()),
        (Method::GET, "/api/../internal/agents".to_owned()),
        (Method::GET, "//internal/agents".to_owned()),
        (Method::GET, "/%69nternal/agents".to_owned()),
    ]);
    for (method, path) in paths {
        let base_url = world.daarion.public("");
        let mut headers = vec![("authorization".to_owned(), homeserver.clone())];
        headers.push((
            "x-internal-service-token".into(),
            world.daarion.secret().into(),
        ));
        headers.push(("x-user-id".into(), "user:alice".into()));
        let answer = Raw {
            base_url: &base_url,
            method: method.as_str(),
            target: path.as_bytes(),
            headers,
            body: Body::Empty,
        };
        let answer = answer.send().await;
        assert_eq!(answer.0, 404, "{method} {path}: {}", answer.1);
        assert!(
            answer.1["error"].is_string(),
            "{method} {path}: {}",
            answer.1
        );
    }
    // And people's operations do not exist inside.
    let inside = world
        .daarion
        .service()
        .with_header("x-user-id", "user:alice");
    for path in [
        "/api/city/rooms",
        "/api/messaging/channels",
        "/ws/messaging/x",
    ] {
        assert_eq!(inside.get(path).await.0, 404, "{path}");
    }
}

/// A receiver that nobody ever reaches (RFC 2606).
const RECEIVER: &str = "http://receiver.invalid/hook";

/// Every operation, and things that exist for their parameters.
struct Table {
    world: &'static World,
    operations: Vec<Operation>,
    person: Person,
    room: Value,
    channel: Value,
    message: Value,
    agent: String,
    webhook: String,
    token: String,
    scheduled: String,
}

impl Table {
    async fn new() -> Self {
        let world = shared_world().await;
        let person = Person::new(world, "alice").await;
        let agent = format!("agent:{}", unique("agent"));
        let service = world.daarion.service();
        let body = json!({ "id": agent, "owner": person.id() });
        answered(201, service.post("/internal/agents", body).await);
        let body = json!({ "webhook_url": RECEIVER });
        let path = "/internal/matrix/webhook/subscribe";
        let webhook = answered(200, service.post(path, body).await);
        let operator = world.daarion.api_as("user:operator");
        let body = json!({ "name": unique("service"), "scopes": ["gateway:read"] });
        let token = answered(201, operator.post("/api/admin/services", body).await);
        let channel = person.channel(json!({})).await;
        let body = json!({ "member_id": agent });
        answered(201, person.api.post(&members_of(&channel), body).await);
        let scheduled = format!("{}/scheduled", path_of(&channel));
        let body = json!({ "text": "Потім", "send_at": tomorrow() });
        let scheduled = answered(201, person.api.post(&scheduled, body).await);
        // What is asked of it is refused for what is wrong with it, not for a right that it lacks.
        let place = format!("{}/{agent}", members_of(&channel));
        eventually("the agent's role", async || {
            let role = json!({ "role": "moderator" });
            let (status, _) = person.api.patch(&place, role).await;
            (status == 200).then_some(())
        })
        .await;
        let mut operations = document("public");
        // Whatever is wrong with a signed address, the signature is.
        operations.retain(|it| !it.template.starts_with("/api/media/"));
        operations.extend(document("internal").into_iter().filter(is_internal));
        Self {
            world,
            operations,
            room: person.city_room(json!({})).await,
            message: person.say(&channel, "Є").await,
            channel,
            person,
            agent,
            webhook: text(&webhook["subscription_id"]).to_owned(),
            token: text(&token["service"]["id"]).to_owned(),
            scheduled: text(&scheduled["id"]).to_owned(),
        }
    }

    fn with_body(&self) -> Vec<Operation> {
        let all = self.operations.iter();
        all.filter(|it| it.body.is_some()).cloned().collect()
    }

    /// What exists by the name of a parameter or a field.
    fn find(&self, name: &str) -> Option<String> {
        let value = match name {
            "channel_id" => text(&self.channel["id"]).to_owned(),
            "message_id" | "message_ids" | "reply_to" | "thread_id" => {
                text(&self.message["id"]).to_owned()
            }
            "sender" | "entity" => "user:nobody".to_owned(),
            "emoji" => "%F0%9F%91%8D".to_owned(),
            "agent_id" | "member_id" => self.agent.clone(),
            "user_id" => self.person.user_id().to_owned(),
            "event_id" => text(&self.message["matrix_event_id"]).to_owned(),
            "username" => unique("person"),
            "avatar_url" => "mxc://test.localhost/picture".to_owned(),
            "subscription_id" => self.webhook.clone(),
            "token_id" => self.token.clone(),
            "scopes" => "*".to_owned(),
            "matrix_server_name" => "test.localhost".to_owned(),
            "session_id" | "key_id" | "link_id" => NOWHERE.to_owned(),
            "code" => "nowhere".to_owned(),
            "room" => text(&self.channel["matrix_room_id"]).to_owned(),
            "scheduled_id" => self.scheduled.clone(),
            "send_at" => tomorrow(),
            "webhook_url" => RECEIVER.to_owned(),
            "microdao_id" => "microdao:daarion".to_owned(),
            "room_id" => text(&self.channel["matrix_room_id"]).to_owned(),
            "alias" => text(&self.room["matrix_room_alias"]).replace('#', "%23"),
            _ => return None,
        };
        Some(value)
    }

    /// A value for a path's parameter.
    fn known(&self, name: &str) -> String {
        match name {
            "slug" => text(&self.room["slug"]).to_owned(),
            _ => self.find(name).unwrap_or_else(|| {
                panic!("a new parameter, {name}: say in `find` what exists by that name")
            }),
        }
    }

    /// A good body, new in what must be new.
    fn body(&self, operation: &Operation) -> Value {
        let schema = operation.body.as_ref().expect("a body");
        let mut body = schema.example("body", &|name| match name {
            "id" if operation.template.contains("microdaos") => {
                Some(format!("microdao:{}", unique("microdao")))
            }
            "id" => Some(format!("agent:{}", unique("agent"))),
            other => self.find(other),
        });
        // One of two fields has to be there, and no schema says so.
        if operation.template.ends_with("/mute") {
            body["seconds"] = json!(60);
        }
        body
    }

    fn good_body(&self, operation: &Operation) -> Option<Value> {
        operation.body.as_ref().map(|_| self.body(operation))
    }

    /// Objects in a list with one thing wrong each.
    fn spoilt(&self, schema: &Schema) -> Vec<Value> {
        let good = || schema.example("item", &|name| self.find(name));
        let mut spoilt = Vec::new();
        for field in schema.required() {
            let mut item = good();
            item.as_object_mut().expect("an object").remove(&field);
            spoilt.push(item);
        }
        for (field, schema) in schema.fields() {
            let mut wrong = schema.other_types();
            if schema.kind() == "string" {
                wrong.push(json!("ї".repeat(100_000)));
            }
            for value in wrong {
                let mut item = good();
                item[&field] = value;
                spoilt.push(item);
            }
        }
        spoilt
    }

    /// Who may do it.
    fn who(&self, operation: &Operation) -> String {
        match operation.template.starts_with("/api/admin/") {
            true => "user:operator".to_owned(),
            false => self.person.id(),
        }
    }

    fn caller(&self, operation: &Operation) -> Caller {
        match is_internal(operation) {
            true => self.world.daarion.service(),
            false => self.world.daarion.api_as(&self.who(operation)),
        }
    }

    fn anyone(&self, operation: &Operation) -> Caller {
        match is_internal(operation) {
            true => self.world.daarion.anonymous_internal(),
            false => self.world.daarion.anonymous(),
        }
    }

    /// A good request but for its body.
    fn request(&self, operation: &Operation) -> reqwest::RequestBuilder {
        let path = operation.path(|name| self.known(name));
        self.caller(operation)
            .builder(operation.method.clone(), &path)
    }

    async fn send(
        &self,
        operation: &Operation,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let caller = self.caller(operation);
        caller.request(operation.method.clone(), path, body).await
    }

    async fn raw(&self, operation: &Operation, target: &[u8], body: Body) -> (StatusCode, Value) {
        let (base_url, daarion) = match is_internal(operation) {
            true => (self.world.daarion.internal(""), &self.world.daarion),
            false => (self.world.daarion.public(""), &self.world.daarion),
        };
        let headers = [
            ("x-internal-service-token", daarion.secret().to_owned()),
            ("x-user-id", self.who(operation)),
            ("content-type", "application/json".to_owned()),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value));
        let raw = Raw {
            base_url: &base_url,
            method: operation.method.as_str(),
            target,
            headers: headers.into(),
            body,
        };
        raw.send().await
    }

    /// The body is refused, and the words name the field.
    async fn names(&self, operation: &Operation, field: &str, body: &Value) {
        let answer = send(self.request(operation).json(body)).await;
        let mut case = format!("{field} in {body}");
        case.truncate(
            case.char_indices()
                .nth(200)
                .map_or(case.len(), |(at, _)| at),
        );
        let words = self.refused(operation, &case, &[400], answer);
        assert!(
            words.contains(field),
            "{} {case}: {words}",
            operation.name()
        );
    }

    /// The words of a refusal in the shape of the operation's area.
    fn refused(
        &self,
        operation: &Operation,
        case: &str,
        statuses: &[u16],
        (status, body): (StatusCode, Value),
    ) -> String {
        let case = format!("{}, {case}: {status} {body}", operation.name());
        assert!(statuses.contains(&status.as_u16()), "{case}");
        let (field, codes) = match is_bridge(&operation.template) {
            true => ("detail", bridge_codes(status)),
            false => ("message", codes(status)),
        };
        let expected = json!({ "error": body["error"], field: body[field] });
        assert_eq!(body, expected, "{case}");
        let code = body["error"].as_str().unwrap_or_default();
        // What the homeserver itself refuses is passed on in its own words.
        let is_passed_on =
            code == "M_UNKNOWN" && operation.template.starts_with("/internal/matrix/");
        assert!(codes.contains(&code) || is_passed_on, "{case}");
        let words = body[field].as_str().unwrap_or_default();
        assert!(!words.is_empty(), "{case}");
        words.to_owned()
    }
}

async fn send(request: reqwest::RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.expect("daarion answers");
    let status = response.status();
    if status == StatusCode::NO_CONTENT {
        return (status, Value::Null);
    }
    let kind = response.headers().get("content-type").cloned();
    let kind = kind.as_ref().and_then(|kind| kind.to_str().ok());
    assert!(
        kind.is_some_and(|kind| kind.starts_with("application/json")),
        "{status} {kind:?}"
    );
    (status, response.json().await.expect("JSON"))
}

fn is_internal(operation: &Operation) -> bool {
    operation.template.starts_with("/internal/")
}

/// Whether the bridge document describes a path.
fn is_bridge(path: &str) -> bool {
    let bridge = [
        "/api/city/",
        "/internal/city/",
        "/internal/matrix/rooms/create",
        "/internal/matrix/rooms/find-by-alias",
    ];
    path == "/api/city" || bridge.iter().any(|prefix| path.starts_with(prefix))
}

fn codes(status: StatusCode) -> &'static [&'static str] {
    match status.as_u16() {
        400 => &[
            "M_BAD_JSON",
            "M_NOT_JSON",
            "M_INVALID_PARAM",
            "M_MISSING_PARAM",
        ],
        401 => &["M_MISSING_TOKEN", "M_UNKNOWN_TOKEN"],
        404 => &["M_NOT_FOUND", "M_UNRECOGNIZED"],
        405 => &["M_UNRECOGNIZED"],
        413 => &["M_TOO_LARGE"],
        415 => &["M_NOT_JSON"],
        _ => &[],
    }
}

fn bridge_codes(status: StatusCode) -> &'static [&'static str] {
    match status.as_u16() {
        400 | 415 => &["bad_request"],
        401 => &["unauthorized"],
        404 => &["not_found"],
        405 => &["method_not_allowed"],
        413 => &["too_large"],
        _ => &[],
    }
}
