//! API keys of people. Durable rows that are set, not events.

use async_trait::async_trait;
use uuid::Uuid;

use super::StoreError;
use crate::domain::id::Millis;
use crate::domain::key::ApiKey;

#[async_trait]
pub trait ApiKeys: Send + Sync {
    /// Adds a key, durably.
    async fn add_key(&self, key: ApiKey) -> Result<(), StoreError>;

    /// All keys by the time of their making, expired ones too; those that cannot be read are
    /// passed over.
    async fn keys(&self) -> Result<Vec<ApiKey>, StoreError>;

    /// Removes a key, durably; `false` when there is none.
    async fn remove_key(&self, id: Uuid) -> Result<bool, StoreError>;

    /// Notes when keys were used last. May be lost by a crash.
    async fn keys_used(&self, used: Vec<(Uuid, Millis)>) -> Result<(), StoreError>;
}
