//! What one write costs, alone and among others.

use std::time::{Duration, Instant};

use daarion::store::Store;

use super::fill::index_all;
use super::samples::{append, said};
use super::{Size, heading, micros, rate, row, spread};

pub async fn measure(store: &Store, size: Size) {
    heading("one message at a time");
    one_by_one(store, size).await;
    heading("one message an append, many callers");
    for callers in [1, 16, 64, 256] {
        many(store, callers, size).await;
    }
    heading("applying to the index alone, by events at once");
    for batch in [1, 10, 100, 500, 1_000, 5_000] {
        batches(store, batch, size).await;
    }
}

async fn one_by_one(store: &Store, size: Size) {
    let mut append_times = Vec::new();
    let mut apply_times = Vec::new();
    let mut repeat_times = Vec::new();
    for n in 0..size.rounds {
        let event = said(1, n);
        let begun = Instant::now();
        store
            .journal
            .append(append(vec![event.clone()], None))
            .await
            .expect("appended");
        let appended = Instant::now();
        index_all(store, 100).await;
        let indexed = Instant::now();
        let transaction = Some(format!("echo-{n}"));
        store
            .journal
            .append(append(vec![event], transaction))
            .await
            .expect("appended");
        repeat_times.push(indexed.elapsed());
        append_times.push(appended - begun);
        apply_times.push(indexed - appended);
    }
    row("append, durable", spread(append_times));
    row("apply to the index", spread(apply_times));
    row(
        "append of what is known (a push of our own message)",
        spread(repeat_times),
    );
}

async fn many(store: &Store, callers: u64, size: Size) {
    let each = (size.rounds * 4 / callers).max(5);
    let mut tasks = tokio::task::JoinSet::new();
    let begun = Instant::now();
    for caller in 0..callers {
        let store = store.clone();
        tasks.spawn(async move {
            let mut times = Vec::new();
            for n in 0..each {
                let begun = Instant::now();
                let event = said(10 + callers, caller * 1_000_000 + n);
                store
                    .journal
                    .append(append(vec![event], None))
                    .await
                    .expect("appended");
                times.push(begun.elapsed());
            }
            times
        });
    }
    let times = tasks.join_all().await.concat();
    let rate = rate(callers * each, begun.elapsed());
    row(
        &format!("{callers} callers"),
        format!("{rate}, {}", spread(times)),
    );
    index_all(store, 500).await;
}

async fn batches(store: &Store, batch: usize, size: Size) {
    let count = (batch as u64 * 20).clamp(size.rounds, 20_000);
    for part in 0..count.div_ceil(1_000) {
        let numbers = part * 1_000..((part + 1) * 1_000).min(count);
        let events = numbers.map(|n| said(1_000 + batch as u64, n)).collect();
        store
            .journal
            .append(append(events, None))
            .await
            .expect("appended");
    }
    // The commits before have work of their own behind them.
    tokio::time::sleep(Duration::from_millis(700)).await;
    let mut slowest = Duration::ZERO;
    let begun = Instant::now();
    loop {
        let events = store
            .journal
            .read(store.index.position(), batch)
            .await
            .expect("read");
        if events.is_empty() {
            break;
        }
        let begun = Instant::now();
        store.index.apply(&events).await.expect("applied");
        slowest = slowest.max(begun.elapsed());
    }
    let rate = rate(count, begun.elapsed());
    row(
        &format!("{batch} at once"),
        format!("{rate}, slowest {}", micros(slowest)),
    );
}
