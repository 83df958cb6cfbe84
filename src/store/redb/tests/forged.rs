//! What somebody with the right to write the file does to the audit log, and damage in what waits.

use redb::Database;
use tempfile::TempDir;
use uuid::Uuid;

use super::damage::spoil;
use crate::clock::Clock;
use crate::domain::audit::{Deed, Link};
use crate::domain::entity::Entity;
use crate::domain::scheduled::{ScheduleState, Scheduled, ScheduledContent};
use crate::domain::session::Holder;
use crate::service::audit::{record, verify};
use crate::store::audit::{Known, READER, Read, reader};
use crate::store::contract::samples::channel_id;
use crate::store::contract::sessions::session;
use crate::store::redb::{open, tables};
use crate::store::scheduled::PastUse;
use crate::store::{Store, StoreError};

const RECORDS: u64 = 5;

async fn add(store: &Store, now: u64) -> Result<u64, StoreError> {
    let deed = Deed::new("heal.begun", "daarion", now);
    store.audit.add(vec![deed], now).await
}

/// A log of five records; answers their places.
async fn log(path: &std::path::Path) -> Vec<Link> {
    let store = open(path).expect("the store opens");
    for now in 1..=RECORDS {
        add(&store, now).await.expect("added");
    }
    assert_eq!(found(&store).await, None);
    let all = store.audit.read(0, 10).await.expect("read");
    store.closer.close().await;
    let links = all.into_iter().map(|it| Link {
        seq: it.seq,
        hash: it.hash,
    });
    links.collect()
}

async fn found(store: &Store) -> Option<String> {
    let verdict = verify(store, None).await.expect("read");
    verdict.broken.map(|broken| broken.reason)
}

fn take_out(path: &std::path::Path, seqs: impl Iterator<Item = u64>, head: bool) {
    let database = Database::open(path).expect("opened");
    let txn = database.begin_write().expect("begun");
    let mut rows = txn.open_table(tables::AUDIT).expect("a table");
    for seq in seqs {
        rows.remove(seq).expect("removed");
    }
    let mut ends = txn.open_table(tables::AUDIT_ENDS).expect("a table");
    if head {
        ends.remove("head").expect("removed");
    }
    drop((rows, ends));
    txn.commit().expect("committed");
}

#[tokio::test]
async fn a_beginning_that_was_taken_out_is_found() {
    let directory = TempDir::new().expect("a directory");
    let path = directory.path().join("daarion.redb");
    let links = log(&path).await;
    take_out(&path, 1..=2, false);
    let anchor = [2_u64.to_be_bytes().as_slice(), links[1].hash.as_bytes()].concat();
    spoil(&path, tables::AUDIT_ENDS, "anchor", &anchor);
    let store = open(&path).expect("the store opens");
    let reason = found(&store).await.expect("broken");
    assert!(reason.starts_with("no record says"), "{reason}");
}

#[tokio::test]
async fn an_end_that_was_taken_out_is_found_and_no_second_chain_begins() {
    let directory = TempDir::new().expect("a directory");
    let path = directory.path().join("daarion.redb");
    log(&path).await;
    take_out(&path, 4..=5, true);
    let store = open(&path).expect("the store opens");
    let reason = found(&store).await.expect("broken");
    assert!(reason.starts_with("where the log ends"), "{reason}");
    let added = add(&store, 9).await;
    assert!(matches!(added, Err(StoreError::Damaged(_))), "{added:?}");
    assert_eq!(store.audit.read(0, 10).await.expect("read").len(), 3);
    // Nothing else is held up by it: neither the reader of the journal nor whoever has done something.
    let read = Read {
        deeds: vec![Deed::new("member.banned", "user:a", 9)],
        now: vec![("name".to_owned(), Known::default())],
        position: 7,
        begins: Some(reader(0, 1)),
    };
    store.audit.add_read(read, 9).await.expect("noted");
    let reader = store.subscriptions.get(READER).await.expect("read");
    assert_eq!(reader.map(|it| it.position), Some(7));
    let seen = store.audit.seen("name").await.expect("read");
    assert_eq!(seen, Some(Known::default()));
    let deed = Deed::new("heal.begun", "daarion", 9);
    let recorded = record(&store, &Clock::manual(9), deed).await;
    recorded.expect("it is done all the same");
    assert_eq!(store.audit.read(0, 10).await.expect("read").len(), 3);
    let reason = found(&store).await.expect("broken");
    assert!(reason.starts_with("where the log ends"), "{reason}");
}

#[tokio::test]
async fn a_log_that_was_trimmed_is_whole() {
    let store = crate::store::in_memory().expect("a store");
    for now in 1..=RECORDS {
        add(&store, now).await.expect("added");
    }
    for before in [3, 5] {
        store.audit.trim(before, 10, 9).await.expect("trimmed");
        assert_eq!(found(&store).await, None);
    }
}

#[tokio::test]
async fn a_scheduled_message_that_cannot_be_read_holds_up_no_other() {
    let directory = TempDir::new().expect("a directory");
    let path = directory.path().join("daarion.redb");
    let store = open(&path).expect("the store opens");
    let scheduled = |id| Scheduled {
        id: Uuid::from_u128(id),
        channel: channel_id(1),
        by: Entity::parse("user:a").expect("an entity"),
        content: ScheduledContent::default(),
        send_at: 10,
        next_try: 10,
        created_at: 1,
        state: ScheduleState::Waiting,
        may_be_said: false,
        revision: 0,
    };
    for id in 1..=2 {
        let added = store.scheduled.add(scheduled(id), 9).await;
        added.expect("added");
    }
    store.closer.close().await;
    let key = Uuid::from_u128(1);
    spoil(
        &path,
        tables::SCHEDULED,
        key.as_bytes().as_slice(),
        b"\x01\xc1",
    );
    let store = open(&path).expect("the store opens");
    let due = store.scheduled.due(10, 1, 1).await.expect("read");
    assert_eq!(due.items, [scheduled(2)]);
    let past = PastUse {
        channels: vec![channel_id(1)],
        ..PastUse::default()
    };
    let dropped = store.scheduled.drop_past_use(past).await;
    assert_eq!(dropped.expect("dropped").len(), 1);
    let more = store.scheduled.add(scheduled(3), 1).await;
    assert!(!more.expect("refused"), "what cannot be read counts");
}

#[tokio::test]
async fn a_session_that_cannot_be_read_keeps_no_other() {
    let directory = TempDir::new().expect("a directory");
    let path = directory.path().join("daarion.redb");
    let store = open(&path).expect("the store opens");
    let alice = Entity::parse("user:alice").expect("an entity");
    for number in 1..=2 {
        let session = session(number, Holder::Person(alice.clone()));
        store.sessions.start(session, 9).await.expect("begun");
    }
    store.closer.close().await;
    spoil(&path, tables::SESSIONS, [1; 32].as_slice(), b"\x01\xc1");
    let store = open(&path).expect("the store opens");
    let dropped = store.sessions.drop_expired(1_000).await;
    assert_eq!(dropped.expect("dropped"), 1);
}
