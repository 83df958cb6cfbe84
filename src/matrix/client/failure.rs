//! What a failed request means, in our words.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;

use crate::domain::Error;
use crate::domain::entity::Entity;
use crate::domain::error::UNKNOWN_CONNECTOR;

/// How long to wait when the homeserver asks for fewer requests without saying how long.
const DEFAULT_RETRY: Duration = Duration::from_millis(500);
/// No homeserver means more than this.
const MAX_RETRY: Duration = Duration::from_secs(3_600);

/// A request that failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub error: Error,
    /// Whether the same request may succeed in a moment.
    pub may_pass: bool,
}

/// A Matrix error (client-server API, "Standard error response").
#[derive(Deserialize)]
struct MatrixError {
    errcode: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    retry_after_ms: Option<u64>,
}

impl Failure {
    /// No answer came, or only a part of one.
    pub fn transport(error: &reqwest::Error, base: &str) -> Self {
        let reason = if error.is_timeout() && !error.is_connect() {
            format!("{base} does not answer in time")
        } else {
            // reqwest's own text names the whole address and not the cause.
            let mut cause: &dyn std::error::Error = error;
            while let Some(deeper) = cause.source() {
                cause = deeper;
            }
            let stage = if error.is_connect() {
                "reach"
            } else {
                "talk to"
            };
            format!("cannot {stage} {base}: {cause}")
        };
        Self {
            error: Error::unavailable(reason),
            // After a time limit there is no time left for another attempt.
            may_pass: !error.is_timeout() || error.is_connect(),
        }
    }

    /// An answer came, and it is no success.
    pub fn answer(parts: &http::response::Parts, body: &[u8]) -> Self {
        let status = parts.status;
        let matrix: Option<MatrixError> = serde_json::from_slice(body).ok();
        let retry_after = retry_after(&parts.headers, matrix.as_ref());
        let error = match matrix {
            matrix if status == StatusCode::TOO_MANY_REQUESTS => Error::HomeserverLimited {
                message: matrix
                    .map(|matrix| matrix.error)
                    .filter(|words| !words.is_empty())
                    .unwrap_or_else(|| "the homeserver limits requests".to_owned()),
                retry_after: retry_after.unwrap_or(DEFAULT_RETRY),
            },
            Some(matrix) if status.is_server_error() && !is_about_us(&matrix) => {
                let MatrixError { errcode, error, .. } = matrix;
                unavailable(
                    format!("it answers {status}: {errcode} {error}"),
                    retry_after,
                )
            }
            Some(matrix) => Error::HomeserverRefused {
                status: status.as_u16(),
                errcode: matrix.errcode,
                message: matrix.error,
            },
            // A proxy before the homeserver may say it.
            None if status == StatusCode::PAYLOAD_TOO_LARGE => Error::HomeserverRefused {
                status: status.as_u16(),
                errcode: "M_TOO_LARGE".to_owned(),
                message: "what stands before the homeserver lets nothing so large through"
                    .to_owned(),
            },
            None if status.is_server_error() => {
                unavailable(format!("it answers {status}"), retry_after)
            }
            None => Error::HomeserverNonsense(format!("{status} without a Matrix error")),
        };
        let may_pass =
            status.is_server_error() && matches!(error, Error::HomeserverUnavailable { .. });
        Self { error, may_pass }
    }

    /// What the homeserver asked for.
    pub fn retry_after(&self) -> Option<Duration> {
        match self.error {
            Error::HomeserverUnavailable { retry_after, .. } => retry_after,
            _ => None,
        }
    }
}

/// Whether the homeserver refused because it does not know the user that we act as. The
/// specification names no error code for it; these are the words of Synapse and Dendrite.
#[must_use]
pub fn is_unknown_user(error: &Error) -> bool {
    says(error, "not registered this user")
}

/// Turns the last failure of a request into one that tells that an earlier attempt may have been
/// carried out: being asked for patience then does not mean that nothing was done.
pub(super) fn left_open(error: Error) -> Error {
    match error {
        Error::HomeserverLimited {
            message,
            retry_after,
        } => unavailable(message, Some(retry_after)),
        error => error,
    }
}

/// Turns a refusal of the application service's own token, which nothing can be done without,
/// into one that says what to look for.
pub(super) fn name_as_token(error: Error) -> Error {
    if error.is_refusal("M_UNKNOWN_TOKEN") || error.is_refusal("M_MISSING_TOKEN") {
        return Error::unavailable(UNKNOWN_CONNECTOR);
    }
    error
}

/// Turns a refusal of the user that we act as into one that names the entity.
pub(super) fn name_entity(error: Error, acting: Option<Entity>) -> Error {
    let Some(entity) = acting else {
        return error;
    };
    if is_unknown_user(&error) {
        Error::forbidden(format!("{entity} does not exist on the homeserver"))
    } else if says(&error, "cannot masquerade as this user") {
        Error::forbidden(format!(
            "the connector may not act as {entity}: its registration does not cover that user"
        ))
    } else {
        error
    }
}

fn says(error: &Error, words: &str) -> bool {
    matches!(
        error,
        Error::HomeserverRefused { status: 403, message, .. } if message.contains(words)
    )
}

fn unavailable(reason: String, retry_after: Option<Duration>) -> Error {
    Error::HomeserverUnavailable {
        reason,
        retry_after,
    }
}

/// Answers to a ping that say what is wrong with the connector and not with the homeserver
/// (application service API, "Pinging").
fn is_about_us(error: &MatrixError) -> bool {
    matches!(
        error.errcode.as_str(),
        "M_BAD_STATUS" | "M_CONNECTION_TIMEOUT" | "M_CONNECTION_FAILED"
    )
}

fn retry_after(headers: &HeaderMap, error: Option<&MatrixError>) -> Option<Duration> {
    let header = headers
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .map(Duration::from_secs);
    let field = error
        .and_then(|error| error.retry_after_ms)
        .map(Duration::from_millis);
    header.or(field).map(|wait| wait.min(MAX_RETRY))
}
