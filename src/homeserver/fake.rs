//! A working homeserver in memory, for tests of logic: what is sent is in the history, who is
//! not in a room may not speak there, an alias is taken once. It proves our logic, never that
//! a real homeserver behaves so.
//!
//! Begin with [`Fake`], which other clients' deeds and all that can go wrong are told;
//! `commands` is its [`Homeserver`](super::Homeserver), `room` the rooms that both work on.

mod checkup;
mod commands;
mod identity;
mod levels;
mod members;
mod reactions;
mod room;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::Clock;
use crate::directory::Directory;
use crate::domain::channel::{Channel, Visibility};
use crate::domain::event::Source;
use crate::domain::id::{EventId, RoomAlias, RoomId, UserId};
use crate::domain::member::Membership;
use crate::domain::{Error, Result};
use crate::homeserver::gateway::MemberStep;
use crate::homeserver::{Mapped, Shut};
use room::{Deed, Room};

/// The calls of the trait that can be made to fail.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Call {
    Check,
    Ping,
    Register,
    SetDisplayName,
    SetAvatar,
    Deactivate,
    UserExists,
    Shut,
    DisplayName,
    CheckPassword,
    Presence,
    CreateRoom,
    ResolveAlias,
    SetAlias,
    RemoveAlias,
    JoinedRooms,
    Room,
    Successor,
    CreateSpace,
    TakeOver,
    History,
    Join,
    Invite,
    Leave,
    Send,
    React,
    Redact,
    Pins,
    Set,
    SentAt,
    ChangeMembership,
    Member,
    SetLevel,
    Content,
    Introduce,
    MayActAs,
    RoomVersion,
    CanaryRoom,
    Canary,
    Typing,
    SetOnline,
    List,
    OpenId,
    LoginToken,
    WaysIn,
    PublicAddress,
}

/// The homeserver. Its users, apart from the connector and the agents that are registered
/// through it, are those that a test adds.
pub struct Fake {
    directory: Arc<Directory>,
    clock: Clock,
    world: Mutex<World>,
}

#[derive(Default)]
struct World {
    users: HashMap<UserId, User>,
    rooms: HashMap<RoomId, Room>,
    aliases: HashMap<RoomAlias, RoomId>,
    openid: HashMap<String, UserId>,
    login_tokens: HashMap<String, UserId>,
    /// Numbers rooms and events; an event's number is its place in the order of all.
    last: u64,
    is_down: bool,
    was_away: bool,
    /// The accounts by which nobody comes in.
    shut: HashMap<UserId, Shut>,
    creation_failure: Option<Error>,
    is_send_cut: bool,
    /// Whose history is never told.
    stuck: HashSet<RoomId>,
    cut: HashSet<Call>,
    failures: HashMap<Call, Vec<Error>>,
    calls: HashMap<Call, usize>,
}

#[derive(Default)]
struct User {
    display_name: Option<String>,
    avatar_url: Option<String>,
    is_online: bool,
    password: Option<String>,
}

impl Fake {
    #[must_use]
    pub fn new(directory: Arc<Directory>, clock: Clock) -> Self {
        Self {
            directory,
            clock,
            world: Mutex::default(),
        }
    }

    /// While it is down, every call is unavailable.
    pub fn set_down(&self, is_down: bool) {
        self.world().is_down = is_down;
    }

    /// An account is locked, or is open again.
    pub fn set_locked(&self, user: &UserId, is_locked: bool) {
        let shut = &mut self.world().shut;
        match is_locked {
            true => shut.insert(user.clone(), Shut::Locked),
            false => shut.remove(user),
        };
    }

    /// The next call of this kind fails and has no effect. Several wait in their order.
    pub fn fail_next(&self, call: Call, error: Error) {
        let mut world = self.world();
        world.failures.entry(call).or_default().push(error);
    }

    /// The next room is created, and its answer lost.
    pub fn cut_next_creation(&self) {
        self.fail_next_creation_late(Error::unavailable("the answer was lost"));
    }

    /// The next room is created, and the call fails all the same.
    pub fn fail_next_creation_late(&self, error: Error) {
        self.world().creation_failure = Some(error);
    }

