//! The public JSON of a message and of the live frames.
//!
//! One place, because the same bytes are stored ready to send, listed and streamed. What is
//! here is a contract: fields are added, never renamed. `api` describes the same shapes to
//! OpenAPI, and a test compares the two.

mod command;
mod message;
pub mod outline;
pub mod raw_event;
mod time;

use serde::Serialize;

use crate::domain::access::{Levels, Power, Role};
use crate::domain::channel::{ChannelChange, Visibility};
use crate::domain::command::Called;
use crate::domain::event::{Event, Source, What};
use crate::domain::id::{ChannelId, MessageId, RoomAlias, Seq, UserId};
use crate::domain::member::Membership;
use crate::domain::message::Message;
pub use command::CommandJson;
pub use message::{MediaJson, MessageJson, ReactionJson, ThreadJson};
pub use time::Rfc3339;

/// A live frame: what happened, numbered. `None` for events that nobody is told of. `shown` is
/// the message that it is about, as lists show it when the frame is made, where that is known.
/// `called` is what the message asks of an agent.
#[must_use]
pub fn frame(event: &Event, shown: Option<&Message>, called: Option<&Called>) -> Option<String> {
    if event.source == Source::Rebuild {
        return None;
    }
    let name = event.what.name();
    let frame = FrameJson {
        r#type: name.strip_prefix("messaging.").unwrap_or(name),
        seq: event.seq,
        channel_id: event.channel,
        detail: DetailJson::of(&event.what, shown),
        command: called.map(CommandJson::from),
    };
    serde_json::to_string(&frame).ok()
}

/// The event of a deletion that took an edit back, as listeners are told of it: what the message
/// shows from here on.
#[must_use]
pub fn withdrawal(event: &Event, message: &Message) -> Event {
    Event {
        what: What::MessageEdited {
            target: message.event.clone(),
            by: message.sender.clone(),
            preview: message.preview.clone(),
            truncated: message.truncated,
            mentions: message.mentions.clone(),
            at: message.edited_at.unwrap_or(message.created_at),
        },
        ..event.clone()
    }
}

#[derive(Serialize)]
struct FrameJson<'a> {
    r#type: &'a str,
    seq: Seq,
    channel_id: ChannelId,
    #[serde(flatten)]
    detail: DetailJson<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<CommandJson>,
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
        mentions: Vec<String>,
        mentions_room: bool,
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
        reactions: Option<Vec<ReactionJson>>,
    },
    ReactionRemoved {
        message_id: MessageId,
        emoji: Option<&'a str>,
        sender_matrix_id: Option<&'a UserId>,
        by_matrix_id: &'a UserId,
        removed_at: Rfc3339,
        reactions: Option<Vec<ReactionJson>>,
    },
    Pins {
        pinned: Vec<MessageId>,
        by_matrix_id: &'a UserId,
        pinned_at: Rfc3339,
    },
    Roles {
        roles: Vec<RoleFrame<'a>>,
        default_power_level: i64,
        default_role: &'static str,
        by_matrix_id: &'a UserId,
        changed_at: Rfc3339,
    },
    Member {
        member: MemberFrame<'a>,
    },
    Channel {
        channel: ChannelFrame<'a>,
    },
}

/// What somebody has of their own; null stands above all numbers.
#[derive(Serialize)]
struct RoleFrame<'a> {
    matrix_user_id: &'a UserId,
    power_level: Option<i64>,
    role: &'static str,
}

#[derive(Serialize)]
struct MemberFrame<'a> {
    member_id: String,
    matrix_user_id: &'a UserId,
    membership: &'a str,
    display_name: Option<&'a str>,
    by_matrix_id: &'a UserId,
    since: Rfc3339,
    reason: Option<&'a str>,
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
    matrix_room_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_default: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    visibility: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    accepts_knocks: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    slow_mode_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confidential: Option<bool>,
}

impl<'a> DetailJson<'a> {
    fn of(what: &'a What, shown: Option<&Message>) -> Self {
        match what {
            What::ChannelCreated(channel) => Self::Channel {
                channel: ChannelFrame {
                    slug: Some(&channel.slug),
                    name: Some(&channel.name),
                    description: Some(&channel.description),
                    matrix_room_alias: Some(channel.alias.as_ref().map(RoomAlias::as_str)),
                    matrix_room_id: None,
                    status: Some(channel.status.as_str()),
                    is_default: Some(channel.is_default),
                    visibility: Some(channel.visibility.as_str()),
                    accepts_knocks: Some(channel.accepts_knocks),
                    slow_mode_seconds: Some(channel.slow_mode_seconds),
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
                mentions,
                at,
                ..
            } => Self::Edited {
                message_id: MessageId::of(target),
                content_preview: preview,
                truncated: *truncated,
                edited_at: Rfc3339(*at),
                mentions: message::entities(mentions),
                mentions_room: mentions.room,
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
                reactions: shown.map(reactions),
            },
            What::ReactionRemoved {
                message,
                key,
                of,
                by,
                at,
                ..
            } => Self::ReactionRemoved {
                message_id: *message,
                emoji: key.as_deref(),
                sender_matrix_id: of.as_ref(),
                by_matrix_id: by,
                removed_at: Rfc3339(*at),
                reactions: shown.map(reactions),
            },
            What::PinsChanged { pinned, by, at } => Self::Pins {
                pinned: pinned.iter().map(MessageId::of).collect(),
                by_matrix_id: by,
                pinned_at: Rfc3339(*at),
            },
            What::LevelsChanged { levels, by, at } => Self::Roles {
                roles: roles(levels),
                default_power_level: levels.users_default,
                default_role: Role::of(Power::Level(levels.users_default)).as_str(),
                by_matrix_id: by,
                changed_at: Rfc3339(*at),
            },
            What::MemberChanged(member) => Self::Member {
                member: MemberFrame {
                    member_id: member.entity.to_string(),
                    matrix_user_id: &member.user,
                    membership: member.membership.as_str(),
                    display_name: member.display_name.as_deref(),
                    by_matrix_id: &member.by,
                    since: Rfc3339(member.since),
                    // Why somebody knocks is for those who answer.
                    reason: match member.membership {
                        Membership::Knocking => None,
                        _ => member.reason.as_deref(),
                    },
                },
            },
        }
    }
}

/// Everybody who has something of their own, creators first.
fn roles(levels: &Levels) -> Vec<RoleFrame<'_>> {
    let others = levels.users.keys();
    let others = others.filter(|user| !levels.creators.contains(*user));
    let role = |user| {
        let power = levels.of(user);
        RoleFrame {
            matrix_user_id: user,
            power_level: power.level(),
            role: Role::of(power).as_str(),
        }
    };
    levels.creators.iter().chain(others).map(role).collect()
}

/// The reactions to a message, all of them: who was told twice has them right all the same.
fn reactions(shown: &Message) -> Vec<ReactionJson> {
    let reactions = shown.reception.reactions.iter();
    reactions.map(ReactionJson::from).collect()
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
                frame.accepts_knocks = Some(false);
            }
            ChannelChange::Knockable => {
                frame.visibility = Some(Visibility::Private.as_str());
                frame.accepts_knocks = Some(true);
            }
            ChannelChange::Encrypted => frame.confidential = Some(true),
            ChannelChange::Room(room) => frame.matrix_room_id = Some(room.as_str()),
            ChannelChange::Settings {
                status,
                is_default,
                slow_mode_seconds,
                changed_by: _,
            } => {
                frame.status = Some(status.as_str());
                frame.is_default = Some(*is_default);
                frame.slow_mode_seconds = Some(*slow_mode_seconds);
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
