//! Who may say of a Matrix room that it is a channel, while it is none: of one that is to become one,
//! and of one that takes the place of a channel's. The table is of channels; here the room's own word
//! decides.

use super::levels::{Levels, Power};
use crate::domain::channel::STATE_TYPE;
use crate::domain::entity::Entity;
use crate::domain::id::{RoomId, UserId};
use crate::domain::{Error, Result};

/// The least power with which somebody speaks for a channel, whatever its room asks for.
const MODERATOR: i64 = 50;

/// Checks that somebody may make a channel of a room: whoever may mark it as one may.
pub fn check_adoption(
    entity: &Entity,
    user: &UserId,
    room: &RoomId,
    levels: &Levels,
) -> Result<()> {
    let (needed, power) = (levels.to_set(STATE_TYPE), levels.of(user));
    match power >= Power::Level(needed) {
        true => Ok(()),
        false => Err(Error::forbidden(format!(
            "{entity} has not the power to make a channel of {room}: it takes the power level \
             {needed}, and {entity} has {power}"
        ))),
    }
}

/// Whether somebody may have another room take the place of a channel's: they must be able to end the
/// room, and to mark it.
#[must_use]
pub fn may_move(user: &UserId, levels: &Levels) -> bool {
    let needed = levels.to_set("m.room.tombstone");
    let needed = needed.max(levels.to_set(STATE_TYPE)).max(MODERATOR);
    levels.of(user) >= Power::Level(needed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> UserId {
        UserId::trusted(format!("@{name}:s"))
    }

    fn levels() -> Levels {
        let users = [("bob", 50), ("carol", 100)];
        Levels {
            creators: [user("alice")].into(),
            users: users.map(|(name, level)| (user(name), level)).into(),
            ..Levels::default()
        }
    }

    #[test]
    fn whoever_may_mark_a_room_makes_a_channel_of_it() {
        let mut levels = levels();
        let room = RoomId::trusted("!r");
        let may = |name: &str, levels: &Levels| {
            let entity = Entity::parse(&format!("user:{name}")).expect("an entity");
            check_adoption(&entity, &user(name), &room, levels)
        };
        may("bob", &levels).expect("a moderator");
        levels.events.insert(STATE_TYPE.into(), 100);
        let refused = may("bob", &levels).expect_err("not enough").to_string();
        let expected = "user:bob has not the power to make a channel of !r: it takes the power \
                        level 100, and user:bob has 50";
        assert_eq!(refused, expected);
        may("carol", &levels).expect("an owner");
        may("alice", &levels).expect("a creator");
    }

    #[test]
    fn only_who_speaks_for_a_channel_moves_it() {
        let mut levels = levels();
        assert!(may_move(&user("bob"), &levels));
        assert!(!may_move(&user("eve"), &levels));
        // In a room that lets everybody do everything, nobody speaks for the channel by that.
        levels.state_default = 0;
        assert!(!may_move(&user("eve"), &levels));
        for kind in ["m.room.tombstone", STATE_TYPE] {
            let mut levels = levels.clone();
            levels.events.insert(kind.into(), 100);
            assert!(!may_move(&user("bob"), &levels), "{kind}");
            assert!(may_move(&user("carol"), &levels), "{kind}");
            assert!(may_move(&user("alice"), &levels), "{kind}");
        }
    }
}
