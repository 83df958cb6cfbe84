//! What can go wrong, in our words. Errors change shape only at a boundary: stores and the
//! homeserver turn theirs into this one, the API turns this one into a status and a body.

use std::time::Duration;

/// Why nothing works until the registration is mended at the homeserver.
pub const UNKNOWN_CONNECTOR: &str = "the homeserver does not know our as_token: is the \
     registration loaded there, and has the homeserver been restarted since it was changed?";

/// The outcome of everything that can fail inside daarion.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure with the message that its caller may read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Error {
    /// The caller sent something that cannot be used.
    #[error("{field}: {message}")]
    Invalid {
        /// The field, parameter or header at fault.
        field: &'static str,
        message: String,
    },
    /// The caller did not say who it is, or not convincingly.
    #[error("{0}")]
    Unauthenticated(String),
    /// The name or the password is wrong; which of them is not said.
    #[error("{0}")]
    WrongCredentials(String),
    /// The caller asks too often.
    #[error("{message}")]
    TooMany {
        message: String,
        retry_after: Duration,
    },
    /// The caller may not do this.
    #[error("{0}")]
    Forbidden(String),
    /// There is no such thing, or none that the caller may know of.
    #[error("{0}")]
    NotFound(String),
    /// It exists already, or its state does not allow this.
    #[error("{0}")]
    Conflict(String),
    /// What was sent is larger than the limit, in bytes.
    #[error("{field}: larger than the limit of {limit} bytes")]
    TooLarge {
        /// The field at fault.
        field: &'static str,
        limit: u64,
    },
    /// Whoever sends something does not go on with it.
    #[error("{field}: nothing has come of it for {} s", .within.as_secs_f32())]
    Stalled {
        /// The field that is not whole.
        field: &'static str,
        within: Duration,
    },
    /// The homeserver does not answer, or says that it cannot now.
    #[error("homeserver unavailable: {reason}")]
    HomeserverUnavailable {
        reason: String,
        retry_after: Option<Duration>,
    },
    /// The homeserver asks for fewer requests; its words are passed on.
    #[error("{message}")]
    HomeserverLimited {
        message: String,
        retry_after: Duration,
    },
    /// The homeserver refused; its code and words are passed on.
    #[error("{message}")]
    HomeserverRefused {
        /// The HTTP status of the refusal.
        status: u16,
        /// The Matrix error code, e.g. `M_FORBIDDEN`.
        errcode: String,
        message: String,
    },
    /// The homeserver answered something that is not Matrix.
    #[error("homeserver answered nonsense: {0}")]
    HomeserverNonsense(String),
    /// An outside issuer does not show the keys that its tokens are verified by.
    #[error("outside issuer unavailable: {0}")]
    IssuerUnavailable(String),
    /// The store cannot be read or written now (disk full, I/O error).
    #[error("store unavailable: {0}")]
    StoreUnavailable(String),
    /// What was asked for takes longer than the caller may wait; it goes on.
    #[error("{0}")]
    TimedOut(String),
    /// A bug, or data that cannot be what it is.
    #[error("internal error: {0}")]
    Internal(String),
}

impl Error {
    /// Names the field that is at fault and what was expected.
    pub fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid {
            field,
            message: message.into(),
        }
    }

    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::Forbidden(message.into())
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::NotFound(message.into())
    }

    pub fn conflict(message: impl Into<String>) -> Self {
        Self::Conflict(message.into())
    }

    pub fn internal(message: impl Into<String>) -> Self {
        Self::Internal(message.into())
    }

    pub fn unavailable(reason: impl Into<String>) -> Self {
        Self::HomeserverUnavailable {
            reason: reason.into(),
            retry_after: None,
        }
    }

    /// Whether the homeserver refused with this Matrix error code.
    #[must_use]
    pub fn is_refusal(&self, code: &str) -> bool {
        matches!(self, Self::HomeserverRefused { errcode, .. } if errcode == code)
    }

    /// Whether the homeserver does not know the connector, see [`UNKNOWN_CONNECTOR`].
    #[must_use]
    pub fn is_unknown_connector(&self) -> bool {
        matches!(self, Self::HomeserverUnavailable { reason, .. } if reason == UNKNOWN_CONNECTOR)
    }

    /// Whether the same request may succeed later without being changed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::HomeserverUnavailable { .. }
                | Self::HomeserverLimited { .. }
                | Self::HomeserverNonsense(_)
                | Self::IssuerUnavailable(_)
                | Self::StoreUnavailable(_)
                | Self::TimedOut(_)
        )
    }

    /// Whether it is not known what came of the request.
    #[must_use]
    pub fn leaves_open(&self) -> bool {
        let is_refused = matches!(self, Self::HomeserverLimited { .. });
        matches!(self, Self::Internal(_)) || (self.is_transient() && !is_refused)
    }
}
