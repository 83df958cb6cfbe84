//! A homeserver that answers what the connector asks at its start, takes messages, and does
//! nothing else: what is measured beside it is daarion alone.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use poem::http::StatusCode;
use poem::listener::TcpListener;
use poem::web::{Data, Json, Path};
use poem::{EndpointExt, IntoResponse, Response, Route, Server, get, handler, post, put};
use serde_json::json;

use crate::homeserver::Port;
use crate::story::{SERVER, Story};

/// How many events a page of history has at the most.
const PAGE: u64 = 100;

/// Serves until the process ends.
pub struct Stub {
    port: Port,
    shared: Arc<Shared>,
}

struct Shared {
    story: Story,
    pushed: AtomicU64,
    /// The latest message that was taken, by its transaction id.
    sent: Mutex<String>,
}

impl Stub {
    pub fn start(story: Story) -> Self {
        let shared = Arc::new(Shared {
            story,
            pushed: AtomicU64::new(0),
            sent: Mutex::default(),
        });
        let port = Port::reserve();
        let client = "/_matrix/client/v3";
        let routes = Route::new()
            .at("/_matrix/client/versions", get(versions))
            .at("/_matrix/client/v1/appservice/:id/ping", post(ping))
            .at(format!("{client}/register"), post(register))
            .at(format!("{client}/account/whoami"), get(whoami))
            .at(format!("{client}/joined_rooms"), get(joined_rooms))
            .at(format!("{client}/rooms/:room/state"), get(state))
            .at(
                format!("{client}/rooms/:room/state/m.room.tombstone/"),
                get(tombstone),
            )
            .at(format!("{client}/rooms/:room/messages"), get(messages))
            .at(format!("{client}/rooms/:room/send/:kind/:txn"), put(send))
            .at(format!("{client}/presence/:user/status"), get(presence))
            .at("/*path", unknown)
            .data(shared.clone());
        let address = format!("127.0.0.1:{}", port.number());
        tokio::spawn(async move {
            let served = Server::new(TcpListener::bind(address)).run(routes).await;
            served.expect("the stub serves until the end");
        });
        Self { port, shared }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port.number())
    }

    /// The event that the latest message became.
    pub fn sent(&self) -> String {
        self.shared.sent.lock().expect("no holder panics").clone()
    }

    /// From now on, that many events are part of the rooms' history.
    pub fn pushed(&self, events: u64) {
        self.shared.pushed.fetch_max(events, Ordering::Relaxed);
    }
}

#[handler]
fn versions() -> Response {
    Json(json!({ "versions": ["v1.1", "v1.11"] })).into_response()
}

#[handler]
fn ping() -> Response {
    Json(json!({ "duration_ms": 1 })).into_response()
}

#[handler]
fn register() -> Response {
    let problem = json!({ "errcode": "M_USER_IN_USE", "error": "is there already" });
    Json(problem)
        .with_status(StatusCode::BAD_REQUEST)
        .into_response()
}

#[handler]
fn whoami() -> Response {
    Json(json!({ "user_id": format!("@daarion:{SERVER}") })).into_response()
}

#[handler]
fn joined_rooms(shared: Data<&Arc<Shared>>) -> Response {
    let rooms: Vec<_> = shared.story.rooms().collect();
    Json(json!({ "joined_rooms": rooms })).into_response()
}

#[handler]
fn state(Path(room): Path<String>, shared: Data<&Arc<Shared>>) -> Response {
    Json(shared.story.state(&room)).into_response()
}

#[handler]
fn messages(Path(room): Path<String>, shared: Data<&Arc<Shared>>) -> Response {
    let pushed = shared.pushed.load(Ordering::Relaxed);
    shared
        .story
        .history(&room, pushed, PAGE)
        .with_content_type("application/json")
        .into_response()
}

/// At once: nothing comes of it.
#[handler]
fn send(
    Path((_, _, transaction)): Path<(String, String, String)>,
    shared: Data<&Arc<Shared>>,
) -> Response {
    let event = format!("${transaction}");
    let answer = Json(json!({ "event_id": event })).into_response();
    *shared.sent.lock().expect("no holder panics") = event;
    answer
}

#[handler]
fn presence() -> Response {
    Json(json!({ "presence": "offline" })).into_response()
}

/// No room of it has been upgraded.
#[handler]
fn tombstone() -> Response {
    refused("M_NOT_FOUND", "no such state")
}

#[handler]
fn unknown(Path(path): Path<String>) -> Response {
    eprintln!("the stub was asked for {path}");
    refused("M_UNRECOGNIZED", "the stub does not know that")
}

fn refused(code: &str, reason: &str) -> Response {
    Json(json!({ "errcode": code, "error": reason }))
        .with_status(StatusCode::NOT_FOUND)
        .into_response()
}
