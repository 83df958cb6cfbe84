//! What redb reports, in the words of the store.
//!
//! I/O errors are [`StoreError::Unavailable`]: the same call may succeed when the disk has
//! room again. Everything that a file of ours cannot hold is [`StoreError::Damaged`].

use std::io::ErrorKind;

use redb::{CommitError, DatabaseError, StorageError, TableError, TransactionError};

use crate::store::StoreError;

impl From<StorageError> for StoreError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Corrupted(what) => Self::Damaged(what),
            StorageError::ValueTooLarge(size) => {
                Self::Damaged(format!("a value of {size} bytes cannot be stored"))
            }
            // How redb says that a file is no database of its own.
            StorageError::Io(error) if error.kind() == ErrorKind::InvalidData => {
                Self::Damaged(error.to_string())
            }
            other => Self::Unavailable(other.to_string()),
        }
    }
}

impl From<TableError> for StoreError {
    fn from(error: TableError) -> Self {
        match error {
            TableError::Storage(error) => error.into(),
            other => Self::Damaged(other.to_string()),
        }
    }
}

impl From<TransactionError> for StoreError {
    fn from(error: TransactionError) -> Self {
        match error {
            TransactionError::Storage(error) => error.into(),
            other => Self::Unavailable(other.to_string()),
        }
    }
}

impl From<CommitError> for StoreError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Storage(error) => error.into(),
            other => Self::Unavailable(other.to_string()),
        }
    }
}

/// Says why the file at `path` cannot be opened.
pub fn opening(path: &str, error: DatabaseError) -> StoreError {
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            StoreError::Locked {
                path: path.to_owned(),
            }
        }
        DatabaseError::Storage(error) => match StoreError::from(error) {
            StoreError::Damaged(what) => StoreError::Damaged(format!("{path}: {what}")),
            other => StoreError::Unavailable(format!("cannot open {path}: {other}")),
        },
        other => StoreError::Unavailable(format!("cannot open {path}: {other}")),
    }
}
