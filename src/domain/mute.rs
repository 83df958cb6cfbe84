//! Mutes: somebody has no word in a channel for a while.

use serde_json::{Value, json};

use super::audit::rfc3339;
use super::id::{ChannelId, Millis, UserId};

/// The longest mute, in seconds: a year.
pub const LONGEST_SECONDS: u64 = 365 * 24 * 3600;

/// Somebody who is muted: their power level is below what speaking needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mute {
    pub channel: ChannelId,
    pub user: UserId,
    /// What they were given. Once they have another one, somebody else has decided.
    pub level: i64,
    /// What they are given back; `None`: they were not named.
    pub before: Option<i64>,
    pub since: Millis,
    pub until: Millis,
    pub by: UserId,
    /// Who has asked for the word to be given back, when it is not known what came of that.
    pub lifted_by: Option<UserId>,
    pub reason: Option<String>,
}

impl Mute {
    /// What the audit log is told of it.
    #[must_use]
    pub fn told(&self) -> Value {
        json!({
            "power_level": self.level,
            "muted_until": rfc3339(self.until),
            "reason": self.reason,
        })
    }
}
