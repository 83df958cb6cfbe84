//! Somebody who calls daarion's HTTP API, with the headers that say who it is.

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::homeserver::http::{Http, exchange};

pub type WebSocket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Keeps its connections, which belong to the test that made it.
#[derive(Clone, Debug)]
pub struct Caller {
    http: Http,
    headers: Vec<(&'static str, String)>,
}

impl Caller {
    pub(super) fn new(base_url: &str) -> Self {
        Self {
            http: Http::new(base_url),
            headers: Vec::new(),
        }
    }

    /// The same caller with one header more.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// A request to be finished by hand.
    pub fn builder(&self, method: Method, path: &str) -> RequestBuilder {
        self.headers
            .iter()
            .fold(self.http.builder(method, path), |request, (name, value)| {
                request.header(*name, value)
            })
    }

    /// `path` begins with `/` and is encoded already. Panics when nothing answers.
    pub async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        self.try_request(method, path, body)
            .await
            .unwrap_or_else(|error| panic!("failed to ask {path}: {error:?}"))
    }

    /// Like [`Self::request`], for tests that take daarion down in the middle.
    pub async fn try_request(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> reqwest::Result<(StatusCode, Value)> {
        exchange(self.builder(method, path), body.as_ref()).await
    }

    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.request(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.request(Method::POST, path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.request(Method::PUT, path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.request(Method::PATCH, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> (StatusCode, Value) {
        self.request(Method::DELETE, path, None).await
    }

    /// Opens a WebSocket; panics when it is refused.
    pub async fn websocket(&self, path: &str) -> WebSocket {
        self.try_websocket(path)
            .await
            .unwrap_or_else(|error| panic!("failed to open {path}: {error}"))
    }

    pub async fn try_websocket(
        &self,
        path: &str,
    ) -> Result<WebSocket, tokio_tungstenite::tungstenite::Error> {
        let url = format!("{}{path}", self.http.base_url().replacen("http", "ws", 1));
        let mut request = url.into_client_request()?;
        for (name, value) in &self.headers {
            let value = HeaderValue::from_str(value).expect("a header of a test is valid");
            request
                .headers_mut()
                .insert(HeaderName::from_static(name), value);
        }
        connect_async(request).await.map(|(socket, _)| socket)
    }
}
