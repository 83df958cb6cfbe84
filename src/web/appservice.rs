//! What the homeserver calls: the application service's endpoints of the Matrix
//! specification (`/_matrix/app/v1`), with its own error shape.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use poem::http::StatusCode;
use poem::web::{Data, Json, Path};
use poem::{
    Body, Endpoint, EndpointExt, IntoResponse, Middleware, Request, Response, Result, Route, get,
    handler, post, put,
};
use serde_json::json;
use subtle::ConstantTimeEq;

use super::limit;
use crate::api::auth::{Rejected, bearer};
use crate::api::body::{TOO_LARGE, is_excess};
use crate::api::error::Problem;
use crate::clock::Clock;
use crate::domain::Error;
use crate::domain::id::Millis;
use crate::homeserver::Inbound;

/// How long nothing is said of refusals after one was spoken of, in milliseconds: what is refused
/// is sent again and again.
const QUIET: Millis = 60_000;

/// The refusals that mean that the homeserver brings nothing, with what is said of them.
const REFUSALS: [(StatusCode, &str); 3] = [
    (StatusCode::UNAUTHORIZED, "no token came with it"),
    (StatusCode::FORBIDDEN, "its token is not our hs_token"),
    (
        StatusCode::PAYLOAD_TOO_LARGE,
        "it is larger than limits.transaction",
    ),
];

/// The routes, each behind the homeserver's token, with bodies of at most `limit` bytes.
pub fn routes(
    inbound: Arc<dyn Inbound>,
    hs_token: String,
    limit: u64,
    clock: Clock,
) -> impl Endpoint<Output = Response> {
    Route::new()
        .at("/_matrix/app/v1/transactions/:id", put(transaction))
        .at("/_matrix/app/v1/users/:user", get(user))
        .at("/_matrix/app/v1/rooms/:alias", get(room))
        .at("/_matrix/app/v1/ping", post(ping))
        .with(limit::BodyLimit::new(limit))
        // Outside of the limit, so that its refusals take the shape of this area, too.
        .with(Token { hs_token, clock })
        .data(inbound)
}

/// Takes a transaction: answered only when everything in it is durable.
#[handler]
async fn transaction(
    Path(id): Path<String>,
    inbound: Data<&Arc<dyn Inbound>>,
    body: Body,
) -> Response {
    let body = match body.into_bytes().await {
        Ok(body) => body,
        Err(error) if is_excess(&error) => {
            return matrix(StatusCode::PAYLOAD_TOO_LARGE, "M_TOO_LARGE", TOO_LARGE);
        }
        Err(error) => {
            return matrix(StatusCode::BAD_REQUEST, "M_NOT_JSON", &error.to_string());
        }
    };
    match inbound.transaction(&id, &body).await {
        Ok(()) => Json(json!({})).into_response(),
        Err(error) => {
            tracing::error!(%error, transaction_id = id, "a transaction was not taken");
            refuse(error)
        }
    }
}

#[handler]
fn user(Path(user): Path<String>, inbound: Data<&Arc<dyn Inbound>>) -> Response {
    answer(inbound.knows_user(&user))
}

#[handler]
fn room(Path(alias): Path<String>, inbound: Data<&Arc<dyn Inbound>>) -> Response {
    answer(inbound.knows_alias(&alias))
}

#[handler]
fn ping(_body: Body) -> Response {
    Json(json!({})).into_response()
}

fn answer(known: bool) -> Response {
    if known {
        return Json(json!({})).into_response();
    }
    matrix(StatusCode::NOT_FOUND, "M_NOT_FOUND", "not known here")
}

fn refuse(error: Error) -> Response {
    let code = match error {
        Error::Invalid { .. } => "M_BAD_JSON",
        _ => "M_UNKNOWN",
    };
    let problem = Problem::from(error);
    matrix(problem.status, code, &problem.message)
}

/// An error as the Matrix specification writes it.
fn matrix(status: StatusCode, errcode: &str, error: &str) -> Response {
    Json(json!({"errcode": errcode, "error": error}))
        .with_status(status)
        .into_response()
}

struct Token {
    hs_token: String,
    clock: Clock,
}

struct Guarded<E> {
    inner: E,
    hs_token: String,
    clock: Clock,
    /// When a refusal was last spoken of, for each of [`REFUSALS`].
    told_at: [AtomicU64; REFUSALS.len()],
}

impl<E: Endpoint> Middleware<E> for Token {
    type Output = Guarded<E>;

    fn transform(&self, inner: E) -> Guarded<E> {
        Guarded {
            inner,
            hs_token: self.hs_token.clone(),
            clock: self.clock.clone(),
            told_at: Default::default(),
        }
    }
}

impl<E> Guarded<E> {
    /// Says that the homeserver brings nothing, which it does not say itself.
    fn tell_of(&self, refused: &Response) {
        let mut kinds = REFUSALS.iter().zip(&self.told_at);
        let found = kinds.find(|((status, _), _)| *status == refused.status());
        let Some(((_, reason), told_at)) = found else {
            return;
        };
        let (now, told) = (self.clock.now(), told_at.load(Ordering::Relaxed));
        if told > 0 && now < told.saturating_add(QUIET) {
            return;
        }
        told_at.store(now, Ordering::Relaxed);
        tracing::warn!(reason, "a push was refused");
    }
}

impl<E: Endpoint> Endpoint for Guarded<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let answer = self.answer(request).await?;
        self.tell_of(&answer);
        Ok(answer)
    }
}

impl<E: Endpoint> Guarded<E> {
    async fn answer(&self, request: Request) -> Result<Response> {
        let Some(token) = bearer(&request) else {
            let message = "the homeserver's token is needed";
            return Ok(matrix(StatusCode::UNAUTHORIZED, "M_UNAUTHORIZED", message));
        };
        // In a time that does not depend on how much of it is right.
        if !bool::from(token.as_bytes().ct_eq(self.hs_token.as_bytes())) {
            let message = "the homeserver's token is not this one";
            return Ok(matrix(StatusCode::FORBIDDEN, "M_FORBIDDEN", message));
        }
        match self.inner.call(request).await {
            Ok(response) => Ok(response.into_response()),
            Err(error) => Ok(match error.downcast_ref::<Rejected>() {
                Some(Rejected(problem)) => matrix(problem.status, &problem.code, &problem.message),
                None => matrix(error.status(), "M_UNRECOGNIZED", &error.to_string()),
            }),
        }
    }
}
