//! HTTP/1.1 on a connection that stays open, and no more of it than measuring needs: what the
//! client costs is taken from the same cores that daarion runs on.

use std::io;
use std::path::Path;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

/// One connection; its requests go one after the other.
pub struct Connection<S> {
    stream: S,
    buffer: Vec<u8>,
}

/// What came back. The body borrows the connection.
pub struct Answer<'a> {
    pub status: u16,
    pub body: &'a [u8],
}

impl Connection<TcpStream> {
    pub async fn open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        Ok(Self::on(stream))
    }
}

impl Connection<UnixStream> {
    pub async fn open_unix(path: &Path) -> io::Result<Self> {
        Ok(Self::on(UnixStream::connect(path).await?))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    fn on(stream: S) -> Self {
        let buffer = Vec::new();
        Self { stream, buffer }
    }

    /// Sends a whole request and reads the whole answer.
    pub async fn exchange(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let head = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end + 4;
            }
            self.read_more().await?;
        };
        let (status, length) = read_head(&self.buffer[..head])?;
        while self.buffer.len() < head + length {
            self.read_more().await?;
        }
        Ok(Answer {
            status,
            body: &self.buffer[head..head + length],
        })
    }

    /// Reads a page of JSON.
    pub async fn get_json(&mut self, path: &str, headers: &str) -> io::Result<Value> {
        let request = get(path, headers);
        let answer = self.exchange(&request).await?;
        if answer.status != 200 {
            return Err(bad(&format!("{path} answered {}", answer.status)));
        }
        serde_json::from_slice(answer.body).map_err(io::Error::other)
    }

    async fn read_more(&mut self) -> io::Result<()> {
        self.buffer.reserve(64 * 1024);
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }
}

/// A request without a body. `headers` are lines that each end with `\r\n`.
pub fn get(path: &str, headers: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: daarion\r\n{headers}\r\n").into_bytes()
}

/// A request with a JSON body.
pub fn with_body(method: &str, path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: daarion\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n{headers}\r\n{body}"
    )
    .into_bytes()
}

fn read_head(head: &[u8]) -> io::Result<(u16, usize)> {
    let head = std::str::from_utf8(head).map_err(io::Error::other)?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let status = status.and_then(|status| status.parse().ok());
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse().ok())?
    });
    status
        .zip(length)
        .ok_or_else(|| bad("an answer without a status or a length"))
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

fn bad(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message.to_owned())
}
