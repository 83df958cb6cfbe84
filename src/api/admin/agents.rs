//! Agents, for operators.

use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use uuid::Uuid;

use crate::api::agents::desk::Desk;
use crate::api::agents::{CreatedAgent, CreatedAgentToken, RevokedAgentToken};
use crate::api::auth::Operator;
use crate::api::body::Body;
use crate::api::error::Failure;
use crate::api::once::IdempotencyKey;
use crate::api::schema::{
    Agent, AgentCommand, AgentDeactivation, AgentPage, AgentPatch, AgentTokenList, NewAgent,
    NewAgentToken,
};
use crate::api::{Services, Tag};

/// The operations.
pub struct AdminAgentsApi(pub Services);

impl AdminAgentsApi {
    fn desk(&self) -> Desk<'_> {
        Desk::of(&self.0)
    }
}

#[OpenApi(prefix_path = "/api/admin/agents", tag = "Tag::Admin")]
impl AdminAgentsApi {
    /// List agents
    ///
    /// By name, those that are deactivated too.
    #[oai(path = "/", method = "get", operation_id = "listAdminAgents")]
    async fn list(
        &self,
        _operator: Operator,
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

    /// Register an agent
    ///
    /// Registers `@agent_<name>:<server>` with the homeserver, unless `matrix_user_id` names a
    /// user that the agent shall be. 409 when the agent exists; 503 when the homeserver is not
    /// there.
    #[oai(path = "/", method = "post", operation_id = "createAdminAgent")]
    async fn create(
        &self,
        operator: Operator,
        /// A name of this request, 1 to 128 visible ASCII characters. Asked for again with the same
        /// key within 24 hours, the answer is the first one and nothing is done; 409 when the key was
        /// another request's.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        body: Body<NewAgent>,
    ) -> Result<CreatedAgent, Failure> {
        let caller = operator.0.name();
        let once = self.0.once(caller, "createAdminAgent", key, &body.0);
        self.desk().create(once, body.0).await
    }

    /// Get an agent
    ///
    /// 404 when none is registered under this id.
    #[oai(path = "/:agent_id", method = "get", operation_id = "getAdminAgent")]
    async fn get(
        &self,
        _operator: Operator,
        /// `agent:<name>`.
        agent_id: Path<String>,
    ) -> Result<Json<Agent>, Failure> {
        self.desk().get(&agent_id.0)
    }

    /// Change an agent
    ///
    /// Each field alone: what is absent stays, what is null is cleared. Name and picture change in
    /// Matrix, too. Its tokens end when somebody else answers for it, who then makes new ones. 409 when
    /// it is deactivated.
    #[oai(
        path = "/:agent_id",
        method = "patch",
        operation_id = "updateAdminAgent"
    )]
    async fn patch(
        &self,
        _operator: Operator,
        /// `agent:<name>`.
        agent_id: Path<String>,
        body: Body<AgentPatch>,
    ) -> Result<Json<Agent>, Failure> {
        self.desk().update(&agent_id.0, body.0).await
    }

    /// Deactivate an agent
    ///
    /// It does nothing any more: its tokens end at once, and it leaves its channels. What it has
    /// said stays. With `close_account` its Matrix account is closed as well, which is for good.
    /// Asked for again, as after a 503, what is missing of it is done.
    #[oai(
        path = "/:agent_id/deactivate",
        method = "post",
        operation_id = "deactivateAdminAgent"
    )]
    async fn deactivate(
        &self,
        _operator: Operator,
        /// `agent:<name>`.
        agent_id: Path<String>,
        body: Body<Option<AgentDeactivation>>,
    ) -> Result<Json<Agent>, Failure> {
        self.desk().deactivate(&agent_id.0, body.0).await
    }

    /// Put an agent to work again
    ///
    /// It comes back into channels when it is invited there, and needs new tokens. 409 when its
    /// Matrix account is closed.
    #[oai(
        path = "/:agent_id/reactivate",
        method = "post",
        operation_id = "reactivateAdminAgent"
    )]
    async fn reactivate(
        &self,
        _operator: Operator,
        /// `agent:<name>`.
        agent_id: Path<String>,
    ) -> Result<Json<Agent>, Failure> {
        self.desk().reactivate(&agent_id.0).await
    }

    /// Say what an agent can be asked to do
    ///
    /// Instead of what was said before; an empty list takes all back. At most 50. 409 when it is
    /// deactivated.
    #[oai(
        path = "/:agent_id/commands",
        method = "put",
        operation_id = "setAdminAgentCommands"
    )]
    async fn set_commands(
        &self,
        _operator: Operator,
        /// `agent:<name>`.
        agent_id: Path<String>,
        body: Body<Vec<AgentCommand>>,
    ) -> Result<Json<Agent>, Failure> {
        self.desk().set_commands(&agent_id.0, body.0).await
    }

    /// List an agent's tokens
    ///
    /// The newest first, those that have expired too.
    #[oai(
        path = "/:agent_id/tokens",
        method = "get",
        operation_id = "listAdminAgentTokens"
    )]
    async fn tokens(
        &self,
        _operator: Operator,
        /// `agent:<name>`.
        agent_id: Path<String>,
    ) -> Result<Json<AgentTokenList>, Failure> {
        self.desk().tokens(&agent_id.0).await
    }

    /// Make a token for an agent
    ///
    /// It is shown this once, as `Authorization: Bearer da_…` wants it. 409 when the agent is
    /// deactivated or has 50 tokens.
    #[oai(
        path = "/:agent_id/tokens",
        method = "post",
        operation_id = "createAdminAgentToken"
    )]
    async fn create_token(
        &self,
        operator: Operator,
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
        let by = operator.0.name();
        let once = self.0.once(&by, "createAdminAgentToken", key, &body.0);
        self.desk()
            .create_token(once, &agent_id.0, by, body.0)
            .await
    }

    /// Revoke an agent's token
    ///
    /// It counts no more from now on, and the streams that were opened with it are closed. 404 when
    /// the agent has none of that id.
    #[oai(
        path = "/:agent_id/tokens/:token_id",
        method = "delete",
        operation_id = "revokeAdminAgentToken"
    )]
    async fn revoke_token(
        &self,
        _operator: Operator,
        /// `agent:<name>`.
        agent_id: Path<String>,
        /// The token's id.
        token_id: Path<Uuid>,
    ) -> Result<RevokedAgentToken, Failure> {
        self.desk().revoke_token(&agent_id.0, token_id.0).await
    }
}
