//! What answers say to caches: nothing is kept that does not say how long it may be, for it is
//! somebody's; and nothing is taken for another type than it says.

use poem::http::{HeaderValue, header};
use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};

/// Gives every answer these headers.
pub struct NotKept;

/// The endpoint behind [`NotKept`].
pub struct Marked<E>(E);

impl<E: Endpoint> Middleware<E> for NotKept {
    type Output = Marked<E>;

    fn transform(&self, inner: E) -> Marked<E> {
        Marked(inner)
    }
}

impl<E: Endpoint> Endpoint for Marked<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let mut response = self.0.call(request).await?.into_response();
        let headers = response.headers_mut();
        headers
            .entry(header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-store"));
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
        Ok(response)
    }
}
