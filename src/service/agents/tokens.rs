//! Tokens with which agents call by themselves: keys whose owner is the agent.

use uuid::Uuid;

use super::Agents;
use crate::domain::Result;
use crate::domain::key::ApiKey;
use crate::service::auth::keys::NewKey;

impl Agents {
    /// Makes a token with this id for an agent; answers it beside what is kept of it.
    pub async fn create_token(
        &self,
        id: &str,
        by: String,
        new: NewKey,
        token: Uuid,
    ) -> Result<(String, ApiKey)> {
        let (agent, keys) = (self.active(id)?.entity(), &self.auth.keys);
        keys.create_for(&agent, by, new, token).await
    }

    /// An agent's tokens, the newest first, those that have expired too.
    pub async fn tokens(&self, id: &str) -> Result<Vec<ApiKey>> {
        self.auth.keys.list(&self.get(id)?.entity()).await
    }

    /// Revokes one of them. It counts no more when this returns.
    pub async fn revoke_token(&self, id: &str, token: Uuid) -> Result<()> {
        let agent = self.get(id)?;
        self.auth.keys.revoke(&agent.entity(), token).await
    }
}
