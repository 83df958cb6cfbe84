//! People's sessions.

use poem_openapi::Object;
use uuid::Uuid;

use crate::api::time::Time;
use crate::service::auth::people::SessionView;

/// Somewhere where a person is signed in.
#[derive(Object, Clone, Debug)]
pub struct Session {
    pub id: Uuid,
    pub created_at: Time,
    /// To the minute; null when nobody has come with it since daarion was upgraded.
    pub last_seen_at: Option<Time>,
    /// When it ends by itself, unless somebody comes with it before.
    pub expires_at: Time,
    /// From where somebody came with it last; null for the machine itself, and when that is not
    /// known.
    pub address: Option<String>,
    /// What the program called itself then (`User-Agent`); null when it did not.
    pub user_agent: Option<String>,
    /// Whether it is the one that asks.
    pub is_current: bool,
}

impl From<SessionView> for Session {
    fn from(view: SessionView) -> Self {
        let SessionView {
            session,
            is_current,
        } = view;
        let visitor = session.seen.visitor;
        Self {
            id: session.key.handle(),
            created_at: Time(session.created_at),
            last_seen_at: Some(session.seen.at).filter(|at| *at > 0).map(Time),
            expires_at: Time(session.expires_at),
            address: visitor.address.map(|address| address.to_string()),
            user_agent: visitor.user_agent,
            is_current,
        }
    }
}

/// All sessions of a person.
#[derive(Object, Clone, Debug)]
pub struct SessionList {
    /// The newest first.
    pub items: Vec<Session>,
    /// Always null: there are few.
    pub next: Option<String>,
}

/// What came of signing out everywhere else.
#[derive(Object, Clone, Copy, Debug)]
pub struct EndedSessions {
    /// How many sessions have ended.
    pub ended: u32,
}
