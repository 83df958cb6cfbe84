//! The shapes of the gateway document.

mod media;
mod membership;
mod messages;
mod rooms;
mod timeline;
mod users;
pub mod webhook;
pub mod webhook_payload;

use std::collections::BTreeMap;

use poem_openapi::Object;
use serde_json::{Map, Value};

pub use self::media::{MediaAddresses, SignRequest, UploadedFile};
pub use self::membership::{
    Ban, Banned, Comer, Invite, InviteStatus, Invited, Joined, Kick, Kicked, Leaver, Left, Unbanned,
};
pub use self::messages::{NewEvent, NewReaction, NewRedaction, SentEvent};
pub use self::rooms::{
    MatrixRoom, NewMatrixRoom, NewMatrixRoomAvatar, NewMatrixRoomName, NewMatrixRoomTopic,
    RoomCreated,
};
pub use self::timeline::{HistoryDirection, HistoryPage, SyncAnswer};
pub use self::users::{
    Deactivate, Deactivated, NewUser, NewUserAvatar, NewUserName, RegisteredUser, Updated,
};

/// JSON that goes into a Matrix event as it is.
pub type JsonObject = BTreeMap<String, Value>;

/// An event that came of it.
#[derive(Object, Clone, Debug)]
pub struct EventRef {
    /// `$opaque`.
    pub event_id: String,
}

/// The same as serde_json has it.
#[must_use]
pub fn map(object: JsonObject) -> Map<String, Value> {
    object.into_iter().collect()
}
