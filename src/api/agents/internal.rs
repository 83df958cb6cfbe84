//! Agents, for services (`/internal/agents`).

use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use uuid::Uuid;

use super::desk::Desk;
use super::{CreatedAgent, CreatedAgentToken, RevokedAgentToken};
use crate::api::auth::{ForAgent, Service};
use crate::api::body::Body;
use crate::api::error::Failure;
use crate::api::once::IdempotencyKey;
use crate::api::schema::{
    Agent, AgentCommand, AgentDeactivation, AgentPage, AgentPatch, AgentTokenList, NewAgent,
    NewAgentToken,
};
use crate::api::{Services, Tag};
use crate::domain::Error;
use crate::domain::key::KeyScope;
use crate::domain::service::Scope;

/// The operations.
pub struct AgentsApi(pub Services);

impl AgentsApi {
    fn desk(&self) -> Desk<'_> {
        Desk::of(&self.0)
    }

    /// Checks that a service may look after an agent.
    fn require(&self, service: &Service, id: &str) -> Result<(), Error> {
        self.0.agents.require(&service.0, id, None)
    }
}

#[OpenApi(prefix_path = "/internal/agents", tag = "Tag::Agents")]
impl AgentsApi {
    /// List agents
    ///
    /// By name, those that are deactivated too.
    #[oai(path = "/", method = "get", operation_id = "listAgents")]
    async fn list(
        &self,
        service: Service,
        /// Only those of this person, `user:<localpart>`.
        owner: Query<Option<String>>,
        /// How many, 1 to 200; 50 when absent.
        limit: Query<Option<u32>>,
        /// The `next` of an earlier page.
        cursor: Query<Option<String>>,
    ) -> Result<Json<AgentPage>, Failure> {
        service.0.require(Scope::Agents)?;
        let (owner, cursor) = (owner.0.as_deref(), cursor.0.as_deref());
        self.desk().list(owner, limit.0, cursor).await
    }

    /// Register an agent
    ///
    /// Registers `@agent_<name>:<server>` with the homeserver, unless `matrix_user_id` names a
    /// user that the agent shall be. 403 unless the token may act as the agent and as that user;
    /// 409 when the agent exists, or the Matrix account of that name was closed.
    #[oai(path = "/", method = "post", operation_id = "createAgent")]
    async fn create(
        &self,
        service: Service,
        /// A name of this request, 1 to 128 visible ASCII characters. Asked for again with the same
        /// key within 24 hours, the answer is the first one and nothing is done; 409 when the key was
        /// another request's.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        body: Body<NewAgent>,
    ) -> Result<CreatedAgent, Failure> {
        let user = body.0.matrix_user_id.as_deref();
        self.0.agents.require(&service.0, &body.0.id, user)?;
        let name = &service.0.name;
        let once = self.0.once(name, "createAgent", key, &body.0);
        self.desk().create(once, body.0).await
    }

    /// Get an agent
    ///
    /// 404 when none is registered under this id.
    #[oai(path = "/:agent_id", method = "get", operation_id = "getAgent")]
    async fn get(
        &self,
        service: Service,
        /// `agent:<name>`.
        agent_id: Path<String>,
    ) -> Result<Json<Agent>, Failure> {
        service.0.require(Scope::Agents)?;
        self.desk().get(&agent_id.0)
    }

    /// Change an agent
    ///
    /// Each field alone: what is absent stays, what is null is cleared. Name and picture change in
    /// Matrix, too. Its tokens end when somebody else answers for it. 403 unless the token may act as
    /// the agent; 409 when it is deactivated.
    #[oai(path = "/:agent_id", method = "patch", operation_id = "updateAgent")]
    async fn patch(
        &self,
        service: Service,
        /// `agent:<name>`.
        agent_id: Path<String>,
        body: Body<AgentPatch>,
    ) -> Result<Json<Agent>, Failure> {
        self.require(&service, &agent_id.0)?;
        self.desk().update(&agent_id.0, body.0).await
    }

