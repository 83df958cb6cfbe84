//! Messages.

use poem_openapi::{Enum, Object};
use uuid::Uuid;

use crate::api::time::Time;
use crate::domain::id::MessageId;
use crate::domain::message::MessageKind;
use crate::domain::page::Order as DomainOrder;
use crate::service::messages;

/// Which way a list of messages runs.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[oai(rename_all = "lowercase")]
pub enum Order {
    /// Newest first.
    #[default]
    Desc,
    /// Oldest first.
    Asc,
}

impl From<Order> for DomainOrder {
    fn from(order: Order) -> Self {
        match order {
            Order::Desc => Self::Descending,
            Order::Asc => Self::Ascending,
        }
    }
}

/// How much of a message's content is wanted.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[oai(rename_all = "lowercase")]
pub enum ContentDetail {
    /// The first 280 characters, from the index.
    #[default]
    Preview,
    /// The whole and the formatted text too, fetched from the homeserver.
    Full,
}

/// How the text of a message is to be read.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[oai(rename_all = "lowercase")]
pub enum TextFormat {
    /// Shown as it stands.
    #[default]
    Plain,
    /// Rendered to HTML, sanitised by the Matrix specification's allow-list.
    Markdown,
}

/// A message: a reference to a Matrix event with as much of it as a list shows.
#[derive(Object, Clone, Debug)]
pub struct Message {
    /// UUIDv5 of the Matrix event id: the same after any rebuild, on any machine.
    pub id: Uuid,
    pub channel_id: Uuid,
    /// `$opaque`.
    pub matrix_event_id: String,
    /// Who said it: `user:<localpart>`, `user:<localpart>:<server>` or `agent:<name>`.
    pub sender_id: String,
    /// `human` or `agent`.
    pub sender_type: String,
    /// `@localpart:server`.
    pub sender_matrix_id: String,
    /// The Matrix message type: `m.text`, `m.notice`, `m.emote`, `m.image`, `m.file`,
    /// `m.audio`, `m.video`, `m.location`; `m.room.encrypted` for what only its readers'
    /// clients can open; other values are types that this version does not know.
    pub msgtype: String,
    /// The first 280 characters of the plain text. Empty when deleted or encrypted.
    pub content_preview: String,
    /// Whether the text goes on behind the preview. With an empty preview: the last edit was
    /// taken back, and `content=full` has what the message says now.
    pub truncated: bool,
    /// The message that this one answers; null when it answers none.
    pub reply_to: Option<Uuid>,
    /// The root message of the thread that this one is in; null outside of threads. A message that
    /// was deleted before it was met here is in none.
    pub thread_id: Option<Uuid>,
    /// The file that it carries; null when it carries none.
    pub media: Option<Media>,
    /// When the homeserver received it, never later than its arrival here.
    pub created_at: Time,
    /// When it was last edited; null when it never was.
    pub edited_at: Option<Time>,
    /// Whether it was redacted.
    pub deleted: bool,
    /// Whether it was ever edited.
    pub edited: bool,
    /// Who is called by it, as entities; at most 50.
    pub mentions: Vec<String>,
    /// Whether everybody in the channel is called by it.
    pub mentions_room: bool,
    /// How many have reacted how: the most frequent first, equal ones by key, at most 50. Empty when
    /// deleted or encrypted.
    pub reactions: Vec<ReactionCount>,
    /// Whether it is pinned.
    pub pinned: bool,
    /// The thread that begins with it; null when nobody has spoken there.
    pub thread: Option<ThreadSummary>,
    /// The whole content, only with `content=full`; null then when it is deleted, encrypted
    /// or gone from the homeserver.
    #[oai(skip_serializing_if_is_none)]
    pub content: Option<Content>,
    /// Where it is found; only when one message is asked for.
    #[oai(skip_serializing_if_is_none)]
    pub links: Option<Links>,
}

/// Addresses that lead to a message. Whoever opens them is shown what they may see.
#[derive(Object, Clone, Debug)]
pub struct Links {
    /// `https://matrix.to/#/<room>/<event>?via=<server>`: opens any Matrix client.
    pub matrix_to: String,
    /// The message in the web application; null when `listen.public_url` is not set.
    pub page: Option<String>,
}

/// How many have reacted with a key.
#[derive(Object, Clone, Debug)]
pub struct ReactionCount {
    /// Mostly an emoji; any text of up to 255 bytes may stand here.
    pub key: String,
    pub count: u64,
}

/// A thread as its root shows it.
#[derive(Object, Clone, Debug)]
pub struct ThreadSummary {
    /// How many messages are in it, without the root and without what was deleted.
    pub count: u64,
    /// When the newest of them was said.
    pub last_at: Time,
}

/// A file that a message carries.
#[derive(Object, Clone, Debug)]
pub struct Media {
    /// `mxc://server/id`; null for an encrypted file.
    pub url: Option<String>,
    /// As the sender says, e.g. `image/png`.
    pub mimetype: Option<String>,
    /// In bytes, as the sender says.
    pub size: Option<u64>,
}

/// A message's content in full.
#[derive(Object, Clone, Debug)]
pub struct Content {
    /// The plain text.
    pub body: String,
    /// HTML, sanitised by the Matrix specification's allow-list.
    pub formatted_body: Option<String>,
}

/// A page of messages.
#[derive(Object, Clone, Debug)]
pub struct MessagePage {
    pub items: Vec<Message>,
    /// Give it as `cursor` for the next page; null at the end.
    pub next: Option<String>,
}

