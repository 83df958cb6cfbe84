//! Tokens of services.

use poem_openapi::Object;
use uuid::Uuid;

use crate::api::time::Time;
use crate::domain::id::Millis;
use crate::domain::service::{self, Scope};

/// A service's token, without what it is shown as.
#[derive(Object, Clone, Debug)]
pub struct ServiceToken {
    pub id: Uuid,
    /// The service's name.
    pub name: String,
    /// What it may do, e.g. `gateway:send`.
    pub scopes: Vec<String>,
    /// For whom it may act: `*`, `agent:*`, `user:*`, or entities. Empty: as the connector alone.
    pub act_as: Vec<String>,
    /// The Matrix rooms that it may work in; null: in every one.
    pub rooms: Option<Vec<String>>,
    pub created_at: Time,
    /// The operator who made it.
    pub created_by: String,
    /// Null: it is good until it is revoked.
    pub expires_at: Option<Time>,
    /// To the minute; null before its first use.
    pub last_used_at: Option<Time>,
    /// Null while it is not revoked.
    pub revoked_at: Option<Time>,
    /// Whether it counts now.
    pub is_good: bool,
}

impl ServiceToken {
    /// The token as it is seen at a time.
    #[must_use]
    pub fn at(token: service::ServiceToken, now: Millis) -> Self {
        let is_good = token.is_good(now);
        let rights = token.rights;
        let scopes = rights.scopes.into_iter().map(Scope::as_str);
        Self {
            id: token.id,
            name: token.name,
            scopes: scopes.map(str::to_owned).collect(),
            act_as: rights.act_as.iter().map(ToString::to_string).collect(),
            rooms: rights.rooms,
            created_at: Time(token.created_at),
            created_by: token.created_by,
            expires_at: token.expires_at.map(Time),
            last_used_at: token.last_used_at.map(Time),
            revoked_at: token.revoked_at.map(Time),
            is_good,
        }
    }
}

/// A token to be made.
#[derive(Object, Clone, Debug)]
pub struct NewServiceToken {
    /// The service's name: 1 to 64 of `a-z 0-9 . _ -`.
    pub name: String,
    /// Of `gateway:read`, `gateway:send`, `gateway:rooms`, `gateway:members`, `gateway:users`,
    /// `gateway:media`, `gateway:webhooks`, `agents`, `city` and `api`; `gateway:*` and `*` stand
    /// for several.
    pub scopes: Vec<String>,
    /// `*`, `agent:*`, `user:*`, `agent:<name>` or `user:<localpart>`; at most 100.
    #[oai(default)]
    pub act_as: Vec<String>,
    /// Ids of Matrix rooms, at most 100; every room when absent. A token of some rooms makes none,
    /// and `city` and `api`, which are of all rooms, are not for it.
    pub rooms: Option<Vec<String>>,
    /// For how many seconds it is good; until it is revoked when absent.
    pub expires_in: Option<u64>,
}

/// A token that was just made.
#[derive(Object, Clone, Debug)]
pub struct MadeServiceToken {
    /// What the service shows as `X-Internal-Service-Token`. It is shown this once.
    pub token: String,
    pub service: ServiceToken,
}

/// All tokens.
#[derive(Object, Clone, Debug)]
pub struct ServiceTokenList {
    /// The newest first.
    pub items: Vec<ServiceToken>,
    /// Always null: there are few.
    pub next: Option<String>,
}