    /// Deactivate an agent
    ///
    /// It does nothing any more: its tokens end at once, and it leaves its channels. What it has
    /// said stays. With `close_account` its Matrix account is closed as well, which is for good.
    /// Asked for again, as after a 503, what is missing of it is done. 403 unless the token may act
    /// as the agent.
    #[oai(
        path = "/:agent_id/deactivate",
        method = "post",
        operation_id = "deactivateAgent"
    )]
    async fn deactivate(
        &self,
        service: Service,
        /// `agent:<name>`.
        agent_id: Path<String>,
        body: Body<Option<AgentDeactivation>>,
    ) -> Result<Json<Agent>, Failure> {
        self.require(&service, &agent_id.0)?;
        self.desk().deactivate(&agent_id.0, body.0).await
    }

    /// Put an agent to work again
    ///
    /// It comes back into channels when it is invited there, and needs new tokens. 409 when its
    /// Matrix account is closed. 403 unless the token may act as the agent.
    #[oai(
        path = "/:agent_id/reactivate",
        method = "post",
        operation_id = "reactivateAgent"
    )]
    async fn reactivate(
        &self,
        service: Service,
        /// `agent:<name>`.
        agent_id: Path<String>,
    ) -> Result<Json<Agent>, Failure> {
        self.require(&service, &agent_id.0)?;
        self.desk().reactivate(&agent_id.0).await
    }

    /// Say what an agent can be asked to do
    ///
    /// Instead of what was said before; an empty list takes all back. At most 50. People write
    /// `!name …` or `/name …`, and `!name@agent …` where several agents of a channel have a command
    /// of that name: without it, it is for the one that is mentioned, and otherwise for none. The
    /// message then carries `command` in the live stream and in webhooks. For services that may act
    /// as the agent, and for its own token with `messages:send`.
    #[oai(
        path = "/:agent_id/commands",
        method = "put",
        operation_id = "setAgentCommands"
    )]
    async fn set_commands(
        &self,
        door: ForAgent,
        /// `agent:<name>`.
        agent_id: Path<String>,
        body: Body<Vec<AgentCommand>>,
    ) -> Result<Json<Agent>, Failure> {
        let (agents, scope) = (&self.0.agents, KeyScope::MessagesSend);
        door.0.enter(agents, &agent_id.0, scope, None)?;
        self.desk().set_commands(&agent_id.0, body.0).await
    }

    /// List an agent's tokens
    ///
    /// The newest first, those that have expired too. 403 unless the token of the service may act
    /// as the agent.
    #[oai(
        path = "/:agent_id/tokens",
        method = "get",
        operation_id = "listAgentTokens"
    )]
    async fn tokens(
        &self,
        service: Service,
        /// `agent:<name>`.
        agent_id: Path<String>,
    ) -> Result<Json<AgentTokenList>, Failure> {
        self.require(&service, &agent_id.0)?;
        self.desk().tokens(&agent_id.0).await
    }

    /// Make a token for an agent
    ///
    /// It is shown this once, as `Authorization: Bearer da_…` wants it. With it the agent calls
    /// `/api` and `/ws` as itself, and what stands here for agents. 403 unless the token of the
    /// service may act as the agent, and in all rooms; 409 when the agent is deactivated or has 50
    /// tokens.
    #[oai(
        path = "/:agent_id/tokens",
        method = "post",
        operation_id = "createAgentToken"
    )]
    async fn create_token(
        &self,
        service: Service,
        /// `agent:<name>`.
        agent_id: Path<String>,
        /// A name of this request, 1 to 128 visible ASCII characters, best a random UUID. Asked for
        /// again with the same key within 24 hours, the answer is the first one, its secret among it,
        /// and nothing is done; 409 when the key was another request's. The secret is kept in a form
        /// that only this key opens.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        body: Body<NewAgentToken>,
    ) -> Result<CreatedAgentToken, Failure> {
        self.require(&service, &agent_id.0)?;
        let name = &service.0.name;
        if service.0.rights.rooms.is_some() {
            return Err(Error::forbidden(format!(
                "the service {name} may work in certain rooms only, and a token would be of all \
                 rooms of the agent"
            ))
            .into());
        }
        let by = format!("service:{name}");
        let once = self.0.once(name, "createAgentToken", key, &body.0);
        self.desk()
            .create_token(once, &agent_id.0, by, body.0)
            .await
    }

    /// Revoke an agent's token
    ///
    /// It counts no more from now on, and the streams that were opened with it are closed. 404 when
    /// the agent has none of that id; 403 unless the token of the service may act as the agent.
    #[oai(
        path = "/:agent_id/tokens/:token_id",
        method = "delete",
        operation_id = "revokeAgentToken"
    )]
    async fn revoke_token(
        &self,
        service: Service,
        /// `agent:<name>`.
        agent_id: Path<String>,
        /// The token's id.
        token_id: Path<Uuid>,
    ) -> Result<RevokedAgentToken, Failure> {
        self.require(&service, &agent_id.0)?;
        self.desk().revoke_token(&agent_id.0, token_id.0).await
    }
}
