//! Messages that the index has met are known and found, whether the table holds their rows or
//! memory does; and what only memory held is there again after a kill.

use std::path::{Path, PathBuf};
use std::time::Duration;

use redb::{Database, ReadableDatabase, ReadableTableMetadata};
use tempfile::TempDir;

use crate::clock::Clock;
use crate::domain::id::MessageId;
use crate::store::contract::samples::{
    Shorthand, append, created, deleted, edited, event_id, said,
};
use crate::store::redb::{open, tables};
use crate::store::{ClearTo, Placed, Store};

/// How long a rest may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(20);

/// More than the window of the tests.
const MANY: u64 = 400;

fn name(number: u64) -> String {
    format!("message {number}")
}

/// A store with a channel.
async fn begin() -> (TempDir, PathBuf, Store) {
    let directory = TempDir::new().expect("a directory");
    let path = directory.path().join("daarion.redb");
    let store = open(&path).expect("the store opens");
    store.put_and_index(vec![created(1)]).await;
    (directory, path, store)
}

/// Each of them is found by its id, and known when it comes again.
async fn assert_met(store: &Store, through: u64) {
    for number in 0..through {
        let event = event_id(&name(number));
        let found = store.index.message(MessageId::of(&event)).await;
        assert_eq!(found.expect("read").expect("found").event, event);
        let again = append(vec![said(1, &name(number), number)]);
        let again = store.journal.append(again).await.expect("appended");
        assert_eq!(again.placed, [Placed::Known(Some(number + 2))]);
        let known = store.journal.knows(&[event]).await;
        assert_eq!(known.expect("read"), [true]);
    }
}

/// How many rows the table has.
fn rows(path: &Path) -> u64 {
    let database = Database::open(path).expect("opened");
    let txn = database.begin_read().expect("begun");
    let known = txn.open_table(tables::KNOWN).expect("a table");
    known.len().expect("read")
}

fn copy(path: &Path) -> PathBuf {
    let copy = path.with_extension("copy");
    std::fs::copy(path, &copy).expect("copied");
    copy
}

#[tokio::test]
async fn messages_are_known_while_their_rows_are_written_by_and_by() {
    let (_directory, path, store) = begin().await;
    for number in 0..MANY {
        store
            .put_and_index(vec![said(1, &name(number), number)])
            .await;
        if number.is_multiple_of(100) {
            assert_met(&store, number).await;
        }
    }
    let there = rows(&copy(&path));
    assert!(
        there > 64,
        "rows are written before the writer rests: {there}"
    );
    assert_met(&store, MANY).await;
    store.closer.close().await;
    assert_eq!(rows(&path), MANY + 1, "all of them, when it is closed");
}

#[tokio::test]
async fn what_memory_alone_held_is_known_after_a_kill() {
    let (_directory, path, store) = begin().await;
    let all = (0..40).map(|number| said(1, &name(number), number));
    store.put_and_index(all.collect()).await;
    store.put(vec![created(2)]).await;
    let copy = copy(&path);
    let killed = open(&copy).expect("the store opens");
    assert_met(&killed, 40).await;
    killed.closer.close().await;
    store.closer.close().await;
    assert_eq!(rows(&copy), 41);
}

#[tokio::test]
async fn what_memory_alone_held_outlives_a_rebuild_and_a_trim() {
    let (_directory, path, store) = begin().await;
    let all = (0..40).map(|number| said(1, &name(number), number));
    store.put_and_index(all.collect()).await;
    let clear = store.index.clear(ClearTo::JournalStart);
    clear.await.expect("cleared");
    let again = append(vec![said(1, &name(7), 7)]);
    let again = store.journal.append(again).await.expect("appended");
    assert_eq!(again.placed, [Placed::Known(Some(9))], "while it is empty");
    let events = store.journal_after(0).await;
    store.index.apply(&events).await.expect("applied");
    assert_met(&store, 40).await;
    let dropped = store.journal.trim(u64::MAX, u64::MAX).await;
    assert_eq!(dropped.expect("trimmed"), 41);
    assert_met(&store, 40).await;
    store.closer.close().await;
    let store = open(&path).expect("the store opens");
    assert_met(&store, 40).await;
    store.closer.close().await;
}

#[tokio::test]
async fn rows_are_written_when_the_writer_rests() {
    let (_directory, path, store) = begin().await;
    // More than are written at once.
    for batch in 0..3 {
        let all = (0..400).map(|number| said(1, &name(400 * batch + number), number));
        store.put_and_index(all.collect()).await;
    }
    let clock = Clock::system();
    let begun = clock.instant();
    while rows(&copy(&path)) < 1_201 {
        assert!(clock.instant() - begun < LIMIT, "they are not written");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    store.closer.close().await;
}

#[tokio::test]
async fn what_happens_to_a_message_that_memory_alone_held_is_applied_after_a_kill() {
    let (_directory, path, store) = begin().await;
    let unknown = said(9, "of no channel", 1);
    store
        .put_and_index(vec![said(1, "a", 1), said(1, "b", 2), unknown.clone()])
        .await;
    store.put(vec![created(2)]).await;
    let killed = open(&copy(&path)).expect("the store opens");
    killed
        .put_and_index(vec![edited(1, "e", "a", "anew", 5), deleted(1, "d", "b")])
        .await;
    assert_eq!(killed.preview("a").await.as_deref(), Some("anew"));
    assert_eq!(killed.preview("b").await.as_deref(), Some(""));
    let again = killed.put(vec![unknown]).await;
    assert!(matches!(again.placed[..], [Placed::New(_)]), "{again:?}");
    killed.closer.close().await;
    store.closer.close().await;
}

#[tokio::test]
async fn what_is_forgotten_is_forgotten_by_memory_too() {
    let (_directory, path, store) = begin().await;
    store.put_and_index(vec![said(1, "a", 1)]).await;
    let clear = store.index.clear(ClearTo::JournalEnd { since: 1 });
    clear.await.expect("cleared");
    let again = store.put(vec![said(1, "a", 1)]).await;
    assert!(matches!(again.placed[..], [Placed::New(_)]), "{again:?}");
    store.closer.close().await;
    assert_eq!(rows(&path), 0);
}
