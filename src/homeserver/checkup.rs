//! What the doctor asks of the homeserver, beside what daily work asks.

use async_trait::async_trait;

use crate::domain::Result;
use crate::domain::id::{EventId, Millis, RoomId, UserId};

/// What the homeserver tells anybody about itself.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Introduction {
    /// Its name and version, where it tells them.
    pub software: Option<String>,
    /// The versions of the Matrix specification that it speaks.
    pub versions: Vec<String>,
    /// Its clock, to the second.
    pub time: Option<Millis>,
}

/// The questions of an examination.
#[async_trait]
pub trait Checkup: Send + Sync {
    /// Asks without any token.
    async fn introduce(&self) -> Result<Introduction>;

    /// Whether the registration that the homeserver has loaded lets us act as a user, known or
    /// not.
    async fn may_act_as(&self, user: &UserId) -> Result<bool>;

    /// The version of rooms that are made without naming one.
    async fn default_room_version(&self) -> Result<String>;

    /// The connector's private room for trying things out; made when there is none.
    async fn canary_room(&self) -> Result<RoomId>;

    /// Sends an event into the canary room that comes back to us by push and means nothing.
    async fn release_canary(&self, room: &RoomId) -> Result<EventId>;

    /// Has the connector begin or stop typing there, which the homeserver pushes as an ephemeral
    /// event.
    async fn set_typing(&self, room: &RoomId, is_typing: bool) -> Result<()>;

    /// Says that the connector is online, or is not any more.
    async fn set_online(&self, is_online: bool) -> Result<()>;

    /// Puts the room into the homeserver's public directory, or takes it out.
    async fn set_listed(&self, room: &RoomId, is_listed: bool) -> Result<()>;
}
