//! API keys.

use poem_openapi::Object;
use uuid::Uuid;

use crate::api::time::Time;
use crate::domain::key;

/// A person's key, without what it is shown as.
#[derive(Object, Clone, Debug)]
pub struct ApiKey {
    pub id: Uuid,
    /// What its owner calls it.
    pub name: String,
    /// What it is for, e.g. `messages:read`.
    pub scopes: Vec<String>,
    /// The channels that it is for; null: all that its owner may know of.
    pub channels: Option<Vec<Uuid>>,
    /// As which agents a program may act with it, by `X-User-Id`: `agent:*` or `agent:<name>`;
    /// null: as none.
    pub act_as: Option<String>,
    pub created_at: Time,
    /// Null: it is good until it is revoked.
    pub expires_at: Option<Time>,
    /// To the minute; null before its first use.
    pub last_used_at: Option<Time>,
}

impl From<key::ApiKey> for ApiKey {
    fn from(key: key::ApiKey) -> Self {
        let rights = key.rights;
        let scopes = rights.scopes.into_iter().map(key::KeyScope::as_str);
        let channels = rights.channels;
        Self {
            id: key.id,
            name: key.name,
            scopes: scopes.map(str::to_owned).collect(),
            channels: channels.map(|ids| ids.into_iter().map(|id| id.0).collect()),
            act_as: rights.act_as.map(|pattern| pattern.to_string()),
            created_at: Time(key.created_at),
            expires_at: key.expires_at.map(Time),
            last_used_at: key.last_used_at.map(Time),
        }
    }
}

/// A key to be made.
#[derive(Object, Clone, Debug)]
pub struct NewApiKey {
    /// What its owner calls it.
    pub name: String,
    /// Of `channels:read`, `channels:manage`, `messages:read`, `messages:send`, `members:read` and
    /// `members:manage`; `messages:*` and `*` stand for several.
    pub scopes: Vec<String>,
    /// Ids of channels, 1 to 100; all that the caller may know of when absent. A key of some
    /// channels makes none.
    pub channels: Option<Vec<String>>,
    /// `agent:*` or `agent:<name>`: as which agents a program may act, of those as whom the caller
    /// may.
    pub act_as: Option<String>,
    /// For how many seconds it is good; until it is revoked when absent.
    pub expires_in: Option<u64>,
}

/// A key that was just made.
#[derive(Object, Clone, Debug)]
pub struct MadeApiKey {
    /// What the program shows: `Authorization: Bearer dk_…`. It is shown this once.
    pub key: String,
    pub api_key: ApiKey,
}

/// All keys of a person.
#[derive(Object, Clone, Debug)]
pub struct ApiKeyList {
    /// The newest first.
    pub items: Vec<ApiKey>,
    /// Always null: there are few.
    pub next: Option<String>,
}
