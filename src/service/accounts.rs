//! Whether the accounts of those who come in are still open.
//!
//! Matrix tells no application service that an account was closed or locked, and lets it act for one all
//! the same. So the homeserver is asked for everybody in turn who has something to come in with. Whose
//! account is shut loses it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::Core;
use super::agents::Agents;
use super::auth::Auth;
use crate::domain::Result;
use crate::domain::entity::Entity;
use crate::homeserver::Shut;

/// The pause behind each question: the homeserver has others to answer.
const PACE: Duration = Duration::from_millis(20);

/// Begin with [`Accounts::run`].
pub struct Accounts {
    core: Arc<Core>,
    agents: Arc<Agents>,
    auth: Arc<Auth>,
}

impl Accounts {
    #[must_use]
    pub fn new(core: Arc<Core>, agents: Arc<Agents>, auth: Arc<Auth>) -> Self {
        Self { core, agents, auth }
    }

    /// Asks again and again, with so long a pause. A homeserver that is away shuts nobody out.
    pub async fn run(self: Arc<Self>, interval: Duration) {
        loop {
            if let Err(error) = self.look().await {
                tracing::debug!(%error, "it is not known whose account is closed");
            }
            tokio::time::sleep(interval).await;
        }
    }

    /// Asks for everybody once; says whose accounts are shut.
    pub async fn look(&self) -> Result<Vec<Entity>> {
        let mut shut = Vec::new();
        for entity in self.holders().await? {
            let user = self.core.directory.user_id(&entity);
            let how = self.core.homeserver.shut(&user).await?;
            if let Some(how) = how {
                self.shut_out(&entity, how).await?;
                shut.push(entity);
            }
            tokio::time::sleep(PACE).await;
        }
        Ok(shut)
    }

    /// Everybody here who has something to come in with, and the agents at work.
    async fn holders(&self) -> Result<BTreeSet<Entity>> {
        let agents = self.core.directory.agents_where(|agent| agent.is_active());
        let mut holders = self.auth.holders().await?;
        holders.extend(agents.iter().map(|agent| agent.entity()));
        Ok(holders)
    }

    async fn shut_out(&self, entity: &Entity, how: Shut) -> Result<()> {
        match how {
            Shut::Closed => {
                let user = self.core.directory.user_id(entity);
                self.agents.closed(&user).await?;
            }
            Shut::Locked => {
                self.auth.end_all(entity).await?;
            }
        }
        tracing::info!(%entity, ?how, "the account is shut on the homeserver: nobody comes in by it");
        Ok(())
    }
}