    /// The next message is taken in, and its answer lost.
    pub fn cut_next_send(&self) {
        self.world().is_send_cut = true;
    }

    /// The next level, setting or space is set or made, and its answer lost.
    pub fn cut_next(&self, call: Call) {
        self.world().cut.insert(call);
    }

    /// From now on nobody hears the end of a room's history, or does again.
    pub fn set_stuck(&self, room: &RoomId, is_stuck: bool) {
        let stuck = &mut self.world().stuck;
        match is_stuck {
            true => stuck.insert(room.clone()),
            false => stuck.remove(room),
        };
    }

    /// It is started again: what it knew of transactions is gone.
    pub fn forget_transactions(&self) {
        for room in self.world().rooms.values_mut() {
            room.transactions.clear();
        }
    }

    /// How often a call was made, failures included.
    #[must_use]
    pub fn calls(&self, call: Call) -> usize {
        self.world().calls.get(&call).copied().unwrap_or(0)
    }

    pub fn add_user(&self, user: &UserId) {
        self.world().users.entry(user.clone()).or_default();
    }

    /// Gives a user a password; it is added when there is none.
    pub fn set_password(&self, user: &UserId, password: &str) {
        let mut world = self.world();
        let user = world.users.entry(user.clone()).or_default();
        user.password = Some(password.to_owned());
    }

    /// A user's picture.
    #[must_use]
    pub fn avatar_url(&self, user: &UserId) -> Option<String> {
        self.world().users.get(user)?.avatar_url.clone()
    }

    pub fn set_online(&self, user: &UserId, is_online: bool) {
        let mut world = self.world();
        world.users.entry(user.clone()).or_default().is_online = is_online;
    }

    /// A room that a user makes with another client. The user is in it and has all power.
    pub fn create_room_as(
        &self,
        user: &UserId,
        alias: Option<&RoomAlias>,
        visibility: Visibility,
    ) -> Result<RoomId> {
        let now = self.clock.now();
        let mut world = self.world();
        world.know(user)?;
        if let Some(alias) = alias {
            world.take_alias(alias)?;
        }
        let id = world.new_room_id();
        let mut room = Room::new(user, visibility, now);
        world.record_into(&mut room, Deed::Created, user, now);
        let joined = self.member(&world, user, Membership::Joined, user);
        world.record_into(&mut room, Deed::Member(joined), user, now);
        let levels = Deed::Levels(room.levels());
        world.record_into(&mut room, levels, user, now);
        room.alias = alias.cloned();
        world.rooms.insert(id.clone(), room);
        if let Some(alias) = alias {
            world.aliases.insert(alias.clone(), id.clone());
        }
        Ok(id)
    }

    /// A message that a user sends with another client.
    pub fn say(&self, room: &RoomId, user: &UserId, text: &str) -> Result<EventId> {
        let now = self.clock.now();
        let mut world = self.world();
        world.room(room)?.expect_joined(user)?;
        world.record(room, Deed::said(text), user, now)
    }

    /// Takes a message away with another client.
    pub fn redact_as(&self, room: &RoomId, user: &UserId, target: &EventId) -> Result<EventId> {
        let now = self.clock.now();
        let mut world = self.world();
        world.record(room, Deed::Redacted(target.clone()), user, now)
    }

    /// Upgrades a room with another client, as far as it gets: another room says that it takes the
    /// place of `predecessor`, and this one, when it is told, that the other takes its place.
    pub fn upgrade_as(
        &self,
        room: &RoomId,
        user: &UserId,
        predecessor: &RoomId,
        is_told: bool,
    ) -> Result<RoomId> {
        let (visibility, channel_powers) = {
            let mut world = self.world();
            let room = world.room(room)?;
            (room.visibility, (room.marking, room.powers.clone()))
        };
        let id = self.create_room_as(user, None, visibility)?;
        let now = self.clock.now();
        let mut world = self.world();
        let new = world.room(&id)?;
        new.predecessor = Some(predecessor.clone());
        (new.marking, new.powers) = channel_powers;
        self.empower(&mut world, &id, user, Some(i64::MAX), user)?;
        if is_told {
            let tombstone = Deed::Ended(id.clone());
            world.record(room, tombstone, user, now)?;
        }
        Ok(id)
    }

