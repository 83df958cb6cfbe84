//! Plain JSON over HTTP, as any client would speak it.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::Value;

#[derive(Clone, Debug)]
pub struct Http {
    client: Client,
    base_url: String,
}

impl Http {
    /// Keeps connections open between requests. They belong to the async runtime of their first
    /// use, so such a value must not be shared between tests, each of which has its own.
    pub fn new(base_url: &str) -> Self {
        Self::build(base_url, usize::MAX)
    }

    /// A new connection for each request: slower, and fit for statics.
    pub fn without_pool(base_url: &str) -> Self {
        Self::build(base_url, 0)
    }

    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// `path` begins with `/` and is encoded already (see [`path`]).
    pub fn builder(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.base_url))
    }

    fn build(base_url: &str, idle_connections: usize) -> Self {
        let client = Client::builder()
            // Whatever proxy the machine has, it does not lead to its own loopback.
            .no_proxy()
            // Nor is there HTTPS on it, and reading the machine's certificates is what would cost most.
            .tls_certs_only([])
            // Where an answer leads is part of it.
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(idle_connections)
            .timeout(Duration::from_mins(1))
            .build()
            .expect("an HTTP client can be built");
        Self {
            client,
            base_url: base_url.to_owned(),
        }
    }
}

/// Sends, and reads the answer: JSON as it is, nothing as null, anything else as a string.
pub async fn exchange(
    request: RequestBuilder,
    body: Option<&Value>,
) -> reqwest::Result<(StatusCode, Value)> {
    let request = match body {
        Some(body) => request.json(body),
        None => request,
    };
    let response = request.send().await?;
    let status = response.status();
    let text = response.text().await?;
    let value = match serde_json::from_str(&text) {
        Ok(value) => value,
        Err(_) if text.is_empty() => Value::Null,
        Err(_) => Value::String(text),
    };
    Ok((status, value))
}

/// Joins segments to a path, each one percent-encoded: room ids and aliases hold `!`, `#`, `:`
/// and `/`.
pub fn path(segments: &[&str]) -> String {
    let mut url = url::Url::parse("http://localhost").expect("a constant URL is valid");
    url.path_segments_mut()
        .expect("an http URL has a path")
        .extend(segments);
    url.path().to_owned()
}
