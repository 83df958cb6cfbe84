//! Services of the installation, by tokens of their own beside the one shared secret.
//!
//! Every request asks, so all tokens are held in memory, by their digests; the store is written
//! when one is made or revoked, and now and then for their last use.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::broadcast;
use uuid::Uuid;

use super::held::{self, Held};
use super::tokens::{digest, text};
use crate::clock::Clock;
use crate::domain::id::Millis;
use crate::domain::service::{Rights, ServiceCaller, ServiceToken, service_name};
use crate::domain::session::{Digest, Pass};
use crate::domain::{Error, Result};
use crate::store::Store;

/// What a token begins with, so that a leaked one is known for what it is.
const PREFIX: &str = "dst_";
/// The longest that a token may be good, in milliseconds: ten years.
const LONGEST: Millis = 10 * 365 * 86_400_000;

/// A token to be made.
#[derive(Clone, Debug)]
pub struct NewServiceToken {
    pub name: String,
    pub rights: Rights,
    /// For how long it is good, in milliseconds; `None`: until it is revoked.
    pub lifetime: Option<Millis>,
    /// Who makes it.
    pub created_by: String,
}

/// The tokens.
pub struct Services {
    store: Store,
    clock: Clock,
    held: Held<Holder>,
    ends: broadcast::Sender<Pass>,
}

/// A token, and what goes with each request of its service.
struct Holder {
    token: ServiceToken,
    caller: Arc<ServiceCaller>,
}

impl Services {
    /// Reads the tokens that there are.
    pub(super) async fn new(
        store: Store,
        clock: Clock,
        ends: broadcast::Sender<Pass>,
    ) -> Result<Self> {
        let all = store.service_tokens.tokens().await?;
        Ok(Self {
            held: Held::new(all.into_iter().map(Holder::of), clock.now()),
            store,
            clock,
            ends,
        })
    }

    /// The time by which tokens expire.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    /// Whose token it is; `None` when it is nobody's, or does not count any more.
    #[must_use]
    pub fn authenticate(&self, shown: &str) -> Option<Arc<ServiceCaller>> {
        let found = self.held.find(digest(shown.as_bytes()), self.clock.now())?;
        Some(found.token.caller.clone())
    }

    /// Makes a token; answers it beside what is kept of it.
    pub async fn create(&self, new: NewServiceToken) -> Result<(String, ServiceToken)> {
        let name = service_name(&new.name)?;
        let now = self.clock.now();
        if new.lifetime.is_some_and(|it| !(1..=LONGEST).contains(&it)) {
            let message = "must be more than nothing and at most ten years";
            return Err(Error::invalid("expires_in", message));
        }
        let is_taken = |it: &Holder| it.token.name == name && it.token.is_good(now);
        if !self.held.all(is_taken).is_empty() {
            let message = format!("a token of the service {name} exists; revoke it first");
            return Err(Error::conflict(message));
        }
        let shown = format!("{PREFIX}{}", text(&self.clock.secret()));
        let token = ServiceToken {
            id: self.clock.uuid(),
            name,
            digest: digest(shown.as_bytes()),
            rights: new.rights,
            created_at: now,
            created_by: new.created_by,
            expires_at: new.lifetime.map(|lifetime| now + lifetime),
            last_used_at: None,
            revoked_at: None,
        };
        self.store.service_tokens.add_token(token.clone()).await?;
        tracing::info!(service = token.name, token = %token.id, "a service has a token");
        self.held.add(Holder::of(token.clone()));
        Ok((shown, token))
    }

    /// All tokens, the newest first, those that do not count any more too.
    pub async fn list(&self) -> Result<Vec<ServiceToken>> {
        let mut all = self.store.service_tokens.tokens().await?;
        for token in &mut all {
            let used_at = self.held.last_used(token.digest);
            token.last_used_at = used_at.or(token.last_used_at);
        }
        all.reverse();
        Ok(all)
    }

    /// Revokes a token, by its id or the name of its service. It counts no more when this
    /// returns, and what was opened with it is closed.
    pub async fn revoke(&self, given: &str) -> Result<ServiceToken> {
        let id = Uuid::try_parse(given).ok();
        let now = self.clock.now();
        let all = self.store.service_tokens.tokens().await?;
        let is_it = |token: &ServiceToken| {
            token.revoked_at.is_none() && (Some(token.id) == id || token.name == given)
        };
        let none = || Error::not_found(format!("no token {given} that is not revoked"));
        let mut token = all.into_iter().rev().find(is_it).ok_or_else(none)?;
        // Before it is written down: the caller may go away meanwhile, and the write stands all
        // the same.
        let known = self.held.remove(token.digest);
        let revoked = self.store.service_tokens.revoke_token(token.id, now).await;
        if let (Err(_), Some(known)) = (&revoked, known) {
            self.held.restore(known);
        }
        if !revoked? {
            return Err(none());
        }
        // Nobody may be listening.
        let _ = self.ends.send(Pass::Service(token.id));
        tracing::info!(service = token.name, token = %token.id, "a service's token is revoked");
        token.revoked_at = Some(now);
        Ok(token)
    }

