//! Nothing of what was said stays in the index of a channel that is confidential.

use redb::{Database, ReadableDatabase, ReadableTable};
use tempfile::TempDir;

use crate::domain::channel::ChannelChange;
use crate::domain::event::What;
use crate::store::contract::samples::{Shorthand, created, edited, new, said, user};
use crate::store::redb::{open, tables};

/// Whether these words stand in the index of a file.
fn stands(path: &std::path::Path, words: &str) -> bool {
    let database = Database::open(path).expect("opened");
    let txn = database.begin_read().expect("begun");
    [tables::MESSAGES, tables::ORPHANS]
        .into_iter()
        .any(|table| {
            let rows = txn.open_table(table).expect("a table");
            rows.iter().expect("read").any(|row| {
                let (_, value) = row.expect("read");
                let value = String::from_utf8_lossy(value.value()).into_owned();
                value.contains(words)
            })
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
        ])
        .await;
    // More than are concealed at once.
    for batch in 0..3 {
        let said = |n| said(1, &format!("secret {batch}-{n}"), n);
        store.put_and_index((0..900).map(said).collect()).await;
    }
    store.closer.close().await;
    assert!(stands(&path, "hushed words") && stands(&path, "text of secret"));

    let store = open(&path).expect("the store opens");
    let encrypted = What::ChannelUpdated {
        change: ChannelChange::Encrypted,
        by: user("alice"),
        at: 10,
    };
    let late = edited(1, "g", "later still", "hushed as well", 20);
    store
        .put_and_index(vec![new(1, "encrypted", encrypted), late])
        .await;
    store.closer.close().await;
    assert!(stands(&path, "words aloud"), "of another channel");
    for words in ["hushed words", "hushed as well", "text of secret"] {
        assert!(!stands(&path, words), "{words}");
    }
}
