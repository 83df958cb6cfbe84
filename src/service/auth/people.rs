//! People: a Matrix password becomes a session with a short access token and a refresh token
//! that is good once.
//!
//! The password goes to the homeserver and nowhere else. What a session may do ends with it.
//! `sign_in` is how sessions begin, `sessions` what people see and do of theirs.

mod sessions;
mod sign_in;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::broadcast;
use uuid::Uuid;

pub use self::sessions::SessionView;
use super::AuthRules;
use super::attempts::Attempts;
use super::tickets::{self, Tickets};
use super::tokens::{self, Access, RefreshToken, Tokens};
use super::verified::{self, Entry, Verified};
use crate::clock::Clock;
use crate::directory::Directory;
use crate::domain::access::Caller;
use crate::domain::entity::Entity;
use crate::domain::id::{Millis, UserId};
use crate::domain::session::{Digest, Holder, Pass, Refresh, Seen, Session, Visitor, Worth};
use crate::domain::{Error, Result};
use crate::homeserver::Homeserver;
use crate::homeserver::identity::Identity;
use crate::service::audit;
use crate::store::Store;

/// How many sessions one person may have; the oldest makes room.
const EACH: usize = 100;

/// How long somebody waits for their own name.
const NAME: Duration = Duration::from_secs(2);

/// Who makes a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedIn {
    pub caller: Caller,
    pub by: Pass,
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
    identity: Arc<dyn Identity>,
    directory: Arc<Directory>,
    clock: Clock,
    tokens: Arc<Tokens>,
    attempts: Arc<Attempts>,
    tickets: Tickets,
    verified: Arc<Verified>,
    ends: broadcast::Sender<Pass>,
    rules: AuthRules,
    /// Who was here and is not written down yet.
    noted: Mutex<HashMap<Digest, Seen>>,
}

