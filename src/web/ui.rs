//! The web application on the public listener: one page for every path that is not the server's
//! own, and the files that the page is made of.
//!
//! Begin with [`is_page`] and [`Pages`]. What the files are and where they come from stands in
//! [`assets`]. The application itself lives in `ui/` and knows nothing of this.

mod assets;

use std::borrow::Cow;

use bytes::Bytes;
use poem::error::{MethodNotAllowedError, NotFoundError};
use poem::http::{Method, StatusCode, header};
use poem::web::Html;
use poem::{Endpoint, IntoResponse, Middleware, Request, Response, Result};

use assets::{Asset, Find, built, negotiated};

/// The first segments of the paths that are the server's: an unknown path below them is an
/// error, never the page.
const SERVERS: [&str; 12] = [
    "_matrix",
    "api",
    "docs",
    "health",
    "healthz",
    "internal",
    "metrics",
    "openapi.json",
    "openapi.yaml",
    "readyz",
    "status",
    "ws",
];
/// Files with a hash in their name; what has one never changes.
const HASHED: &str = "_app/immutable/";
/// Files that the page loads.
const FILES: &str = "_app/";
const PAGE: &str = "index.html";
const FOREVER: &str = "public, max-age=31536000, immutable";
/// May be kept, but is to be asked for each time; the answer is mostly 304.
const ASK: &str = "no-cache";

/// What is served where the application was not built.
const NOT_BUILT: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width\">
<title>daarion</title>
<h1>daarion is running, without its web application</h1>
<p>This program was built by cargo alone. <code>make build</code> builds the web application and
then a program that has it inside. The API is here all the same: <a href=\"/docs\">/docs</a>.</p>
</html>
";

/// Answers for the pages; all other requests go on.
pub struct Pages {
    find: Find,
}

/// The endpoint behind [`Pages`].
pub struct WithPages<E> {
    inner: E,
    find: Find,
}

impl Default for Pages {
    fn default() -> Self {
        Self { find: built }
    }
}

impl<E: Endpoint> Middleware<E> for Pages {
    type Output = WithPages<E>;

    fn transform(&self, inner: E) -> WithPages<E> {
        WithPages {
            inner,
            find: self.find,
        }
    }
}

impl<E: Endpoint> Endpoint for WithPages<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        if !is_page(request.uri().path()) {
            return Ok(self.inner.call(request).await?.into_response());
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return Err(MethodNotAllowedError.into());
        }
        answer(self.find, &request)
    }
}

/// Whether a path is the application's. None of its pages begins with what has to be escaped, so
/// `/%61pi` is no way around the server's own.
fn is_page(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next();
    let first = first.unwrap_or_default();
    !first.contains('%') && !SERVERS.contains(&first)
}

/// Whether a path is a file's: whoever asks for one that is not there gets no page instead. No
/// page of ours has a dot in its first segment; `/.well-known/…`, `/robots.txt` and the like do,
/// and mean something to those who ask.
fn is_file(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    path.starts_with(FILES) || (first.contains('.') && path != PAGE)
}

fn answer(find: Find, request: &Request) -> Result<Response> {
    let path = request.uri().path().trim_start_matches('/');
    let accepted = value(request, header::ACCEPT_ENCODING);
    let named = |path: &str| negotiated(find, path, accepted);
    let file = Some(path).filter(|path| !path.is_empty() && *path != PAGE);
    let response = match file.and_then(named) {
        Some(asset) if path.starts_with(HASHED) => send(request, asset, FOREVER),
        Some(asset) => send(request, asset, ASK),
        None if is_file(path) => return Err(NotFoundError.into()),
        None => page(find, request, named(PAGE)),
    };
    Ok(response
        .with_header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .with_header(header::REFERRER_POLICY, "same-origin")
        .with_header("cross-origin-opener-policy", "same-origin")
        .into_response())
}

fn page(find: Find, request: &Request, page: Option<Asset>) -> Response {
    // The policy is read from the form that is not compressed.
    let Some((page, plain)) = page.zip(find(PAGE)) else {
        return Html(NOT_BUILT)
            .with_header(header::CACHE_CONTROL, "no-store")
            .with_header(
                header::CONTENT_SECURITY_POLICY,
                "default-src 'none'; frame-ancestors 'none'",
            )
            .into_response();
    };
    let policy = policy(&String::from_utf8_lossy(&plain.bytes));
    send(request, page, ASK)
        .with_header(header::CONTENT_SECURITY_POLICY, policy)
        .into_response()
}

/// The policy that the build wrote into the page, where the hash of its one inline script
/// stands, and what can only be said in a header.
fn policy(page: &str) -> String {
    let written = page
        .split_once("http-equiv=\"content-security-policy\" content=\"")
        .and_then(|(_, rest)| rest.split_once('"'))
        .map_or("default-src 'self'; object-src 'none'", |(policy, _)| {
            policy
        });
    format!("{written}; frame-ancestors 'none'")
}

fn send(request: &Request, asset: Asset, cache: &'static str) -> Response {
    let response = Response::builder()
        .header(header::ETAG, &asset.etag)
        .header(header::CACHE_CONTROL, cache)
        .header(header::VARY, "accept-encoding");
    if is_known(value(request, header::IF_NONE_MATCH), &asset.etag) {
        return response.status(StatusCode::NOT_MODIFIED).finish();
    }
    let response = response.content_type(&asset.content_type);
    let response = match asset.encoding {
        Some(encoding) => response.header(header::CONTENT_ENCODING, encoding),
        None => response,
    };
    // What the binary carries is sent from where it lies.
    response.body(match asset.bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    })
}

/// Whether an `If-None-Match` names the tag.
fn is_known(given: &str, etag: &str) -> bool {
    given
        .split(',')
        .map(|tag| tag.trim().trim_start_matches("W/"))
        .any(|tag| tag == etag || tag == "*")
}

fn value(request: &Request, name: header::HeaderName) -> &str {
    let value = request.headers().get(name);
    value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
