//! Sessions, version 1.

use serde::{Deserialize, Serialize};

use super::{Record, word};
use crate::domain::session::{Digest, Holder, Refresh, Session};
use crate::store::StoreError;

#[derive(Serialize, Deserialize)]
pub struct SessionRecord {
    holder: String,
    created_at: u64,
    pub expires_at: u64,
    refresh: Option<RefreshRecord>,
}

#[derive(Serialize, Deserialize)]
struct RefreshRecord {
    current: [u8; 32],
    previous: Option<[u8; 32]>,
    rotated_at: u64,
    #[serde(default)]
    is_seen: bool,
}

impl Record<'_> for SessionRecord {
    const NAME: &'static str = "session";
    const VERSION: u8 = 1;
}

impl SessionRecord {
    /// The session that stands under a key.
    pub fn under(self, key: Digest) -> Result<Session, StoreError> {
        Ok(Session {
            key,
            holder: word(Self::NAME, Holder::parse, &self.holder)?,
            created_at: self.created_at,
            expires_at: self.expires_at,
            refresh: self.refresh.map(|refresh| Refresh {
                current: Digest(refresh.current),
                previous: refresh.previous.map(Digest),
                rotated_at: refresh.rotated_at,
                is_seen: refresh.is_seen,
            }),
        })
    }
}

impl From<&Session> for SessionRecord {
    fn from(session: &Session) -> Self {
        Self {
            holder: session.holder.to_string(),
            created_at: session.created_at,
            expires_at: session.expires_at,
            refresh: session.refresh.as_ref().map(|refresh| RefreshRecord {
                current: refresh.current.0,
                previous: refresh.previous.map(|digest| digest.0),
                rotated_at: refresh.rotated_at,
                is_seen: refresh.is_seen,
            }),
        }
    }
}
