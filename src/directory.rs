//! The directory: who and what exists, in memory, for questions that every event asks
//! ("whose room is this?", "which entity is that user?").
//!
//! A copy of rows that the store holds. The index consumer keeps the channels true, the
//! agents service the agents; everybody else reads. Locks are held for a look-up, never
//! across an await.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use crate::domain::access::Levels;
use crate::domain::agent::Agent;
use crate::domain::channel::{Channel, ChannelKind, CityNaming};
use crate::domain::entity::{Entity, Naming};
use crate::domain::id::{ChannelId, RoomAlias, RoomId, UserId};
use crate::domain::microdao::Microdao;

/// All channels and agents of the installation.
pub struct Directory {
    pub naming: Naming,
    pub city: CityNaming,
    channels: RwLock<Channels>,
    agents: RwLock<Agents>,
    /// Those that were named, by id.
    microdaos: RwLock<BTreeMap<String, Arc<Microdao>>>,
}

#[derive(Default)]
struct Channels {
    by_id: HashMap<ChannelId, Arc<Channel>>,
    by_room: HashMap<RoomId, ChannelId>,
    levels: HashMap<ChannelId, Arc<Levels>>,
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
            microdaos: RwLock::default(),
        }
    }

    /// Adds a channel or replaces what is known of it.
    pub fn put_channel(&self, channel: Channel) {
        let mut channels = self
            .channels
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        for room in channel.rooms() {
            channels.by_room.insert(room.clone(), channel.id);
        }
        channels.by_id.insert(channel.id, Arc::new(channel));
    }

    /// Sets what a channel's room demands.
    pub fn put_levels(&self, id: ChannelId, levels: Levels) {
        let mut channels = self
            .channels
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        channels.levels.insert(id, Arc::new(levels));
    }

    /// Forgets what a channel's room demands.
    pub fn forget_levels(&self, id: ChannelId) {
        let mut channels = self
            .channels
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        channels.levels.remove(&id);
    }

    /// What a channel's room demands, where that is known.
    #[must_use]
    pub fn levels(&self, id: ChannelId) -> Option<Arc<Levels>> {
        self.read_channels().levels.get(&id).cloned()
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

    /// The channel that a Matrix room backs, or did before it was upgraded.
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

    /// Adds a microdao or replaces what is known of it.
    pub fn put_microdao(&self, microdao: Microdao) {
        let mut microdaos = self
            .microdaos
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        microdaos.insert(microdao.id.clone(), Arc::new(microdao));
    }

    /// A microdao that was named.
    #[must_use]
    pub fn microdao(&self, id: &str) -> Option<Arc<Microdao>> {
        self.read_microdaos().get(id).cloned()
    }

    /// All that were named, by id.
    #[must_use]
    pub fn microdaos(&self) -> Vec<Arc<Microdao>> {
        self.read_microdaos().values().cloned().collect()
    }

    /// Whether a Matrix room is the space of a microdao.
    #[must_use]
    pub fn is_microdao(&self, room: &RoomId) -> bool {
        self.read_microdaos().values().any(|it| it.room == *room)
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

    /// The agents at work that have a command of this name, by name.
    #[must_use]
    pub fn agents_with_command(&self, name: &str) -> Vec<Agent> {
        self.agents_where(|agent| agent.is_active() && agent.has_command(name))
    }

    /// The agents that fit, by name.
    #[must_use]
    pub fn agents_where(&self, fits: impl Fn(&Agent) -> bool) -> Vec<Agent> {
        let agents = self.agents.read().unwrap_or_else(PoisonError::into_inner);
        let fitting = agents.by_name.values().filter(|agent| fits(agent));
        let mut found: Vec<_> = fitting.cloned().collect();
        found.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        found
    }

    /// Whether a Matrix user is an agent of this installation.
    #[must_use]
    pub fn is_agent(&self, user: &UserId) -> bool {
        matches!(self.entity(user), Entity::Agent { .. })
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

    fn read_microdaos(&self) -> RwLockReadGuard<'_, BTreeMap<String, Arc<Microdao>>> {
        self.microdaos
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn read_channels(&self) -> RwLockReadGuard<'_, Channels> {
        self.channels.read().unwrap_or_else(PoisonError::into_inner)
    }
}
