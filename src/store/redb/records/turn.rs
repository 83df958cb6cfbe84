//! Turns of those who speak slowly, version 1.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Record;

#[derive(Serialize, Deserialize)]
pub struct TurnRecord {
    pub name: Uuid,
    pub at: u64,
}

impl Record<'_> for TurnRecord {
    const NAME: &'static str = "turn";
    const VERSION: u8 = 1;
}
