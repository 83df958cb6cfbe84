//! Programs, by API keys that people make for them, and agents by their tokens, which are keys of
//! their own. Held in memory like the tokens of services; a key that is revoked is gone.

use std::sync::Arc;

use tokio::sync::broadcast;
use uuid::Uuid;

use super::held::{self, Held};
use super::tokens::{digest, text};
use crate::clock::Clock;
use crate::domain::entity::Entity;
use crate::domain::id::Millis;
use crate::domain::key::{ApiKey, KeyRights, key_lifetime, key_name};
use crate::domain::session::{Digest, Pass};
use crate::domain::{Error, Result};
use crate::service::audit;
use crate::store::Store;

/// What a key begins with: it tells keys from access tokens, and a leaked one is known for what
/// it is.
pub const PREFIX: &str = "dk_";
/// The same of an agent's token.
pub const AGENT_PREFIX: &str = "da_";
/// Whether what somebody shows is a key, and no access token.
#[must_use]
pub fn is_key(shown: &str) -> bool {
    shown.starts_with(PREFIX) || shown.starts_with(AGENT_PREFIX)
}

/// How many keys one person or agent may have.
const EACH: usize = 50;

/// A key to be made.
#[derive(Clone, Debug)]
pub struct NewKey {
    pub name: String,
    pub rights: KeyRights,
    /// For how long it is good, in milliseconds; `None`: until it is revoked.
    pub lifetime: Option<Millis>,
}

/// The keys.
pub struct Keys {
    store: Store,
    clock: Clock,
    held: Held<Arc<ApiKey>>,
    ends: broadcast::Sender<Pass>,
}

impl Keys {
    /// Reads the keys that there are.
    pub(super) async fn new(
        store: Store,
        clock: Clock,
        ends: broadcast::Sender<Pass>,
    ) -> Result<Self> {
        let all = store.api_keys.keys().await?;
        Ok(Self {
            held: Held::new(all.into_iter().map(Arc::new), clock.now()),
            store,
            clock,
            ends,
        })
    }

    /// The key that is shown.
    pub fn authenticate(&self, shown: &str) -> Result<Arc<ApiKey>> {
        let found = self.held.find(digest(shown.as_bytes()), self.clock.now());
        let found = found.map(|known| known.token.clone());
        found.ok_or_else(|| {
            let message = "the key is not known, has expired or was revoked";
            Error::Unauthenticated(message.to_owned())
        })
    }

    /// Makes a key for a person; answers it beside what is kept of it.
    pub async fn create(&self, owner: &Entity, new: NewKey) -> Result<(String, ApiKey)> {
        self.create_as(owner, new, self.clock.uuid()).await
    }

    /// Makes a key with this id. One that is there was made by an earlier try of the same request,
    /// and shown to nobody: it makes room.
    pub async fn create_as(
        &self,
        owner: &Entity,
        new: NewKey,
        id: Uuid,
    ) -> Result<(String, ApiKey)> {
        if !matches!(owner, Entity::User { server: None, .. }) {
            let message = format!("{owner} is not a person; only people have keys");
            return Err(Error::forbidden(message));
        }
        self.make(PREFIX, owner, None, new, id).await
    }

    /// Makes a token with this id for an agent, as somebody who may. One that is there makes room,
    /// too.
    pub async fn create_for(
        &self,
        agent: &Entity,
        by: String,
        new: NewKey,
        id: Uuid,
    ) -> Result<(String, ApiKey)> {
        self.make(AGENT_PREFIX, agent, Some(by), new, id).await
    }

    async fn make(
        &self,
        prefix: &str,
        owner: &Entity,
        made_by: Option<String>,
        new: NewKey,
        id: Uuid,
    ) -> Result<(String, ApiKey)> {
        let (name, lifetime) = (key_name(&new.name)?, key_lifetime(new.lifetime)?);
        let mut all = self.store.api_keys.keys().await?;
        all.retain(|key| key.owner == *owner);
        if all.iter().any(|key| key.id == id) {
            self.revoke(owner, id).await?;
            all.retain(|key| key.id != id);
        }
        if all.len() >= EACH {
            let message = format!("{owner} has {EACH} keys already; revoke one first");
            return Err(Error::conflict(message));
        }
        let now = self.clock.now();
        let shown = format!("{prefix}{}", text(&self.clock.secret()));
        let key = ApiKey {
            id,
            owner: owner.clone(),
            name,
            digest: digest(shown.as_bytes()),
            rights: new.rights,
            made_by,
            created_at: now,
            expires_at: lifetime.map(|lifetime| now + lifetime),
            last_used_at: None,
        };
        let by = key.made_by.clone().unwrap_or_else(|| owner.to_string());
        let deed = audit::deed(&self.clock, "key.created", by).target(key.id);
        let adding = self.store.api_keys.add_key(key.clone());
        audit::along(&self.clock, deed.after(told(&key)), adding).await?;
        tracing::info!(entity = %owner, key = %key.id, "an API key is made");
        self.held.add(Arc::new(key.clone()));
        Ok((shown, key))
    }

