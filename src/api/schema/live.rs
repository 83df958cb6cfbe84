//! The frames of the live stream, as `payload` writes them. They are read by programs only, so
//! nothing here is ever made: a test compares the two.

use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Enum, Object, Union};
use uuid::Uuid;

use super::{CalledCommand, ChannelStatus, Membership, Message, ReactionCount, Role, Visibility};
use crate::api::time::Time;

/// What a live stream says: how it begins, then what happens in the channel, in order.
#[derive(Union, Clone, Debug)]
#[oai(one_of)]
#[expect(
    clippy::large_enum_variant,
    reason = "it is a shape for the document; none is kept"
)]
pub enum LiveFrame {
    Opening(OpeningFrame),
    Message(MessageFrame),
    Edit(EditFrame),
    Deletion(DeletionFrame),
    Reaction(ReactionFrame),
    ReactionRemoval(ReactionRemovalFrame),
    Pins(PinsFrame),
    Roles(RolesFrame),
    Member(MemberFrame),
    Channel(ChannelFrame),
    Scheduled(ScheduledFrame),
}

/// How a stream begins.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
#[oai(rename_all = "lowercase")]
pub enum OpeningFrameType {
    /// What comes after `seq` is told.
    Ready,
    /// What was missed cannot be told: read the lists anew.
    Resync,
}

/// The first frame.
#[derive(Object, Clone, Debug)]
pub struct OpeningFrame {
    #[oai(rename = "type")]
    pub kind: OpeningFrameType,
    /// Behind this position the stream goes on.
    pub seq: u64,
    /// Which journal the position is of; give it as `journal` beside `after`.
    pub journal: String,
    pub channel_id: Uuid,
}

/// What is said.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageFrameType {
    /// A text, notice or emote, or an encrypted message.
    #[oai(rename = "message.created")]
    Message,
    /// A message that carries a file.
    #[oai(rename = "media.uploaded")]
    Media,
}

/// Somebody has said something.
#[derive(Object, Clone, Debug)]
pub struct MessageFrame {
    #[oai(rename = "type")]
    pub kind: MessageFrameType,
    /// The position in the journal; what comes later has a higher one.
    pub seq: u64,
    pub channel_id: Uuid,
    /// Without `content`.
    pub message: Message,
    /// What the message asks of an agent of the channel; absent when nothing.
    #[oai(skip_serializing_if_is_none)]
    pub command: Option<CalledCommand>,
}

/// What is done to a text.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum EditFrameType {
    #[oai(rename = "message.updated")]
    Updated,
}

/// A message was edited, or its last edit taken back.
#[derive(Object, Clone, Debug)]
pub struct EditFrame {
    #[oai(rename = "type")]
    pub kind: EditFrameType,
    /// The position in the journal; what comes later has a higher one.
    pub seq: u64,
    pub channel_id: Uuid,
    pub message_id: Uuid,
    /// As `content_preview` of a message.
    pub content_preview: String,
    /// As `truncated` of a message.
    pub truncated: bool,
    /// The time of the text that it shows now.
    pub edited_at: Time,
    /// As `mentions` of a message.
    pub mentions: Vec<String>,
    /// As `mentions_room` of a message.
    pub mentions_room: bool,
}

/// What is done to a message.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeletionFrameType {
    #[oai(rename = "message.deleted")]
    Deleted,
}

/// A message was redacted.
#[derive(Object, Clone, Debug)]
pub struct DeletionFrame {
    #[oai(rename = "type")]
    pub kind: DeletionFrameType,
    /// The position in the journal; what comes later has a higher one.
    pub seq: u64,
    pub channel_id: Uuid,
    pub message_id: Uuid,
    pub deleted_at: Time,
}

/// What is done about a message.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReactionFrameType {
    #[oai(rename = "reaction.added")]
    Added,
}

/// Somebody has reacted to a message.
#[derive(Object, Clone, Debug)]
pub struct ReactionFrame {
    #[oai(rename = "type")]
    pub kind: ReactionFrameType,
    /// The position in the journal; what comes later has a higher one.
    pub seq: u64,
    pub channel_id: Uuid,
    pub message_id: Uuid,
    /// Mostly an emoji; any text may stand here. Empty in a confidential channel.
    pub emoji: String,
    /// `@localpart:server`.
    pub sender_matrix_id: String,
    pub created_at: Time,
    /// All reactions to the message, as it shows them when the frame is made; null when the message
    /// is not there, or not yet.
    pub reactions: Option<Vec<ReactionCount>>,
}

/// What is taken back about a message.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReactionRemovalFrameType {
    #[oai(rename = "reaction.removed")]
    Removed,
}

/// A reaction to a message was taken back.
#[derive(Object, Clone, Debug)]
pub struct ReactionRemovalFrame {
    #[oai(rename = "type")]
    pub kind: ReactionRemovalFrameType,
    /// The position in the journal; what comes later has a higher one.
    pub seq: u64,
    pub channel_id: Uuid,
    /// The message that was reacted to.
    pub message_id: Uuid,
    /// As it was given; null when it was given too long ago to be known, or in confidence.
    pub emoji: Option<String>,
    /// Whose reaction it was; null when it was given too long ago.
    pub sender_matrix_id: Option<String>,
    /// Who has taken it back.
    pub by_matrix_id: String,
    pub removed_at: Time,
    /// All reactions to the message, as it shows them when the frame is made; null when the message
    /// is not there.
    pub reactions: Option<Vec<ReactionCount>>,
}

/// What is done about pins.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum PinsFrameType {
    #[oai(rename = "channel.pins_changed")]
    Changed,
}

