//! A connection as it is accepted: it counts against its listener's number and must send the
//! head of its first request in time, so that nobody holds a place by saying nothing. Once its peer
//! has gone, what is done for the peer ends. A peer that is answered before all of its request was
//! read is heard out for a moment, so that the answer reaches it.
//!
//! What comes later on a connection that is kept open is the reverse proxy's to watch.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;

/// How long a peer is heard out whose request was refused before it was read.
const LINGER: Duration = Duration::from_secs(2);
/// How soon something of it has to come.
const SILENCE: Duration = Duration::from_millis(100);
/// How much of it is read at once, in bytes.
const DISCARD: usize = 16 * 1024;

/// A connection that holds a place of its listener's for as long as it lives.
pub struct Connection<Io> {
    io: Io,
    _place: OwnedSemaphorePermit,
    /// Until the first head is there.
    head: Option<Head>,
    /// Whether the peer will say nothing more.
    is_over: bool,
    /// Until when the peer is heard out, once we say nothing more.
    linger: Option<Linger>,
}

/// A peer that may still be sending what nobody reads.
struct Linger {
    deadline: Pin<Box<Sleep>>,
    has_spoken: bool,
}

impl Linger {
    fn new() -> Self {
        Self {
            deadline: Box::pin(tokio::time::sleep(SILENCE)),
            has_spoken: false,
        }
    }

    /// Something has come: the peer is in the midst of it, and gets its time.
    fn heard(&mut self) {
        if !self.has_spoken {
            self.has_spoken = true;
            let until = tokio::time::Instant::now() + LINGER;
            self.deadline.as_mut().reset(until);
        }
    }
}

impl<Io> Connection<Io> {
    /// A connection that has so long to send its first head.
    pub fn new(io: Io, place: OwnedSemaphorePermit, within: Duration) -> Self {
        let deadline = Box::pin(tokio::time::sleep(within));
        Self {
            io,
            _place: place,
            head: Some(Head {
                deadline,
                at: At::Start,
            }),
            is_over: false,
            linger: None,
        }
    }
}

/// A request's head that is awaited.
struct Head {
    deadline: Pin<Box<Sleep>>,
    at: At,
}

/// Where the reading of a head is. Lines may end with a bare line feed (RFC 9112, 2.2).
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// Empty lines before a head are none of it.
    Start,
    Line,
    LineEnd,
    End,
}

impl Head {
    /// Reads on; says whether the head is whole. The preface of HTTP/2 looks like one.
    fn ends_in(&mut self, bytes: &[u8]) -> bool {
        for byte in bytes {
            self.at = match (self.at, byte) {
                (At::End, _) | (At::LineEnd, b'\n') => At::End,
                (at, b'\r') | (at @ At::Start, b'\n') => at,
                (At::Line, b'\n') => At::LineEnd,
                _ => At::Line,
            };
        }
        self.at == At::End
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for Connection<Io> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let has_room = buf.remaining() > 0;
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        if has_room && matches!(read, Poll::Ready(Ok(()))) && buf.filled().len() == before {
            self.is_over = true;
        }
        let Some(head) = &mut self.head else {
            return read;
        };
        if read.is_pending() && head.deadline.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if head.ends_in(&buf.filled()[before..]) {
            self.head = None;
        }
        read
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Connection<Io> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    /// hyper gives a request up whose peer has gone, but poem then waits for the connection once
    /// more, and with it for the request, which may be a long poll. It ends when this fails.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        match (self.is_over, flushed) {
            (true, Poll::Ready(Ok(()))) => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            (_, flushed) => flushed,
        }
    }

    /// What was not read when a connection is closed makes the system reset it, and the peer may
    /// never see the answer.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.linger.is_none() {
            ready!(Pin::new(&mut self.io).poll_shutdown(cx))?;
        }
        let this = &mut *self;
        let linger = this.linger.get_or_insert_with(Linger::new);
        let mut scratch = [0; DISCARD];
        while !this.is_over && linger.deadline.as_mut().poll(cx).is_pending() {
            let mut buffer = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut this.io).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => linger.heard(),
                _ => this.is_over = true,
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::Semaphore;

    use super::*;

    const SOON: Duration = Duration::from_millis(50);

    async fn pair() -> (Connection<tokio::io::DuplexStream>, tokio::io::DuplexStream) {
        let place = Arc::new(Semaphore::new(1)).acquire_owned().await;
        let (ours, theirs) = tokio::io::duplex(1024);
        (Connection::new(ours, place.expect("a place"), SOON), theirs)
    }

    /// What comes of reading until the other side is silent for good.
    async fn read(said: &[u8]) -> io::Result<usize> {
        let (mut ours, mut theirs) = pair().await;
        theirs.write_all(said).await?;
        let (mut heard, mut buffer) = (0, [0; 3]);
        loop {
            match tokio::time::timeout(SOON * 4, ours.read(&mut buffer)).await {
                Ok(read) => heard += read?,
                Err(_) => return Ok(heard),
            }
        }
    }

    #[tokio::test]
    async fn head_that_does_not_come_ends_the_connection() {
        let heads: [&[u8]; 5] = [
            b"",
            b"GET / HTTP/1.1\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\n",
            b"\r\n\r\n\r\n",
            b"\n\n",
        ];
        for head in heads {
            let error = read(head).await.expect_err("no head");
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        }
    }

    #[tokio::test]
    async fn connection_whose_head_has_come_may_be_silent() {
        let heads: [&[u8]; 3] = [
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"\r\nGET / HTTP/1.1\nHost: x\n\nwhat follows",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ];
        for head in heads {
            assert_eq!(read(head).await.expect("is kept"), head.len());
        }
    }

    #[tokio::test]
    async fn refusal_reaches_a_peer_that_is_still_sending() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (theirs, ours) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (mut theirs, (ours, _)) = (theirs.expect("connects"), ours.expect("a peer"));
        let place = Arc::new(Semaphore::new(1)).acquire_owned().await;
        let mut ours = Connection::new(ours, place.expect("a place"), SOON);
        let refuses = tokio::spawn(async move {
            let mut head = [0; 9];
            ours.read_exact(&mut head).await.expect("the head comes");
            ours.write_all(b"no").await.expect("is said");
            ours.shutdown().await
        });
        let sent = theirs.write_all(&[7; 4 * 1024 * 1024]).await;
        sent.expect("the peer is heard out");
        theirs.shutdown().await.expect("the peer ends");
        let mut answer = String::new();
        let read = theirs.read_to_string(&mut answer).await;
        read.expect("the answer arrives");
        assert_eq!(answer, "no");
        refuses.await.expect("no panic").expect("is closed");
    }

    #[tokio::test]
    async fn silent_peer_is_not_heard_out() {
        let (mut ours, _theirs) = pair().await;
        let closed = tokio::time::timeout(LINGER / 2, ours.shutdown()).await;
        closed.expect("soon").expect("is closed");
    }
}
