//! Reads what outside issuers publish: their keys, over HTTPS. Whose address is asked stands in the
//! configuration, and what an answer means is for whoever asks.

use std::time::Duration;

use reqwest::{Client, Response};
use url::Url;

use crate::domain::{Error, Result};

/// How long one answer may take.
const LIMIT: Duration = Duration::from_secs(5);
/// The largest answer that is read, in bytes; keys have some hundred each.
const LARGEST: usize = 256 * 1024;

/// Whoever reads.
#[derive(Clone)]
pub struct KeySets {
    http: Client,
}

impl KeySets {
    pub fn new() -> Result<Self> {
        let client = || {
            Client::builder()
                .connect_timeout(LIMIT)
                .timeout(LIMIT)
                // An address that leads on could lead anywhere.
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .pool_max_idle_per_host(0)
                .user_agent(concat!("daarion/", env!("CARGO_PKG_VERSION")))
        };
        // A machine that knows no authorities (`ca-certificates`) believes no HTTPS, and does all
        // the rest.
        let http = client().build();
        let http = http.or_else(|_| client().tls_certs_only([]).build());
        let http =
            http.map_err(|error| Error::internal(format!("cannot make an HTTP client: {error}")))?;
        Ok(Self { http })
    }

    /// What an address has.
    pub async fn fetch(&self, url: Url) -> Result<Vec<u8>> {
        let failed = |why: String| Error::IssuerUnavailable(format!("{url}: {why}"));
        let response = self.http.get(url.clone()).send().await;
        let response = response.map_err(|error| failed(words(error)))?;
        if !response.status().is_success() {
            return Err(failed(format!("it answers {}", response.status())));
        }
        bounded(response).await.map_err(failed)
    }
}

async fn bounded(mut response: Response) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(words)? {
        if bytes.len() + chunk.len() > LARGEST {
            return Err(format!("it has more than {LARGEST} bytes"));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// The innermost cause says what happened.
fn words(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
