//! The journal's other end: what is old is dropped, and no number is given twice.

use super::Ground;
use super::samples::{Shorthand, append, created, edited, new_seqs, said};
use crate::store::Append;

pub async fn trim_drops_only_old_ones(ground: impl Ground) {
    let store = ground.open().await;
    for (arrived_at, name) in [(10, "a"), (20, "b"), (30, "c"), (15, "d")] {
        let append = Append {
            arrived_at,
            ..append(vec![said(1, name, 1)])
        };
        store.journal.append(append).await.expect("appended");
    }
    store.index_all().await;
    let trim = async |before, upto| store.journal.trim(before, upto).await.expect("trimmed");
    assert_eq!(trim(10, 4).await, 0);
    assert_eq!(trim(25, 1).await, 1);
    assert_eq!(store.journal.first().await.expect("read"), 2);
    // The clock went back before the fourth: it stays as long as the third does.
    assert_eq!(trim(25, 4).await, 1);
    assert_eq!(trim(25, 4).await, 0);
    assert_eq!(store.journal.first().await.expect("read"), 3);
    let seqs: Vec<_> = store
        .journal_after(0)
        .await
        .iter()
        .map(|event| event.seq)
        .collect();
    assert_eq!(seqs, [3, 4]);
}

pub async fn trim_waits_for_the_index(ground: impl Ground) {
    let store = ground.open().await;
    store.put(vec![created(1), said(1, "a", 1)]).await;
    assert_eq!(
        store
            .journal
            .trim(u64::MAX, u64::MAX)
            .await
            .expect("trimmed"),
        0
    );
    store.index_all().await;
    assert_eq!(
        store
            .journal
            .trim(u64::MAX, u64::MAX)
            .await
            .expect("trimmed"),
        2
    );
    assert_eq!(store.listed(1).await, ["$a"]);
}

pub async fn seq_goes_on_after_everything_was_trimmed(mut ground: impl Ground) {
    let store = ground.open().await;
    store.put(vec![created(1), said(1, "a", 1)]).await;
    store.index_all().await;
    store
        .journal
        .trim(u64::MAX, u64::MAX)
        .await
        .expect("trimmed");
    assert_eq!(store.journal.first().await.expect("read"), 3);
    let store = ground.reopen(store).await;
    assert_eq!((store.journal.head(), store.index.position()), (2, 2));
    assert_eq!(store.journal.first().await.expect("read"), 3);
    let again = store.put(vec![said(1, "a", 1), said(1, "b", 2)]).await;
    assert_eq!(new_seqs(&again), [3]);
    let store = ground.kill(store).await;
    assert_eq!(store.journal.head(), 3);
    store.index_all().await;
    assert_eq!(store.listed(1).await, ["$a", "$b"]);
}

pub async fn trim_is_bounded_a_call(ground: impl Ground) {
    let store = ground.open().await;
    store.put(vec![created(1)]).await;
    for batch in 0..12 {
        let events = (0..1_000).map(|n| said(1, &format!("m{batch}-{n}"), 1));
        store.put(events.collect()).await;
    }
    store.index_all().await;
    let mut calls = 0;
    let mut dropped = 0;
    loop {
        match store.journal.trim(u64::MAX, 12_000).await.expect("trimmed") {
            0 => break,
            some => dropped += some,
        }
        calls += 1;
    }
    assert_eq!(dropped, 12_000);
    assert!(calls > 1, "{calls} calls");
    assert_eq!(store.journal.first().await.expect("read"), 12_001);
}

pub async fn what_waits_is_trimmed_too(ground: impl Ground) {
    let store = ground.open().await;
    store.put_and_index(vec![created(1)]).await;
    for (arrived_at, name, of) in [(10, "old", "a"), (20, "young", "b")] {
        let append = Append {
            arrived_at,
            ..append(vec![edited(1, name, of, name, 100)])
        };
        store.journal.append(append).await.expect("appended");
    }
    store.index_all().await;
    // The journal itself is held back.
    let trim = async || store.journal.trim(15, 0).await.expect("trimmed");
    assert_eq!((trim().await, trim().await), (1, 0));
    store
        .put_and_index(vec![said(1, "a", 30), said(1, "b", 31)])
        .await;
    assert_eq!(store.preview("a").await.as_deref(), Some("text of a"));
    assert_eq!(store.preview("b").await.as_deref(), Some("young"));
}
