//! Members: who is in a channel.

use super::entity::{Entity, EntityKind};
use super::id::{Millis, UserId};

/// How a user stands to a channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Membership {
    Invited,
    Joined,
    Left,
    Banned,
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
}

impl Member {
    /// What the member is in the channel.
    #[must_use]
    pub fn role(&self, created_by: Option<&str>) -> &'static str {
        match self.entity.kind() {
            EntityKind::Agent => "agent",
            EntityKind::Human if created_by == Some(self.entity.to_string().as_str()) => "owner",
            EntityKind::Human => "member",
        }
    }
}

/// An agent of this installation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Agent {
    /// The bare name; the entity is `agent:<name>`.
    pub name: String,
    pub user: UserId,
    pub display_name: String,
    pub created_at: Millis,
    /// When its account was closed, for good.
    pub deactivated_at: Option<Millis>,
}
