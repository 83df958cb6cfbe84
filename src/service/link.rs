//! The link to the homeserver: how the latest check and the latest ping went. The connector and
//! the health service note it, operators read it.

use std::sync::{Mutex, PoisonError};

use crate::domain::id::Millis;
use crate::domain::{Error, Result};

/// What is known of the link.
#[derive(Default)]
pub struct Link {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Why the homeserver refuses our token, when it does.
    refused: Option<Error>,
    pinged: Option<Pinged>,
}

struct Pinged {
    at: Millis,
    outcome: Result<()>,
}

/// Whether the homeserver has our registration and reaches us by it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Registration {
    /// It does: by the latest ping, or by a transaction that came later.
    Ok,
    /// It knows neither our token nor our id, or not both together.
    Refused,
    /// It knows us and cannot reach us.
    UnreachableFromHomeserver,
    /// It has not been asked yet, or could not be.
    Unknown,
}

impl Registration {
    /// The word that contracts use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::UnreachableFromHomeserver => "unreachable_from_homeserver",
            Self::Unknown => "unknown",
        }
    }
}

impl Link {
    /// Notes how a check of the homeserver went.
    pub fn note_check(&self, outcome: &Result<()>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(()) => known.refused = None,
            Err(error) if error.is_unknown_connector() => known.refused = Some(error.clone()),
            // It says nothing about the registration.
            Err(_) => {}
        }
    }

    /// Notes how a ping went. Says whether that is news: another outcome than before.
    pub fn note_ping(&self, at: Millis, outcome: Result<()>) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.pinged.as_ref().map(|pinged| pinged.outcome.is_ok());
        let is_news = before != Some(outcome.is_ok());
        known.pinged = Some(Pinged { at, outcome });
        is_news
    }

    /// Whether the latest ping failed.
    #[must_use]
    pub fn is_ping_failing(&self) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let pinged = known.pinged.as_ref();
        pinged.is_some_and(|pinged| pinged.outcome.is_err())
    }

    /// The state of the registration, and why it is not well.
    #[must_use]
    pub fn registration(
        &self,
        last_transaction_at: Option<Millis>,
    ) -> (Registration, Option<String>) {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = &known.refused {
            return (Registration::Refused, Some(error.to_string()));
        }
        let Some(Pinged { at, outcome }) = &known.pinged else {
            return (Registration::Unknown, None);
        };
        let Err(error) = outcome else {
            return (Registration::Ok, None);
        };
        if last_transaction_at.is_some_and(|came| came > *at) {
            return (Registration::Ok, None);
        }
        let state = match error {
            // Our id is not the one that our token belongs to.
            Error::HomeserverRefused { errcode, .. } if errcode == "M_FORBIDDEN" => {
                Registration::Refused
            }
            Error::HomeserverRefused { .. } => Registration::UnreachableFromHomeserver,
            _ => Registration::Unknown,
        };
        (state, Some(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::error::UNKNOWN_CONNECTOR;

    fn refusal(errcode: &str) -> Error {
        Error::HomeserverRefused {
            status: 502,
            errcode: errcode.to_owned(),
            message: "no".to_owned(),
        }
    }

    fn state(link: &Link, last_transaction_at: Option<Millis>) -> Registration {
        link.registration(last_transaction_at).0
    }

    #[test]
    fn the_registration_follows_the_latest_news() {
        let link = Link::default();
        assert_eq!(state(&link, None), Registration::Unknown);
        assert!(link.note_ping(10, Ok(())), "the first is news");
        assert_eq!(state(&link, None), Registration::Ok);
        assert!(link.note_ping(20, Err(refusal("M_CONNECTION_FAILED"))));
        assert!(!link.note_ping(30, Err(refusal("M_BAD_STATUS"))));
        assert!(link.is_ping_failing());
        let unreachable = Registration::UnreachableFromHomeserver;
        assert_eq!(state(&link, Some(25)), unreachable);
        assert_eq!(state(&link, Some(31)), Registration::Ok, "it came through");
        link.note_ping(40, Err(refusal("M_FORBIDDEN")));
        assert_eq!(state(&link, None), Registration::Refused);
        link.note_ping(50, Err(Error::unavailable("away")));
        assert_eq!(state(&link, None), Registration::Unknown);
    }

    #[test]
    fn a_refused_token_stands_until_it_is_taken() {
        let link = Link::default();
        link.note_ping(10, Ok(()));
        link.note_check(&Err(Error::unavailable(UNKNOWN_CONNECTOR)));
        assert_eq!(state(&link, None), Registration::Refused);
        link.note_check(&Err(Error::unavailable("away")));
        assert_eq!(state(&link, None), Registration::Refused);
        link.note_check(&Ok(()));
        assert_eq!(state(&link, None), Registration::Ok);
    }
}
