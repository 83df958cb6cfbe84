//! What is forgotten of scheduled messages: what was said, after a day; what could not be said, after
//! a month; and at once what waits in a channel that has become encrypted, as nothing that people say
//! there is kept.

use std::collections::HashSet;

use super::Schedule;
use crate::domain::Result;
use crate::domain::id::{ChannelId, Millis};
use crate::store::scheduled::PastUse;

const DAY: Millis = 24 * 60 * 60 * 1_000;
/// For how long those are shown that were sent, and those that could not be.
const SENT: Millis = DAY;
const FAILED: Millis = 30 * DAY;
/// How often they are looked through.
const EVERY: Millis = 60 * 60 * 1_000;

/// What was looked through last.
#[derive(Default)]
pub(super) struct Kept {
    at: Option<Millis>,
    encrypted: HashSet<ChannelId>,
}

impl Schedule {
    /// Forgets what is past use, when an hour has gone by or a channel has become encrypted, and tells
    /// whose it was. Says how many.
    pub async fn forget_past_use(&self) -> Result<usize> {
        let core = &self.core;
        let now = core.clock.now();
        let channels = core.directory.channels();
        let encrypted = channels.iter().filter(|it| it.confidential);
        let encrypted: HashSet<_> = encrypted.map(|it| it.id).collect();
        let mut kept = self.kept.lock().await;
        let is_time = kept.at.is_none_or(|at| now >= at.saturating_add(EVERY));
        if !is_time && encrypted.is_subset(&kept.encrypted) {
            return Ok(0);
        }
        let past = PastUse {
            sent_before: now.saturating_sub(SENT),
            failed_before: now.saturating_sub(FAILED),
            channels: encrypted.iter().copied().collect(),
        };
        let mut count = 0;
        loop {
            let dropped = core.store.scheduled.drop_past_use(past.clone()).await?;
            for (channel, author) in &dropped {
                self.bells.ring(*channel, author);
            }
            count += dropped.len();
            if dropped.is_empty() {
                break;
            }
        }
        *kept = Kept {
            at: Some(now),
            encrypted,
        };
        Ok(count)
    }
}
