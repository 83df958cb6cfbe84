//! Events: what happened, in our words, numbered by their place in the journal.

use super::access::Levels;
use super::channel::{Channel, ChannelChange, STATE_TYPE};
use super::id::{ChannelId, EventId, MessageId, Millis, Seq, UserId};
use super::member::{Member, Membership};
use super::message::{Mentions, Message, MessageKind};

/// By which way an event came to us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// The homeserver pushed it.
    Push,
    /// We sent it and hold the homeserver's answer.
    Echo,
    /// It was missing and found in the room's history.
    Heal,
    /// It was read again while the index was rebuilt from the homeserver: nothing new has
    /// happened, so nobody is told.
    Rebuild,
}

/// What happened in a channel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    ChannelCreated(Channel),
    ChannelUpdated {
        change: ChannelChange,
        by: UserId,
        at: Millis,
    },
    /// A text, notice or emote, or an encrypted message.
    MessageCreated(Message),
    /// A message that carries a file.
    MediaUploaded(Message),
    MessageEdited {
        target: EventId,
        by: UserId,
        preview: String,
        truncated: bool,
        mentions: Mentions,
        at: Millis,
    },
    /// An event was taken back. What it was Matrix does not say: mostly a message, but also an
    /// edit or a reaction. Those who tell of it ask the index.
    MessageDeleted {
        target: EventId,
        by: UserId,
        at: Millis,
    },
    ReactionAdded {
        target: EventId,
        /// Empty in a confidential channel.
        key: String,
        by: UserId,
        at: Millis,
    },
    /// A reaction was taken back, and we know that it was one.
    ReactionRemoved {
        /// The reaction.
        target: EventId,
        /// What was reacted to.
        message: MessageId,
        /// `None` when it is no longer known.
        key: Option<String>,
        /// Whose reaction it was; `None` when it is no longer known.
        of: Option<UserId>,
        by: UserId,
        at: Millis,
    },
    /// These messages are pinned from here on, and no others.
    PinsChanged {
        /// In the order of the room.
        pinned: Vec<EventId>,
        by: UserId,
        at: Millis,
    },
    /// What the room demands and whom it gives what power, all of it, from here on.
    LevelsChanged {
        levels: Levels,
        by: UserId,
        at: Millis,
    },
    /// Somebody was invited, came, left, was banned or has knocked.
    MemberChanged(Member),
}

/// An event that is not numbered yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewEvent {
    pub channel: ChannelId,
    /// The Matrix event that it is; events without one are never taken for repeats.
    pub event: Option<EventId>,
    pub source: Source,
    pub what: What,
}

/// An event in the journal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    pub seq: Seq,
    /// When it reached us, by our clock.
    pub arrived_at: Millis,
    pub channel: ChannelId,
    pub event: Option<EventId>,
    pub source: Source,
    pub what: What,
}

