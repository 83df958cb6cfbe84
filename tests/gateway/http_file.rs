//! `docs/matrix-gateway-test.http`: every request of the document, sent as an editor would send
//! it, from above to below. A request of an operation that this binary does not have is left out.

use std::collections::HashMap;
use std::path::Path;

use reqwest::Method;
use serde_json::Value;

use crate::daarion::shared_world;
use crate::homeserver::http::{Http, exchange};
use crate::homeserver::unique;
use crate::shape::Document;

/// What the gateway's document has.
const DOCUMENT: [(&str, &str); 18] = [
    ("POST", "create-room"),
    ("GET", "rooms/{room}"),
    ("PUT", "rooms/{room}/name"),
    ("POST", "send"),
    ("POST", "send-reaction"),
    ("POST", "redact"),
    ("POST", "invite"),
    ("POST", "join"),
    ("POST", "leave"),
    ("POST", "kick"),
    ("GET", "sync"),
    ("POST", "webhook/subscribe"),
    ("DELETE", "webhook/subscribe/{webhook}"),
    ("POST", "register-user"),
    ("PUT", "users/{user}/display-name"),
    ("PUT", "users/{user}/avatar"),
    ("POST", "upload"),
    ("GET", "rooms/{room}/messages"),
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

#[tokio::test]
async fn every_request_of_the_file_is_answered() {
    let world = shared_world().await;
    let document = Document::read();
    let person = unique("person");
    world.register(&person).await;
    let agent = unique("test");
    let mut known: HashMap<String, String> = [
        ("host", world.daarion.internal("")),
        ("token", world.daarion.secret().to_owned()),
        ("server", "test.localhost".to_owned()),
        ("person", person),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let http = Http::new("");
    for request in read() {
        let place = request.url.trim_start_matches("{{host}}");
        // Parameters are no part of what the document calls the operation.
        let template = filled_holes(place);
        if !document.has(&request.method, &template) || needs_unknown(&request, &known) {
            eprintln!("left out: {}", request.title);
            continue;
        }
        let url = filled(&request.url, &known);
        let body = filled(&request.body, &known);
        // A name that no other test of this world has.
        let body = body
            .replace("agent_test", &format!("agent_{agent}"))
            .replace("agent:test", &format!("agent:{agent}"));
        let is_form = request
            .headers
            .iter()
            .any(|(_, value)| value.starts_with("multipart"));
        let body = match is_form {
            true => body.trim_end().replace('\n', "\r\n") + "\r\n",
            false => body,
        };
        let mut sending = http.builder(request.method.clone(), &url).body(body);
        for (name, value) in &request.headers {
            sending = sending.header(name, filled(value, &known));
        }
        let (status, answer) = exchange(sending, None).await.expect("daarion answers");
        assert!(status.is_success(), "{}: {status} {answer}", request.title);
        document.check(&request.method, &template, status.as_u16(), &answer);
        if let Some(name) = &request.name {
            learn(&mut known, name, &answer);
        }
    }
}

#[test]
fn file_has_every_request_of_the_document() {
    let requests = read();
    for (method, what) in DOCUMENT {
        let wanted = format!("/internal/matrix/{what}");
        let is_it = |request: &&Request| {
            let place = filled_holes(request.url.trim_start_matches("{{host}}"));
            let place = place.split('?').next().unwrap_or_default();
            let (place, wanted): (Vec<_>, Vec<_>) =
                (place.split('/').collect(), wanted.split('/').collect());
            let mut pairs = place.iter().zip(&wanted);
            request.method == method
                && place.len() == wanted.len()
                && pairs.all(|(it, wanted)| it == wanted || wanted.starts_with('{'))
        };
        assert!(requests.iter().any(|it| is_it(&it)), "{method} {what}");
    }
}

/// A path with a word for each variable, so that it can be compared.
fn filled_holes(place: &str) -> String {
    let mut parts = place.split("{{");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |whole, part| {
        let after = part.split_once("}}").map_or("", |(_, after)| after);
        whole + "x" + after
    })
}

/// Whether a request stands on the answer of one that was left out.
fn needs_unknown(request: &Request, known: &HashMap<String, String>) -> bool {
    let whole = format!("{}{}", request.url, request.body);
    let mut holes = whole.split("{{").skip(1);
    holes.any(|hole| {
        let name = hole.split_once("}}").map_or("", |(name, _)| name);
        !known.contains_key(name)
    })
}

fn learn(known: &mut HashMap<String, String>, name: &str, answer: &Value) {
    for (field, value) in answer.as_object().into_iter().flatten() {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        known.insert(format!("{name}.response.body.$.{field}"), value);
    }
}
