//! What is done in rooms: messages, edits, reactions, redactions, settings.

use uuid::Uuid;

use super::ChannelState;
use crate::domain::channel::Visibility;
use crate::domain::id::{EventId, Millis, RoomAlias, RoomId, UserId};
use crate::domain::message::{MessageKind, Sending};

/// A message to be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outgoing {
    pub room: RoomId,
    /// Who says it; the connector may act as any local user.
    pub sender: UserId,
    /// The Matrix transaction id: unique in the world, because the homeserver's
    /// de-duplication does not tell asserted users apart.
    pub transaction: String,
    /// Becomes the event's `origin_server_ts`, so that our echo has the same time.
    pub at: Millis,
    /// Its Matrix `msgtype`.
    pub kind: MessageKind,
    pub text: String,
    /// Whether the text is Markdown, to be rendered to safe HTML beside the text.
    pub markdown: bool,
    /// The file that it carries; the text is said about it then.
    pub file: Option<OutgoingFile>,
    pub reply_to: Option<EventId>,
    /// The root of the thread that it goes into.
    pub thread: Option<EventId>,
    pub mentions: Vec<UserId>,
    /// The message that it replaces.
    pub edit: Option<Edit>,
    /// What its sender has named it, so that it is known again.
    pub sending: Option<Sending>,
}

impl Outgoing {
    /// A plain text.
    #[must_use]
    pub fn text(room: RoomId, sender: UserId, transaction: String, at: Millis, text: &str) -> Self {
        Self {
            room,
            sender,
            transaction,
            at,
            kind: MessageKind::Text,
            text: text.to_owned(),
            markdown: false,
            file: None,
            reply_to: None,
            thread: None,
            mentions: Vec::new(),
            edit: None,
            sending: None,
        }
    }
}

/// A message as the homeserver took it in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TakenIn {
    /// By the homeserver's clock.
    pub at: Millis,
    pub sending: Option<Sending>,
}

/// A file that a message carries.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OutgoingFile {
    /// `mxc://server/id`.
    pub url: String,
    pub name: String,
    pub mimetype: Option<String>,
    /// In bytes.
    pub size: Option<u64>,
    /// Of a picture or a video, in pixels.
    pub width: Option<u64>,
    pub height: Option<u64>,
    /// Of a video or a sound.
    pub duration_ms: Option<u64>,
}

/// What a message replaces.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edit {
    pub of: EventId,
    /// Those of its mentions that were not in it before: only they are called by it.
    pub called: Vec<UserId>,
}

/// A reaction to be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reaction {
    pub room: RoomId,
    pub target: EventId,
    /// `None`: the connector.
    pub sender: Option<UserId>,
    pub transaction: Uuid,
    /// Mostly an emoji.
    pub key: String,
    /// Becomes the event's `origin_server_ts`; `None`: when it arrives there.
    pub at: Option<Millis>,
}

/// An event to be taken back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Redaction {
    pub room: RoomId,
    pub target: EventId,
    /// `None`: the connector.
    pub sender: Option<UserId>,
    pub transaction: Uuid,
    pub reason: Option<String>,
}

/// Something of a room to be set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Setting {
    Name(String),
    Topic(String),
    Channel(ChannelState),
    /// Whether a space names a room as its own.
    Child {
        room: RoomId,
        is_child: bool,
    },
    /// Who may come in, and with it whether the homeserver's directory lists the room.
    Visibility(Visibility),
    CanonicalAlias(RoomAlias),
    /// What is pinned, and nothing else.
    Pins(Vec<EventId>),
    /// Whether people may ask to be let in, where not everybody may come.
    Knocks(bool),
}

/// What becomes of what a deactivated user has said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Traces {
    Kept,
    /// Whoever joins later is not shown it.
    Erased,
}
