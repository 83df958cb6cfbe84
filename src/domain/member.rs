//! Members: who is in a channel.

use super::access::{Power, Role};
use super::entity::{Entity, EntityKind};
use super::id::{Millis, UserId};

/// How a user stands to a channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Membership {
    Invited,
    Joined,
    Left,
    Banned,
    /// Has asked to be let in.
    Knocking,
}

impl Membership {
    /// The word that contracts and records use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invited => "invited",
            Self::Joined => "joined",
            Self::Left => "left",
            Self::Banned => "banned",
            Self::Knocking => "knocking",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "invited" => Some(Self::Invited),
            "joined" => Some(Self::Joined),
            "left" => Some(Self::Left),
            "banned" => Some(Self::Banned),
            "knocking" => Some(Self::Knocking),
            _ => None,
        }
    }
}

/// A user's membership of one channel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    pub user: UserId,
    pub entity: Entity,
    pub membership: Membership,
    pub display_name: Option<String>,
    /// Who brought this membership about: the inviter, the kicker, or the user itself.
    pub by: UserId,
    /// When it came about, by the homeserver's clock. A later one wins.
    pub since: Millis,
    /// Why, as whoever brought it about has said.
    pub reason: Option<String>,
}

impl Member {
    /// What the member is in the channel: agents are agents, whatever their power.
    #[must_use]
    pub fn role(&self, power: Power) -> &'static str {
        match self.entity.kind() {
            EntityKind::Agent => "agent",
            EntityKind::Human => Role::of(power).as_str(),
        }
    }
}
