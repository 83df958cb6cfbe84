//! The public JSON of a message and of the live frames.
//!
//! One place, because the same bytes are stored ready to send, listed and streamed. What is
//! here is a contract: fields are added, never renamed. `api` describes the same shapes to
//! OpenAPI, and a test compares the two.

use serde::{Deserialize, Serialize};

use crate::domain::entity::Entity;
use crate::domain::id::{ChannelId, EventId, MessageId, Millis, UserId};
use crate::domain::message::{Media, Message, MessageKind};

/// A message as every contract shows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MessageJson {
    pub id: MessageId,
    pub channel_id: ChannelId,
    pub matrix_event_id: EventId,
    pub sender_id: String,
    pub sender_type: String,
    pub sender_matrix_id: UserId,
    pub msgtype: String,
    pub content_preview: String,
    pub truncated: bool,
    pub reply_to: Option<MessageId>,
    pub thread_id: Option<MessageId>,
    pub media: Option<MediaJson>,
    pub created_at: Rfc3339,
    pub edited_at: Option<Rfc3339>,
    pub deleted: bool,
}

/// A file that a message carries.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MediaJson {
    pub url: Option<String>,
    pub mimetype: Option<String>,
    pub size: Option<u64>,
}

/// A time in contracts: RFC 3339 in UTC with milliseconds, `2025-11-24T10:30:00.000Z`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rfc3339(pub Millis);

impl Rfc3339 {
    /// The time as chrono has it, clamped to what it can hold.
    #[must_use]
    pub fn to_utc(self) -> chrono::DateTime<chrono::Utc> {
        i64::try_from(self.0)
            .ok()
            .and_then(chrono::DateTime::from_timestamp_millis)
            .unwrap_or(chrono::DateTime::<chrono::Utc>::MAX_UTC)
    }
}

impl Serialize for Rfc3339 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self
            .to_utc()
            .to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Rfc3339 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time = chrono::DateTime::parse_from_rfc3339(&text).map_err(serde::de::Error::custom)?;
        u64::try_from(time.timestamp_millis())
            .map(Self)
            .map_err(serde::de::Error::custom)
    }
}

impl From<&Message> for MessageJson {
    fn from(message: &Message) -> Self {
        Self {
            id: message.id,
            channel_id: message.channel,
            matrix_event_id: message.event.clone(),
            sender_id: message.sender_entity.to_string(),
            sender_type: message.sender_entity.kind().as_str().to_owned(),
            sender_matrix_id: message.sender.clone(),
            msgtype: message.kind.as_str().to_owned(),
            content_preview: message.preview.clone(),
            truncated: message.truncated,
            reply_to: message.reply_to,
            thread_id: message.thread,
            media: message.media.as_ref().map(|media| MediaJson {
                url: media.url.clone(),
                mimetype: media.mimetype.clone(),
                size: media.size,
            }),
            created_at: Rfc3339(message.created_at),
            edited_at: message.edited_at.map(Rfc3339),
            deleted: message.deleted,
        }
    }
}

impl MessageJson {
    /// The message that this JSON was made of; `None` when its sender is no entity.
    #[must_use]
    pub fn into_message(self) -> Option<Message> {
        Some(Message {
            id: self.id,
            channel: self.channel_id,
            event: self.matrix_event_id,
            sender: self.sender_matrix_id,
            sender_entity: Entity::parse(&self.sender_id)?,
            kind: MessageKind::parse(&self.msgtype),
            preview: self.content_preview,
            truncated: self.truncated,
            reply_to: self.reply_to,
            thread: self.thread_id,
            media: self.media.map(|media| Media {
                url: media.url,
                mimetype: media.mimetype,
                size: media.size,
            }),
            created_at: self.created_at.0,
            edited_at: self.edited_at.map(|time| time.0),
            deleted: self.deleted,
        })
    }
}
