//! How often somebody may ask, and what is left of that.

use std::time::Duration;

/// What is left of an allowance after a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Allowance {
    /// Requests per second.
    pub limit: u32,
    /// How many more may come at once.
    pub remaining: u32,
    /// Until the next one may come, when this one was refused.
    pub refused_for: Option<Duration>,
}

impl Allowance {
    /// Of two that a request is counted by, the one that is used up first.
    #[must_use]
    pub fn tighter(self, other: Self) -> Self {
        let is_later = |a: Option<Duration>, b: Option<Duration>| a > b;
        let other_is_tighter = match (self.refused_for, other.refused_for) {
            (None, None) => other.remaining < self.remaining,
            (mine, theirs) => is_later(theirs, mine),
        };
        match other_is_tighter {
            true => other,
            false => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tighter_one_is_shown() {
        let left = |remaining| Allowance {
            limit: 20,
            remaining,
            refused_for: None,
        };
        let refused = |millis| Allowance {
            limit: 20,
            remaining: 0,
            refused_for: Some(Duration::from_millis(millis)),
        };
        assert_eq!(left(5).tighter(left(3)), left(3));
        assert_eq!(left(0).tighter(refused(10)), refused(10));
        assert_eq!(refused(20).tighter(refused(10)), refused(20));
        assert_eq!(refused(20).tighter(left(0)), refused(20));
    }
}
