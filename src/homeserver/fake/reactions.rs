//! What is done about events of the fake homeserver.

use super::room::{Deed, MODERATOR, Room, refused};
use super::{Call, Fake};
use crate::domain::Result;
use crate::domain::id::{EventId, UserId};
use crate::homeserver::{Reaction, Redaction};

impl Fake {
    pub(super) fn give_reaction(&self, reaction: &Reaction) -> Result<EventId> {
        let now = reaction.at.unwrap_or_else(|| self.clock.now());
        let mut world = self.begin(Call::React)?;
        let user = self.actor(&world, reaction.sender.as_ref())?;
        let room = world.room(&reaction.room)?;
        room.expect_joined(&user)?;
        if standing(room, reaction, &user).is_some() {
            let words = "Can't send same reaction twice";
            return Err(refused(400, "M_DUPLICATE_ANNOTATION", words));
        }
        let deed = Deed::Reacted {
            target: reaction.target.clone(),
            key: reaction.key.clone(),
        };
        world.record(&reaction.room, deed, &user, now)
    }

    pub(super) fn given_reaction(&self, reaction: &Reaction) -> Result<Option<EventId>> {
        let mut world = self.begin(Call::React)?;
        let user = self.actor(&world, reaction.sender.as_ref())?;
        Ok(standing(world.room(&reaction.room)?, reaction, &user))
    }

    pub(super) fn take_back(&self, redaction: &Redaction) -> Result<EventId> {
        let now = self.clock.now();
        let mut world = self.begin(Call::Redact)?;
        let user = self.actor(&world, redaction.sender.as_ref())?;
        let room = world.room(&redaction.room)?;
        room.expect_joined(&user)?;
        let target = room
            .events
            .iter()
            .find(|event| event.id == redaction.target);
        let is_own = target.is_some_and(|event| event.by == user);
        if !is_own {
            room.expect_power(&user, MODERATOR)?;
        }
        let deed = Deed::Redacted(redaction.target.clone());
        world.record(&redaction.room, deed, &user, now)
    }
}

/// The reaction that stands of a user with a key.
fn standing(room: &Room, wanted: &Reaction, user: &UserId) -> Option<EventId> {
    let events = room.events.iter();
    let mut given = events.filter(|event| match &event.deed {
        Deed::Reacted { target, key } => {
            *target == wanted.target && *key == wanted.key && event.by == *user
        }
        _ => false,
    });
    let found = given.find(|event| !room.redacted.contains(&event.id));
    found.map(|event| event.id.clone())
}
