//! A homeserver that says what a test wants, after the time that a test wants, and counts what it
//! is asked: for what a real one cannot be made to do.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use poem::http::{Method, StatusCode};
use poem::listener::{Acceptor as _, Listener as _, TcpListener};
use poem::{Endpoint, Request, Response, Server};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::daarion::{Daarion, DaarionOptions};

/// What the connector asks by itself, whatever services do.
const BACKGROUND: [&str; 5] = [
    "/account/whoami",
    "/appservice/",
    "/joined_rooms",
    "/presence/",
    "/versions",
];

/// A request that came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    pub method: Method,
    /// The path and the query as they were sent, encoded.
    pub target: String,
}

impl Asked {
    /// Whether it is asked if a room is encrypted, which comes before whatever is said there.
    pub fn is_about_encryption(&self) -> bool {
        self.target.contains("/state/m.room.encryption")
    }

    pub fn is_of_a_service(&self) -> bool {
        !BACKGROUND.iter().any(|part| self.target.contains(part))
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Said {
    status: u16,
    body: String,
    header: Option<(&'static str, String)>,
    after: Duration,
}

impl Said {
    pub fn new(status: u16, body: &str) -> Self {
        Self {
            status,
            body: body.to_owned(),
            header: None,
            after: Duration::ZERO,
        }
    }

    pub fn json(status: u16, body: &Value) -> Self {
        Self::new(status, &body.to_string())
    }

    /// There is no such thing.
    pub fn missing() -> Self {
        let said = serde_json::json!({ "errcode": "M_NOT_FOUND", "error": "There is none" });
        Self::json(404, &said)
    }

    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.header = Some((name, value.to_owned()));
        self
    }

    pub fn after(mut self, after: Duration) -> Self {
        self.after = after;
        self
    }
}

type Behaviour = Box<dyn Fn(&Asked) -> Said + Send + Sync>;

struct State {
    behaviour: Mutex<Behaviour>,
    asked: Mutex<Vec<Asked>>,
    in_flight: Mutex<InFlight>,
}

/// Requests of services that have come and are not answered.
#[derive(Default)]
struct InFlight {
    now: usize,
    most: usize,
}

/// The homeserver; it ends when this is dropped.
pub struct Stub {
    url: String,
    state: Arc<State>,
    task: JoinHandle<()>,
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Stub {
    /// One that has one answer for everything.
    pub async fn saying(said: Said) -> Self {
        Self::answering(move |_| said.clone()).await
    }

    pub async fn answering(behaviour: impl Fn(&Asked) -> Said + Send + Sync + 'static) -> Self {
        let state = Arc::new(State {
            behaviour: Mutex::new(Box::new(behaviour)),
            asked: Mutex::default(),
            in_flight: Mutex::default(),
        });
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await;
        let acceptor = acceptor.expect("a free port");
        let address = acceptor.local_addr().remove(0);
        let address = *address.as_socket_addr().expect("an address");
        let answering = Answering(state.clone());
        let task = tokio::spawn(async move {
            let _ = Server::new_with_acceptor(acceptor).run(answering).await;
        });
        Self {
            url: format!("http://{address}"),
            state,
            task,
        }
    }

    /// Answers differently from now on.
    pub fn answer(&self, behaviour: impl Fn(&Asked) -> Said + Send + Sync + 'static) {
        *self.state.behaviour.lock().expect("no holder panics") = Box::new(behaviour);
    }

    /// What services have asked since this was called last.
    pub fn take_asked(&self) -> Vec<Asked> {
        let asked = std::mem::take(&mut *self.state.asked.lock().expect("no holder panics"));
        asked.into_iter().filter(Asked::is_of_a_service).collect()
    }

    /// The most that services asked at once.
    pub fn most_in_flight(&self) -> usize {
        self.state.in_flight.lock().expect("no holder panics").most
    }

    /// How much of services is asked and not answered now.
    pub fn in_flight(&self) -> usize {
        self.state.in_flight.lock().expect("no holder panics").now
    }

    /// A daarion beside it.
    pub async fn daarion(&self) -> Daarion {
        self.daarion_with(DaarionOptions::default()).await
    }

    /// The same, which differs in these options.
    pub async fn daarion_with(&self, options: DaarionOptions) -> Daarion {
        let options = DaarionOptions {
            homeserver_url: self.url.clone(),
            ..options
        };
        Daarion::start(&options).await
    }
}

struct Answering(Arc<State>);

/// Counts a request for as long as it lives, however it ends.
struct Counted<'a>(&'a State);

impl<'a> Counted<'a> {
    fn new(state: &'a State) -> Self {
        let mut in_flight = state.in_flight.lock().expect("no holder panics");
        in_flight.now += 1;
        in_flight.most = in_flight.most.max(in_flight.now);
        Self(state)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.in_flight.lock().expect("no holder panics").now -= 1;
    }
}

impl Endpoint for Answering {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let state = &self.0;
        let asked = Asked {
            method: request.method().clone(),
            target: request.original_uri().to_string(),
        };
        // Whoever has counted it may change what is said from then on.
        let said = (state.behaviour.lock().expect("no holder panics"))(&asked);
        let _counted = asked.is_of_a_service().then(|| Counted::new(state));
        (state.asked.lock().expect("no holder panics")).push(asked);
        if !said.after.is_zero() {
            tokio::time::sleep(said.after).await;
        }
        let status = StatusCode::from_u16(said.status).expect("a status");
        let mut response = Response::builder().status(status);
        if let Some((name, value)) = said.header {
            response = response.header(name, value);
        }
        Ok(response.body(said.body))
    }
}
