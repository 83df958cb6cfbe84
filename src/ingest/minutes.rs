//! How many events came in each of the latest sixty minutes.

use std::sync::{Mutex, PoisonError};

use crate::domain::id::Millis;

/// How many minutes are remembered.
pub const MINUTES: usize = 60;

const MINUTE: Millis = 60_000;

/// A ring of counters, one a minute.
#[derive(Default)]
pub struct Minutes {
    ring: Mutex<Ring>,
}

struct Ring {
    /// The minute, since the Unix epoch, that the newest counter is for.
    newest: u64,
    /// Each at its minute modulo [`MINUTES`].
    counts: [u64; MINUTES],
}

impl Default for Ring {
    fn default() -> Self {
        Self {
            newest: 0,
            counts: [0; MINUTES],
        }
    }
}

impl Minutes {
    /// Counts events that came at `now`.
    pub fn add(&self, now: Millis, count: u64) {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.turn(now / MINUTE);
        let at = slot(ring.newest);
        ring.counts[at] += count;
    }

    /// The latest sixty minutes, the oldest first and the one that is running last.
    #[must_use]
    pub fn by_minute(&self, now: Millis) -> Vec<u64> {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.turn(now / MINUTE);
        let oldest = ring.newest + 1;
        (0..MINUTES as u64)
            .map(|minute| ring.counts[slot(oldest + minute)])
            .collect()
    }

    /// Events in the sixty seconds before `now`. Of the minute before the running one the part
    /// is taken that these seconds cover, as if its events had come evenly.
    #[must_use]
    pub fn per_minute(&self, now: Millis) -> u64 {
        let counts = self.by_minute(now);
        let (running, before) = (counts[MINUTES - 1], counts[MINUTES - 2]);
        let covered = MINUTE - now % MINUTE;
        running + (before * covered).div_ceil(MINUTE)
    }
}

impl Ring {
    /// Empties the counters of the minutes that have gone by. A clock that was set back counts
    /// into the newest minute.
    fn turn(&mut self, minute: u64) {
        if minute <= self.newest {
            return;
        }
        let passed = (minute - self.newest).min(MINUTES as u64);
        for back in 0..passed {
            self.counts[slot(minute - back)] = 0;
        }
        self.newest = minute;
    }
}

fn slot(minute: u64) -> usize {
    usize::try_from(minute % MINUTES as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first millisecond of a minute of our time.
    const START: Millis = 29_000_000 * MINUTE;

    #[test]
    fn counters_run_with_the_minutes() {
        let minutes = Minutes::default();
        minutes.add(START, 3);
        minutes.add(START + 59_999, 1);
        minutes.add(START + 2 * MINUTE, 5);
        let counts = minutes.by_minute(START + 2 * MINUTE);
        assert_eq!(counts.len(), MINUTES);
        assert_eq!(counts[MINUTES - 3..], [4, 0, 5]);
        assert_eq!(counts.iter().sum::<u64>(), 9);
        let later = minutes.by_minute(START + 61 * MINUTE);
        assert_eq!(
            later.iter().sum::<u64>(),
            5,
            "the first minute is forgotten"
        );
        assert_eq!(later[0], 5, "the last of the sixty");
        let much_later = minutes.by_minute(START + 100_000 * MINUTE);
        assert_eq!(much_later, vec![0; MINUTES]);
    }

    #[test]
    fn the_rate_slides_over_the_minute() {
        let minutes = Minutes::default();
        minutes.add(START, 60);
        assert_eq!(minutes.per_minute(START + 59_000), 60);
        assert_eq!(minutes.per_minute(START + MINUTE), 60);
        assert_eq!(minutes.per_minute(START + MINUTE + 30_000), 30);
        assert_eq!(minutes.per_minute(START + 2 * MINUTE), 0);
    }

    #[test]
    fn a_clock_set_back_loses_nothing() {
        let minutes = Minutes::default();
        minutes.add(START, 2);
        minutes.add(START - 5 * MINUTE, 1);
        assert_eq!(minutes.by_minute(START)[MINUTES - 1], 3);
    }
}
