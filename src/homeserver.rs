//! The homeserver, in our words: what daarion asks of it ([`Homeserver`]) and what it brings
//! to us ([`Inbound`]).
//!
//! `matrix` implements both for a real homeserver, `fake` the first in memory for tests of
//! logic. Nobody else knows how Matrix spells any of this.

pub mod checkup;
pub mod fake;
pub mod gateway;
pub mod identity;
pub mod media;
pub mod timeline;
pub mod watch;

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use crate::domain::Result;
use crate::domain::channel::{Channel, ChannelKind, ChannelStatus, Visibility};
use crate::domain::event::{NewEvent, Skipped, Source};
use crate::domain::id::{ChannelId, EventId, Millis, RoomAlias, RoomId, UserId};
use crate::domain::member::Member;
pub use crate::domain::message::FullContent;
use crate::domain::message::MessageKind;

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
    pub created_by: Option<String>,
    pub created_at: Millis,
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
    pub encrypted: bool,
    pub created_at: Millis,
    /// Each with the state event that says so.
    pub members: Vec<(EventId, Member)>,
    /// What is pinned, if anything ever was.
    pub pins: Option<StoredPins>,
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

/// A message to be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outgoing {
    pub room: RoomId,
    /// Who says it; the connector may act as any local user.
    pub sender: UserId,
    /// The Matrix transaction id: unique in the world, because the homeserver's
    /// de-duplication does not tell asserted users apart.
    pub transaction: String,
    /// Becomes the event's `origin_server_ts`, so that our echo has the same time.
    pub at: Millis,
    /// Its Matrix `msgtype`.
    pub kind: MessageKind,
    pub text: String,
    /// Whether the text is Markdown, to be rendered to safe HTML beside the text.
    pub markdown: bool,
    /// The file that it carries; the text is said about it then.
    pub file: Option<OutgoingFile>,
    pub reply_to: Option<EventId>,
    /// The root of the thread that it goes into.
    pub thread: Option<EventId>,
    pub mentions: Vec<UserId>,
    /// The message that it replaces.
    pub edit: Option<Edit>,
}

impl Outgoing {
    /// A plain text.
    #[must_use]
    pub fn text(room: RoomId, sender: UserId, transaction: String, at: Millis, text: &str) -> Self {
        Self {
            room,
            sender,
            transaction,
            at,
            kind: MessageKind::Text,
            text: text.to_owned(),
            markdown: false,
            file: None,
            reply_to: None,
            thread: None,
            mentions: Vec::new(),
            edit: None,
        }
    }
}

/// A file that a message carries.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OutgoingFile {
    /// `mxc://server/id`.
    pub url: String,
    pub name: String,
    pub mimetype: Option<String>,
    /// In bytes.
    pub size: Option<u64>,
    /// Of a picture or a video, in pixels.
    pub width: Option<u64>,
    pub height: Option<u64>,
    /// Of a video or a sound.
    pub duration_ms: Option<u64>,
}

/// What a message replaces.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edit {
    pub of: EventId,
    /// Those of its mentions that were not in it before: only they are called by it.
    pub called: Vec<UserId>,
}

/// A reaction to be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reaction {
    pub room: RoomId,
    pub target: EventId,
    /// `None`: the connector.
    pub sender: Option<UserId>,
    pub transaction: Uuid,
    /// Mostly an emoji.
    pub key: String,
    /// Becomes the event's `origin_server_ts`; `None`: when it arrives there.
    pub at: Option<Millis>,
}

/// An event to be taken back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Redaction {
    pub room: RoomId,
    pub target: EventId,
    /// `None`: the connector.
    pub sender: Option<UserId>,
    pub transaction: Uuid,
    pub reason: Option<String>,
}

/// Something of a room to be set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Setting {
    Name(String),
    Topic(String),
    Channel(ChannelState),
    CanonicalAlias(RoomAlias),
    /// What is pinned, and nothing else.
    Pins(Vec<EventId>),
}

/// What comes and goes and is never stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ephemeral {
    Presence { user: UserId, online: bool },
}

/// What daarion asks of the homeserver. Every call has a time limit; those that have an
/// effect are repeated only where that is safe.
///
/// `as_user` acts by identity assertion; `None` is the connector itself. Acting as a user
/// whom the homeserver does not know is [`Forbidden`](crate::domain::Error::Forbidden) and
/// names the user.
#[async_trait]
pub trait Homeserver: Send + Sync {
    /// Whether it answers at all.
    async fn check(&self) -> Result<()>;

    /// Whether it could not be reached, or broke off, at any time since this was asked last: it
    /// may have lost what it had not pushed.
    fn was_away(&self) -> bool;

    /// Has the homeserver ping us; this also makes it retry what it could not push.
    async fn ping(&self) -> Result<Duration>;

