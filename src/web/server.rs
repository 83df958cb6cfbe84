//! Binding the listeners and serving them until the end.

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use poem::Server;
use poem::endpoint::BoxEndpoint;
use poem::http::uri::Scheme;
use poem::listener::{Acceptor, AcceptorExt, BoxAcceptor, Listener, TcpListener, UnixListener};
use poem::web::{LocalAddr, RemoteAddr};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connection::Connection;
use crate::config::ListenAddr;

/// How long requests in flight may take after the stop was asked for.
pub const DRAIN: Duration = Duration::from_secs(7);
/// How long `accept` rests when the process is out of file descriptors: without a rest it
/// spins.
const BACK_OFF: Duration = Duration::from_millis(100);
/// How long a new connection may take to send the head of its first request, mostly.
pub const HEAD: Duration = Duration::from_secs(30);

/// A bound listener.
pub struct Bound {
    acceptor: BoxAcceptor,
    /// As it can be connected to, with the real port.
    pub address: String,
}

/// Who may come in at a listener, and how many at once.
#[derive(Clone, Copy, Debug)]
pub struct Access {
    /// The mode of a socket file; its directory narrows it further.
    pub mode: u32,
    /// More wait until one of these has ended.
    pub connections: usize,
    /// How long a new connection may take to send the head of its first request.
    pub head: Duration,
}

/// Binds an address.
pub async fn bind(address: &ListenAddr, access: Access) -> io::Result<Bound> {
    match address {
        ListenAddr::Tcp(address) => {
            let acceptor = TcpListener::bind(*address).into_acceptor().await?;
            let bound = acceptor.local_addr().first().map(ToString::to_string);
            let bound = bound.unwrap_or_else(|| address.to_string());
            Ok(Bound {
                acceptor: Tuned::new(acceptor, access, |io| {
                    let _ = io.set_nodelay(true);
                })
                .boxed(),
                address: bound.trim_start_matches("socket://").to_owned(),
            })
        }
        ListenAddr::Unix(path) => bind_unix(path, access).await,
    }
}

/// Binds a socket file, taking the place of one that a killed daemon has left, and of nothing
/// else.
pub async fn bind_unix(path: &Path, access: Access) -> io::Result<Bound> {
    if let Ok(there) = tokio::fs::symlink_metadata(path).await
        && !there.file_type().is_socket()
    {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            format!("{} is there and is not a socket", path.display()),
        ));
    }
    match tokio::net::UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            tokio::fs::remove_file(path).await?;
        }
        // One that is too busy to take us in, or not for us, is in use as well.
        _ => {
            return Err(io::Error::new(
                io::ErrorKind::AddrInUse,
                format!("{} is in use by another process", path.display()),
            ));
        }
    }
    if let Some(directory) = path.parent() {
        tokio::fs::create_dir_all(directory).await?;
    }
    let mode = std::fs::Permissions::from_mode(access.mode);
    let listener = UnixListener::bind(path).with_permissions(mode);
    let acceptor = listener.into_acceptor().await?;
    Ok(Bound {
        acceptor: Tuned::new(acceptor, access, |_| ()).boxed(),
        address: format!("unix:{}", path.display()),
    })
}

/// Serves an endpoint on a bound listener until it is told to stop, and then what is in
/// flight.
pub fn serve(
    tracker: &TaskTracker,
    bound: Bound,
    endpoint: Arc<BoxEndpoint<'static>>,
    stop: CancellationToken,
) {
    tracker.spawn(async move {
        let signal = stop.cancelled_owned();
        let server = Server::new_with_acceptor(bound.acceptor);
        let served = server.run_with_graceful_shutdown(endpoint, signal, Some(DRAIN));
        if let Err(error) = served.await {
            tracing::error!(%error, address = bound.address, "a listener has ended");
        }
    });
}

/// Sets what poem leaves off (`TCP_NODELAY`), counts connections, and rests after a failed
/// accept.
struct Tuned<A: Acceptor> {
    acceptor: A,
    tune: fn(&A::Io),
    places: Arc<Semaphore>,
    head: Duration,
}

impl<A: Acceptor> Tuned<A> {
    fn new(acceptor: A, access: Access, tune: fn(&A::Io)) -> Self {
        Self {
            acceptor,
            tune,
            places: Arc::new(Semaphore::new(access.connections)),
            head: access.head,
        }
    }
}

