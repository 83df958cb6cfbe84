//! Who somebody is, and for how long that counts: people by their Matrix password, operators
//! by an account of their own, services by a token.
//!
//! Begin with [`people`] and [`operators`]. Both keep [`Session`](crate::domain::session)s;
//! `tokens` makes what their holders show, `attempts` and `passwords` stand in the way of
//! guessing, `tickets` lets browsers open WebSockets.

mod attempts;
pub mod operators;
mod passwords;
pub mod people;
pub mod services;
mod tickets;
mod tokens;

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;

use self::attempts::Attempts;
pub use self::operators::Operators;
pub use self::people::People;
pub use self::services::Services;
use self::tokens::Tokens;
use crate::clock::Clock;
use crate::directory::Directory;
use crate::domain::Result;
use crate::domain::access::Caller;
use crate::domain::entity::Entity;
use crate::homeserver::Homeserver;
use crate::store::Store;
use crate::store::sessions::KeyUse;

/// The part of the configuration that signing in goes by.
#[derive(Clone, Debug)]
pub struct AuthRules {
    /// Entities that are operators.
    pub operators: HashSet<Entity>,
    /// Who issues the access tokens: the homeserver's name.
    pub issuer: String,
    pub access_token_lifetime: Duration,
    pub refresh_token_lifetime: Duration,
}

/// How many ends of sessions and tokens a listener may be behind before it has to look for
/// itself.
const ENDS: usize = 256;

/// The ways to say who one is.
pub struct Auth {
    pub people: People,
    pub operators: Operators,
    pub services: Services,
    store: Store,
    clock: Clock,
}

/// From where somebody tries to sign in; `None` when that is not known.
pub type Address = Option<IpAddr>;

impl Auth {
    /// Reads the keys, which are made at the first start.
    pub async fn new(
        store: Store,
        homeserver: Arc<dyn Homeserver>,
        directory: Arc<Directory>,
        clock: Clock,
        rules: AuthRules,
    ) -> Result<Self> {
        let access = store.sessions.key(KeyUse::Access, clock.secret()).await?;
        let refresh = store.sessions.key(KeyUse::Refresh, clock.secret()).await?;
        let tokens = Arc::new(Tokens::new(&access, refresh, &rules.issuer));
        let attempts = Arc::new(Attempts::new(clock.clone()));
        let operators = Operators::new(
            store.clone(),
            clock.clone(),
            tokens.clone(),
            attempts.clone(),
        );
        let ends = broadcast::Sender::new(ENDS);
        let services = Services::new(
            store.clone(),
            directory.clone(),
            clock.clone(),
            ends.clone(),
        );
        let services = services.await?;
        let people = People::new(
            store.clone(),
            homeserver,
            directory,
            clock.clone(),
            tokens,
            attempts,
            ends,
            rules,
        );
        Ok(Self {
            people,
            operators,
            services,
            store,
            clock,
        })
    }

    /// An entity that has proved who it is, with what that alone gives it.
    #[must_use]
    pub fn caller(&self, entity: Entity) -> Caller {
        self.people.caller(entity)
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
