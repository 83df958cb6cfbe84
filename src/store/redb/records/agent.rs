//! Agents, version 1.

use serde::{Deserialize, Serialize};

use super::Record;
use crate::domain::id::UserId;
use crate::domain::member::Agent;

#[derive(Serialize, Deserialize)]
pub struct AgentRecord {
    name: String,
    user: String,
    display_name: String,
    created_at: u64,
    #[serde(default)]
    deactivated_at: Option<u64>,
}

impl Record<'_> for AgentRecord {
    const NAME: &'static str = "agent";
    const VERSION: u8 = 1;
}

impl From<Agent> for AgentRecord {
    fn from(agent: Agent) -> Self {
        Self {
            name: agent.name,
            user: agent.user.as_str().to_owned(),
            display_name: agent.display_name,
            created_at: agent.created_at,
            deactivated_at: agent.deactivated_at,
        }
    }
}

impl From<AgentRecord> for Agent {
    fn from(record: AgentRecord) -> Self {
        Self {
            name: record.name,
            user: UserId::trusted(record.user),
            display_name: record.display_name,
            created_at: record.created_at,
            deactivated_at: record.deactivated_at,
        }
    }
}
