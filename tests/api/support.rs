//! People, waits and answers that the areas have in common.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::daarion::{Caller, World};
use crate::homeserver::child::POLL_INTERVAL;
use crate::homeserver::{MatrixUser, path, unique};

/// How long a condition may take to come true.
pub const LIMIT: Duration = Duration::from_mins(1);

/// Somebody with a Matrix client, and a service that acts for them at daarion.
#[derive(Clone, Debug)]
pub struct Person {
    pub matrix: MatrixUser,
    pub api: Caller,
}

impl Person {
    /// A newcomer whose name nobody else in the world has.
    pub async fn new(world: &World, name: &str) -> Self {
        Self::named(world, &unique(name)).await
    }

    pub async fn named(world: &World, localpart: &str) -> Self {
        Self {
            matrix: world.register(localpart).await,
            api: world.daarion.api_as(&format!("user:{localpart}")),
        }
    }

    /// `user:<localpart>`
    pub fn id(&self) -> String {
        format!("user:{}", self.matrix.localpart())
    }

    /// `@localpart:server`
    pub fn user_id(&self) -> &str {
        &self.matrix.user_id
    }

    /// A city room that this person owns, with a unique slug.
    pub async fn city_room(&self, more: Value) -> Value {
        let mut body = json!({ "name": "Майдан", "slug": unique("room") });
        merge(&mut body, more);
        answered(201, self.api.post("/api/city/rooms", body).await)
    }

    /// A public channel that this person owns, with a unique slug.
    pub async fn channel(&self, more: Value) -> Value {
        let mut body = json!({ "name": "Розмова", "slug": unique("channel") });
        merge(&mut body, more);
        answered(201, self.api.post("/api/messaging/channels", body).await)
    }

    /// Sends to a channel through the API.
    pub async fn say(&self, channel: &Value, text: &str) -> Value {
        self.send(channel, json!({ "text": text })).await
    }

    pub async fn send(&self, channel: &Value, body: Value) -> Value {
        answered(201, self.api.post(&messages_of(channel), body).await)
    }

    /// A page of the channel's messages.
    pub async fn messages(&self, channel: &Value, query: &str) -> Value {
        let path = format!("{}?{query}", messages_of(channel));
        answered(200, self.api.get(&path).await)
    }

    /// Waits until the message that a Matrix event became is listed and `is_so`.
    pub async fn wait_for_message(
        &self,
        channel: &Value,
        event_id: &str,
        is_so: impl Fn(&Value) -> bool,
    ) -> Value {
        eventually(&format!("the message of {event_id}"), async || {
            let page = self.messages(channel, "limit=200").await;
            items(&page)
                .iter()
                .find(|message| message["matrix_event_id"] == event_id && is_so(message))
                .cloned()
        })
        .await
    }
}

/// The Matrix room of a channel or a city room.
pub fn room_of(channel: &Value) -> &str {
    text(&channel["matrix_room_id"])
}

/// The path of a channel, or of the channel that a city room is.
pub fn path_of(channel: &Value) -> String {
    let id = channel.get("channel_id").unwrap_or(&channel["id"]);
    path(&["api", "messaging", "channels", text(id)])
}

pub fn messages_of(channel: &Value) -> String {
    format!("{}/messages", path_of(channel))
}

/// The path of a message.
pub fn message_path(channel: &Value, message: &Value) -> String {
    format!("{}/{}", messages_of(channel), text(&message["id"]))
}

/// One message as lists show it: without where it is found.
#[track_caller]
pub fn listed(mut message: Value) -> Value {
    let links = message.as_object_mut().and_then(|it| it.remove("links"));
    assert!(links.is_some_and(|links| links["matrix_to"].is_string()));
    message
}

pub fn members_of(channel: &Value) -> String {
    format!("{}/members", path_of(channel))
}

/// The path of a city room.
pub fn room_path(room: &Value) -> String {
    path(&["api", "city", "rooms", text(&room["slug"])])
}

/// The items of a page, or a bare array's.
#[track_caller]
pub fn items(page: &Value) -> &Vec<Value> {
    let list = page.get("items").unwrap_or(page);
    list.as_array()
        .unwrap_or_else(|| panic!("{page} is no list"))
}

/// One field of each item.
#[track_caller]
pub fn column<'a>(page: &'a Value, field: &str) -> Vec<&'a str> {
    items(page).iter().map(|item| text(&item[field])).collect()
}

#[track_caller]
pub fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
}

#[track_caller]
pub fn time(value: &Value) -> chrono::DateTime<chrono::FixedOffset> {
    chrono::DateTime::parse_from_rfc3339(text(value))
        .unwrap_or_else(|error| panic!("{value} is no RFC 3339 time: {error}"))
}

/// This time tomorrow, for what is to happen later.
pub fn tomorrow() -> String {
    let at = chrono::Utc::now() + chrono::TimeDelta::days(1);
    at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

/// Replaces and adds top-level keys.
pub fn merge(body: &mut Value, more: Value) {
    for (key, value) in more.as_object().into_iter().flatten() {
        body[key] = value.clone();
    }
}

/// The body of an answer that has the status.
#[track_caller]
pub fn answered(status: u16, (found, body): (StatusCode, Value)) -> Value {
    assert_eq!(found.as_u16(), status, "{body}");
    body
}

/// The words of a refusal that has the status, the code and exactly the contract's shape: a
/// Matrix-like code comes with `message`, a word of the bridge document with `detail`.
#[track_caller]
pub fn refused(status: u16, code: &str, answer: (StatusCode, Value)) -> String {
    let body = answered(status, answer);
    assert_eq!(body["error"], code, "{body}");
    let is_bridge = code
        .chars()
        .all(|letter| letter.is_lowercase() || letter == '_');
    let field = if is_bridge { "detail" } else { "message" };
    let words = text(&body[field]);
    assert_eq!(body, json!({ "error": code, field: words }), "nothing else");
    assert!(!words.is_empty(), "{body}");
    words.to_owned()
}

/// Looks until there is something to see.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "no {what} within {LIMIT:?}");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