/// A message among those around it.
#[derive(Object, Clone, Debug)]
pub struct MessageSurroundings {
    pub message: Message,
    /// What was said before it, newest first.
    pub before: Vec<Message>,
    /// What was said after it, oldest first.
    pub after: Vec<Message>,
    /// Give it as `cursor` to the list of messages for what was said earlier; null when there is
    /// nothing, or nothing before the message was asked for.
    pub older: Option<String>,
    /// The same with `order=asc` for what was said later.
    pub newer: Option<String>,
}

/// As what a file is shown.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
#[oai(rename_all = "lowercase")]
pub enum MediaKind {
    Image,
    File,
    Audio,
    Video,
}

impl From<MediaKind> for MessageKind {
    fn from(kind: MediaKind) -> Self {
        match kind {
            MediaKind::Image => Self::Image,
            MediaKind::File => Self::File,
            MediaKind::Audio => Self::Audio,
            MediaKind::Video => Self::Video,
        }
    }
}

/// A file that a message is to carry. The homeserver has it already: a Matrix client has uploaded
/// it, or a service by `/internal/matrix/upload`.
#[derive(Object, Clone, Debug)]
pub struct NewMedia {
    /// `mxc://server/id`.
    pub url: String,
    /// As what clients show it; by `mimetype` when absent.
    pub kind: Option<MediaKind>,
    /// Its name, 1 to 255 bytes on one line.
    pub filename: Option<String>,
    /// E.g. `image/png`; 1 to 255 bytes on one line.
    pub mimetype: Option<String>,
    /// In bytes.
    pub size: Option<u64>,
    /// Of a picture or a video, in pixels.
    pub width: Option<u64>,
    /// Of a picture or a video, in pixels.
    pub height: Option<u64>,
    /// Of a video or a sound.
    pub duration_ms: Option<u64>,
}

impl From<NewMedia> for messages::NewFile {
    fn from(media: NewMedia) -> Self {
        Self {
            url: media.url,
            kind: media.kind.map(Into::into),
            name: media.filename,
            mimetype: media.mimetype,
            size: media.size,
            width: media.width,
            height: media.height,
            duration_ms: media.duration_ms,
        }
    }
}

/// What a message is to say instead.
#[derive(Object, Clone, Debug)]
pub struct EditedMessage {
    /// 1 to 30,000 bytes of UTF-8, not blank.
    pub text: String,
    /// `plain` when absent.
    #[oai(default)]
    pub format: TextFormat,
    /// All entities that are mentioned from here on, at most 50; those who were before are not
    /// notified again.
    #[oai(default)]
    pub mentions: Vec<String>,
}

impl From<EditedMessage> for messages::Rewording {
    fn from(new: EditedMessage) -> Self {
        Self {
            text: new.text,
            markdown: new.format == TextFormat::Markdown,
            mentions: new.mentions,
        }
    }
}

/// A message to be sent.
#[derive(Object, Clone, Debug)]
pub struct NewMessage {
    /// 1 to 30,000 bytes of UTF-8, not blank. Beside `media` it is what is said about the file, and
    /// may be empty.
    pub text: String,
    /// `plain` when absent.
    #[oai(default)]
    pub format: TextFormat,
    /// The message that this one answers.
    pub reply_to: Option<Uuid>,
    /// The root message of a thread to speak in.
    pub thread_id: Option<Uuid>,
    /// Entities to be notified, at most 50.
    #[oai(default)]
    pub mentions: Vec<String>,
    /// A file that it carries.
    pub media: Option<NewMedia>,
}

impl From<NewMessage> for messages::NewMessage {
    fn from(new: NewMessage) -> Self {
        Self {
            text: new.text,
            markdown: new.format == TextFormat::Markdown,
            reply_to: new.reply_to.map(MessageId),
            thread: new.thread_id.map(MessageId),
            mentions: new.mentions,
            file: new.media.map(Into::into),
            key: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use poem_openapi::types::{ParseFromJSON, ToJSON};

    use super::*;
    use crate::payload::{MediaJson, MessageJson, ReactionJson, Rfc3339, ThreadJson};

    /// What lists answer is stored ready to send; the documented shape must be the same.
    #[test]
    fn documented_message_is_the_stored_one() {
        let stored = MessageJson {
            id: crate::domain::id::MessageId(Uuid::from_u128(1)),
            channel_id: crate::domain::id::ChannelId(Uuid::from_u128(2)),
            matrix_event_id: crate::domain::id::EventId::trusted("$e"),
            sender_id: "user:alice".into(),
            sender_type: "human".into(),
            sender_matrix_id: crate::domain::id::UserId::trusted("@alice:s"),
            msgtype: "m.image".into(),
            content_preview: "cat.png".into(),
            truncated: false,
            reply_to: None,
            thread_id: Some(crate::domain::id::MessageId(Uuid::from_u128(3))),
            media: Some(MediaJson {
                url: Some("mxc://s/i".into()),
                mimetype: Some("image/png".into()),
                size: Some(7),
            }),
            created_at: Rfc3339(1_732_444_200_123),
            edited_at: None,
            deleted: false,
            edited: false,
            mentions: vec!["user:bob".into()],
            mentions_room: true,
            reactions: vec![ReactionJson {
                key: "👍".into(),
                count: 2,
            }],
            pinned: true,
            thread: Some(ThreadJson {
                count: 1,
                last_at: Rfc3339(1_732_444_200_124),
            }),
        };
        let stored = serde_json::to_value(&stored).expect("a message is JSON");
        let documented = Message::parse_from_json(Some(stored.clone())).expect("the same shape");
        let documented = documented.to_json().expect("a message is JSON");
        assert_eq!(stored["created_at"], "2024-11-24T10:30:00.123Z");
        assert_eq!(documented, stored);
    }
}