    /// Somebody's keys, the newest first, those that have expired too.
    pub async fn list(&self, owner: &Entity) -> Result<Vec<ApiKey>> {
        let mut all = self.store.api_keys.keys().await?;
        all.retain(|key| key.owner == *owner);
        for key in &mut all {
            let used_at = self.held.last_used(key.digest);
            key.last_used_at = used_at.or(key.last_used_at);
        }
        all.reverse();
        Ok(all)
    }

    /// Revokes somebody's key. It counts no more when this returns, and what was opened with it is
    /// closed.
    pub async fn revoke(&self, owner: &Entity, id: Uuid) -> Result<()> {
        let none = || Error::not_found(format!("no key {id}"));
        let all = self.store.api_keys.keys().await?;
        let is_it = |key: &&ApiKey| key.id == id && key.owner == *owner;
        let key = all.iter().find(is_it).ok_or_else(none)?;
        // Before it is written down: the caller may go away meanwhile, and the write stands all
        // the same.
        let known = self.held.remove(key.digest);
        // Nobody may be listening.
        let _ = self.ends.send(Pass::Key(id));
        let deed = audit::deed(&self.clock, "key.revoked", owner).target(id);
        let removing = self.store.api_keys.remove_key(id);
        let removed = audit::along(&self.clock, deed.before(told(key)), removing).await;
        if let (Err(_), Some(known)) = (&removed, known) {
            self.held.restore(known);
        }
        if !removed? {
            return Err(none());
        }
        tracing::info!(entity = %owner, key = %id, "an API key is revoked");
        Ok(())
    }

