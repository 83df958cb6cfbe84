//! Membership.

use poem_openapi::{Enum, Object};

/// Somebody to be invited.
#[derive(Object, Clone, Debug)]
pub struct Invite {
    /// `!opaque`, or an alias `#localpart:server`.
    pub room_id: String,
    /// Whom, a Matrix id or an entity; users of other homeservers as well.
    pub user_id: String,
    /// Who invites, an entity or a Matrix id; the connector when neither field is there.
    pub inviter: Option<String>,
    /// The same user's Matrix id.
    pub inviter_matrix_id: Option<String>,
    /// Why, at most 1,000 characters.
    pub reason: Option<String>,
}

/// Somebody who joins.
#[derive(Object, Clone, Debug)]
pub struct Comer {
    /// `!opaque`, or an alias `#localpart:server`.
    pub room_id: String,
    /// Who joins, a Matrix id or an entity.
    pub user_id: String,
    /// Homeservers by which a room is joined that ours is not in, as `matrix.org`; at most 20. An
    /// alias tells of some itself.
    #[oai(default)]
    pub via: Vec<String>,
    /// Why, at most 1,000 characters.
    pub reason: Option<String>,
}

/// Somebody who leaves.
#[derive(Object, Clone, Debug)]
pub struct Leaver {
    /// `!opaque`, or an alias `#localpart:server`.
    pub room_id: String,
    /// Who leaves, a Matrix id or an entity.
    pub user_id: String,
    /// Why, at most 1,000 characters.
    pub reason: Option<String>,
}

/// Somebody to be kicked.
#[derive(Object, Clone, Debug)]
pub struct Kick {
    /// `!opaque`, or an alias `#localpart:server`.
    pub room_id: String,
    /// Whom, a Matrix id or an entity.
    pub user_id: String,
    /// Who kicks, a Matrix id or an entity; the connector when absent.
    pub kicker: Option<String>,
    /// The same user's Matrix id.
    pub kicker_matrix_id: Option<String>,
    /// Why, at most 1,000 characters.
    pub reason: Option<String>,
}

/// Somebody to be banned, or let in again.
#[derive(Object, Clone, Debug)]
pub struct Ban {
    /// `!opaque`, or an alias `#localpart:server`.
    pub room_id: String,
    /// Whom, a Matrix id or an entity.
    pub user_id: String,
    /// Who does it, a Matrix id or an entity; the connector when absent.
    pub moderator: Option<String>,
    /// The same user's Matrix id.
    pub moderator_matrix_id: Option<String>,
    /// Why, at most 1,000 characters.
    pub reason: Option<String>,
}

macro_rules! outcomes {
    ($($(#[$doc:meta])* $name:ident, $word:ident { $(#[$vdoc:meta])* $variant:ident });+ $(;)?) => {
        $(
            $(#[$doc])*
            #[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
            #[oai(rename_all = "lowercase")]
            pub enum $word { $(#[$vdoc])* $variant }

            $(#[$doc])*
            #[derive(Object, Clone, Debug)]
            pub struct $name {
                pub status: $word,
            }

            impl $name {
                /// The one answer.
                pub const DONE: Self = Self { status: $word::$variant };
            }
        )+
    };
}

outcomes!(
    /// Somebody is not in the room.
    Left, LeftStatus { Left };
    /// Somebody is in the room no longer.
    Kicked, KickedStatus { Kicked };
    /// Somebody is banned.
    Banned, BannedStatus { Banned };
    /// Somebody is banned no longer.
    Unbanned, UnbannedStatus { Unbanned };
);

/// How somebody who was to be invited stands to the room.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
#[oai(rename_all = "lowercase")]
pub enum InviteStatus {
    Invited,
    /// Was in the room already, and was not invited.
    Joined,
}

/// Somebody is invited.
#[derive(Object, Clone, Debug)]
pub struct Invited {
    pub status: InviteStatus,
}

/// The one outcome of joining.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
#[oai(rename_all = "lowercase")]
pub enum JoinedStatus {
    Joined,
}

/// Somebody is in the room.
#[derive(Object, Clone, Debug)]
pub struct Joined {
    pub status: JoinedStatus,
    /// `!opaque`, also when an alias was given.
    pub room_id: String,
}

impl Joined {
    /// The one answer.
    #[must_use]
    pub fn to(room_id: String) -> Self {
        Self {
            status: JoinedStatus::Joined,
            room_id,
        }
    }
}
