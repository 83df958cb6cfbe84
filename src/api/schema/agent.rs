//! Agents.

use poem_openapi::Object;
use uuid::Uuid;

use super::NewMessage;
use crate::api::time::Time;
use crate::domain::member;
use crate::domain::page::Page;

/// An agent.
#[derive(Object, Clone, Debug)]
pub struct Agent {
    /// `agent:<name>`.
    pub id: String,
    /// What people see.
    pub display_name: String,
    /// `@localpart:server`.
    pub matrix_user_id: String,
    /// When it was registered.
    pub created_at: Time,
    /// When its account was closed, for good; null while it is open.
    pub deactivated_at: Option<Time>,
}

impl From<member::Agent> for Agent {
    fn from(agent: member::Agent) -> Self {
        Self {
            id: format!("agent:{}", agent.name),
            display_name: agent.display_name,
            matrix_user_id: agent.user.to_string(),
            created_at: Time(agent.created_at),
            deactivated_at: agent.deactivated_at.map(Time),
        }
    }
}

/// An agent to be registered.
#[derive(Object, Clone, Debug)]
pub struct NewAgent {
    /// `agent:<name>`, the name 1 to 64 of `a-z 0-9 . _ = - /`.
    pub id: String,
    /// The name when absent.
    pub display_name: Option<String>,
    /// An existing user of this homeserver that the agent shall be; it gets a user of its own,
    /// `@agent_<name>:<server>`, when absent.
    pub matrix_user_id: Option<String>,
}

/// What of an agent is to be changed.
#[derive(Object, Clone, Debug)]
pub struct AgentPatch {
    /// 1 to 128 characters on one line.
    pub display_name: String,
}

/// A page of agents.
#[derive(Object, Clone, Debug)]
pub struct AgentPage {
    pub items: Vec<Agent>,
    /// Give it as `cursor` for the next page; null at the end.
    pub next: Option<String>,
}

impl From<Page<member::Agent>> for AgentPage {
    fn from(page: Page<member::Agent>) -> Self {
        Self {
            items: page.items.into_iter().map(Into::into).collect(),
            next: page.next,
        }
    }
}

/// Something that an agent says.
#[derive(Object, Clone, Debug)]
pub struct AgentPost {
    /// A channel that the agent is a member of.
    pub channel_id: Uuid,
    #[oai(flatten)]
    pub message: NewMessage,
}