impl<A: Acceptor> Acceptor for Tuned<A> {
    type Io = Connection<A::Io>;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.acceptor.local_addr()
    }

    async fn accept(&mut self) -> io::Result<(Self::Io, LocalAddr, RemoteAddr, Scheme)> {
        // Whoever finds no place waits in the kernel's queue.
        let place = self.places.clone().acquire_owned().await;
        let place = place.map_err(io::Error::other)?;
        match self.acceptor.accept().await {
            Ok((io, local, remote, scheme)) => {
                (self.tune)(&io);
                let io = Connection::new(io, place, self.head);
                Ok((io, local, remote, scheme))
            }
            Err(error) => {
                tracing::warn!(%error, "failed to accept a connection");
                tokio::time::sleep(BACK_OFF).await;
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use poem::endpoint::make_sync;
    use poem::{EndpointExt, Route};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixStream;

    use super::*;

    const ONE: Access = Access {
        mode: 0o660,
        connections: 1,
        head: HEAD,
    };

    #[tokio::test]
    async fn socket_takes_the_place_of_a_dead_one_and_of_nothing_else() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("socket");
        // What a killed daemon leaves.
        drop(std::os::unix::net::UnixListener::bind(&path).expect("is bound"));
        let bound = bind_unix(&path, ONE).await.expect("takes its place");
        let mode = std::fs::metadata(&path).expect("is there").permissions();
        assert_eq!(mode.mode() & 0o777, 0o660);
        let taken = bind_unix(&path, ONE).await.err().expect("is in use");
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
        drop(bound);

        // Its queue is full: whoever serves it is busy.
        let busy = tokio::net::UnixSocket::new_stream().expect("a socket");
        let path = directory.path().join("busy");
        busy.bind(&path).expect("is bound");
        let _busy = busy.listen(1).expect("listens");
        let mut waiting = Vec::new();
        while let Ok(stream) = UnixStream::connect(&path).await {
            waiting.push(stream);
        }
        let taken = bind_unix(&path, ONE).await.err().expect("is in use");
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);

        let file = directory.path().join("letter");
        std::fs::write(&file, "keep me").expect("is written");
        let refused = bind_unix(&file, ONE).await.err().expect("is refused");
        assert!(refused.to_string().contains("letter"), "{refused}");
        assert_eq!(std::fs::read(&file).expect("is there"), b"keep me");
    }

    /// Serves a greeting to one connection at a time.
    async fn greet(path: &Path, access: Access) -> CancellationToken {
        let bound = bind_unix(path, access).await.expect("is bound");
        let stop = CancellationToken::new();
        let tree = Route::new().at("/", make_sync(|_| "hello"));
        let tree = Arc::new(tree.map_to_response().boxed());
        serve(&TaskTracker::new(), bound, tree, stop.clone());
        stop
    }

    async fn ask(path: &Path) -> UnixStream {
        let mut stream = UnixStream::connect(path).await.expect("has a queue");
        let asked = stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        asked.expect("is sent");
        stream
    }

    async fn answer(stream: &mut UnixStream) {
        let mut answer = vec![0; 12];
        stream.read_exact(&mut answer).await.expect("an answer");
        assert_eq!(answer, b"HTTP/1.1 200");
    }

    #[tokio::test]
    async fn connection_without_a_place_waits_for_one() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("socket");
        let stop = greet(&path, ONE).await;
        let mut first = ask(&path).await;
        answer(&mut first).await;
        let mut second = ask(&path).await;
        let early = tokio::time::timeout(Duration::from_millis(200), answer(&mut second)).await;
        assert!(early.is_err(), "the place is taken");
        drop(first);
        answer(&mut second).await;
        stop.cancel();
    }

    #[tokio::test]
    async fn silent_connection_loses_its_place() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("socket");
        let head = Duration::from_millis(100);
        let stop = greet(&path, Access { head, ..ONE }).await;
        let mut silent = UnixStream::connect(&path).await.expect("has a queue");
        silent.write_all(b"GET / HT").await.expect("is sent");
        answer(&mut ask(&path).await).await;
        stop.cancel();
    }
}
