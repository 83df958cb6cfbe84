//! Signing in, staying so, and out again (`/api/auth`).

use poem::http::{StatusCode, header};
use poem::{IntoResponse, Request};
use poem_openapi::payload::Json;
use poem_openapi::registry::{MetaResponses, Registry};
use poem_openapi::{ApiResponse, OpenApi};

use super::auth::{Myself, bearer, gate};
use super::body::Body;
use super::error::{Failure, Problem};
use super::schema::{Grant, Login, Me, RefreshRequest, Ticket};
use super::visit::{Cookie, Visit};
use super::{Services, Tag};
use crate::domain::Error;
use crate::domain::session::Pass;
use crate::service::auth::people;

/// What answers with secrets say to caches.
pub const NOT_KEPT: &str = "no-store";

/// More than any refresh token has, in bytes.
const LONGEST_TOKEN: usize = 512;

/// The operations.
pub struct SignInApi(pub Services);

/// Somebody is signed in.
#[derive(ApiResponse)]
pub enum Granted {
    /// The tokens.
    #[oai(status = 200)]
    Granted(
        Json<Grant>,
        /// `no-store`.
        #[oai(header = "Cache-Control")]
        String,
        /// The refresh token, when it was asked for as a cookie.
        #[oai(header = "Set-Cookie")]
        Option<String>,
    ),
}

/// A refresh was refused; a cookie that is worth nothing any more goes with it.
pub struct Refused {
    failure: Failure,
    cleared: Option<String>,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            cleared: None,
        }
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Failure::from(problem).into()
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Failure::from(error).into()
    }
}

impl From<Refused> for poem::Error {
    fn from(refused: Refused) -> Self {
        let mut response = refused.failure.into_response();
        let cleared = refused.cleared.and_then(|cookie| cookie.parse().ok());
        if let Some(cookie) = cleared {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        Self::from_response(response)
    }
}

impl ApiResponse for Refused {
    fn meta() -> MetaResponses {
        Failure::meta()
    }

    fn register(registry: &mut Registry) {
        Failure::register(registry);
    }
}

/// A session has ended.
#[derive(ApiResponse)]
pub enum SignedOut {
    /// It has ended, and its cookie goes.
    #[oai(status = 204)]
    Done(
        /// Takes the cookie away.
        #[oai(header = "Set-Cookie")]
        Option<String>,
    ),
}

/// A ticket was made.
#[derive(ApiResponse)]
pub enum Ticketed {
    /// The ticket.
    #[oai(status = 200)]
    Made(
        Json<Ticket>,
        /// `no-store`.
        #[oai(header = "Cache-Control")]
        String,
    ),
}

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Auth")]
impl SignInApi {
    /// Sign in with a Matrix password
    ///
    /// The homeserver is asked whether the password is right; no Matrix token is kept. 401
    /// `M_FORBIDDEN` when user or password are wrong, 429 after repeated failures, 503 when the
    /// homeserver is away.
    #[oai(path = "/login", method = "post", operation_id = "login")]
    async fn login(&self, request: &Request, body: Body<Login>) -> Result<Granted, Failure> {
        let gate = gate(request)?;
        gate.check_origin(request)?;
        let visit = gate.visit(request);
        let Login {
            user,
            password,
            cookie,
        } = body.0;
        let people = &self.0.auth.people;
        let visitor = gate.visitor(request);
        let grant = people.login(&user, &password, visitor).await?;
        Ok(granted(&grant, cookie.then_some(visit)))
    }

