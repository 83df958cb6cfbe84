//! Fills a store as the homeserver would: transactions of 100 events from a few callers,
//! while the index follows.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use daarion::store::{self, ClearTo, Store};

use super::samples::{CHANNELS, MEMBERS, append, cpu_time, created, joined, memory, said};
use super::{Size, heading, micros, rate, row};

/// Events in a transaction.
const TRANSACTION: u64 = 100;
/// Transactions under way at once.
const CALLERS: u64 = 4;
/// The most events that the index takes at once.
pub const BATCH: usize = 500;

pub async fn fill(directory: &Path, size: Size) -> Store {
    heading("filling: transactions of 100 events, 4 at once, the index following");
    let store = store::open(directory).expect("the store opens");
    set_up(&store).await;
    let (begun, cpu) = (Instant::now(), cpu_time());
    let transactions = size.messages / TRANSACTION;
    let next = Arc::new(AtomicU64::new(0));
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..CALLERS {
        let (store, next) = (store.clone(), Arc::clone(&next));
        callers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= transactions {
                    return;
                }
                let events = (0..TRANSACTION).map(|n| said(0, number * TRANSACTION + n));
                let append = append(events.collect(), Some(format!("t{number}")));
                store.journal.append(append).await.expect("appended");
            }
        });
    }
    let appended_in = {
        let follow = follow(&store, size.messages);
        let appends = async {
            while let Some(done) = callers.join_next().await {
                done.expect("a caller ends well");
            }
            begun.elapsed()
        };
        tokio::join!(appends, follow).0
    };
    let indexed_in = begun.elapsed();
    row("events", size.messages);
    row("appended durably", rate(size.messages, appended_in));
    row("appended and indexed", rate(size.messages, indexed_in));
    let cores = (cpu_time() - cpu).as_secs_f64() / indexed_in.as_secs_f64();
    row("cores used", format!("{cores:.2}"));
    let megabytes = store.closer.status().bytes as f64 / 1e6;
    row("size of the file", format!("{megabytes:.0} MB"));
    let (all, own) = memory();
    row(
        "memory of the process (of it anonymous)",
        format!("{all:.1} MB ({own:.1} MB)"),
    );
    store
}

async fn set_up(store: &Store) {
    let channels = (0..CHANNELS).map(created);
    let members = (0..CHANNELS).flat_map(|channel| (0..MEMBERS).map(move |n| joined(channel, n)));
    let events = channels.chain(members).collect();
    store
        .journal
        .append(append(events, None))
        .await
        .expect("appended");
    index_all(store, BATCH).await;
}

/// Applies events until `messages` have been applied beyond those of the set-up.
async fn follow(store: &Store, messages: u64) {
    let end = store.index.position() + messages;
    while store.index.position() < end {
        if index_once(store, BATCH).await == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }
}

pub async fn index_once(store: &Store, batch: usize) -> usize {
    let events = store
        .journal
        .read(store.index.position(), batch)
        .await
        .expect("read");
    let passed = store.index.apply(&events).await.expect("applied");
    assert!(passed.is_empty(), "{passed:?}");
    events.len()
}

pub async fn index_all(store: &Store, batch: usize) {
    while index_once(store, batch).await > 0 {}
}

/// Throws the index away and makes it anew of the journal.
pub async fn rebuild(store: &Store) {
    heading("making the index anew of the journal");
    let begun = Instant::now();
    store
        .index
        .clear(ClearTo::JournalStart)
        .await
        .expect("cleared");
    row("clearing it", micros(begun.elapsed()));
    let begun = Instant::now();
    index_all(store, BATCH).await;
    row("applying all", rate(store.journal.head(), begun.elapsed()));
}
