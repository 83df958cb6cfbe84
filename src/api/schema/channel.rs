//! Channels.

use poem_openapi::Object;
use uuid::Uuid;

use super::{ChannelKind, ChannelStatus, Membership, Visibility};
use crate::api::time::Time;
use crate::service::change;
use crate::service::channels::ChannelView;

/// The one algorithm for groups that the Matrix specification has.
const MEGOLM: &str = "m.megolm.v1.aes-sha2";
const NOT_INDEXED: &str = "the channel is end-to-end encrypted: only its members' Matrix clients \
     can read it, so nothing of what is said there is kept, shown, searched or handed on here";

/// A channel.
#[derive(Object, Clone, Debug)]
pub struct Channel {
    /// Stays the same through any rebuild of the index.
    pub id: Uuid,
    /// What it is for.
    pub kind: ChannelKind,
    /// `a-z 0-9 - _`, 1 to 64.
    pub slug: String,
    /// What people call it.
    pub name: String,
    /// May be empty.
    pub description: String,
    /// `microdao:<name>`.
    pub microdao_id: String,
    /// Who may come in.
    pub visibility: Visibility,
    /// Whether people who are not invited may ask to be let in, by the id or the alias.
    pub accepts_knocks: bool,
    /// How long people below moderator wait between two messages that they send through daarion; 0
    /// when they need not.
    pub slow_mode_seconds: u32,
    /// Whether it is in use.
    pub status: ChannelStatus,
    /// End-to-end encrypted: daarion sees that something was said, never what.
    pub confidential: bool,
    /// The algorithm of its end-to-end encryption; null when it has none.
    pub encryption: Option<String>,
    /// Whether what is said there is kept here for lists, previews and search.
    pub indexed: bool,
    /// Why it is not; null when it is.
    pub why: Option<String>,
    /// `!opaque`; room version 12 ids have no server part.
    pub matrix_room_id: String,
    /// The Matrix rooms that it had before its room was upgraded, the oldest first. Empty for most.
    pub former_matrix_room_ids: Vec<String>,
    /// The Matrix room's canonical alias: `#<slug>-<microdao>:<server>`, for city rooms
    /// `#city_<slug>:<server>`, unless people chose another; null when it has none.
    pub matrix_room_alias: Option<String>,
    /// The entity that made it; null when a service or a backfill did.
    pub created_by: Option<String>,
    /// When it was made.
    pub created_at: Time,
    /// When something was last said; null when nothing ever was.
    pub last_event: Option<Time>,
    /// How the caller stands to it; null without any relation.
    pub membership: Option<Membership>,
}

impl From<ChannelView> for Channel {
    fn from(view: ChannelView) -> Self {
        let channel = &view.channel;
        Self {
            id: channel.id.0,
            kind: channel.kind.into(),
            slug: channel.slug.clone(),
            name: channel.name.clone(),
            description: channel.description.clone(),
            microdao_id: channel.microdao.clone(),
            visibility: channel.visibility.into(),
            accepts_knocks: channel.accepts_knocks,
            slow_mode_seconds: channel.slow_mode_seconds,
            status: channel.status.into(),
            confidential: channel.confidential,
            encryption: channel.confidential.then(|| MEGOLM.to_owned()),
            indexed: !channel.confidential,
            why: channel.confidential.then(|| NOT_INDEXED.to_owned()),
            matrix_room_id: channel.room.to_string(),
            former_matrix_room_ids: channel.former.iter().map(ToString::to_string).collect(),
            matrix_room_alias: channel.alias.as_ref().map(ToString::to_string),
            created_by: channel.created_by.clone(),
            created_at: Time(channel.created_at),
            last_event: view.last_event.map(Time),
            membership: view.membership.map(Into::into),
        }
    }
}

/// A channel to be made.
#[derive(Object, Clone, Debug)]
pub struct NewChannel {
    /// 1 to 128 characters on one line.
    pub name: String,
    /// `a-z 0-9 - _`, 1 to 64; made of the name when absent.
    pub slug: Option<String>,
    /// `microdao:<name>`; the city itself when absent.
    pub microdao_id: Option<String>,
    /// `public` when absent.
    pub visibility: Option<Visibility>,
    /// At most 1,000 characters.
    #[oai(default)]
    pub description: String,
    /// End-to-end encrypted from the beginning, for good.
    #[oai(default)]
    pub confidential: bool,
}

/// A Matrix room to be made a channel.
#[derive(Object, Clone, Debug)]
pub struct NewAdoption {
    /// `!id` or `#alias:server`.
    pub room: String,
    /// `a-z 0-9 - _`, 1 to 64; made of the room's name when absent.
    pub slug: Option<String>,
    /// `microdao:<name>`; the city itself when absent.
    pub microdao_id: Option<String>,
    /// Who may come in from here on; as the room is when absent.
    pub visibility: Option<Visibility>,
}

/// What of a channel is to be changed. What is absent stays.
#[derive(Object, Clone, Debug)]
pub struct ChannelPatch {
    /// 1 to 128 characters on one line.
    pub name: Option<String>,
    /// At most 1,000 characters; empty clears it.
    pub description: Option<String>,
    /// Who may come in from here on. Those who are in stay.
    pub visibility: Option<Visibility>,
}

impl From<ChannelPatch> for change::ChannelPatch {
    fn from(patch: ChannelPatch) -> Self {
        Self {
            name: patch.name,
            description: patch.description,
            visibility: patch.visibility.map(Into::into),
        }
    }
}

/// A page of channels.
#[derive(Object, Clone, Debug)]
pub struct ChannelPage {
    pub items: Vec<Channel>,
    /// Give it as `cursor` for the next page; null at the end.
    pub next: Option<String>,
}