    /// Raises or lowers a user with another client; `i64::MAX` makes a creator.
    pub fn set_power(&self, room: &RoomId, user: &UserId, power: i64) -> Result<()> {
        self.empower(&mut self.world(), room, user, Some(power), user)
            .map(drop)
    }

    /// A deed of a member's, with another client.
    pub fn step_as(&self, step: &MemberStep) -> Result<()> {
        self.take_step(&mut self.world(), step)
    }

    /// All that the homeserver would push after an earlier call's position, in its order, and
    /// the new position; zero is the beginning.
    #[must_use]
    pub fn pushed(&self, after: u64) -> (Vec<Mapped>, u64) {
        let world = self.world();
        let mut found: Vec<_> = world
            .rooms
            .iter()
            .flat_map(|(id, room)| room.events.iter().map(move |event| (id, room, event)))
            .filter(|(_, _, event)| event.number > after)
            .collect();
        found.sort_by_key(|(_, _, event)| event.number);
        let mapped =
            found
                .into_iter()
                .map(|(id, room, event)| match self.directory.channel_of(id) {
                    Some(channel) if channel.room != *id && !event.takes_back() => Mapped::Nothing,
                    Some(_) if matches!(event.deed, Deed::Ended(_)) => Mapped::Claim(id.clone()),
                    Some(channel) => room.map(event, &channel, &self.directory, Source::Push),
                    None if event.is_claim(&self.directory) => Mapped::Claim(id.clone()),
                    None if event.is_canary() => Mapped::Canary(event.id.clone()),
                    None => Mapped::Foreign,
                });
        (mapped.collect(), world.last)
    }

    /// Every event of a room as the mapping would give it, oldest first.
    pub fn history_of(&self, channel: &Channel, source: Source) -> Result<Vec<(EventId, Mapped)>> {
        let mut world = self.world();
        let room = world.room(&channel.room)?;
        let map = |event: &room::Event| {
            let mapped = room.map(event, channel, &self.directory, source);
            (event.id.clone(), mapped)
        };
        Ok(room.events.iter().map(map).collect())
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connector(&self) -> UserId {
        self.directory.naming.connector()
    }
}

impl World {
    /// Whether the homeserver has this user.
    fn know(&self, user: &UserId) -> Result<()> {
        match self.users.contains_key(user) {
            true => Ok(()),
            false => Err(Error::forbidden(format!(
                "the homeserver has no user {user}"
            ))),
        }
    }

    fn room(&mut self, id: &RoomId) -> Result<&mut Room> {
        let missing = || room::refused(404, "M_NOT_FOUND", &format!("there is no room {id}"));
        self.rooms.get_mut(id).ok_or_else(missing)
    }

    fn take_alias(&self, alias: &RoomAlias) -> Result<()> {
        match self.aliases.contains_key(alias) {
            true => Err(Error::conflict(format!("the alias {alias} is taken"))),
            false => Ok(()),
        }
    }

    fn new_room_id(&mut self) -> RoomId {
        self.last += 1;
        RoomId::trusted(format!("!room{}", self.last))
    }

    fn record(&mut self, room: &RoomId, deed: Deed, by: &UserId, at: u64) -> Result<EventId> {
        self.last += 1;
        let number = self.last;
        Ok(self.room(room)?.record(number, deed, by, at))
    }

    /// The answer of a call, unless it is to be lost.
    fn answer<T>(&mut self, call: Call, answer: T) -> Result<T> {
        match self.cut.remove(&call) {
            true => Err(Error::unavailable("the answer was lost")),
            false => Ok(answer),
        }
    }

    /// As [`record`](Self::record), of a room that is still being made.
    fn record_into(&mut self, room: &mut Room, deed: Deed, by: &UserId, at: u64) {
        self.last += 1;
        room.record(self.last, deed, by, at);
    }
}

/// The events that were redacted.
type Redacted = HashSet<EventId>;
