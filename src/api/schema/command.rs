//! Commands of agents.

use poem_openapi::Object;

use crate::domain::command;
use crate::service::agents::Offer;

/// Something that an agent can be asked to do: `!name …` or `/name …` at the beginning of a message.
#[derive(Object, Clone, Debug)]
pub struct AgentCommand {
    /// 1 to 32 characters of `a-z 0-9 _ -`.
    pub name: String,
    /// What it does, 1 to 256 characters on one line.
    pub description: String,
    /// How it is written behind its name, e.g. `<city> [day]`; 1 to 256 characters on one line.
    pub usage: Option<String>,
    /// What stands behind its name, at most 20.
    #[oai(default)]
    pub arguments: Vec<CommandArgument>,
}

/// What stands behind a command's name.
#[derive(Object, Clone, Debug)]
pub struct CommandArgument {
    /// 1 to 32 characters of `a-z 0-9 _ -`.
    pub name: String,
    /// 1 to 256 characters on one line.
    pub description: Option<String>,
    #[oai(default)]
    pub required: bool,
}

impl From<AgentCommand> for command::Command {
    fn from(given: AgentCommand) -> Self {
        let arguments = given.arguments.into_iter().map(|it| command::Argument {
            name: it.name,
            description: it.description,
            is_required: it.required,
        });
        Self {
            name: given.name,
            description: given.description,
            usage: given.usage,
            arguments: arguments.collect(),
        }
    }
}

impl From<&command::Command> for AgentCommand {
    fn from(command: &command::Command) -> Self {
        let arguments = command.arguments.iter().map(|it| CommandArgument {
            name: it.name.clone(),
            description: it.description.clone(),
            required: it.is_required,
        });
        Self {
            name: command.name.clone(),
            description: command.description.clone(),
            usage: command.usage.clone(),
            arguments: arguments.collect(),
        }
    }
}

/// A command that somebody can use in a channel.
#[derive(Object, Clone, Debug)]
pub struct ChannelCommand {
    /// The agent that has it, `agent:<name>`.
    pub agent: String,
    /// What people see of that agent.
    pub agent_display_name: String,
    pub name: String,
    /// What it does.
    pub description: String,
    /// How it is written behind its name.
    pub usage: Option<String>,
    pub arguments: Vec<CommandArgument>,
    /// What to write for it: `!name`, or `!name@agent` where another agent of the channel has a
    /// command of this name.
    pub write: String,
}

impl From<Offer> for ChannelCommand {
    fn from(offer: Offer) -> Self {
        let command = AgentCommand::from(&offer.command);
        let write = match offer.is_shared {
            true => format!("!{}@{}", command.name, offer.agent.name),
            false => format!("!{}", command.name),
        };
        Self {
            agent: offer.agent.entity().to_string(),
            agent_display_name: offer.agent.display_name,
            name: command.name,
            description: command.description,
            usage: command.usage,
            arguments: command.arguments,
            write,
        }
    }
}

/// The commands of a channel.
#[derive(Object, Clone, Debug)]
pub struct ChannelCommandList {
    /// By name, then agent.
    pub items: Vec<ChannelCommand>,
    /// Always null: there are few.
    pub next: Option<String>,
}

/// A command that an agent is asked to carry out.
#[derive(Object, Clone, Debug)]
pub struct CalledCommand {
    /// The agent that is meant, `agent:<name>`.
    pub agent: String,
    /// The command's name.
    pub name: String,
    /// What stands behind the name. In the live stream it ends where `content_preview` ends when
    /// `truncated` says so.
    pub arguments: String,
}
