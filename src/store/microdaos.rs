//! Microdaos that were named. Rows that are read from their spaces, and can be again.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::microdao::Microdao;

#[async_trait]
pub trait Microdaos: Send + Sync {
    /// Adds a microdao or replaces the one of its id, durably.
    async fn put_microdao(&self, microdao: Microdao) -> Result<(), StoreError>;

    /// All of them by id; those that cannot be read are passed over.
    async fn microdaos(&self) -> Result<Vec<Microdao>, StoreError>;
}
