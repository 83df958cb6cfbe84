//! Positions: where our own stream goes on, and where a room's history goes on from an event.

use std::fmt;

use crate::domain::id::{EventId, Seq};
use crate::domain::{Error, Result};

/// `d<journal>_<seq>`: behind an event of a journal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    journal: u64,
    pub seq: Seq,
}

impl Position {
    pub fn new(journal: u64, seq: Seq) -> Self {
        Self { journal, seq }
    }

    /// Reads a position of this journal.
    pub fn parse(text: &str, journal: u64, head: Seq) -> Result<Self> {
        let read = || {
            let (of, seq) = text.strip_prefix('d')?.split_once('_')?;
            Some(Self::new(
                u64::from_str_radix(of, 16).ok()?,
                seq.parse().ok()?,
            ))
        };
        let message = "must be a next_batch of a sync without user_id";
        let position = read().ok_or_else(|| Error::invalid("since", message))?;
        if position.journal != journal || position.seq > head {
            let message = "is of a journal that was lost; begin without it";
            return Err(Error::invalid("since", message));
        }
        Ok(position)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "d{:016x}_{}", self.journal, self.seq)
    }
}

/// What stands before the event that history goes on from.
const BEFORE: &str = "e_";

/// From where history is read that is older than an event.
pub fn before(event: &EventId) -> String {
    format!("{BEFORE}{event}")
}

/// The event of such a place; `None` when it is the homeserver's own.
pub fn event_of(from: &str) -> Option<EventId> {
    EventId::parse(from.strip_prefix(BEFORE)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_of_one_journal() {
        let position = Position::new(0xabc, 7);
        let text = position.to_string();
        assert_eq!(text, "d0000000000000abc_7");
        assert_eq!(Position::parse(&text, 0xabc, 7), Ok(position));
        for (text, journal, head) in [
            (text.as_str(), 0xabd, 7),
            (text.as_str(), 0xabc, 6),
            ("s12_34", 0xabc, 7),
            ("d_7", 0xabc, 7),
            ("", 0xabc, 7),
        ] {
            let wrong = Position::parse(text, journal, head).expect_err(text);
            assert!(wrong.to_string().starts_with("since: "), "{wrong}");
        }
    }

    #[test]
    fn history_goes_on_from_an_event() {
        let event = EventId::trusted("$a");
        assert_eq!(event_of(&before(&event)), Some(event));
        assert_eq!(event_of("t12-34_5"), None);
        assert_eq!(event_of("e_x"), None);
    }
}
