//! Values that cannot be what was written: they are reported, and nothing panics.

use redb::{Database, TableDefinition};
use tempfile::TempDir;

use crate::domain::agent::Agent;
use crate::domain::event::{Skipped, What};
use crate::domain::id::MessageId;
use crate::domain::member::Membership;
use crate::domain::page::Order;
use crate::store::contract::accounts::creation;
use crate::store::contract::samples::{
    Shorthand, append, channel_id, created, event_id, member, new, said, user,
};
use crate::store::contract::subscriptions::subscription;
use crate::store::index::{MemberQuery, MessageQuery};
use crate::store::redb::{keys, open, tables};
use crate::store::{Append, Placed, Store, StoreError};

const NOISE: [&[u8]; 5] = [b"", b"\x00", b"\x01", b"\x01\xc1\xff\xff", b"\x09{}"];

/// Overwrites one value of a file.
pub fn spoil<'k, K: redb::Key + 'static>(
    path: &std::path::Path,
    table: TableDefinition<K, &'static [u8]>,
    key: K::SelfType<'k>,
    value: &[u8],
) {
    let database = Database::open(path).expect("opened");
    let txn = database.begin_write().expect("begun");
    let mut rows = txn.open_table(table).expect("a table");
    rows.insert(key, value).expect("written");
    drop(rows);
    txn.commit().expect("committed");
}

async fn filled(path: &std::path::Path) {
    let store = open(path).expect("the store opens");
    let join = new(
        1,
        "join",
        What::MemberChanged(member("bob", Membership::Joined, 10)),
    );
    store
        .put_and_index(vec![created(1), said(1, "m", 10), join])
        .await;
    let skipped = Append {
        skipped: vec![Skipped {
            at: 1,
            reason: "why".into(),
            raw: "{}".into(),
        }],
        ..Append::default()
    };
    store.journal.append(skipped).await.expect("appended");
    let agent = Agent::new("sofia".into(), user("agent_sofia"), "Sofia".into(), 1);
    store.accounts.add_agent(agent).await.expect("added");
    store
        .creations
        .begin(creation(5, "five", 1))
        .await
        .expect("begun");
    store
        .subscriptions
        .put(subscription(1))
        .await
        .expect("written");
    store.closer.close().await;
}

fn is_damage<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(matches!(result, Err(StoreError::Damaged(_))), "{result:?}");
}

/// Whether everything that was spoiled is reported.
async fn assert_reported(store: &Store) {
    // One event, or one channel, does not keep the others from being read.
    let seqs: Vec<_> = store.journal_after(0).await.iter().map(|e| e.seq).collect();
    assert_eq!(seqs, [1, 3]);
    assert!(store.index.channels().await.expect("read").is_empty());
    is_damage(store.journal.skipped().await);
    is_damage(store.index.channel(channel_id(1)).await);
    is_damage(store.index.message(MessageId::of(&event_id("m"))).await);
    is_damage(store.index.member(channel_id(1), &user("bob")).await);
    is_damage(store.accounts.agents().await);
    is_damage(store.accounts.agent("sofia").await);
    is_damage(store.creations.unfinished().await);
    is_damage(store.subscriptions.list().await);
    is_damage(store.subscriptions.advance(subscription(1).id, 100).await);
    let members = MemberQuery {
        channel: channel_id(1),
        membership: None,
        after: None,
        limit: 10,
    };
    is_damage(store.index.members(members).await);
    // A writer that met damage goes on, and so does the index.
    store.put(vec![said(1, "later", 20), created(2)]).await;
    store.put(vec![said(2, "elsewhere", 20)]).await;
    let passed = store.index_all().await;
    assert!(
        passed.iter().any(|one| one.contains("damaged")),
        "{passed:?}"
    );
    assert_eq!(store.listed(2).await, ["$elsewhere"]);
}

