//! Accounts: the agents of this installation. Durable rows that are set, not events.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::member::Agent;

#[async_trait]
pub trait Accounts: Send + Sync {
    /// Adds an agent; [`StoreError::Exists`] when its name or its Matrix user is taken.
    async fn add_agent(&self, agent: Agent) -> Result<(), StoreError>;

    /// Writes an agent that exists anew; `false` when there is none of this name.
    async fn update_agent(&self, agent: Agent) -> Result<bool, StoreError>;

    /// One agent by its bare name.
    async fn agent(&self, name: &str) -> Result<Option<Agent>, StoreError>;

    /// All agents by name.
    async fn agents(&self) -> Result<Vec<Agent>, StoreError>;
}
