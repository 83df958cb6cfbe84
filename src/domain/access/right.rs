//! The table: what one may want in a channel, and what it takes.

use super::levels::{Levels, Power};
use super::standing::Standing;
use crate::domain::channel::{Channel, ChannelStatus, Visibility};
use crate::domain::entity::{Entity, EntityKind};
use crate::domain::id::UserId;
use crate::domain::member::Membership;
use crate::domain::message::Message;
use crate::domain::{Error, Result};

/// What one wants to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Right {
    /// To know of it, and all that is in it.
    Read,
    /// To become a member by oneself.
    Join,
    Send,
    /// To have something said later on.
    Schedule,
    React,
    EditOwn,
    DeleteOwn,
    DeleteAny,
    Pin,
    Invite,
    /// To make links by which people come in, and to revoke one's own.
    ManageLinks,
    /// To revoke the links of others.
    RevokeLinks,
    /// To see who has asked to be let in, and to let them.
    AnswerKnocks,
    /// To send away.
    Remove,
    Ban,
    /// To take the word from somebody for a while.
    Mute,
    SetRole,
    Rename,
    Describe,
    /// To let everybody in, or only some.
    SetVisibility,
    SlowMode,
    /// To close it for writing, and to open it; to make it the city's default room.
    Archive,
    ReadAudit,
    /// To be handed what was said, for an agent's memory.
    Recall,
}

/// Who has no need to be a member yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Inside {
    /// Whoever may know of the channel.
    Visible,
    /// Whoever is a member, is invited, or may come in without.
    Welcome,
    /// Members, and people in a public channel: they come in by speaking there.
    ComesIn,
    Member,
}

/// What of a channel's own state forbids it to everybody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Open {
    Always,
    /// Not when it is archived.
    Active,
    /// Nor when it is encrypted: only clients that hold its keys can do it.
    Readable,
}

/// What the connector does for people, because Matrix has no lesser word for it.
const OWNER: i64 = 100;

impl Right {
    /// One row of the table: who, when, and the level.
    fn row(self, levels: &Levels) -> (Inside, Open, Option<i64>) {
        use Inside::{ComesIn, Member, Visible, Welcome};
        use Open::{Active, Always, Readable};
        let set = |kind| Some(levels.to_set(kind));
        let say = |kind| Some(levels.to_send(kind));
        match self {
            Self::Read => (Visible, Always, None),
            Self::Join => (Welcome, Always, None),
            Self::Send | Self::Schedule => (ComesIn, Readable, say("m.room.message")),
            Self::React => (ComesIn, Readable, say("m.reaction")),
            Self::EditOwn => (Member, Readable, say("m.room.message")),
            Self::DeleteOwn => (Member, Always, say("m.room.redaction")),
            Self::DeleteAny => {
                let needed = levels.redact.max(levels.to_send("m.room.redaction"));
                (Member, Always, Some(needed))
            }
            Self::Pin => (Member, Active, set("m.room.pinned_events")),
            Self::Invite | Self::ManageLinks | Self::AnswerKnocks => {
                (Member, Always, Some(levels.invite))
            }
            Self::Remove | Self::RevokeLinks | Self::Mute | Self::ReadAudit => {
                (Member, Always, Some(levels.kick))
            }
            Self::Ban => (Member, Always, Some(levels.ban)),
            Self::SetRole => (Member, Always, set("m.room.power_levels")),
            Self::Rename | Self::SlowMode => (Member, Always, set("m.room.name")),
            Self::Describe => (Member, Always, set("m.room.topic")),
            Self::SetVisibility => (Member, Always, set("m.room.join_rules")),
            Self::Archive => (Member, Always, Some(OWNER)),
            Self::Recall => (Member, Always, None),
        }
    }

    /// Whether it is decided here alone: the connector does it for people, or it is of what only we
    /// have, so that no homeserver looks at their power again.
    #[must_use]
    pub fn is_decided_here(self) -> bool {
        matches!(
            self,
            Self::Mute
                | Self::SlowMode
                | Self::Archive
                | Self::ReadAudit
                | Self::ManageLinks
                | Self::RevokeLinks
                | Self::AnswerKnocks
                | Self::Recall
        )
    }

    /// What it takes to take away what `sender` has said.
    #[must_use]
    pub fn to_delete(sender: &UserId, by: &UserId) -> Self {
        match sender == by {
            true => Self::DeleteOwn,
            false => Self::DeleteAny,
        }
    }

    /// The level that it takes in a room; `None` when it takes none.
    #[must_use]
    pub fn needs(self, levels: &Levels) -> Option<i64> {
        self.row(levels).2
    }
}

/// Whether somebody may do it: the one place that decides. What Matrix alone decides, the
/// homeserver may still refuse.
pub fn check(right: Right, who: &Standing, channel: &Channel, levels: &Levels) -> Result<()> {
    let (inside, open, needed) = right.row(levels);
    if !channel.is_visible_to(who.membership) {
        return Err(Error::not_found(format!("no channel {}", channel.id)));
    }
    require_open(open, channel)?;
    require_inside(inside, who, channel)?;
    let Some(needed) = needed else {
        return Ok(());
    };
    match who.power >= Power::Level(needed) {
        true => Ok(()),
        false => Err(Error::forbidden(format!(
            "needs the power level {needed} in this channel; {} has {}",
            who.entity, who.power
        ))),
    }
}

fn require_open(open: Open, channel: &Channel) -> Result<()> {
    if open != Open::Always && channel.status == ChannelStatus::Archived {
        return Err(Error::forbidden("the channel is archived"));
    }
    match open == Open::Readable && channel.confidential {
        true => Err(encrypted("channel")),
        false => Ok(()),
    }
}

/// Whether anybody may speak in a channel, in the clear.
pub fn check_speech(channel: &Channel) -> Result<()> {
    require_open(Open::Readable, channel)
}

/// What is said of a room or channel that nobody speaks in from here.
#[must_use]
pub fn encrypted(place: &str) -> Error {
    Error::forbidden(format!(
        "the {place} is end-to-end encrypted: only a Matrix client that holds its keys can speak \
         there"
    ))
}

/// Checks that somebody may reword a message: nobody puts words into another's mouth.
pub fn check_author(user: &UserId, message: &Message) -> Result<()> {
    match message.sender == *user {
        true => Ok(()),
        false => Err(Error::forbidden("only its author may edit a message")),
    }
}

/// Whether somebody who may not know of a channel may ask to be let in. An agent is brought in by a
/// member.
#[must_use]
pub fn may_knock(entity: &Entity, membership: Option<Membership>, channel: &Channel) -> bool {
    channel.accepts_knocks
        && membership != Some(Membership::Banned)
        && entity.kind() == EntityKind::Human
}

fn require_inside(inside: Inside, who: &Standing, channel: &Channel) -> Result<()> {
    // An agent is brought in by a member; it does not come by itself.
    let may_come = channel.visibility == Visibility::Public
        && who.entity.kind() == EntityKind::Human
        && who.membership != Some(Membership::Banned);
    let is_enough = match inside {
        Inside::Visible => true,
        Inside::Welcome | Inside::ComesIn if may_come => true,
        Inside::Welcome if who.membership == Some(Membership::Invited) => true,
        _ => who.membership == Some(Membership::Joined),
    };
    if is_enough {
        return Ok(());
    }
    Err(Error::forbidden(format!(
        "{} is not a member of this channel",
        who.entity
    )))
}

#[cfg(test)]
#[path = "right/tests.rs"]
mod tests;
