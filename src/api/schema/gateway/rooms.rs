//! Rooms.

use poem_openapi::{Enum, Object};

use super::{JsonObject, map};
use crate::api::schema::Visibility;
use crate::domain::id::SendKey;
use crate::service::gateway::{Created, InitialState as StateEvent, NewRoom, Preset as Word, Room};

/// How a room is set up, as Matrix has it.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Preset {
    /// Anybody may join.
    #[oai(rename = "public_chat")]
    Public,
    /// By invitation.
    #[oai(rename = "private_chat")]
    Private,
    /// By invitation, and whoever is invited has the creator's power.
    #[oai(rename = "trusted_private_chat")]
    TrustedPrivate,
}

/// A state event that a room is made with.
#[derive(Object, Clone, Debug)]
pub struct InitialState {
    /// `m.room.guest_access`, …; at most 255 bytes.
    #[oai(rename = "type")]
    pub kind: String,
    /// Empty when absent; at most 255 bytes.
    #[oai(default)]
    pub state_key: String,
    /// Canonical JSON: numbers are whole.
    pub content: JsonObject,
}

/// A Matrix room to be made.
#[derive(Object, Clone, Debug)]
pub struct NewMatrixRoom {
    /// At most 255 characters.
    pub name: Option<String>,
    /// At most 10,000 characters.
    pub topic: Option<String>,
    /// Whether the homeserver's directory is to list the room; `private` when absent. Where the
    /// homeserver allows that to nobody, the room is made all the same and `warnings` says so.
    pub visibility: Option<Visibility>,
    /// What stands between `#` and `:` of the alias; no alias when absent.
    pub room_alias_name: Option<String>,
    /// `public_chat` of a public room and `private_chat` of a private one when absent.
    pub preset: Option<Preset>,
    /// At most 100. `m.room.power_levels` among them counts like `power_level_content_override`;
    /// `m.room.encryption` makes a room whose content daarion neither reads nor writes.
    #[oai(default)]
    pub initial_state: Vec<InitialState>,
    /// Replaces levels of the homeserver's own; `users` and `events` are added to those. The
    /// connector keeps the power to say what the room is. In rooms of version 12 the connector, as
    /// their creator, stands above all levels and is left out of `users`; other creators in it
    /// are refused. In older ones it has level 100.
    pub power_level_content_override: Option<JsonObject>,
    /// As `m.federate`, `type`, and in rooms of version 12 `additional_creators`.
    pub creation_content: Option<JsonObject>,
    /// As `11`; the homeserver's default when absent.
    pub room_version: Option<String>,
}

/// A Matrix room that was made.
#[derive(Object, Clone, Debug)]
pub struct RoomCreated {
    /// `!opaque`; room version 12 ids have no server part.
    pub room_id: String,
    /// `#localpart:server`; null without an alias.
    pub room_alias: Option<String>,
    /// The channel of kind `gateway` that the room is.
    pub channel_id: uuid::Uuid,
    /// What was not done as asked, for people; absent when all was.
    #[oai(skip_serializing_if_is_empty, default)]
    pub warnings: Vec<String>,
}

/// A Matrix room.
#[derive(Object, Clone, Debug)]
pub struct MatrixRoom {
    /// `!opaque`; room version 12 ids have no server part.
    pub room_id: String,
    pub name: Option<String>,
    pub topic: Option<String>,
    /// `mxc://server/id`.
    pub avatar_url: Option<String>,
    /// `#localpart:server`.
    pub canonical_alias: Option<String>,
    /// How many have joined or are invited.
    pub member_count: u64,
    /// How many have joined.
    pub joined_members: u64,
    /// The algorithm of an end-to-end encrypted room, as `m.megolm.v1.aes-sha2`; null of one that
    /// is not encrypted.
    pub encryption: Option<String>,
    /// As `12`.
    pub room_version: Option<String>,
    /// The channel that the room is; null when it is none.
    pub channel_id: Option<uuid::Uuid>,
}

/// A room's new name.
#[derive(Object, Clone, Debug)]
pub struct NewMatrixRoomName {
    /// At most 255 characters; empty for none.
    pub name: String,
    /// Who sets it, an entity or a Matrix id; the connector when absent.
    pub sender: Option<String>,
    /// The same user's Matrix id.
    pub sender_matrix_id: Option<String>,
}

/// A room's new topic.
#[derive(Object, Clone, Debug)]
pub struct NewMatrixRoomTopic {
    /// At most 10,000 characters; empty for none.
    pub topic: String,
    /// Who sets it, an entity or a Matrix id; the connector when absent.
    pub sender: Option<String>,
    /// The same user's Matrix id.
    pub sender_matrix_id: Option<String>,
}

/// A room's new picture.
#[derive(Object, Clone, Debug)]
pub struct NewMatrixRoomAvatar {
    /// `mxc://server/id`; empty for none.
    pub avatar_url: String,
    /// Who sets it, an entity or a Matrix id; the connector when absent.
    pub sender: Option<String>,
    /// The same user's Matrix id.
    pub sender_matrix_id: Option<String>,
}

impl NewMatrixRoom {
    /// The request as the service takes it.
    #[must_use]
    pub fn with_key(self, key: Option<SendKey>) -> NewRoom {
        let states = self.initial_state.into_iter();
        NewRoom {
            name: self.name,
            topic: self.topic,
            visibility: self.visibility.map(Into::into),
            alias_name: self.room_alias_name,
            preset: self.preset.map(|preset| match preset {
                Preset::Public => Word::PublicChat,
                Preset::Private => Word::PrivateChat,
                Preset::TrustedPrivate => Word::TrustedPrivateChat,
            }),
            initial_state: states
                .map(|state| StateEvent {
                    kind: state.kind,
                    key: state.state_key,
                    content: map(state.content),
                })
                .collect(),
            levels: map(self.power_level_content_override.unwrap_or_default()),
            creation: map(self.creation_content.unwrap_or_default()),
            room_version: self.room_version,
            key,
        }
    }
}

impl From<Created> for RoomCreated {
    fn from(created: Created) -> Self {
        Self {
            room_id: created.room.to_string(),
            room_alias: created.alias.map(|alias| alias.to_string()),
            channel_id: created.channel.0,
            warnings: created.warnings,
        }
    }
}

impl From<Room> for MatrixRoom {
    fn from(room: Room) -> Self {
        let details = room.details;
        Self {
            room_id: room.room.to_string(),
            name: details.name,
            topic: details.topic,
            avatar_url: details.avatar_url,
            canonical_alias: details.alias.map(|alias| alias.to_string()),
            member_count: details.joined + details.invited,
            joined_members: details.joined,
            encryption: details.encryption,
            room_version: details.room_version,
            channel_id: room.channel.map(|channel| channel.0),
        }
    }
}
