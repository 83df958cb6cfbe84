//! Who is in a room of the fake homeserver, and how one gets there.

use super::room::Deed;
use super::room::refused;
use super::{Fake, World};
use crate::domain::channel::Visibility;
use crate::domain::id::{RoomId, UserId};
use crate::domain::member::{Member, Membership};
use crate::domain::{Error, Result};

/// What the owner of a room has.
pub(super) const OWNER: i64 = 100;

impl Fake {
    /// Who acts: a user that the homeserver knows, or the connector.
    pub(super) fn actor(&self, world: &World, as_user: Option<&UserId>) -> Result<UserId> {
        match as_user {
            Some(user) => world.know(user).map(|()| user.clone()),
            None => Ok(self.connector()),
        }
    }

    pub(super) fn member(
        &self,
        world: &World,
        user: &UserId,
        membership: Membership,
        by: &UserId,
    ) -> Member {
        Member {
            user: user.clone(),
            entity: self.directory.entity(user),
            membership,
            display_name: world
                .users
                .get(user)
                .and_then(|user| user.display_name.clone()),
            by: by.clone(),
            since: self.clock.now(),
            reason: None,
        }
    }

    pub(super) fn change_membership(
        &self,
        world: &mut World,
        room: &RoomId,
        user: &UserId,
        membership: Membership,
        by: &UserId,
    ) -> Result<()> {
        let member = self.member(world, user, membership, by);
        let at = member.since;
        world.record(room, Deed::Member(member), by, at).map(drop)
    }

    pub(super) fn enter(&self, world: &mut World, room: &RoomId, user: &UserId) -> Result<()> {
        let entered = world.room(room)?;
        if entered.is_joined(user) {
            return Ok(());
        }
        let may = entered.visibility == Visibility::Public
            || entered.membership(user) == Some(Membership::Invited);
        if !may {
            let words = "You are not invited to this room.";
            return Err(refused(403, "M_FORBIDDEN", words));
        }
        self.change_membership(world, room, user, Membership::Joined, user)
    }

    /// Enters a room that others made, invited if need be, and gains the power to mark it.
    pub(super) fn enter_and_rise(
        &self,
        world: &mut World,
        id: &RoomId,
        only: Option<&UserId>,
    ) -> Result<()> {
        let connector = self.connector();
        let room = world.room(id)?;
        let may = |user: &&UserId| {
            only.is_none_or(|only| only == *user)
                && room.is_joined(user)
                && room.power(user) >= room.marking
        };
        let helper = room.members.keys().find(may).cloned();
        let is_open = room.visibility == Visibility::Public;
        let refusal = || Error::forbidden(format!("nobody in {id} may help {connector}"));
        if !is_open && room.membership(&connector).is_none() {
            let helper = helper.clone().ok_or_else(refusal)?;
            let invited = Membership::Invited;
            self.change_membership(world, id, &connector, invited, &helper)?;
        }
        self.enter(world, id, &connector)?;
        let room = world.room(id)?;
        if room.power(&connector) < room.marking {
            helper.ok_or_else(refusal)?;
            let marking = room.marking.max(OWNER);
            self.empower(world, id, &connector, Some(marking), &connector)?;
        }
        Ok(())
    }
}
