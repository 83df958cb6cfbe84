//! Nothing of what was said stays in the index of a channel that is confidential.

use redb::{Database, ReadableDatabase, ReadableTable};
use tempfile::TempDir;

use crate::domain::channel::ChannelChange;
use crate::domain::event::What;
use crate::store::contract::samples::{
    Shorthand, channel_id, created, edited, new, reacted, said, user,
};
use crate::store::contract::webhooks::{attempt, webhook};
use crate::store::redb::{open, tables};
use crate::store::webhooks::{Attempt, Settled};

/// Whether these words stand in the index of a file, or in what is kept of deliveries.
fn stands(path: &std::path::Path, words: &str) -> bool {
    let database = Database::open(path).expect("opened");
    let txn = database.begin_read().expect("begun");
    let has = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(words);
    let in_values = [
        tables::MESSAGES,
        tables::ORPHANS,
        tables::ATTEMPTS,
        tables::KNOWN,
    ];
    let in_keys = [tables::REACTIONS, tables::REACTION_COUNTS];
    in_values.into_iter().any(|table| {
        let rows = txn.open_table(table).expect("a table");
        let mut rows = rows.iter().expect("read");
        rows.any(|row| has(row.expect("read").1.value()))
    }) || in_keys.into_iter().any(|table| {
        let rows = txn.open_table(table).expect("a table");
        let mut rows = rows.iter().expect("read");
        rows.any(|row| has(row.expect("read").0.value()))
    })
}

#[tokio::test]
async fn what_waits_is_concealed_too() {
    let directory = TempDir::new().expect("a directory");
    let path = directory.path().join("daarion.redb");
    let store = open(&path).expect("the store opens");
    store
        .put_and_index(vec![
            created(1),
            created(2),
            edited(1, "e", "later", "hushed words", 5),
            edited(2, "f", "elsewhere", "words aloud", 5),
            said(1, "reacted to", 1),
            reacted(1, "r1", "reacted to", "a hushed nod", "bob"),
            reacted(1, "r2", "not there", "a hushed wink", "bob"),
            reacted(2, "r3", "elsewhere", "a nod aloud", "bob"),
        ])
        .await;
    // More than are concealed at once.
    for batch in 0..3 {
        let said = |n| said(1, &format!("secret {batch}-{n}"), n);
        store.put_and_index((0..900).map(said).collect()).await;
    }
    store.webhooks.add(webhook(1)).await.expect("added");
    let elsewhere = Attempt {
        channel: Some(channel_id(2)),
        answer: "an answer aloud".into(),
        ..attempt(2)
    };
    let settled = Settled {
        attempts: vec![attempt(1), elsewhere],
        ..Settled::default()
    };
    let settled = store.webhooks.settle(webhook(1).id, settled).await;
    assert!(settled.expect("written"));
    store.closer.close().await;
    assert!(stands(&path, "тиша"), "an answer");
    assert!(stands(&path, "hushed words") && stands(&path, "text of secret"));
    assert!(stands(&path, "a hushed nod") && stands(&path, "a hushed wink"));

    let store = open(&path).expect("the store opens");
    let encrypted = What::ChannelUpdated {
        change: ChannelChange::Encrypted,
        by: user("alice"),
        at: 10,
    };
    let late = edited(1, "g", "later still", "hushed as well", 20);
    let nod = reacted(1, "r4", "reacted to", "a late nod", "bob");
    store
        .put_and_index(vec![new(1, "encrypted", encrypted), late, nod])
        .await;
    store.closer.close().await;
    for words in ["words aloud", "an answer aloud", "a nod aloud"] {
        assert!(stands(&path, words), "of another channel");
    }
    for words in [
        "hushed words",
        "hushed as well",
        "text of secret",
        "тиша",
        "a hushed nod",
        "a hushed wink",
        "a late nod",
    ] {
        assert!(!stands(&path, words), "{words}");
    }
}
