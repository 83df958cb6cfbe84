//! Tokens of agents.

use poem_openapi::Object;
use uuid::Uuid;

use crate::api::time::Time;
use crate::domain::key::{ApiKey, KeyRights, OF_AGENTS};
use crate::domain::{Result, key};
use crate::service::auth::keys::NewKey;

/// An agent's token, without what it is shown as.
#[derive(Object, Clone, Debug)]
pub struct AgentToken {
    pub id: Uuid,
    /// What whoever has made it calls it.
    pub name: String,
    /// What it is for, e.g. `messages:read`.
    pub scopes: Vec<String>,
    /// The channels that it is for; null: all that the agent may know of.
    pub channels: Option<Vec<Uuid>>,
    /// Who has made it: `user:<localpart>`, an operator's account or `service:<name>`.
    pub created_by: Option<String>,
    pub created_at: Time,
    /// Null: it is good until it is revoked.
    pub expires_at: Option<Time>,
    /// To the minute; null before its first use.
    pub last_used_at: Option<Time>,
}

impl From<ApiKey> for AgentToken {
    fn from(token: ApiKey) -> Self {
        let scopes = token.rights.scopes.into_iter().map(key::KeyScope::as_str);
        let channels = token.rights.channels;
        Self {
            id: token.id,
            name: token.name,
            scopes: scopes.map(str::to_owned).collect(),
            channels: channels.map(|ids| ids.into_iter().map(|id| id.0).collect()),
            created_by: token.made_by,
            created_at: Time(token.created_at),
            expires_at: token.expires_at.map(Time),
            last_used_at: token.last_used_at.map(Time),
        }
    }
}

/// A token to be made for an agent.
#[derive(Object, Clone, Debug)]
pub struct NewAgentToken {
    /// What you call it, 1 to 128 characters on one line.
    pub name: String,
    /// As of API keys; `channels:read`, `messages:read`, `messages:send` and `members:read` when
    /// absent.
    pub scopes: Option<Vec<String>>,
    /// Ids of channels, 1 to 100; all that the agent may know of when absent.
    pub channels: Option<Vec<String>>,
    /// For how many seconds it is good; until it is revoked when absent.
    pub expires_in: Option<u64>,
}

impl NewAgentToken {
    pub fn into_new(self) -> Result<NewKey> {
        let of_agents = || OF_AGENTS.iter().map(|it| it.as_str().to_owned()).collect();
        let scopes: Vec<String> = self.scopes.unwrap_or_else(of_agents);
        Ok(NewKey {
            name: self.name,
            rights: KeyRights::parse(&scopes, self.channels.as_deref(), None)?,
            lifetime: self.expires_in.map(|seconds| seconds.saturating_mul(1_000)),
        })
    }
}

/// A token that was just made.
#[derive(Object, Clone, Debug)]
pub struct MadeAgentToken {
    /// What the agent shows: `Authorization: Bearer da_…`. It is shown this once.
    pub token: String,
    pub agent_token: AgentToken,
}

/// All tokens of an agent.
#[derive(Object, Clone, Debug)]
pub struct AgentTokenList {
    /// The newest first.
    pub items: Vec<AgentToken>,
    /// Always null: there are few.
    pub next: Option<String>,
}
