//! Channels, answers and waits that the areas have in common.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::daarion::World;
use crate::homeserver::{MatrixUser, unique};

/// How long a condition may take to come true.
pub const LIMIT: Duration = Duration::from_secs(20);

/// The body of an answer that has the status.
#[track_caller]
pub fn answered(status: u16, (found, body): (StatusCode, Value)) -> Value {
    assert_eq!(found.as_u16(), status, "{body}");
    body
}

#[track_caller]
pub fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
}

/// Somebody, and the Matrix room of a public channel that they made.
pub async fn channel(world: &World, name: &str) -> (MatrixUser, String) {
    let user = world.register_unique(name).await;
    let room = channel_of(world, &user).await;
    (user, room)
}

pub async fn channel_of(world: &World, user: &MatrixUser) -> String {
    let api = world.daarion.api_as(&format!("user:{}", user.localpart()));
    let body = json!({ "name": "Розмова", "slug": unique("channel") });
    let made = answered(201, api.post("/api/messaging/channels", body).await);
    text(&made["matrix_room_id"]).to_owned()
}

pub fn query(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

/// One poll of the gateway's sync.
pub async fn poll(world: &World, pairs: &[(&str, &str)]) -> Value {
    let path = format!("/internal/matrix/sync?{}", query(pairs));
    answered(200, world.daarion.service().get(&path).await)
}

/// Polls on until an event of a room `matches`; the events that came before it, and the position
/// behind it.
pub async fn poll_until(
    world: &World,
    mut since: String,
    room: &str,
    matches: impl Fn(&Value) -> bool,
) -> (Vec<Value>, String) {
    let deadline = Instant::now() + LIMIT;
    let mut seen = Vec::new();
    while Instant::now() < deadline {
        let answer = poll(world, &[("since", &since), ("timeout", "2000")]).await;
        since = text(&answer["next_batch"]).to_owned();
        let events = &answer["rooms"]["join"][room]["timeline"]["events"];
        seen.extend(events.as_array().cloned().unwrap_or_default());
        if seen.iter().any(&matches) {
            return (seen, since);
        }
    }
    panic!("nothing that matches among {seen:?}");
}

/// Whether an event is a message of this text.
pub fn says(body: &str) -> impl Fn(&Value) -> bool + '_ {
    move |event| event["content"]["body"] == body
}
