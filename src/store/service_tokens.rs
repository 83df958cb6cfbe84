//! Tokens of services. Durable rows that are set, not events.

use async_trait::async_trait;
use uuid::Uuid;

use super::StoreError;
use crate::domain::id::Millis;
use crate::domain::service::ServiceToken;

#[async_trait]
pub trait ServiceTokens: Send + Sync {
    /// Adds a token, durably; [`StoreError::Exists`] when its service has one that counts at the
    /// time of its making.
    async fn add_token(&self, token: ServiceToken) -> Result<(), StoreError>;

    /// All tokens by the time of their making, revoked and expired ones too; those that cannot be
    /// read are passed over.
    async fn tokens(&self) -> Result<Vec<ServiceToken>, StoreError>;

    /// Revokes a token, durably; `false` when there is none, or none that is not revoked.
    async fn revoke_token(&self, id: Uuid, at: Millis) -> Result<bool, StoreError>;

    /// Notes when tokens were used last. May be lost by a crash.
    async fn tokens_used(&self, used: Vec<(Uuid, Millis)>) -> Result<(), StoreError>;
}
