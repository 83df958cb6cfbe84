//! The index's position, and what outlives the end of the process.

use super::Ground;
use super::samples::{Shorthand, append, channel_id, created, edited, event_id, new_seqs, said};
use crate::store::{Append, ClearTo, StoreError};

pub async fn messages_may_be_taken_over_with_their_append(ground: impl Ground) {
    let store = ground.open().await;
    let with_index = async |events| {
        let append = Append {
            with_index: true,
            ..append(events)
        };
        store
            .journal
            .append(append)
            .await
            .expect("appended")
            .indexed
    };
    // Whoever follows the channels has to see one come.
    assert!(!with_index(vec![created(1)]).await);
    assert!(!with_index(vec![said(1, "early", 1)]).await);
    assert_eq!(store.index.position(), 0);
    store.index_all().await;
    assert!(with_index(vec![said(1, "a", 10), said(1, "b", 11)]).await);
    assert_eq!(store.index.position(), 4);
    assert_eq!(store.listed(1).await, ["$early", "$a", "$b"]);
    // One that is known already, and one beside something else.
    assert!(!with_index(vec![said(1, "b", 11)]).await);
    assert!(!with_index(vec![said(1, "c", 12), said(1, "b", 11)]).await);
    store.index_all().await;
    assert!(!with_index(vec![said(1, "d", 13), edited(1, "e", "d", "words", 14)]).await);
    store.index_all().await;
    assert_eq!(store.preview("d").await.as_deref(), Some("words"));
    // Without being asked for, the append brings nothing but itself.
    store.put(vec![said(1, "f", 15)]).await;
    assert_eq!(store.listed(1).await.last().expect("some"), "$d");
    assert_eq!(store.index_all().await, Vec::<String>::new());
}

pub async fn applying_is_idempotent(ground: impl Ground) {
    let store = ground.open().await;
    store
        .put(vec![created(1), said(1, "a", 1), said(1, "b", 2)])
        .await;
    let events = store.journal_after(0).await;
    store.index.apply(&events[..2]).await.expect("applied");
    assert_eq!(store.index.position(), 2);
    store.index.apply(&events).await.expect("applied");
    store.index.apply(&events).await.expect("applied");
    store.index.apply(&[]).await.expect("applied");
    assert_eq!(store.index.position(), 3);
    assert_eq!(store.listed(1).await, ["$a", "$b"]);
}

pub async fn left_out_events_are_refused(ground: impl Ground) {
    let store = ground.open().await;
    store
        .put(vec![created(1), said(1, "a", 1), said(1, "b", 2)])
        .await;
    let events = store.journal_after(0).await;
    let refused = store.index.apply(&events[1..]).await;
    assert!(
        matches!(refused, Err(StoreError::Behind { position: 0 })),
        "{refused:?}"
    );
    store.index.apply(&events[..1]).await.expect("applied");
    store.index.apply(&events).await.expect("applied");
    assert_eq!(store.listed(1).await, ["$a", "$b"]);
}

pub async fn rows_and_position_stay_together(mut ground: impl Ground) {
    let mut store = ground.open().await;
    store.put(vec![created(1)]).await;
    for round in 0..6 {
        let events = (0..10).map(|n| said(1, &format!("r{round}-{n}"), 10 * round + n));
        store.put(events.collect()).await;
        let position = store.index.position();
        let events = store.journal.read(position, 7).await.expect("read");
        store.index.apply(&events).await.expect("applied");
        store = ground.kill(store).await;
        // One event made the channel; each other one that was applied is a row.
        let position = store.index.position();
        let (messages, channels) = store.index.counts().await.expect("read");
        assert_eq!(messages + channels, position, "round {round}");
        assert_eq!(store.listed(1).await.len() as u64, messages);
        assert_eq!(store.journal.head(), 1 + 10 * (round + 1));
    }
    store.index_all().await;
    assert_eq!(store.listed(1).await.len(), 60);
}

pub async fn a_cleared_index_is_made_anew(ground: impl Ground) {
    let store = ground.open().await;
    store
        .put_and_index(vec![
            created(1),
            said(1, "a", 1),
            edited(1, "e", "a", "edited", 5),
            said(1, "b", 2),
        ])
        .await;
    store
        .index
        .clear(ClearTo::JournalStart)
        .await
        .expect("cleared");
    assert_eq!(store.index.position(), 0);
    assert_eq!(store.index.counts().await.expect("read"), (0, 0));
    assert!(store.index.channels().await.expect("read").is_empty());
    assert!(store.index.activity().await.expect("read").is_empty());
    assert_eq!(store.preview("a").await, None);
    assert_eq!(store.listed(1).await, [""; 0]);
    store.index_all().await;
    assert_eq!(store.preview("a").await.as_deref(), Some("edited"));
    assert_eq!(store.listed(1).await, ["$a", "$b"]);
    assert_eq!(store.index.counts().await.expect("read"), (2, 1));
}

