//! How somebody stands to a channel, and what one may do to another there.

use super::levels::{Levels, Power};
use super::right::{Right, check};
use super::role::Role;
use crate::domain::channel::Channel;
use crate::domain::entity::Entity;
use crate::domain::member::Membership;
use crate::domain::{Error, Result};

/// How somebody stands to a channel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    pub entity: Entity,
    /// `None`: without any relation.
    pub membership: Option<Membership>,
    pub power: Power,
}

impl Standing {
    #[must_use]
    pub fn role(&self) -> Role {
        Role::of(self.power)
    }
}

/// Whether somebody may do to another what the right is for. Nobody does it to whom they do not
/// outrank, and nobody to a creator.
pub fn check_over(
    right: Right,
    who: &Standing,
    target: &Standing,
    channel: &Channel,
    levels: &Levels,
) -> Result<()> {
    check(right, who, channel, levels)?;
    if target.power == Power::Creator {
        return Err(Error::conflict(format!(
            "{} is a creator of the Matrix room (version 12): Matrix lets nobody act against \
             them, and nobody change their power",
            target.entity
        )));
    }
    match target.power < who.power {
        true => Ok(()),
        false => Err(Error::forbidden(format!(
            "{} has the power level {} in this channel, and {} not less: {}",
            who.entity, who.power, target.entity, target.power
        ))),
    }
}

/// Whether somebody outranks another who is muted, as they were `before`: whoever could not take their
/// power does not decide when they have it again either.
pub fn check_over_muted(
    who: &Standing,
    target: &Standing,
    before: Option<i64>,
    levels: &Levels,
) -> Result<()> {
    let before = Power::Level(before.unwrap_or(levels.users_default));
    match before < who.power {
        true => Ok(()),
        false => Err(Error::forbidden(format!(
            "{} has the power level {} in this channel, and {} not less when they are not muted: \
             {before}",
            who.entity, who.power, target.entity
        ))),
    }
}

/// Whether somebody may give another, or themselves, this level. Nobody gives more than they have;
/// oneself one may only lower.
pub fn check_level(
    who: &Standing,
    target: &Standing,
    level: i64,
    channel: &Channel,
    levels: &Levels,
) -> Result<()> {
    if who.entity == target.entity && target.power != Power::Creator {
        check(Right::SetRole, who, channel, levels)?;
    } else {
        check_over(Right::SetRole, who, target, channel, levels)?;
    }
    match Power::Level(level) <= who.power {
        true => Ok(()),
        false => Err(Error::forbidden(format!(
            "{} has the power level {} in this channel and can give no more: {level}",
            who.entity, who.power
        ))),
    }
}
