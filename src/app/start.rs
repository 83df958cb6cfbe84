//! The start, which may take long: the store is repaired, the index brought up to the journal.
//! Whoever waits for it is told so, and may stop it at any moment.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::build::{App, open_store};
use crate::config::Config;
use crate::systemd;

/// How often the service manager is told that the start goes on.
const TELL: Duration = Duration::from_secs(10);

/// The signals that end the daemon.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for one of them.
    pub async fn told_to_stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Builds every part. `None` when it was told to stop meanwhile: what is cut off then goes on
/// at the next start, as after a kill.
pub async fn build(config: &Config, signals: &mut Signals) -> anyhow::Result<Option<App>> {
    let opening = unless(
        signals.told_to_stop(),
        "opening the store",
        open_store(config),
    );
    let Some(store) = opening.await.transpose()? else {
        return Ok(None);
    };
    let assembling = unless(
        signals.told_to_stop(),
        "bringing the index up to the journal",
        App::assemble(config, store.clone()),
    );
    let assembled = assembling.await.transpose()?;
    if assembled.is_none() {
        store.closer.close().await;
    }
    Ok(assembled)
}

/// Does a part of the start, unless it is told to stop before the end.
async fn unless<T>(
    told: impl Future<Output = ()>,
    doing: &str,
    part: impl Future<Output = T>,
) -> Option<T> {
    tokio::pin!(told, part);
    let mut tell = tokio::time::interval(TELL);
    loop {
        tokio::select! {
            done = &mut part => return Some(done),
            () = &mut told => return None,
            _ = tell.tick() => systemd::starting(doing, TELL * 3),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use rustix::process::{Signal, getpid, kill_process};

    use super::*;
    use crate::app::tests::config;
    use crate::store;

    #[tokio::test]
    async fn long_start_can_be_stopped() {
        let stopped = unless(ready(()), "waiting", pending::<()>()).await;
        assert_eq!(stopped, None);
        assert_eq!(unless(pending(), "waiting", ready(7)).await, Some(7));
    }

    #[tokio::test]
    async fn sigterm_ends_the_start_and_leaves_a_store_that_opens() {
        let directory = tempfile::tempdir().expect("a directory");
        let config = Config {
            data_dir: directory.path().to_owned(),
            ..config()
        };
        let (mut heard, mut signals) = (
            Signals::listen().expect("signals"),
            Signals::listen().expect("signals"),
        );
        kill_process(getpid(), Signal::TERM).expect("is sent");
        heard.told_to_stop().await;
        let built = build(&config, &mut signals).await.expect("no failure");
        assert!(built.is_none(), "it was told to stop");

        // A process would have ended; here the thread that opens it goes on.
        let reopened = async || {
            while let Err(error) = store::open(directory.path()) {
                assert!(error.to_string().contains("in use"), "{error}");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let reopened = tokio::time::timeout(Duration::from_secs(20), reopened()).await;
        reopened.expect("opens");
    }
}
