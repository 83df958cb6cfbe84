//! Errors as callers see them: one set of statuses, two shapes of body. The city and bridge
//! documents say `error` and `detail`, the others `error` and `message`.

use poem::http::StatusCode;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object};

use crate::domain::Error;

/// Why a request failed.
#[derive(Object, Clone, Debug)]
pub struct ErrorBody {
    /// The Matrix error code where Matrix has one, e.g. `M_FORBIDDEN`, `M_NOT_FOUND`,
    /// `M_BAD_JSON`, `M_INVALID_PARAM`, `M_TOO_LARGE`, `M_LIMIT_EXCEEDED`; otherwise
    /// `CONFLICT`, `STALLED`, `HOMESERVER_UNAVAILABLE`, `HOMESERVER_ERROR`, `ISSUER_UNAVAILABLE`,
    /// `STORE_UNAVAILABLE`, `INDEX_BEHIND` or `INTERNAL_ERROR`. With `INDEX_BEHIND` it is done and not to be repeated;
    /// only what shows it lags.
    pub error: String,
    /// What was wrong, for people.
    pub message: String,
}

/// Why a request of the city or the bridge failed.
#[derive(Object, Clone, Debug)]
pub struct BridgeErrorBody {
    /// `bad_request`, `unauthorized`, `forbidden`, `not_found`, `method_not_allowed`,
    /// `conflict`, `too_large`, `rate_limited`, `matrix_error`, `matrix_unavailable`,
    /// `issuer_unavailable`, `store_unavailable`, `index_behind` or `internal_error`. With `index_behind` it is done and
    /// not to be repeated; only what shows it lags.
    pub error: String,
    /// What was wrong, for people.
    pub detail: String,
}

/// The status, codes and words of an error, before it takes a shape.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    pub status: StatusCode,
    /// The code of the messaging and gateway documents.
    pub code: String,
    /// The code of the bridge document.
    pub bridge_code: &'static str,
    pub message: String,
    /// Seconds to wait before trying again.
    pub retry_after: Option<u64>,
}

impl Problem {
    /// A problem with the codes that its status stands for.
    pub fn new(status: StatusCode, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            bridge_code: bridge_code(status),
            message: message.into(),
            retry_after: None,
        }
    }

    fn retry(mut self, after: Option<std::time::Duration>) -> Self {
        let seconds = after.map_or(5, |after| {
            // A part of a second is waited for, too.
            let part = u64::from(after.subsec_nanos() > 0);
            (after.as_secs() + part).max(1)
        });
        self.retry_after = Some(seconds);
        self
    }
}

fn bridge_code(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "unauthorized",
        StatusCode::FORBIDDEN => "forbidden",
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
        StatusCode::CONFLICT => "conflict",
        StatusCode::PAYLOAD_TOO_LARGE => "too_large",
        StatusCode::TOO_MANY_REQUESTS => "rate_limited",
        StatusCode::BAD_GATEWAY => "matrix_error",
        StatusCode::SERVICE_UNAVAILABLE => "matrix_unavailable",
        status if status.is_client_error() => "bad_request",
        _ => "internal_error",
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Invalid { .. } => Self::new(StatusCode::BAD_REQUEST, "M_INVALID_PARAM", message),
            Error::Unauthenticated(_) => {
                Self::new(StatusCode::UNAUTHORIZED, "M_UNKNOWN_TOKEN", message)
            }
            Error::WrongCredentials(_) => {
                Self::new(StatusCode::UNAUTHORIZED, "M_FORBIDDEN", message)
            }
            Error::TooMany { retry_after, .. } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "M_LIMIT_EXCEEDED", message)
                    .retry(Some(retry_after))
            }
            Error::Forbidden(_) => Self::new(StatusCode::FORBIDDEN, "M_FORBIDDEN", message),
            Error::NotFound(_) => Self::new(StatusCode::NOT_FOUND, "M_NOT_FOUND", message),
            Error::Conflict(_) => Self::new(StatusCode::CONFLICT, "CONFLICT", message),
            Error::TooLarge { .. } => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "M_TOO_LARGE", message)
            }
            Error::Stalled { .. } => Self::new(StatusCode::REQUEST_TIMEOUT, "STALLED", message),
            Error::HomeserverUnavailable { retry_after, .. } => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "HOMESERVER_UNAVAILABLE",
                message,
            )
            .retry(retry_after),
            Error::HomeserverLimited { retry_after, .. } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "M_LIMIT_EXCEEDED", message)
                    .retry(Some(retry_after))
            }
            Error::HomeserverRefused {
                status, errcode, ..
            } => Self::new(refused(status), errcode, message),
            Error::HomeserverNonsense(_) => {
                Self::new(StatusCode::BAD_GATEWAY, "HOMESERVER_ERROR", message)
            }
            Error::IssuerUnavailable(_) => {
                let mut problem = Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "ISSUER_UNAVAILABLE",
                    message,
                );
                problem.bridge_code = "issuer_unavailable";
                problem.retry(None)
            }
            Error::StoreUnavailable(_) => {
                let mut problem = Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "STORE_UNAVAILABLE",
                    message,
                );
                problem.bridge_code = "store_unavailable";
                problem.retry(None)
            }
            // Without a time to come back: what was asked for is done, and would be refused or
            // done twice.
            Error::TimedOut(_) => {
                let mut problem =
                    Self::new(StatusCode::SERVICE_UNAVAILABLE, "INDEX_BEHIND", message);
                problem.bridge_code = "index_behind";
                problem
            }
            Error::Internal(_) => {
                tracing::error!(error = message, "internal error");
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "INTERNAL_ERROR",
                    "internal error; the log has the details under this request id",
                )
            }
        }
    }
}

