//! A request id for every request, on its log lines and on its answer.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};

use poem::http::{HeaderName, HeaderValue};
use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};
use tracing::Instrument;

use crate::clock::Clock;

/// Where the id travels.
const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id that a caller may bring.
const MAX_GIVEN: usize = 64;

/// Gives ids: a random part of the process and a count, which is cheaper than a random number
/// each and as good for finding log lines.
pub struct Trace {
    process: u32,
}

/// The endpoint behind a [`Trace`].
pub struct Traced<E> {
    inner: E,
    process: u32,
    count: AtomicU64,
}

impl Default for Trace {
    fn default() -> Self {
        Self {
            process: Clock::system().uuid().as_fields().0,
        }
    }
}

impl<E: Endpoint> Middleware<E> for Trace {
    type Output = Traced<E>;

    fn transform(&self, inner: E) -> Traced<E> {
        Traced {
            inner,
            process: self.process,
            count: AtomicU64::new(0),
        }
    }
}

impl<E: Endpoint> Endpoint for Traced<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let id = given(&request).unwrap_or_else(|| self.fresh());
        let span = tracing::info_span!(
            "request",
            request_id = id.to_str().unwrap_or_default(),
            method = %request.method(),
            path = %shown(request.uri().path())
        );
        let mut response = async {
            let response = self.inner.call(request).await?.into_response();
            tracing::debug!(status = response.status().as_u16(), "answered");
            Ok::<_, poem::Error>(response)
        }
        .instrument(span)
        .await?;
        response.headers_mut().insert(HEADER, id);
        Ok(response)
    }
}

impl<E> Traced<E> {
    fn fresh(&self) -> HeaderValue {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let id = format!("{:08x}-{count:x}", self.process);
        HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("none"))
    }
}

/// A path as it may stand in the log: the code of an invite link lets in whoever reads it.
#[must_use]
pub fn shown(path: &str) -> Cow<'_, str> {
    let is_secret = |before: &str| matches!(before, "invite" | "invites");
    let mut before = "";
    if !path.split('/').any(is_secret) {
        return path.into();
    }
    let parts = path.split('/').map(|part| {
        let shown = match is_secret(before) && !part.is_empty() {
            true => "***",
            false => part,
        };
        before = part;
        shown
    });
    parts.collect::<Vec<_>>().join("/").into()
}

/// An id that a proxy has given already, when it is one that may stand in a log line.
fn given(request: &Request) -> Option<HeaderValue> {
    let id = request.headers().get(HEADER)?;
    let text = id.to_str().ok()?;
    let fits = !text.is_empty()
        && text.len() <= MAX_GIVEN
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    fits.then(|| id.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_invite_links_do_not_stand_in_the_log() {
        for (path, expected) in [
            ("/api/invites/c0de", "/api/invites/***"),
            ("/api/invites/c0de/accept", "/api/invites/***/accept"),
            ("/invite/c0de", "/invite/***"),
            ("/invite/", "/invite/"),
            (
                "/api/messaging/channels/1/invite-links/2",
                "/api/messaging/channels/1/invite-links/2",
            ),
        ] {
            assert_eq!(shown(path), expected);
        }
    }
}
