//! The public JSON of a message.

use serde::{Deserialize, Serialize};

use super::Rfc3339;
use crate::domain::entity::Entity;
use crate::domain::id::{ChannelId, EventId, MessageId, UserId};
use crate::domain::message::{Media, Mentions, Message, MessageKind};
use crate::domain::reception::{ReactionCount, Reception, ThreadSummary};

/// A message as every contract shows it. What came later than the first release has a default,
/// for rows that were written before.
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
    #[serde(default)]
    pub edited: bool,
    #[serde(default)]
    pub mentions: Vec<String>,
    #[serde(default)]
    pub mentions_room: bool,
    #[serde(default)]
    pub reactions: Vec<ReactionJson>,
    #[serde(default)]
    pub pinned: bool,
    #[serde(default)]
    pub thread: Option<ThreadJson>,
}

/// A file that a message carries.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MediaJson {
    pub url: Option<String>,
    pub mimetype: Option<String>,
    pub size: Option<u64>,
}

/// How many have reacted with a key.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ReactionJson {
    pub key: String,
    pub count: u64,
}

/// The thread that begins with a message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ThreadJson {
    pub count: u64,
    pub last_at: Rfc3339,
}

impl From<&Message> for MessageJson {
    fn from(message: &Message) -> Self {
        let Reception {
            reactions,
            thread,
            pinned,
        } = &message.reception;
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
            media: message.media.as_ref().map(MediaJson::from),
            created_at: Rfc3339(message.created_at),
            edited_at: message.edited_at.map(Rfc3339),
            deleted: message.deleted,
            edited: message.edited_at.is_some(),
            mentions: entities(&message.mentions),
            mentions_room: message.mentions.room,
            reactions: reactions.iter().map(ReactionJson::from).collect(),
            pinned: *pinned,
            thread: thread.map(ThreadJson::from),
        }
    }
}

/// The entities that are mentioned, as contracts name them.
pub fn entities(mentions: &Mentions) -> Vec<String> {
    mentions.entities.iter().map(Entity::to_string).collect()
}

impl From<&Media> for MediaJson {
    fn from(media: &Media) -> Self {
        Self {
            url: media.url.clone(),
            mimetype: media.mimetype.clone(),
            size: media.size,
        }
    }
}

impl From<&ReactionCount> for ReactionJson {
    fn from(reaction: &ReactionCount) -> Self {
        Self {
            key: reaction.key.clone(),
            count: reaction.count,
        }
    }
}

impl From<ThreadSummary> for ThreadJson {
    fn from(thread: ThreadSummary) -> Self {
        Self {
            count: thread.count,
            last_at: Rfc3339(thread.last_at),
        }
    }
}

impl MessageJson {
    /// The message that this JSON was made of; `None` when its sender is no entity.
    #[must_use]
    pub fn into_message(self) -> Option<Message> {
        let reactions = self.reactions.into_iter().map(|reaction| ReactionCount {
            key: reaction.key,
            count: reaction.count,
        });
        let reception = Reception {
            reactions: reactions.collect(),
            thread: self.thread.map(|thread| ThreadSummary {
                count: thread.count,
                last_at: thread.last_at.0,
            }),
            pinned: self.pinned,
        };
        let mentions = self.mentions.iter().filter_map(|it| Entity::parse(it));
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
            mentions: Mentions {
                entities: mentions.collect(),
                room: self.mentions_room,
            },
            created_at: self.created_at.0,
            edited_at: self.edited_at.map(|time| time.0),
            deleted: self.deleted,
            reception,
            sending: None,
        })
    }
}
