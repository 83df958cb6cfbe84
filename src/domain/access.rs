//! Who is asking, and what that alone decides.

use super::channel::{Channel, Visibility};
use super::entity::Entity;
use super::error::{Error, Result};
use super::member::Membership;

/// Somebody who has proved who they are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    pub entity: Entity,
    /// Whether the configuration lists them as an operator.
    pub operator: bool,
}

/// Who may make city rooms.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CityCreation {
    #[default]
    Members,
    Operators,
}

impl Caller {
    /// Whether the caller may know of a channel, given its membership there.
    #[must_use]
    pub fn may_see(&self, channel: &Channel, membership: Option<Membership>) -> bool {
        channel.visibility == Visibility::Public
            || self.operator
            || matches!(membership, Some(Membership::Joined | Membership::Invited))
    }

    /// Checks that the caller may make a city room.
    pub fn may_create_city_room(&self, rule: CityCreation) -> Result<()> {
        match rule {
            CityCreation::Operators if !self.operator => Err(Error::forbidden(
                "only operators may create city rooms here (city.create)",
            )),
            _ => Ok(()),
        }
    }
}
