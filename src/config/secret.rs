//! A value that may be used but not shown.
//!
//! Neither `Debug` nor `Serialize` gives the text away, so a secret cannot reach a log line or the
//! effective configuration by accident; only [`Secret::expose`] does, and it is easy to search for.

use std::fmt;

use serde::{Serialize, Serializer};

/// What stands in place of a secret wherever one would be shown.
pub(super) const HIDDEN: &str = "(hidden)";

/// A token, password or key.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the text of a secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself: for a request header or a comparison in constant time, never for output.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}
