//! The rules of the pages, on files of the test's own; the real ones are tried by a browser.

use std::borrow::Cow;

use poem::http::HeaderMap;
use poem::{EndpointExt, endpoint::make_sync};

use super::*;

const HTML: &str = "<meta http-equiv=\"content-security-policy\" content=\"script-src 'self' 'sha256-x='\"><p>page</p>";

fn files(path: &str) -> Option<Asset> {
    let (bytes, content_type) = match path {
        "index.html" => (HTML, "text/html; charset=utf-8"),
        "_app/immutable/a.js" => ("plain", "text/javascript; charset=utf-8"),
        "_app/immutable/a.js.br" => ("brotli", "application/octet-stream"),
        "_app/immutable/a.js.gz" => ("gzip", "application/gzip"),
        "favicon.svg" => ("<svg/>", "image/svg+xml"),
        _ => return None,
    };
    Some(Asset {
        bytes: Cow::Borrowed(bytes.as_bytes()),
        etag: format!("\"{}\"", bytes.len()),
        content_type: content_type.to_owned(),
        encoding: None,
    })
}

fn none(_: &str) -> Option<Asset> {
    None
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| {
            value.to_str().expect("a header of ours is text")
        })
    }
}

async fn get(find: Find, path: &str, headers: &[(&str, &str)]) -> Answer {
    let inner = make_sync(|_| StatusCode::IM_A_TEAPOT);
    let endpoint = inner.with(Pages { find }).map_to_response();
    let mut request = Request::builder().uri_str(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = endpoint.get_response(request.finish()).await;
    let (parts, body) = response.into_parts();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body: body.into_string().await.expect("a body of ours is text"),
    }
}

#[tokio::test]
async fn the_servers_own_paths_never_get_the_page() {
    for path in [
        "/api/nowhere",
        "/api",
        "/ws/x",
        "/internal/x",
        "/_matrix/x",
        "/docs",
        "/healthz",
    ] {
        assert_eq!(
            get(files, path, &[]).await.status,
            StatusCode::IM_A_TEAPOT,
            "{path}"
        );
    }
}

#[tokio::test]
async fn every_other_path_gets_the_page_which_is_not_cached() {
    for path in ["/", "/city", "/city/general", "/index.html", "/apis"] {
        let answer = get(files, path, &[]).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (StatusCode::OK, HTML),
            "{path}"
        );
        assert_eq!(answer.header("cache-control"), "no-cache");
    }
}

#[tokio::test]
async fn the_pages_policy_is_sent_with_what_only_a_header_can_say() {
    let answer = get(files, "/city", &[]).await;
    let policy = answer.header("content-security-policy");
    assert_eq!(
        policy,
        "script-src 'self' 'sha256-x='; frame-ancestors 'none'"
    );
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("referrer-policy"), "same-origin");
}

#[tokio::test]
async fn hashed_files_are_kept_for_ever_and_others_are_asked_for() {
    let hashed = get(files, "/_app/immutable/a.js", &[]).await;
    assert_eq!(
        hashed.header("cache-control"),
        "public, max-age=31536000, immutable"
    );
    let other = get(files, "/favicon.svg", &[]).await;
    assert_eq!(other.header("cache-control"), "no-cache");
}

#[tokio::test]
async fn the_best_compressed_form_is_sent_under_the_files_own_type() {
    for (accepted, body, encoding) in [
        ("gzip, br", "brotli", "br"),
        ("gzip", "gzip", "gzip"),
        ("identity", "plain", ""),
    ] {
        let answer = get(
            files,
            "/_app/immutable/a.js",
            &[("accept-encoding", accepted)],
        )
        .await;
        assert_eq!(answer.body, body);
        assert_eq!(answer.header("content-encoding"), encoding);
        assert_eq!(
            answer.header("content-type"),
            "text/javascript; charset=utf-8"
        );
        assert_eq!(answer.header("vary"), "accept-encoding");
    }
}

#[tokio::test]
async fn a_browser_that_has_the_file_is_told_so() {
    let first = get(files, "/favicon.svg", &[]).await;
    let etag = first.header("etag").to_owned();
    let weak = format!("\"other\", W/{etag}");
    for known in [etag.as_str(), weak.as_str()] {
        let again = get(files, "/favicon.svg", &[("if-none-match", known)]).await;
        assert_eq!(
            (again.status, again.body.as_str()),
            (StatusCode::NOT_MODIFIED, "")
        );
    }
    let changed = get(files, "/favicon.svg", &[("if-none-match", "\"other\"")]).await;
    assert_eq!(changed.status, StatusCode::OK);
}

#[tokio::test]
async fn a_file_that_is_not_there_is_not_found() {
    for path in [
        "/_app/immutable/old.js",
        "/.well-known/matrix/client",
        "/.well-known/security.txt",
        "/.env",
        "/favicon.ico",
        "/robots.txt",
    ] {
        let answer = get(files, path, &[]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
    let page = get(files, "/city/room.with.dots", &[]).await;
    assert_eq!(page.status, StatusCode::OK);
}

#[tokio::test]
async fn pages_are_only_read() {
    let inner = make_sync(|_| StatusCode::IM_A_TEAPOT);
    let endpoint = inner.with(Pages { find: files });
    let request = Request::builder()
        .method(Method::POST)
        .uri_str("/city")
        .finish();
    let status = endpoint.get_response(request).await.status();
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn without_a_built_application_one_page_says_how_to_build_it() {
    let answer = get(none, "/city", &[]).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body.contains("make build"));
    assert_eq!(answer.header("cache-control"), "no-store");
}
