//! The shape of every error that is not an operation's own: unknown paths, wrong methods,
//! bad JSON, missing parameters, refused callers and panics.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use poem::error::ParsePathError as UndecodablePath;
use poem::error::{MethodNotAllowedError, NotFoundError, ReadBodyError, WebSocketError};
use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, Error, IntoResponse, Middleware, Request, Response, Result};
use poem_openapi::error::{AuthorizationError, ContentTypeError, ParseParamError, ParsePathError};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::trace::shown;
use crate::api::auth::Rejected;
use crate::api::body::TOO_LARGE;
use crate::api::error::{BridgeFailure, Failure, Problem};

/// A body of more bytes may still be on its way when it is refused.
const LONG: u64 = 4 * 1024;

/// Gives every error its shape.
#[derive(Default)]
pub struct Problems {
    pub names: Names,
}

/// The endpoint behind [`Problems`].
pub struct Shaped<E> {
    inner: E,
    names: Names,
}

/// What the parameters of paths are called, which poem-openapi only numbers, and which methods
/// the paths have.
#[derive(Clone, Default)]
pub struct Names {
    templates: Vec<Template>,
}

#[derive(Clone)]
struct Template {
    segments: Vec<String>,
    /// As in an `Allow` header.
    methods: Option<HeaderValue>,
}

impl Names {
    /// The names in a document, of which nothing else is held: it is large, and this is done at
    /// the start.
    ///
    /// # Panics
    /// When it is no OpenAPI document.
    #[must_use]
    pub fn of(document: &str) -> Self {
        #[derive(Deserialize)]
        struct Document {
            paths: BTreeMap<String, BTreeMap<String, IgnoredAny>>,
        }
        let document: Document =
            serde_json::from_str(document).expect("poem-openapi writes a document");
        let template = |(path, operations): (String, BTreeMap<String, IgnoredAny>)| {
            let methods: Vec<_> = operations.keys().map(|name| name.to_uppercase()).collect();
            Template {
                segments: path.split('/').map(str::to_owned).collect(),
                methods: HeaderValue::from_str(&methods.join(", ")).ok(),
            }
        };
        Self {
            templates: document.paths.into_iter().map(template).collect(),
        }
    }

    /// The name of `param<number>` in a path.
    fn find(&self, path: &str, numbered: &str) -> Option<&str> {
        let number: usize = numbered.strip_prefix("param")?.parse().ok()?;
        let found = self.template(path)?.parameters().nth(number)?;
        Some(found.trim_matches(['{', '}']))
    }

    /// The `Allow` header of a path (RFC 9110 §15.5.6).
    fn methods(&self, path: &str) -> Option<HeaderValue> {
        self.template(path)?.methods.clone()
    }

    /// The template of a path; of several the one with the most words of its own.
    fn template(&self, path: &str) -> Option<&Template> {
        let path: Vec<_> = path.split('/').collect();
        let fitting = self.templates.iter().filter(|one| one.fits(&path));
        fitting.min_by_key(|one| one.parameters().count())
    }
}

impl Template {
    fn fits(&self, path: &[&str]) -> bool {
        let mut pairs = self.segments.iter().zip(path);
        self.segments.len() == path.len()
            && pairs.all(|(part, given)| is_parameter(part) || part == given)
    }

    fn parameters(&self) -> impl Iterator<Item = &String> {
        self.segments.iter().filter(|part| is_parameter(part))
    }
}

fn is_parameter(segment: &str) -> bool {
    segment.starts_with('{')
}

impl<E: Endpoint> Middleware<E> for Problems {
    type Output = Shaped<E>;

    fn transform(&self, inner: E) -> Shaped<E> {
        Shaped {
            inner,
            names: self.names.clone(),
        }
    }
}