#[tokio::test]
async fn noise_in_any_table_is_reported() {
    for noise in NOISE {
        let directory = TempDir::new().expect("a directory");
        let path = directory.path().join("daarion.redb");
        filled(&path).await;
        let channel = channel_id(1);
        let member = keys::member(channel, keys::PRESENT, &user("bob"));
        let message = keys::message(channel, 10, &event_id("m"));
        spoil(&path, tables::JOURNAL, 2, noise);
        spoil(&path, tables::SKIPPED, 0, noise);
        spoil(
            &path,
            tables::CHANNELS,
            channel.as_bytes().as_slice(),
            noise,
        );
        spoil(&path, tables::MEMBERS, member.as_slice(), noise);
        spoil(&path, tables::MESSAGES, message.as_slice(), noise);
        spoil(&path, tables::AGENTS, "sofia", noise);
        spoil(
            &path,
            tables::CREATIONS,
            creation(5, "five", 1).alias.as_str(),
            noise,
        );
        spoil(
            &path,
            tables::SUBSCRIPTIONS,
            subscription(1).id.as_bytes().as_slice(),
            noise,
        );
        let store = open(&path).expect("the store opens");
        assert_reported(&store).await;
        store.closer.close().await;
    }
}

#[tokio::test]
async fn noise_for_a_location_is_reported() {
    let directory = TempDir::new().expect("a directory");
    let path = directory.path().join("daarion.redb");
    filled(&path).await;
    let key = keys::event(&event_id("m"));
    spoil(&path, tables::KNOWN, key.as_slice(), b"\x01\x02");
    let store = open(&path).expect("the store opens");
    let id = MessageId::of(&event_id("m"));
    is_damage(store.index.message(id).await);
    let query = MessageQuery {
        channel: channel_id(1),
        after: Some(id),
        at: None,
        order: Order::Ascending,
        limit: 1,
    };
    is_damage(store.index.messages(query).await);
    // One request that meets damage does not spoil its neighbours'.
    let damaged = store.journal.append(append(vec![said(1, "m", 10)]));
    let sound = store.journal.append(append(vec![said(1, "sound", 11)]));
    let (damaged, sound) = tokio::join!(damaged, sound);
    is_damage(damaged);
    assert!(sound.is_ok(), "{sound:?}");
    store.closer.close().await;
}

#[tokio::test]
async fn a_damaged_event_that_is_not_applied_yet_holds_up_nothing() {
    for noise in NOISE {
        let directory = TempDir::new().expect("a directory");
        let path = directory.path().join("daarion.redb");
        let store = open(&path).expect("the store opens");
        store
            .put(vec![created(1), said(1, "a", 1), said(1, "b", 2)])
            .await;
        store.closer.close().await;
        spoil(&path, tables::JOURNAL, 2, noise);
        let store = open(&path).expect("the store opens");
        assert_eq!(store.index_all().await, Vec::<String>::new());
        assert_eq!(store.index.position(), 3);
        assert_eq!(store.listed(1).await, ["$b"]);
        let dropped = store.journal.trim(u64::MAX, 3).await.expect("trimmed");
        assert_eq!(dropped, 3);
        store.closer.close().await;
    }
}

/// A table of the index is no longer what it was.
#[tokio::test]
async fn a_damaged_index_does_not_keep_the_journal_from_taking_in() {
    let directory = TempDir::new().expect("a directory");
    let path = directory.path().join("daarion.redb");
    filled(&path).await;
    let database = Database::open(&path).expect("opened");
    let txn = database.begin_write().expect("begun");
    assert!(txn.delete_table(tables::ORPHANS).expect("deleted"));
    let other: TableDefinition<u64, u64> = TableDefinition::new("orphans_v1");
    txn.open_table(other).expect("a table");
    txn.commit().expect("committed");
    drop(database);

    let store = open(&path).expect("the store opens");
    let later = Append {
        with_index: true,
        ..append(vec![said(1, "later", 20)])
    };
    let appended = store.journal.append(later).await.expect("appended");
    assert_eq!(appended.placed, [Placed::New(4)]);
    assert!(!appended.indexed);
    let behind = store.journal_after(3).await;
    is_damage(store.index.apply(&behind).await);
    store.closer.close().await;
}
