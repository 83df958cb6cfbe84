//! Microdaos.

use poem_openapi::Object;

use super::Visibility;
use crate::api::time::Time;
use crate::domain::channel;
use crate::service::change::ChannelPatch;
use crate::service::microdaos;

/// A group of channels. All that is counted is what the caller may know of.
#[derive(Object, Clone, Debug)]
pub struct Microdao {
    /// `microdao:<name>`.
    pub id: String,
    /// What people call it; of one that nobody has named, its id without the prefix.
    pub name: String,
    /// May be empty.
    pub description: String,
    /// Whether everybody may know of it, or only those who may know of one of its channels.
    pub visibility: Visibility,
    /// The entity that named it, or made its first channel; null of the city itself, and when a
    /// service did.
    pub created_by: Option<String>,
    /// When that was; null of the city itself.
    pub created_at: Option<Time>,
    /// Its Matrix space, once it was named; null before, and of the city itself.
    pub matrix_room_id: Option<String>,
    /// How many channels it has.
    pub channels: u64,
    /// How many people and agents have joined one of them.
    pub members: u64,
}

impl From<microdaos::MicrodaoView> for Microdao {
    fn from(view: microdaos::MicrodaoView) -> Self {
        Self {
            id: view.id,
            name: view.name,
            description: view.description,
            visibility: view.visibility.into(),
            created_by: view.created_by,
            created_at: view.created_at.map(Time),
            matrix_room_id: view.room.map(|room| room.to_string()),
            channels: view.channels,
            members: view.members,
        }
    }
}

/// A page of microdaos.
#[derive(Object, Clone, Debug)]
pub struct MicrodaoPage {
    pub items: Vec<Microdao>,
    /// Give it as `cursor` for the next page; null at the end.
    pub next: Option<String>,
}

/// A microdao to be named.
#[derive(Object, Clone, Debug)]
pub struct NewMicrodao {
    /// `microdao:<name>`, the name 1 to 64 of `a-z 0-9 - _`.
    pub id: String,
    /// 1 to 128 characters on one line; the id without its prefix when absent.
    pub name: Option<String>,
    /// At most 1,000 characters.
    #[oai(default)]
    pub description: String,
    /// `public` when absent.
    pub visibility: Option<Visibility>,
}

impl From<NewMicrodao> for microdaos::NewMicrodao {
    fn from(new: NewMicrodao) -> Self {
        let visibility = new.visibility.map(Into::into);
        Self {
            id: new.id,
            name: new.name,
            description: new.description,
            visibility: visibility.unwrap_or(channel::Visibility::Public),
        }
    }
}

/// What of a microdao is to be changed. What is absent stays.
#[derive(Object, Clone, Debug)]
pub struct MicrodaoPatch {
    /// 1 to 128 characters on one line.
    pub name: Option<String>,
    /// At most 1,000 characters; empty clears it.
    pub description: Option<String>,
    /// Whether everybody may know of it. Its channels stay as they are.
    pub visibility: Option<Visibility>,
}

impl From<MicrodaoPatch> for ChannelPatch {
    fn from(patch: MicrodaoPatch) -> Self {
        Self {
            name: patch.name,
            description: patch.description,
            visibility: patch.visibility.map(Into::into),
        }
    }
}

/// Somebody in a microdao.
#[derive(Object, Clone, Debug)]
pub struct MicrodaoMember {
    /// `user:<localpart>`, `user:<localpart>:<server>` or `agent:<name>`.
    pub member_id: String,
    /// `@localpart:server`.
    pub matrix_user_id: String,
    /// `human` or `agent`.
    pub member_type: String,
    /// As the member is called in one of the channels; null without a display name.
    pub display_name: Option<String>,
    /// How many of the channels that the caller may know of they have joined.
    pub channels: u64,
}

impl From<microdaos::MicrodaoMember> for MicrodaoMember {
    fn from(member: microdaos::MicrodaoMember) -> Self {
        Self {
            member_id: member.entity.to_string(),
            matrix_user_id: member.user.to_string(),
            member_type: member.entity.kind().as_str().to_owned(),
            display_name: member.display_name,
            channels: member.channels,
        }
    }
}

/// A page of members.
#[derive(Object, Clone, Debug)]
pub struct MicrodaoMemberPage {
    pub items: Vec<MicrodaoMember>,
    /// Give it as `cursor` for the next page; null at the end.
    pub next: Option<String>,
}
