//! A file of each released format, which every later version must read.
//!
//! `DAARION_WRITE_FIXTURE=<path> cargo test write_fixture` writes one of the newest format.
//! A file that has been released is never written again.

use std::path::{Path, PathBuf};

use redb::Database;
use tempfile::TempDir;

use crate::domain::agent::Agent;
use crate::domain::event::{Event, NewEvent, Skipped};
use crate::domain::id::{EventId, MessageId};
use crate::domain::member::Membership;
use crate::domain::page::Order;
use crate::domain::reception::ReactionCount;
use crate::store::contract::accounts::creation;
use crate::store::contract::journal::every_kind;
use crate::store::contract::samples::{
    Shorthand, append, channel_id, edited, event_id, event_ids, user,
};
use crate::store::contract::subscriptions::subscription;
use crate::store::index::{MemberQuery, MessageQuery};
use crate::store::redb::{migrations, open};
use crate::store::sessions::{KeyUse, SigningKey};
use crate::store::{Append, Store};

fn agent() -> Agent {
    Agent::new("sofia".into(), user("agent_sofia"), "Софія".into(), 7)
}

fn skipped() -> Skipped {
    Skipped {
        at: 8,
        reason: "its type is unknown".into(),
        raw: "{\"type\":\"org.example.odd\"}".into(),
    }
}

/// What is in the journal: one event of each kind, and an edit whose message never came.
fn events() -> Vec<NewEvent> {
    let mut events = every_kind();
    events.push(edited(1, "orphan", "never", "waits", 60));
    events
}

async fn fill(store: &Store) {
    let transaction = Append {
        transaction: Some("transaction".into()),
        skipped: vec![skipped()],
        ..append(events())
    };
    store.journal.append(transaction).await.expect("appended");
    // The last one is left to the reader's index.
    let events = store.journal_after(0).await;
    let applied = &events[..events.len() - 1];
    store.index.apply(applied).await.expect("applied");
    store
        .index
        .set_rebuilding(Some(u64::MAX))
        .await
        .expect("written");
    store.accounts.add_agent(agent()).await.expect("added");
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
}

#[tokio::test]
async fn write_fixture() {
    let Some(path) = std::env::var_os("DAARION_WRITE_FIXTURE").map(PathBuf::from) else {
        return;
    };
    let store = open(&path).expect("the store opens");
    fill(&store).await;
    store.closer.close().await;
    drop(store);
    let mut database = Database::open(&path).expect("opened");
    while database.compact().expect("compacted") {}
}

#[tokio::test]
async fn format_1_is_read() {
    let (_directory, store) = open_fixture("store-format-1.redb");
    assert_journal(&store).await;
    assert_reads_again(&store).await;
    assert_index(&store).await;
    assert_rows(&store).await;
    // What came later is there, and empty.
    assert!(store.accounts.operators().await.expect("read").is_empty());
    let digest = crate::domain::session::Digest([7; 32]);
    assert_eq!(store.sessions.session(digest).await.expect("read"), None);
    assert_gateway_is_empty(&store).await;
    store.closer.close().await;
}

/// Written as above and then by `daarion admin create root`.
#[tokio::test]
async fn format_2_is_read() {
    let (_directory, store) = open_fixture("store-format-2.redb");
    assert_journal(&store).await;
    assert_reads_again(&store).await;
    assert_index(&store).await;
    assert_rows(&store).await;
    let operators = store.accounts.operators().await.expect("read");
    let names: Vec<_> = operators.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["root"]);
    assert_keys(&store).await;
    assert_gateway_is_empty(&store).await;
    store.closer.close().await;
}

#[tokio::test]
async fn format_3_is_read() {
    let (_directory, store) = open_fixture("store-format-3.redb");
    assert_journal(&store).await;
    assert_reads_again(&store).await;
    assert_index(&store).await;
    assert_rows(&store).await;
    assert_gateway_is_empty(&store).await;
    store.closer.close().await;
}

/// As it was before events and messages were written densely. Never released; its rows of messages
/// are like no older ones.
#[tokio::test]
async fn format_9_is_read() {
    let (_directory, store) = open_fixture("store-format-9.redb");
    assert_journal(&store).await;
    assert_eq!(store.index.position(), events().len() as u64 - 1);
    assert_index(&store).await;
    assert_rows(&store).await;
    store.closer.close().await;
}

fn open_fixture(name: &str) -> (TempDir, Store) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let directory = TempDir::new().expect("a directory");
    let path = directory.path().join("daarion.redb");
    std::fs::copy(fixtures.join(name), &path).expect("copied");
    let store = open(&path).expect("the store opens");
    assert_eq!(store.closer.status().format, migrations::KNOWN);
    (directory, store)
}

