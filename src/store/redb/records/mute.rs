//! Mutes, version 1.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Record;
use crate::domain::id::{ChannelId, UserId};
use crate::domain::mute::Mute;

#[derive(Serialize, Deserialize)]
pub struct MuteRecord {
    channel: Uuid,
    user: UserId,
    level: i64,
    before: Option<i64>,
    since: u64,
    until: u64,
    by: UserId,
    /// Added later.
    #[serde(default)]
    lifted_by: Option<UserId>,
    reason: Option<String>,
}

impl Record<'_> for MuteRecord {
    const NAME: &'static str = "mute";
    const VERSION: u8 = 1;
}

impl From<Mute> for MuteRecord {
    fn from(mute: Mute) -> Self {
        Self {
            channel: mute.channel.0,
            user: mute.user,
            level: mute.level,
            before: mute.before,
            since: mute.since,
            until: mute.until,
            by: mute.by,
            lifted_by: mute.lifted_by,
            reason: mute.reason,
        }
    }
}

impl From<MuteRecord> for Mute {
    fn from(record: MuteRecord) -> Self {
        Self {
            channel: ChannelId(record.channel),
            user: record.user,
            level: record.level,
            before: record.before,
            since: record.since,
            until: record.until,
            by: record.by,
            lifted_by: record.lifted_by,
            reason: record.reason,
        }
    }
}
