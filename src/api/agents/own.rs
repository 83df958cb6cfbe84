//! Agents, for people, who may have some of their own, and for agents themselves (`/api/agents`).

use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use uuid::Uuid;

use super::desk::Desk;
use super::{CreatedAgent, CreatedAgentToken, RevokedAgentToken};
use crate::api::auth::Person;
use crate::api::body::Body;
use crate::api::error::Failure;
use crate::api::once::IdempotencyKey;
use crate::api::schema::{
    Agent, AgentCommand, AgentPage, AgentTokenList, ChannelCommandList, NewAgentToken, NewOwnAgent,
    OwnAgentPatch,
};
use crate::api::{Services, Tag};
use crate::domain::Error;
use crate::domain::id::ChannelId;

/// The operations.
pub struct OwnAgentsApi(pub Services);

impl OwnAgentsApi {
    fn desk(&self) -> Desk<'_> {
        Desk::of(&self.0)
    }

    /// Checks that a person may look after an agent.
    fn require(&self, person: &Person, id: &str) -> Result<(), Error> {
        self.0.agents.require_keeper(&person.0, id)
    }
}

#[OpenApi(prefix_path = "/api/agents", tag = "Tag::Agents")]
impl OwnAgentsApi {
    /// List agents
    ///
    /// By name, those that are deactivated too.
    #[oai(path = "/", method = "get", operation_id = "listPublicAgents")]
    async fn list(
        &self,
        _person: Person,
        /// Only those of this person, `user:<localpart>`.
        owner: Query<Option<String>>,
        /// How many, 1 to 200; 50 when absent.
        limit: Query<Option<u32>>,
        /// The `next` of an earlier page.
        cursor: Query<Option<String>>,
    ) -> Result<Json<AgentPage>, Failure> {
        let (owner, cursor) = (owner.0.as_deref(), cursor.0.as_deref());
        self.desk().list(owner, limit.0, cursor).await
    }

    /// Register an agent of one's own
    ///
    /// The caller answers for it. It gets a Matrix user of its own. 403 where only operators may
    /// (`agents.create`); 409 when the agent exists, or the caller has as many at work as one may
    /// have (`agents.per_person`), or a Matrix user of the agent's name is in rooms already: that one
    /// only operators and services register. 409 as well when that Matrix account was closed.
    #[oai(path = "/", method = "post", operation_id = "createOwnAgent")]
    async fn create(
        &self,
        person: Person,
        /// A name of this request, 1 to 128 visible ASCII characters. Asked for again with the same
        /// key within 24 hours, the answer is the first one and nothing is done; 409 when the key was
        /// another request's.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        body: Body<NewOwnAgent>,
    ) -> Result<CreatedAgent, Failure> {
        let caller = &person.0;
        let once = self.0.once(&caller.entity, "createOwnAgent", key, &body.0);
        self.desk().create_own(once, caller, body.0).await
    }

    /// Get an agent
    ///
    /// 404 when none is registered under this id.
    #[oai(path = "/:agent_id", method = "get", operation_id = "getPublicAgent")]
    async fn get(
        &self,
        _person: Person,
        /// `agent:<name>`.
        agent_id: Path<String>,
    ) -> Result<Json<Agent>, Failure> {
        self.desk().get(&agent_id.0)
    }

    /// Change an agent
    ///
    /// Each field alone: what is absent stays, what is null is cleared. Name and picture change in
    /// Matrix, too. 403 unless the caller is its owner or an operator; 409 when it is deactivated.
    /// Who answers for it operators change (`/api/admin/agents`).
    #[oai(path = "/:agent_id", method = "patch", operation_id = "updateOwnAgent")]
    async fn patch(
        &self,
        person: Person,
        /// `agent:<name>`.
        agent_id: Path<String>,
        body: Body<OwnAgentPatch>,
    ) -> Result<Json<Agent>, Failure> {
        self.require(&person, &agent_id.0)?;
        let agents = &self.0.agents;
        let agent = agents.update(&agent_id.0, body.0.into()).await?;
        Ok(Json(agent.into()))
    }