pub async fn a_rebuild_is_remembered(mut ground: impl Ground) {
    let store = ground.open().await;
    assert_eq!(store.index.rebuilding().await.expect("read"), None);
    store.index.set_rebuilding(Some(7)).await.expect("written");
    let store = ground.kill(store).await;
    assert_eq!(store.index.rebuilding().await.expect("read"), Some(7));
    store.index.set_rebuilding(None).await.expect("written");
    let store = ground.kill(store).await;
    assert_eq!(store.index.rebuilding().await.expect("read"), None);
    // Begun and noted in one: no rebuild is noted that has not emptied the index.
    store.put_and_index(vec![created(1)]).await;
    let begun = ClearTo::JournalEnd { since: 8 };
    store.index.clear(begun).await.expect("cleared");
    let store = ground.kill(store).await;
    assert_eq!(store.index.rebuilding().await.expect("read"), Some(8));
    assert_eq!(store.index.counts().await.expect("read"), (0, 0));
}

pub async fn a_journal_without_its_beginning_is_not_read_again(ground: impl Ground) {
    let store = ground.open().await;
    store.put_and_index(vec![created(1), said(1, "a", 1)]).await;
    let dropped = store.journal.trim(u64::MAX, 1).await.expect("trimmed");
    assert_eq!(dropped, 1);
    let refused = store.index.clear(ClearTo::JournalStart).await;
    assert!(matches!(refused, Err(StoreError::Trimmed)), "{refused:?}");
    // Nothing has happened.
    assert_eq!(store.index.counts().await.expect("read"), (1, 1));
    assert_eq!(store.index.position(), 2);
}

pub async fn nothing_acknowledged_is_lost_by_a_kill(mut ground: impl Ground) {
    let mut store = ground.open().await;
    let mut acknowledged = Vec::new();
    for round in 0..5u64 {
        let mut callers = tokio::task::JoinSet::new();
        for caller in 0..8u64 {
            let journal = store.journal.clone();
            let events = vec![said(1, &format!("{round}-{caller}"), round)];
            callers.spawn(async move { journal.append(append(events)).await.expect("appended") });
        }
        for appended in callers.join_all().await {
            acknowledged.extend(new_seqs(&appended));
        }
        store.index_all().await;
        store = ground.kill(store).await;
        acknowledged.sort_unstable();
        let seqs: Vec<_> = store
            .journal_after(0)
            .await
            .iter()
            .map(|event| event.seq)
            .collect();
        assert_eq!(seqs, acknowledged);
    }
}

pub async fn closed_is_unavailable(ground: impl Ground) {
    let store = ground.open().await;
    store.put(vec![created(1)]).await;
    store.closer.close().await;
    store.closer.close().await;
    let unavailable = |error: Option<StoreError>| {
        assert!(
            matches!(error, Some(StoreError::Unavailable(_))),
            "{error:?}"
        );
    };
    unavailable(store.journal.append(append(vec![created(2)])).await.err());
    unavailable(store.journal.read(0, 1).await.err());
    unavailable(store.index.channels().await.err());
    drop(store);
    let store = ground.open().await;
    assert_eq!(store.journal.head(), 1);
    assert!(store.closer.status().format >= 1);
}

pub async fn a_watermark_outlives_a_replay_but_not_forgotten_events(ground: impl Ground) {
    let store = ground.open().await;
    store.put_and_index(vec![created(1), said(1, "a", 1)]).await;
    let (channel, index) = (channel_id(1), &store.index);
    assert_eq!(index.watermark(channel).await.expect("read"), None);
    let mark = event_id("a");
    index.set_watermark(channel, &mark).await.expect("set");
    index.clear(ClearTo::JournalStart).await.expect("cleared");
    assert_eq!(index.watermark(channel).await.expect("read"), Some(mark));
    index
        .clear(ClearTo::JournalEnd { since: 1 })
        .await
        .expect("cleared");
    assert_eq!(index.watermark(channel).await.expect("read"), None);
}
