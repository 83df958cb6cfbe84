//! Time, ids and randomness come from here only, so that tests can turn the clock by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use uuid::Uuid;

use crate::domain::id::Millis;

/// Where the time and fresh ids come from.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// The time that a test has set; `None` reads the system's clock.
    manual: Option<Arc<AtomicU64>>,
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the system's clocks and randomness"
)]
impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands still at `now` until it is set.
    #[must_use]
    pub fn manual(now: Millis) -> Self {
        Self {
            manual: Some(Arc::new(AtomicU64::new(now))),
        }
    }

    /// Sets a manual clock; the system's clock does not listen.
    pub fn set(&self, now: Millis) {
        if let Some(manual) = &self.manual {
            manual.store(now, Ordering::SeqCst);
        }
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub fn now(&self) -> Millis {
        match &self.manual {
            Some(manual) => manual.load(Ordering::SeqCst),
            None => u64::try_from(chrono::Utc::now().timestamp_millis()).unwrap_or_default(),
        }
    }

    /// A point in time for measuring durations.
    #[must_use]
    pub fn instant(&self) -> Instant {
        Instant::now()
    }

    /// Random bytes that nobody can foresee, for secrets.
    #[must_use]
    pub fn secret(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("the system has randomness");
        bytes
    }

    /// Any number, for what must not happen to everybody at the same moment.
    #[must_use]
    pub fn luck(&self) -> u32 {
        let [a, b, c, d, ..] = *self.uuid().as_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    /// A fresh random UUID.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        Uuid::new_v4()
    }
}
