//! Operators with an account of their own: somebody can look after the place also while the
//! homeserver is away, or before anybody has a Matrix account.

use std::sync::Arc;

use uuid::Uuid;

use super::attempts::Attempts;
use super::passwords::Passwords;
use super::tokens::{self, Tokens};
use crate::clock::Clock;
use crate::domain::account::{OperatorAccount, new_password, offered_password, operator_name};
use crate::domain::id::Millis;
use crate::domain::session::{Digest, Holder, Seen, Session, Visitor};
use crate::domain::{Error, Result};
use crate::service::audit;
use crate::store::Store;

/// How long an operator's session is good, in milliseconds: a working day, and never prolonged.
pub const LIFETIME: Millis = 12 * 3_600 * 1_000;
/// How many sessions one operator may have; the oldest makes room.
const EACH: usize = 20;

/// An operator's session, for its holder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OperatorSession {
    /// What it is called in the audit log.
    pub id: Uuid,
    pub name: String,
    /// What requests that change something have to show beside the cookie.
    pub csrf_token: String,
    pub expires_at: Millis,
}

/// The accounts and sessions of operators.
pub struct Operators {
    store: Store,
    clock: Clock,
    tokens: Arc<Tokens>,
    attempts: Arc<Attempts>,
    passwords: Passwords,
}

impl Operators {
    pub(super) fn new(
        store: Store,
        clock: Clock,
        tokens: Arc<Tokens>,
        attempts: Arc<Attempts>,
    ) -> Self {
        Self {
            store,
            clock,
            tokens,
            attempts,
            passwords: Passwords::new(),
        }
    }

    /// Makes an account.
    pub async fn create(&self, name: &str, password: &str) -> Result<OperatorAccount> {
        let name = operator_name(name)?;
        new_password(password)?;
        // Said before the work of hashing; the store has the last word.
        if self.store.accounts.operator(&name).await?.is_some() {
            return Err(Error::conflict(format!("operator {name} exists already")));
        }
        let now = self.clock.now();
        let operator = OperatorAccount {
            name,
            password_hash: self.passwords.hash(password).await?,
            created_at: now,
            password_set_at: now,
        };
        let deed = audit::deed(&self.clock, "operator.created", "daarion");
        let deed = deed.target(format!("operator:{}", operator.name));
        let adding = self.store.accounts.add_operator(operator.clone());
        audit::along(&self.clock, deed, adding).await?;
        tracing::info!(operator = operator.name, "an operator's account is made");
        Ok(operator)
    }

    /// Gives an account another password and ends its sessions.
    pub async fn set_password(&self, name: &str, password: &str) -> Result<()> {
        new_password(password)?;
        let accounts = &self.store.accounts;
        let none = || Error::not_found(format!("no operator {name}"));
        accounts.operator(name).await?.ok_or_else(none)?;
        let hash = self.passwords.hash(password).await?;
        let now = self.clock.now();
        let deed = audit::deed(&self.clock, "operator.password_changed", "daarion");
        let deed = deed.target(format!("operator:{name}"));
        let setting = accounts.set_operator_password(name, &hash, now);
        if !audit::along(&self.clock, deed, setting).await? {
            return Err(none());
        }
        tracing::info!(operator = name, "an operator has a new password");
        Ok(())
    }

    /// All accounts by name.
    pub async fn list(&self) -> Result<Vec<OperatorAccount>> {
        Ok(self.store.accounts.operators().await?)
    }

    /// Begins a session; answers the secret that is its cookie.
    pub async fn login(
        &self,
        name: &str,
        password: &str,
        visitor: Visitor,
    ) -> Result<(String, OperatorSession)> {
        offered_password(password)?;
        let name = operator_name(name)?;
        let attempt = self
            .attempts
            .begin(&format!("operator:{name}"), visitor.address)?;
        let account = self.store.accounts.operator(&name).await?;
        let hash = account
            .as_ref()
            .map(|account| account.password_hash.as_str());
        match self.passwords.is_right(password, hash).await {
            Ok(true) => attempt.succeeded(),
            Ok(false) => {
                return Err(Error::WrongCredentials("wrong name or password".to_owned()));
            }
            Err(error) => {
                attempt.undecided();
                return Err(error);
            }
        }
        self.begin(name, visitor).await
    }

    /// The session of a cookie; `None` when there is none any more.
    pub async fn session(&self, cookie: &str) -> Result<Option<OperatorSession>> {
        let Some(secret) = tokens::bytes(cookie) else {
            return Ok(None);
        };
        let session = self.store.sessions.session(key(&secret)).await?;
        let Some(session) = session.filter(|session| session.is_alive(self.clock.now())) else {
            return Ok(None);
        };
        let Holder::Operator(name) = session.holder else {
            return Ok(None);
        };
        Ok(Some(OperatorSession {
            id: key(&secret).handle(),
            name,
            csrf_token: self.tokens.csrf(&secret),
            expires_at: session.expires_at,
        }))
    }

    /// Whether a request that brings a cookie was made by a page that may read our answers.
    #[must_use]
    pub fn is_proved(&self, cookie: &str, shown: &str) -> bool {
        tokens::bytes(cookie).is_some_and(|secret| self.tokens.is_csrf(&secret, shown))
    }

    /// Ends the session of a cookie.
    pub async fn logout(&self, cookie: &str) -> Result<()> {
        let Some(secret) = tokens::bytes(cookie) else {
            return Ok(());
        };
        let session = key(&secret);
        if let Some(found) = self.store.sessions.session(session).await? {
            let deed = audit::deed(&self.clock, "session.ended", found.holder);
            let ending = self.store.sessions.end(session);
            audit::along(&self.clock, deed.target(session.handle()), ending).await?;
        }
        Ok(())
    }

    async fn begin(&self, name: String, visitor: Visitor) -> Result<(String, OperatorSession)> {
        let (now, secret) = (self.clock.now(), self.clock.secret());
        let expires_at = now + LIFETIME;
        let session = Session {
            key: key(&secret),
            holder: Holder::Operator(name.clone()),
            created_at: now,
            expires_at,
            refresh: None,
            seen: Seen { at: now, visitor },
        };
        let id = session.key.handle();
        let actor = format!("operator:{name}");
        let mut deed = audit::deed(&self.clock, "sign_in.succeeded", &actor).target(id);
        deed.actor = actor;
        let starting = self.store.sessions.start(session, EACH);
        audit::along(&self.clock, deed, starting).await?;
        let session = OperatorSession {
            id,
            name,
            csrf_token: self.tokens.csrf(&secret),
            expires_at,
        };
        Ok((tokens::text(&secret), session))
    }
}

fn key(secret: &[u8]) -> Digest {
    tokens::digest(secret)
}
