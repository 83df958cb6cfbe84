//! Files: uploads that stream through, and signed addresses.

use std::time::Duration;

use futures_util::stream;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::daarion::{Caller, DaarionOptions, World, WorldOptions, shared_world};
use crate::homeserver::unique;
use crate::support::{answered, text};

const MIB: usize = 1024 * 1024;
/// A picture of one pixel.
const PIXEL: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\
    \x89\0\0\0\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\0\x05\0\x01\xff\x89\x99=\x1d\0\0\0\0IEND\xaeB`\x82";

/// Uploads what comes in pieces, as a form that does not tell its size.
async fn upload(
    caller: &Caller,
    (name, kind): (&str, &str),
    pieces: Vec<Vec<u8>>,
) -> (StatusCode, Value) {
    let boundary = unique("boundary");
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nignored\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
         Content-Type: {kind}\r\n\r\n"
    );
    let tail = format!("\r\n--{boundary}--\r\n");
    let all = std::iter::once(head.into_bytes())
        .chain(pieces)
        .chain(std::iter::once(tail.into_bytes()))
        .map(Ok::<_, std::io::Error>);
    let request = caller
        .builder(Method::POST, "/internal/matrix/upload")
        .header(
            "content-type",
            format!("multipart/form-data; boundary={boundary}"),
        )
        .timeout(Duration::from_mins(3))
        .body(reqwest::Body::wrap_stream(stream::iter(all)));
    let answer = request.send().await.expect("an answer");
    let status = answer.status();
    (status, answer.json().await.expect("JSON"))
}

async fn sign(caller: &Caller, uri: &str, seconds: u32) -> Value {
    let body = json!({ "content_uri": uri, "expires_in": seconds });
    answered(200, caller.post("/internal/matrix/media/sign", body).await)
}

async fn fetch(caller: &Caller, path: &str) -> reqwest::Response {
    let request = caller.builder(Method::GET, path);
    request.send().await.expect("an answer")
}

#[tokio::test]
async fn a_file_goes_in_and_comes_out_by_signed_addresses() {
    let world = shared_world().await;
    let service = world.daarion.service();
    let file = ("світлина.png", "text/html");
    let stored = answered(200, upload(&service, file, vec![PIXEL.to_vec()]).await);
    assert_eq!(stored["content_type"], "image/png", "it is what it is");
    assert_eq!(stored["size"], PIXEL.len());
    let uri = text(&stored["content_uri"]);
    let signed = sign(&service, uri, 60).await;
    for anybody in [
        world.daarion.anonymous(),
        world.daarion.anonymous_internal(),
    ] {
        let answer = fetch(&anybody, text(&signed["url"])).await;
        assert_eq!(answer.status(), 200);
        let header = |name: &str| answer.headers()[name].to_str().expect("text").to_owned();
        assert_eq!(header("content-type"), "image/png");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert!(header("content-security-policy").starts_with("sandbox;"));
        let disposition = header("content-disposition");
        assert!(
            disposition.starts_with("inline; filename*=utf-8''%D1%81"),
            "{disposition}"
        );
        assert_eq!(answer.bytes().await.expect("bytes"), PIXEL);
        let small = fetch(&anybody, text(&signed["thumbnail_url"])).await;
        let (status, words) = (small.status(), small.text().await);
        assert!(status == 200 || status == 400, "{status} {words:?}");
    }
}

#[tokio::test]
async fn what_a_browser_might_run_is_saved_and_not_shown() {
    let world = shared_world().await;
    let service = world.daarion.service();
    let page = b"<html><script>alert(1)</script></html>".to_vec();
    let stored = answered(
        200,
        upload(&service, ("a.html", "text/html"), vec![page]).await,
    );
    let signed = sign(&service, text(&stored["content_uri"]), 60).await;
    let answer = fetch(&world.daarion.anonymous(), text(&signed["url"])).await;
    let disposition = answer.headers()["content-disposition"].to_str();
    let disposition = disposition.expect("text");
    assert_eq!(disposition, "attachment; filename*=utf-8''a.html");
}

#[tokio::test]
async fn addresses_expire_and_cannot_be_forged() {
    let world = shared_world().await;
    let service = world.daarion.service();
    let file = ("a.txt", "text/plain");
    let stored = answered(200, upload(&service, file, vec![b"text".to_vec()]).await);
    let uri = text(&stored["content_uri"]);
    let signed = sign(&service, uri, 60).await;
    let good = text(&signed["url"]);
    let (path, proof) = good.split_once('?').expect("a query");
    let (expires, signature) = proof.split_once('&').expect("two");
    let later: u64 = expires["expires=".len()..].parse::<u64>().expect("a time") + 1;
    let anybody = world.daarion.anonymous();
    for forged in [
        format!("{path}?expires={later}&{signature}"),
        format!("{path}x?{proof}"),
        format!("{path}?{expires}&signature=AAAA"),
        format!("{path}?{expires}&signature="),
        format!("{path}/thumbnail?width=9&height=9&expires={later}&{signature}"),
    ] {
        assert_eq!(fetch(&anybody, &forged).await.status(), 403, "{forged}");
    }
    for bad in [
        path.to_owned(),
        format!("{path}?{expires}"),
        format!("{path}/..%2fx?{proof}"),
    ] {
        let status = fetch(&anybody, &bad).await.status();
        assert!(status.is_client_error(), "{bad}: {status}");
    }
    let brief = sign(&service, uri, 1).await;
    let brief = text(&brief["url"]);
    let begun = std::time::Instant::now();
    while fetch(&anybody, brief).await.status() == 200 {
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "it does not expire"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let expired = answered(403, anybody.get(brief).await);
    assert_eq!(expired["message"], "the address has expired");
    assert_eq!(fetch(&anybody, good).await.status(), 200);

    let missing = sign(&service, "mxc://test.localhost/nothing", 60).await;
    let missing = answered(404, anybody.get(text(&missing["url"])).await);
    assert_eq!(missing["error"], "M_NOT_FOUND");
    for (body, field) in [
        (json!({ "content_uri": "https://a/b" }), "content_uri: "),
        (
            json!({ "content_uri": uri, "expires_in": 0 }),
            "expires_in: ",
        ),
        (
            json!({ "content_uri": uri, "expires_in": 604_801 }),
            "expires_in: ",
        ),
        (json!({}), "content_uri: "),
    ] {
        let refused = service.post("/internal/matrix/media/sign", body).await;
        let refused = answered(400, refused);
        assert!(text(&refused["message"]).starts_with(field), "{refused}");
    }
}

#[tokio::test]
async fn a_form_may_come_in_any_pieces() {
    let world = shared_world().await;
    let service = world.daarion.service();
    let form = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n\
         words\r\n--b--\r\n";
    // At once, as most clients send a small file; torn in the first boundary; byte by byte.
    for size in [form.len(), 2, 1] {
        let pieces = form.as_bytes().chunks(size);
        let pieces: Vec<_> = pieces
            .map(|it| Ok::<_, std::io::Error>(it.to_vec()))
            .collect();
        let request = service
            .builder(Method::POST, "/internal/matrix/upload")
            .header("content-type", "multipart/form-data; boundary=b")
            .body(reqwest::Body::wrap_stream(stream::iter(pieces)));
        let answer = crate::homeserver::http::exchange(request, None).await;
        let stored = answered(200, answer.expect("daarion answers"));
        assert_eq!(stored["size"], 5, "{size}");
    }
}

#[tokio::test]
async fn a_form_without_a_file_is_refused() {
    let world = shared_world().await;
    let service = world.daarion.service();
    let form = |kind: &str, body: &'static str| {
        let request = service.builder(Method::POST, "/internal/matrix/upload");
        request.header("content-type", kind).body(body).send()
    };
    let empty = form("multipart/form-data; boundary=b", "--b--\r\n").await;
    assert_eq!(empty.expect("an answer").status(), 400);
    let torn = "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nhalf";
    let torn = form("multipart/form-data; boundary=b", torn).await;
    assert_eq!(torn.expect("an answer").status(), 400);
    let json = form("application/json", "{}").await;
    assert_eq!(json.expect("an answer").status(), 415);
}

#[tokio::test]
async fn a_hundred_mebibytes_go_through_without_being_held() {
    let world = World::start().await;
    let service = world.daarion.service();
    let small = upload(&service, ("warm", "text/plain"), vec![vec![b'a'; MIB]]).await;
    answered(200, small);
    let pid = world.daarion.pid();
    // The peak counts from here (proc(5), `clear_refs`).
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5").expect("the peak is reset");
    let before = kibibytes(pid, "VmRSS:");
    let pieces = (0..100).map(|number| vec![number; MIB]).collect();
    let stored = answered(200, upload(&service, ("large", "x/y"), pieces).await);
    assert_eq!(stored["size"], 100 * MIB);
    let extra = kibibytes(pid, "VmHWM:").saturating_sub(before);
    println!("100 MiB took {extra} KiB more");
    assert!(extra < 16 * 1024, "{extra} KiB more than {before} KiB");

    let signed = sign(&service, text(&stored["content_uri"]), 60).await;
    let mut answer = fetch(&world.daarion.anonymous(), text(&signed["url"])).await;
    let mut size = 0;
    while let Some(chunk) = answer.chunk().await.expect("a piece") {
        size += chunk.len();
    }
    assert_eq!(size, 100 * MIB);
    let extra = kibibytes(pid, "VmHWM:").saturating_sub(before);
    assert!(extra < 16 * 1024, "{extra} KiB more, the way out included");

    let mut pieces = vec![vec![0; MIB]; 100];
    pieces.push(vec![0]);
    let refused = answered(413, upload(&service, ("larger", "x/y"), pieces).await);
    assert_eq!(refused["error"], "M_TOO_LARGE");
}

#[tokio::test]
async fn the_limit_is_what_is_configured() {
    let world = World::start_with(WorldOptions {
        daarion: DaarionOptions::default().set("limits.upload", "\"1MiB\""),
        ..WorldOptions::default()
    })
    .await;
    let service = world.daarion.service();
    let fits = upload(&service, ("a", "x/y"), vec![vec![0; MIB]]).await;
    answered(200, fits);
    let refused = upload(&service, ("a", "x/y"), vec![vec![0; MIB + 1]]).await;
    assert_eq!(answered(413, refused)["error"], "M_TOO_LARGE");
    let left = std::fs::read_dir(world.daarion.data_dir()).expect("a directory");
    let names: Vec<_> = left
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(names, ["daarion.redb"], "nothing is left behind");
}

fn kibibytes(pid: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or_else(|| panic!("no {field}"))
}
