//! What an agent remembers of a channel.

use poem_openapi::{Enum, Object};
use uuid::Uuid;

use super::message::Media;
use crate::api::time::Time;
use crate::service::agents::{Context, ContextQuery, Remembered};

/// Who says something.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
#[oai(rename_all = "lowercase")]
pub enum SpeakerType {
    Human,
    Agent,
}

/// A message in short.
#[derive(Object, Clone, Debug)]
pub struct ContextMessage {
    /// The message's id.
    pub id: Uuid,
    /// `user:<localpart>`, `agent:<name>`, or `user:<localpart>:<server>`.
    pub sender_id: String,
    pub sender_type: SpeakerType,
    /// The Matrix `msgtype`, e.g. `m.text`, `m.notice`, `m.image`.
    pub msgtype: String,
    /// The plain text; of a file what is said about it, or its name.
    pub text: String,
    /// Whether the text goes on: `max_chars` is less, or the homeserver does not show it any more.
    pub cut: bool,
    pub created_at: Time,
    /// The message that it answers.
    pub reply_to: Option<Uuid>,
    /// The root of the thread that it is in.
    pub thread_id: Option<Uuid>,
    /// Whether it says something else than at first.
    pub edited: bool,
    /// A file that it carries.
    pub media: Option<Media>,
}

impl From<Remembered> for ContextMessage {
    fn from(remembered: Remembered) -> Self {
        let Remembered {
            message,
            text,
            is_cut,
        } = remembered;
        let sender_type = match message.sender_entity.kind() {
            crate::domain::entity::EntityKind::Human => SpeakerType::Human,
            crate::domain::entity::EntityKind::Agent => SpeakerType::Agent,
        };
        Self {
            id: message.id.0,
            sender_id: message.sender_entity.to_string(),
            sender_type,
            msgtype: message.kind.as_str().to_owned(),
            text,
            cut: is_cut,
            created_at: Time(message.created_at),
            reply_to: message.reply_to.map(|id| id.0),
            thread_id: message.thread.map(|id| id.0),
            edited: message.edited_at.is_some(),
            media: message.media.map(|media| Media {
                url: media.url,
                mimetype: media.mimetype,
                size: media.size,
            }),
        }
    }
}

/// Why there is nothing.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
#[oai(rename_all = "lowercase")]
pub enum WithoutMemory {
    /// The channel is end-to-end encrypted.
    Encrypted,
}

/// What was said lately in a channel or thread.
#[derive(Object, Clone, Debug)]
pub struct AgentContext {
    pub channel_id: Uuid,
    /// The root of the thread; null for the whole channel.
    pub thread_id: Option<Uuid>,
    /// Oldest first, without what was deleted.
    pub messages: Vec<ContextMessage>,
    /// Whether more was said before.
    pub has_more: bool,
    /// Why there are none; null when all there is is shown.
    pub why: Option<WithoutMemory>,
}

impl AgentContext {
    pub fn new(query: &ContextQuery, context: Context) -> Self {
        let messages = context.messages.into_iter();
        Self {
            channel_id: query.channel.0,
            thread_id: query.thread.map(|root| root.0),
            messages: messages.map(ContextMessage::from).collect(),
            has_more: context.has_more,
            why: context.why.map(|_| WithoutMemory::Encrypted),
        }
    }
}
