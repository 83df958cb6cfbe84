//! Matrix for services that do not know Matrix, in any room of the homeserver: rooms, messages,
//! membership, users, what happens. What a service may do is decided here.
//!
//! Begin with [`Gateway`]. Every use begins with the scope, then reads what was given
//! ([`resolve`](Gateway::resolve) a room, [`acting`](Gateway::acting) who does it), then goes
//! [`upstream`](Gateway::upstream). Nothing is written before the answer: what comes of it in a
//! channel is pushed back to us like anybody's.

mod channels;
mod checks;
mod creation;
pub mod details;
pub mod history;
mod membership;
mod messages;
mod reactions;
mod rooms;
pub mod sync;
pub mod turns;
mod users;

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use serde::Serialize;
use uuid::Uuid;

pub use self::creation::{Created, NewRoom};
pub use self::membership::{MemberChange, Moderation};
pub use self::messages::{NewDraft, Sent};
pub use self::reactions::{NewReaction, NewRedaction};
pub use self::rooms::Room;
pub use self::users::{NewUser, Registered};
pub use crate::homeserver::Traces;
pub use crate::homeserver::gateway::{InitialState, Preset, RoomDetails};

use self::details::Details;
use self::turns::{Turn, Turns};
use super::Core;
use super::agents::Agents;
use super::idempotency::Requests;
use super::sendings::Sendings;
use crate::domain::entity::Entity;
use crate::domain::id::{RoomAlias, RoomId, SendKey, UserId};
use crate::domain::service::ServiceCaller;
use crate::domain::{Error, Result};
use crate::homeserver::gateway::{Gateway as Homeserver, Located};

/// How many sendings with a key are remembered, to tell their repetition from another message.
const REMEMBERED: u64 = 10_000;

/// The gateway.
pub struct Gateway {
    core: Arc<Core>,
    homeserver: Arc<dyn Homeserver>,
    agents: Arc<Agents>,
    turns: Arc<Turns>,
    details: Arc<Details<RoomDetails>>,
    /// Whether rooms that are no channels are encrypted.
    encryption: Arc<Details<bool>>,
    sent: Cache<Uuid, messages::Remembered>,
    sendings: Sendings,
    /// Those that must be done once.
    requests: Arc<Requests>,
}

/// The homeserver, for as long as a service's request asks it.
pub struct Upstream<'a> {
    homeserver: &'a dyn Homeserver,
    _turn: Turn,
}

impl<'a> Deref for Upstream<'a> {
    type Target = dyn Homeserver + 'a;

    fn deref(&self) -> &Self::Target {
        self.homeserver
    }
}

/// Who is to act, by the two fields of a request that may say so, each of them an entity or a
/// Matrix id.
#[derive(Clone, Debug)]
pub struct Actor {
    /// What the fields are called.
    pub fields: (&'static str, &'static str),
    pub entity: Option<String>,
    pub matrix_id: Option<String>,
}

impl Actor {
    /// Named by one field, which takes both.
    #[must_use]
    pub fn by_one_field(field: &'static str, given: Option<&str>) -> Self {
        let given = given.filter(|given| !given.is_empty());
        Self {
            fields: (field, field),
            entity: given.map(str::to_owned),
            matrix_id: None,
        }
    }
}

/// Where a room or a user was named, which decides what it means when it cannot be one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// In the path: there is no such thing.
    Path,
    /// In this field: the request is wrong.
    Field(&'static str),
}

impl Place {
    fn refuse(self, given: &str, expected: &str) -> Error {
        let shown: String = given.chars().take(100).collect();
        match self {
            Self::Path => Error::not_found(format!("there is no {shown:?}: it is not {expected}")),
            Self::Field(field) => Error::invalid(field, format!("must be {expected}")),
        }
    }
}

impl Gateway {
    #[must_use]
    pub fn new(
        core: Arc<Core>,
        homeserver: Arc<dyn Homeserver>,
        agents: Arc<Agents>,
        turns: Arc<Turns>,
        details: Arc<Details<RoomDetails>>,
        encryption: Arc<Details<bool>>,
        requests: Arc<Requests>,
    ) -> Self {
        let remembered = Cache::builder()
            .max_capacity(REMEMBERED)
            .time_to_live(Duration::from_millis(SendKey::REMEMBERED));
        Self {
            homeserver,
            agents,
            turns,
            details,
            encryption,
            sent: remembered.build(),
            sendings: Sendings::new(core.clock.clone()),
            core,
            requests,
        }
    }

