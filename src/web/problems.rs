//! The shape of every error that is not an operation's own: unknown paths, wrong methods,
//! bad JSON, missing parameters, refused callers and panics.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use poem::error::{
    MethodNotAllowedError, NotFoundError, ParsePathError, ReadBodyError, WebSocketError,
};
use poem::http::{Method, StatusCode, header};
use poem::{Endpoint, Error, IntoResponse, Middleware, Request, Response, Result};
use poem_openapi::error::{
    AuthorizationError, ContentTypeError, ParseMultipartError, ParseParamError,
    ParseRequestPayloadError,
};

use super::limit;
use crate::api::auth::Rejected;
use crate::api::error::{BridgeFailure, Failure, Problem};

/// Gives every error its shape.
pub struct Problems;

/// The endpoint behind [`Problems`].
pub struct Shaped<E>(E);

impl<E: Endpoint> Middleware<E> for Problems {
    type Output = Shaped<E>;

    fn transform(&self, inner: E) -> Shaped<E> {
        Shaped(inner)
    }
}

impl<E: Endpoint> Endpoint for Shaped<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let bridge = is_bridge(request.uri().path());
        match self.0.call(request).await {
            Ok(response) => Ok(response.into_response()),
            Err(error) if error.is_from_response() => Ok(error.into_response()),
            Err(error) => Ok(respond(problem_of(&error), bridge)),
        }
    }
}

/// Whether a path's errors have the bridge document's shape.
fn is_bridge(path: &str) -> bool {
    path == "/api/city"
        || path.starts_with("/api/city/")
        || path.starts_with("/internal/city/")
        || path.starts_with("/internal/matrix/rooms/create")
        || path.starts_with("/internal/matrix/rooms/find-by-alias")
}

/// A problem as an answer.
#[must_use]
pub fn respond(problem: Problem, bridge: bool) -> Response {
    let (status, is_method) = (
        problem.status,
        problem.status == StatusCode::METHOD_NOT_ALLOWED,
    );
    let mut response = if bridge {
        BridgeFailure::from(problem).into_response()
    } else {
        Failure::from(problem).into_response()
    };
    // Statuses that no operation documents keep theirs all the same.
    if status.is_client_error() {
        response.set_status(status);
    }
    if is_method {
        response.headers_mut().remove(header::RETRY_AFTER);
    }
    response
}

fn problem_of(error: &Error) -> Problem {
    if let Some(Rejected(problem)) = error.downcast_ref::<Rejected>() {
        return problem.clone();
    }
    let text = error.to_string();
    if text.contains(limit::TOO_LARGE) {
        return Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "M_TOO_LARGE",
            limit::TOO_LARGE,
        );
    }
    let bad = |code: &str, message: String| Problem::new(StatusCode::BAD_REQUEST, code, message);
    if error.is::<ParseRequestPayloadError>() {
        return bad("M_BAD_JSON", readable(&text));
    }
    if error.is::<ParseParamError>() || error.is::<ParsePathError>() {
        return bad("M_INVALID_PARAM", readable(&text));
    }
    if error.is::<ParseMultipartError>() {
        return bad("M_BAD_JSON", readable(&text));
    }
    if error.is::<ReadBodyError>() {
        return bad("M_BAD_JSON", format!("cannot read the body: {text}"));
    }
    if error.is::<ContentTypeError>() {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        let message = "Content-Type: must be application/json";
        return Problem::new(status, "M_NOT_JSON", message);
    }
    if error.is::<WebSocketError>() {
        return bad(
            "M_UNRECOGNIZED",
            "a WebSocket handshake is needed".to_owned(),
        );
    }
    if error.is::<AuthorizationError>() {
        return Problem::new(StatusCode::UNAUTHORIZED, "M_MISSING_TOKEN", text);
    }
    if error.is::<NotFoundError>() {
        return Problem::new(StatusCode::NOT_FOUND, "M_UNRECOGNIZED", "no such path");
    }
    if error.is::<MethodNotAllowedError>() {
        let status = StatusCode::METHOD_NOT_ALLOWED;
        return Problem::new(status, "M_UNRECOGNIZED", "the path has no such method");
    }
    let status = error.status();
    if status.is_client_error() {
        return Problem::new(status, "M_UNKNOWN", text);
    }
    tracing::error!(error = text, "an error without a shape");
    Problem::from(crate::domain::Error::internal(text))
}

/// The library's words without its wrapping: `field: what was wrong`.
fn readable(text: &str) -> String {
    let text = text
        .strip_prefix("parse request payload error: ")
        .unwrap_or(text);
    if let Some((reason, place)) = text.split_once(" (occurred while parsing \"")
        && let Some(place) = place.strip_suffix("\")")
        && let Some((_, field)) = place.split_once('.')
    {
        let reason = reason.rsplit_once("\": ").map_or(reason, |(_, last)| last);
        return format!("{field}: {reason}");
    }
    text.to_owned()
}

/// Turns a panic into an error, so that one request's bug is one request's answer.
pub struct CatchPanics;

/// The endpoint behind [`CatchPanics`].
pub struct Caught<E>(E);

impl<E: Endpoint> Middleware<E> for CatchPanics {
    type Output = Caught<E>;

    fn transform(&self, inner: E) -> Caught<E> {
        Caught(inner)
    }
}

impl<E: Endpoint> Endpoint for Caught<E> {
    type Output = E::Output;

    async fn call(&self, request: Request) -> Result<Self::Output> {
        let what = (request.method().clone(), request.uri().path().to_owned());
        let called = AssertUnwindSafe(self.0.call(request)).catch_unwind();
        called.await.unwrap_or_else(|_| Err(panicked(&what)))
    }
}

fn panicked((method, path): &(Method, String)) -> Error {
    tracing::error!(%method, path, "an operation panicked");
    Rejected(Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "INTERNAL_ERROR",
        "internal error; the log has the details under this request id",
    ))
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_is_named_first() {
        let text = "parse request payload error: failed to parse \"string\": Expected input type \
                    \"string\", found 5. (occurred while parsing \"NewCityRoom.name\")";
        assert!(readable(text).starts_with("name: "), "{}", readable(text));
        assert_eq!(
            readable("expected value at line 1"),
            "expected value at line 1"
        );
    }

    #[test]
    fn bridge_paths_have_their_own_shape() {
        assert!(is_bridge("/api/city/rooms"));
        assert!(is_bridge("/internal/city/matrix/backfill"));
        assert!(!is_bridge("/api/messaging/channels"));
        assert!(!is_bridge("/api/cityscape"));
    }
}
