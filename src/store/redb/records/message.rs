//! Messages inside events. As rows of the index they are in [`super::message_row`].
//!
//! There is one for each message of the journal, which is why the names of fields have one letter.
//! The names that were written before are read still.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::damaged;
use crate::domain::entity::Entity;
use crate::domain::id::{ChannelId, EventId, MessageId, UserId};
use crate::domain::message::{Media, Mentions, Message, MessageKind, Sending};
use crate::domain::reception::Reception;
use crate::store::StoreError;

const NAME: &str = "message";

/// A message inside an event. Its id follows from the event id; the event id and the channel
/// are left out when they are those of the event around it, which is always so today.
#[derive(Serialize, Deserialize)]
pub struct MessageRecord<'a> {
    #[serde(rename = "c", alias = "channel")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    channel: Option<Uuid>,
    #[serde(rename = "e", alias = "event")]
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    event: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "s", alias = "sender")]
    sender: Cow<'a, str>,
    #[serde(rename = "n", alias = "entity")]
    entity: String,
    #[serde(borrow, rename = "k", alias = "kind")]
    kind: Cow<'a, str>,
    #[serde(borrow, rename = "p", alias = "preview")]
    preview: Cow<'a, str>,
    #[serde(rename = "t", alias = "truncated")]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
    #[serde(rename = "r", alias = "reply_to")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reply_to: Option<Uuid>,
    #[serde(rename = "h", alias = "thread")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thread: Option<Uuid>,
    #[serde(rename = "m", alias = "media")]
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    media: Option<MediaRecord<'a>>,
    #[serde(rename = "a", alias = "created_at")]
    created_at: u64,
    #[serde(rename = "d", alias = "edited_at")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    edited_at: Option<u64>,
    #[serde(rename = "x", alias = "deleted")]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    deleted: bool,
    #[serde(rename = "u", alias = "mentions")]
    #[serde(default, skip_serializing_if = "MentionsRecord::is_empty")]
    mentions: MentionsRecord,
    #[serde(rename = "i", alias = "sending")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sending: Option<SendingRecord>,
}

/// What its sender has named a message.
#[derive(Serialize, Deserialize)]
struct SendingRecord {
    transaction: Uuid,
    digest: [u8; 32],
}

/// Whom a text calls.
#[derive(Serialize, Deserialize, Default)]
pub struct MentionsRecord {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    entities: Vec<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    room: bool,
}

impl MentionsRecord {
    /// Those of most texts, which are not written.
    pub fn is_empty(&self) -> bool {
        self.entities.is_empty() && !self.room
    }
}

impl From<&Mentions> for MentionsRecord {
    fn from(mentions: &Mentions) -> Self {
        Self {
            entities: mentions.entities.iter().map(Entity::to_string).collect(),
            room: mentions.room,
        }
    }
}

impl From<MentionsRecord> for Mentions {
    fn from(record: MentionsRecord) -> Self {
        let entities = record.entities.iter();
        Self {
            entities: entities.filter_map(|it| Entity::parse(it)).collect(),
            room: record.room,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct MediaRecord<'a> {
    #[serde(borrow)]
    url: Option<Cow<'a, str>>,
    #[serde(borrow)]
    mimetype: Option<Cow<'a, str>>,
    size: Option<u64>,
}

impl<'a> MessageRecord<'a> {
    /// Writes a message that stands inside an event of this channel and event id.
    pub fn new(message: &'a Message, channel: ChannelId, event: Option<&EventId>) -> Self {
        let own_event = event != Some(&message.event);
        Self {
            channel: (message.channel != channel).then_some(message.channel.0),
            event: own_event.then(|| message.event.as_str().into()),
            sender: message.sender.as_str().into(),
            entity: message.sender_entity.to_string(),
            kind: message.kind.as_str().into(),
            preview: message.preview.as_str().into(),
            truncated: message.truncated,
            reply_to: message.reply_to.map(|id| id.0),
            thread: message.thread.map(|id| id.0),
            media: message.media.as_ref().map(|media| MediaRecord {
                url: media.url.as_deref().map(Cow::from),
                mimetype: media.mimetype.as_deref().map(Cow::from),
                size: media.size,
            }),
            created_at: message.created_at,
            edited_at: message.edited_at,
            deleted: message.deleted,
            mentions: (&message.mentions).into(),
            sending: message.sending.map(|sending| SendingRecord {
                transaction: sending.transaction,
                digest: sending.digest,
            }),
        }
    }

    /// Reads it back.
    pub fn into_message(
        self,
        channel: ChannelId,
        event: Option<&EventId>,
    ) -> Result<Message, StoreError> {
        let event = match self.event {
            Some(event) => EventId::trusted(event),
            None => event
                .cloned()
                .ok_or_else(|| damaged(NAME, "has no event id"))?,
        };
        let sender_entity = Entity::parse(&self.entity)
            .ok_or_else(|| damaged(NAME, &format!("no entity: {:?}", self.entity)))?;
        Ok(Message {
            id: MessageId::of(&event),
            channel: self.channel.map_or(channel, ChannelId),
            event,
            sender: UserId::trusted(self.sender),
            sender_entity,
            kind: MessageKind::parse(&self.kind),
            preview: self.preview.into_owned(),
            truncated: self.truncated,
            reply_to: self.reply_to.map(MessageId),
            thread: self.thread.map(MessageId),
            media: self.media.map(|media| Media {
                url: media.url.map(Cow::into_owned),
                mimetype: media.mimetype.map(Cow::into_owned),
                size: media.size,
            }),
            mentions: self.mentions.into(),
            created_at: self.created_at,
            edited_at: self.edited_at,
            deleted: self.deleted,
            reception: Reception::default(),
            sending: self.sending.map(|sending| Sending {
                transaction: sending.transaction,
                digest: sending.digest,
            }),
        })
    }
}
