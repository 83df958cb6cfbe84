//! Services of the installation, by tokens of their own beside the one shared secret.
//!
//! Every request asks, so all tokens are held in memory, by their digests; the store is written
//! when one is made or revoked, and now and then for their last use.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::broadcast;
use uuid::Uuid;

use super::held::{self, Held};
use super::tokens::{digest, text};
use crate::clock::Clock;
use crate::directory::Directory;
use crate::domain::id::{Millis, RoomId};
use crate::domain::service::{Rights, Scope, ServiceCaller, ServiceToken, service_name};
use crate::domain::session::{Digest, Pass};
use crate::domain::webhook::Webhook;
use crate::domain::{Error, Result};
use crate::service::audit;
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
    directory: Arc<Directory>,
    clock: Clock,
    held: Held<Holder>,
    /// Operators, and whoever holds the shared secret.
    shared: Arc<ServiceCaller>,
    /// How often a token was made or revoked.
    changes: AtomicU64,
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
        directory: Arc<Directory>,
        clock: Clock,
        ends: broadcast::Sender<Pass>,
    ) -> Result<Self> {
        let all = store.service_tokens.tokens().await?;
        Ok(Self {
            held: Held::new(all.into_iter().map(Holder::of), clock.now()),
            shared: Arc::new(ServiceCaller::shared()),
            changes: AtomicU64::default(),
            store,
            directory,
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
        self.create_as(new, self.clock.uuid()).await
    }

    /// Makes a token with this id. One that is there was made by an earlier try of the same request,
    /// and shown to nobody: it makes room.
    pub async fn create_as(
        &self,
        new: NewServiceToken,
        id: Uuid,
    ) -> Result<(String, ServiceToken)> {
        let name = service_name(&new.name)?;
        let now = self.clock.now();
        if new.lifetime.is_some_and(|it| !(1..=LONGEST).contains(&it)) {
            let message = "must be more than nothing and at most ten years";
            return Err(Error::invalid("expires_in", message));
        }
        let all = self.store.service_tokens.tokens().await?;
        let is_lost = |token: &&ServiceToken| token.id == id && token.revoked_at.is_none();
        if all.iter().any(|token| is_lost(&token)) {
            self.revoke(&id.to_string()).await?;
        }
        let id = match all.iter().any(|token| token.id == id) {
            // What was revoked stays in the list, under its id.
            true => self.clock.uuid(),
            false => id,
        };
        let shown = format!("{PREFIX}{}", text(&self.clock.secret()));
        let token = ServiceToken {
            id,
            name,
            digest: digest(shown.as_bytes()),
            rights: self.as_known(new.rights),
            created_at: now,
            created_by: new.created_by,
            expires_at: new.lifetime.map(|lifetime| now + lifetime),
            last_used_at: None,
            revoked_at: None,
        };
        let deed = audit::deed(&self.clock, "service_token.created", &token.created_by);
        let deed = deed.target(&token.name).after(told(&token));
        let adding = self.store.service_tokens.add_token(token.clone());
        audit::along(&self.clock, deed, adding).await?;
        tracing::info!(service = token.name, token = %token.id, "a service has a token");
        self.held.add(Holder::of(token.clone()));
        self.changes.fetch_add(1, Ordering::SeqCst);
        Ok((shown, token))
    }

    /// Rights in rooms, by the ids that these are known by.
    fn as_known(&self, mut rights: Rights) -> Rights {
        for room in rights.rooms.iter_mut().flatten() {
            let known = self.directory.known_room(RoomId::trusted(room.as_str()));
            *room = known.as_str().to_owned();
        }
        rights
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
        let token = all.into_iter().rev().find(is_it).ok_or_else(none)?;
        // Before it is written down: the caller may go away meanwhile, and the write stands all
        // the same.
        let known = self.held.remove(token.digest);
        self.changes.fetch_add(1, Ordering::SeqCst);
        let deed = audit::deed(&self.clock, "service_token.revoked", "daarion");
        let mut ended = token.clone();
        ended.revoked_at = Some(now);
        let deed = deed.target(&token.name).before(told(&ended));
        let revoking = self.store.service_tokens.revoke_token(token.id, now);
        let revoked = audit::along(&self.clock, deed, revoking).await;
        if let (Err(_), Some(known)) = (&revoked, known) {
            self.held.restore(known);
            self.changes.fetch_add(1, Ordering::SeqCst);
        }
        if !revoked? {
            return Err(none());
        }
        // Nobody may be listening.
        let _ = self.ends.send(Pass::Service(token.id));
        tracing::info!(service = token.name, token = %token.id, "a service's token is revoked");
        Ok(ended)
    }

    /// With whose rights a webhook is told: those that its service has now, whichever token it was
    /// made with. `None` while the service has no token that may look after webhooks.
    #[must_use]
    pub fn caller_of(&self, webhook: &Webhook) -> Option<Arc<ServiceCaller>> {
        let Some(name) = &webhook.service else {
            // Of a token that cannot be read it is nobody's.
            return (webhook.created_by.is_none()).then(|| self.shared.clone());
        };
        let now = self.clock.now();
        let is_it = |it: &Holder| {
            it.token.name == *name
                && it.token.is_good(now)
                && it.token.rights.scopes.contains(&Scope::Webhooks)
        };
        let found = self.held.all(is_it);
        found.first().map(|known| known.token.caller.clone())
    }

    /// Whether a token counts no more.
    #[must_use]
    pub fn has_ended(&self, id: Uuid) -> bool {
        let now = self.clock.now();
        let is_it = |it: &Holder| it.token.id == id && it.token.is_good(now);
        self.held.all(is_it).is_empty()
    }

    /// Something that is another one whenever a token came to count or counts no more: also when
    /// the same ones count as before, because one was made and revoked in between.
    #[must_use]
    pub fn state(&self) -> (u64, BTreeSet<Uuid>) {
        let changes = self.changes.load(Ordering::SeqCst);
        let now = self.clock.now();
        let good = self.held.all(|it| it.token.is_good(now));
        let ids = good.iter().map(|known| known.token.token.id);
        (changes, ids.collect())
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

/// What the audit log is told of a token.
fn told(token: &ServiceToken) -> serde_json::Value {
    let scopes = token.rights.scopes.iter().map(|scope| scope.as_str());
    let act_as = token.rights.act_as.iter().map(ToString::to_string);
    serde_json::json!({
        "id": token.id,
        "scopes": scopes.collect::<Vec<_>>(),
        "act_as": act_as.collect::<Vec<_>>(),
        "rooms": token.rights.rooms,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;

    use super::*;

    async fn services(clock: &Clock) -> Services {
        let store = crate::store::in_memory().expect("a store");
        let ends = broadcast::Sender::new(8);
        Services::new(store, directory(), clock.clone(), ends)
            .await
            .expect("services")
    }

    fn directory() -> Arc<Directory> {
        let naming = crate::domain::entity::Naming {
            server_name: "s".to_owned(),
            sender_localpart: "daarion".to_owned(),
            agent_prefix: "agent_".to_owned(),
        };
        let city = crate::domain::channel::CityNaming {
            city: "City".to_owned(),
            room_prefix: "city_".to_owned(),
            matrix_name: "{room}".to_owned(),
            server_name: "s".to_owned(),
        };
        Arc::new(Directory::new(naming, city))
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
        let before = services.state();
        services.revoke("billing").await.expect("revoked");
        assert_ne!(services.state(), before);
        assert!(services.authenticate(&shown).is_none());
        assert_eq!(ends.recv().await.expect("told"), Pass::Service(token.id));
        assert!(services.has_ended(token.id));
        services.ended(token.id).await;
        let none = services.state();
        services.create(new("brief", None)).await.expect("made");
        services.revoke("brief").await.expect("revoked");
        assert_ne!(services.state(), none, "though none counts, as before");
        let again = services.revoke(&token.id.to_string()).await;
        assert!(matches!(again, Err(Error::NotFound(_))), "{again:?}");
        let listed = services.list().await.expect("listed");
        assert!(listed.iter().all(|it| it.revoked_at == Some(1_000)));
    }

    #[tokio::test]
    async fn a_revocation_stands_though_its_caller_goes_away() {
        let services = Arc::new(services(&Clock::manual(1_000)).await);
        let (shown, token) = services.create(new("billing", None)).await.expect("made");
        // A stream that was opened with it.
        let (watching, id) = (services.clone(), token.id);
        let stream = tokio::spawn(async move { watching.ended(id).await });
        tokio::task::yield_now().await;
        // The caller hangs up while it is written down, unless the writer was very quick.
        let _ = services.revoke("billing").now_or_never();
        assert!(services.authenticate(&shown).is_none(), "it counts no more");
        let closed = tokio::time::timeout(Duration::from_millis(1_500), stream).await;
        closed.expect("within a second or so").expect("it ended");
        let is_written = async || {
            let kept = services.store.service_tokens.tokens().await.expect("read");
            kept[0].revoked_at.is_some()
        };
        while !is_written().await {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_webhook_goes_with_the_service_and_not_with_the_token() {
        let clock = Clock::manual(1_000);
        let services = services(&clock).await;
        let (_, token) = services.create(new("billing", None)).await.expect("made");
        let webhook = |service: Option<&str>, created_by| Webhook {
            service: service.map(str::to_owned),
            created_by,
            ..crate::domain::webhook::tests::sample()
        };
        let ours = webhook(Some("billing"), Some(token.id));
        let caller = |webhook: &Webhook| services.caller_of(webhook).map(|it| it.name.clone());
        assert_eq!(caller(&ours).as_deref(), Some("billing"));
        services.revoke("billing").await.expect("revoked");
        assert_eq!(caller(&ours), None);
        let narrow = |scope: &str| NewServiceToken {
            rights: Rights::parse(&[scope.to_owned()], &[], None).expect("rights"),
            ..new("billing", Some(500))
        };
        services.create(narrow("gateway:read")).await.expect("made");
        assert_eq!(caller(&ours), None, "it may have no webhooks");
        clock.set(2_000);
        let next = services.create(narrow("gateway:webhooks")).await;
        next.expect("made");
        assert_eq!(caller(&ours).as_deref(), Some("billing"));
        assert_eq!(caller(&webhook(None, None)).as_deref(), Some("shared"));
        assert_eq!(caller(&webhook(None, Some(token.id))), None, "nobody's");
    }

    #[tokio::test]
    async fn of_two_tokens_of_one_name_at_once_one_is_made() {
        let services = services(&Clock::manual(1_000)).await;
        let make = || services.create(new("billing", None));
        let (first, second) = tokio::join!(make(), make());
        let made = [&first, &second].into_iter().filter(|made| made.is_ok());
        assert_eq!(made.count(), 1, "{first:?} {second:?}");
        let refused = first.err().or(second.err());
        assert!(matches!(refused, Some(Error::Conflict(_))), "{refused:?}");
        assert_eq!(services.list().await.expect("listed").len(), 1);
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