impl What {
    /// The name of the event in every contract.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::ChannelCreated(_) => "messaging.channel.created",
            Self::ChannelUpdated { .. } => "messaging.channel.updated",
            Self::MessageCreated(_) => "messaging.message.created",
            Self::MediaUploaded(_) => "messaging.media.uploaded",
            Self::MessageEdited { .. } => "messaging.message.updated",
            Self::MessageDeleted { .. } => "messaging.message.deleted",
            Self::ReactionAdded { .. } => "messaging.reaction.added",
            Self::ReactionRemoved { .. } => "messaging.reaction.removed",
            Self::PinsChanged { .. } => "messaging.channel.pins_changed",
            Self::LevelsChanged { .. } => "messaging.channel.roles_changed",
            Self::MemberChanged(member) => match member.membership {
                Membership::Invited => "messaging.member.invited",
                Membership::Joined => "messaging.member.joined",
                Membership::Left | Membership::Banned => "messaging.member.left",
                Membership::Knocking => "messaging.member.knocked",
            },
        }
    }

    /// Whether the audit log may have to keep it.
    #[must_use]
    pub fn is_audited(&self) -> bool {
        !matches!(
            self,
            Self::MessageCreated(_)
                | Self::MediaUploaded(_)
                | Self::MessageEdited { .. }
                | Self::ReactionAdded { .. }
        )
    }

    /// The type of the Matrix event that it is.
    #[must_use]
    pub fn matrix_type(&self) -> &str {
        match self {
            Self::ChannelCreated(_) => STATE_TYPE,
            Self::ChannelUpdated { change, .. } => match change {
                ChannelChange::Name(_) => "m.room.name",
                ChannelChange::Description(_) => "m.room.topic",
                ChannelChange::Alias(_) => "m.room.canonical_alias",
                ChannelChange::Visibility(_) | ChannelChange::Knockable => "m.room.join_rules",
                ChannelChange::Encrypted => "m.room.encryption",
                ChannelChange::Room(_) => "m.room.tombstone",
                ChannelChange::Settings { .. } => STATE_TYPE,
            },
            Self::MessageCreated(message) | Self::MediaUploaded(message) => match &message.kind {
                MessageKind::Encrypted => "m.room.encrypted",
                // What is no `m.room.message` and yet a message is kept under its type.
                MessageKind::Other(kind) if is_type_of_its_own(kind) => kind,
                _ => "m.room.message",
            },
            Self::MessageEdited { .. } => "m.room.message",
            Self::MessageDeleted { .. } | Self::ReactionRemoved { .. } => "m.room.redaction",
            Self::ReactionAdded { .. } => "m.reaction",
            Self::PinsChanged { .. } => "m.room.pinned_events",
            Self::LevelsChanged { .. } => "m.room.power_levels",
            Self::MemberChanged(_) => "m.room.member",
        }
    }

    /// Who brought it about; `None` when it was the connector.
    #[must_use]
    pub fn by(&self) -> Option<&UserId> {
        match self {
            Self::ChannelCreated(_) => None,
            Self::MessageCreated(message) | Self::MediaUploaded(message) => Some(&message.sender),
            Self::MemberChanged(member) => Some(&member.by),
            Self::ChannelUpdated { by, .. }
            | Self::MessageEdited { by, .. }
            | Self::MessageDeleted { by, .. }
            | Self::ReactionAdded { by, .. }
            | Self::ReactionRemoved { by, .. }
            | Self::PinsChanged { by, .. }
            | Self::LevelsChanged { by, .. } => Some(by),
        }
    }

    /// When it happened, by the homeserver's clock.
    #[must_use]
    pub fn at(&self) -> Millis {
        match self {
            Self::ChannelCreated(channel) => channel.created_at,
            Self::MessageCreated(message) | Self::MediaUploaded(message) => message.created_at,
            Self::MemberChanged(member) => member.since,
            Self::ChannelUpdated { at, .. }
            | Self::MessageEdited { at, .. }
            | Self::MessageDeleted { at, .. }
            | Self::ReactionAdded { at, .. }
            | Self::ReactionRemoved { at, .. }
            | Self::PinsChanged { at, .. }
            | Self::LevelsChanged { at, .. } => *at,
        }
    }

    /// Takes out what somebody said, which must not be kept of a confidential channel: who did
    /// what, when and to what is left. Says whether there was anything.
    pub fn conceal(&mut self) -> bool {
        match self {
            Self::MessageCreated(message) | Self::MediaUploaded(message) => message.conceal(),
            Self::MessageEdited {
                preview,
                truncated,
                mentions,
                ..
            } => {
                let reveals = !preview.is_empty() || *truncated || !mentions.is_empty();
                preview.clear();
                *truncated = false;
                *mentions = Mentions::default();
                reveals
            }
            Self::ReactionAdded { key, .. } => !std::mem::take(key).is_empty(),
            Self::ReactionRemoved { key, .. } => key.take().is_some_and(|key| !key.is_empty()),
            _ => false,
        }
    }

    /// What was taken back, if anything was.
    #[must_use]
    pub fn taken_back(&self) -> Option<&EventId> {
        match self {
            Self::MessageDeleted { target, .. } | Self::ReactionRemoved { target, .. } => {
                Some(target)
            }
            _ => None,
        }
    }

    /// The message that is new with this event.
    #[must_use]
    pub fn message(&self) -> Option<&Message> {
        match self {
            Self::MessageCreated(message) | Self::MediaUploaded(message) => Some(message),
            _ => None,
        }
    }
}

/// Whether a message's kind is the type of its event and no `msgtype`.
fn is_type_of_its_own(kind: &str) -> bool {
    matches!(
        kind,
        "m.sticker" | "m.poll.start" | "org.matrix.msc3381.poll.start"
    )
}

/// A Matrix event of a channel that could not be turned into one of ours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Skipped {
    pub at: Millis,
    /// Why: its type is unknown, or what of it is malformed.
    pub reason: String,
    /// The Matrix event as it came, cut at 64 KiB.
    pub raw: String,
}
