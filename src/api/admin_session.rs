//! Operators signing in with a local account, and out again.

use poem::Request;
use poem::http::StatusCode;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, OpenApi};

use super::auth::{OperatorSelf, gate};
use super::body::Body;
use super::error::{Failure, Problem};
use super::schema::{OperatorGrant, OperatorLogin, OperatorSession, Via};
use super::sign_in::{NOT_KEPT, SignedOut};
use super::time::Time;
use super::visit::{Cookie, Transport};
use super::{Services, Tag};
use crate::service::auth::operators;

/// The operations.
pub struct AdminSessionApi(pub Services);

/// An operator is signed in.
#[derive(ApiResponse)]
pub enum OperatorGranted {
    /// The session.
    #[oai(status = 200)]
    Granted(
        Json<OperatorGrant>,
        /// `no-store`.
        #[oai(header = "Cache-Control")]
        String,
        /// The session's id.
        #[oai(header = "Set-Cookie")]
        String,
    ),
}

#[OpenApi(prefix_path = "/api/admin", tag = "Tag::Admin")]
impl AdminSessionApi {
    /// Sign in as an operator
    ///
    /// With a local account (`daarion admin create`). The session's id goes into a cookie
    /// `__Host-daarion_operator; HttpOnly; Secure; SameSite=Strict`. 401 `M_FORBIDDEN` when name
    /// or password are wrong, 429 after repeated failures, 403 over plain HTTP from anywhere but
    /// the machine itself.
    #[oai(path = "/login", method = "post", operation_id = "operatorLogin")]
    async fn login(
        &self,
        request: &Request,
        body: Body<OperatorLogin>,
    ) -> Result<OperatorGranted, Failure> {
        let gate = gate(request)?;
        gate.check_origin(request)?;
        let visit = gate.visit(request);
        if visit.transport == Transport::Plain {
            let message = "operators sign in over HTTPS, or on the machine itself: this request \
                           came over plain HTTP (X-Forwarded-Proto, listen.trusted_proxies, \
                           listen.public_url)";
            return Err(Problem::new(StatusCode::FORBIDDEN, "M_FORBIDDEN", message).into());
        }
        let OperatorLogin { name, password } = body.0;
        let operators = &self.0.auth.operators;
        let (id, session) = operators
            .login(&name, &password, gate.visitor(request))
            .await?;
        let cookie = Cookie::Operator.set(visit, &id, operators::LIFETIME / 1_000);
        let body = Json(session.into());
        Ok(OperatorGranted::Granted(body, NOT_KEPT.to_owned(), cookie))
    }

    /// Which operator am I?
    ///
    /// For a page that was loaded anew: it has the cookie and not the `csrf_token`.
    #[oai(path = "/session", method = "get", operation_id = "getOperatorSession")]
    async fn session(&self, me: OperatorSelf) -> Result<Json<OperatorSession>, Failure> {
        let (operator, session) = (me.0.operator, me.0.session);
        Ok(Json(OperatorSession {
            name: operator.name(),
            entity_id: operator.entity().map(ToString::to_string),
            via: match session {
                Some(_) => Via::Account,
                None => Via::Matrix,
            },
            expires_at: session.as_ref().map(|session| Time(session.expires_at)),
            csrf_token: session.map(|session| session.csrf_token),
        }))
    }

    /// Sign out as an operator
    ///
    /// Ends the session of the cookie. For a person there is nothing to end here:
    /// `POST /api/auth/logout`.
    #[oai(path = "/logout", method = "post", operation_id = "operatorLogout")]
    async fn logout(&self, request: &Request, me: OperatorSelf) -> Result<SignedOut, Failure> {
        let visit = gate(request)?.visit(request);
        let cookie = Cookie::Operator.read(request, visit);
        let Some(cookie) = cookie.filter(|_| me.0.session.is_some()) else {
            return Ok(SignedOut::Done(None));
        };
        self.0.auth.operators.logout(cookie).await?;
        Ok(SignedOut::Done(Some(Cookie::Operator.set(visit, "", 0))))
    }
}
