//! `docs/matrix-gateway-test.http`: every request of the gateway, sent as an editor would send it,
//! from above to below. None is left out, and none of the document's requests and fields may be
//! missing from the file.

use std::collections::HashMap;
use std::path::Path;

use reqwest::Method;
use serde_json::Value;

use crate::daarion::{World, WorldOptions};
use crate::homeserver::http::{Http, exchange};
use crate::shape::Document;

/// What the gateway's document has: each request, and the fields of its example.
const DOCUMENT: [(&str, &str, &[&str]); 18] = [
    (
        "POST",
        "create-room",
        &[
            "name",
            "topic",
            "visibility",
            "room_alias_name",
            "preset",
            "initial_state",
            "power_level_content_override",
            "creation_content",
        ],
    ),
    ("GET", "rooms/{room}", &[]),
    ("PUT", "rooms/{room}/name", &["name"]),
    (
        "POST",
        "send",
        &[
            "room_id",
            "sender",
            "sender_matrix_id",
            "msgtype",
            "body",
            "format",
            "formatted_body",
            "relates_to",
        ],
    ),
    (
        "POST",
        "send-reaction",
        &[
            "room_id",
            "event_id",
            "reactor",
            "reactor_matrix_id",
            "emoji",
        ],
    ),
    ("POST", "redact", &["room_id", "event_id", "reason"]),
    (
        "POST",
        "invite",
        &["room_id", "user_id", "inviter", "inviter_matrix_id"],
    ),
    ("POST", "join", &["room_id", "user_id"]),
    ("POST", "leave", &["room_id", "user_id"]),
    ("POST", "kick", &["room_id", "user_id", "kicker", "reason"]),
    ("GET", "sync", &["since", "timeout", "filter"]),
    (
        "POST",
        "webhook/subscribe",
        &["room_id", "webhook_url", "events"],
    ),
    ("DELETE", "webhook/subscribe/{webhook}", &[]),
    (
        "POST",
        "register-user",
        &[
            "username",
            "password",
            "display_name",
            "avatar_url",
            "admin",
        ],
    ),
    ("PUT", "users/{user}/display-name", &["display_name"]),
    ("PUT", "users/{user}/avatar", &["avatar_url"]),
    ("POST", "upload", &["file"]),
    ("GET", "rooms/{room}/messages", &["from", "dir", "limit"]),
];
/// Operations below the same path that are of another document.
const OF_THE_BRIDGE: [&str; 2] = [
    "/internal/matrix/rooms/create",
    "/internal/matrix/rooms/find-by-alias",
];

#[derive(Debug)]
struct Request {
    title: String,
    /// By which later requests know its answer.
    name: Option<String>,
    method: Method,
    url: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Request {
    /// With a word for each variable, so that it can be compared.
    fn place(&self) -> String {
        with_words(self.url.trim_start_matches("{{host}}"))
    }

    fn is_form(&self) -> bool {
        let mut headers = self.headers.iter();
        headers.any(|(_, value)| value.starts_with("multipart"))
    }

    /// Whether it is one of these; `{…}` stands for any segment.
    fn is(&self, method: &str, template: &str) -> bool {
        let place = self.place();
        let path = place.split('?').next().unwrap_or_default();
        let (path, template): (Vec<_>, Vec<_>) =
            (path.split('/').collect(), template.split('/').collect());
        let mut pairs = path.iter().zip(&template);
        self.method == method
            && path.len() == template.len()
            && pairs.all(|(it, wanted)| it == wanted || wanted.starts_with('{'))
    }

    /// What is given in its query, its form or its body.
    fn fields(&self) -> Vec<String> {
        let url = self.place();
        let query = url.split_once('?').map_or("", |(_, query)| query);
        let pairs = query.split('&').map(|pair| pair.split('=').next());
        let mut fields: Vec<_> = pairs.flatten().map(str::to_owned).collect();
        if self.is_form() {
            let parts = self.body.split("form-data; name=\"").skip(1);
            fields.extend(parts.filter_map(|it| it.split('"').next().map(str::to_owned)));
        } else if !self.body.trim().is_empty() {
            let body: Value = serde_json::from_str(&with_words(&self.body)).expect("JSON");
            fields.extend(body.as_object().expect("an object").keys().cloned());
        }
        fields
    }
}

fn read() -> Vec<Request> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/matrix-gateway-test.http");
    let text = std::fs::read_to_string(file).expect("the file is there");
    text.split("\n### ").skip(1).map(parse).collect()
}

