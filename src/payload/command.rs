//! The public JSON of a command that an agent is asked to carry out.

use serde::Serialize;

use crate::domain::command::Called;

/// A command, for the agent that it is meant for and for whoever else is told of the message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct CommandJson {
    pub agent: String,
    pub name: String,
    pub arguments: String,
}

impl From<&Called> for CommandJson {
    fn from(called: &Called) -> Self {
        Self {
            agent: called.agent.to_string(),
            name: called.name.clone(),
            arguments: called.arguments.clone(),
        }
    }
}
