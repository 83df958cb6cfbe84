//! Matrix events that could not be used, version 1.

use serde::{Deserialize, Serialize};

use super::Record;
use crate::domain::event::Skipped;

#[derive(Serialize, Deserialize)]
pub struct SkippedRecord {
    at: u64,
    reason: String,
    raw: String,
}

impl Record<'_> for SkippedRecord {
    const NAME: &'static str = "skipped event";
    const VERSION: u8 = 1;
}

impl From<Skipped> for SkippedRecord {
    fn from(skipped: Skipped) -> Self {
        Self {
            at: skipped.at,
            reason: skipped.reason,
            raw: skipped.raw,
        }
    }
}

impl From<SkippedRecord> for Skipped {
    fn from(record: SkippedRecord) -> Self {
        Self {
            at: record.at,
            reason: record.reason,
            raw: record.raw,
        }
    }
}
