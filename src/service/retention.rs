//! Retention: drops the journal's old events, never past a reader that still needs them.

use std::time::Duration;

use super::Core;
use crate::domain::Result;

impl Core {
    /// Drops what is older than `retention` and read by all. Says how many events.
    pub async fn trim_journal(&self, retention: Duration) -> Result<u64> {
        let retention = u64::try_from(retention.as_millis()).unwrap_or(u64::MAX);
        let before = self.clock.now().saturating_sub(retention);
        let mut dropped = 0;
        loop {
            let readers = self.store.subscriptions.slowest().await?;
            let upto = readers.map_or(self.indexed.position(), |slowest| {
                slowest.after.min(self.indexed.position())
            });
            let step = self.store.journal.trim(before, upto).await?;
            dropped += step;
            if step == 0 {
                return Ok(dropped);
            }
        }
    }
}
