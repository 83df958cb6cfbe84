//! HTTP as no client library lets it be spoken: paths that are no paths, bodies that are larger
//! than anybody waits for.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(20);
/// How much of a large body is written at once.
const CHUNK: usize = 64 * 1024;

/// A request whose head is written as it stands.
pub struct Raw<'a> {
    pub base_url: &'a str,
    pub method: &'a str,
    /// Anything without a space.
    pub target: &'a [u8],
    pub headers: Vec<(String, String)>,
    pub body: Body,
}

pub enum Body {
    Empty,
    /// So many bytes, with a Content-Length that says so.
    Declared(usize),
    /// So many bytes in chunks.
    Chunked(usize),
}

impl Raw<'_> {
    /// Sends until there is an answer, and reads that.
    pub async fn send(self) -> (StatusCode, Value) {
        let address = self.base_url.trim_start_matches("http://");
        let stream = TcpStream::connect(address).await.expect("it listens");
        let (mut from, mut to) = stream.into_split();
        let head = self.head();
        let write = async move {
            to.write_all(&head).await?;
            match self.body {
                Body::Empty => {}
                Body::Declared(size) => {
                    for _ in 0..size.div_ceil(CHUNK) {
                        to.write_all(&[b' '; CHUNK]).await?;
                    }
                }
                Body::Chunked(size) => {
                    for _ in 0..size.div_ceil(CHUNK) {
                        to.write_all(format!("{CHUNK:x}\r\n").as_bytes()).await?;
                        to.write_all(&[b' '; CHUNK]).await?;
                        to.write_all(b"\r\n").await?;
                    }
                    to.write_all(b"0\r\n\r\n").await?;
                }
            }
            // Held open: a client that hangs up is not answered.
            Ok::<_, std::io::Error>(to)
        };
        let read = async {
            let mut answer = Vec::new();
            // An answer may be followed by a reset, when the rest of a body is not wanted.
            let _ = from.read_to_end(&mut answer).await;
            answer
        };
        let both = async { tokio::join!(write, read).1 };
        let answer = tokio::time::timeout(LIMIT, both).await;
        parse(&answer.expect("an answer in time"))
    }

    fn head(&self) -> Vec<u8> {
        let mut head = Vec::new();
        head.extend_from_slice(self.method.as_bytes());
        head.push(b' ');
        head.extend_from_slice(self.target);
        head.extend_from_slice(b" HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
        match self.body {
            Body::Empty => {}
            Body::Declared(size) => {
                let size = size.div_ceil(CHUNK) * CHUNK;
                head.extend(format!("content-length: {size}\r\n").into_bytes());
            }
            Body::Chunked(_) => head.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        }
        for (name, value) in &self.headers {
            head.extend(format!("{name}: {value}\r\n").into_bytes());
        }
        head.extend_from_slice(b"\r\n");
        head
    }
}

fn parse(answer: &[u8]) -> (StatusCode, Value) {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("{text:?} is no answer"));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let status = status.unwrap_or_else(|| panic!("{head:?} has no status"));
    let is_chunked = head.to_lowercase().contains("transfer-encoding: chunked");
    let body = match is_chunked {
        true => body.split("\r\n").nth(1).unwrap_or_default(),
        false => body,
    };
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}
