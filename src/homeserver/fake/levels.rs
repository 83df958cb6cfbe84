//! Who has what power in a room of the fake homeserver, and who sends whom away.

use super::members::OWNER;
use super::room::{Deed, MODERATOR, refused};
use super::{Fake, World};
use crate::domain::Result;
use crate::domain::id::{RoomId, UserId};
use crate::domain::member::Membership;
use crate::homeserver::StoredLevels;
use crate::homeserver::gateway::{MemberStep, Step};

impl Fake {
    /// Gives somebody a power, whoever may; `None`: none of their own.
    pub(super) fn empower(
        &self,
        world: &mut World,
        id: &RoomId,
        user: &UserId,
        level: Option<i64>,
        by: &UserId,
    ) -> Result<Option<StoredLevels>> {
        let room = world.room(id)?;
        match level {
            Some(level) => room.powers.insert(user.clone(), level),
            None => room.powers.remove(user),
        };
        let deed = Deed::Levels(room.levels());
        world.record(id, deed, by, self.clock.now())?;
        Ok(world.room(id)?.levels.clone())
    }

    /// The same, for those who may.
    pub(super) fn change_level(
        &self,
        world: &mut World,
        id: &RoomId,
        (user, from, level): (&UserId, Option<i64>, Option<i64>),
        by: &UserId,
    ) -> Result<Option<StoredLevels>> {
        let room = world.room(id)?;
        room.expect_power(by, OWNER)?;
        let is_above = |power: i64| room.power(by) > power || user == by;
        if !is_above(room.power(user)) || level.unwrap_or(0) > room.power(by) {
            let words = "You don't have permission to change this power level";
            return Err(refused(403, "M_FORBIDDEN", words));
        }
        if room.powers.get(user).copied() != from {
            return Ok(None);
        }
        self.empower(world, id, user, level, by)
    }

    pub(super) fn take_step(&self, world: &mut World, step: &MemberStep) -> Result<()> {
        let by = self.actor(world, step.acting.as_ref())?;
        let room = world.room(&step.room)?;
        let outranks = room.power(&by) > room.power(&step.user);
        let now = room.membership(&step.user);
        let refusal = || refused(403, "M_FORBIDDEN", "You cannot do that here");
        let membership = match step.step {
            Step::Invite | Step::Kick | Step::Ban | Step::Unban => {
                room.expect_power(
                    &by,
                    if step.step == Step::Invite {
                        0
                    } else {
                        MODERATOR
                    },
                )?;
                match step.step {
                    Step::Invite if now == Some(Membership::Joined) => return Err(refusal()),
                    Step::Invite => Membership::Invited,
                    Step::Ban if outranks => Membership::Banned,
                    Step::Kick if outranks && now != Some(Membership::Banned) => Membership::Left,
                    Step::Unban if now == Some(Membership::Banned) => Membership::Left,
                    _ => return Err(refusal()),
                }
            }
            Step::Join => return self.enter(world, &step.room, &by),
            Step::Leave if now == Some(Membership::Banned) => return Err(refusal()),
            Step::Leave => Membership::Left,
            Step::Knock if room.knocks && now != Some(Membership::Banned) => Membership::Knocking,
            Step::Knock => return Err(refusal()),
        };
        let mut member = self.member(world, &step.user, membership, &by);
        member.reason.clone_from(&step.reason);
        let at = member.since;
        world
            .record(&step.room, Deed::Member(member), &by, at)
            .map(drop)
    }
}
