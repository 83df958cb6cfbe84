//! What the gateway asks of the homeserver, beside what daily work asks: Matrix for services, in
//! rooms that need not be channels.
//!
//! Contents of events are JSON here; the connector alone knows what Matrix makes of them.

use async_trait::async_trait;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{ChannelState, Homeserver};
use crate::domain::Result;
use crate::domain::channel::Visibility;
use crate::domain::id::{EventId, Millis, RoomAlias, RoomId, ServerName, UserId};
use crate::domain::member::Membership;
use crate::domain::message::{MessageKind, Sending};

/// How a new room is set up (client-server API, `createRoom`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Preset {
    PublicChat,
    PrivateChat,
    TrustedPrivateChat,
}

impl Preset {
    /// Matrix's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PublicChat => "public_chat",
            Self::PrivateChat => "private_chat",
            Self::TrustedPrivateChat => "trusted_private_chat",
        }
    }
}

/// A state event that a room is made with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InitialState {
    pub kind: String,
    pub key: String,
    pub content: Map<String, Value>,
}

/// A room to be created by the connector for a service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewMatrixRoom {
    pub alias: Option<RoomAlias>,
    pub name: Option<String>,
    pub topic: Option<String>,
    /// Whether the homeserver's directory is to list it.
    pub listing: Visibility,
    pub preset: Preset,
    pub initial_state: Vec<InitialState>,
    /// Replaces single levels of the homeserver's own.
    pub levels: Map<String, Value>,
    pub creation: Map<String, Value>,
    /// `None`: the homeserver's default.
    pub room_version: Option<String>,
    pub channel: ChannelState,
}

/// What a room's state says of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RoomDetails {
    pub name: Option<String>,
    pub topic: Option<String>,
    /// `mxc://server/id`.
    pub avatar_url: Option<String>,
    pub alias: Option<RoomAlias>,
    pub joined: u64,
    pub invited: u64,
    /// The algorithm of an encrypted room.
    pub encryption: Option<String>,
    pub room_version: Option<String>,
}

/// A message as a service writes it.
#[derive(Clone, PartialEq, Debug)]
pub struct Draft {
    pub room: RoomId,
    pub sender: Option<UserId>,
    /// Unique in the world; sending again with the same one has no further effect.
    pub transaction: Uuid,
    /// Becomes the event's `origin_server_ts`.
    pub at: Millis,
    pub kind: MessageKind,
    pub body: String,
    /// HTML of anybody's, sanitised on the way out.
    pub html: Option<String>,
    /// `mxc://server/id` of a media message.
    pub url: Option<String>,
    pub filename: Option<String>,
    pub info: Option<Map<String, Value>>,
    /// What becomes `m.relates_to`.
    pub relates_to: Option<Map<String, Value>>,
    pub mentions: Vec<UserId>,
    /// Whether everybody in the room is mentioned.
    pub mentions_room: bool,
    /// What its sender has named it, when it is to be known again by that.
    pub sending: Option<Sending>,
}

/// What is to become of somebody's membership.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    Invite,
    Join,
    Leave,
    Kick,
    Ban,
    Unban,
    /// To ask to be let in.
    Knock,
}

/// A change of a membership.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemberStep {
    pub room: RoomId,
    pub step: Step,
    /// Whose membership; of `Join`, `Leave` and `Knock` the one who acts.
    pub user: UserId,
    pub acting: Option<UserId>,
    pub reason: Option<String>,
    /// Servers by which a room is joined that ours is not in.
    pub via: Vec<ServerName>,
}

/// How somebody stands to a room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Without any relation.
    Stranger,
    Is(Membership),
}

/// Where an alias leads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Located {
    pub room: RoomId,
    /// Servers that know the room.
    pub servers: Vec<ServerName>,
}

/// A person to be registered with a password.
#[derive(Clone, Debug)]
pub struct NewPerson {
    pub user: UserId,
    pub password: String,
    pub display_name: Option<String>,
    pub avatar_url: Option<String>,
    /// Whether the homeserver shall take them for an administrator.
    pub is_admin: bool,
}

/// A device with which somebody is signed in at the homeserver.
#[derive(Clone, Debug)]
pub struct Device {
    pub access_token: String,
    pub device_id: String,
}

/// What the gateway asks. As with [`Homeserver`], `None` acts as the connector itself.
#[async_trait]
pub trait Gateway: Homeserver {
    /// Creates a room. Never repeated by itself.
    async fn create_matrix_room(&self, room: &NewMatrixRoom) -> Result<RoomId>;

    /// Whether the homeserver's directory lists a room.
    async fn is_listed(&self, room: &RoomId) -> Result<bool>;

    /// A room as the connector, who must be in it, sees it.
    async fn details(&self, room: &RoomId) -> Result<RoomDetails>;

    /// Sets a room's picture, `mxc://server/id`; an empty one takes it away.
    async fn set_room_avatar(
        &self,
        room: &RoomId,
        url: &str,
        acting: Option<&UserId>,
    ) -> Result<EventId>;

    /// Sends a message.
    async fn send_draft(&self, draft: &Draft) -> Result<EventId>;

    /// How somebody stands to a room, as `acting` sees it.
    async fn standing(
        &self,
        room: &RoomId,
        user: &UserId,
        acting: Option<&UserId>,
    ) -> Result<Standing>;

    /// Where an alias leads, and by which servers one comes there.
    async fn locate(&self, alias: &RoomAlias) -> Result<Option<Located>>;

    /// Whether a room is end-to-end encrypted, as `acting` sees it.
    async fn is_encrypted(&self, room: &RoomId, acting: Option<&UserId>) -> Result<bool>;

    /// Registers a person through the homeserver's admin API. A name that is taken is refused
    /// with `M_USER_IN_USE`, and nothing of that account is changed, also when somebody takes it at
    /// this moment. Where it fails half-way the name may be taken by an account without a password,
    /// which asking again sets up.
    async fn register_person(&self, person: &NewPerson) -> Result<()>;

    /// Signs a person in; `None` where the homeserver gives no device for passwords.
    async fn sign_in(&self, user: &UserId, password: &str) -> Result<Option<Device>>;

    /// Signs a user of our namespaces in; `None` where the homeserver leaves that to an
    /// authentication service.
    async fn sign_in_agent(&self, user: &UserId) -> Result<Option<Device>>;
}
