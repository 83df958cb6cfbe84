//! Whether the accounts of those who come in are still open.
//!
//! Matrix tells no application service that an account was closed or locked, and lets it act for one all
//! the same. So the homeserver is asked for everybody in turn who has something to come in with. Whose
//! account is shut loses it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Core;
use super::agents::Agents;
use super::auth::Auth;
use crate::acts;
use crate::domain::Result;
use crate::domain::audit::{Origin, Via};
use crate::domain::entity::Entity;
use crate::domain::id::UserId;
use crate::homeserver::Shut;

/// The pause behind each question: the homeserver has others to answer.
const PACE: Duration = Duration::from_millis(20);
/// After how many questions in a row that failed the homeserver is taken to be away.
const FAILURES: usize = 3;

/// Begin with [`Accounts::run`].
pub struct Accounts {
    core: Arc<Core>,
    agents: Arc<Agents>,
    auth: Arc<Auth>,
    /// Who was asked for last by a round that broke off: the next one begins behind them.
    last: Mutex<Option<Entity>>,
}

impl Accounts {
    #[must_use]
    pub fn new(core: Arc<Core>, agents: Arc<Agents>, auth: Arc<Auth>) -> Self {
        Self {
            core,
            agents,
            auth,
            last: Mutex::default(),
        }
    }

    /// Asks again and again, with so long a pause. A homeserver that is away shuts nobody out.
    pub async fn run(self: Arc<Self>, interval: Duration) {
        let mut is_failing = false;
        loop {
            let looked = acts::within(us(), self.look()).await;
            if let Err(error) = &looked
                && !is_failing
            {
                tracing::warn!(%error, "it is not known whose account the homeserver has closed");
            }
            is_failing = looked.is_err();
            tokio::time::sleep(interval).await;
        }
    }

    /// Asks for everybody once; says whose accounts are shut. One for whom it fails keeps nobody else
    /// from being asked for.
    pub async fn look(&self) -> Result<Vec<Entity>> {
        let (mut shut, mut failures) = (Vec::new(), 0);
        for entity in self.holders().await? {
            match self.ask(&entity).await {
                Ok(is_shut) => {
                    failures = 0;
                    shut.extend(is_shut.then_some(entity));
                }
                Err(error) => {
                    failures += 1;
                    if failures == FAILURES {
                        *self.last() = Some(entity);
                        return Err(error);
                    }
                    tracing::debug!(%entity, %error, "it is not known whether the account is closed");
                }
            }
            tokio::time::sleep(PACE).await;
        }
        Ok(shut)
    }

    /// Everybody here who has something to come in with, and the agents at work.
    async fn holders(&self) -> Result<Vec<Entity>> {
        let agents = self.core.directory.agents_where(|agent| agent.is_active());
        let mut holders = self.auth.holders().await?;
        holders.extend(agents.iter().map(|agent| agent.entity()));
        let mut holders: Vec<_> = holders.into_iter().collect();
        if let Some(last) = self.last().take() {
            let behind = holders.partition_point(|entity| *entity <= last);
            holders.rotate_left(behind);
        }
        Ok(holders)
    }

    fn last(&self) -> MutexGuard<'_, Option<Entity>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(&self, entity: &Entity) -> Result<bool> {
        let user = self.core.directory.user_id(entity);
        match self.core.homeserver.shut(&user).await? {
            Some(how) => self.shut_out(entity, &user, how).await.map(|()| true),
            None => Ok(false),
        }
    }

    /// An agent that is locked is asked for again in each round, and is no news then.
    async fn shut_out(&self, entity: &Entity, user: &UserId, how: Shut) -> Result<()> {
        let ended = self.auth.shut_out(entity).await?;
        if how == Shut::Closed {
            self.agents.closed(user).await?;
        }
        if how == Shut::Closed || (ended.sessions, ended.keys) != (0, 0) {
            tracing::info!(%entity, ?how, "the account is shut on the homeserver: nobody comes in by it");
        }
        Ok(())
    }
}

/// Whoever shut the account did so on the homeserver; what follows from it is daarion's doing.
fn us() -> Origin {
    Origin {
        actor: Some("daarion".to_owned()),
        via: Via::Matrix,
        address: None,
    }
}
