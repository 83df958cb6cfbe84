//! Who may what. Here is who is asking, and what that alone decides; [`levels`] is what a channel
//! demands, [`role`] the words for it, [`right`] the one table of what may be done there, [`standing`]
//! what one may do to another, [`marking`] who makes a channel of a room, [`agents`] whose agents are,
//! and [`microdaos`] who names groups of channels.

pub mod agents;
pub mod levels;
pub mod marking;
pub mod microdaos;
pub mod right;
pub mod role;
pub mod standing;

use std::sync::Arc;

pub use levels::{Levels, Power};
pub use marking::{check_adoption, may_move};
pub use right::{Right, check, check_author, check_speech, encrypted, may_knock};
pub use role::Role;
pub use standing::{Standing, check_level, check_over, check_over_muted};

use super::entity::Entity;
use super::error::{Error, Result};
use super::id::ChannelId;

/// Somebody who has proved who they are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    pub entity: Entity,
    /// Whether the configuration lists them as an operator. It opens what is for operators, and
    /// gives nothing in a channel: there, what anybody may do follows from Matrix.
    pub operator: bool,
    /// The channels that there are for the caller, when a key narrows that down; `None` for all.
    pub within: Option<Arc<[ChannelId]>>,
}

/// Somebody who runs the place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Operator {
    /// A local account, by its name; no entity, and so no member of anything.
    Account { name: String },
    /// A person whom the configuration lists.
    Person(Caller),
}

/// Who may make city rooms.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CityCreation {
    #[default]
    Members,
    Operators,
}

impl Operator {
    /// The account's name, or the person's entity id.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Account { name } => name.clone(),
            Self::Person(caller) => caller.entity.to_string(),
        }
    }

    /// The person that the operator is; `None` for a local account.
    #[must_use]
    pub fn entity(&self) -> Option<&Entity> {
        match self {
            Self::Account { .. } => None,
            Self::Person(caller) => Some(&caller.entity),
        }
    }
}

impl Caller {
    /// Somebody who is held to nothing but the rules.
    #[must_use]
    pub fn new(entity: Entity, operator: bool) -> Self {
        Self {
            entity,
            operator,
            within: None,
        }
    }

    /// Whether a channel is one that there is for the caller at all.
    #[must_use]
    pub fn reaches(&self, id: ChannelId) -> bool {
        let within = self.within.as_deref();
        within.is_none_or(|channels| channels.contains(&id))
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
