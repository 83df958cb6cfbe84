//! A service that calls the gateway. Whatever is answered must be what the document promises.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::daarion::{Caller, Daarion, World};
use crate::homeserver::{MatrixUser, path, unique};
use crate::shape::Document;
use crate::support::{answered, text};

pub struct Gateway {
    pub service: Caller,
    document: Document,
}

impl Gateway {
    pub fn of(daarion: &Daarion) -> Self {
        Self {
            service: daarion.service(),
            document: Document::read(),
        }
    }

    /// A service with a token that an operator has made: for everything, as everybody, unless
    /// `more` says otherwise. Answers the token's id, too.
    pub async fn narrow(daarion: &Daarion, more: Value) -> (Self, String) {
        let operator = daarion.api_as("user:operator");
        let mut body = json!({ "name": unique("service"), "scopes": ["*"], "act_as": ["*"] });
        crate::support::merge(&mut body, more);
        let made = answered(201, operator.post("/api/admin/services", body).await);
        let token = text(&made["token"]);
        let service = daarion.anonymous_internal();
        let narrow = Self {
            service: service.with_header("x-internal-service-token", token),
            document: Document::read(),
        };
        (narrow, text(&made["service"]["id"]).to_owned())
    }

    /// The same service with one header more.
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.service = self.service.with_header(name, value);
        self
    }

    #[track_caller]
    fn checked(
        &self,
        method: &Method,
        path: &str,
        answer: (StatusCode, Value),
    ) -> (StatusCode, Value) {
        self.document
            .check(method, path, answer.0.as_u16(), &answer.1);
        answer
    }

    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let answer = self.service.request(method.clone(), path, body).await;
        self.checked(&method, path, answer)
    }

    /// Posts to `/internal/matrix/<what>`.
    pub async fn post(&self, what: &str, body: Value) -> (StatusCode, Value) {
        let path = format!("/internal/matrix/{what}");
        self.ask(Method::POST, &path, Some(body)).await
    }

    /// `/internal/matrix/rooms/<room>` and what follows, encoded.
    pub async fn get_room(&self, room: &str) -> (StatusCode, Value) {
        let path = path(&["internal", "matrix", "rooms", room]);
        self.ask(Method::GET, &path, None).await
    }

    pub async fn put_room(&self, room: &str, what: &str, body: Value) -> (StatusCode, Value) {
        let path = path(&["internal", "matrix", "rooms", room, what]);
        self.ask(Method::PUT, &path, Some(body)).await
    }

    pub async fn put_user(&self, user: &str, what: &str, body: Value) -> (StatusCode, Value) {
        let path = path(&["internal", "matrix", "users", user, what]);
        self.ask(Method::PUT, &path, Some(body)).await
    }

    /// A public room that the connector has made.
    pub async fn room(&self) -> String {
        let body = json!({ "name": unique("Room"), "preset": "public_chat" });
        let made = answered(200, self.post("create-room", body).await);
        text(&made["room_id"]).to_owned()
    }

    /// An agent with a unique name, as `(agent:<name>, @agent_<name>:<server>)`.
    pub async fn agent(&self) -> (String, String) {
        let id = format!("agent:{}", unique("sofia"));
        let body = json!({ "username": id, "display_name": "Sofia" });
        let made = answered(200, self.post("register-user", body).await);
        (id, text(&made["user_id"]).to_owned())
    }

    /// A message of the connector's.
    pub async fn say(&self, room: &str, body: &str) -> String {
        let message = json!({ "room_id": room, "msgtype": "m.text", "body": body });
        let sent = answered(200, self.post("send", message).await);
        text(&sent["event_id"]).to_owned()
    }
}

/// A newcomer who has joined a room with a client of theirs.
pub async fn member(world: &World, room: &str, name: &str) -> MatrixUser {
    let user = world.register_unique(name).await;
    user.join(room).await;
    user
}

/// The content of an event as a member reads it.
pub async fn content(user: &MatrixUser, room: &str, event: &str) -> Value {
    whole(user, room, event).await["content"].clone()
}

/// An event as a member reads it.
pub async fn whole(user: &MatrixUser, room: &str, event: &str) -> Value {
    let place = path(&["_matrix", "client", "v3", "rooms", room, "event", event]);
    let (status, event) = user.request(Method::GET, &place, None).await;
    assert_eq!(status, 200, "{event}");
    event
}
