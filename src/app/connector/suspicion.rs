//! When it is time to look for what a transaction that has not come may have held.

use std::time::Duration;

/// How soon one looks again after having looked in vain; twice as long each time after that.
const AGAIN: Duration = Duration::from_secs(10);

/// What gives reason to look, and how much to believe it. Where several application services share
/// the numbers of transactions, most gaps are theirs: whoever looks in vain looks less often.
#[derive(Default)]
pub struct Suspicion {
    /// The gaps that there were when one looked last.
    gaps: u64,
    /// For how long one does not look again, and how long ago one has.
    pause: Duration,
    since: Duration,
    is_due: bool,
}

impl Suspicion {
    /// So much time has gone by. Says whether there is reason to look.
    pub fn after(&mut self, time: Duration, gaps: u64) -> bool {
        self.since += time;
        self.is_due = gaps != self.gaps && self.since >= self.pause;
        self.is_due
    }

    /// One begins to look, with so many gaps seen.
    pub fn begin(&mut self, gaps: u64) {
        self.gaps = gaps;
        self.since = Duration::ZERO;
    }

    /// One has looked, whatever for. The longest pause is that of the timer.
    pub fn judge(&mut self, healed: u64, longest: Duration) {
        let was_due = std::mem::take(&mut self.is_due);
        if healed > 0 {
            self.pause = Duration::ZERO;
        } else if was_due {
            self.pause = (self.pause * 2).max(AGAIN).min(longest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_secs(5);
    const LONGEST: Duration = Duration::from_secs(30);

    fn look(suspicion: &mut Suspicion, gaps: u64, healed: u64) {
        suspicion.begin(gaps);
        suspicion.judge(healed, LONGEST);
    }

    #[test]
    fn a_gap_is_looked_into_once() {
        let mut suspicion = Suspicion::default();
        assert!(!suspicion.after(TICK, 0));
        assert!(suspicion.after(TICK, 1));
        look(&mut suspicion, 1, 3);
        assert!(!suspicion.after(TICK, 1));
        assert!(suspicion.after(TICK, 2));
    }

    #[test]
    fn whoever_looks_in_vain_looks_less_often() {
        let mut suspicion = Suspicion::default();
        let mut pauses = Vec::new();
        let (mut gaps, mut ticks) = (0, 0);
        while pauses.len() < 5 {
            gaps += 1;
            ticks += 1;
            if suspicion.after(TICK, gaps) {
                pauses.push(std::mem::take(&mut ticks));
                look(&mut suspicion, gaps, 0);
            }
        }
        assert_eq!(pauses, [1, 2, 4, 6, 6]);
        // What is found is reason enough to believe the next one at once.
        look(&mut suspicion, gaps, 1);
        assert!(suspicion.after(TICK, gaps + 1));
    }

    #[test]
    fn what_the_timer_does_not_find_says_nothing_of_gaps() {
        let mut suspicion = Suspicion::default();
        look(&mut suspicion, 0, 0);
        assert!(suspicion.after(TICK, 1));
    }
}
