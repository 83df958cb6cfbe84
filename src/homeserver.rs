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
mod outgoing;
mod rooms;
pub mod timeline;
pub mod watch;

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;

use self::gateway::MemberStep;
pub use self::outgoing::{
    Edit, Outgoing, OutgoingFile, Reaction, Redaction, Setting, TakenIn, Traces,
};
pub use self::rooms::{
    ChannelState, HistoryPage, Mapped, MicrodaoState, NewRoom, NewSpace, RoomSnapshot,
    StoredChannelState, StoredLevels, StoredPins, Tombstone,
};
use crate::domain::Result;
use crate::domain::channel::Channel;
use crate::domain::event::Source;
use crate::domain::id::{EventId, Millis, RoomAlias, RoomId, UserId};
use crate::domain::member::Member;
pub use crate::domain::message::FullContent;

/// What comes and goes and is never stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ephemeral {
    Presence { user: UserId, online: bool },
}

/// How it is that nobody comes in by an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shut {
    /// Until it is opened again.
    Locked,
    /// For good.
    Closed,
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

    /// Sets a user's picture, `mxc://server/id`; an empty one takes it away.
    async fn set_avatar(&self, user: &UserId, url: &str) -> Result<()>;

    /// Closes a user's account for good.
    async fn deactivate(&self, user: &UserId, traces: Traces) -> Result<()>;

    /// Whether the homeserver knows a local user, whose account is not closed.
    async fn user_exists(&self, user: &UserId) -> Result<bool>;

    /// How a local user's account is shut; `None` when it is open, is none, or the homeserver does not
    /// say.
    async fn shut(&self, user: &UserId) -> Result<Option<Shut>>;

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

    /// Creates a space. Never repeated by itself, as with rooms.
    async fn create_space(&self, space: &NewSpace) -> Result<RoomId>;

    async fn resolve_alias(&self, alias: &RoomAlias) -> Result<Option<RoomId>>;

    async fn set_alias(&self, alias: &RoomAlias, room: &RoomId) -> Result<()>;

    /// Takes an alias of ours away from whatever it leads to; one that is not there is fine.
    async fn remove_alias(&self, alias: &RoomAlias) -> Result<()>;

    /// The rooms that the connector is in.
    async fn joined_rooms(&self) -> Result<Vec<RoomId>>;

    /// The rooms that a user of this homeserver is in.
    async fn rooms_of(&self, user: &UserId) -> Result<Vec<RoomId>>;

    /// A room's state as the connector sees it; `None` when it is not in the room.
    async fn room(&self, room: &RoomId) -> Result<Option<RoomSnapshot>>;

    /// A room's state as somebody sees it; `None` when they are not in the room.
    async fn room_as(&self, room: &RoomId, user: &UserId) -> Result<Option<RoomSnapshot>>;

    /// The room that a room's state says took its place.
    async fn successor(&self, room: &RoomId) -> Result<Option<RoomId>>;

    /// Makes the connector a member of a room that others made, with the power to mark it as
    /// a channel: by joining, by an invitation of, and a raise from, a local user who may. With a
    /// `helper` nobody else is made to help.
    async fn take_over(&self, room: &RoomId, helper: Option<&UserId>) -> Result<()>;

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

    /// Changes a membership: one's own, or another's as somebody who may.
    async fn change_membership(&self, step: &MemberStep) -> Result<()>;

    /// How somebody stands to a room of the connector's, with the state event that says so.
    async fn member(&self, room: &RoomId, user: &UserId) -> Result<Option<(EventId, Member)>>;

    /// Gives somebody a power level, all others keeping theirs; `None`: that of those who are not
    /// named. `from` is what they have: when they have something else by now, nothing is done and
    /// the answer is `None`.
    async fn set_level(
        &self,
        room: &RoomId,
        user: &UserId,
        from: Option<i64>,
        level: Option<i64>,
        as_user: Option<&UserId>,
    ) -> Result<Option<StoredLevels>>;

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

    /// As [`sent_at`](Self::sent_at), of a message, and what its sender has named it.
    async fn taken_in(&self, room: &RoomId, event: &EventId) -> Result<Option<TakenIn>>;

    async fn set(
        &self,
        room: &RoomId,
        setting: &Setting,
        as_user: Option<&UserId>,
    ) -> Result<EventId>;

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