    /// Revokes all that somebody has; says how many.
    pub async fn revoke_all(&self, owner: &Entity) -> Result<usize> {
        // Those that are held first: they count until they are gone.
        for known in self.held.all(|key| key.owner == *owner) {
            self.held.remove(known.token.digest);
            let _ = self.ends.send(Pass::Key(known.token.id));
        }
        let mut revoked = 0;
        for key in self.list(owner).await? {
            match self.revoke(owner, key.id).await {
                Ok(()) => revoked += 1,
                Err(Error::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(revoked)
    }

    /// Those who know keys that count: whose they are, and who has made them for agents.
    pub(super) fn holders(&self) -> Vec<Entity> {
        let now = self.clock.now();
        let held = self.held.all(|key| is_good(key, now));
        let of = |key: &ApiKey| [Some(key.owner.clone()), maker(key)];
        held.iter()
            .flat_map(|known| of(&known.token))
            .flatten()
            .collect()
    }

    /// Revokes what somebody has made for agents; says how many.
    pub(super) async fn revoke_made_by(&self, entity: &Entity) -> Result<usize> {
        let mut revoked = 0;
        for known in self.held.all(|key| maker(key).as_ref() == Some(entity)) {
            match self.revoke(&known.token.owner, known.token.id).await {
                Ok(()) => revoked += 1,
                Err(Error::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(revoked)
    }

    /// Whether a key counts no more.
    #[must_use]
    pub fn has_ended(&self, id: Uuid) -> bool {
        let now = self.clock.now();
        let is_it = |key: &Arc<ApiKey>| key.id == id && is_good(key, now);
        self.held.all(is_it).is_empty()
    }

    /// Writes down when keys were used last, and forgets those that have expired.
    pub async fn save_uses(&self) -> Result<()> {
        let used = self.held.uses(self.clock.now());
        if used.is_empty() {
            return Ok(());
        }
        Ok(self.store.api_keys.keys_used(used).await?)
    }
}

/// Who has made an agent's token, when that is a person.
fn maker(key: &ApiKey) -> Option<Entity> {
    key.made_by.as_deref().and_then(Entity::parse)
}

/// What the audit log is told of a key.
fn told(key: &ApiKey) -> serde_json::Value {
    let scopes = key.rights.scopes.iter().map(|scope| scope.as_str());
    let channels = key.rights.channels.as_ref();
    serde_json::json!({
        "owner": key.owner.to_string(),
        "name": key.name,
        "made_by": key.made_by,
        "scopes": scopes.collect::<Vec<_>>(),
        "channels": channels.map(|all| all.iter().map(|id| id.0).collect::<Vec<_>>()),
        "act_as": key.rights.act_as.as_ref().map(ToString::to_string),
    })
}

fn is_good(key: &ApiKey, now: Millis) -> bool {
    key.expires_at.is_none_or(|end| now < end)
}

impl held::Token for Arc<ApiKey> {
    fn id(&self) -> Uuid {
        self.id
    }

    fn digest(&self) -> Digest {
        self.digest
    }

    fn last_used_at(&self) -> Option<Millis> {
        self.last_used_at
    }

    fn is_good(&self, now: Millis) -> bool {
        is_good(self, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alice() -> Entity {
        Entity::parse("user:alice").expect("an entity")
    }

    async fn keys(clock: &Clock) -> Keys {
        let store = crate::store::in_memory().expect("a store");
        let ends = broadcast::Sender::new(8);
        Keys::new(store, clock.clone(), ends).await.expect("keys")
    }

    fn new(lifetime: Option<Millis>) -> NewKey {
        NewKey {
            name: "script".to_owned(),
            rights: KeyRights::parse(&["*".to_owned()], None, None).expect("rights"),
            lifetime,
        }
    }

    #[tokio::test]
    async fn a_key_counts_until_it_expires() {
        let clock = Clock::manual(1_000_000);
        let keys = keys(&clock).await;
        let made = keys.create(&alice(), new(Some(500))).await;
        let (shown, key) = made.expect("a key");
        assert!(shown.starts_with(PREFIX) && shown.len() > 40, "{shown}");
        assert_eq!(keys.authenticate(&shown).expect("it counts").id, key.id);
        keys.authenticate("dk_other").expect_err("another");
        assert!(!keys.has_ended(key.id));
        clock.set(1_000_500);
        keys.authenticate(&shown).expect_err("expired");
        assert!(keys.has_ended(key.id));
        // It is listed until it is revoked, also when it is held no more.
        keys.save_uses().await.expect("saved");
        let listed = keys.list(&alice()).await.expect("listed");
        assert_eq!(listed[0].last_used_at, Some(1_000_000));
        keys.revoke(&alice(), key.id).await.expect("revoked");
    }

    #[tokio::test]
    async fn a_revoked_key_is_gone_and_says_so() {
        let clock = Clock::manual(1_000);
        let keys = keys(&clock).await;
        let (shown, key) = keys.create(&alice(), new(None)).await.expect("made");
        let bob = Entity::parse("user:bob").expect("an entity");
        let refused = keys.revoke(&bob, key.id).await;
        assert!(matches!(refused, Err(Error::NotFound(_))), "{refused:?}");
        let mut ends = keys.ends.subscribe();
        keys.revoke(&alice(), key.id).await.expect("revoked");
        keys.authenticate(&shown).expect_err("revoked");
        assert_eq!(ends.recv().await.expect("told"), Pass::Key(key.id));
        let again = keys.revoke(&alice(), key.id).await;
        assert!(matches!(again, Err(Error::NotFound(_))), "{again:?}");
        assert_eq!(keys.list(&alice()).await.expect("listed"), []);
    }

    #[tokio::test]
    async fn nobody_hoards_keys_and_only_people_have_some() {
        let keys = keys(&Clock::manual(1_000)).await;
        for _ in 0..EACH {
            keys.create(&alice(), new(None)).await.expect("made");
        }
        let refused = keys.create(&alice(), new(None)).await;
        assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
        let sofia = Entity::parse("agent:sofia").expect("an entity");
        let refused = keys.create(&sofia, new(None)).await;
        assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
    }

    #[tokio::test]
    async fn all_tokens_of_an_agent_end_at_once() {
        let keys = keys(&Clock::manual(1_000)).await;
        let sofia = Entity::parse("agent:sofia").expect("an entity");
        let by = || "user:alice".to_owned();
        let (first, key) = keys
            .create_for(&sofia, by(), new(None), keys.clock.uuid())
            .await
            .expect("made");
        let (second, _) = keys
            .create_for(&sofia, by(), new(None), keys.clock.uuid())
            .await
            .expect("made");
        assert!(first.starts_with(AGENT_PREFIX), "{first}");
        assert_eq!(key.made_by, Some(by()));
        let (alices, _) = keys.create(&alice(), new(None)).await.expect("made");
        let mut ends = keys.ends.subscribe();
        assert_eq!(keys.revoke_all(&sofia).await.expect("revoked"), 2);
        for shown in [&first, &second] {
            keys.authenticate(shown).expect_err("revoked");
        }
        assert!(matches!(ends.recv().await, Ok(Pass::Key(_))));
        assert_eq!(keys.list(&sofia).await.expect("listed"), []);
        keys.authenticate(&alices).expect("another's");
    }

    #[tokio::test]
    async fn keys_are_read_at_the_start() {
        let clock = Clock::manual(1_000_000);
        let keys = keys(&clock).await;
        let (shown, key) = keys.create(&alice(), new(None)).await.expect("made");
        keys.authenticate(&shown).expect("it counts");
        keys.save_uses().await.expect("saved");
        let again = Keys::new(keys.store.clone(), clock, keys.ends.clone());
        let found = again.await.expect("keys").authenticate(&shown);
        let found = found.expect("it counts");
        assert_eq!((found.id, found.last_used_at), (key.id, Some(1_000_000)));
    }
}
