//! Events and transactions that come again.

use super::Ground;
use super::samples::{Shorthand, append, created, deleted, event_id, new_seqs, said};
use crate::domain::event::Skipped;
use crate::store::{Append, ClearTo, Placed, Store};

async fn transaction(store: &Store, id: &str, names: &[&str]) -> crate::store::Appended {
    let events = names.iter().map(|name| said(1, name, 10)).collect();
    let append = Append {
        transaction: Some(id.to_owned()),
        ..append(events)
    };
    store.journal.append(append).await.expect("appended")
}

pub async fn a_repeated_transaction_does_nothing(mut ground: impl Ground) {
    let mut store = ground.open().await;
    assert!(!transaction(&store, "t1", &["a"]).await.repeated);
    let again = transaction(&store, "t1", &["a", "b"]).await;
    assert!(again.repeated && again.placed.is_empty());
    assert_eq!(again.head, 1);
    assert!(!transaction(&store, "t2", &["c"]).await.repeated);
    // After an end it need not be known by its name: its events are.
    for is_killed in [false, true] {
        store = match is_killed {
            false => ground.reopen(store).await,
            true => ground.kill(store).await,
        };
        let again = transaction(&store, "t1", &["a"]).await;
        assert!(again.repeated || again.placed == [Placed::Known(Some(1))]);
        assert_eq!(store.journal.head(), 2);
    }
}

/// What has no id is told by the transaction's name alone, whatever ended in between.
pub async fn what_has_no_id_is_known_by_its_transaction(mut ground: impl Ground) {
    let mut store = ground.open().await;
    let mut anonymous = said(1, "a", 1);
    anonymous.event = None;
    let without_id = Append {
        transaction: Some("event".to_owned()),
        ..append(vec![anonymous])
    };
    let unusable = Skipped {
        at: 1,
        reason: "a reason".to_owned(),
        raw: "{}".into(),
    };
    let skipped = Append {
        transaction: Some("skipped".to_owned()),
        skipped: vec![unusable],
        ..append(Vec::new())
    };
    let is_repeated = async |store: &Store, append: &Append| {
        let appended = store.journal.append(append.clone()).await;
        appended.expect("appended").repeated
    };
    transaction(&store, "with ids", &["b"]).await;
    assert!(!is_repeated(&store, &without_id).await);
    assert!(!is_repeated(&store, &skipped).await);
    for is_killed in [false, true] {
        // Those whose names are not written come between.
        let between = format!("between {is_killed}");
        transaction(&store, &between, &[&between]).await;
        store = match is_killed {
            false => ground.reopen(store).await,
            true => ground.kill(store).await,
        };
        assert!(is_repeated(&store, &without_id).await);
        assert!(is_repeated(&store, &skipped).await);
    }
    assert_eq!(store.journal.head(), 4);
    assert_eq!(store.journal.skipped().await.expect("read").count, 1);
}

pub async fn an_event_in_two_transactions_is_kept_once(ground: impl Ground) {
    let store = ground.open().await;
    transaction(&store, "t1", &["a", "b"]).await;
    let second = transaction(&store, "t2", &["b", "c"]).await;
    assert_eq!(second.placed, [Placed::Known(Some(2)), Placed::New(3)]);
    let third = transaction(&store, "t3", &["a", "b", "c"]).await;
    assert!(
        third
            .placed
            .iter()
            .all(|placed| matches!(placed, Placed::Known(_)))
    );
    assert_eq!(store.journal_after(0).await.len(), 3);
}

pub async fn an_event_twice_in_one_append_is_kept_once(ground: impl Ground) {
    let store = ground.open().await;
    let appended = store
        .put(vec![said(1, "a", 1), said(1, "b", 1), said(1, "a", 2)])
        .await;
    let placed = [Placed::New(1), Placed::New(2), Placed::Known(Some(1))];
    assert_eq!(appended.placed, placed);
    assert_eq!(store.journal_after(0).await.len(), 2);
}

pub async fn events_without_id_are_never_repeats(ground: impl Ground) {
    let store = ground.open().await;
    let mut event = said(1, "a", 1);
    event.event = None;
    store.put(vec![event.clone(), event.clone()]).await;
    assert_eq!(new_seqs(&store.put(vec![event]).await), [3]);
}

pub async fn repeats_are_known_after_reopening(ground: impl Ground) {
    let store = ground.open().await;
    store.put(vec![created(1), said(1, "a", 1)]).await;
    let store = ground.reopen(store).await;
    assert_eq!(knows(&store, &["a", "b"]).await, [true, false]);
    let again = store.put(vec![said(1, "a", 1)]).await;
    assert_eq!(again.placed, [Placed::Known(Some(2))]);
}