    /// The homeserver, when it is the caller's turn to ask it. Nobody who has a turn waits for
    /// another one: all might.
    pub(super) async fn upstream(&self, caller: &ServiceCaller) -> Result<Upstream<'_>> {
        Ok(Upstream {
            _turn: self.turn(caller).await?,
            homeserver: self.homeserver.as_ref(),
        })
    }

    /// The caller's turn to ask the homeserver.
    async fn turn(&self, caller: &ServiceCaller) -> Result<Turn> {
        self.turns.wait(&caller.name).await
    }

    /// The Matrix room that a caller means and may work in: `!id` with or without a server part,
    /// or an alias, whose server is ours when it names none.
    pub(super) async fn resolve(
        &self,
        caller: &ServiceCaller,
        given: &str,
        place: Place,
    ) -> Result<RoomId> {
        Ok(self.locate(caller, given, place).await?.room)
    }

    /// As [`resolve`](Self::resolve), with the servers by which the room can be joined, as far as
    /// an alias tells.
    pub(super) async fn locate(
        &self,
        caller: &ServiceCaller,
        given: &str,
        place: Place,
    ) -> Result<Located> {
        let located = match given.strip_prefix('#') {
            Some(bare) => self.locate_alias(caller, bare, place).await?,
            None => {
                let room = RoomId::parse(given).ok_or_else(|| place.refuse(given, ROOM))?;
                Located {
                    room: self.core.directory.known_room(room),
                    servers: Vec::new(),
                }
            }
        };
        caller.require_room(&located.room)?;
        Ok(located)
    }

    async fn locate_alias(
        &self,
        caller: &ServiceCaller,
        bare: &str,
        place: Place,
    ) -> Result<Located> {
        let alias = match bare.contains(':') {
            true => RoomAlias::parse(&format!("#{bare}")),
            false => RoomAlias::new(bare, &self.core.directory.naming.server_name),
        };
        let alias = alias.ok_or_else(|| place.refuse(bare, ROOM))?;
        let upstream = self.upstream(caller).await?;
        let found = upstream.locate(&alias).await?;
        found.ok_or_else(|| Error::not_found(format!("no room has the alias {alias}")))
    }

    /// The Matrix user that an entity or a Matrix id means.
    pub(super) fn user(&self, given: &str, place: Place) -> Result<UserId> {
        let user = match given.starts_with('@') {
            true => UserId::parse(given),
            false => Entity::parse(given).map(|entity| self.core.directory.user_id(&entity)),
        };
        user.ok_or_else(|| place.refuse(given, USER))
    }

    /// Who acts: the named user, for whom the caller may, or `None` for the connector when nobody
    /// is named.
    pub(super) fn acting(&self, caller: &ServiceCaller, actor: &Actor) -> Result<Option<UserId>> {
        let (field, matrix_field) = actor.fields;
        let named = |given: &Option<String>, field| {
            let given = given.as_deref();
            given
                .map(|given| self.user(given, Place::Field(field)))
                .transpose()
        };
        let by_entity = named(&actor.entity, field)?;
        let by_id = named(&actor.matrix_id, matrix_field)?;
        if let (Some(user), Some(other)) = (&by_entity, &by_id)
            && user != other
        {
            let given = actor.entity.as_deref().unwrap_or_default();
            let message = format!("is another user than {field}: {given} is {user}");
            return Err(Error::invalid(matrix_field, message));
        }
        let Some(user) = by_entity.or(by_id) else {
            return Ok(None);
        };
        self.require_act_as(caller, &user)?;
        let entity = self.core.directory.entity(&user);
        self.agents.require_at_work(&entity)?;
        Ok(Some(user))
    }

    /// Checks that the caller may act as a user, and that anybody here can.
    pub(super) fn require_act_as(&self, caller: &ServiceCaller, user: &UserId) -> Result<()> {
        let directory = &self.core.directory;
        let entity = directory.entity(user);
        if *user == directory.naming.connector() {
            return Err(Error::forbidden(format!(
                "{entity} is the connector itself; whoever names nobody acts as it"
            )));
        }
        if user.server() != directory.naming.server_name {
            return Err(Error::forbidden(format!(
                "{entity} belongs to another homeserver; nobody can act for them here"
            )));
        }
        caller.require_act_as(&entity)
    }

    fn is_connector(&self, user: &UserId) -> bool {
        *user == self.core.directory.naming.connector()
    }
}

/// An answer, ready to be sent.
fn json(answer: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(answer).map_err(|error| Error::internal(error.to_string()))
}

const ROOM: &str = "a room id (\"!…\") or an alias (\"#…\")";
const USER: &str = "a Matrix id (\"@localpart:server\") or an entity (\"user:<localpart>\", \
     \"agent:<name>\")";
