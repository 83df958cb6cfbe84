//! Sessions, and the keys by which what their holders show is recognised. Durable rows that
//! are set, not events; whoever loses them has to sign in again and loses nothing else.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::id::Millis;
use crate::domain::session::{Digest, Holder, Refresh, Session};

/// What a key is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyUse {
    /// Signs access tokens.
    Access,
    /// Makes refresh tokens and proofs that follow from a session.
    Refresh,
    /// Makes addresses of files good.
    Media,
}

impl KeyUse {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Refresh => "refresh",
            Self::Media => "media",
        }
    }
}

#[async_trait]
pub trait Sessions: Send + Sync {
    /// Adds a session, durably. Its holder's oldest ones beyond `most` end with it.
    async fn start(&self, session: Session, most: usize) -> Result<(), StoreError>;

    /// One session, expired or not.
    async fn session(&self, key: Digest) -> Result<Option<Session>, StoreError>;

    /// Puts a session's next refresh token and its new end in place, durably; `false` when
    /// the session is gone or `from` is not its current token any more.
    async fn refresh(
        &self,
        key: Digest,
        from: Digest,
        next: Refresh,
        expires_at: Millis,
    ) -> Result<bool, StoreError>;

    /// Ends a session, durably; `false` when there is none.
    async fn end(&self, key: Digest) -> Result<bool, StoreError>;

    /// Ends all sessions of a holder, durably. Says how many there were.
    async fn end_all(&self, holder: Holder) -> Result<u64, StoreError>;

    /// Forgets what has expired. Says how many there were.
    async fn drop_expired(&self, now: Millis) -> Result<u64, StoreError>;

    /// The key for a use; `fresh` becomes it, durably, when there is none yet.
    async fn key(&self, of: KeyUse, fresh: [u8; 32]) -> Result<[u8; 32], StoreError>;
}
