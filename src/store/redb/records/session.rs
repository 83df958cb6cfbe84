//! Sessions, version 1.

use serde::{Deserialize, Serialize};

use super::{Record, word};
use crate::domain::session::{Digest, Holder, Refresh, Seen, Session, Visitor};
use crate::store::StoreError;

#[derive(Serialize, Deserialize)]
pub struct SessionRecord {
    holder: String,
    created_at: u64,
    pub expires_at: u64,
    refresh: Option<RefreshRecord>,
    #[serde(default)]
    seen_at: u64,
    #[serde(default)]
    address: Option<String>,
    #[serde(default)]
    user_agent: Option<String>,
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
            seen: Seen {
                at: self.seen_at,
                visitor: Visitor {
                    address: self.address.and_then(|address| address.parse().ok()),
                    user_agent: self.user_agent,
                },
            },
        })
    }

    /// Notes when somebody was here; `false` when a later time is known.
    pub fn see(&mut self, seen: &Seen) -> bool {
        let is_later = self.seen_at < seen.at;
        if is_later {
            self.seen_at = seen.at;
            self.address = seen.visitor.address.map(|address| address.to_string());
            self.user_agent.clone_from(&seen.visitor.user_agent);
        }
        is_later
    }
}

impl From<&Session> for SessionRecord {
    fn from(session: &Session) -> Self {
        let visitor = &session.seen.visitor;
        Self {
            seen_at: session.seen.at,
            address: visitor.address.map(|address| address.to_string()),
            user_agent: visitor.user_agent.clone(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::entity::Entity;

    /// As it was written before anybody noted who had been here.
    #[derive(Serialize, Deserialize)]
    struct Older {
        holder: String,
        created_at: u64,
        expires_at: u64,
        refresh: Option<RefreshRecord>,
    }

    impl Record<'_> for Older {
        const NAME: &'static str = "session";
        const VERSION: u8 = 1;
    }

    #[test]
    fn older_records_are_read() {
        let older = Older {
            holder: "user:alice".to_owned(),
            created_at: 5,
            expires_at: 9,
            refresh: Some(RefreshRecord {
                current: [1; 32],
                previous: Some([2; 32]),
                rotated_at: 6,
                is_seen: true,
            }),
        };
        let key = Digest([7; 32]);
        let read = SessionRecord::decode(&older.encode());
        let session = read.and_then(|record| record.under(key)).expect("read");
        let expected = Session {
            key,
            holder: Holder::Person(Entity::parse("user:alice").expect("an entity")),
            created_at: 5,
            expires_at: 9,
            refresh: Some(Refresh {
                current: Digest([1; 32]),
                previous: Some(Digest([2; 32])),
                rotated_at: 6,
                is_seen: true,
            }),
            seen: Seen::default(),
        };
        assert_eq!(session, expected);
        // And what is written now is no riddle to whoever reads only that.
        let newer = SessionRecord::from(&session).encode();
        assert_eq!(Older::decode(&newer).expect("read").created_at, 5);
    }
}
