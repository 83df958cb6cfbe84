//! Who somebody is, and for how long that counts: people by their Matrix password, operators
//! by an account of their own, services by a token.
//!
//! Begin with [`people`] and [`operators`]. Both keep [`Session`](crate::domain::session)s;
//! `tokens` makes what their holders show, `attempts` and `passwords` stand in the way of
//! guessing, `tickets` lets browsers open WebSockets, `rotation` replaces what signs. `outside` is for
//! people whom others vouch for, [`services`] and [`keys`] are for programs; `held` and `verified`
//! spare each request the store.

mod attempts;
mod held;
pub mod keys;
pub mod operators;
pub mod outside;
mod passwords;
pub mod people;
pub mod rotation;
pub mod services;
pub mod sso;
mod tickets;
pub(in crate::service) mod tokens;
mod verified;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;

use self::attempts::Attempts;
pub use self::keys::Keys;
pub use self::operators::Operators;
use self::outside::{Fetch, Outside};
pub use self::people::People;
use self::people::SignedIn;
pub use self::services::Services;
pub use self::sso::Sso;
use self::tokens::Tokens;
use self::verified::Verified;
use crate::clock::Clock;
use crate::config::IssuerConfig;
use crate::directory::Directory;
use crate::domain::access::Caller;
use crate::domain::entity::Entity;
use crate::domain::session::{Holder, Pass, Visitor};
use crate::domain::{Error, Result};
use crate::homeserver::Homeserver;
use crate::homeserver::identity::Identity;
use crate::store::Store;

/// The part of the configuration that signing in goes by.
#[derive(Clone, Debug)]
pub struct AuthRules {
    /// Entities that are operators.
    pub operators: HashSet<Entity>,
    /// Who issues the access tokens: the homeserver's name.
    pub issuer: String,
    /// Outside issuers whose word counts.
    pub issuers: Vec<IssuerConfig>,
    /// The homeserver as browsers reach it, when that is configured.
    pub homeserver_page: Option<String>,
    pub access_token_lifetime: Duration,
    pub refresh_token_lifetime: Duration,
}

/// What somebody came in by until it ended.
#[derive(Clone, Copy, Debug)]
pub struct EndedAccess {
    pub sessions: usize,
    pub keys: usize,
}

/// How many ends of sessions and tokens a listener may be behind before it has to look for
/// itself.
const ENDS: usize = 256;

/// The ways to say who one is.
pub struct Auth {
    pub people: People,
    pub operators: Operators,
    pub services: Services,
    pub keys: Keys,
    pub sso: Sso,
    attempts: Arc<Attempts>,
    tokens: Arc<Tokens>,
    verified: Arc<Verified>,
    outside: Outside,
    lifetimes: rotation::Lifetimes,
    store: Store,
    clock: Clock,
}

impl Auth {
    /// Reads the keys, which are made at the first start.
    pub async fn new(
        store: Store,
        homeserver: Arc<dyn Homeserver>,
        identity: Arc<dyn Identity>,
        directory: Arc<Directory>,
        clock: Clock,
        rules: AuthRules,
        fetch: &Fetch,
    ) -> Result<Self> {
        let ring = rotation::ring(&store, &clock).await?;
        let tokens = Arc::new(Tokens::new(ring, &rules.issuer));
        let verified = Arc::new(Verified::default());
        let lifetimes = rotation::Lifetimes::of(&rules);
        let attempts = Arc::new(Attempts::new(clock.clone()));
        let operators = Operators::new(
            store.clone(),
            clock.clone(),
            tokens.clone(),
            attempts.clone(),
        );
        let issuers = rules.issuers.clone();
        let outside = Outside::new(issuers, fetch, homeserver.clone(), clock.clone());
        let page = rules.homeserver_page.clone();
        let sso = Sso::new(identity.clone(), clock.clone(), tokens.clone(), page);
        let ends = broadcast::Sender::new(ENDS);
        let services = Services::new(
            store.clone(),
            directory.clone(),
            clock.clone(),
            ends.clone(),
        );
        let services = services.await?;
        let keys = Keys::new(store.clone(), clock.clone(), ends.clone()).await?;
        let people = People::new(
            store.clone(),
            homeserver,
            identity.clone(),
            directory,
            clock.clone(),
            tokens.clone(),
            attempts.clone(),
            verified.clone(),
            ends,
            rules,
        );
        Ok(Self {
            people,
            operators,
            services,
            keys,
            sso,
            attempts,
            tokens,
            verified,
            outside,
            lifetimes,
            store,
            clock,
        })
    }