impl<E: Endpoint> Endpoint for Shaped<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let (uri, is_long) = (request.uri().clone(), is_long(&request));
        let mut response = match self.inner.call(request).await {
            Ok(response) => response.into_response(),
            Err(error) if error.is_from_response() => error.into_response(),
            Err(error) => {
                let problem = problem_of(&error, uri.path(), &self.names);
                let mut response = respond(problem, is_bridge(uri.path()));
                if response.status() == StatusCode::METHOD_NOT_ALLOWED
                    && let Some(methods) = self.names.methods(uri.path())
                {
                    response.headers_mut().insert(header::ALLOW, methods);
                }
                response
            }
        };
        // What is left of the body is not read, and the connection ends: whoever sends the next
        // request over it would get no answer.
        if is_long && response.status().is_client_error() {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        Ok(response)
    }
}

/// Whether a request may be refused before all of it is read.
fn is_long(request: &Request) -> bool {
    let headers = request.headers();
    let length = headers.get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    length.is_some_and(|length| length > LONG) || headers.contains_key(header::TRANSFER_ENCODING)
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

fn problem_of(error: &Error, path: &str, names: &Names) -> Problem {
    if let Some(Rejected(problem)) = error.downcast_ref::<Rejected>() {
        return problem.clone();
    }
    let text = error.to_string();
    if let Some(start) = text.find(TOO_LARGE) {
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        return Problem::new(status, "M_TOO_LARGE", format!("body: {}", &text[start..]));
    }
    let bad = |code: &str, message: String| Problem::new(StatusCode::BAD_REQUEST, code, message);
    if let Some(ParseParamError { name, reason }) = error.downcast_ref() {
        return bad("M_INVALID_PARAM", format!("{name}: {reason}"));
    }
    if let Some(ParsePathError { name, reason }) = error.downcast_ref() {
        let name = names.find(path, name).unwrap_or(name);
        return bad("M_INVALID_PARAM", format!("{name}: {reason}"));
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
    if error.is::<UndecodablePath>() {
        return bad("M_INVALID_PARAM", "the path is not UTF-8".to_owned());
    }
    let status = error.status();
    if status.is_client_error() {
        return Problem::new(status, "M_UNKNOWN", text);
    }
    tracing::error!(error = text, "an error without a shape");
    Problem::from(crate::domain::Error::internal(text))
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
        let what = (
            request.method().clone(),
            shown(request.uri().path()).into_owned(),
        );
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
    fn numbered_parameters_have_the_documents_names() {
        let document = serde_json::json!({"paths": {
            "/channels/{channel_id}": {},
            "/channels/{channel_id}/messages/{message_id}": {},
            "/channels/all": {},
        }});
        let names = Names::of(&document.to_string());
        let path = "/channels/x/messages/y";
        assert_eq!(names.find(path, "param0"), Some("channel_id"));
        assert_eq!(names.find(path, "param1"), Some("message_id"));
        assert_eq!(names.find("/channels/x", "param0"), Some("channel_id"));
        for (path, param) in [(path, "param2"), ("/nowhere", "param0"), (path, "limit")] {
            assert_eq!(names.find(path, param), None);
        }
    }

    #[test]
    fn paths_have_the_documents_methods() {
        let document = serde_json::json!({"paths": {
            "/channels/{channel_id}": { "get": {}, "patch": {} },
            "/channels/all": { "post": {} },
        }});
        let names = Names::of(&document.to_string());
        let methods = |path| names.methods(path);
        let expected = |methods| Some(HeaderValue::from_static(methods));
        assert_eq!(methods("/channels/x"), expected("GET, PATCH"));
        assert_eq!(methods("/channels/all"), expected("POST"));
        assert_eq!(methods("/nowhere"), None);
    }

    #[test]
    fn bridge_paths_have_their_own_shape() {
        assert!(is_bridge("/api/city/rooms"));
        assert!(is_bridge("/internal/city/matrix/backfill"));
        assert!(!is_bridge("/api/messaging/channels"));
        assert!(!is_bridge("/api/cityscape"));
    }
}
