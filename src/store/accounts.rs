//! Accounts: the agents of this installation, and the operators who need no Matrix account.
//! Durable rows that are set, not events.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::account::OperatorAccount;
use crate::domain::agent::Agent;
use crate::domain::id::Millis;

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

    /// Adds an operator; [`StoreError::Exists`] when the name is taken.
    async fn add_operator(&self, operator: OperatorAccount) -> Result<(), StoreError>;

    /// Gives an operator another password and ends all of its sessions, both or neither;
    /// `false` when there is none of this name.
    async fn set_operator_password(
        &self,
        name: &str,
        password_hash: &str,
        at: Millis,
    ) -> Result<bool, StoreError>;

    /// One operator by name.
    async fn operator(&self, name: &str) -> Result<Option<OperatorAccount>, StoreError>;

    /// All operators by name.
    async fn operators(&self) -> Result<Vec<OperatorAccount>, StoreError>;
}
