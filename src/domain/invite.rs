//! Invite links: who has one may come into a channel, as if whoever made it had invited them.

use uuid::Uuid;

use super::entity::Entity;
use super::error::{Error, Result};
use super::id::{ChannelId, Millis};
use super::session::Digest;

/// The longest time that a link may be good for, in seconds: a year.
const LONGEST: u64 = 365 * 24 * 60 * 60;
/// The most people that a link may be made for.
const MOST: u32 = 100_000;

/// A link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InviteLink {
    pub id: Uuid,
    pub channel: ChannelId,
    /// SHA-256 of the code, which nobody but those who have it knows.
    pub digest: Digest,
    /// Whose invitation it is.
    pub created_by: Entity,
    pub created_at: Millis,
    /// `None`: it does not end by itself.
    pub expires_at: Option<Millis>,
    /// How many people may come by it; `None`: as many as there are.
    pub max_uses: Option<u32>,
    /// How many have.
    pub uses: u32,
}

/// What became of somebody's wish to come by a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admission {
    /// They are counted now.
    Counted,
    /// They were counted before.
    Again,
    /// There is no such link any more, or it has no room for them.
    Refused,
}

/// For how long, in seconds, and for how many a link is to be good.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Terms {
    pub expires_in: Option<u64>,
    pub max_uses: Option<u32>,
}

impl Terms {
    pub fn check(self) -> Result<()> {
        let is_within = |value: u64, most: u64| (1..=most).contains(&value);
        if self.expires_in.is_some_and(|it| !is_within(it, LONGEST)) {
            let message = format!("must be 1 to {LONGEST} seconds");
            return Err(Error::invalid("expires_in", message));
        }
        if self
            .max_uses
            .is_some_and(|it| !is_within(it.into(), MOST.into()))
        {
            return Err(Error::invalid("max_uses", format!("must be 1 to {MOST}")));
        }
        Ok(())
    }
}

impl InviteLink {
    /// Whether its time has come.
    #[must_use]
    pub fn is_over(&self, now: Millis) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// Whether as many have come by it as may.
    #[must_use]
    pub fn is_used_up(&self) -> bool {
        self.max_uses.is_some_and(|most| most <= self.uses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_bounded() {
        let terms = |expires_in, max_uses| Terms {
            expires_in,
            max_uses,
        };
        assert_eq!(terms(None, None).check(), Ok(()));
        assert_eq!(terms(Some(1), Some(1)).check(), Ok(()));
        for (bad, field) in [
            (terms(Some(0), None), "expires_in"),
            (terms(Some(LONGEST + 1), None), "expires_in"),
            (terms(None, Some(0)), "max_uses"),
            (terms(None, Some(MOST + 1)), "max_uses"),
        ] {
            let refused = bad.check().expect_err("too much").to_string();
            assert!(refused.starts_with(field), "{refused}");
        }
    }
}
