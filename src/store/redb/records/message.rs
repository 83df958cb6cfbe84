//! Messages, version 1: inside events as MessagePack, as rows of the index in public JSON.
//!
//! A row is one version byte and the JSON that every list shows, so that a page is made by
//! copying; it is parsed only when one message is asked for or changed.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{damaged, versioned};
use crate::domain::entity::Entity;
use crate::domain::id::{ChannelId, EventId, MessageId, UserId};
use crate::domain::message::{Media, Message, MessageKind};
use crate::payload::MessageJson;
use crate::store::StoreError;

const NAME: &str = "message";
const ROW_VERSION: u8 = 1;

/// The row of a message.
pub fn row(message: &Message) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(640);
    bytes.push(ROW_VERSION);
    serde_json::to_writer(&mut bytes, &MessageJson::from(message))
        .expect("a message has only fields that JSON can write, and memory takes it");
    bytes
}

/// The public JSON in a row.
pub fn json(row: &[u8]) -> Result<&[u8], StoreError> {
    versioned(NAME, ROW_VERSION, row)
}

/// Reads the message of a row.
pub fn read(row: &[u8]) -> Result<Message, StoreError> {
    serde_json::from_slice::<MessageJson>(json(row)?)
        .map_err(|error| damaged(NAME, &error.to_string()))?
        .into_message()
        .ok_or_else(|| damaged(NAME, "its sender is no entity"))
}

/// A message inside an event. Its id follows from the event id; the event id and the channel
/// are left out when they are those of the event around it, which is always so today.
#[derive(Serialize, Deserialize)]
pub struct MessageRecord<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    channel: Option<Uuid>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    event: Option<Cow<'a, str>>,
    #[serde(borrow)]
    sender: Cow<'a, str>,
    entity: String,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    preview: Cow<'a, str>,
    truncated: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reply_to: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thread: Option<Uuid>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    media: Option<MediaRecord<'a>>,
    created_at: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    edited_at: Option<u64>,
    deleted: bool,
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
            created_at: self.created_at,
            edited_at: self.edited_at,
            deleted: self.deleted,
        })
    }
}