    /// Whose access token it is. `visitor` is asked for when it is looked at anew.
    pub async fn authenticate(
        &self,
        token: &str,
        visitor: impl FnOnce() -> Visitor,
    ) -> Result<SignedIn> {
        let shown = tokens::digest(token.as_bytes());
        let known = self.verified.find(shown);
        let now = self.clock.now();
        if let Some(entry) = known.as_deref().filter(|entry| entry.is_fresh(now)) {
            return Ok(entry.who.clone());
        }
        let ends = self.verified.ends();
        let access = known.and_then(|entry| entry.access.clone());
        let entry = match access.or_else(|| self.people.read(token)) {
            Some(access) => self.people.check(access, visitor()).await?,
            None => self.outside.check(&self.people, token).await?,
        };
        let who = entry.who.clone();
        self.verified.put(shown, entry, ends);
        Ok(who)
    }

    /// Whether what somebody was let in by counts no more. What cannot be read still does.
    pub async fn has_ended(&self, pass: Pass) -> bool {
        match pass {
            Pass::Session(session) => self.people.has_ended(session).await,
            Pass::Service(token) => self.services.has_ended(token),
            Pass::Key(key) => self.keys.has_ended(key),
            Pass::Issued { until, .. } => self.clock.now() >= until,
            Pass::Trusted => false,
        }
    }

    /// An entity that has proved who it is, with what that alone gives it.
    #[must_use]
    pub fn caller(&self, entity: Entity) -> Caller {
        self.people.caller(entity)
    }

    /// Everybody who has a session or a key, or came in by the word of an outside issuer.
    pub async fn holders(&self) -> Result<BTreeSet<Entity>> {
        let sessions = self.store.sessions.holders().await?;
        let people = sessions.into_iter().filter_map(|holder| match holder {
            Holder::Person(entity) => Some(entity),
            Holder::Operator(_) => None,
        });
        let mut holders: BTreeSet<Entity> = people.collect();
        holders.extend(self.keys.holders());
        holders.extend(self.outside.known());
        Ok(holders)
    }

    /// Ends all sessions of an entity, and revokes its keys. Of an outside issuer's token it is asked
    /// anew whether the homeserver has an open account for it.
    pub async fn end_all(&self, entity: &Entity) -> Result<EndedAccess> {
        self.outside.forget(entity);
        self.people.tell_of(self.verified.forget_all_of(entity));
        Ok(EndedAccess {
            sessions: self.people.end_sessions(entity).await?,
            keys: self.keys.revoke_all(entity).await?,
        })
    }

    /// The same, of the agents' tokens that somebody has made as well: they know them.
    pub async fn shut_out(&self, entity: &Entity) -> Result<EndedAccess> {
        let mut ended = self.end_all(entity).await?;
        ended.keys += self.keys.revoke_made_by(entity).await?;
        Ok(ended)
    }

    /// Ends all of an entity that an operator names.
    pub async fn end_access(&self, field: &'static str, entity: &str) -> Result<EndedAccess> {
        let entity = self.people.named(field, entity)?;
        let ended = self.end_all(&entity).await?;
        // The homeserver is asked last: what is to end ends without it.
        if (ended.sessions, ended.keys) == (0, 0) && !self.people.exists(&entity).await? {
            return Err(Error::not_found(format!("{entity} does not exist")));
        }
        Ok(ended)
    }

    /// Writes down who was here and what was used since this was done last.
    pub async fn save_uses(&self) -> Result<()> {
        self.services.save_uses().await?;
        self.keys.save_uses().await?;
        self.attempts.failed.write(&self.store, &self.clock).await?;
        self.people.save_visits().await
    }

    /// Forgets the sessions that have expired.
    pub async fn drop_expired(&self) -> Result<u64> {
        Ok(self.store.sessions.drop_expired(self.clock.now()).await?)
    }
}

/// A lifetime in the unit of the clock.
fn millis(lifetime: Duration) -> u64 {
    u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX)
}
