//! Files that are too large, or that do not come or are not taken, beside a homeserver that
//! takes what it says.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::caller::Gateway;
use crate::daarion::{Daarion, DaarionOptions};
use crate::shape::Document;
use crate::stub::{Asked, Said, Stub};
use crate::support::{answered, refused, text};

const MIB: usize = 1024 * 1024;
const UPLOAD: &str = "/internal/matrix/upload";
const HEAD: &str = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n";
const NOTE: &str = "--b\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\n";
const TAIL: &str = "\r\n--b--\r\n";

/// A homeserver that says how large a file may be, at this path, and does so with each.
async fn stub(config: &'static str, limit: usize, upload: Said) -> Stub {
    Stub::answering(move |asked| {
        if asked.target.contains(config) {
            return Said::json(200, &json!({ "m.upload.size": limit }));
        }
        match asked.target.contains("/media/v3/upload") {
            true => upload.clone(),
            false => Said::json(404, &json!({ "errcode": "M_UNRECOGNIZED", "error": "?" })),
        }
    })
    .await
}

fn stored() -> Said {
    Said::json(200, &json!({ "content_uri": "mxc://test.localhost/a" }))
}

async fn gateway(stub: &Stub) -> (Daarion, Gateway) {
    let options = DaarionOptions::default()
        .set("limits.upload", "\"1MiB\"")
        .set("limits.stall", "\"1s\"");
    let daarion = stub.daarion_with(options).await;
    let gateway = Gateway::of(&daarion);
    (daarion, gateway)
}

/// Sends a form and holds the answer against the document.
async fn send(gateway: &Gateway, kind: &str, body: reqwest::Body) -> (StatusCode, Value) {
    let request = gateway.service.builder(Method::POST, UPLOAD);
    let request = request.header("content-type", kind).body(body);
    let answer = request.send().await.expect("an answer");
    let (status, body) = (answer.status(), answer.json().await.expect("JSON"));
    Document::read().check(&Method::POST, UPLOAD, status.as_u16(), &body);
    (status, body)
}

async fn form(gateway: &Gateway, body: impl Into<reqwest::Body>) -> (StatusCode, Value) {
    send(gateway, "multipart/form-data; boundary=b", body.into()).await
}

fn file(size: usize) -> String {
    format!("{HEAD}{}{TAIL}", "x".repeat(size))
}

/// A body that does not tell its length beforehand.
fn in_pieces(body: String) -> reqwest::Body {
    let pieces = body
        .into_bytes()
        .chunks(60_000)
        .map(<[u8]>::to_vec)
        .collect::<Vec<_>>();
    reqwest::Body::wrap_stream(stream::iter(
        pieces.into_iter().map(Ok::<_, std::io::Error>),
    ))
}

fn uploads(asked: &[Asked]) -> usize {
    asked
        .iter()
        .filter(|it| it.target.contains("/upload"))
        .count()
}

#[tokio::test]
async fn what_the_homeserver_does_not_take_is_refused_before_it_is_sent() {
    for config in [
        "/_matrix/client/v1/media/config",
        "/_matrix/media/v3/config",
    ] {
        let stub = stub(config, 1_000, stored()).await;
        let (_daarion, gateway) = gateway(&stub).await;
        answered(200, form(&gateway, file(1_000)).await);
        let words = "file: larger than the limit of 1000 bytes";
        for body in [
            file(1_001).into(),
            in_pieces(file(1_001)),
            file(200_000).into(),
        ] {
            let told = refused(413, "M_TOO_LARGE", form(&gateway, body).await);
            assert_eq!(told, words);
        }
        let asked = stub.take_asked();
        assert_eq!(uploads(&asked), 1, "{asked:?}");
        let configs = asked.iter().filter(|it| it.target.contains(config));
        assert_eq!(configs.count(), 1, "what it says is remembered");
    }
}

#[tokio::test]
async fn a_file_whose_form_says_that_it_is_too_large_is_not_read() {
    let stub = stub("/v1/media/config", 1_000, stored()).await;
    let (_daarion, gateway) = gateway(&stub).await;
    // Nothing comes behind the head of the file.
    let pieces = stream::iter([Ok::<_, std::io::Error>(HEAD)]).chain(stream::pending());
    let request = gateway.service.builder(Method::POST, UPLOAD);
    let request = request
        .header("content-type", "multipart/form-data; boundary=b")
        .header("content-length", (500_000).to_string())
        .body(reqwest::Body::wrap_stream(pieces.map(|piece| {
            // The reader of forms begins with a kibibyte.
            piece.map(|head| format!("{head}{}", "x".repeat(2_000)))
        })));
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 413, "{:?}", answer.text().await);
}