pub async fn repeats_are_known_after_a_kill(mut ground: impl Ground) {
    let store = ground.open().await;
    store.put_and_index(vec![created(1), said(1, "a", 1)]).await;
    store.put(vec![said(1, "b", 1)]).await;
    store.index_all().await;
    // Whatever of the index was lost is found in the journal again.
    let store = ground.kill(store).await;
    assert_eq!(knows(&store, &["a", "b", "c"]).await, [true, true, false]);
    let again = store.put(vec![said(1, "a", 1), said(1, "b", 1)]).await;
    assert_eq!(new_seqs(&again), Vec::<u64>::new());
    store.index_all().await;
    assert_eq!(store.listed(1).await, ["$a", "$b"]);
}

pub async fn repeats_are_known_after_the_index_met_them(ground: impl Ground) {
    let store = ground.open().await;
    // A message, one that is no message, and one that waits for its message.
    let events = vec![created(1), said(1, "a", 1), deleted(1, "early", "late")];
    store.put_and_index(events.clone()).await;
    assert_eq!(
        knows(&store, &["a", "early", "create-1", "b"]).await,
        [true, true, true, false]
    );
    assert_eq!(new_seqs(&store.put(events).await), Vec::<u64>::new());
    let store = ground.reopen(store).await;
    let again = store.put(vec![said(1, "a", 1), said(1, "b", 1)]).await;
    assert_eq!(new_seqs(&again), [4]);
}

pub async fn repeats_are_known_after_clearing(mut ground: impl Ground) {
    let store = ground.open().await;
    store.put_and_index(vec![created(1), said(1, "a", 1)]).await;
    store.put(vec![said(1, "b", 2)]).await;
    store
        .index
        .clear(ClearTo::JournalStart)
        .await
        .expect("cleared");
    assert_eq!(knows(&store, &["a", "b"]).await, [true, true]);
    let again = store
        .put(vec![said(1, "a", 1), said(1, "b", 2), said(1, "c", 3)])
        .await;
    assert_eq!(new_seqs(&again), [4]);
    // Half-way through the replay.
    let events = store.journal.read(0, 2).await.expect("read");
    store.index.apply(&events).await.expect("applied");
    let store = ground.kill(store).await;
    let again = store
        .put(vec![said(1, "a", 1), said(1, "b", 2), said(1, "c", 3)])
        .await;
    assert_eq!(new_seqs(&again), Vec::<u64>::new());
    store.index_all().await;
    assert_eq!(store.listed(1).await, ["$a", "$b", "$c"]);
}

pub async fn forgotten_events_may_come_again(mut ground: impl Ground) {
    let store = ground.open().await;
    store.put_and_index(vec![created(1), said(1, "a", 1)]).await;
    store.put(vec![said(1, "b", 1)]).await;
    store
        .index
        .clear(ClearTo::JournalEnd { since: 1 })
        .await
        .expect("cleared");
    assert_eq!(store.index.position(), 3);
    assert_eq!(knows(&store, &["a", "b"]).await, [false, false]);
    // Also when the process ends right behind it.
    let store = ground.kill(store).await;
    assert_eq!(knows(&store, &["a", "b"]).await, [false, false]);
    let again = store
        .put(vec![created(1), said(1, "b", 1), said(1, "a", 1)])
        .await;
    assert_eq!(new_seqs(&again), [4, 5, 6]);
    store.index_all().await;
    assert_eq!(store.listed(1).await, ["$a", "$b"]);
    // The whole journal, in which they now stand twice, gives the same index.
    store
        .index
        .clear(ClearTo::JournalStart)
        .await
        .expect("cleared");
    assert_eq!(store.index_all().await, Vec::<String>::new());
    assert_eq!(store.listed(1).await, ["$a", "$b"]);
}

pub async fn old_transactions_are_forgotten_their_events_are_not(ground: impl Ground) {
    let store = ground.open().await;
    transaction(&store, "first", &["a"]).await;
    for n in 0..1_100 {
        transaction(&store, &format!("t{n}"), &[]).await;
    }
    let again = transaction(&store, "first", &["a"]).await;
    assert_eq!(again.placed, [Placed::Known(Some(1))]);
    assert!(transaction(&store, "t1099", &[]).await.repeated);
}

async fn knows(store: &Store, names: &[&str]) -> Vec<bool> {
    let events: Vec<_> = names.iter().map(|name| event_id(name)).collect();
    store.journal.knows(&events).await.expect("read")
}