    /// Get the next tokens
    ///
    /// With the refresh token in the body, or in the cookie when there is no body. Each is good
    /// once: 401 `M_UNKNOWN_TOKEN` for one that was used before, which also ends the session.
    /// The one that was replaced last leads to the same successor until somebody comes with what
    /// was issued in its place, so that an answer may be lost, and for ten seconds in any case, so
    /// that two tabs may refresh at the same moment. A cookie that is refused with 401 is taken
    /// away.
    #[oai(path = "/refresh", method = "post", operation_id = "refresh")]
    async fn refresh(
        &self,
        request: &Request,
        body: Body<Option<RefreshRequest>>,
    ) -> Result<Granted, Refused> {
        let gate = gate(request)?;
        let visit = gate.visit(request);
        let people = &self.0.auth.people;
        if let Some(RefreshRequest { refresh_token }) = body.0 {
            if refresh_token.len() > LONGEST_TOKEN {
                let message = format!("has more than {LONGEST_TOKEN} bytes");
                return Err(Error::invalid("refresh_token", message).into());
            }
            let grant = people
                .refresh(&refresh_token, gate.visitor(request))
                .await?;
            return Ok(granted(&grant, None));
        }
        let Some(cookie) = Cookie::Refresh.read(request, visit) else {
            let message = "refresh_token is needed, in the body or as a cookie";
            return Err(nobody(message).into());
        };
        gate.check_origin(request)?;
        match people.refresh(cookie, gate.visitor(request)).await {
            Ok(grant) => Ok(granted(&grant, Some(visit))),
            Err(error) => {
                let is_worthless = matches!(error, Error::Unauthenticated(_));
                Err(Refused {
                    failure: error.into(),
                    cleared: is_worthless.then(|| Cookie::Refresh.set(visit, "", 0)),
                })
            }
        }
    }

    /// Sign out
    ///
    /// Ends the session of the access token, or of the cookie, at once: no token of it counts
    /// any more, and its live streams are closed.
    #[oai(path = "/logout", method = "post", operation_id = "logout")]
    async fn logout(&self, request: &Request) -> Result<SignedOut, Failure> {
        let gate = gate(request)?;
        let visit = gate.visit(request);
        let cookie = Cookie::Refresh.read(request, visit);
        if cookie.is_some() {
            gate.check_origin(request)?;
        }
        let people = &self.0.auth.people;
        let shown: Vec<_> = bearer(request).into_iter().chain(cookie).collect();
        if shown.is_empty() {
            return Err(nobody("Authorization: Bearer is needed, or the cookie"));
        }
        for token in shown {
            if let Some(session) = people.session_of(token) {
                people.logout(session).await?;
            }
        }
        let cleared = cookie.map(|_| Cookie::Refresh.set(visit, "", 0));
        Ok(SignedOut::Done(cleared))
    }

    /// Who am I?
    #[oai(path = "/me", method = "get", operation_id = "getMe")]
    async fn me(&self, me: Myself) -> Result<Json<Me>, Failure> {
        let people::SignedIn { caller, by } = me.0;
        let profile = self.0.auth.people.profile(&caller).await;
        Ok(Json(Me {
            entity_id: caller.entity.to_string(),
            matrix_user_id: profile.user.to_string(),
            display_name: profile.display_name,
            operator: caller.operator,
            session_id: match by {
                Pass::Session(session) => Some(session.handle()),
                _ => None,
            },
        }))
    }

    /// Get a ticket for a WebSocket
    ///
    /// Browsers cannot send an access token when they open one. 429 when too many tickets were
    /// not used.
    #[oai(path = "/ticket", method = "post", operation_id = "createTicket")]
    async fn ticket(&self, me: Myself) -> Result<Ticketed, Failure> {
        let (ticket, expires_in) = self.0.auth.people.ticket(me.0)?;
        let ticket = Ticket { ticket, expires_in };
        Ok(Ticketed::Made(Json(ticket), NOT_KEPT.to_owned()))
    }
}

/// The tokens, the refresh token as a cookie when there is somebody to set it for.
pub(super) fn granted(grant: &people::Grant, cookie: Option<Visit>) -> Granted {
    let set = cookie.map(|visit| {
        let seconds = grant.refresh_expires_in;
        Cookie::Refresh.set(visit, &grant.refresh_token, seconds)
    });
    let body = Grant::new(grant, set.is_some());
    Granted::Granted(Json(body), NOT_KEPT.to_owned(), set)
}

fn nobody(message: &str) -> Failure {
    Problem::new(StatusCode::UNAUTHORIZED, "M_MISSING_TOKEN", message).into()
}
