//! A receiver: an HTTP server that answers as a test says and remembers all that came.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, UNIX_EPOCH};

use poem::http::{HeaderMap, StatusCode};
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::web::Data;
use poem::{EndpointExt, Request, Response, Server, handler};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What came.
#[derive(Clone, Debug)]
pub struct Seen {
    pub path: String,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
    pub body: Value,
    pub at: Instant,
    /// The same in seconds since 1970.
    pub time: u64,
    /// What it was answered; `None` while it hangs.
    pub status: Option<u16>,
}

impl Seen {
    /// The text of a message.
    pub fn text(&self) -> &str {
        self.body["event"]["content"]["body"]
            .as_str()
            .unwrap_or_default()
    }

    pub fn event_id(&self) -> &str {
        self.body["event"]["event_id"].as_str().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).expect("the header is there");
        value.to_str().expect("it is text")
    }

    pub fn is_delivered(&self) -> bool {
        self.status
            .is_some_and(|status| (200..300).contains(&status))
    }

    /// Panics unless it was signed with the secret.
    #[track_caller]
    pub fn verify(&self, secret: &str) {
        assert!(self.is_signed(secret), "{:?}", self.headers);
    }

    /// As [`Self::verify`] when it came: receivers look then, and take nothing that is older than
    /// five minutes.
    #[track_caller]
    pub fn verify_as_of_then(&self, secret: &str) {
        let time: u64 = self.header("webhook-timestamp").parse().expect("seconds");
        assert!(self.time.abs_diff(time) < 300, "{:?}", self.headers);
        let verifier = standardwebhooks::Webhook::new(secret).expect("a secret");
        let time = i64::try_from(time).expect("seconds");
        let signed = verifier.sign(self.header("webhook-id"), time, &self.bytes);
        let signed = signed.expect("it can be signed");
        let mut signatures = self.header("webhook-signature").split(' ');
        assert!(signatures.any(|it| it == signed), "{:?}", self.headers);
    }

    pub fn is_signed(&self, secret: &str) -> bool {
        let verifier = standardwebhooks::Webhook::new(secret).expect("a secret");
        verifier.verify(&self.bytes, &self.headers).is_ok()
    }
}

/// How a receiver answers.
#[derive(Clone, Debug)]
pub enum Reply {
    Status(u16),
    /// With one header.
    With(u16, &'static str, String),
    /// With what came, word for word.
    Echo(u16),
    /// After a while.
    Late(Duration, u16),
    /// Never.
    Hang,
}

type Behaviour = Box<dyn Fn(&Seen) -> Reply + Send + Sync>;

struct Inner {
    seen: watch::Sender<Vec<Seen>>,
    behaviour: Mutex<Behaviour>,
}

/// The server; it ends when this is dropped.
pub struct Receiver {
    inner: Arc<Inner>,
    port: u16,
    task: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    /// One that takes everything.
    pub async fn start() -> Self {
        Self::answering(|_| Reply::Status(200)).await
    }

    pub async fn answering(behaviour: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::at("127.0.0.1", behaviour).await
    }

    /// One that has another address than the others.
    pub async fn at(
        address: &str,
        behaviour: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let acceptor = TcpListener::bind(format!("{address}:0")).into_acceptor();
        let acceptor = acceptor.await;
        let acceptor = acceptor.expect("a free port");
        let address = acceptor.local_addr().remove(0);
        let port = address.as_socket_addr().expect("an address").port();
        let inner = Arc::new(Inner {
            seen: watch::Sender::default(),
            behaviour: Mutex::new(Box::new(behaviour)),
        });
        let endpoint = take.data(inner.clone());
        let task = tokio::spawn(async move {
            let _ = Server::new_with_acceptor(acceptor).run(endpoint).await;
        });
        Self { inner, port, task }
    }

    /// Answers differently from now on.
    pub fn answer(&self, behaviour: impl Fn(&Seen) -> Reply + Send + Sync + 'static) {
        *self.inner.behaviour.lock().expect("no holder panics") = Box::new(behaviour);
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hook", self.port)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.inner.seen.borrow().clone()
    }

    /// Looks at what has come without copying it, which is much in long runs.
    pub fn look<T>(&self, at: impl FnOnce(&[Seen]) -> T) -> T {
        at(&self.inner.seen.borrow())
    }

    /// How much has come.
    pub fn count(&self) -> usize {
        self.look(<[Seen]>::len)
    }

    /// All that was answered with success.
    pub fn delivered(&self) -> Vec<Seen> {
        let mut seen = self.seen();
        seen.retain(Seen::is_delivered);
        seen
    }

    /// Waits until what has come is so.
    pub async fn until(&self, what: &str, is_so: impl Fn(&[Seen]) -> bool) -> Vec<Seen> {
        self.until_within(super::support::LIMIT, what, is_so).await
    }

    pub async fn until_within(
        &self,
        limit: Duration,
        what: &str,
        is_so: impl Fn(&[Seen]) -> bool,
    ) -> Vec<Seen> {
        let mut seen = self.inner.seen.subscribe();
        let waiting = seen.wait_for(|seen| is_so(seen));
        let waited = tokio::time::timeout(limit, waiting).await;
        let came = waited.map(|came| came.expect("the sender lives").clone());
        came.unwrap_or_else(|_| {
            let texts: Vec<_> = self.seen().iter().map(|it| it.text().to_owned()).collect();
            panic!("no {what}; there came {texts:?}")
        })
    }

    /// Waits for so many that were taken, and answers their texts.
    pub async fn texts(&self, count: usize) -> Vec<String> {
        let what = format!("{count} deliveries");
        let enough = |seen: &[Seen]| seen.iter().filter(|it| it.is_delivered()).count() >= count;
        self.until(&what, enough).await;
        let delivered = self.delivered();
        delivered.iter().map(|it| it.text().to_owned()).collect()
    }
}

#[handler]
async fn take(request: &Request, bytes: Vec<u8>, inner: Data<&Arc<Inner>>) -> Response {
    let mut seen = Seen {
        path: request.uri().path().to_owned(),
        headers: request.headers().clone(),
        body: serde_json::from_slice(&bytes).unwrap_or_default(),
        bytes,
        at: Instant::now(),
        time: UNIX_EPOCH.elapsed().expect("it is later").as_secs(),
        status: None,
    };
    let reply = (inner.behaviour.lock().expect("no holder panics"))(&seen);
    let words = match reply {
        Reply::Echo(_) => seen.bytes.clone(),
        _ => b"so it is".to_vec(),
    };
    let (wait, status, header) = match reply {
        Reply::Status(status) | Reply::Echo(status) => (Duration::ZERO, status, None),
        Reply::With(status, name, value) => (Duration::ZERO, status, Some((name, value))),
        Reply::Late(wait, status) => (wait, status, None),
        Reply::Hang => {
            inner.seen.send_modify(|all| all.push(seen));
            return std::future::pending().await;
        }
    };
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    seen.status = Some(status);
    inner.seen.send_modify(|all| all.push(seen));
    let status = StatusCode::from_u16(status).expect("a status");
    let response = Response::builder().status(status);
    match header {
        Some((name, value)) => response.header(name, value).body(words),
        None => response.body(words),
    }
}