#[tokio::test]
async fn refusals_of_a_file_for_its_size_are_413() {
    let too_large = json!({ "errcode": "M_TOO_LARGE", "error": "Too large" });
    for said in [Said::json(413, &too_large), Said::new(413, "<html>")] {
        // The homeserver says nothing of a limit.
        let stub = stub("nowhere", 0, said).await;
        let (_daarion, gateway) = gateway(&stub).await;
        let told = refused(413, "M_TOO_LARGE", form(&gateway, file(9)).await);
        let words = "file: the homeserver does not take 9 bytes";
        assert!(told.starts_with(words), "{told}");
    }
    let stub = stub("nowhere", 0, Said::new(503, "")).await;
    let (_daarion, gateway) = gateway(&stub).await;
    refused(503, "HOMESERVER_UNAVAILABLE", form(&gateway, file(9)).await);
    // It was restarted with a limit, and hangs up, so that the first question fails as well.
    let asked_before = AtomicBool::new(false);
    stub.answer(move |asked| {
        let is_config = asked.target.contains("/v1/media/config");
        match is_config && asked_before.swap(true, Ordering::Relaxed) {
            true => Said::json(200, &json!({ "m.upload.size": 5 })),
            false => Said::new(503, ""),
        }
    });
    let told = refused(413, "M_TOO_LARGE", form(&gateway, file(9)).await);
    assert_eq!(told, "file: larger than the limit of 5 bytes");
}

#[tokio::test]
async fn a_form_is_413_for_its_size_wherever_it_is_too_large() {
    let stub = stub("/v1/media/config", 9 * MIB, stored()).await;
    let (_daarion, gateway) = gateway(&stub).await;
    let around = "y".repeat(MIB + 100_000);
    let note = || format!("{NOTE}{around}\r\n{}", file(1));
    let behind = || format!("{HEAD}{around}{TAIL}");
    for (body, field) in [(note(), "body: "), (behind(), "file: ")] {
        let unknown = form(&gateway, in_pieces(body.clone())).await;
        let told = refused(413, "M_TOO_LARGE", unknown);
        assert!(told.starts_with(field), "{told}");
        assert_eq!(form(&gateway, body).await.0, 413, "with its length");
    }
    for malformed in ["--b\r\nnonsense", "", &format!("{HEAD}half")] {
        assert_eq!(
            form(&gateway, malformed.to_owned()).await.0,
            400,
            "{malformed:?}"
        );
    }
    for kind in ["application/json", "multipart/form-data", "text/plain"] {
        assert_eq!(send(&gateway, kind, file(1).into()).await.0, 415, "{kind}");
    }
}

#[tokio::test]
async fn a_form_that_does_not_go_on_is_408() {
    let stub = stub("/v1/media/config", MIB, stored()).await;
    let (_daarion, gateway) = gateway(&stub).await;
    let head = format!("{HEAD}{}", "x".repeat(100_000));
    for (beginning, field) in [
        (head.as_str(), "file: "),
        (&head[..9], "body: "),
        ("", "body: "),
    ] {
        let beginning = stream::iter([Ok::<_, std::io::Error>(beginning.to_owned())]);
        let body = reqwest::Body::wrap_stream(beginning.chain(stream::pending()));
        let told = refused(408, "STALLED", form(&gateway, body).await);
        assert!(told.starts_with(field), "{told}");
    }
    answered(200, form(&gateway, file(9)).await);
}

#[tokio::test]
async fn a_file_that_is_not_taken_is_broken_off() {
    const SIZE: usize = 64 * MIB;
    let whole = "x".repeat(SIZE);
    let stub = Stub::answering(
        move |asked| match asked.target.contains("/media/download/") {
            true => Said::new(200, &whole),
            false => Said::new(404, ""),
        },
    )
    .await;
    let (_daarion, gateway) = gateway(&stub).await;
    let file = json!({ "content_uri": "mxc://test.localhost/a" });
    let signed = answered(200, gateway.post("media/sign", file).await);
    let url = text(&signed["url"]);
    let fetch = async || {
        let request = gateway.service.builder(Method::GET, url);
        request.send().await.expect("an answer")
    };
    let taken = fetch().await.bytes().await.expect("the whole file");
    assert_eq!(taken.len(), SIZE);
    let mut silent = fetch().await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    let mut size = 0;
    let broken = loop {
        match silent.chunk().await {
            Ok(Some(chunk)) => size += chunk.len(),
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(broken && size < SIZE, "{size} bytes came");
}

#[tokio::test]
async fn equal_uploads_by_a_key_are_stored_once() {
    let stub = stub("/_matrix/client/v1/media/config", 1_000, stored()).await;
    let (daarion, gateway) = gateway(&stub).await;
    let named = gateway.with_header("idempotency-key", "picture");
    let equal = (0..20).map(|_| form(&named, file(500)));
    for answer in futures_util::future::join_all(equal).await {
        let stored = answered(200, answer);
        assert_eq!(stored["content_uri"], "mxc://test.localhost/a");
    }
    daarion.kill();
    daarion.restart().await;
    answered(200, form(&named, file(500)).await);
    refused(409, "CONFLICT", form(&named, file(501)).await);
    assert_eq!(uploads(&stub.take_asked()), 1);

    // Without a key it is another file each time.
    answered(200, form(&Gateway::of(&daarion), file(500)).await);
    answered(200, form(&Gateway::of(&daarion), file(500)).await);
    assert_eq!(uploads(&stub.take_asked()), 2);
}
