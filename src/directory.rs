//! The directory: who and what exists, in memory, for questions that every event asks
//! ("whose room is this?", "which entity is that user?").
//!
//! A copy of rows that the store holds. The index consumer keeps the channels true, the
//! agents service the agents; everybody else reads. Locks are held for a look-up, never
//! across an await.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use crate::domain::channel::{Channel, ChannelKind, CityNaming};
use crate::domain::entity::{Entity, Naming};
use crate::domain::id::{ChannelId, RoomAlias, RoomId, UserId};
use crate::domain::member::Agent;

/// All channels and agents of the installation.
pub struct Directory {
    pub naming: Naming,
    pub city: CityNaming,
    channels: RwLock<Channels>,
    agents: RwLock<Agents>,
}

#[derive(Default)]
struct Channels {
    by_id: HashMap<ChannelId, Arc<Channel>>,
    by_room: HashMap<RoomId, ChannelId>,
}

#[derive(Default)]
struct Agents {
    by_name: HashMap<String, Agent>,
    by_user: HashMap<UserId, String>,
}

impl Directory {
    #[must_use]
    pub fn new(naming: Naming, city: CityNaming) -> Self {
        Self {
            naming,
            city,
            channels: RwLock::default(),
            agents: RwLock::default(),
        }
    }

    /// Adds a channel or replaces what is known of it.
    pub fn put_channel(&self, channel: Channel) {
        let mut channels = self
            .channels
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        channels.by_room.insert(channel.room.clone(), channel.id);
        channels.by_id.insert(channel.id, Arc::new(channel));
    }

    /// Forgets everything that is known of channels.
    pub fn forget_channels(&self) {
        *self
            .channels
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Channels::default();
    }

    #[must_use]
    pub fn channel(&self, id: ChannelId) -> Option<Arc<Channel>> {
        self.read_channels().by_id.get(&id).cloned()
    }

    /// The channel that a Matrix room backs.
    #[must_use]
    pub fn channel_of(&self, room: &RoomId) -> Option<Arc<Channel>> {
        let channels = self.read_channels();
        channels.by_id.get(channels.by_room.get(room)?).cloned()
    }

    /// A room by the id that it is known by here, whichever way it was written: ids have a server
    /// part or, since room version 12, none. Only our own server's is added or taken away.
    #[must_use]
    pub fn known_room(&self, room: RoomId) -> RoomId {
        let server = &self.naming.server_name;
        let other = match room.as_str().split_once(':') {
            Some((bare, named)) if named == server => bare.to_owned(),
            Some(_) => return room,
            None => format!("{room}:{server}"),
        };
        let other = RoomId::trusted(other);
        match self.channel_of(&room) {
            None if self.channel_of(&other).is_some() => other,
            _ => room,
        }
    }

    #[must_use]
    pub fn city_room(&self, slug: &str) -> Option<Arc<Channel>> {
        let found =
            |channel: &&Arc<Channel>| channel.kind == ChannelKind::City && channel.slug == slug;
        self.read_channels().by_id.values().find(found).cloned()
    }

    #[must_use]
    pub fn channel_by_alias(&self, alias: &RoomAlias) -> Option<Arc<Channel>> {
        let found = |channel: &&Arc<Channel>| channel.alias.as_ref() == Some(alias);
        self.read_channels().by_id.values().find(found).cloned()
    }

    /// All channels, the oldest first, equal times by id: an order that paging can rely on.
    #[must_use]
    pub fn channels(&self) -> Vec<Arc<Channel>> {
        let mut all: Vec<_> = self.read_channels().by_id.values().cloned().collect();
        all.sort_unstable_by_key(|channel| (channel.created_at, channel.id));
        all
    }

    /// Adds an agent or replaces what is known of it.
    pub fn put_agent(&self, agent: Agent) {
        let mut agents = self.agents.write().unwrap_or_else(PoisonError::into_inner);
        agents
            .by_user
            .insert(agent.user.clone(), agent.name.clone());
        if let Some(before) = agents.by_name.insert(agent.name.clone(), agent.clone())
            && before.user != agent.user
        {
            agents.by_user.remove(&before.user);
        }
    }

    #[must_use]
    pub fn agent(&self, name: &str) -> Option<Agent> {
        let agents = self.agents.read().unwrap_or_else(PoisonError::into_inner);
        agents.by_name.get(name).cloned()
    }

    /// The Matrix user that an entity acts as: an agent's own where it brought one.
    #[must_use]
    pub fn user_id(&self, entity: &Entity) -> UserId {
        if let Entity::Agent { name } = entity
            && let Some(agent) = self.agent(name)
        {
            return agent.user;
        }
        self.naming.user_id(entity)
    }

    /// The entity that a text names. One Matrix user is one entity: `user:agent_sofia` is the
    /// agent. `None` also when the Matrix user id would be too long.
    #[must_use]
    pub fn find_entity(&self, text: &str) -> Option<Entity> {
        let user = self.user_id(&Entity::parse(text)?);
        Some(self.entity(&UserId::parse(user.as_str())?))
    }

    /// The entity that a Matrix user is.
    #[must_use]
    pub fn entity(&self, user: &UserId) -> Entity {
        let agents = self.agents.read().unwrap_or_else(PoisonError::into_inner);
        match agents.by_user.get(user) {
            Some(name) => Entity::Agent { name: name.clone() },
            None => self.naming.entity(user),
        }
    }

    fn read_channels(&self) -> RwLockReadGuard<'_, Channels> {
        self.channels.read().unwrap_or_else(PoisonError::into_inner)
    }
}
