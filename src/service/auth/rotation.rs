//! The keys that sign what holders of sessions show, and their replacement: what the old ones have
//! made counts until it expires by itself, so that nobody is signed out.

use super::tokens::{Ring, key_id};
use super::{Auth, AuthRules, millis};
use crate::clock::Clock;
use crate::domain::Result;
use crate::domain::id::Millis;
use crate::service::audit;
use crate::store::Store;
use crate::store::sessions::{KeyUse, SigningKey};

/// The uses whose keys are replaced.
const USES: [KeyUse; 2] = [KeyUse::Access, KeyUse::Refresh];

/// For how long what a key has made may be shown, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    access: Millis,
    refresh: Millis,
}

/// A key, without what it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyView {
    /// As it stands in tokens.
    pub id: String,
    pub of: KeyUse,
    /// `None` when an older daarion has made it.
    pub made_at: Option<Millis>,
    /// When it was replaced.
    pub retired_at: Option<Millis>,
    /// When it is forgotten; `None` while it makes what is shown.
    pub forgotten_at: Option<Millis>,
}

impl KeyView {
    /// What it signs: access tokens or refresh tokens.
    #[must_use]
    pub fn signs(&self) -> &'static str {
        self.of.as_str()
    }
}

impl Lifetimes {
    pub(super) fn of(rules: &AuthRules) -> Self {
        Self {
            access: millis(rules.access_token_lifetime),
            refresh: millis(rules.refresh_token_lifetime),
        }
    }

    fn at(self, of: KeyUse) -> Millis {
        match of {
            KeyUse::Access => self.access,
            KeyUse::Refresh | KeyUse::Media => self.refresh,
        }
    }
}

impl Auth {
    /// Puts new keys in place. Nobody is signed out.
    pub async fn rotate_keys(&self) -> Result<()> {
        let next = USES.map(|of| (of, fresh(&self.clock)));
        let sessions = &self.store.sessions;
        let deed = audit::deed(&self.clock, "signing_keys.rotated", "daarion");
        let rotating = sessions.rotate_signing_keys(next.to_vec());
        audit::along(&self.clock, deed, rotating).await?;
        self.tokens.set_ring(ring(&self.store, &self.clock).await?);
        tracing::info!("the keys that sign tokens are replaced");
        Ok(())
    }

    /// Forgets the keys whose tokens have all expired. Says how many there were.
    pub async fn drop_retired_keys(&self) -> Result<u64> {
        if self.tokens.has_no_older_keys() {
            return Ok(0);
        }
        let now = self.clock.now();
        let mut dropped = 0;
        for of in USES {
            let retired = now.saturating_sub(self.lifetimes.at(of));
            let sessions = &self.store.sessions;
            dropped += sessions.drop_signing_keys(of, retired).await?;
        }
        if dropped > 0 {
            self.tokens.set_ring(ring(&self.store, &self.clock).await?);
        }
        Ok(dropped)
    }

    /// The keys that there are, the newest of each use first.
    pub async fn signing_keys(&self) -> Result<Vec<KeyView>> {
        let mut all = Vec::new();
        for of in USES {
            let keys = held(&self.store, &self.clock, of).await?;
            let lifetime = self.lifetimes.at(of);
            all.extend(keys.into_iter().map(|key| KeyView {
                id: key_id(&key.secret),
                of,
                made_at: Some(key.made_at).filter(|at| *at > 0),
                retired_at: key.retired_at,
                forgotten_at: key.retired_at.map(|at| at.saturating_add(lifetime)),
            }));
        }
        Ok(all)
    }
}

/// The keys of the store, which are made at the first start.
pub(super) async fn ring(store: &Store, clock: &Clock) -> Result<Ring> {
    let access = held(store, clock, KeyUse::Access).await?;
    let refresh = held(store, clock, KeyUse::Refresh).await?;
    let secrets = |keys: Vec<SigningKey>| keys.into_iter().map(|key| key.secret).collect();
    let access: Vec<_> = secrets(access);
    Ring::new(&access, secrets(refresh))
}

async fn held(store: &Store, clock: &Clock, of: KeyUse) -> Result<Vec<SigningKey>> {
    Ok(store.sessions.signing_keys(of, fresh(clock)).await?)
}

fn fresh(clock: &Clock) -> SigningKey {
    SigningKey {
        secret: clock.secret(),
        made_at: clock.now(),
        retired_at: None,
    }
}
