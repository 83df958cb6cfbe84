//! The public JSON of a message and of the live frames.
//!
//! One place, because the same bytes are stored ready to send, listed and streamed. What is
//! here is a contract: fields are added, never renamed. `api` describes the same shapes to
//! OpenAPI, and a test compares the two.

pub mod outline;
pub mod raw_event;

use serde::{Deserialize, Serialize};

use crate::domain::channel::ChannelChange;
use crate::domain::entity::Entity;
use crate::domain::event::{Event, Source, What};
use crate::domain::id::{ChannelId, EventId, MessageId, Millis, RoomAlias, Seq, UserId};
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

/// A live frame: what happened, numbered. `None` for events that nobody is told of.
#[must_use]
pub fn frame(event: &Event) -> Option<String> {
    if event.source == Source::Rebuild {
        return None;
    }
    let name = event.what.name();
    let frame = FrameJson {
        r#type: name.strip_prefix("messaging.").unwrap_or(name),
        seq: event.seq,
        channel_id: event.channel,
        detail: DetailJson::of(&event.what),
    };
    serde_json::to_string(&frame).ok()
}

/// The frame of a deletion that took an edit back: what the message shows from here on.
#[must_use]
pub fn withdrawal_frame(event: &Event, message: &Message) -> Option<String> {
    let shown = What::MessageEdited {
        target: message.event.clone(),
        by: message.sender.clone(),
        preview: message.preview.clone(),
        truncated: message.truncated,
        at: message.edited_at.unwrap_or(message.created_at),
    };
    frame(&Event {
        what: shown,
        ..event.clone()
    })
}

#[derive(Serialize)]
struct FrameJson<'a> {
    r#type: &'a str,
    seq: Seq,
    channel_id: ChannelId,
    #[serde(flatten)]
    detail: DetailJson<'a>,
}

/// What a frame says beside its type, number and channel.
#[derive(Serialize)]
#[serde(untagged)]
enum DetailJson<'a> {
    Message {
        message: Box<MessageJson>,
    },
    Edited {
        message_id: MessageId,
        content_preview: &'a str,
        truncated: bool,
        edited_at: Rfc3339,
    },
    Deleted {
        message_id: MessageId,
        deleted_at: Rfc3339,
    },
    Reaction {
        message_id: MessageId,
        emoji: &'a str,
        sender_matrix_id: &'a UserId,
        created_at: Rfc3339,
    },
    Member {
        member: MemberFrame<'a>,
    },
    Channel {
        channel: ChannelFrame<'a>,
    },
}

#[derive(Serialize)]
struct MemberFrame<'a> {
    member_id: String,
    matrix_user_id: &'a UserId,
    membership: &'a str,
    display_name: Option<&'a str>,
    by_matrix_id: &'a UserId,
    since: Rfc3339,
}

/// The fields that were set; the others are left out. An alias that was taken away is null.
#[derive(Serialize, Default)]
struct ChannelFrame<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    slug: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    matrix_room_alias: Option<Option<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_default: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    visibility: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confidential: Option<bool>,
}

impl<'a> DetailJson<'a> {
    fn of(what: &'a What) -> Self {
        match what {
            What::ChannelCreated(channel) => Self::Channel {
                channel: ChannelFrame {
                    slug: Some(&channel.slug),
                    name: Some(&channel.name),
                    description: Some(&channel.description),
                    matrix_room_alias: Some(channel.alias.as_ref().map(RoomAlias::as_str)),
                    status: Some(channel.status.as_str()),
                    is_default: Some(channel.is_default),
                    visibility: Some(channel.visibility.as_str()),
                    confidential: Some(channel.confidential),
                },
            },
            What::ChannelUpdated { change, .. } => Self::Channel {
                channel: ChannelFrame::of(change),
            },
            What::MessageCreated(message) | What::MediaUploaded(message) => Self::Message {
                message: Box::new(MessageJson::from(message)),
            },
            What::MessageEdited {
                target,
                preview,
                truncated,
                at,
                ..
            } => Self::Edited {
                message_id: MessageId::of(target),
                content_preview: preview,
                truncated: *truncated,
                edited_at: Rfc3339(*at),
            },
            What::MessageDeleted { target, at, .. } => Self::Deleted {
                message_id: MessageId::of(target),
                deleted_at: Rfc3339(*at),
            },
            What::ReactionAdded {
                target,
                key,
                by,
                at,
            } => Self::Reaction {
                message_id: MessageId::of(target),
                emoji: key,
                sender_matrix_id: by,
                created_at: Rfc3339(*at),
            },
            What::MemberChanged(member) => Self::Member {
                member: MemberFrame {
                    member_id: member.entity.to_string(),
                    matrix_user_id: &member.user,
                    membership: member.membership.as_str(),
                    display_name: member.display_name.as_deref(),
                    by_matrix_id: &member.by,
                    since: Rfc3339(member.since),
                },
            },
        }
    }
}

impl<'a> ChannelFrame<'a> {
    fn of(change: &'a ChannelChange) -> Self {
        let mut frame = Self::default();
        match change {
            ChannelChange::Name(name) => frame.name = Some(name),
            ChannelChange::Description(text) => frame.description = Some(text),
            ChannelChange::Alias(alias) => {
                frame.matrix_room_alias = Some(alias.as_ref().map(RoomAlias::as_str));
            }
            ChannelChange::Visibility(visibility) => {
                frame.visibility = Some(visibility.as_str());
            }
            ChannelChange::Encrypted => frame.confidential = Some(true),
            ChannelChange::Settings { status, is_default } => {
                frame.status = Some(status.as_str());
                frame.is_default = Some(*is_default);
            }
        }
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alias_that_is_taken_away_is_null_and_others_are_left_out() {
        let alias = RoomAlias::parse("#city_a:example.org");
        for (change, shown) in [
            (
                ChannelChange::Alias(alias),
                r##"{"matrix_room_alias":"#city_a:example.org"}"##,
            ),
            (ChannelChange::Alias(None), r#"{"matrix_room_alias":null}"#),
            (ChannelChange::Encrypted, r#"{"confidential":true}"#),
        ] {
            let json = serde_json::to_string(&ChannelFrame::of(&change));
            assert_eq!(json.expect("is JSON"), shown);
        }
    }
}