async fn assert_gateway_is_empty(store: &Store) {
    let webhooks = store.webhooks.webhooks().await.expect("read");
    assert_eq!(webhooks, []);
    // A subscription that is no webhook's waits for nothing.
    let slowest = store.subscriptions.slowest().await.expect("read");
    assert_eq!(slowest.map(|it| it.after), Some(10));
}

/// The keys that signed are there, where several of a use may be, and nowhere else.
async fn assert_keys(store: &Store) {
    let fresh = [7; 32];
    for of in [KeyUse::Access, KeyUse::Refresh] {
        let first = SigningKey {
            secret: fresh,
            made_at: 5,
            retired_at: None,
        };
        let keys = store.sessions.signing_keys(of, first).await.expect("read");
        assert_eq!(keys.len(), 1);
        assert_eq!((keys[0].made_at, keys[0].retired_at), (0, None));
        assert_ne!(keys[0].secret, fresh, "there is one");
        let left = store.sessions.key(of, fresh).await.expect("read");
        assert_eq!(left, fresh, "nothing is left of it");
    }
}

async fn assert_journal(store: &Store) {
    assert_ne!(store.journal.id(), 0);
    let journal = store.journal_after(0).await;
    let expected = (1..).zip(events()).map(|(seq, event)| Event {
        seq,
        arrived_at: 5_000,
        channel: event.channel,
        event: event.event,
        source: event.source,
        what: event.what,
    });
    assert_eq!(journal, expected.collect::<Vec<_>>());
    let again = Append {
        transaction: Some("transaction".into()),
        ..Append::default()
    };
    assert!(
        store
            .journal
            .append(again)
            .await
            .expect("appended")
            .repeated
    );
    let report = store.journal.skipped().await.expect("read");
    assert_eq!((report.count, report.latest), (1, vec![skipped()]));
    let known: Vec<EventId> = events()
        .into_iter()
        .filter_map(|event| event.event)
        .collect();
    let knows = store.journal.knows(&known).await.expect("read");
    assert!(knows.into_iter().all(|known| known));
}

async fn reactions(store: &Store) -> Vec<ReactionCount> {
    let rich = store.index.message(MessageId::of(&event_id("rich"))).await;
    rich.expect("read").expect("there").reception.reactions
}

/// The index reads the journal again, for what was passed over before format 5, and shows meanwhile
/// what it has.
async fn assert_reads_again(store: &Store) {
    assert_eq!(store.index.position(), 0);
    assert_eq!(reactions(store).await, []);
}

async fn assert_index(store: &Store) {
    let index = &store.index;
    // The format's first writers did not say since when.
    let since = index.rebuilding().await.expect("read");
    assert_eq!(since, Some(u64::MAX));
    assert_eq!(index.counts().await.expect("read"), (4, 2));
    let channel = index
        .channel(channel_id(1))
        .await
        .expect("read")
        .expect("there");
    assert_eq!(
        (channel.name.as_str(), channel.is_default),
        ("Energy", true)
    );
    assert_eq!(
        store.listed(1).await,
        ["$plain", "$rich", "$odd", "$inside"]
    );
    let plain = index
        .message(MessageId::of(&event_id("plain")))
        .await
        .expect("read");
    assert!(plain.expect("there").deleted);
    let bob = index
        .member(channel_id(1), &user("bob"))
        .await
        .expect("read");
    assert_eq!(bob.expect("there").membership, Membership::Banned);
    let banned = MemberQuery {
        channel: channel_id(1),
        membership: Some(Membership::Banned),
        after: None,
        limit: 5,
    };
    assert_eq!(index.members(banned).await.expect("read").items.len(), 1);
    assert!(
        index
            .memberships(&user("bob"))
            .await
            .expect("read")
            .is_empty()
    );
    assert_eq!(index.activity().await.expect("read")[&channel_id(1)], 15);
    let behind = MessageQuery {
        channel: channel_id(1),
        after: Some(MessageId::of(&event_id("rich"))),
        at: None,
        order: Order::Descending,
        limit: 5,
    };
    let page = index.messages(behind).await.expect("read").expect("a page");
    assert_eq!(event_ids(&page.json), ["$plain"]);
    store.index_all().await;
    assert_eq!(index.position(), events().len() as u64);
    let reaction = ReactionCount {
        key: "👍🏽".into(),
        count: 1,
    };
    assert_eq!(reactions(store).await, [reaction]);
    assert_eq!(index.counts().await.expect("read"), (4, 2));
    store.assert_newest(1).await;
}

async fn assert_rows(store: &Store) {
    assert_eq!(store.accounts.agents().await.expect("read"), [agent()]);
    assert!(store.accounts.add_agent(agent()).await.is_err());
    let creations = store.creations.unfinished().await.expect("read");
    assert_eq!(creations, [creation(5, "five", 1)]);
    let subscriptions = store.subscriptions.list().await.expect("read");
    assert_eq!(subscriptions, [subscription(1)]);
}
