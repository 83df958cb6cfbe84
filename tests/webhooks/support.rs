//! A world whose webhooks are quick, and what tests do with webhooks.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::daarion::{Caller, DaarionOptions, World, WorldOptions};
use crate::homeserver::child::POLL_INTERVAL;
use crate::homeserver::{MatrixUser, path, unique};

/// How long a condition may take to come true.
pub const LIMIT: Duration = Duration::from_secs(40);

/// Retries that a test can wait for: four tries at once, one a second later, one more.
pub fn quick() -> DaarionOptions {
    DaarionOptions::default()
        .set("webhooks.allow", "[\"127.0.0.1\"]")
        .set("webhooks.timeout", "\"2s\"")
        .set("webhooks.quick_retries", "[\"50ms\", \"50ms\", \"50ms\"]")
        .set("webhooks.schedule", "[\"2500ms\", \"2500ms\"]")
}

pub async fn world_with(daarion: DaarionOptions) -> World {
    World::start_with(WorldOptions {
        daarion,
        ..WorldOptions::default()
    })
    .await
}

/// For tests that stop nothing.
pub async fn shared() -> &'static World {
    static WORLD: OnceCell<World> = OnceCell::const_new();
    WORLD.get_or_init(|| world_with(quick())).await
}

/// A city room and somebody who talks in it.
pub struct Room {
    pub channel: String,
    pub matrix: String,
    pub owner: MatrixUser,
}

impl Room {
    pub async fn new(world: &World) -> Self {
        let owner = world.register_unique("owner").await;
        let api = world.daarion.api_as(&format!("user:{}", owner.localpart()));
        let body = json!({ "slug": unique("room"), "name": "Room" });
        let room = answered(201, api.post("/api/city/rooms", body).await);
        Self {
            channel: text(&room["channel_id"]),
            matrix: text(&room["matrix_room_id"]),
            owner,
        }
    }

    pub async fn say(&self, words: &str) -> String {
        self.owner.send_text(&self.matrix, words).await
    }
}

/// A webhook as its maker knows it.
#[derive(Clone, Debug)]
pub struct Hook {
    pub service: Caller,
    pub id: String,
    pub secret: String,
}

impl Hook {
    pub async fn subscribe(world: &World, body: Value) -> Self {
        let service = world.daarion.service();
        let answer = service
            .post("/internal/matrix/webhook/subscribe", body)
            .await;
        let made = answered(200, answer);
        Self {
            id: text(&made["subscription_id"]),
            secret: text(&made["secret"]),
            service,
        }
    }

    /// To messages of a room.
    pub async fn to_messages(world: &World, room: &Room, url: &str) -> Self {
        let body = json!({
            "room_id": room.matrix,
            "webhook_url": url,
            "events": ["m.room.message"],
        });
        Self::subscribe(world, body).await
    }

    pub fn path(&self, more: &[&str]) -> String {
        let mut parts = vec!["internal", "matrix", "webhook", "subscribe", &self.id];
        parts.extend(more);
        path(&parts)
    }

    pub async fn get(&self) -> Value {
        answered(200, self.service.get(&self.path(&[])).await)
    }

    pub async fn post(&self, act: &str, body: Value) -> Value {
        answered(200, self.service.post(&self.path(&[act]), body).await)
    }

    pub async fn deliveries(&self) -> Vec<Value> {
        let path = format!("{}?limit=200", self.path(&["deliveries"]));
        items(&answered(200, self.service.get(&path).await))
    }

    pub async fn dead_letters(&self) -> Vec<Value> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!(
                "/internal/matrix/webhook/dead-letters?limit=200&subscription_id={}{cursor}",
                self.id
            );
            let page = answered(200, self.service.get(&path).await);
            all.extend(items(&page));
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }

    pub async fn replay(&self, pick: Value) -> Value {
        let path = "/internal/matrix/webhook/dead-letters/replay";
        answered(200, self.service.post(path, pick).await)
    }

    /// Waits until the webhook is so.
    pub async fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        eventually(what, async || Some(self.get().await).filter(&is_so)).await
    }
}

pub fn items(page: &Value) -> Vec<Value> {
    page["items"].as_array().cloned().expect("a list")
}

#[track_caller]
pub fn text(value: &Value) -> String {
    let text = value.as_str();
    text.unwrap_or_else(|| panic!("{value} is no text"))
        .to_owned()
}

#[track_caller]
pub fn answered(status: u16, (found, body): (StatusCode, Value)) -> Value {
    assert_eq!(found.as_u16(), status, "{body}");
    body
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