    /// Whether a token counts no more.
    #[must_use]
    pub fn has_ended(&self, id: Uuid) -> bool {
        let now = self.clock.now();
        let is_it = |it: &Holder| it.token.id == id && it.token.is_good(now);
        self.held.all(is_it).is_empty()
    }

    /// The tokens that count.
    #[must_use]
    pub fn good(&self) -> BTreeSet<Uuid> {
        let now = self.clock.now();
        let good = self.held.all(|it| it.token.is_good(now));
        good.iter().map(|known| known.token.token.id).collect()
    }

    /// Returns when a token counts no more: what was opened with it ends then.
    pub async fn ended(&self, id: Uuid) {
        let mut ends = self.ends.subscribe();
        while !self.has_ended(id) {
            // What is missed, and what expires, is looked for.
            let _ = tokio::time::timeout(std::time::Duration::from_secs(1), ends.recv()).await;
        }
    }

    /// Writes down when tokens were used last, and forgets those that have expired.
    pub async fn save_uses(&self) -> Result<()> {
        let used = self.held.uses(self.clock.now());
        if used.is_empty() {
            return Ok(());
        }
        Ok(self.store.service_tokens.tokens_used(used).await?)
    }
}

impl Holder {
    fn of(token: ServiceToken) -> Self {
        Self {
            caller: Arc::new(ServiceCaller {
                token: Some(token.id),
                name: token.name.clone(),
                rights: token.rights.clone(),
            }),
            token,
        }
    }
}

impl held::Token for Holder {
    fn id(&self) -> Uuid {
        self.token.id
    }

    fn digest(&self) -> Digest {
        self.token.digest
    }

    fn last_used_at(&self) -> Option<Millis> {
        self.token.last_used_at
    }

    fn is_good(&self, now: Millis) -> bool {
        self.token.is_good(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn services(clock: &Clock) -> Services {
        let store = crate::store::in_memory().expect("a store");
        let ends = broadcast::Sender::new(8);
        Services::new(store, clock.clone(), ends)
            .await
            .expect("services")
    }

    fn new(name: &str, lifetime: Option<Millis>) -> NewServiceToken {
        NewServiceToken {
            name: name.to_owned(),
            rights: Rights::all(),
            lifetime,
            created_by: "olena".to_owned(),
        }
    }

    #[tokio::test]
    async fn a_token_counts_until_it_expires() {
        let clock = Clock::manual(1_000);
        let services = services(&clock).await;
        let made = services.create(new("billing", Some(500))).await;
        let (shown, token) = made.expect("a token");
        assert!(shown.starts_with(PREFIX) && shown.len() > 40, "{shown}");
        let caller = services.authenticate(&shown).expect("its service");
        assert_eq!(
            (caller.name.as_str(), caller.token),
            ("billing", Some(token.id))
        );
        assert!(services.authenticate("dst_other").is_none());
        clock.set(1_500);
        assert!(services.authenticate(&shown).is_none(), "expired");
        // Its name is free again.
        services
            .create(new("billing", None))
            .await
            .expect("a token");
    }

    #[tokio::test]
    async fn a_revoked_token_counts_no_more_and_says_so() {
        let clock = Clock::manual(1_000);
        let services = services(&clock).await;
        let (shown, token) = services.create(new("billing", None)).await.expect("made");
        let taken = services.create(new("billing", None)).await;
        assert!(matches!(taken, Err(Error::Conflict(_))), "{taken:?}");
        let mut ends = services.ends.subscribe();
        services.revoke("billing").await.expect("revoked");
        assert!(services.authenticate(&shown).is_none());
        assert_eq!(ends.recv().await.expect("told"), Pass::Service(token.id));
        assert!(services.has_ended(token.id));
        services.ended(token.id).await;
        let again = services.revoke(&token.id.to_string()).await;
        assert!(matches!(again, Err(Error::NotFound(_))), "{again:?}");
        let listed = services.list().await.expect("listed");
        assert_eq!(listed[0].revoked_at, Some(1_000));
    }

    #[tokio::test]
    async fn the_last_use_is_kept_to_the_minute() {
        let clock = Clock::manual(1_000_000);
        let services = services(&clock).await;
        let (shown, _) = services.create(new("billing", None)).await.expect("made");
        services.authenticate(&shown).expect("its service");
        clock.set(1_010_000);
        services.authenticate(&shown).expect("its service");
        let listed = services.list().await.expect("listed");
        assert_eq!(listed[0].last_used_at, Some(1_000_000));
        services.save_uses().await.expect("saved");
        let kept = services.store.service_tokens.tokens().await.expect("read");
        assert_eq!(kept[0].last_used_at, Some(1_000_000));
    }
}
