//! Messages: references to Matrix events, with as much of them as lists show.

use super::entity::Entity;
use super::id::{ChannelId, EventId, MessageId, Millis, UserId};
use super::reception::Reception;
use uuid::Uuid;

/// What a message is, by its Matrix `msgtype`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MessageKind {
    Text,
    Notice,
    Emote,
    Image,
    File,
    Audio,
    Video,
    Location,
    /// `m.room.encrypted`: its content is not ours to read.
    Encrypted,
    /// A `msgtype` that this version does not know.
    Other(String),
}

impl MessageKind {
    /// The Matrix `msgtype` (for encrypted messages the event type).
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Text => "m.text",
            Self::Notice => "m.notice",
            Self::Emote => "m.emote",
            Self::Image => "m.image",
            Self::File => "m.file",
            Self::Audio => "m.audio",
            Self::Video => "m.video",
            Self::Location => "m.location",
            Self::Encrypted => "m.room.encrypted",
            Self::Other(msgtype) => msgtype,
        }
    }

    /// Reads a `msgtype`.
    #[must_use]
    pub fn parse(msgtype: &str) -> Self {
        match msgtype {
            "m.text" => Self::Text,
            "m.notice" => Self::Notice,
            "m.emote" => Self::Emote,
            "m.image" => Self::Image,
            "m.file" => Self::File,
            "m.audio" => Self::Audio,
            "m.video" => Self::Video,
            "m.location" => Self::Location,
            "m.room.encrypted" => Self::Encrypted,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Whether the message is a file of some sort.
    #[must_use]
    pub fn is_media(&self) -> bool {
        matches!(self, Self::Image | Self::File | Self::Audio | Self::Video)
    }
}

/// A file that a message carries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Media {
    /// `mxc://server/id`; `None` for an encrypted file.
    pub url: Option<String>,
    pub mimetype: Option<String>,
    /// In bytes, as the sender says.
    pub size: Option<u64>,
}

/// Whom a message is meant to call.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Mentions {
    /// Each once, in the order of the sender.
    pub entities: Vec<Entity>,
    /// Everybody in the room.
    pub room: bool,
}

impl Mentions {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entities.is_empty() && !self.room
    }
}

/// A message's content in full.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FullContent {
    pub body: String,
    /// HTML, sanitised by the Matrix specification's allow-list.
    pub formatted_body: Option<String>,
}

/// By what a message is known again that its sender has named by a key: it travels with the message,
/// so that whoever finds it, after whatever happened to us, knows that it was said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sending {
    /// The Matrix transaction, which follows from the key.
    pub transaction: Uuid,
    /// Of all that was to be sent.
    pub digest: [u8; 32],
}

/// A message as the index knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    pub id: MessageId,
    pub channel: ChannelId,
    pub event: EventId,
    pub sender: UserId,
    pub sender_entity: Entity,
    pub kind: MessageKind,
    /// The first characters of the plain text.
    pub preview: String,
    /// Whether the text goes on behind the preview. Of an empty one: its last edit was taken
    /// back, and it is not known here what it says now.
    pub truncated: bool,
    pub reply_to: Option<MessageId>,
    /// The root of the thread that the message is in.
    pub thread: Option<MessageId>,
    pub media: Option<Media>,
    pub mentions: Mentions,
    /// The homeserver's `origin_server_ts`, never later than its arrival.
    pub created_at: Millis,
    /// When it was last edited.
    pub edited_at: Option<Millis>,
    pub deleted: bool,
    /// What others have made of it; empty outside of the index.
    pub reception: Reception,
    /// What its sender has named it; the index keeps that apart from the message.
    pub sending: Option<Sending>,
}

impl Message {
    /// A text that somebody says now.
    #[must_use]
    pub fn blank(channel: ChannelId, event: EventId, sender: (UserId, Entity), at: Millis) -> Self {
        Self {
            id: MessageId::of(&event),
            channel,
            event,
            sender: sender.0,
            sender_entity: sender.1,
            kind: MessageKind::Text,
            preview: String::new(),
            truncated: false,
            reply_to: None,
            thread: None,
            media: None,
            mentions: Mentions::default(),
            created_at: at,
            edited_at: None,
            deleted: false,
            reception: Reception::default(),
            sending: None,
        }
    }

    /// Takes everything out of the message that a redaction takes away. Which thread it was in
    /// is still known, though it counts there no more.
    pub fn delete(&mut self) {
        self.preview.clear();
        self.truncated = false;
        self.media = None;
        self.reply_to = None;
        self.edited_at = None;
        self.mentions = Mentions::default();
        self.reception.reactions.clear();
        self.deleted = true;
    }

    /// Takes over what has come of it. Says whether that is news. Reactions to what is gone are
    /// shown no more.
    pub fn receive(&mut self, mut reception: Reception) -> bool {
        if self.deleted {
            reception.reactions.clear();
        }
        let is_news = self.reception != reception;
        self.reception = reception;
        is_news
    }

    /// Takes out of the message what must not be kept of a confidential channel. Says whether
    /// there was anything.
    pub fn conceal(&mut self) -> bool {
        let reveals = self.reveals();
        self.preview.clear();
        self.truncated = false;
        self.media = None;
        self.mentions = Mentions::default();
        self.reception.reactions.clear();
        reveals
    }

    /// Whether anything of its content is in the message.
    #[must_use]
    pub fn reveals(&self) -> bool {
        !self.preview.is_empty()
            || self.truncated
            || self.media.is_some()
            || !self.mentions.is_empty()
            || !self.reception.reactions.is_empty()
    }

    /// Takes back the edit of this time, if that is what is shown. What the message says
    /// without it only the homeserver knows: nothing is shown, and `truncated` says so. Says
    /// whether it did.
    pub fn withdraw(&mut self, edit: Millis) -> bool {
        let is_shown = !self.deleted && self.edited_at == Some(edit);
        if is_shown {
            self.preview.clear();
            self.truncated = true;
            self.mentions = Mentions::default();
        }
        is_shown
    }

    /// Whether the edit that was last applied has been taken back.
    #[must_use]
    pub fn is_withdrawn(&self) -> bool {
        self.truncated && self.preview.is_empty()
    }

    /// Applies an edit, unless it is from somebody else, the message is gone, or a newer edit,
    /// or this one before it was taken back, was applied before. Says whether it did.
    pub fn edit(
        &mut self,
        by: &UserId,
        (preview, truncated): (&str, bool),
        mentions: &Mentions,
        at: Millis,
    ) -> bool {
        let stale = self
            .edited_at
            .is_some_and(|applied| applied > at || (applied == at && self.is_withdrawn()));
        if self.deleted || stale || *by != self.sender {
            return false;
        }
        preview.clone_into(&mut self.preview);
        self.truncated = truncated;
        self.mentions.clone_from(mentions);
        self.edited_at = Some(at);
        true
    }
}
