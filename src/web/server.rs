//! Binding the listeners and serving them until the end.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use poem::Server;
use poem::endpoint::BoxEndpoint;
use poem::http::uri::Scheme;
use poem::listener::{Acceptor, AcceptorExt, BoxAcceptor, Listener, TcpListener, UnixListener};
use poem::web::{LocalAddr, RemoteAddr};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::ListenAddr;

/// How long requests in flight may take after the stop was asked for.
const DRAIN: Duration = Duration::from_secs(7);
/// How long `accept` rests when the process is out of file descriptors: without a rest it
/// spins.
const BACK_OFF: Duration = Duration::from_millis(100);

/// A bound listener.
pub struct Bound {
    acceptor: BoxAcceptor,
    /// As it can be connected to, with the real port.
    pub address: String,
}

/// Binds an address.
pub async fn bind(address: &ListenAddr) -> io::Result<Bound> {
    match address {
        ListenAddr::Tcp(address) => {
            let acceptor = TcpListener::bind(*address).into_acceptor().await?;
            let bound = acceptor.local_addr().first().map(ToString::to_string);
            let bound = bound.unwrap_or_else(|| address.to_string());
            Ok(Bound {
                acceptor: Tuned(acceptor).boxed(),
                address: bound.trim_start_matches("socket://").to_owned(),
            })
        }
        ListenAddr::Unix(path) => bind_unix(path).await,
    }
}

/// Binds a socket file, taking the place of one that a killed daemon has left.
pub async fn bind_unix(path: &Path) -> io::Result<Bound> {
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
    let acceptor = UnixListener::bind(path).into_acceptor().await?;
    Ok(Bound {
        acceptor: acceptor.boxed(),
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

/// Sets `TCP_NODELAY`, which poem leaves off, and rests after a failed accept.
struct Tuned<A>(A);

impl<A: Acceptor<Io = tokio::net::TcpStream>> Acceptor for Tuned<A> {
    type Io = A::Io;

    fn local_addr(&self) -> Vec<LocalAddr> {
        self.0.local_addr()
    }

    async fn accept(&mut self) -> io::Result<(Self::Io, LocalAddr, RemoteAddr, Scheme)> {
        match self.0.accept().await {
            Ok(accepted) => {
                let _ = accepted.0.set_nodelay(true);
                Ok(accepted)
            }
            Err(error) => {
                tracing::warn!(%error, "failed to accept a connection");
                tokio::time::sleep(BACK_OFF).await;
                Err(error)
            }
        }
    }
}
