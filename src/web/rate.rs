//! What is left of a caller's allowance, on every answer to it (`RateLimit-*`, as in the IETF's
//! draft-ietf-httpapi-ratelimit-headers-07). Whoever counts the request notes it in its act.

use std::time::Duration;

use poem::http::{HeaderMap, HeaderName, HeaderValue};
use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};

use crate::acts;
use crate::domain::rate::Allowance;

/// Puts the headers onto answers.
pub struct RateHeaders;

/// The endpoint behind [`RateHeaders`].
pub struct Rated<E> {
    inner: E,
}

impl<E: Endpoint> Middleware<E> for RateHeaders {
    type Output = Rated<E>;

    fn transform(&self, inner: E) -> Rated<E> {
        Rated { inner }
    }
}

impl<E: Endpoint> Endpoint for Rated<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let mut response = self.inner.call(request).await?.into_response();
        if let Some(allowance) = acts::allowance() {
            note(response.headers_mut(), allowance);
        }
        Ok(response)
    }
}

fn note(headers: &mut HeaderMap, allowance: Allowance) {
    // Of the seconds of a wait, a part is waited for whole, as `Retry-After` has it.
    let seconds = |wait: Duration| wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let reset = allowance.refused_for.map_or(0, |wait| seconds(wait).max(1));
    let values = [
        ("ratelimit-limit", u64::from(allowance.limit)),
        ("ratelimit-remaining", u64::from(allowance.remaining)),
        ("ratelimit-reset", reset),
    ];
    for (name, value) in values {
        headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
    }
}
