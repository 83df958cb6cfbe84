//! Services: programs of the installation that call `/internal`, each with a token that says
//! what it may do, for whom, and where.

use std::fmt;

use uuid::Uuid;

use super::entity::Entity;
use super::error::{Error, Result};
use super::id::Millis;
use super::session::Digest;

/// The longest name of a service.
const LONGEST_NAME: usize = 64;
/// The most patterns, and the most rooms, of one token.
const MOST: usize = 100;

scopes! {
    /// One kind of thing that a service may do.
    Scope {
        /// Reads rooms, their history and what is new in them.
        Read = "gateway:read",
        /// Sends messages and reactions, and redacts.
        Send = "gateway:send",
        /// Creates rooms and changes their name, topic and avatar.
        Rooms = "gateway:rooms",
        /// Invites, joins, leaves, kicks, bans.
        Members = "gateway:members",
        /// Registers, names and deactivates users.
        Users = "gateway:users",
        /// Uploads files and signs addresses of them.
        Media = "gateway:media",
        /// Looks after webhooks.
        Webhooks = "gateway:webhooks",
        /// Registers and changes agents, and posts as them.
        Agents = "agents",
        /// Makes city rooms and brings those of an older installation in.
        City = "city",
        /// Uses `/api` and `/ws` for the person or agent that `X-User-Id` names.
        Api = "api",
    }
}

impl Scope {
    /// Whether it cannot be had for some rooms only.
    fn is_of_all_rooms(self) -> bool {
        matches!(self, Self::City | Self::Api)
    }
}

/// For whom a service may act.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ActAs {
    /// Everybody of this homeserver.
    Everybody,
    /// Every agent.
    Agents,
    /// Every person.
    People,
    One(Entity),
}

impl ActAs {
    /// Reads `*`, `agent:*`, `user:*`, `agent:<name>` or `user:<localpart>`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "*" => Some(Self::Everybody),
            "agent:*" => Some(Self::Agents),
            "user:*" => Some(Self::People),
            one => Entity::parse(one).map(Self::One),
        }
    }

    /// Whether an entity is one of those.
    #[must_use]
    pub fn covers(&self, entity: &Entity) -> bool {
        match (self, entity) {
            (Self::Everybody, _)
            | (Self::Agents, Entity::Agent { .. })
            | (Self::People, Entity::User { .. }) => true,
            (Self::One(one), entity) => one == entity,
            _ => false,
        }
    }
}

impl fmt::Display for ActAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everybody => f.write_str("*"),
            Self::Agents => f.write_str("agent:*"),
            Self::People => f.write_str("user:*"),
            Self::One(entity) => entity.fmt(f),
        }
    }
}

/// What a service may do, for whom, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rights {
    pub scopes: Vec<Scope>,
    /// Nobody when empty: the service speaks as the connector alone.
    pub act_as: Vec<ActAs>,
    /// Ids of Matrix rooms; `None` for every room.
    pub rooms: Option<Vec<String>>,
}

impl Rights {
    /// All there is, for the installation's one shared secret.
    #[must_use]
    pub fn all() -> Self {
        Self {
            scopes: Scope::ALL.to_vec(),
            act_as: vec![ActAs::Everybody],
            rooms: None,
        }
    }

    /// Reads rights as they are written in commands and requests. `*` and `gateway:*` stand for
    /// several scopes.
    pub fn parse(scopes: &[String], act_as: &[String], rooms: Option<&[String]>) -> Result<Self> {
        bounded("scopes", scopes)?;
        bounded("act_as", act_as)?;
        bounded("rooms", rooms.unwrap_or_default())?;
        let pattern = |text: &String| {
            let message = "must be \"*\", \"agent:*\", \"user:*\" or an entity";
            ActAs::parse(text).ok_or_else(|| Error::invalid("act_as", message))
        };
        let room = |text: &String| {
            let room = super::id::RoomId::parse(text);
            let room = room.map(|room| room.as_str().to_owned());
            let message =
                "must be ids of Matrix rooms (\"!…\"); an alias may come to lead elsewhere";
            room.ok_or_else(|| Error::invalid("rooms", message))
        };
        Ok(Self {
            scopes: Scope::granted(scopes)?,
            act_as: act_as.iter().map(pattern).collect::<Result<_>>()?,
            rooms: rooms
                .map(|rooms| rooms.iter().map(room).collect::<Result<_>>())
                .transpose()?,
        })
    }
}

fn bounded(field: &'static str, list: &[String]) -> Result<()> {
    if list.len() > MOST {
        return Err(Error::invalid(field, format!("must be at most {MOST}")));
    }
    Ok(())
}

/// A service's token. The token itself is shown once, when it is made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServiceToken {
    pub id: Uuid,
    /// Unique among the tokens that are not revoked.
    pub name: String,
    pub digest: Digest,
    pub rights: Rights,
    pub created_at: Millis,
    /// Who made it: an operator's name.
    pub created_by: String,
    /// `None`: it does not expire.
    pub expires_at: Option<Millis>,
    /// To the minute; `None` before its first use.
    pub last_used_at: Option<Millis>,
    pub revoked_at: Option<Millis>,
}

impl ServiceToken {
    /// Whether it counts.
    #[must_use]
    pub fn is_good(&self, now: Millis) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

/// Callers that have no token: the shared secret's, and who fetches by a signed address.
const RESERVED: [&str; 2] = ["shared", "visitors"];

/// Checks the name of a service.
pub fn service_name(name: &str) -> Result<String> {
    let fits = (1..=LONGEST_NAME).contains(&name.len())
        && name.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte)
        });
    if RESERVED.contains(&name) {
        let message = "is what daarion itself calls callers without a token of their own";
        return Err(Error::invalid("name", message));
    }
    if fits {
        return Ok(name.to_owned());
    }
    let message = "must be 1 to 64 characters from a-z, 0-9 and \"._-\"";
    Err(Error::invalid("name", message))
}

