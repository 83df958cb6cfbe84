//! The channels of a webhook in which something waits. Behind that everything of the channel
//! waits, too, so that its order is kept.

use std::collections::HashMap;

use crate::domain::id::{ChannelId, Millis};
use crate::store::webhooks::Lane;

/// How much may wait for one webhook. When it is so much, the webhook reads on when it is less:
/// the journal is the queue.
const MOST: u64 = 10_000;
/// How many channels are worked on in one round.
const AT_ONCE: usize = 64;

/// What waits, by channel.
#[derive(Debug, Default)]
pub struct Lanes {
    by_channel: HashMap<ChannelId, Lane>,
    total: u64,
}

impl Lanes {
    #[must_use]
    pub fn new(lanes: Vec<Lane>, total: u64) -> Self {
        Self {
            total,
            by_channel: lanes.into_iter().map(|lane| (lane.channel, lane)).collect(),
        }
    }

    /// Whether something waits in a channel.
    #[must_use]
    pub fn has(&self, channel: ChannelId) -> bool {
        self.by_channel.contains_key(&channel)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_channel.is_empty()
    }

    /// Whether nothing more may wait.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.total >= MOST
    }

    /// Channels whose first is due, the longest overdue first.
    #[must_use]
    pub fn due(&self, now: Millis) -> Vec<ChannelId> {
        let due = self.by_channel.values().filter(|lane| lane.due_at <= now);
        let mut due: Vec<_> = due.map(|lane| (lane.due_at, lane.channel)).collect();
        due.sort_unstable();
        due.truncate(AT_ONCE);
        due.into_iter().map(|(_, channel)| channel).collect()
    }

    /// When the next one is due.
    #[must_use]
    pub fn next_due(&self) -> Option<Millis> {
        self.by_channel.values().map(|lane| lane.due_at).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(number: usize) -> ChannelId {
        ChannelId(uuid::Uuid::from_u128(number as u128))
    }

    fn lane(number: usize, due_at: Millis) -> Lane {
        Lane {
            channel: channel(number),
            due_at,
        }
    }

    #[test]
    fn the_longest_overdue_comes_first() {
        let lanes = Lanes::new(vec![lane(1, 30), lane(2, 10), lane(3, 40)], 7);
        assert_eq!(lanes.due(9), []);
        assert_eq!(lanes.due(30), [channel(2), channel(1)]);
        assert_eq!(lanes.next_due(), Some(10));
        assert!(lanes.has(channel(3)) && !lanes.has(channel(4)));
    }

    #[test]
    fn a_round_has_a_bound() {
        let lanes = Lanes::new((0..100).map(|number| lane(number, 5)).collect(), 100);
        assert_eq!(lanes.due(5).len(), AT_ONCE);
    }

    #[test]
    fn what_waits_has_a_bound() {
        assert!(!Lanes::default().is_full());
        assert!(!Lanes::new(vec![lane(1, 0), lane(2, 0)], MOST - 1).is_full());
        assert!(Lanes::new(vec![lane(1, 0), lane(2, 0)], MOST).is_full());
    }
}
