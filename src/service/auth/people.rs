//! People: a Matrix password becomes a session with a short access token and a refresh token
//! that is good once.
//!
//! The password goes to the homeserver and nowhere else. What a session may do ends with it:
//! each request looks the session up.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;
use uuid::Uuid;

use super::attempts::Attempts;
use super::tickets::{self, Tickets};
use super::tokens::{self, Access, RefreshToken, Tokens};
use super::{Address, AuthRules};
use crate::clock::Clock;
use crate::directory::Directory;
use crate::domain::access::Caller;
use crate::domain::account::offered_password;
use crate::domain::entity::Entity;
use crate::domain::id::{Millis, UserId};
use crate::domain::session::{Digest, Holder, Refresh, Session, Worth};
use crate::domain::{Error, Result};
use crate::homeserver::Homeserver;
use crate::store::Store;

/// How many sessions one person may have; the oldest makes room.
const EACH: usize = 100;

/// How long somebody waits for their own name.
const NAME: Duration = Duration::from_secs(2);

/// Who makes a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedIn {
    pub caller: Caller,
    /// The session that the request belongs to; `None` when a service acts for the person.
    pub session: Option<Uuid>,
    /// The token of the service that acts for the person, when it has one of its own.
    pub service: Option<Uuid>,
}

/// What a client gets for a password or a refresh token.
pub struct Grant {
    pub caller: Caller,
    pub access_token: String,
    /// How long the access token is good, in seconds.
    pub expires_in: u64,
    pub refresh_token: String,
    /// How long the refresh token is good, in seconds.
    pub refresh_expires_in: u64,
}

/// Who a person is, for themselves.
pub struct Profile {
    pub user: UserId,
    pub display_name: Option<String>,
}

/// People's sessions.
pub struct People {
    store: Store,
    homeserver: Arc<dyn Homeserver>,
    directory: Arc<Directory>,
    clock: Clock,
    tokens: Arc<Tokens>,
    attempts: Arc<Attempts>,
    tickets: Tickets,
    ends: broadcast::Sender<Uuid>,
    rules: AuthRules,
}

