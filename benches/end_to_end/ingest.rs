//! Pushing, as a homeserver does: transactions of 100 events, acknowledged when they are
//! durable.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io;
use tokio::net::TcpStream;

use crate::daarion::Daarion;
use crate::process;
use crate::story::Story;
use crate::wire::{Connection, get, with_body};

/// How many events Synapse puts into a transaction at the most.
pub const TRANSACTION: u64 = 100;

/// One who pushes, and where the next event begins.
pub struct Pusher<'a> {
    pub daarion: &'a Daarion,
    pub story: Story,
    pub next: u64,
}

/// What pushing some events took.
#[derive(Clone, Copy, Default)]
pub struct Push {
    pub events: u64,
    /// Until the last transaction was acknowledged.
    pub durable: Duration,
    /// Until the index had all of it.
    pub indexed: Duration,
    /// What daarion worked for it.
    pub cpu: Duration,
}

impl Push {
    pub fn and(self, other: Self) -> Self {
        Self {
            events: self.events + other.events,
            durable: self.durable + other.durable,
            indexed: self.indexed + other.indexed,
            cpu: self.cpu + other.cpu,
        }
    }
}

impl Pusher<'_> {
    /// Pushes events with so many transactions in flight, and waits for the index.
    pub async fn push(&mut self, events: u64, in_flight: u64) -> Push {
        let pid = self.daarion.pid();
        let (begun, cpu) = (Instant::now(), process::cpu(pid));
        let share = events / in_flight / TRANSACTION;
        let (daarion, story) = (self.daarion, self.story);
        let senders = (0..in_flight).map(|sender| {
            let first = self.next + sender * share * TRANSACTION;
            async move {
                let mut connection = Connection::open(port(&daarion.internal(""))).await?;
                for number in 0..share {
                    let first = first + number * TRANSACTION;
                    let token = daarion.hs_token();
                    transaction(&mut connection, token, story, first, TRANSACTION).await?;
                }
                io::Result::Ok(())
            }
        });
        let pushed = futures_util::future::try_join_all(senders).await;
        pushed.expect("daarion takes what is pushed");
        let durable = begun.elapsed();
        self.next += share * in_flight * TRANSACTION;
        wait_for_index(self.daarion).await;
        Push {
            events: share * in_flight * TRANSACTION,
            durable,
            indexed: begun.elapsed(),
            cpu: process::cpu(pid).saturating_sub(cpu),
        }
    }

    /// Pushes one transaction and waits until it is acknowledged.
    pub async fn one(
        &self,
        connection: &mut Connection<TcpStream>,
        first: u64,
        count: u64,
    ) -> io::Result<()> {
        let token = self.daarion.hs_token();
        transaction(connection, token, self.story, first, count).await
    }

    /// Pushes until daarion is killed under it. What was not acknowledged is pushed again by
    /// the next call, as a homeserver does.
    pub async fn push_until_killed(&mut self, after: Duration) {
        let port = port(&self.daarion.internal(""));
        let mut connection = Connection::open(port).await.expect("daarion listens");
        let hs_token = self.daarion.hs_token();
        let push = async {
            loop {
                if transaction(
                    &mut connection,
                    hs_token,
                    self.story,
                    self.next,
                    TRANSACTION,
                )
                .await
                .is_err()
                {
                    return;
                }
                self.next += TRANSACTION;
            }
        };
        let kill = async {
            tokio::time::sleep(after).await;
            self.daarion.kill();
        };
        tokio::join!(push, kill);
    }
}

/// Pushes a transaction and waits until it is acknowledged.
pub async fn transaction(
    connection: &mut Connection<TcpStream>,
    hs_token: &str,
    story: Story,
    first: u64,
    count: u64,
) -> io::Result<()> {
    let path = format!("/_matrix/app/v1/transactions/from-{first}");
    let authorization = format!("authorization: Bearer {hs_token}\r\n");
    let body = story.transaction(first, count);
    let request = with_body("PUT", &path, &authorization, &body);
    let answer = connection.exchange(&request).await?;
    assert_eq!(
        answer.status,
        200,
        "{}",
        String::from_utf8_lossy(answer.body)
    );
    Ok(())
}

/// Waits until the index has the journal's newest event. Answers the status.
pub async fn wait_for_index(daarion: &Daarion) -> Value {
    loop {
        let status = status(daarion).await;
        let reader = &status["readers"][0];
        assert_eq!(reader["name"], "index");
        if reader["lag"] == 0 {
            return status;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// What `daarion status` shows.
pub async fn status(daarion: &Daarion) -> Value {
    let opened = Connection::open_unix(&daarion.admin_socket()).await;
    let mut connection = opened.expect("the admin socket is there");
    let status = connection.get_json("/status", "").await;
    status.expect("daarion tells its status")
}

/// How long daarion takes from the start of its process to its first ready answer.
pub async fn start(daarion: &Daarion) -> Duration {
    let port = port(&daarion.public(""));
    let request = get("/readyz", "");
    let begun = Instant::now();
    daarion.spawn();
    loop {
        if let Ok(mut connection) = Connection::open(port).await
            && let Ok(answer) = connection.exchange(&request).await
            && answer.status == 200
        {
            return begun.elapsed();
        }
        assert!(
            daarion.is_running() && begun.elapsed() < Duration::from_secs(60),
            "daarion is not ready; its log ends:\n{}",
            daarion.log_tail()
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// The port of a base URL.
pub fn port(base: &str) -> u16 {
    let (_, port) = base.rsplit_once(':').expect("the URL has a port");
    port.parse().expect("a port is a number")
}
