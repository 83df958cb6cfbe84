//! A request id for every request, on its log lines and on its answer.

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
            path = request.uri().path()
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
