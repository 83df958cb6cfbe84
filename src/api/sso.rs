//! Signing in by the homeserver's word: an OpenID token, or its own sign-in page (`/api/auth`).

use poem::http::header;
use poem::{IntoResponse, Request, Response};
use poem_openapi::param::Query;
use poem_openapi::payload::Json;
use poem_openapi::registry::{MetaResponses, Registry};
use poem_openapi::{ApiResponse, OpenApi};

use super::auth::gate;
use super::body::Body;
use super::error::Failure;
use super::schema::{OpenIdLogin, SignInMethods};
use super::sign_in::{Granted, NOT_KEPT, granted};
use super::visit::Cookie;
use super::{Services, Tag};
use crate::domain::Error;
use crate::service::auth::sso::PATIENCE;

/// Where browsers come back to.
const CALLBACK: &str = "/api/auth/sso/callback";

/// The operations.
pub struct SsoApi(pub Services);

/// The browser is to go elsewhere.
#[derive(ApiResponse)]
pub enum Redirected {
    /// It goes on from here.
    #[oai(status = 303)]
    Elsewhere(
        /// Where to.
        #[oai(header = "Location")]
        String,
        /// What it keeps.
        #[oai(header = "Set-Cookie")]
        String,
        /// `no-store`.
        #[oai(header = "Cache-Control")]
        String,
    ),
}

/// The browser has come back and is signed in: one cookie is set, and the one of its way goes.
pub struct Arrived {
    redirected: Redirected,
    cleared: String,
}

impl IntoResponse for Arrived {
    fn into_response(self) -> Response {
        let mut response = self.redirected.into_response();
        if let Ok(cleared) = self.cleared.parse() {
            response.headers_mut().append(header::SET_COOKIE, cleared);
        }
        response
    }
}

impl ApiResponse for Arrived {
    fn meta() -> MetaResponses {
        Redirected::meta()
    }

    fn register(registry: &mut Registry) {
        Redirected::register(registry);
    }
}

#[OpenApi(prefix_path = "/api/auth", tag = "Tag::Auth")]
impl SsoApi {
    /// How may I sign in?
    ///
    /// For everybody: what the homeserver offers, as it said within the last minute.
    #[oai(path = "/methods", method = "get", operation_id = "listSignInMethods")]
    async fn methods(&self) -> Result<Json<SignInMethods>, Failure> {
        let ways = self.0.auth.sso.ways_in().await?;
        Ok(Json(SignInMethods {
            password: ways.password,
            sso: ways.page,
        }))
    }

    /// Sign in with a Matrix OpenID token
    ///
    /// What a Matrix client gets from
    /// `POST /_matrix/client/v3/user/{userId}/openid/request_token`, as it is. The homeserver is
    /// asked whose it is. 400 names another homeserver than the city's; 401 `M_FORBIDDEN` for a
    /// token that it does not know, 429 after repeated failures, 503 when the homeserver is away.
    #[oai(path = "/matrix", method = "post", operation_id = "loginWithOpenId")]
    async fn matrix(&self, request: &Request, body: Body<OpenIdLogin>) -> Result<Granted, Failure> {
        let gate = gate(request)?;
        gate.check_origin(request)?;
        let OpenIdLogin {
            access_token,
            matrix_server_name,
            token_type,
            cookie,
            ..
        } = body.0;
        if token_type.is_some_and(|it| !it.eq_ignore_ascii_case("bearer")) {
            return Err(Error::invalid("token_type", "must be Bearer").into());
        }
        let people = &self.0.auth.people;
        let grant = people
            .login_by_openid(&access_token, &matrix_server_name, gate.visitor(request))
            .await?;
        Ok(granted(&grant, cookie.then(|| gate.visit(request))))
    }

    /// Sign in at the homeserver's own page
    ///
    /// Sends the browser there (`m.login.sso`); it comes back signed in, with the refresh token as a
    /// cookie, and ends up at `redirect`. 400 names a `redirect` that is no path of the city, 403
    /// when the city is not asked by its public address (`listen.public_url`), 404 when the
    /// homeserver has no such page.
    #[oai(path = "/sso", method = "get", operation_id = "beginSso")]
    async fn begin(
        &self,
        request: &Request,
        /// The path to end up at, `/` when absent.
        redirect: Query<Option<String>>,
    ) -> Result<Redirected, Failure> {
        let gate = gate(request)?;
        let callback = gate.own_address(request, CALLBACK)?;
        let begun = self
            .0
            .auth
            .sso
            .begin(&callback, redirect.0.as_deref())
            .await?;
        let visit = gate.visit(request);
        let cookie = Cookie::Sso.set(visit, &begun.secret, PATIENCE / 1_000);
        Ok(Redirected::Elsewhere(
            begun.address,
            cookie,
            NOT_KEPT.to_owned(),
        ))
    }

    /// Come back from the homeserver's page
    ///
    /// Where the homeserver sends the browser. Both parameters are needed. 400 names a `state` that
    /// this browser was not sent with, or that is too old; 401 `M_FORBIDDEN` for a token that the homeserver does not know,
    /// 429 after repeated failures.
    #[oai(path = "/sso/callback", method = "get", operation_id = "finishSso")]
    async fn finish(
        &self,
        request: &Request,
        /// What the homeserver gives.
        #[oai(name = "loginToken")]
        login_token: Query<Option<String>>,
        /// What was sent along to it.
        state: Query<Option<String>>,
    ) -> Result<Arrived, Failure> {
        let gate = gate(request)?;
        let visit = gate.visit(request);
        let secret = Cookie::Sso.read(request, visit);
        let state = state
            .0
            .ok_or_else(|| Error::invalid("state", "is needed"))?;
        let token = login_token.0;
        let token = token.ok_or_else(|| Error::invalid("loginToken", "is needed"))?;
        let path = self.0.auth.sso.path_of(&state, secret)?;
        let people = &self.0.auth.people;
        let grant = people.login_by_page(&token, gate.visitor(request)).await?;
        let seconds = grant.refresh_expires_in;
        let cookie = Cookie::Refresh.set(visit, &grant.refresh_token, seconds);
        Ok(Arrived {
            redirected: Redirected::Elsewhere(path, cookie, NOT_KEPT.to_owned()),
            cleared: Cookie::Sso.set(visit, "", 0),
        })
    }
}
