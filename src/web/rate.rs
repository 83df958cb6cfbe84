//! What is left of a service's allowance, on every answer to it (`RateLimit-*`, as in the IETF's
//! draft-ietf-httpapi-ratelimit-headers-07). The extractor that counts the request notes it here.

use poem::http::{HeaderMap, HeaderName, HeaderValue};
use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};

use crate::api::auth::CountedRate;
use crate::service::limits::Allowance;

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

    async fn call(&self, mut request: Request) -> Result<Response> {
        let counted = CountedRate::default();
        request.extensions_mut().insert(counted.clone());
        let mut response = self.inner.call(request).await?.into_response();
        if let Some(allowance) = counted.get() {
            note(response.headers_mut(), allowance);
        }
        Ok(response)
    }
}

fn note(headers: &mut HeaderMap, allowance: Allowance) {
    // Of the seconds of a wait, a part is waited for whole.
    let reset = allowance.refused_for.map_or(0, |wait| wait.as_secs() + 1);
    let values = [
        ("ratelimit-limit", u64::from(allowance.limit)),
        ("ratelimit-remaining", u64::from(allowance.remaining)),
        ("ratelimit-reset", reset),
    ];
    for (name, value) in values {
        headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
    }
}
