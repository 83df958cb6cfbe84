//! Files that cannot be opened, and why.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use redb::{Database, TableDefinition};
use tempfile::TempDir;

use crate::store::redb::tables::{self, meta};
use crate::store::redb::{migrations, open};
use crate::store::{Store, StoreError};

fn refusal(path: &Path) -> StoreError {
    match open(path) {
        Ok(_) => panic!("{} opens", path.display()),
        Err(error) => error,
    }
}

async fn close(store: Store) {
    store.closer.close().await;
}

#[tokio::test]
async fn a_new_file_is_the_owners_alone() {
    let directory = TempDir::new().expect("a directory");
    let path = directory.path().join("daarion.redb");
    let store = open(&path).expect("the store opens");
    let mode = std::fs::metadata(&path)
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let status = store.closer.status();
    assert_eq!(status.format, migrations::KNOWN);
    assert!(status.bytes > 0 && !status.failing);
    close(store).await;
}

#[tokio::test]
async fn a_file_that_is_in_use_is_told_apart() {
    let directory = TempDir::new().expect("a directory");
    let path = directory.path().join("daarion.redb");
    let store = open(&path).expect("the store opens");
    let refused = refusal(&path);
    assert!(matches!(refused, StoreError::Locked { .. }), "{refused}");
    assert!(refused.to_string().contains("daarion.redb"), "{refused}");
    close(store).await;
    close(open(&path).expect("the store opens")).await;
}

#[tokio::test]
async fn a_newer_format_is_refused_and_left_alone() {
    let directory = TempDir::new().expect("a directory");
    let path = directory.path().join("daarion.redb");
    close(open(&path).expect("the store opens")).await;
    set_format(&path, 99);
    let refused = refusal(&path);
    assert!(
        matches!(refused, StoreError::Newer { found: 99, known, .. } if known == migrations::KNOWN)
    );
    set_format(&path, migrations::KNOWN);
    close(open(&path).expect("the store opens")).await;
}

fn set_format(path: &Path, format: u64) {
    let database = Database::open(path).expect("opened");
    let txn = database.begin_write().expect("begun");
    let mut numbers = txn.open_table(tables::META).expect("a table");
    numbers.insert(meta::FORMAT, format).expect("written");
    drop(numbers);
    txn.commit().expect("committed");
}

#[test]
fn foreign_files_are_damaged_ones() {
    let directory = TempDir::new().expect("a directory");
    let text = directory.path().join("text");
    std::fs::write(&text, "no database, but longer than a header ".repeat(200)).expect("written");
    let refused = refusal(&text);
    assert!(matches!(refused, StoreError::Damaged(_)), "{refused}");
    assert!(refused.to_string().contains("text"), "{refused}");

    let foreign = directory.path().join("foreign");
    let database = Database::create(&foreign).expect("created");
    let txn = database.begin_write().expect("begun");
    let table: TableDefinition<u64, u64> = TableDefinition::new("something else");
    txn.open_table(table).expect("a table");
    txn.commit().expect("committed");
    drop(database);
    let refused = refusal(&foreign);
    assert!(matches!(refused, StoreError::Damaged(_)), "{refused}");
}

#[test]
fn a_missing_directory_is_named() {
    let directory = TempDir::new().expect("a directory");
    let refused = refusal(&directory.path().join("nowhere/daarion.redb"));
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused}");
    assert!(
        refused.to_string().contains("nowhere/daarion.redb"),
        "{refused}"
    );
}