/// A refusal keeps its status when callers can do something about it.
fn refused(status: u16) -> StatusCode {
    match StatusCode::from_u16(status) {
        // Our own credentials were refused: that is not the caller's doing.
        Ok(StatusCode::UNAUTHORIZED) | Err(_) => StatusCode::BAD_GATEWAY,
        Ok(status) if status.is_client_error() => status,
        Ok(_) => StatusCode::BAD_GATEWAY,
    }
}

macro_rules! failures {
    ($(#[$doc:meta])* $name:ident, $body:ident, $text:ident, $code:ident) => {
        $(#[$doc])*
        #[derive(ApiResponse, Clone, Debug)]
        pub enum $name {
            /// Bad input; the text names the field.
            #[oai(status = 400)]
            BadRequest(Json<$body>),
            /// The caller did not say who it is, or not convincingly.
            #[oai(status = 401)]
            Unauthorized(Json<$body>),
            /// The caller may not do this.
            #[oai(status = 403)]
            Forbidden(Json<$body>),
            /// There is no such thing, or none that the caller may know of.
            #[oai(status = 404)]
            NotFound(Json<$body>),
            /// It exists already, or its state does not allow this.
            #[oai(status = 409)]
            Conflict(Json<$body>),
            /// The body is larger than the limit.
            #[oai(status = 413)]
            TooLarge(Json<$body>),
            /// Too many requests.
            #[oai(status = 429)]
            TooMany(
                Json<$body>,
                /// Seconds to wait.
                #[oai(header = "Retry-After")]
                u64,
            ),
            /// A bug; nothing was lost.
            #[oai(status = 500)]
            Internal(Json<$body>),
            /// The homeserver answered something that is not Matrix.
            #[oai(status = 502)]
            BadGateway(Json<$body>),
            /// The homeserver or the store is not available now; or it is done and the index does
            /// not show it yet.
            #[oai(status = 503)]
            Unavailable(
                Json<$body>,
                /// Seconds to wait; absent when the request is not to be repeated.
                #[oai(header = "Retry-After")]
                Option<u64>,
            ),
        }

        impl From<Problem> for $name {
            fn from(problem: Problem) -> Self {
                let retry = problem.retry_after;
                let body = Json($body {
                    error: problem.$code.to_string(),
                    $text: problem.message,
                });
                match problem.status {
                    StatusCode::UNAUTHORIZED => Self::Unauthorized(body),
                    StatusCode::FORBIDDEN => Self::Forbidden(body),
                    StatusCode::NOT_FOUND => Self::NotFound(body),
                    StatusCode::CONFLICT => Self::Conflict(body),
                    StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge(body),
                    StatusCode::TOO_MANY_REQUESTS => Self::TooMany(body, retry.unwrap_or(5)),
                    StatusCode::BAD_GATEWAY => Self::BadGateway(body),
                    StatusCode::SERVICE_UNAVAILABLE => Self::Unavailable(body, retry),
                    status if status.is_client_error() => Self::BadRequest(body),
                    _ => Self::Internal(body),
                }
            }
        }

        impl From<Error> for $name {
            fn from(error: Error) -> Self {
                Problem::from(error).into()
            }
        }
    };
}

failures!(
    /// Failures in the shape of the messaging and gateway documents.
    Failure, ErrorBody, message, code
);
failures!(
    /// Failures in the shape of the bridge document.
    BridgeFailure, BridgeErrorBody, detail, bridge_code
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_keep_their_code_and_a_sensible_status() {
        for (status, seen) in [(403, 403), (404, 404), (429, 429), (401, 502), (500, 502)] {
            let problem = Problem::from(Error::HomeserverRefused {
                status,
                errcode: "M_FORBIDDEN".into(),
                message: "no".into(),
            });
            assert_eq!(problem.status.as_u16(), seen);
            assert_eq!(problem.code, "M_FORBIDDEN");
        }
    }

    #[test]
    fn what_is_done_is_not_asked_for_again() {
        let problem = Problem::from(Error::TimedOut("it is done".into()));
        assert_eq!(problem.code, "INDEX_BEHIND");
        assert_eq!(problem.bridge_code, "index_behind");
        let Failure::Unavailable(_, retry) = Failure::from(problem) else {
            panic!("another status");
        };
        assert_eq!(retry, None, "no Retry-After");
    }

    #[test]
    fn unavailable_says_when_to_come_back() {
        let problem = Problem::from(Error::unavailable("connection refused"));
        assert_eq!(problem.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(problem.bridge_code, "matrix_unavailable");
        assert_eq!(problem.retry_after, Some(5));
    }
}
