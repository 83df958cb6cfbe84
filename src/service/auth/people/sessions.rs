//! What people see and do of their sessions, and who was here when.

use std::sync::{MutexGuard, PoisonError};

use uuid::Uuid;

use super::{Holder, People, SignedIn, Telling};
use crate::domain::audit::Deed;
use crate::domain::entity::Entity;
use crate::domain::id::Millis;
use crate::domain::session::{Digest, Pass, Seen, Session, Visitor};
use crate::domain::{Error, Result};
use crate::service::audit;
use crate::service::auth::held::NOTED;

/// What the audit log calls the end of a session.
const ENDED: &str = "session.ended";

/// How many visits are held before they are written down; what comes beyond is noted later.
const HELD: usize = 10_000;

/// A session, for its holder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionView {
    pub session: Session,
    /// Whether it is the one that asks.
    pub is_current: bool,
}

impl People {
    /// The sessions of whoever asks, the newest first.
    pub async fn sessions(&self, person: &SignedIn) -> Result<Vec<SessionView>> {
        let now = self.clock.now();
        let mut all = self.store.sessions.held(holder(person)).await?;
        all.retain(|session| session.is_alive(now));
        let noted = self.noted();
        let view = |mut session: Session| {
            if let Some(seen) = noted.get(&session.key) {
                session.seen.clone_from(seen);
            }
            SessionView {
                is_current: person.by == Pass::Session(session.key),
                session,
            }
        };
        Ok(all.into_iter().map(view).collect())
    }

    /// Ends one of the sessions of whoever asks, and what was opened with it.
    pub async fn end_session(&self, person: &SignedIn, id: Uuid) -> Result<()> {
        let all = self.store.sessions.held(holder(person)).await?;
        let found = all.iter().find(|session| session.key.handle() == id);
        let found = found.ok_or_else(|| Error::not_found(format!("no session {id}")))?;
        self.logout(found.key).await
    }

    /// Ends all sessions of whoever asks but the one that asks. Says how many there were.
    pub async fn end_other_sessions(&self, person: &SignedIn) -> Result<usize> {
        let own = match person.by {
            Pass::Session(session) => Some(session),
            _ => None,
        };
        let holder = holder(person);
        let deed = audit::deed(&self.clock, ENDED, &holder);
        self.end_sessions_but(holder, own, deed).await
    }

    /// Ends all sessions of somebody.
    pub(in crate::service::auth) async fn end_sessions(&self, entity: &Entity) -> Result<usize> {
        let holder = Holder::Person(entity.clone());
        let deed = audit::deed(&self.clock, ENDED, &holder);
        let deed = deed.before(serde_json::json!({ "of": entity.to_string() }));
        self.end_sessions_but(holder, None, deed).await
    }

    async fn end_sessions_but(
        &self,
        holder: Holder,
        kept: Option<Digest>,
        deed: Deed,
    ) -> Result<usize> {
        let all = self.store.sessions.held(holder.clone()).await?;
        let others = all.into_iter().map(|session| session.key);
        let others = others.filter(|key| Some(*key) != kept).collect();
        let telling = Telling::of(self, others);
        let ended = self.store.sessions.end_all(holder, kept, deed).await;
        telling.done(&ended);
        Ok(ended?.len())
    }

    /// Notes that somebody was here, to the minute.
    pub(super) fn note_visit(&self, session: &Session, visitor: &Visitor, now: Millis) {
        let mut noted = self.noted();
        let known = noted.get(&session.key).unwrap_or(&session.seen);
        let is_news = now >= known.at.saturating_add(NOTED) || known.visitor != *visitor;
        if !is_news || (noted.len() >= HELD && !noted.contains_key(&session.key)) {
            return;
        }
        let seen = Seen {
            at: now,
            visitor: visitor.clone(),
        };
        noted.insert(session.key, seen);
    }

    /// Writes down who was here.
    pub async fn save_visits(&self) -> Result<()> {
        let seen: Vec<(Digest, Seen)> = {
            let noted = self.noted();
            noted
                .iter()
                .map(|(key, seen)| (*key, seen.clone()))
                .collect()
        };
        if seen.is_empty() {
            return Ok(());
        }
        self.store.sessions.seen(seen.clone()).await?;
        // What was noted meanwhile is for the next time.
        let mut noted = self.noted();
        for (key, seen) in seen {
            if noted.get(&key) == Some(&seen) {
                noted.remove(&key);
            }
        }
        Ok(())
    }

    fn noted(&self) -> MutexGuard<'_, std::collections::HashMap<Digest, Seen>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn holder(person: &SignedIn) -> Holder {
    let entity: &Entity = &person.caller.entity;
    Holder::Person(entity.clone())
}
