//! How the disk has fared, and so when a durable write is worth trying.
//!
//! The first failure may be a hiccup: the next write is tried at once. After that writes are
//! refused for a while, longer each time, because each try that fails costs an opening of
//! the database, during which reads wait.

use std::time::{Duration, Instant};

/// How long writes are refused after the second failure in a row.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// The disk as the writer has met it.
#[derive(Debug, Default)]
pub struct Health {
    /// Failures since the last success.
    failures: u32,
    /// Until then nothing is tried.
    resume_at: Option<Instant>,
}

impl Health {
    /// Notes a failure.
    pub fn failed(&mut self, now: Instant) {
        if let Some(doublings) = self.failures.checked_sub(1) {
            let pause = FIRST_PAUSE.saturating_mul(1 << doublings.min(8));
            self.resume_at = Some(now + pause.min(LONGEST_PAUSE));
        }
        self.failures = self.failures.saturating_add(1);
    }

    /// Notes a success; says whether it ends a time of failures.
    pub fn succeeded(&mut self) -> bool {
        self.resume_at = None;
        std::mem::take(&mut self.failures) > 0
    }

    /// Whether the last write failed.
    pub fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// After a failure, how long it is too early to try again.
    pub fn pause(&self, now: Instant) -> Option<Duration> {
        let left = |resume_at: Instant| resume_at.saturating_duration_since(now);
        self.is_failing()
            .then(|| self.resume_at.map(left).unwrap_or_default())
    }

    /// Whether it is too early to try again.
    pub fn is_paused(&self, now: Instant) -> bool {
        self.resume_at.is_some_and(|resume_at| now < resume_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_end_with_a_success() {
        let start = crate::clock::Clock::system().instant();
        let after = |millis| start + Duration::from_millis(millis);
        let mut health = Health::default();
        assert!(!health.succeeded());
        health.failed(start);
        assert!(health.is_failing() && !health.is_paused(start));
        health.failed(start);
        assert!(health.is_paused(after(249)) && !health.is_paused(after(250)));
        health.failed(start);
        assert!(health.is_paused(after(499)) && !health.is_paused(after(500)));
        for _ in 0..50 {
            health.failed(start);
        }
        assert!(health.is_paused(after(7_999)) && !health.is_paused(after(8_000)));
        assert!(health.succeeded());
        assert!(!health.is_failing() && !health.is_paused(start));
    }
}
