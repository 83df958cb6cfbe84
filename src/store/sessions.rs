//! Sessions, and the keys by which what their holders show is recognised. Durable rows that
//! are set, not events; whoever loses them has to sign in again and loses nothing else.

use std::fmt;

use async_trait::async_trait;

use super::StoreError;
use crate::domain::audit::Deed;
use crate::domain::id::Millis;
use crate::domain::session::{Digest, Holder, Refresh, Seen, Session};

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

/// One of the keys of a use that has several: the newest makes what is shown from now on, and
/// what the others have made counts while they are there.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey {
    pub secret: [u8; 32],
    /// 0 when an older daarion has made it.
    pub made_at: Millis,
    /// When the next one took its place.
    pub retired_at: Option<Millis>,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the secret.
        f.debug_struct("SigningKey")
            .field("made_at", &self.made_at)
            .field("retired_at", &self.retired_at)
            .finish_non_exhaustive()
    }
}

#[async_trait]
pub trait Sessions: Send + Sync {
    /// Adds a session, durably. Its holder's oldest ones beyond `most` end with it; says which.
    async fn start(&self, session: Session, most: usize) -> Result<Vec<Digest>, StoreError>;

    /// The sessions of a holder, expired or not, the newest first; those that cannot be read are
    /// passed over.
    async fn held(&self, holder: Holder) -> Result<Vec<Session>, StoreError>;

    /// Everybody who has a session, expired or not.
    async fn holders(&self) -> Result<Vec<Holder>, StoreError>;

    /// Notes when and how somebody was last here. May be lost by a crash.
    async fn seen(&self, seen: Vec<(Digest, Seen)>) -> Result<(), StoreError>;

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

    /// Ends all sessions of a holder, durably, but for one. Says which there were; the audit log keeps
    /// the deed of each, in the same commit.
    async fn end_all(
        &self,
        holder: Holder,
        but: Option<Digest>,
        deed: Deed,
    ) -> Result<Vec<Digest>, StoreError>;

    /// Forgets what has expired. Says how many there were.
    async fn drop_expired(&self, now: Millis) -> Result<u64, StoreError>;

    /// The key of a use that has but one; `fresh` becomes it, durably, when there is none yet.
    async fn key(&self, of: KeyUse, fresh: [u8; 32]) -> Result<[u8; 32], StoreError>;

    /// The keys of a use that has several, the newest first; `fresh` becomes the first one,
    /// durably, when there is none yet.
    async fn signing_keys(
        &self,
        of: KeyUse,
        fresh: SigningKey,
    ) -> Result<Vec<SigningKey>, StoreError>;

    /// Puts the next key of each use in place, durably; the ones before are retired by the time
    /// of its making.
    async fn rotate_signing_keys(&self, next: Vec<(KeyUse, SigningKey)>) -> Result<(), StoreError>;

    /// Forgets the keys of a use that were retired at or before a time, durably. Says how many
    /// there were.
    async fn drop_signing_keys(&self, of: KeyUse, retired: Millis) -> Result<u64, StoreError>;
}