impl People {
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a part of its own, and all are made in one place"
    )]
    pub(super) fn new(
        store: Store,
        homeserver: Arc<dyn Homeserver>,
        directory: Arc<Directory>,
        clock: Clock,
        tokens: Arc<Tokens>,
        attempts: Arc<Attempts>,
        ends: broadcast::Sender<Uuid>,
        rules: AuthRules,
    ) -> Self {
        Self {
            store,
            homeserver,
            directory,
            tickets: Tickets::new(clock.clone()),
            clock,
            tokens,
            attempts,
            ends,
            rules,
        }
    }

    /// An entity that has proved who it is.
    #[must_use]
    pub fn caller(&self, entity: Entity) -> Caller {
        Caller {
            operator: self.rules.operators.contains(&entity),
            entity,
        }
    }

    /// Begins a session for whoever knows a Matrix password.
    pub async fn login(&self, user: &str, password: &str, from: Address) -> Result<Grant> {
        let user = self.local_user(user)?;
        offered_password(password)?;
        // The homeserver does not tell upper from lower case here.
        let attempt = self.attempts.begin(&user.as_str().to_lowercase(), from)?;
        let found = match self.homeserver.check_password(&user, password, from).await {
            Ok(Some(found)) => found,
            Ok(None) => return Err(wrong()),
            Err(error) => {
                attempt.undecided();
                return Err(error);
            }
        };
        attempt.succeeded();
        let entity = self.directory.entity(&found);
        if !matches!(entity, Entity::User { server: None, .. }) {
            return Err(Error::forbidden(format!(
                "{entity} is not a person; only people sign in here"
            )));
        }
        self.begin(entity).await
    }

    /// Prolongs a session. A token that was used before ends it: somebody has a copy.
    pub async fn refresh(&self, shown: &str) -> Result<Grant> {
        let token = self.tokens.read_refresh(shown);
        let token = token.ok_or_else(|| ended("the refresh token is not known"))?;
        // Of two who refresh at the same moment one is first; the other looks again.
        for _ in 0..2 {
            let now = self.clock.now();
            let session = self.session(token.session, now).await?;
            let refresh = session.refresh.as_ref();
            let refresh = refresh.ok_or_else(|| ended("the session cannot be prolonged"))?;
            let next = self.tokens.successor(&token);
            match refresh.worth(token.digest(), now) {
                Worth::JustReplaced => return self.grant(&session, &next, now),
                Worth::Used => return Err(self.end_stolen(&token).await),
                Worth::Current => {}
            }
            let rotated = refresh.rotated(next.digest(), now);
            let end = now + super::millis(self.rules.refresh_token_lifetime);
            let sessions = &self.store.sessions;
            if sessions
                .refresh(session.key, token.digest(), rotated, end)
                .await?
            {
                return self.grant(&session, &next, now);
            }
        }
        Err(ended("the refresh token was replaced meanwhile"))
    }

    /// Whose access token it is.
    pub async fn authenticate(&self, token: &str) -> Result<SignedIn> {
        let access = self.tokens.read_access(token);
        let access = access.ok_or_else(|| ended("the access token is not known"))?;
        let now = self.clock.now();
        if now >= access.expires_at {
            return Err(ended("the access token has expired; refresh it"));
        }
        let session = self.session(access.session, now).await?;
        if session.holder != Holder::Person(access.entity.clone()) {
            return Err(ended("the access token is not known"));
        }
        self.note_seen(&session, &access).await;
        Ok(SignedIn {
            caller: self.caller(access.entity),
            session: Some(access.session),
            service: None,
        })
    }

    /// The session of an access token that may have expired, or of a refresh token: for
    /// ending it.
    #[must_use]
    pub fn session_of(&self, token: &str) -> Option<Uuid> {
        let access = self.tokens.read_access(token);
        access
            .map(|access| access.session)
            .or_else(|| Some(self.tokens.read_refresh(token)?.session))
    }

    /// Ends a session, and what was opened with it.
    pub async fn logout(&self, session: Uuid) -> Result<()> {
        self.store.sessions.end(key(session)).await?;
        // Nobody may be listening.
        let _ = self.ends.send(session);
        Ok(())
    }

    /// Whether a session has ended. What cannot be read has not.
    pub async fn has_ended(&self, session: Uuid) -> bool {
        let found = self.session(session, self.clock.now()).await;
        matches!(found, Err(Error::Unauthenticated(_)))
    }

    /// Tells of sessions and services' tokens as they end, but for those that expire.
    #[must_use]
    pub fn ends(&self) -> broadcast::Receiver<Uuid> {
        self.ends.subscribe()
    }

    /// A ticket for one WebSocket, and how many seconds it is good.
    pub fn ticket(&self, person: SignedIn) -> Result<(String, u64)> {
        let ticket = self.tickets.issue(person)?;
        Ok((ticket, tickets::LIFETIME.as_secs()))
    }

    /// Whose ticket it is. It is used up.
    pub async fn redeem(&self, ticket: &str) -> Result<SignedIn> {
        let person = self.tickets.redeem(ticket);
        let person =
            person.ok_or_else(|| ended("the ticket is not known, was used or has expired"))?;
        if let Some(session) = person.session {
            self.session(session, self.clock.now()).await?;
        }
        Ok(person)
    }

    /// Who a person is. The name is left out while the homeserver cannot say it.
    pub async fn profile(&self, caller: &Caller) -> Profile {
        let user = self.directory.user_id(&caller.entity);
        let asked = tokio::time::timeout(NAME, self.homeserver.display_name(&user));
        let display_name = match asked.await {
            Ok(Ok(name)) => name,
            Ok(Err(error)) => {
                tracing::debug!(%error, %user, "no display name");
                None
            }
            Err(_) => None,
        };
        Profile { user, display_name }
    }

    async fn begin(&self, entity: Entity) -> Result<Grant> {
        let (now, id) = (self.clock.now(), self.clock.uuid());
        let token = Tokens::first(id, self.clock.secret());
        let session = Session {
            key: key(id),
            holder: Holder::Person(entity),
            created_at: now,
            expires_at: now + super::millis(self.rules.refresh_token_lifetime),
            refresh: Some(Refresh {
                current: token.digest(),
                previous: None,
                rotated_at: now,
                is_seen: false,
            }),
        };
        self.store.sessions.start(session.clone(), EACH).await?;
        self.grant(&session, &token, now)
    }

    fn grant(&self, session: &Session, refresh: &RefreshToken, now: Millis) -> Result<Grant> {
        let Holder::Person(entity) = &session.holder else {
            return Err(ended("the session is no person's"));
        };
        let lifetime = self.rules.access_token_lifetime;
        let access = Access {
            entity: entity.clone(),
            session: refresh.session,
            expires_at: now + super::millis(lifetime),
            issued_with: tokens::mark(refresh.digest()),
        };
        Ok(Grant {
            caller: self.caller(entity.clone()),
            access_token: self.tokens.access(&access, self.clock.uuid(), now)?,
            expires_in: lifetime.as_secs(),
            refresh_token: self.tokens.write_refresh(refresh),
            refresh_expires_in: self.rules.refresh_token_lifetime.as_secs(),
        })
    }

    async fn session(&self, id: Uuid, now: Millis) -> Result<Session> {
        let session = self.store.sessions.session(key(id)).await?;
        let session = session.ok_or_else(|| ended("the session has ended; sign in again"))?;
        if !session.is_alive(now) {
            return Err(ended("the session has expired; sign in again"));
        }
        Ok(session)
    }

    /// Whoever comes with an access token has got the refresh token that was issued along with
    /// it: the one before is no longer needed. Written once a refresh.
    async fn note_seen(&self, session: &Session, access: &Access) {
        let Some(refresh) = &session.refresh else {
            return;
        };
        if access.issued_with != tokens::mark(refresh.current) {
            return;
        }
        let Some(seen) = refresh.seen() else {
            return;
        };
        let sessions = &self.store.sessions;
        let noted = sessions.refresh(session.key, refresh.current, seen, session.expires_at);
        if let Err(error) = noted.await {
            // The next request says it again.
            tracing::debug!(%error, session = ?session.key, "a refresh is not noted as seen");
        }
    }

    async fn end_stolen(&self, token: &RefreshToken) -> Error {
        tracing::warn!(
            session = ?key(token.session),
            "a refresh token was used twice; its session is ended"
        );
        match self.logout(token.session).await {
            Ok(()) => {
                ended("the refresh token was used before; the session has ended, sign in again")
            }
            Err(error) => error,
        }
    }

    /// `alice`, `user:alice` or `@alice:server`.
    fn local_user(&self, given: &str) -> Result<UserId> {
        let naming = &self.directory.naming;
        let user = if given.starts_with('@') {
            UserId::parse(given)
        } else {
            let localpart = given.strip_prefix("user:").unwrap_or(given);
            let entity = Entity::parse(&format!("user:{localpart}"));
            entity.map(|entity| naming.user_id(&entity))
        };
        user.filter(|user| user.server() == naming.server_name)
            .ok_or_else(|| {
                let server = &naming.server_name;
                Error::invalid("user", format!("must be a name or @name:{server}"))
            })
    }
}

fn key(session: Uuid) -> Digest {
    tokens::digest(session.as_bytes())
}

fn ended(why: &str) -> Error {
    Error::Unauthenticated(why.to_owned())
}

fn wrong() -> Error {
    Error::WrongCredentials("wrong user or password".to_owned())
}

#[cfg(test)]
#[path = "people/tests.rs"]
mod tests;
