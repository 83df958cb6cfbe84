//! Between two polls nobody waits, and yet the next one wants what has come meanwhile: the raw
//! events are held for a while after the last poll.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::recent::{Recent, Want};

/// How long after the last poll.
const LINGER: Duration = Duration::from_secs(120);

pub struct Warm {
    recent: Arc<Recent>,
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    _want: Want,
    /// How many polls there were since it was made.
    polls: u64,
}

impl Warm {
    pub fn new(recent: Arc<Recent>) -> Self {
        Self {
            recent,
            kept: Mutex::default(),
        }
    }

    /// Has raw events held from now on, for a while.
    pub fn keep(self: &Arc<Self>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = kept.as_mut() {
            kept.polls += 1;
            return;
        }
        *kept = Some(Kept {
            _want: self.recent.want(),
            polls: 1,
        });
        drop(kept);
        tokio::spawn(self.clone().watch());
    }

    /// Until a while has gone by without a poll.
    async fn watch(self: Arc<Self>) {
        let mut seen = 1;
        loop {
            tokio::time::sleep(LINGER).await;
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            match kept.as_ref() {
                Some(more) if more.polls > seen => seen = more.polls,
                _ => {
                    *kept = None;
                    return;
                }
            }
        }
    }
}
