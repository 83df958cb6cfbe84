//! Agents, version 1.

use serde::{Deserialize, Serialize};

use super::{Record, word};
use crate::domain::agent::{Agent, Deactivation};
use crate::domain::command::{Argument, Command};
use crate::domain::entity::Entity;
use crate::domain::id::UserId;
use crate::store::StoreError;

#[derive(Serialize, Deserialize)]
pub struct AgentRecord {
    name: String,
    user: String,
    display_name: String,
    created_at: u64,
    #[serde(default)]
    deactivated_at: Option<u64>,
    /// Whether its Matrix account is open all the same. At first none was.
    #[serde(default)]
    is_account_open: bool,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    avatar_url: Option<String>,
    #[serde(default)]
    owner: Option<String>,
    #[serde(default)]
    commands: Vec<CommandRecord>,
    /// At first it was not written down who had ended its work.
    #[serde(default)]
    is_ended_by_operator: bool,
}

#[derive(Serialize, Deserialize)]
struct CommandRecord {
    name: String,
    description: String,
    usage: Option<String>,
    arguments: Vec<ArgumentRecord>,
}

#[derive(Serialize, Deserialize)]
struct ArgumentRecord {
    name: String,
    description: Option<String>,
    is_required: bool,
}

impl Record<'_> for AgentRecord {
    const NAME: &'static str = "agent";
    const VERSION: u8 = 1;
}

impl AgentRecord {
    pub fn into_agent(self) -> Result<Agent, StoreError> {
        let owner = self.owner.as_deref();
        let owner = owner.map(|text| word(Self::NAME, Entity::parse, text));
        let deactivated = self.deactivated_at.map(|at| Deactivation {
            at,
            is_final: !self.is_account_open,
            by_operator: self.is_ended_by_operator,
        });
        Ok(Agent {
            name: self.name,
            user: UserId::trusted(self.user),
            display_name: self.display_name,
            description: self.description,
            avatar_url: self.avatar_url,
            owner: owner.transpose()?,
            commands: self.commands.into_iter().map(Command::from).collect(),
            created_at: self.created_at,
            deactivated,
        })
    }
}

impl From<Agent> for AgentRecord {
    fn from(agent: Agent) -> Self {
        let deactivated = agent.deactivated;
        Self {
            name: agent.name,
            user: agent.user.as_str().to_owned(),
            display_name: agent.display_name,
            created_at: agent.created_at,
            deactivated_at: deactivated.map(|it| it.at),
            is_account_open: deactivated.is_some_and(|it| !it.is_final),
            description: agent.description,
            avatar_url: agent.avatar_url,
            owner: agent.owner.map(|owner| owner.to_string()),
            commands: agent.commands.iter().map(CommandRecord::from).collect(),
            is_ended_by_operator: deactivated.is_some_and(|it| it.by_operator),
        }
    }
}

impl From<CommandRecord> for Command {
    fn from(record: CommandRecord) -> Self {
        let arguments = record.arguments.into_iter().map(|argument| Argument {
            name: argument.name,
            description: argument.description,
            is_required: argument.is_required,
        });
        Self {
            name: record.name,
            description: record.description,
            usage: record.usage,
            arguments: arguments.collect(),
        }
    }
}

impl From<&Command> for CommandRecord {
    fn from(command: &Command) -> Self {
        let arguments = command.arguments.iter().map(|argument| ArgumentRecord {
            name: argument.name.clone(),
            description: argument.description.clone(),
            is_required: argument.is_required,
        });
        Self {
            name: command.name.clone(),
            description: command.description.clone(),
            usage: command.usage.clone(),
            arguments: arguments.collect(),
        }
    }
}