    /// Deactivate an agent
    ///
    /// It does nothing any more: its tokens end at once, and it leaves its channels. What it has
    /// said stays, and so does its Matrix account. Asked for again, as after a 503, what is missing
    /// of it is done. What its owner has ended they may begin again; what an operator has ended, only
    /// operators. 403 unless the caller is its owner or an operator.
    #[oai(
        path = "/:agent_id/deactivate",
        method = "post",
        operation_id = "deactivateOwnAgent"
    )]
    async fn deactivate(
        &self,
        person: Person,
        /// `agent:<name>`.
        agent_id: Path<String>,
    ) -> Result<Json<Agent>, Failure> {
        let agents = &self.0.agents;
        let agent = agents.deactivate_own(&person.0, &agent_id.0).await?;
        Ok(Json(agent.into()))
    }

    /// Put an agent to work again
    ///
    /// It comes back into channels when it is invited there, and needs new tokens. 403 unless the
    /// caller is its owner or an operator, and for its owner when an operator or a service has
    /// deactivated it; 409 when its Matrix account is closed, or the caller has
    /// as many at work as one may have.
    #[oai(
        path = "/:agent_id/reactivate",
        method = "post",
        operation_id = "reactivateOwnAgent"
    )]
    async fn reactivate(
        &self,
        person: Person,
        /// `agent:<name>`.
        agent_id: Path<String>,
    ) -> Result<Json<Agent>, Failure> {
        let agents = &self.0.agents;
        let agent = agents.reactivate_own(&person.0, &agent_id.0).await?;
        Ok(Json(agent.into()))
    }

    /// Say what an agent can be asked to do
    ///
    /// Instead of what was said before; an empty list takes all back. At most 50. People write
    /// `!name …` or `/name …`, and `!name@agent …` where several agents of a channel have a command
    /// of that name: without it, it is for the one that is mentioned, and otherwise for none. The
    /// message then carries `command` in the live stream and in webhooks. 403 unless the caller is
    /// the agent itself, its owner or an operator; 409 when it is deactivated.
    #[oai(
        path = "/:agent_id/commands",
        method = "put",
        operation_id = "setOwnAgentCommands"
    )]
    async fn set_commands(
        &self,
        person: Person,
        /// `agent:<name>`.
        agent_id: Path<String>,
        body: Body<Vec<AgentCommand>>,
    ) -> Result<Json<Agent>, Failure> {
        let is_itself = person.0.entity.to_string() == agent_id.0;
        if !is_itself {
            self.require(&person, &agent_id.0)?;
        }
        self.desk().set_commands(&agent_id.0, body.0).await
    }

    /// List an agent's tokens
    ///
    /// The newest first, those that have expired too. 403 unless the caller is its owner or an
    /// operator.
    #[oai(
        path = "/:agent_id/tokens",
        method = "get",
        operation_id = "listOwnAgentTokens"
    )]
    async fn tokens(
        &self,
        person: Person,
        /// `agent:<name>`.
        agent_id: Path<String>,
    ) -> Result<Json<AgentTokenList>, Failure> {
        self.require(&person, &agent_id.0)?;
        self.desk().tokens(&agent_id.0).await
    }

    /// Make a token for an agent
    ///
    /// It is shown this once, as `Authorization: Bearer da_…` wants it. Whoever shows it is the
    /// agent: it reads and speaks in the channels that the agent is a member of, for what the
    /// token's scopes name. 403 unless the caller is its owner or an operator; 409 when the agent is
    /// deactivated or has 50 tokens.
    #[oai(
        path = "/:agent_id/tokens",
        method = "post",
        operation_id = "createOwnAgentToken"
    )]
    async fn create_token(
        &self,
        person: Person,
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
        self.require(&person, &agent_id.0)?;
        let by = person.0.entity.to_string();
        let once = self.0.once(&by, "createOwnAgentToken", key, &body.0);
        self.desk()
            .create_token(once, &agent_id.0, by, body.0)
            .await
    }

    /// Revoke an agent's token
    ///
    /// It counts no more from now on, and the streams that were opened with it are closed. 403
    /// unless the caller is the agent's owner or an operator; 404 when the agent has none of that
    /// id.
    #[oai(
        path = "/:agent_id/tokens/:token_id",
        method = "delete",
        operation_id = "revokeOwnAgentToken"
    )]
    async fn revoke_token(
        &self,
        person: Person,
        /// `agent:<name>`.
        agent_id: Path<String>,
        /// The token's id.
        token_id: Path<Uuid>,
    ) -> Result<RevokedAgentToken, Failure> {
        self.require(&person, &agent_id.0)?;
        self.desk().revoke_token(&agent_id.0, token_id.0).await
    }
}

/// The commands of a channel.
pub struct CommandsApi(pub Services);

#[OpenApi(prefix_path = "/api/messaging/channels", tag = "Tag::Messaging")]
impl CommandsApi {
    /// List commands
    ///
    /// What the agents that are members of the channel can be asked to do, by name.
    #[oai(
        path = "/:channel_id/commands",
        method = "get",
        operation_id = "listCommands"
    )]
    async fn list(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
    ) -> Result<Json<ChannelCommandList>, Failure> {
        let (agents, channel) = (&self.0.agents, ChannelId(channel_id.0));
        let offers = agents.offers(&person.0, channel).await?;
        Ok(Json(ChannelCommandList {
            items: offers.into_iter().map(Into::into).collect(),
            next: None,
        }))
    }
}
