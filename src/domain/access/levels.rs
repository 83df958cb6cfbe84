//! What a channel's Matrix room demands, and what it gives to whom (client-server API,
//! "m.room.power_levels"; room version 12, MSC4289, for its creators).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::domain::id::UserId;

/// What the specification gives where the room says nothing.
const STATE_DEFAULT: i64 = 50;
const MODERATION: i64 = 50;
const CREATOR: i64 = 100;

/// How much somebody may do. The number decides, but for creators, who stand above all numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Power {
    Level(i64),
    /// A creator of a room of version 12, whose power nobody changes.
    Creator,
}

impl Power {
    /// The number; `None` for what stands above all of them.
    #[must_use]
    pub fn level(self) -> Option<i64> {
        match self {
            Self::Level(level) => Some(level),
            Self::Creator => None,
        }
    }
}

impl fmt::Display for Power {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Level(level) => level.fmt(f),
            Self::Creator => f.write_str("the power of a creator"),
        }
    }
}

/// The levels of a room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Levels {
    /// Those who stand above all numbers; nobody before room version 12.
    pub creators: BTreeSet<UserId>,
    pub users: BTreeMap<UserId, i64>,
    /// Of those who are not named.
    pub users_default: i64,
    /// What sending or setting an event of a type needs.
    pub events: BTreeMap<String, i64>,
    pub events_default: i64,
    pub state_default: i64,
    pub invite: i64,
    pub kick: i64,
    pub ban: i64,
    pub redact: i64,
}

impl Default for Levels {
    /// Those of a room that has levels and leaves all of them out.
    fn default() -> Self {
        Self {
            creators: BTreeSet::new(),
            users: BTreeMap::new(),
            users_default: 0,
            events: BTreeMap::new(),
            events_default: 0,
            state_default: STATE_DEFAULT,
            invite: 0,
            kick: MODERATION,
            ban: MODERATION,
            redact: MODERATION,
        }
    }
}

impl Levels {
    /// Those of a room that has none: its creator may everything.
    #[must_use]
    pub fn unset(creator: Option<UserId>) -> Self {
        Self {
            users: creator
                .map(|creator| (creator, CREATOR))
                .into_iter()
                .collect(),
            state_default: 0,
            ..Self::default()
        }
    }

    /// What somebody has.
    #[must_use]
    pub fn of(&self, user: &UserId) -> Power {
        if self.creators.contains(user) {
            return Power::Creator;
        }
        let level = self.users.get(user).copied();
        Power::Level(level.unwrap_or(self.users_default))
    }

    /// What sending an event of a type needs.
    #[must_use]
    pub fn to_send(&self, kind: &str) -> i64 {
        self.events
            .get(kind)
            .copied()
            .unwrap_or(self.events_default)
    }

    /// What setting a state event of a type needs.
    #[must_use]
    pub fn to_set(&self, kind: &str) -> i64 {
        self.events.get(kind).copied().unwrap_or(self.state_default)
    }

    /// The level from which on somebody can say anything at all.
    #[must_use]
    pub fn to_speak(&self) -> i64 {
        let kinds = ["m.room.message", "m.reaction", "m.room.encrypted"];
        let least = kinds.into_iter().map(|kind| self.to_send(kind)).min();
        least.unwrap_or(self.events_default)
    }

    /// The same, somebody having another level; `None`: that of those who are not named.
    #[must_use]
    pub fn with(&self, user: &UserId, level: Option<i64>) -> Self {
        let mut changed = self.clone();
        match level {
            Some(level) => changed.users.insert(user.clone(), level),
            None => changed.users.remove(user),
        };
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> UserId {
        UserId::trusted(format!("@{name}:s"))
    }

    #[test]
    fn levels_are_those_of_the_specification() {
        let mut levels = Levels::default();
        assert_eq!(levels.of(&user("bob")), Power::Level(0));
        assert_eq!(levels.to_send("m.room.message"), 0);
        assert_eq!(levels.to_set("m.room.name"), 50);
        levels.users.insert(user("bob"), 50);
        levels.users_default = -1;
        levels.events.insert("m.room.name".into(), 75);
        assert_eq!(levels.of(&user("bob")), Power::Level(50));
        assert_eq!(levels.of(&user("eve")), Power::Level(-1));
        assert_eq!(levels.to_set("m.room.name"), 75);
        assert_eq!(
            levels.with(&user("bob"), None).of(&user("bob")),
            Power::Level(-1)
        );
        let none = Levels::unset(Some(user("alice")));
        assert_eq!(none.of(&user("alice")), Power::Level(100));
        assert_eq!(none.to_set("m.room.name"), 0);
    }

    #[test]
    fn creators_stand_above_all_numbers() {
        let mut levels = Levels::default();
        levels.creators.insert(user("alice"));
        assert!(levels.of(&user("alice")) > Power::Level(i64::MAX));
        assert_eq!(levels.of(&user("alice")).level(), None);
    }
}