/// A service that has proved who it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServiceCaller {
    /// The token's id; `None` for the installation's shared secret.
    pub token: Option<Uuid>,
    /// The service's name; `shared` for the shared secret.
    pub name: String,
    pub rights: Rights,
}

impl ServiceCaller {
    /// Whoever holds the installation's one shared secret.
    #[must_use]
    pub fn shared() -> Self {
        Self {
            token: None,
            name: "shared".to_owned(),
            rights: Rights::all(),
        }
    }

    /// Checks that the service may do this kind of thing.
    pub fn require(&self, scope: Scope) -> Result<()> {
        let word = scope.as_str();
        if !self.rights.scopes.contains(&scope) {
            let message = format!("the service {} has no scope {word}", self.name);
            return Err(Error::forbidden(message));
        }
        if self.rights.rooms.is_some() && scope.is_of_all_rooms() {
            return Err(Error::forbidden(format!(
                "the service {} may work in certain rooms only, and {word} is of all rooms",
                self.name
            )));
        }
        Ok(())
    }

    /// Checks that the service may act for somebody.
    pub fn require_act_as(&self, entity: &Entity) -> Result<()> {
        if self.rights.act_as.iter().any(|it| it.covers(entity)) {
            return Ok(());
        }
        Err(Error::forbidden(format!(
            "the service {} may not act as {entity}",
            self.name
        )))
    }

    /// Whether the service may work in a Matrix room.
    #[must_use]
    pub fn may_work_in(&self, room: &super::id::RoomId) -> bool {
        let rooms = self.rights.rooms.as_ref();
        rooms.is_none_or(|rooms| rooms.iter().any(|it| it == room.as_str()))
    }

    /// Whether the service may work in a channel: in its room, or in one that it had before that was
    /// upgraded.
    #[must_use]
    pub fn may_work_for(&self, channel: &super::channel::Channel) -> bool {
        channel.rooms().any(|room| self.may_work_in(room))
    }

    /// Checks that the service may work in a Matrix room.
    pub fn require_room(&self, room: &super::id::RoomId) -> Result<()> {
        if self.may_work_in(room) {
            return Ok(());
        }
        Err(Error::forbidden(format!(
            "the service {} may not work in {room}",
            self.name
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::RoomId;

    fn caller(scopes: &[&str], act_as: &[&str], rooms: Option<&[&str]>) -> ServiceCaller {
        let owned = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let rooms = rooms.map(owned);
        let rights = Rights::parse(&owned(scopes), &owned(act_as), rooms.as_deref());
        ServiceCaller {
            token: None,
            name: "billing".to_owned(),
            rights: rights.expect("rights"),
        }
    }

    #[test]
    fn a_service_does_what_its_scopes_say() {
        let billing = caller(&["gateway:send"], &[], None);
        billing.require(Scope::Send).expect("its scope");
        let refused = billing.require(Scope::Users).expect_err("another scope");
        assert_eq!(
            refused.to_string(),
            "the service billing has no scope gateway:users"
        );
        let gateway = caller(&["gateway:*"], &[], None);
        gateway.require(Scope::Webhooks).expect("one of several");
        gateway.require(Scope::Api).expect_err("not of the gateway");
        assert_eq!(caller(&["*"], &[], None).rights.scopes, Scope::ALL);
    }

    #[test]
    fn a_service_acts_for_whom_its_patterns_name() {
        let agents = caller(&["*"], &["agent:*", "user:alice"], None);
        for (entity, may) in [
            ("agent:sofia", true),
            ("user:alice", true),
            ("user:bob", false),
            ("user:alice:other.net", false),
        ] {
            let entity = Entity::parse(entity).expect("an entity");
            assert_eq!(agents.require_act_as(&entity).is_ok(), may, "{entity}");
        }
    }

    #[test]
    fn a_service_works_in_its_rooms() {
        let here = caller(&["*"], &[], Some(&["!here"]));
        here.require_room(&RoomId::trusted("!here"))
            .expect("its room");
        here.require_room(&RoomId::trusted("!there"))
            .expect_err("another room");
        here.require(Scope::Send).expect("its rooms bound it");
        for scope in [Scope::Api, Scope::City] {
            here.require(scope).expect_err("nothing would bound it");
        }
    }

    #[test]
    fn names_of_callers_without_a_token_are_no_names_of_services() {
        assert_eq!(service_name("billing.v2"), Ok("billing.v2".to_owned()));
        for name in ["shared", "visitors", "", "Billing", "a b", &"x".repeat(65)] {
            let refused = service_name(name).expect_err(name).to_string();
            assert!(refused.starts_with("name: "), "{refused}");
        }
    }

    #[test]
    fn wrong_rights_name_the_field() {
        let list = |it: &str| vec![it.to_owned()];
        for (scopes, act_as, rooms, field) in [
            (vec![], vec![], None, "scopes"),
            (list("gateway:everything"), vec![], None, "scopes"),
            (list("gate*"), vec![], None, "scopes"),
            (list("*"), list("everybody"), None, "act_as"),
            (list("*"), vec![], Some(list("#alias:here")), "rooms"),
        ] {
            let wrong = Rights::parse(&scopes, &act_as, rooms.as_deref());
            let wrong = wrong.expect_err("wrong rights").to_string();
            assert!(wrong.starts_with(&format!("{field}: ")), "{wrong}");
        }
    }
}
