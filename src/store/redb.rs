//! The redb backend.
use std::path::Path;

use super::{Store, StoreError};

pub fn open(_path: &Path) -> Result<Store, StoreError> {
    Err(StoreError::Unavailable("not built yet".into()))
}

pub fn in_memory() -> Result<Store, StoreError> {
    Err(StoreError::Unavailable("not built yet".into()))
}