    /// Makes sure that the connector's own user is registered.
    async fn register_connector(&self) -> Result<()>;

    /// Registers an agent's user in our namespace; one that exists is fine.
    async fn register_agent(&self, user: &UserId) -> Result<()>;

    async fn set_display_name(&self, user: &UserId, name: &str) -> Result<()>;

    /// Whether the homeserver knows a local user.
    async fn user_exists(&self, user: &UserId) -> Result<bool>;

    /// What a user calls itself; `None` when it has no name, or the homeserver shows none.
    async fn display_name(&self, user: &UserId) -> Result<Option<String>>;

    /// The user whose password it is, as the homeserver spells it; `None` when it is nobody's.
    /// Nothing of it is kept. `from` is where whoever offers it is, for the homeserver's own
    /// count of attempts.
    async fn check_password(
        &self,
        user: &UserId,
        password: &str,
        from: Option<IpAddr>,
    ) -> Result<Option<UserId>>;

    /// Whether a user is online now.
    async fn presence(&self, user: &UserId) -> Result<bool>;

    /// Creates a room. Never repeated by itself: the caller looks for the alias first.
    /// An alias that is taken is a [`Conflict`](crate::domain::Error::Conflict).
    async fn create_room(&self, room: &NewRoom) -> Result<RoomId>;

    async fn resolve_alias(&self, alias: &RoomAlias) -> Result<Option<RoomId>>;

    async fn set_alias(&self, alias: &RoomAlias, room: &RoomId) -> Result<()>;

    /// Takes an alias of ours away from whatever it leads to; one that is not there is fine.
    async fn remove_alias(&self, alias: &RoomAlias) -> Result<()>;

    /// The rooms that the connector is in.
    async fn joined_rooms(&self) -> Result<Vec<RoomId>>;

    /// A room's state as the connector sees it; `None` when it is not in the room.
    async fn room(&self, room: &RoomId) -> Result<Option<RoomSnapshot>>;

    /// Makes the connector a member of a room that others made, with the power to mark it as
    /// a channel: by joining, by an invitation of, and a raise from, a local user who may.
    async fn take_over(&self, room: &RoomId) -> Result<()>;

    /// A page of a channel's history, newest first; `from` is an earlier page's `next`.
    async fn history(
        &self,
        channel: &Channel,
        from: Option<&str>,
        limit: usize,
        source: Source,
    ) -> Result<HistoryPage>;

    async fn join(&self, room: &RoomId, as_user: Option<&UserId>) -> Result<()>;

    async fn invite(&self, room: &RoomId, user: &UserId, as_user: Option<&UserId>) -> Result<()>;

    async fn leave(&self, room: &RoomId, as_user: Option<&UserId>) -> Result<()>;

    /// Sends a message. Repeating it with the same transaction id has no further effect.
    async fn send(&self, message: &Outgoing) -> Result<EventId>;

    /// Sends a reaction. One that is there already is refused with `M_DUPLICATE_ANNOTATION`.
    async fn react(&self, reaction: &Reaction) -> Result<EventId>;

    /// The reaction that somebody has given with the same key.
    async fn find_reaction(&self, reaction: &Reaction) -> Result<Option<EventId>>;

    /// Takes an event back. The homeserver decides whether its sender may.
    async fn redact(&self, redaction: &Redaction) -> Result<EventId>;

    /// What is pinned in a room, in its order.
    async fn pins(&self, room: &RoomId) -> Result<Vec<EventId>>;

    /// When an event was sent, by the homeserver's clock; `None` when the event is gone.
    async fn sent_at(&self, room: &RoomId, event: &EventId) -> Result<Option<Millis>>;

    async fn set(
        &self,
        room: &RoomId,
        setting: &Setting,
        as_user: Option<&UserId>,
    ) -> Result<EventId>;

    /// A user's power level in a room (a creator of a version 12 room has `i64::MAX`).
    async fn power(&self, room: &RoomId, user: &UserId) -> Result<i64>;

    /// A message's content in full, its latest edit applied; `None` when it is redacted,
    /// encrypted or gone.
    async fn content(&self, room: &RoomId, event: &EventId) -> Result<Option<FullContent>>;
}

/// What the homeserver asks of us: the application service's side.
#[async_trait]
pub trait Inbound: Send + Sync {
    /// Takes a transaction. Returns only when everything in it is durable; an error makes
    /// the homeserver send it again.
    async fn transaction(&self, id: &str, body: &[u8]) -> Result<()>;

    /// Whether a user of our namespace exists. Answers at once: the homeserver waits.
    fn knows_user(&self, user: &str) -> bool;

    /// Whether a room alias of our namespace exists. Answers at once.
    fn knows_alias(&self, alias: &str) -> bool;
}
