//! Scheduled messages: what somebody will say at a time of their choice.

use uuid::Uuid;

use super::entity::Entity;
use super::error::{Error, Result};
use super::id::{ChannelId, MessageId, Millis};

/// How many one person may have that wait or have failed.
pub const MOST: usize = 100;
/// How many of one author are looked at in one go: nobody waits for all of another's.
pub const AT_ONCE: usize = 4;
/// How far ahead one may be, in milliseconds: a year.
const FARTHEST: Millis = 366 * 86_400_000;

/// How a scheduled message stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ScheduleState {
    Waiting,
    /// It was tried to be sent, first at this time, and it is not known what came of that.
    Sending {
        since: Millis,
    },
    Sent {
        message: MessageId,
        at: Millis,
    },
    /// It could not be sent, and will not be tried again until it is changed.
    Failed {
        reason: String,
        at: Millis,
    },
}

impl ScheduleState {
    /// The word of contracts and records.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sending { .. } => "sending",
            Self::Sent { .. } => "sent",
            Self::Failed { .. } => "failed",
        }
    }

    /// Whether its time is waited for, or it is on its way.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        matches!(self, Self::Waiting | Self::Sending { .. })
    }

    /// Whether it may still be changed and cancelled.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Waiting | Self::Failed { .. })
    }
}

/// What will be said.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ScheduledContent {
    pub text: String,
    pub markdown: bool,
    pub reply_to: Option<MessageId>,
    pub thread: Option<MessageId>,
    pub mentions: Vec<String>,
    pub file: Option<ScheduledFile>,
}

/// A file that it carries.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ScheduledFile {
    pub url: String,
    /// Its Matrix `msgtype`.
    pub kind: Option<String>,
    pub name: Option<String>,
    pub mimetype: Option<String>,
    pub size: Option<u64>,
    pub width: Option<u64>,
    pub height: Option<u64>,
    pub duration_ms: Option<u64>,
}

/// A scheduled message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scheduled {
    /// Also the Matrix transaction by which it is said once.
    pub id: Uuid,
    pub channel: ChannelId,
    pub by: Entity,
    pub content: ScheduledContent,
    pub send_at: Millis,
    /// When it is looked at next: at its time, and later when it could not be sent then.
    pub next_try: Millis,
    pub created_at: Millis,
    pub state: ScheduleState,
    /// Whether a try of it was cut off, or its answer lost: then it may have been said, whatever has
    /// become of later tries.
    pub may_be_said: bool,
    /// How often it was changed: of two who change it at once one is first.
    pub revision: u64,
}

/// Checks when something is to be sent.
pub fn check_time(send_at: Millis, now: Millis) -> Result<()> {
    if send_at <= now {
        return Err(Error::invalid("send_at", "must be later than now"));
    }
    if send_at > now.saturating_add(FARTHEST) {
        return Err(Error::invalid("send_at", "must be within a year"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_ahead_and_not_too_far() {
        assert!(check_time(10, 10).is_err());
        assert!(check_time(11, 10).is_ok());
        assert!(check_time(10 + FARTHEST, 10).is_ok());
        let far = check_time(11 + FARTHEST, 10).expect_err("too far");
        assert_eq!(far.to_string(), "send_at: must be within a year");
    }
}
