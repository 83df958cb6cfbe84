//! What a channel's room demands, version 1: inside events, and as rows of the index.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Record;
use crate::domain::access::Levels;
use crate::domain::id::{Millis, UserId};

#[derive(Serialize, Deserialize)]
pub struct LevelsRecord {
    creators: BTreeSet<UserId>,
    users: BTreeMap<UserId, i64>,
    users_default: i64,
    events: BTreeMap<String, i64>,
    events_default: i64,
    state_default: i64,
    invite: i64,
    kick: i64,
    ban: i64,
    redact: i64,
}

impl From<&Levels> for LevelsRecord {
    fn from(levels: &Levels) -> Self {
        let levels = levels.clone();
        Self {
            creators: levels.creators,
            users: levels.users,
            users_default: levels.users_default,
            events: levels.events,
            events_default: levels.events_default,
            state_default: levels.state_default,
            invite: levels.invite,
            kick: levels.kick,
            ban: levels.ban,
            redact: levels.redact,
        }
    }
}

impl From<LevelsRecord> for Levels {
    fn from(record: LevelsRecord) -> Self {
        Self {
            creators: record.creators,
            users: record.users,
            users_default: record.users_default,
            events: record.events,
            events_default: record.events_default,
            state_default: record.state_default,
            invite: record.invite,
            kick: record.kick,
            ban: record.ban,
            redact: record.redact,
        }
    }
}

/// A row of the index.
#[derive(Serialize, Deserialize)]
pub struct LevelsRow {
    levels: LevelsRecord,
    /// When they were set, by the homeserver's clock: a later setting wins.
    at: u64,
}

impl Record<'_> for LevelsRow {
    const NAME: &'static str = "levels";
    const VERSION: u8 = 1;
}

impl LevelsRow {
    pub fn new(levels: &Levels, at: Millis) -> Self {
        Self {
            levels: levels.into(),
            at,
        }
    }

    pub fn into_levels(self) -> (Levels, Millis) {
        (self.levels.into(), self.at)
    }
}
