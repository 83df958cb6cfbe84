//! Roles: the words for power levels. A room knows only the numbers, so whatever client sets one,
//! the word follows from it.

use super::levels::{Levels, Power};

/// What somebody is in a channel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Role {
    /// Below all others: in most rooms they may read and not speak.
    Guest,
    Member,
    Moderator,
    Admin,
    Owner,
}

impl Role {
    /// What a power is called.
    #[must_use]
    pub fn of(power: Power) -> Self {
        match power {
            Power::Creator | Power::Level(100..) => Self::Owner,
            Power::Level(75..100) => Self::Admin,
            Power::Level(50..75) => Self::Moderator,
            Power::Level(0..50) => Self::Member,
            Power::Level(..0) => Self::Guest,
        }
    }

    /// The number that is written for it; `None`: nobody need be named for it.
    #[must_use]
    pub fn level(self, levels: &Levels) -> Option<i64> {
        let unnamed = Power::Level(levels.users_default);
        match self {
            Self::Owner => Some(100),
            Self::Admin => Some(75),
            Self::Moderator => Some(50),
            Self::Member | Self::Guest if Self::of(unnamed) == self => None,
            Self::Member => Some(0),
            Self::Guest => Some(-1),
        }
    }

    /// The word that contracts use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Moderator => "moderator",
            Self::Member => "member",
            Self::Guest => "guest",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Role; 5] = [
        Role::Guest,
        Role::Member,
        Role::Moderator,
        Role::Admin,
        Role::Owner,
    ];

    #[test]
    fn roles_follow_from_numbers() {
        for (level, role) in [
            (i64::MIN, Role::Guest),
            (-1, Role::Guest),
            (0, Role::Member),
            (49, Role::Member),
            (50, Role::Moderator),
            (74, Role::Moderator),
            (75, Role::Admin),
            (99, Role::Admin),
            (100, Role::Owner),
            (i64::MAX, Role::Owner),
        ] {
            assert_eq!(Role::of(Power::Level(level)), role, "{level}");
        }
        assert_eq!(Role::of(Power::Creator), Role::Owner);
    }

    #[test]
    fn a_role_that_is_set_is_the_one_that_is_read() {
        for users_default in [-10, 0, 20, 50, 100] {
            let levels = Levels {
                users_default,
                ..Levels::default()
            };
            for role in ALL {
                let level = role.level(&levels).unwrap_or(users_default);
                assert_eq!(Role::of(Power::Level(level)), role, "{users_default}");
            }
        }
    }
}
