//! Signing in.

use poem_openapi::{Enum, Object};
use uuid::Uuid;

use crate::api::time::Time;
use crate::service::auth::operators;
use crate::service::auth::people;

/// Somebody who wants to sign in.
#[derive(Object, Clone)]
pub struct Login {
    /// `alice`, `user:alice` or `@alice:server`.
    pub user: String,
    /// The Matrix password. It is shown to the homeserver and kept nowhere.
    pub password: String,
    /// Whether the refresh token goes into an `HttpOnly` cookie, for browsers, and not into the
    /// answer.
    #[oai(default)]
    pub cookie: bool,
}

/// Somebody who wants to sign in with an OpenID token of the homeserver.
#[derive(Object, Clone)]
pub struct OpenIdLogin {
    /// The token. It is shown to the homeserver and kept nowhere.
    pub access_token: String,
    /// The homeserver that has made it, which must be the city's.
    pub matrix_server_name: String,
    /// `Bearer`.
    pub token_type: Option<String>,
    /// For how many seconds the token is good; not looked at.
    pub expires_in: Option<u64>,
    /// Whether the refresh token goes into an `HttpOnly` cookie, for browsers, and not into the
    /// answer.
    #[oai(default)]
    pub cookie: bool,
}

/// How people may sign in.
#[derive(Object, Clone, Copy, Debug)]
pub struct SignInMethods {
    /// With a Matrix password: `POST /api/auth/login`.
    pub password: bool,
    /// At the homeserver's own page: `GET /api/auth/sso`.
    pub sso: bool,
}

/// A refresh token that is not in a cookie.
#[derive(Object, Clone)]
pub struct RefreshRequest {
    /// What the last answer had as `refresh_token`.
    pub refresh_token: String,
}

/// What a client is given to show.
#[derive(Object, Clone)]
pub struct Grant {
    /// Goes into `Authorization: Bearer`: a JWT, signed with HS256, whose claims `sub` and
    /// `exp` a client may read.
    pub access_token: String,
    /// `Bearer`.
    pub token_type: String,
    /// For how many seconds the access token is good.
    pub expires_in: u64,
    /// Who is signed in: `user:<localpart>`.
    pub entity_id: String,
    /// Whether that person runs the place (`auth.operators`).
    pub operator: bool,
    /// Good once, for the next access token; null when it is in the cookie.
    pub refresh_token: Option<String>,
}

impl Grant {
    /// What is given, but for the refresh token when that goes into a cookie.
    pub fn new(grant: &people::Grant, has_cookie: bool) -> Self {
        Self {
            access_token: grant.access_token.clone(),
            token_type: "Bearer".to_owned(),
            expires_in: grant.expires_in,
            entity_id: grant.caller.entity.to_string(),
            operator: grant.caller.operator,
            refresh_token: (!has_cookie).then(|| grant.refresh_token.clone()),
        }
    }
}

/// Who is calling.
#[derive(Object, Clone, Debug)]
pub struct Me {
    /// `user:<localpart>`.
    pub entity_id: String,
    /// `@localpart:server`.
    pub matrix_user_id: String,
    /// What they call themselves on the homeserver; null when they have no name there, or the
    /// homeserver is away.
    pub display_name: Option<String>,
    /// Whether they run the place (`auth.operators`).
    pub operator: bool,
    /// The session, as `GET /api/auth/sessions` has it; null when the request belongs to none.
    pub session_id: Option<Uuid>,
}

/// What opens one WebSocket.
#[derive(Object, Clone)]
pub struct Ticket {
    /// Goes into the address: `/ws/…?ticket=`. Good once.
    pub ticket: String,
    /// For how many seconds it is good.
    pub expires_in: u64,
}

/// An operator who wants to sign in with a local account.
#[derive(Object, Clone)]
pub struct OperatorLogin {
    /// As it was given to `daarion admin create`.
    pub name: String,
    /// The account's password.
    pub password: String,
}

/// An operator's session, as it begins. Its id is in the cookie.
#[derive(Object, Clone)]
pub struct OperatorGrant {
    /// The account's name.
    pub name: String,
    /// Goes into `X-CSRF-Token` of every request but GET.
    pub csrf_token: String,
    /// When the session ends by itself.
    pub expires_at: Time,
}

impl From<operators::OperatorSession> for OperatorGrant {
    fn from(session: operators::OperatorSession) -> Self {
        Self {
            name: session.name,
            csrf_token: session.csrf_token,
            expires_at: Time(session.expires_at),
        }
    }
}

/// How an operator has proved who they are.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
#[oai(rename_all = "lowercase")]
pub enum Via {
    /// By a local account.
    Account,
    /// As a person whom `auth.operators` lists.
    Matrix,
}

/// Which operator is calling.
#[derive(Object, Clone)]
pub struct OperatorSession {
    /// The account's name, or the person's entity id.
    pub name: String,
    /// `user:<localpart>`; null for a local account.
    pub entity_id: Option<String>,
    pub via: Via,
    /// Goes into `X-CSRF-Token` of every request but GET; null for a person, who shows an
    /// access token instead.
    pub csrf_token: Option<String>,
    /// When the session ends by itself; null for a person.
    pub expires_at: Option<Time>,
}
