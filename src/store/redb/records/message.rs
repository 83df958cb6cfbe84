//! Messages: inside events as MessagePack, as rows of the index in public JSON.
//!
//! A row is one version byte and the JSON that every list shows, so that a page is made by
//! copying; it is parsed only when one message is asked for or changed. A row of version 1 lacks
//! what was added to that JSON with format 5, and is completed when it is shown.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{damaged, versioned};
use crate::domain::entity::Entity;
use crate::domain::id::{ChannelId, EventId, MessageId, UserId};
use crate::domain::message::{Media, Mentions, Message, MessageKind, Sending};
use crate::domain::reception::Reception;
use crate::payload::MessageJson;
use crate::store::StoreError;

const NAME: &str = "message";
const ROW_VERSION: u8 = 2;
/// The version that ends with `deleted`.
const BARE_ROW_VERSION: u8 = 1;

/// The row of a message.
pub fn row(message: &Message) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(768);
    bytes.push(ROW_VERSION);
    serde_json::to_writer(&mut bytes, &MessageJson::from(message))
        .expect("a message has only fields that JSON can write, and memory takes it");
    bytes
}

/// The public JSON of a row.
pub fn json(row: &[u8]) -> Result<Cow<'_, [u8]>, StoreError> {
    match row.split_first() {
        Some((&BARE_ROW_VERSION, bare)) => Ok(completed(bare).into()),
        _ => versioned(NAME, ROW_VERSION, row).map(Cow::Borrowed),
    }
}

/// Adds the fields that a bare row has not, as they are when nothing has come of a message.
fn completed(bare: &[u8]) -> Vec<u8> {
    const UNEDITED: &[u8] = br#""edited_at":null,"deleted":"#;
    let is_edited = !bare
        .windows(UNEDITED.len())
        .rev()
        .any(|window| window == UNEDITED);
    let fields = bare.strip_suffix(b"}").unwrap_or(bare);
    let more = format!(
        r#","edited":{is_edited},"mentions":[],"mentions_room":false,"reactions":[],"pinned":false,"thread":null}}"#
    );
    [fields, more.as_bytes()].concat()
}

/// Reads the message of a row.
pub fn read(row: &[u8]) -> Result<Message, StoreError> {
    serde_json::from_slice::<MessageJson>(&json(row)?)
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
    #[serde(default, skip_serializing_if = "MentionsRecord::is_empty")]
    mentions: MentionsRecord,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_row_is_completed() {
        let bare = |edited_at: &str, deleted: bool| {
            let id = Uuid::nil();
            let json = format!(
                r#"{{"id":"{id}","channel_id":"{id}","matrix_event_id":"$e","sender_id":"user:a","sender_type":"human","sender_matrix_id":"@a:s","msgtype":"m.text","content_preview":"said \"edited_at\":null,\"deleted\":","truncated":false,"reply_to":null,"thread_id":null,"media":null,"created_at":"2025-11-24T10:30:00.000Z","edited_at":{edited_at},"deleted":{deleted}}}"#
            );
            [&[BARE_ROW_VERSION], json.as_bytes()].concat()
        };
        for (row, is_edited) in [
            (bare("null", false), false),
            (bare("null", true), false),
            (bare(r#""2025-11-24T10:31:00.000Z""#, false), true),
        ] {
            let message = read(&row).expect("a message");
            assert_eq!(message.edited_at.is_some(), is_edited);
            let whole = super::row(&message);
            assert_eq!(json(&row).expect("JSON"), json(&whole).expect("JSON"));
        }
        assert!(json(b"").is_err() && json(b"\x07{}").is_err());
    }
}
