//! The numbers of the homeserver's transactions, which tell when one of them has not come.
//!
//! Synapse numbers its transactions one after the other. What it cannot deliver it keeps, and
//! delivers when we are back; but one that it makes in the moment in which it finds us back stays
//! where it is until it loses us again. The next one that comes has a number too high then.

use std::sync::atomic::{AtomicU64, Ordering};

/// What numbers have been met.
#[derive(Default)]
pub struct Numbering {
    highest: AtomicU64,
    gaps: AtomicU64,
}

impl Numbering {
    /// Notes the id of a transaction that came. Of ids that are no numbers nothing can be told.
    pub fn note(&self, id: &str) {
        let Ok(number) = id.parse::<u64>() else {
            return;
        };
        let before = self.highest.fetch_max(number, Ordering::Relaxed);
        // The first one may follow any number of others.
        if number > before.saturating_add(1) {
            self.gaps.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often something was left out, as far as that can be told: several application services
    /// share the numbers, and then most of what is left out is another's.
    #[must_use]
    pub fn gaps(&self) -> u64 {
        self.gaps.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_told_and_repeats_are_not() {
        let numbering = Numbering::default();
        let gaps = |id: &str| {
            numbering.note(id);
            numbering.gaps()
        };
        assert_eq!(gaps("17"), 1);
        assert_eq!(gaps("18"), 1);
        assert_eq!(gaps("18"), 1);
        assert_eq!(gaps("from-5"), 1);
        assert_eq!(gaps("20"), 2);
        // The one that was missing comes late.
        assert_eq!(gaps("19"), 2);
        assert_eq!(gaps("21"), 2);
    }

    #[test]
    fn the_first_of_all_follows_nothing() {
        let numbering = Numbering::default();
        numbering.note("1");
        assert_eq!(numbering.gaps(), 0);
    }
}
