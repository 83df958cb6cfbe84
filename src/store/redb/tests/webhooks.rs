//! What of webhooks only this backend has: the bound of dead letters, and counts that an older
//! version has not kept.

use std::sync::Arc;

use tempfile::TempDir;

use super::damage::spoil;
use crate::clock::Clock;
use crate::store::contract::webhooks::{dead, id, webhook};
use crate::store::redb::medium::MemoryMedium;
use crate::store::redb::newest::NewestPages;
use crate::store::redb::records::Record;
use crate::store::redb::records::subscription::SubscriptionRecord;
use crate::store::redb::shared::Shared;
use crate::store::redb::webhooks::{Bound, Tally, bury_within};
use crate::store::redb::writer::WriterHandle;
use crate::store::redb::{Redb, keys, open, tables};
use crate::store::webhooks::{Counts, DeadLetter, Settled};
use crate::store::{StoreError, Webhooks};

/// A store whose writer a test may use.
fn in_memory() -> Redb {
    let medium = Box::new(MemoryMedium::default());
    let shared = Shared::open(medium, Clock::system()).expect("a store");
    let shared = Arc::new(shared);
    Redb {
        writer: WriterHandle::start(Arc::clone(&shared)).expect("a writer"),
        shared,
        newest: NewestPages::default(),
    }
}

async fn bury(store: &Redb, letters: Vec<DeadLetter>) {
    let bound = Bound {
        kept: 10,
        dropped_at_once: 3,
    };
    let buried = store.writer.run(move |work| {
        let mut tally = Tally::default();
        bury_within(work, &letters, &mut tally, &bound)?;
        tally.write(work)?;
        Ok::<_, StoreError>(())
    });
    buried.await.expect("written");
}

async fn dead_of(store: &Redb, number: u128) -> u64 {
    store.counts(id(number)).await.expect("read").dead
}

#[tokio::test]
async fn who_has_most_dead_letters_makes_room() {
    let store = in_memory();
    for number in [1, 2] {
        store.add(webhook(number)).await.expect("added");
    }
    bury(&store, (1..=3).map(|seq| dead(2, seq, 5)).collect()).await;
    bury(&store, (1..=7).map(|seq| dead(1, seq, 5)).collect()).await;
    assert_eq!((dead_of(&store, 1).await, dead_of(&store, 2).await), (7, 3));
    // The one that has few asks for room, and those of the other go.
    bury(&store, vec![dead(2, 4, 5)]).await;
    assert_eq!((dead_of(&store, 1).await, dead_of(&store, 2).await), (4, 4));
    let query = crate::store::webhooks::DeadQuery {
        webhooks: vec![id(1), id(2)],
        limit: 99,
        ..Default::default()
    };
    let left = store.dead_letters(query).await.expect("read");
    let left: Vec<_> = left
        .iter()
        .map(|it| (it.webhook.0.as_u128(), it.event.seq))
        .collect();
    let expected = [
        (1, 4),
        (1, 5),
        (1, 6),
        (1, 7),
        (2, 1),
        (2, 2),
        (2, 3),
        (2, 4),
    ];
    assert_eq!(left, expected, "the oldest went");
}

#[tokio::test]
async fn what_an_older_version_has_not_counted_is_counted() {
    let directory = TempDir::new().expect("a directory");
    let path = directory.path().join("daarion.redb");
    let store = open(&path).expect("the store opens");
    store.webhooks.add(webhook(1)).await.expect("added");
    let settled = |seqs: std::ops::Range<u64>| Settled {
        dead: seqs.map(|seq| dead(1, seq, 5)).collect(),
        ..Settled::default()
    };
    let settling = store.webhooks.settle(id(1), settled(1..4)).await;
    assert!(settling.expect("written"));
    let subscription = store.subscriptions.get(id(1).0).await.expect("read");
    store.closer.close().await;

    // As it was written before there were counts.
    let record = SubscriptionRecord::from(subscription.expect("there")).encode();
    let key = keys::webhook(id(1));
    spoil(&path, tables::SUBSCRIPTIONS, key.as_slice(), &record);
    let store = open(&path).expect("the store opens");
    let dead = |dead| Counts {
        dead,
        ..Counts::default()
    };
    let counts = async || store.webhooks.counts(id(1)).await.expect("read");
    assert_eq!(counts().await, dead(3));
    let settling = store.webhooks.settle(id(1), settled(4..6)).await;
    assert!(settling.expect("written"));
    assert_eq!(counts().await, dead(5));
}
