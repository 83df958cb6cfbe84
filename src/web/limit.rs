//! The limit on request bodies. poem has none of its own, and its middleware asks for a
//! Content-Length even where there is no body.

use futures_util::StreamExt;
use poem::http::StatusCode;
use poem::http::header::CONTENT_LENGTH;
use poem::{Body, Endpoint, Middleware, Request, Result};

use crate::api::auth::Rejected;
use crate::api::body::TOO_LARGE;
use crate::api::error::Problem;

/// Refuses bodies of more bytes than this.
#[derive(Clone, Copy)]
pub struct BodyLimit {
    bytes: u64,
    /// A path that has a limit of its own.
    but: Option<(&'static str, u64)>,
}

impl BodyLimit {
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        Self { bytes, but: None }
    }

    /// Gives one path another limit.
    #[must_use]
    pub fn but(self, path: &'static str, bytes: u64) -> Self {
        Self {
            but: Some((path, bytes)),
            ..self
        }
    }

    fn of(self, path: &str) -> u64 {
        match self.but {
            Some((but, bytes)) if but == path => bytes,
            _ => self.bytes,
        }
    }
}

/// The endpoint behind a [`BodyLimit`].
pub struct Limited<E> {
    inner: E,
    limit: BodyLimit,
}

impl<E: Endpoint> Middleware<E> for BodyLimit {
    type Output = Limited<E>;

    fn transform(&self, inner: E) -> Limited<E> {
        Limited {
            inner,
            limit: *self,
        }
    }
}

impl<E: Endpoint> Endpoint for Limited<E> {
    type Output = E::Output;

    async fn call(&self, mut request: Request) -> Result<Self::Output> {
        let limit = self.limit.of(request.uri().path());
        let declared = request.headers().get(CONTENT_LENGTH);
        let declared = declared.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        match declared {
            Some(declared) if declared > limit => return Err(too_large(limit).into()),
            // The server reads no more than what was declared.
            Some(_) => {}
            None => count(&mut request, limit),
        }
        self.inner.call(request).await
    }
}

/// Counts a body of unknown length while it is read.
fn count(request: &mut Request, limit: u64) {
    let mut seen = 0u64;
    let body = request.take_body().into_bytes_stream().map(move |chunk| {
        let chunk = chunk?;
        seen += chunk.len() as u64;
        if seen > limit {
            let error = format!("{TOO_LARGE} of {limit} bytes");
            return Err(std::io::Error::other(error));
        }
        Ok(chunk)
    });
    request.set_body(Body::from_bytes_stream(body));
}

fn too_large(limit: u64) -> Rejected {
    Rejected(Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "M_TOO_LARGE",
        format!("body: {TOO_LARGE} of {limit} bytes"),
    ))
}
