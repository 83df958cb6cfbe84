//! What the operations on agents do and answer, for services, people and operators alike, once
//! somebody has found that they may.

use poem_openapi::payload::Json;
use uuid::Uuid;

use super::{CreatedAgent, CreatedAgentToken, RevokedAgentToken};
use crate::api::Services;
use crate::api::error::Failure;
use crate::api::once::Once;
use crate::api::schema::{
    Agent, AgentCommand, AgentDeactivation, AgentPage, AgentPatch, AgentTokenList, MadeAgentToken,
    NewAgent, NewAgentToken, NewOwnAgent,
};
use crate::api::sign_in::NOT_KEPT;
use crate::domain::access::Caller;
use crate::domain::{agent, page};
use crate::service::agents::{self, Agents};
use crate::service::idempotency::Try;

type Answer<T> = Result<Json<T>, Failure>;

/// The agents.
pub struct Desk<'a>(&'a Agents);

impl<'a> Desk<'a> {
    pub fn of(services: &'a Services) -> Self {
        Self(&services.agents)
    }

    pub async fn list(
        &self,
        owner: Option<&str>,
        limit: Option<u32>,
        cursor: Option<&str>,
    ) -> Answer<AgentPage> {
        let page = self.0.list(owner, cursor, page::limit(limit)?).await?;
        Ok(Json(page.into()))
    }

    /// Registers an agent; what an earlier try of the same request has left is the answer.
    pub async fn create(&self, once: Once<'_>, new: NewAgent) -> Result<CreatedAgent, Failure> {
        let new = agents::NewAgent::from(new);
        let made = once.answer(async |attempt| {
            // Somebody else may have registered one of this id meanwhile.
            let left = self.left_by(attempt, &new.id);
            if let Some(made) = left.filter(|made| Agents::is_as_asked(made, &new)) {
                return Ok(made.into());
            }
            Ok(self.0.register(new.clone()).await?.into())
        });
        Ok(CreatedAgent::Created(made.await?))
    }

    /// The same for a person, of their own.
    pub async fn create_own(
        &self,
        once: Once<'_>,
        caller: &Caller,
        new: NewOwnAgent,
    ) -> Result<CreatedAgent, Failure> {
        let made = once.answer(async |attempt| {
            let left = self.left_by(attempt, &new.id);
            if let Some(made) = left.filter(|made| made.is_owned_by(&caller.entity)) {
                return Ok(made.into());
            }
            Ok(self.0.register_own(caller, new.into()).await?.into())
        });
        Ok(CreatedAgent::Created(made.await?))
    }

    fn left_by(&self, attempt: Try, id: &str) -> Option<agent::Agent> {
        match attempt.is_again {
            true => self.0.get(id).ok(),
            false => None,
        }
    }

    pub fn get(&self, id: &str) -> Answer<Agent> {
        Ok(Json(self.0.get(id)?.into()))
    }

    pub async fn update(&self, id: &str, patch: AgentPatch) -> Answer<Agent> {
        Ok(Json(self.0.update(id, patch.into()).await?.into()))
    }

    pub async fn deactivate(&self, id: &str, how: Option<AgentDeactivation>) -> Answer<Agent> {
        let account = how.unwrap_or_default().into();
        Ok(Json(self.0.deactivate(id, account).await?.into()))
    }

    pub async fn reactivate(&self, id: &str) -> Answer<Agent> {
        Ok(Json(self.0.reactivate(id).await?.into()))
    }

    pub async fn set_commands(&self, id: &str, commands: Vec<AgentCommand>) -> Answer<Agent> {
        let commands = commands.into_iter().map(Into::into).collect();
        Ok(Json(self.0.set_commands(id, commands).await?.into()))
    }

    pub async fn tokens(&self, id: &str) -> Answer<AgentTokenList> {
        let tokens = self.0.tokens(id).await?;
        Ok(Json(AgentTokenList {
            items: tokens.into_iter().map(Into::into).collect(),
            next: None,
        }))
    }

    pub async fn create_token(
        &self,
        once: Once<'_>,
        id: &str,
        by: String,
        new: NewAgentToken,
    ) -> Result<CreatedAgentToken, Failure> {
        let new = new.into_new()?;
        let made = once.at(id).secret().answer(async |attempt| {
            let made = self.0.create_token(id, by, new, attempt.id);
            let (shown, token) = made.await?;
            Ok(MadeAgentToken {
                token: shown,
                agent_token: token.into(),
            })
        });
        Ok(CreatedAgentToken::Created(made.await?, NOT_KEPT.to_owned()))
    }

    pub async fn revoke_token(&self, id: &str, token: Uuid) -> Result<RevokedAgentToken, Failure> {
        self.0.revoke_token(id, token).await?;
        Ok(RevokedAgentToken::Done)
    }
}