fn parse(text: &str) -> Request {
    let mut lines = text.lines();
    let title = lines.next().expect("a title").to_owned();
    let mut name = None;
    let mut line = lines.next().expect("a request");
    while let Some(comment) = line.strip_prefix('#') {
        let named = comment.trim().strip_prefix("@name ");
        name = named.map(str::to_owned).or(name);
        line = lines.next().expect("a request");
    }
    let (method, url) = line.split_once(' ').expect("a method and an address");
    let headers = lines.by_ref().take_while(|line| !line.is_empty());
    let headers = headers
        .map(|line| line.split_once(": ").expect("a header"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    Request {
        title,
        name,
        method: Method::from_bytes(method.as_bytes()).expect("a method"),
        url: url.to_owned(),
        headers,
        body: lines.collect::<Vec<_>>().join("\n"),
    }
}

/// Replaces `{{variable}}` and `{{name.response.body.$.field}}`.
fn filled(text: &str, known: &HashMap<String, String>) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (variable, left) = after.split_once("}}").expect("a closing bracket");
        let value = known.get(variable);
        filled.push_str(before);
        filled.push_str(value.unwrap_or_else(|| panic!("{variable} is not known in {text}")));
        rest = left;
    }
    filled + rest
}

/// A word for each variable.
fn with_words(text: &str) -> String {
    let mut parts = text.split("{{");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |whole, part| {
        let after = part.split_once("}}").map_or("", |(_, after)| after);
        whole + "x" + after
    })
}

#[tokio::test]
async fn every_request_of_the_file_is_answered() {
    let world = World::start_with(WorldOptions {
        has_admin_token: true,
        ..WorldOptions::default()
    })
    .await;
    let document = Document::read();
    let mut known: HashMap<String, String> = [
        ("host", world.daarion.internal("")),
        ("token", world.daarion.secret().to_owned()),
        ("server", "test.localhost".to_owned()),
        ("person", "alice".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let http = Http::new("");
    for request in read() {
        let url = filled(&request.url, &known);
        let body = filled(&request.body, &known);
        let body = match request.is_form() {
            true => body.trim_end().replace('\n', "\r\n") + "\r\n",
            false => body,
        };
        let mut sending = http.builder(request.method.clone(), &url).body(body);
        for (name, value) in &request.headers {
            sending = sending.header(name, filled(value, &known));
        }
        let (status, answer) = exchange(sending, None).await.expect("daarion answers");
        assert!(status.is_success(), "{}: {status} {answer}", request.title);
        let place = request.place();
        document.check(&request.method, &place, status.as_u16(), &answer);
        if let Some(name) = &request.name {
            learn(&mut known, name, &answer);
        }
    }
}

#[test]
fn file_has_every_request_and_field_of_the_document() {
    let requests = read();
    for (method, what, fields) in DOCUMENT {
        let template = format!("/internal/matrix/{what}");
        let found = requests.iter().filter(|it| it.is(method, &template));
        let found: Vec<_> = found.map(Request::fields).collect();
        assert!(!found.is_empty(), "{method} {what} is missing");
        for field in fields {
            let is_given = found.iter().any(|given| given.iter().any(|it| it == field));
            assert!(is_given, "{method} {what}: {field} is missing");
        }
    }
}

#[test]
fn file_has_every_operation_of_the_gateway() {
    let requests = read();
    let operations = Document::read().operations("/internal/matrix/");
    assert!(operations.len() > DOCUMENT.len(), "{operations:?}");
    for (method, path) in operations {
        if OF_THE_BRIDGE.contains(&path.as_str()) {
            continue;
        }
        let is_there = requests.iter().any(|it| it.is(&method, &path));
        assert!(is_there, "{method} {path} is missing");
    }
}

fn learn(known: &mut HashMap<String, String>, name: &str, answer: &Value) {
    for (field, value) in answer.as_object().into_iter().flatten() {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        known.insert(format!("{name}.response.body.$.{field}"), value);
    }
}
