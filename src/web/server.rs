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
const DRAIN: Duration = Duration::from_secs(7);
/// How long `accept` rests when the process is out of file descriptors: without a rest it
/// spins.
const BACK_OFF: Duration = Duration::from_millis(100);
/// How long a new connection may take to send the head of its first request.
const HEAD: Duration = Duration::from_secs(30);

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
    match tokio::fs::symlink_metadata(path).await {
        Ok(there) if !there.file_type().is_socket() => {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                format!("{} is there and is not a socket", path.display()),
            ));
        }
        _ => {}
    }
    if tokio::net::UnixStream::connect(path).await.is_ok() {
        return Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            format!("{} is in use by another process", path.display()),
        ));
    }
    match tokio::fs::remove_file(path).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
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
}

impl<A: Acceptor> Tuned<A> {
    fn new(acceptor: A, access: Access, tune: fn(&A::Io)) -> Self {
        Self {
            acceptor,
            tune,
            places: Arc::new(Semaphore::new(access.connections)),
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
                Ok((Connection::new(io, place, HEAD), local, remote, scheme))
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
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixStream;

    use super::*;

    const ONE: Access = Access {
        mode: 0o660,
        connections: 1,
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

        let file = directory.path().join("letter");
        std::fs::write(&file, "keep me").expect("is written");
        let refused = bind_unix(&file, ONE).await.err().expect("is refused");
        assert!(refused.to_string().contains("letter"), "{refused}");
        assert_eq!(std::fs::read(&file).expect("is there"), b"keep me");
    }

    #[tokio::test]
    async fn connection_without_a_place_waits_for_one() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("socket");
        let bound = bind_unix(&path, ONE).await.expect("is bound");
        let stop = CancellationToken::new();
        let tree = poem::Route::new().at("/", poem::endpoint::make_sync(|_| "hello"));
        let tree = poem::EndpointExt::map_to_response(tree);
        let tree = Arc::new(poem::EndpointExt::boxed(tree));
        serve(&TaskTracker::new(), bound, tree, stop.clone());
        let ask = async || {
            let mut stream = UnixStream::connect(&path)
                .await
                .expect("the queue has room");
            let asked = stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
            asked.expect("is sent");
            stream
        };
        let answer = async |stream: &mut UnixStream| {
            let mut answer = vec![0; 12];
            stream.read_exact(&mut answer).await.expect("an answer");
            assert_eq!(answer, b"HTTP/1.1 200");
        };
        let mut first = ask().await;
        answer(&mut first).await;
        let mut second = ask().await;
        let early = tokio::time::timeout(Duration::from_millis(200), answer(&mut second)).await;
        assert!(early.is_err(), "the place is taken");
        drop(first);
        answer(&mut second).await;
        stop.cancel();
    }
}
