//! A receiver of webhooks: as much HTTP as daarion speaks to it, because what it costs is taken
//! from the same cores.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use poem::http::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What came.
pub struct Seen<'a> {
    head: &'a str,
    pub body: &'a [u8],
    pub at: Instant,
}

impl Seen<'_> {
    pub fn header(&self, name: &str) -> &str {
        let found = self.lines().find(|(given, _)| *given == name);
        found.map_or("", |(_, value)| value)
    }

    /// Whether it was signed with the verifier's secret.
    pub fn is_signed(&self, verifier: &standardwebhooks::Webhook) -> bool {
        let pairs = self.lines().filter_map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            Some((name, HeaderValue::from_str(value).ok()?))
        });
        let headers: HeaderMap = pairs.collect();
        verifier.verify(self.body, &headers).is_ok()
    }

    /// The number of the story's event, which stands in parentheses behind what was said.
    pub fn number(&self) -> Option<u64> {
        let text = std::str::from_utf8(self.body).ok()?;
        let (_, behind) = text.split_once(" (")?;
        let (number, _) = behind.split_once(')')?;
        number.parse().ok()
    }

    /// The header lines; daarion writes the names in lower case.
    fn lines(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = self.head.split("\r\n").skip(1);
        lines.filter_map(|line| line.split_once(": "))
    }
}

/// Listens until it is dropped.
pub struct Receiver {
    port: u16,
    task: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    /// Takes everything, and hands on what came.
    pub async fn start(act: impl Fn(&Seen<'_>) + Send + Sync + 'static) -> Self {
        let act = Arc::new(act);
        Self::listen(move |mut stream| {
            let act = act.clone();
            tokio::spawn(async move {
                // daarion ends connections that it does not need any more.
                let _ = serve(&mut stream, &*act).await;
            });
        })
        .await
    }

    /// Takes connections and never answers.
    pub async fn hanging() -> Self {
        let held = std::sync::Mutex::new(Vec::new());
        Self::listen(move |stream| held.lock().expect("no holder panics").push(stream)).await
    }

    pub fn url(&self, path: impl std::fmt::Display) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    async fn listen(take: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("it has an address");
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                take(stream);
            }
        });
        let port = address.port();
        Self { port, task }
    }
}

async fn serve(stream: &mut TcpStream, act: &impl Fn(&Seen<'_>)) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    loop {
        let Some(head) = find(&buffer) else {
            read_more(stream, &mut buffer).await?;
            continue;
        };
        let text = std::str::from_utf8(&buffer[..head]).map_err(io::Error::other)?;
        let length = text.split("\r\n").find_map(|line| {
            let value = line.strip_prefix("content-length: ")?;
            value.parse::<usize>().ok()
        });
        let end = head + 4 + length.unwrap_or(0);
        while buffer.len() < end {
            read_more(stream, &mut buffer).await?;
        }
        let text = std::str::from_utf8(&buffer[..head]).map_err(io::Error::other)?;
        let seen = Seen {
            head: text,
            body: &buffer[head + 4..end],
            at: Instant::now(),
        };
        act(&seen);
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        stream.write_all(answer).await?;
        buffer.drain(..end);
    }
}

fn find(buffer: &[u8]) -> Option<usize> {
    buffer.windows(4).position(|window| window == b"\r\n\r\n")
}

async fn read_more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<()> {
    buffer.reserve(16 * 1024);
    match stream.read_buf(buffer).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}
