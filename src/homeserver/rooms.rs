//! Rooms, as the homeserver has them and as it is told to make them, and what their events are to us.

use crate::domain::access::Levels;
use crate::domain::channel::{ChannelKind, ChannelStatus, Visibility};
use crate::domain::event::{NewEvent, Skipped};
use crate::domain::id::{ChannelId, EventId, Millis, RoomAlias, RoomId, UserId};
use crate::domain::member::Member;

/// What the `city.daarion.channel` state event of a room says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChannelState {
    pub id: ChannelId,
    pub kind: ChannelKind,
    pub slug: String,
    pub microdao: String,
    pub visibility: Visibility,
    pub confidential: bool,
    pub status: ChannelStatus,
    pub is_default: bool,
    pub slow_mode_seconds: u32,
    pub created_by: Option<String>,
    pub created_at: Millis,
    /// The person or agent who had the connector write it anew; `None`, too, when it is as it was made.
    pub changed_by: Option<String>,
}

/// A room to be created by the connector, which stays in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewRoom {
    pub alias: RoomAlias,
    /// The Matrix name, the city's part included.
    pub name: String,
    pub topic: String,
    pub channel: ChannelState,
    /// Gets power level 100; [`Homeserver::invite`] and [`Homeserver::join`] bring it in.
    pub owner: Option<UserId>,
    /// `None`: the homeserver's default.
    pub room_version: Option<String>,
}

/// What the `city.daarion.microdao` state event of a space says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MicrodaoState {
    /// `microdao:<name>`.
    pub id: String,
    pub created_by: Option<String>,
    pub created_at: Millis,
}

/// A space to be created by the connector, which stays in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewSpace {
    pub alias: RoomAlias,
    pub name: String,
    pub topic: String,
    pub visibility: Visibility,
    pub microdao: MicrodaoState,
    /// Gets power level 100.
    pub owner: UserId,
}

/// A room as its state shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoomSnapshot {
    pub room: RoomId,
    /// The `city.daarion.channel` state event, if there is one that can be read.
    pub channel: Option<StoredChannelState>,
    /// The Matrix name.
    pub name: Option<String>,
    pub topic: Option<String>,
    pub alias: Option<RoomAlias>,
    /// Whether anybody may join.
    pub public: bool,
    /// Whether people may ask to be let in.
    pub accepts_knocks: bool,
    /// Who has set which of these it is, and when, if anybody has.
    pub entry_set: Option<(UserId, Millis)>,
    pub encrypted: bool,
    pub created_at: Millis,
    /// Each with the state event that says so.
    pub members: Vec<(EventId, Member)>,
    /// What is pinned, if anything ever was.
    pub pins: Option<StoredPins>,
    /// The microdao that the space is, as the connector says.
    pub microdao: Option<MicrodaoState>,
    /// The rooms that a space names as its own.
    pub children: Vec<RoomId>,
    /// The room that this one says it took the place of.
    pub predecessor: Option<RoomId>,
    /// What says that another room took the place of this one.
    pub tombstone: Option<Tombstone>,
    /// What it demands and whom it gives what power.
    pub levels: Option<StoredLevels>,
}

/// An `m.room.tombstone` state event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tombstone {
    pub event: EventId,
    pub sender: UserId,
    pub at: Millis,
    pub successor: RoomId,
}

/// What a room's `m.room.power_levels` and its creation say of power.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredLevels {
    /// `None`: the room has no such event.
    pub event: Option<EventId>,
    pub sender: UserId,
    pub at: Millis,
    pub levels: Levels,
}

/// An `m.room.pinned_events` state event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredPins {
    pub event: EventId,
    pub sender: UserId,
    pub at: Millis,
    pub pinned: Vec<EventId>,
}

/// A `city.daarion.channel` state event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredChannelState {
    pub event: EventId,
    pub sender: UserId,
    pub at: Millis,
    pub state: ChannelState,
}

/// What one Matrix event is to us.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are events, and a box would cost each an allocation"
)]
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Mapped {
    /// Something that the journal keeps.
    Event(NewEvent),
    /// A room that is not a channel yet says that it is one.
    Claim(RoomId),
    /// One that the doctor has sent to see whether it comes back.
    Canary(EventId),
    /// One of a room that is no channel: nobody but a counter may see it.
    Foreign,
    /// A Matrix event that we know and need not keep.
    Nothing,
    /// One of a channel that we cannot use.
    Skipped(Skipped),
}

/// A page of a room's history.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HistoryPage {
    /// Newest first, each with its event id when it has a readable one.
    pub events: Vec<(Option<EventId>, Mapped)>,
    /// Where the next, older page begins; `None` at the room's beginning.
    pub next: Option<String>,
}
