//! API keys, version 1.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Record, word};
use crate::domain::entity::Entity;
use crate::domain::id::ChannelId;
use crate::domain::key::{ApiKey, KeyRights, KeyScope};
use crate::domain::service::ActAs;
use crate::domain::session::Digest;
use crate::store::StoreError;

#[derive(Serialize, Deserialize)]
pub struct ApiKeyRecord {
    id: Uuid,
    owner: String,
    name: String,
    digest: [u8; 32],
    scopes: Vec<String>,
    channels: Option<Vec<ChannelId>>,
    act_as: Option<String>,
    created_at: u64,
    expires_at: Option<u64>,
    last_used_at: Option<u64>,
    #[serde(default)]
    made_by: Option<String>,
}

impl Record<'_> for ApiKeyRecord {
    const NAME: &'static str = "API key";
    const VERSION: u8 = 1;
}

impl ApiKeyRecord {
    /// Notes a use; `false` when a later one is known.
    pub fn used(&mut self, at: u64) -> bool {
        let is_later = self.last_used_at.is_none_or(|last| last < at);
        if is_later {
            self.last_used_at = Some(at);
        }
        is_later
    }

    /// A scope that this version does not know gives nothing: it is left out.
    pub fn into_key(self) -> Result<ApiKey, StoreError> {
        let act_as = self.act_as.as_deref();
        let act_as = act_as.map(|text| word(Self::NAME, ActAs::parse, text));
        let scopes = self.scopes.iter();
        let scopes = scopes.filter_map(|text| KeyScope::parse(text)).collect();
        Ok(ApiKey {
            id: self.id,
            owner: word(Self::NAME, Entity::parse, &self.owner)?,
            name: self.name,
            digest: Digest(self.digest),
            rights: KeyRights {
                scopes,
                channels: self.channels,
                act_as: act_as.transpose()?,
            },
            made_by: self.made_by,
            created_at: self.created_at,
            expires_at: self.expires_at,
            last_used_at: self.last_used_at,
        })
    }
}

impl From<&ApiKey> for ApiKeyRecord {
    fn from(key: &ApiKey) -> Self {
        let rights = &key.rights;
        let scopes = rights.scopes.iter().map(|scope| scope.as_str().to_owned());
        Self {
            id: key.id,
            owner: key.owner.to_string(),
            name: key.name.clone(),
            digest: key.digest.0,
            scopes: scopes.collect(),
            channels: rights.channels.clone(),
            act_as: rights.act_as.as_ref().map(ToString::to_string),
            created_at: key.created_at,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
            made_by: key.made_by.clone(),
        }
    }
}
