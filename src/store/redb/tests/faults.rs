//! A disk that is full or fails: nothing acknowledged is lost, nothing is half there, reads
//! go on, and writing goes on when the disk does.

use std::io::{Error, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use redb::{Database, StorageBackend};

use crate::clock::Clock;
use crate::store::contract::samples::{Shorthand, append, created, new_seqs, said};
use crate::store::redb::medium::{Medium, MemoryMedium, open_backend};
use crate::store::redb::open_medium;
use crate::store::redb::shared::Shared;
use crate::store::redb::writer::WriterHandle;
use crate::store::{Append, Store, StoreError};

/// Memory that behaves like a failing disk when it is told to.
#[derive(Clone, Debug, Default)]
struct Disk(Arc<State>);

#[derive(Debug, Default)]
struct State {
    bytes: MemoryMedium,
    /// Nothing may be written behind the last byte that ever was.
    is_full: AtomicBool,
    /// How far anything was ever written.
    used: AtomicU64,
    /// Reads fail.
    is_unreadable: AtomicBool,
    /// How many more operations that write succeed, when `is_failing`.
    left: AtomicI64,
    is_failing: AtomicBool,
}

impl Disk {
    fn fail_after(&self, operations: i64) {
        self.0.left.store(operations, Ordering::SeqCst);
        self.0.is_failing.store(true, Ordering::SeqCst);
    }

    /// Ends every fault; says whether the one of [`Self::fail_after`] had come about.
    fn mend(&self) -> bool {
        self.0.is_full.store(false, Ordering::SeqCst);
        self.0.is_unreadable.store(false, Ordering::SeqCst);
        self.0.is_failing.swap(false, Ordering::SeqCst) && self.0.left.load(Ordering::SeqCst) < 0
    }

    fn writing(&self) -> Result<(), Error> {
        let fails = self.0.is_failing.load(Ordering::SeqCst)
            && self.0.left.fetch_sub(1, Ordering::SeqCst) <= 0;
        if fails {
            return Err(Error::from(ErrorKind::Other));
        }
        Ok(())
    }
}

impl Medium for Disk {
    fn open(&self) -> Result<Database, StoreError> {
        open_backend("the disk", self.clone())
    }

    fn name(&self) -> String {
        "the disk".to_owned()
    }

    fn bytes(&self) -> u64 {
        0
    }

    fn probe(&self) -> Result<(), String> {
        if self.0.is_full.load(Ordering::SeqCst) {
            return Err("full".to_owned());
        }
        Ok(())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, Error> {
        self.0.bytes.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        if self.0.is_unreadable.load(Ordering::SeqCst) {
            return Err(Error::from(ErrorKind::Other));
        }
        self.0.bytes.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), Error> {
        self.writing()?;
        self.0.bytes.set_len(len)
    }

    fn sync_data(&self) -> Result<(), Error> {
        self.writing()?;
        self.0.bytes.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        self.writing()?;
        let end = offset + data.len() as u64;
        if self.0.is_full.load(Ordering::SeqCst) && end > self.0.used.load(Ordering::SeqCst) {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        self.0.used.fetch_max(end, Ordering::SeqCst);
        self.0.bytes.write(offset, data)
    }
}

fn open(disk: &Disk) -> Store {
    open_medium(Box::new(disk.clone())).expect("the store opens")
}

/// Appends until it succeeds: writes are refused for a while after repeated failures.
async fn insist(store: &Store, events: &Append) -> crate::store::Appended {
    let mut tries = 0;
    loop {
        match store.journal.append(events.clone()).await {
            Ok(appended) => return appended,
            Err(StoreError::Unavailable(_)) => tries += 1,
            Err(other) => panic!("{other}"),
        }
        assert!(tries < 10_000_000, "the store does not come back");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_writes_and_reads_go_on() {
    let disk = Disk::default();
    let store = open(&disk);
    store
        .put_and_index(vec![created(1), said(1, "before", 1)])
        .await;
    disk.0.is_full.store(true, Ordering::SeqCst);
    let mut acknowledged = vec!["$before".to_owned()];
    let refused = loop {
        let name = format!("m{:06}", acknowledged.len());
        let big = (0..50).map(|n| said(1, &format!("{name}-{n:02}"), 2));
        match store.journal.append(append(big.collect())).await {
            Ok(_) => acknowledged.extend((0..50).map(|n| format!("${name}-{n:02}"))),
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused}");
    assert!(store.closer.status().failing);
    // Reads go on, and what was acknowledged is there.
    let journal = store.journal_after(0).await;
    assert_eq!(journal.len(), 1 + acknowledged.len());
    for name in ["x", "y", "z"] {
        let refused = store.journal.append(append(vec![said(1, name, 3)])).await;
        assert!(refused.is_err());
    }
    // The index's latest rows were not on the disk. It is made of the journal again, in
    // memory, also while durable writes are refused.
    store.index_all().await;
    assert_eq!(store.listed(1).await, acknowledged);
    disk.mend();
    insist(&store, &append(vec![said(1, "zzz", 9)])).await;
    assert!(!store.closer.status().failing);
    acknowledged.push("$zzz".to_owned());
    store.index_all().await;
    assert_eq!(store.listed(1).await, acknowledged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_fails_anywhere_is_whole_or_not_there() {
    let disk = Disk::default();
    let mut store = open(&disk);
    store.put_and_index(vec![created(1)]).await;
    let mut expected = Vec::new();
    let mut failures = 0;
    for round in 0..60 {
        disk.fail_after(round % 30);
        let names = ["a", "b", "c"].map(|name| format!("{round:02}{name}"));
        let events = names.iter().map(|name| said(1, name, 10)).collect();
        let append = Append {
            transaction: Some(format!("t{round}")),
            ..append(events)
        };
        expected.extend(names.iter().map(|name| format!("${name}")));
        let first = store.journal.append(append.clone()).await;
        let acknowledged = first.is_ok();
        // The index's writes may be what fails.
        let events = store.journal.read(store.index.position(), 100).await;
        if let Ok(events) = events {
            let _ = store.index.apply(&events).await;
        }
        failures += u32::from(disk.mend());
        let again = insist(&store, &append).await;
        let new = new_seqs(&again).len();
        // An append whose last sync failed may have reached the disk all the same.
        assert!(new == 0 || (!acknowledged && new == 3), "round {round}");
        assert_whole(&store, &expected).await;
        if round % 10 == 9 {
            store.closer.close().await;
            store = open(&disk);
            assert_whole(&store, &expected).await;
        }
    }
    assert!(failures > 20, "only {failures} failures came about");
}

/// Every message once, numbered without a gap, in the journal and in the index.
async fn assert_whole(store: &Store, expected: &[String]) {
    let journal = store.journal_after(0).await;
    let seqs: Vec<_> = journal.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (1..=expected.len() as u64 + 1).collect::<Vec<_>>());
    assert_eq!(store.journal.head(), expected.len() as u64 + 1);
    store.index_all().await;
    assert_eq!(store.listed(1).await, expected);
    store.assert_newest(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_of_a_failed_group_all_hear_of_it() {
    let disk = Disk::default();
    let store = open(&disk);
    store.put_and_index(vec![created(1)]).await;
    disk.fail_after(1);
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..16 {
        let journal = store.journal.clone();
        let events = append(vec![said(1, &format!("m{caller:02}"), 10)]);
        callers.spawn(async move { journal.append(events).await.is_ok() });
    }
    let acknowledged = callers
        .join_all()
        .await
        .into_iter()
        .filter(|ok| *ok)
        .count();
    disk.mend();
    // As many as were acknowledged, and perhaps some whose answer was lost.
    insist(&store, &append(vec![said(1, "last", 11)])).await;
    store.index_all().await;
    assert!(store.listed(1).await.len() > acknowledged);
    for caller in 0..16 {
        insist(&store, &append(vec![said(1, &format!("m{caller:02}"), 10)])).await;
    }
    store.index_all().await;
    assert_eq!(store.listed(1).await.len(), 17);
    assert_eq!(store.journal.head(), 18);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_cannot_be_read_for_a_while_is_read_again() {
    let disk = Disk::default();
    let store = open(&disk);
    store.put_and_index(vec![created(1)]).await;
    for round in 0..40 {
        let events = (0..500).map(|n| said(1, &format!("m{round}-{n}"), 10));
        store.put_and_index(events.collect()).await;
    }
    disk.0.is_unreadable.store(true, Ordering::SeqCst);
    let everything = store.journal.read(0, usize::MAX).await;
    assert!(matches!(everything, Err(StoreError::Unavailable(_))));
    disk.mend();
    let mut tries = 0;
    while store.journal.read(0, usize::MAX).await.is_err() {
        tries += 1;
        assert!(tries < 10_000_000, "the store does not come back");
        tokio::task::yield_now().await;
    }
    store.index_all().await;
    assert_eq!(store.listed(1).await.len(), 20_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_held_from_before_is_not_shown_when_the_store_comes_back() {
    let disk = Disk::default();
    let store = open(&disk);
    store
        .put_and_index(vec![created(1), said(1, "a", 10)])
        .await;
    store.closer.close().await;
    let store = open(&disk);
    // Held while nothing had changed since the opening, which will be so once more.
    store.assert_newest(1).await;
    store.put_and_index(vec![said(1, "b", 11)]).await;
    // Makes durable what the index holds.
    store.put(vec![said(1, "c", 12)]).await;
    disk.fail_after(0);
    let refused = store.journal.append(append(vec![said(1, "d", 13)])).await;
    assert!(refused.is_err());
    disk.mend();
    insist(&store, &append(vec![said(1, "d", 13)])).await;
    assert_eq!(store.listed(1).await, ["$a", "$b"]);
    store.assert_newest(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_well_again_is_noticed_without_a_write() {
    let disk = Disk::default();
    let store = open(&disk);
    store.put_and_index(vec![created(1)]).await;
    disk.fail_after(0);
    let refused = store.journal.append(append(vec![said(1, "x", 3)])).await;
    assert!(refused.is_err());
    assert!(store.closer.status().failing);
    disk.mend();
    let well = async {
        while store.closer.status().failing {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let limit = std::time::Duration::from_secs(20);
    let noticed = tokio::time::timeout(limit, well).await;
    assert!(noticed.is_ok(), "nobody looked");
}

#[tokio::test]
async fn a_writer_that_breaks_off_is_noticed() {
    let shared = Shared::open(Box::new(MemoryMedium::default()), Clock::system());
    let writer = WriterHandle::start(Arc::new(shared.expect("the store opens")));
    let writer = writer.expect("a thread");
    let broken = writer.run(|_| -> Result<(), StoreError> { panic!("a bug") });
    assert!(matches!(broken.await, Err(StoreError::Unavailable(_))));
    let ended = tokio::time::timeout(Duration::from_secs(5), writer.closed()).await;
    assert!(ended.is_ok(), "nobody is told");
}