impl People {
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a part of its own, and all are made in one place"
    )]
    pub(super) fn new(
        store: Store,
        homeserver: Arc<dyn Homeserver>,
        identity: Arc<dyn Identity>,
        directory: Arc<Directory>,
        clock: Clock,
        tokens: Arc<Tokens>,
        attempts: Arc<Attempts>,
        verified: Arc<Verified>,
        ends: broadcast::Sender<Pass>,
        rules: AuthRules,
    ) -> Self {
        Self {
            store,
            homeserver,
            identity,
            directory,
            tickets: Tickets::new(clock.clone()),
            clock,
            tokens,
            attempts,
            verified,
            ends,
            rules,
            noted: Mutex::default(),
        }
    }

    /// An entity that has proved who it is.
    #[must_use]
    pub fn caller(&self, entity: Entity) -> Caller {
        let operator = self.rules.operators.contains(&entity);
        Caller::new(entity, operator)
    }

    /// Prolongs a session. A token that was used before ends it: somebody has a copy.
    pub async fn refresh(&self, shown: &str, visitor: Visitor) -> Result<Grant> {
        let token = self.tokens.read_refresh(shown);
        let token = token.ok_or_else(|| ended("the refresh token is not known"))?;
        // Of two who refresh at the same moment one is first; the other looks again.
        for _ in 0..2 {
            let now = self.clock.now();
            let session = self.session(key(token.session), now).await?;
            let refresh = session.refresh.as_ref();
            let refresh = refresh.ok_or_else(|| ended("the session cannot be prolonged"))?;
            match refresh.worth(token.digest(), now) {
                Worth::JustReplaced => {
                    let next = self.tokens.successor_of(&token, refresh.current);
                    let next = next.ok_or_else(|| ended("the refresh token was replaced"))?;
                    return self.grant(&session, &next, now);
                }
                Worth::Used => return Err(self.end_stolen(&token).await),
                Worth::Current => {}
            }
            self.note_visit(&session, &visitor, now);
            let next = self.tokens.successor(&token);
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

    /// What an access token of ours says, expired or not; `None` when it is none.
    pub(super) fn read(&self, token: &str) -> Option<Arc<Access>> {
        self.tokens.read_access(token).map(Arc::new)
    }

    /// Whose access token it is.
    pub(super) async fn check(&self, access: Arc<Access>, visitor: Visitor) -> Result<Entry> {
        let now = self.clock.now();
        if now >= access.expires_at {
            return Err(ended("the access token has expired; refresh it"));
        }
        let session = self.session(key(access.session), now).await?;
        if session.holder != Holder::Person(access.entity.clone()) {
            return Err(ended("the access token is not known"));
        }
        self.note_refreshed(&session, &access).await;
        self.note_visit(&session, &visitor, now);
        Ok(Entry {
            who: SignedIn {
                caller: self.caller(access.entity.clone()),
                by: Pass::Session(session.key),
            },
            checked_at: now,
            fresh_for: verified::SESSION,
            expires_at: access.expires_at,
            access: Some(access),
        })
    }

    /// The session of an access token that may have expired, or of a refresh token: for
    /// ending it.
    #[must_use]
    pub fn session_of(&self, token: &str) -> Option<Digest> {
        let access = self.tokens.read_access(token);
        let session = access
            .map(|access| access.session)
            .or_else(|| Some(self.tokens.read_refresh(token)?.session));
        session.map(key)
    }

    /// Ends a session, and what was opened with it.
    pub async fn logout(&self, session: Digest) -> Result<()> {
        let holder = self.store.sessions.session(session).await?;
        let telling = Telling::of(self, vec![session]);
        let ending = self.store.sessions.end(session);
        let ended = match holder {
            Some(found) => {
                let deed = audit::deed(&self.clock, "session.ended", found.holder);
                audit::along(&self.clock, deed.target(session.handle()), ending).await
            }
            None => ending.await,
        };
        telling.done(&ended);
        ended.map(drop).map_err(Into::into)
    }

    fn tell_ended(&self, sessions: &[Digest]) {
        let ended: Vec<_> = sessions.iter().copied().map(Pass::Session).collect();
        if ended.is_empty() {
            return;
        }
        self.verified.forget(&ended);
        self.tell_of(ended);
    }

    /// Tells of what counts no more.
    pub(super) fn tell_of(&self, ended: Vec<Pass>) {
        for pass in ended {
            // Nobody may be listening.
            let _ = self.ends.send(pass);
        }
    }

    /// Whether a session has ended. What cannot be read has not.
    pub async fn has_ended(&self, session: Digest) -> bool {
        let found = self.session(session, self.clock.now()).await;
        matches!(found, Err(Error::Unauthenticated(_)))
    }

    /// Tells of sessions, services' tokens and keys as they end, but for those that expire.
    #[must_use]
    pub fn ends(&self) -> broadcast::Receiver<Pass> {
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
        if let Pass::Session(session) = person.by {
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

    /// Whom an operator names, by a Matrix user id too.
    pub(super) fn named(&self, field: &'static str, text: &str) -> Result<Entity> {
        let user = UserId::parse(text).map(|user| self.directory.entity(&user));
        let expected = "must be user:<localpart>, agent:<name> or a Matrix user id";
        user.or_else(|| self.directory.find_entity(text))
            .ok_or_else(|| Error::invalid(field, expected))
    }

    /// Whether the homeserver has an account of this entity.
    pub(super) async fn exists(&self, entity: &Entity) -> Result<bool> {
        let user = self.directory.user_id(entity);
        self.homeserver.user_exists(&user).await
    }

    async fn begin(&self, entity: Entity, visitor: Visitor) -> Result<Grant> {
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
            seen: Seen { at: now, visitor },
        };
        let mut deed = audit::deed(&self.clock, "sign_in.succeeded", &session.holder);
        deed.actor = session.holder.to_string();
        let deed = deed.target(session.key.handle());
        let starting = self.store.sessions.start(session.clone(), EACH);
        let started = audit::along(&self.clock, deed, starting);
        self.tell_ended(&started.await?);
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

    async fn session(&self, key: Digest, now: Millis) -> Result<Session> {
        let session = self.store.sessions.session(key).await?;
        let session = session.ok_or_else(|| ended("the session has ended; sign in again"))?;
        if !session.is_alive(now) {
            return Err(ended("the session has expired; sign in again"));
        }
        Ok(session)
    }

    /// Whoever comes with an access token has got the refresh token that was issued along with
    /// it: the one before is no longer needed. Written once a refresh.
    async fn note_refreshed(&self, session: &Session, access: &Access) {
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
        match self.logout(key(token.session)).await {
            Ok(()) => {
                ended("the refresh token was used before; the session has ended, sign in again")
            }
            Err(error) => error,
        }
    }
}

/// Tells of the end of sessions also when whoever ends them goes away meanwhile: the write stands
/// all the same.
struct Telling<'a> {
    people: &'a People,
    sessions: Vec<Digest>,
}

impl<'a> Telling<'a> {
    fn of(people: &'a People, sessions: Vec<Digest>) -> Self {
        Self { people, sessions }
    }

    /// It is known what came of it: nothing has ended when it failed.
    fn done<T, E>(mut self, outcome: &Result<T, E>) {
        if outcome.is_err() {
            self.sessions.clear();
        }
    }
}

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        self.people.tell_ended(&self.sessions);
    }
}

fn key(session: Uuid) -> Digest {
    tokens::digest(session.as_bytes())
}

fn ended(why: &str) -> Error {
    Error::Unauthenticated(why.to_owned())
}

#[cfg(test)]
#[path = "people/tests.rs"]
pub(super) mod tests;
