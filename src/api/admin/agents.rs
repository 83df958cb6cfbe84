//! Agents, for operators.

use poem_openapi::OpenApi;
use poem_openapi::param::Query;
use poem_openapi::payload::Json;

use crate::api::agents::CreatedAgent;
use crate::api::auth::Operator;
use crate::api::body::Body;
use crate::api::error::Failure;
use crate::api::schema::{AgentPage, NewAgent};
use crate::api::{Services, Tag};
use crate::domain::page;

/// The operations.
pub struct AdminAgentsApi(pub Services);

#[OpenApi(prefix_path = "/api/admin/agents", tag = "Tag::Admin")]
impl AdminAgentsApi {
    /// List agents
    ///
    /// By name.
    #[oai(path = "/", method = "get", operation_id = "listAdminAgents")]
    async fn list(
        &self,
        _operator: Operator,
        /// How many, 1 to 200; 50 when absent.
        limit: Query<Option<u32>>,
        /// The `next` of an earlier page.
        cursor: Query<Option<String>>,
    ) -> Result<Json<AgentPage>, Failure> {
        let limit = page::limit(limit.0)?;
        let page = self.0.agents.list(cursor.0.as_deref(), limit).await?;
        Ok(Json(page.into()))
    }

    /// Register an agent
    ///
    /// Registers `@agent_<name>:<server>` with the homeserver, unless `matrix_user_id` names a
    /// user that the agent shall be. 409 when the agent exists; 503 when the homeserver is not
    /// there.
    #[oai(path = "/", method = "post", operation_id = "createAdminAgent")]
    async fn create(
        &self,
        _operator: Operator,
        body: Body<NewAgent>,
    ) -> Result<CreatedAgent, Failure> {
        let new = body.0;
        let display_name = new.display_name.as_deref();
        let user = new.matrix_user_id.as_deref();
        let agent = self.0.agents.register(&new.id, display_name, user).await?;
        Ok(CreatedAgent::Created(Json(agent.into())))
    }
}
