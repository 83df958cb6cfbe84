//! A reverse proxy that does to requests what networks and crashes do: holds them, holds their
//! answers, loses them.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use poem::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use poem::listener::{Listener as _, TcpListener};
use poem::{Endpoint, Request, Response, Server};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::homeserver::Port;

/// What becomes of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    Pass,
    /// It waits before it is passed on, until the rule changes.
    HoldRequest,
    /// It is passed on at once; the answer waits until the rule changes.
    HoldAnswer,
    /// It waits until the rule changes, and is never passed on.
    Lose,
    /// It is passed on, and its answer lost on the way.
    LoseAnswer,
    /// It is answered with `{}` and never passed on.
    Swallow,
    /// It is answered with 500, as by a homeserver with a bug, and never passed on.
    Fail,
    /// It is answered with 403, and never passed on.
    Refuse,
}

/// Dropping it closes its port and breaks what it holds.
pub struct Proxy {
    port: Port,
    state: Arc<State>,
    server: JoinHandle<()>,
}

struct State {
    upstream: Mutex<String>,
    /// The requests whose path contains the text meet the action; all others pass.
    rule: watch::Sender<(String, Action)>,
    /// How many requests wait.
    held: watch::Sender<usize>,
    /// The bodies of the requests that met the rule since it was set.
    met: watch::Sender<Vec<String>>,
    client: reqwest::Client,
}

impl Proxy {
    /// Listens on a port of its own; [`Self::lead_to`] says where it leads.
    pub async fn start() -> Self {
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .build();
        let state = Arc::new(State {
            upstream: Mutex::new(String::new()),
            rule: watch::Sender::new((String::new(), Action::Pass)),
            held: watch::Sender::new(0),
            met: watch::Sender::new(Vec::new()),
            client: client.expect("an HTTP client can be built"),
        });
        let port = Port::reserve();
        let endpoint = Passage(state.clone());
        let address = format!("127.0.0.1:{}", port.number());
        let (ready, is_ready) = tokio::sync::oneshot::channel();
        let server = tokio::spawn(async move {
            let bound = TcpListener::bind(address).into_acceptor().await;
            let bound = bound.expect("a reserved port can be listened on");
            let _ = ready.send(());
            let _ = Server::new_with_acceptor(bound).run(endpoint).await;
        });
        is_ready.await.expect("the proxy listens");
        Self {
            port,
            state,
            server,
        }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port.number())
    }

    /// `http://host:port`, without a slash at the end.
    pub fn lead_to(&self, upstream: &str) {
        *self.state.upstream.lock().expect("no holder panics") = upstream.to_owned();
    }

    /// From now on requests whose path contains `part` meet `action`. What another rule
    /// holds goes on.
    pub fn set(&self, part: &str, action: Action) {
        self.state.met.send_replace(Vec::new());
        self.state.rule.send_replace((part.to_owned(), action));
    }

    /// Everything passes.
    pub fn open(&self) {
        self.set("", Action::Pass);
    }

    /// Waits until so many requests, or answers, are held.
    pub async fn until_held(&self, count: usize) {
        let mut held = self.state.held.subscribe();
        let reached = held.wait_for(|held| *held >= count);
        tokio::time::timeout(crate::support::LIMIT, reached)
            .await
            .expect("requests come to be held")
            .expect("the proxy lives");
    }

    /// Waits until a request with this text in it has met the rule that is set.
    pub async fn until_met(&self, text: &str) {
        let mut met = self.state.met.subscribe();
        let reached = met.wait_for(|met| met.iter().any(|body| body.contains(text)));
        tokio::time::timeout(crate::support::LIMIT, reached)
            .await
            .unwrap_or_else(|_| panic!("no request with {text} has come"))
            .expect("the proxy lives");
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

struct Passage(Arc<State>);

/// Counts a request as held for as long as it lives, however it ends.
struct Held<'a>(&'a State);

impl<'a> Held<'a> {
    fn new(state: &'a State) -> Self {
        state.held.send_modify(|held| *held += 1);
        Self(state)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.held.send_modify(|held| *held -= 1);
    }
}

impl Endpoint for Passage {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let state = &self.0;
        let mut rule = state.rule.subscribe();
        let (part, mut action) = rule.borrow_and_update().clone();
        let target = request.original_uri().to_string();
        let (parts, body) = request.into_parts();
        let body = body.into_bytes().await.unwrap_or_default();
        if !target.contains(&part) {
            action = Action::Pass;
        }
        if action != Action::Pass {
            let text = String::from_utf8_lossy(&body).into_owned();
            state.met.send_modify(|met| met.push(text));
        }
        let forward = state.forward(parts.method, &target, parts.headers, body);
        let changed = async {
            let _held = Held::new(state);
            let _ = rule.changed().await;
        };
        Ok(match action {
            Action::Pass => forward.await,
            Action::Swallow => Response::builder()
                .content_type("application/json")
                .body("{}"),
            Action::Fail => error(StatusCode::INTERNAL_SERVER_ERROR, "M_UNKNOWN"),
            Action::Refuse => error(StatusCode::FORBIDDEN, "M_FORBIDDEN"),
            Action::Lose => {
                changed.await;
                StatusCode::BAD_GATEWAY.into()
            }
            Action::LoseAnswer => {
                forward.await;
                StatusCode::BAD_GATEWAY.into()
            }
            Action::HoldRequest => {
                changed.await;
                forward.await
            }
            Action::HoldAnswer => {
                let answer = forward.await;
                changed.await;
                answer
            }
        })
    }
}

impl State {
    async fn forward(
        &self,
        method: Method,
        target: &str,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Response {
        let url = self.upstream.lock().expect("no holder panics").clone() + target;
        strip(&mut headers);
        let request = self.client.request(method, url);
        let Ok(answer) = request.headers(headers).body(body).send().await else {
            return StatusCode::BAD_GATEWAY.into();
        };
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        strip(&mut headers);
        let Ok(body) = answer.bytes().await else {
            return StatusCode::BAD_GATEWAY.into();
        };
        let mut response = Response::builder().status(status).body(body);
        response.headers_mut().extend(headers);
        response
    }
}

/// An answer as Matrix has them.
fn error(status: StatusCode, code: &str) -> Response {
    let body = serde_json::json!({ "errcode": code, "error": "by the proxy" });
    Response::builder()
        .status(status)
        .content_type("application/json")
        .body(body.to_string())
}

/// What belongs to one connection only.
fn strip(headers: &mut HeaderMap) {
    let own: [HeaderName; 4] = [
        header::HOST,
        header::CONTENT_LENGTH,
        header::TRANSFER_ENCODING,
        header::CONNECTION,
    ];
    for name in own {
        headers.remove(name);
    }
}
