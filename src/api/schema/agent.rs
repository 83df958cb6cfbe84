//! Agents.

use poem_openapi::Object;
use poem_openapi::types::MaybeUndefined;
use uuid::Uuid;

use super::NewMessage;
use super::command::AgentCommand;
use crate::api::time::Time;
use crate::domain::agent;
use crate::domain::page::Page;
use crate::service::agents;

/// An agent.
#[derive(Object, Clone, Debug)]
pub struct Agent {
    /// `agent:<name>`.
    pub id: String,
    /// What people see.
    pub display_name: String,
    /// What it is for; null when nobody has said.
    pub description: Option<String>,
    /// Its picture, `mxc://server/id`; null when it has none, or one that was set elsewhere.
    pub avatar_url: Option<String>,
    /// The person who answers for it, `user:<localpart>`; null when operators do.
    pub owner: Option<String>,
    /// `@localpart:server`.
    pub matrix_user_id: String,
    /// What it can be asked to do.
    pub commands: Vec<AgentCommand>,
    /// When it was registered.
    pub created_at: Time,
    /// Since when it does nothing; null while it is at work.
    pub deactivated_at: Option<Time>,
    /// Whether its Matrix account was closed with that, which is for good.
    pub account_closed: bool,
}

impl From<agent::Agent> for Agent {
    fn from(agent: agent::Agent) -> Self {
        let deactivated = agent.deactivated;
        Self {
            id: agent.entity().to_string(),
            display_name: agent.display_name,
            description: agent.description,
            avatar_url: agent.avatar_url,
            owner: agent.owner.map(|owner| owner.to_string()),
            matrix_user_id: agent.user.to_string(),
            commands: agent.commands.iter().map(AgentCommand::from).collect(),
            created_at: Time(agent.created_at),
            deactivated_at: deactivated.map(|it| Time(it.at)),
            account_closed: deactivated.is_some_and(|it| it.is_final),
        }
    }
}

/// An agent to be registered.
#[derive(Object, Clone, Debug)]
pub struct NewAgent {
    /// `agent:<name>`, the name 1 to 64 of `a-z 0-9 . _ = - /`.
    pub id: String,
    /// 1 to 128 characters on one line; the name when absent.
    pub display_name: Option<String>,
    /// What it is for, at most 1,000 characters.
    pub description: Option<String>,
    /// Its picture, `mxc://server/id`.
    pub avatar_url: Option<String>,
    /// The person of this homeserver who answers for it, `user:<localpart>`; operators when absent.
    pub owner: Option<String>,
    /// An existing user of this homeserver that the agent shall be; it gets a user of its own,
    /// `@agent_<name>:<server>`, when absent.
    pub matrix_user_id: Option<String>,
}

impl From<NewAgent> for agents::NewAgent {
    fn from(new: NewAgent) -> Self {
        Self {
            id: new.id,
            display_name: new.display_name,
            description: new.description,
            avatar_url: new.avatar_url,
            owner: new.owner,
            user: new.matrix_user_id,
        }
    }
}

/// An agent of one's own to be registered. It gets a Matrix user of its own,
/// `@agent_<name>:<server>`.
#[derive(Object, Clone, Debug)]
pub struct NewOwnAgent {
    /// `agent:<name>`, the name 1 to 64 of `a-z 0-9 . _ = - /`.
    pub id: String,
    /// 1 to 128 characters on one line; the name when absent.
    pub display_name: Option<String>,
    /// What it is for, at most 1,000 characters.
    pub description: Option<String>,
    /// Its picture, `mxc://server/id`.
    pub avatar_url: Option<String>,
}

impl From<NewOwnAgent> for agents::NewAgent {
    fn from(new: NewOwnAgent) -> Self {
        Self {
            id: new.id,
            display_name: new.display_name,
            description: new.description,
            avatar_url: new.avatar_url,
            ..Self::default()
        }
    }
}

/// What of an agent is to be changed: what is absent stays, what is null is cleared.
#[derive(Object, Clone, Debug)]
pub struct AgentPatch {
    /// 1 to 128 characters on one line; null: the agent's name.
    pub display_name: MaybeUndefined<String>,
    /// At most 1,000 characters; null: none.
    pub description: MaybeUndefined<String>,
    /// `mxc://server/id`; null: none.
    pub avatar_url: MaybeUndefined<String>,
    /// `user:<localpart>`, a person of this homeserver; null: operators answer for it.
    pub owner: MaybeUndefined<String>,
}

impl From<AgentPatch> for agents::AgentPatch {
    fn from(patch: AgentPatch) -> Self {
        Self {
            display_name: given(patch.display_name),
            description: given(patch.description),
            avatar_url: given(patch.avatar_url),
            owner: given(patch.owner),
        }
    }
}

/// What of an agent of one's own is to be changed: what is absent stays, what is null is cleared.
#[derive(Object, Clone, Debug)]
pub struct OwnAgentPatch {
    /// 1 to 128 characters on one line; null: the agent's name.
    pub display_name: MaybeUndefined<String>,
    /// At most 1,000 characters; null: none.
    pub description: MaybeUndefined<String>,
    /// `mxc://server/id`; null: none.
    pub avatar_url: MaybeUndefined<String>,
}

impl From<OwnAgentPatch> for agents::AgentPatch {
    fn from(patch: OwnAgentPatch) -> Self {
        Self {
            display_name: given(patch.display_name),
            description: given(patch.description),
            avatar_url: given(patch.avatar_url),
            owner: None,
        }
    }
}

fn given(field: MaybeUndefined<String>) -> Option<Option<String>> {
    match field {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(text) => Some(Some(text)),
    }
}

/// How an agent is deactivated.
#[derive(Object, Clone, Debug, Default)]
pub struct AgentDeactivation {
    /// Whether its Matrix account is closed, too: that is for good.
    #[oai(default)]
    pub close_account: bool,
}

impl From<AgentDeactivation> for agents::Account {
    fn from(deactivation: AgentDeactivation) -> Self {
        match deactivation.close_account {
            true => Self::Closed,
            false => Self::Kept,
        }
    }
}

/// A page of agents.
#[derive(Object, Clone, Debug)]
pub struct AgentPage {
    pub items: Vec<Agent>,
    /// Give it as `cursor` for the next page; null at the end.
    pub next: Option<String>,
}

impl From<Page<agent::Agent>> for AgentPage {
    fn from(page: Page<agent::Agent>) -> Self {
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
