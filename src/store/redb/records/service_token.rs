//! Tokens of services, version 1.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Record, word};
use crate::domain::service::{ActAs, Rights, Scope, ServiceToken};
use crate::domain::session::Digest;
use crate::store::StoreError;

#[derive(Serialize, Deserialize)]
pub struct ServiceTokenRecord {
    id: Uuid,
    name: String,
    digest: [u8; 32],
    scopes: Vec<String>,
    act_as: Vec<String>,
    rooms: Option<Vec<String>>,
    created_at: u64,
    created_by: String,
    expires_at: Option<u64>,
    last_used_at: Option<u64>,
    revoked_at: Option<u64>,
}

impl Record<'_> for ServiceTokenRecord {
    const NAME: &'static str = "service token";
    const VERSION: u8 = 1;
}

impl ServiceTokenRecord {
    /// Revokes it; `false` when it is revoked already.
    pub fn revoke(&mut self, at: u64) -> bool {
        let is_new = self.revoked_at.is_none();
        self.revoked_at.get_or_insert(at);
        is_new
    }

    /// Notes a use; `false` when a later one is known.
    pub fn used(&mut self, at: u64) -> bool {
        let is_later = self.last_used_at.is_none_or(|last| last < at);
        if is_later {
            self.last_used_at = Some(at);
        }
        is_later
    }

    /// A scope that this version does not know gives nothing: it is left out.
    pub fn into_token(self) -> Result<ServiceToken, StoreError> {
        let act_as = self.act_as.iter();
        let act_as = act_as.map(|text| word(Self::NAME, ActAs::parse, text));
        let scopes = self.scopes.iter().filter_map(|text| Scope::parse(text));
        Ok(ServiceToken {
            id: self.id,
            name: self.name,
            digest: Digest(self.digest),
            rights: Rights {
                scopes: scopes.collect(),
                act_as: act_as.collect::<Result<_, _>>()?,
                rooms: self.rooms,
            },
            created_at: self.created_at,
            created_by: self.created_by,
            expires_at: self.expires_at,
            last_used_at: self.last_used_at,
            revoked_at: self.revoked_at,
        })
    }
}

impl From<&ServiceToken> for ServiceTokenRecord {
    fn from(token: &ServiceToken) -> Self {
        let rights = &token.rights;
        let scopes = rights.scopes.iter().map(|scope| scope.as_str().to_owned());
        Self {
            id: token.id,
            name: token.name.clone(),
            digest: token.digest.0,
            scopes: scopes.collect(),
            act_as: rights.act_as.iter().map(ToString::to_string).collect(),
            rooms: rights.rooms.clone(),
            created_at: token.created_at,
            created_by: token.created_by.clone(),
            expires_at: token.expires_at,
            last_used_at: token.last_used_at,
            revoked_at: token.revoked_at,
        }
    }
}
