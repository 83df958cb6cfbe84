//! A person with any Matrix client: the plain client-server API, nothing of ours.
//!
//! Methods panic with the homeserver's answer when it refuses; [`MatrixUser::request`] gives the
//! answer itself, for tests that expect a refusal.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::http::{Http, exchange, path};
use super::unique;

/// How long [`MatrixUser::wait_for_event`] waits.
const WAIT_LIMIT: Duration = Duration::from_secs(20);

#[derive(Clone, Debug)]
pub struct MatrixUser {
    pub user_id: String,
    pub access_token: String,
    pub password: String,
    pub client: Http,
}

impl MatrixUser {
    /// Any request in this user's name. `path` is encoded already; see [`path`].
    pub async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let request = self
            .client
            .builder(method, path)
            .bearer_auth(&self.access_token);
        exchange(request, body.as_ref())
            .await
            .unwrap_or_else(|error| panic!("{} failed to ask {path}: {error:?}", self.user_id))
    }

    /// `@alice:server` → `alice`.
    pub fn localpart(&self) -> &str {
        let (localpart, _) = self.user_id.split_once(':').expect("a user id has a colon");
        &localpart[1..]
    }

    pub async fn create_room(&self, options: Value) -> String {
        let answer = self.post(&client(&["createRoom"]), options).await;
        string(&answer, "room_id")
    }

    /// Joins by alias or by id, and answers the room's id.
    pub async fn join(&self, alias_or_id: &str) -> String {
        let answer = self.post(&client(&["join", alias_or_id]), json!({})).await;
        string(&answer, "room_id")
    }

    pub async fn leave(&self, room: &str) {
        self.post(&client(&["rooms", room, "leave"]), json!({}))
            .await;
    }

    pub async fn invite(&self, room: &str, user_id: &str) {
        let body = json!({ "user_id": user_id });
        self.post(&client(&["rooms", room, "invite"]), body).await;
    }

    pub async fn ban(&self, room: &str, user_id: &str) {
        let body = json!({ "user_id": user_id });
        self.post(&client(&["rooms", room, "ban"]), body).await;
    }

    pub async fn unban(&self, room: &str, user_id: &str) {
        let body = json!({ "user_id": user_id });
        self.post(&client(&["rooms", room, "unban"]), body).await;
    }

    pub async fn send_text(&self, room: &str, body: &str) -> String {
        let content = json!({ "msgtype": "m.text", "body": body });
        self.send_event(room, "m.room.message", content).await
    }

    /// Sends, and answers the event's id.
    pub async fn send_event(&self, room: &str, event_type: &str, content: Value) -> String {
        let transaction = unique("txn");
        let path = client(&["rooms", room, "send", event_type, &transaction]);
        string(&self.put(&path, content).await, "event_id")
    }

    pub async fn react(&self, room: &str, event_id: &str, key: &str) -> String {
        let relation = json!({ "rel_type": "m.annotation", "event_id": event_id, "key": key });
        self.send_event(room, "m.reaction", json!({ "m.relates_to": relation }))
            .await
    }

    pub async fn redact(&self, room: &str, event_id: &str) -> String {
        let path = client(&["rooms", room, "redact", event_id, &unique("txn")]);
        string(&self.put(&path, json!({})).await, "event_id")
    }

    pub async fn set_state(
        &self,
        room: &str,
        event_type: &str,
        state_key: &str,
        content: Value,
    ) -> String {
        let path = client(&["rooms", room, "state", event_type, state_key]);
        string(&self.put(&path, content).await, "event_id")
    }

    /// `presence` is `online`, `unavailable` or `offline`.
    pub async fn set_presence(&self, presence: &str) {
        let path = client(&["presence", &self.user_id, "status"]);
        self.put(&path, json!({ "presence": presence })).await;
    }

    /// Every event of the room that this user may see, oldest first.
    pub async fn messages(&self, room: &str) -> Vec<Value> {
        let path = client(&["rooms", room, "messages"]);
        let mut events = Vec::new();
        let mut from = String::new();
        loop {
            let answer = self.get(&format!("{path}?dir=f&limit=1000{from}")).await;
            events.extend(array(&answer["chunk"]));
            let Some(end) = answer["end"].as_str() else {
                return events;
            };
            from = format!("&from={end}");
        }
    }

    /// The room's current state, in full events.
    pub async fn state(&self, room: &str) -> Vec<Value> {
        array(&self.get(&client(&["rooms", room, "state"])).await)
    }

    /// The content of one state event, if there is one.
    pub async fn state_event(
        &self,
        room: &str,
        event_type: &str,
        state_key: &str,
    ) -> Option<Value> {
        let path = client(&["rooms", room, "state", event_type, state_key]);
        let (status, content) = self.request(Method::GET, &path, None).await;
        (status != StatusCode::NOT_FOUND).then(|| accepted("GET", &path, status, content))
    }

    /// One `/sync`; `since` is the `next_batch` of the last one.
    pub async fn sync(&self, since: Option<&str>, timeout: Duration) -> Value {
        self.sync_with(since, timeout, &json!({})).await
    }

    /// Waits for an event of the room's timeline that `matches`, old or new (the newest thousand
    /// are looked at first).
    pub async fn wait_for_event(&self, room: &str, matches: impl Fn(&Value) -> bool) -> Value {
        let filter = json!({ "room": { "rooms": [room], "timeline": { "limit": 1000 } } });
        let deadline = Instant::now() + WAIT_LIMIT;
        let mut since: Option<String> = None;
        let mut seen = 0;
        while Instant::now() < deadline {
            let answer = self
                .sync_with(since.as_deref(), Duration::from_secs(1), &filter)
                .await;
            for event in array(&answer["rooms"]["join"][room]["timeline"]["events"]) {
                if matches(&event) {
                    return event;
                }
                seen += 1;
            }
            since = Some(string(&answer, "next_batch"));
        }
        panic!(
            "{} saw {seen} events in {room}, none that matches, within {WAIT_LIMIT:?}",
            self.user_id
        );
    }

    /// Waits for a message with exactly this body.
    pub async fn wait_for_text(&self, room: &str, body: &str) -> Value {
        self.wait_for_event(room, |event| {
            event["type"] == "m.room.message" && event["content"]["body"] == body
        })
        .await
    }

    async fn sync_with(&self, since: Option<&str>, timeout: Duration, filter: &Value) -> Value {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("timeout", &timeout.as_millis().to_string())
            .append_pair("filter", &filter.to_string());
        if let Some(since) = since {
            query.append_pair("since", since);
        }
        let query = query.finish();
        self.get(&format!("{}?{query}", client(&["sync"]))).await
    }

    async fn get(&self, path: &str) -> Value {
        let (status, value) = self.request(Method::GET, path, None).await;
        accepted("GET", path, status, value)
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let (status, value) = self.request(Method::POST, path, Some(body)).await;
        accepted("POST", path, status, value)
    }

    async fn put(&self, path: &str, body: Value) -> Value {
        let (status, value) = self.request(Method::PUT, path, Some(body)).await;
        accepted("PUT", path, status, value)
    }
}

fn client(segments: &[&str]) -> String {
    format!("/_matrix/client/v3{}", path(segments))
}

fn accepted(method: &str, path: &str, status: StatusCode, value: Value) -> Value {
    assert!(
        status.is_success(),
        "{method} {path} was refused: {status} {value}"
    );
    value
}

fn string(value: &Value, field: &str) -> String {
    let Some(text) = value[field].as_str() else {
        panic!("the homeserver's answer has no {field}: {value}");
    };
    text.to_owned()
}

fn array(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}
