//! Agents (`/internal/agents`).

use poem_openapi::ApiResponse;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;

use super::auth::Service;
use super::body::Body;
use super::error::Failure;
use super::messages::{SentMessage, render};
use super::rendered::Rendered;
use super::schema::{Agent, AgentPage, AgentPatch, AgentPost, NewAgent};
use super::{Services, Tag};
use crate::domain::id::ChannelId;
use crate::domain::page;
use crate::domain::service::Scope;
use crate::payload::MessageJson;

/// The operations.
pub struct AgentsApi(pub Services);

/// An agent was registered.
#[derive(ApiResponse)]
pub enum CreatedAgent {
    /// The agent, with its Matrix user.
    #[oai(status = 201)]
    Created(Json<Agent>),
}

#[OpenApi(prefix_path = "/internal/agents", tag = "Tag::Agents")]
impl AgentsApi {
    /// List agents
    ///
    /// By name.
    #[oai(path = "/", method = "get", operation_id = "listAgents")]
    async fn list(
        &self,
        service: Service,
        /// How many, 1 to 200; 50 when absent.
        limit: Query<Option<u32>>,
        /// The `next` of an earlier page.
        cursor: Query<Option<String>>,
    ) -> Result<Json<AgentPage>, Failure> {
        service.0.require(Scope::Agents)?;
        let limit = page::limit(limit.0)?;
        let page = self.0.agents.list(cursor.0.as_deref(), limit).await?;
        Ok(Json(page.into()))
    }

    /// Register an agent
    ///
    /// Registers `@agent_<name>:<server>` with the homeserver, unless `matrix_user_id` names a
    /// user that the agent shall be. 403 unless the token may act as the agent and as that user;
    /// 409 when the agent exists.
    #[oai(path = "/", method = "post", operation_id = "createAgent")]
    async fn create(
        &self,
        service: Service,
        body: Body<NewAgent>,
    ) -> Result<CreatedAgent, Failure> {
        let new = body.0;
        let display_name = new.display_name.as_deref();
        let user = new.matrix_user_id.as_deref();
        self.0.agents.require(&service.0, &new.id, user)?;
        let agent = self.0.agents.register(&new.id, display_name, user).await?;
        Ok(CreatedAgent::Created(Json(agent.into())))
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
        Ok(Json(self.0.agents.get(&agent_id.0)?.into()))
    }

    /// Change an agent
    ///
    /// 403 unless the token may act as the agent; 409 when it is deactivated.
    #[oai(path = "/:agent_id", method = "patch", operation_id = "updateAgent")]
    async fn patch(
        &self,
        service: Service,
        /// `agent:<name>`.
        agent_id: Path<String>,
        body: Body<AgentPatch>,
    ) -> Result<Json<Agent>, Failure> {
        let agents = &self.0.agents;
        agents.require(&service.0, &agent_id.0, None)?;
        let agent = agents.update(&agent_id.0, &body.0.display_name).await?;
        Ok(Json(agent.into()))
    }

    /// Post to a channel as an agent
    ///
    /// Sent as `m.notice`, indexed with `sender_type` `agent`. 403 unless the agent is a member
    /// of the channel and the token may act as the agent, and in that room; 404 when there is no such agent or channel;
    /// 409 when the agent is deactivated.
    #[oai(
        path = "/:agent_id/post-to-channel",
        method = "post",
        operation_id = "postToChannel"
    )]
    async fn post(
        &self,
        service: Service,
        /// `agent:<name>`.
        agent_id: Path<String>,
        body: Body<AgentPost>,
    ) -> Result<SentMessage, Failure> {
        let (agents, post) = (&self.0.agents, body.0);
        let channel = ChannelId(post.channel_id);
        agents.require(&service.0, &agent_id.0, None)?;
        agents.require_channel(&service.0, channel)?;
        let new = post.message.into();
        let sent = agents.post(&agent_id.0, channel, new).await?;
        Ok(SentMessage::Created(Rendered::new(render(
            &MessageJson::from(&sent),
        )?)))
    }
}