/// Messages were pinned or unpinned.
#[derive(Object, Clone, Debug)]
pub struct PinsFrame {
    #[oai(rename = "type")]
    pub kind: PinsFrameType,
    /// The position in the journal; what comes later has a higher one.
    pub seq: u64,
    pub channel_id: Uuid,
    /// All that is pinned now, in the order of the room. Some of them may not be there.
    pub pinned: Vec<Uuid>,
    /// Who has changed it.
    pub by_matrix_id: String,
    pub pinned_at: Time,
}

/// What is done about power.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum RolesFrameType {
    #[oai(rename = "channel.roles_changed")]
    Changed,
}

/// The power levels of the Matrix room were set, in whatever client.
#[derive(Object, Clone, Debug)]
pub struct RolesFrame {
    #[oai(rename = "type")]
    pub kind: RolesFrameType,
    /// The position in the journal; what comes later has a higher one.
    pub seq: u64,
    pub channel_id: Uuid,
    /// All who have a level of their own, the room's creators first. Nobody else has one.
    pub roles: Vec<NamedRole>,
    /// What everybody else has.
    pub default_power_level: i64,
    pub default_role: Role,
    /// Who has set them.
    pub by_matrix_id: String,
    pub changed_at: Time,
}

/// What somebody has.
#[derive(Object, Clone, Debug)]
pub struct NamedRole {
    /// `@localpart:server`.
    pub matrix_user_id: String,
    /// Null for a creator of a room of version 12, who stands above all numbers.
    pub power_level: Option<i64>,
    /// By the level; agents are not told apart here.
    pub role: Role,
}

/// How somebody's standing has changed.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum MemberFrameType {
    #[oai(rename = "member.invited")]
    Invited,
    #[oai(rename = "member.joined")]
    Joined,
    /// Banned people as well.
    #[oai(rename = "member.left")]
    Left,
    /// Has asked to be let in.
    #[oai(rename = "member.knocked")]
    Knocked,
}

/// Somebody was invited, came, left or was banned, or is called otherwise.
#[derive(Object, Clone, Debug)]
pub struct MemberFrame {
    #[oai(rename = "type")]
    pub kind: MemberFrameType,
    /// The position in the journal; what comes later has a higher one.
    pub seq: u64,
    pub channel_id: Uuid,
    pub member: MemberChange,
}

/// How a member stands to the channel now.
#[derive(Object, Clone, Debug)]
pub struct MemberChange {
    /// `user:<localpart>`, `user:<localpart>:<server>` or `agent:<name>`.
    pub member_id: String,
    /// `@localpart:server`.
    pub matrix_user_id: String,
    pub membership: Membership,
    /// As the member is called in this channel; null without a display name.
    pub display_name: Option<String>,
    /// The Matrix user who brought the membership about.
    pub by_matrix_id: String,
    /// Since when.
    pub since: Time,
    /// Why, as whoever brought it about has said; null when nothing was said, and while they knock:
    /// that is for those who answer.
    pub reason: Option<String>,
}

/// What is told of scheduled messages.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScheduledFrameType {
    #[oai(rename = "scheduled.changed")]
    Changed,
}

/// The listener's own scheduled messages in the channel have changed: one was made, changed or
/// cancelled, is being sent, was sent or could not be. Nobody else is told, and what changes while the
/// listener is away is not told later: read the list anew, also whenever a stream begins.
#[derive(Object, Clone, Debug)]
pub struct ScheduledFrame {
    #[oai(rename = "type")]
    pub kind: ScheduledFrameType,
    /// The position where the stream stands: that of the frame before it. It has none of its own.
    pub seq: u64,
    pub channel_id: Uuid,
}

/// What has happened to the channel itself.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChannelFrameType {
    #[oai(rename = "channel.created")]
    Created,
    #[oai(rename = "channel.updated")]
    Updated,
}

/// The channel was made, or something of it set anew.
#[derive(Object, Clone, Debug)]
pub struct ChannelFrame {
    #[oai(rename = "type")]
    pub kind: ChannelFrameType,
    /// The position in the journal; what comes later has a higher one.
    pub seq: u64,
    pub channel_id: Uuid,
    pub channel: ChannelChange,
}

/// The fields that were set, with the meanings that they have in a channel; the others are left
/// out.
#[derive(Object, Clone, Debug)]
pub struct ChannelChange {
    #[oai(skip_serializing_if_is_none)]
    pub slug: Option<String>,
    #[oai(skip_serializing_if_is_none)]
    pub name: Option<String>,
    #[oai(skip_serializing_if_is_none)]
    pub description: Option<String>,
    /// Null: it was taken away.
    #[oai(skip_serializing_if = "MaybeUndefined::is_undefined")]
    pub matrix_room_alias: MaybeUndefined<String>,
    /// Its Matrix room was upgraded, and this one took its place.
    #[oai(skip_serializing_if_is_none)]
    pub matrix_room_id: Option<String>,
    #[oai(skip_serializing_if_is_none)]
    pub status: Option<ChannelStatus>,
    /// Whether newcomers of the city are shown it first.
    #[oai(skip_serializing_if_is_none)]
    pub is_default: Option<bool>,
    #[oai(skip_serializing_if_is_none)]
    pub visibility: Option<Visibility>,
    #[oai(skip_serializing_if_is_none)]
    pub accepts_knocks: Option<bool>,
    #[oai(skip_serializing_if_is_none)]
    pub slow_mode_seconds: Option<u32>,
    #[oai(skip_serializing_if_is_none)]
    pub confidential: Option<bool>,
}

#[cfg(test)]
mod tests;
