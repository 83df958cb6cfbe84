//! Files on their way: piece by piece, and none of them for longer than somebody sends or takes.

use std::io;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::domain::{Error, Result};
use crate::homeserver::media::{Chunks, Download};
use crate::service::gateway::turns::Turn;

/// How many pieces of a file are ahead of whoever takes them.
const AHEAD: usize = 1;

/// What comes of something that is awaited of whoever sends a form, or that it does not go on.
pub async fn in_time<T>(
    field: &'static str,
    within: Duration,
    awaited: impl Future<Output = T>,
) -> Result<T> {
    let stalled = |_| Error::Stalled { field, within };
    timeout(within, awaited).await.map_err(stalled)
}

/// Keeps the place with the homeserver until the file has been taken or let go, or nothing of it
/// was taken for too long: then it is broken off, and the place is free although whoever has
/// fallen silent is still there.
pub fn paced(download: Download, turn: Turn, within: Duration) -> Download {
    let (pieces, taken) = mpsc::channel(AHEAD + 1);
    // Kept for the last word: that the file is not whole.
    let last_word = pieces.clone().try_reserve_owned();
    let mut body = download.body;
    tokio::spawn(async move {
        let _turn = turn;
        loop {
            let piece = tokio::select! {
                piece = body.next() => piece,
                () = pieces.closed() => return,
            };
            let Some(piece) = piece else {
                return;
            };
            if timeout(within, pieces.send(piece)).await.is_err() {
                if let Ok(last_word) = last_word {
                    last_word.send(Err(io::ErrorKind::TimedOut.into()));
                }
                return;
            }
        }
    });
    Download {
        body: received(taken),
        ..download
    }
}

fn received(pieces: mpsc::Receiver<io::Result<bytes::Bytes>>) -> Chunks {
    let next = async |mut pieces: mpsc::Receiver<_>| Some((pieces.recv().await?, pieces));
    stream::unfold(pieces, next).boxed()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::service::gateway::turns::{Bounds, Turns};

    const SOON: Duration = Duration::from_millis(30);
    const ONE: Bounds = Bounds {
        total: 1,
        each: 1,
        waiting: 1,
        patience: Duration::from_secs(20),
    };

    fn file(pieces: usize) -> Download {
        let pieces = (0..pieces).map(|_| Ok(Bytes::from_static(b"piece")));
        Download {
            content_type: None,
            name: None,
            size: None,
            body: stream::iter(pieces).boxed(),
        }
    }

    #[tokio::test]
    async fn file_that_nobody_takes_gives_its_place_up() {
        let turns = Turns::new(ONE);
        let turn = turns.wait("a").await.expect("a turn");
        let mut file = paced(file(10), turn, SOON);
        assert!(file.body.next().await.expect("a piece").is_ok());
        turns.wait("b").await.expect("the place is free");
        let left: Vec<_> = file.body.collect().await;
        assert!(left.len() < 9, "it was broken off: {}", left.len());
        let last = left.last().expect("a last word").as_ref();
        let last = last.expect_err("the file is not whole");
        assert_eq!(last.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn file_that_is_taken_comes_whole_and_one_that_is_let_go_ends() {
        let turns = Turns::new(ONE);
        let turn = turns.wait("a").await.expect("a turn");
        let taken: Vec<_> = paced(file(10), turn, SOON).body.collect().await;
        assert_eq!(taken.len(), 10);
        assert!(taken.iter().all(Result::is_ok));
        let turn = turns.wait("a").await.expect("the place is free");
        drop(paced(file(10), turn, Duration::from_secs(600)));
        turns.wait("a").await.expect("the place is free again");
    }
}
