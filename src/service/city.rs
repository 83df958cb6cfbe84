//! The city: rooms that everybody of the installation shares.
//!
//! Here is what may be known of them. `creation` makes one, `change` changes one, and `default_room`
//! sees to it that one of them is the default one.

mod change;
mod creation;
mod default_room;

use std::sync::Arc;

pub use self::change::CityRoomPatch;
pub use self::creation::NewCityRoom;
use super::Core;
use super::creation::Creator;
use super::presence::Presence;
use crate::domain::access::{Caller, CityCreation};
use crate::domain::agent::AgentCreation;
use crate::domain::channel::{Channel, ChannelKind};
use crate::domain::id::{Millis, RoomAlias};
use crate::domain::{Error, Result};

/// The city's rooms.
pub struct City {
    core: Arc<Core>,
    creator: Arc<Creator>,
    presence: Arc<Presence>,
}

/// What everybody may know of the city.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    pub name: &'a str,
    pub server_name: &'a str,
    /// What the aliases of city rooms begin with.
    pub room_prefix: &'a str,
    /// Who may create rooms.
    pub create: CityCreation,
    /// Who may register agents of their own.
    pub create_agents: AgentCreation,
}

/// A city room with what is counted and not stored.
#[derive(Clone, Debug)]
pub struct CityRoom {
    pub channel: Arc<Channel>,
    /// The alias that anchors the room, whichever of its aliases people made the canonical one;
    /// `None` when it has no canonical alias any more.
    pub alias: Option<RoomAlias>,
    /// Members of the room who are online now.
    pub members_online: u64,
    /// When something was last said.
    pub last_event: Option<Millis>,
}

impl City {
    #[must_use]
    pub fn new(core: Arc<Core>, creator: Arc<Creator>, presence: Arc<Presence>) -> Self {
        Self {
            core,
            creator,
            presence,
        }
    }

    /// The city itself.
    #[must_use]
    pub fn about(&self) -> About<'_> {
        let city = &self.core.directory.city;
        About {
            name: &city.city,
            server_name: &city.server_name,
            room_prefix: &city.room_prefix,
            create: self.core.rules.city_creation,
            create_agents: self.core.rules.agents.creation,
        }
    }

    /// The city rooms that the caller may see, the default one first, then by name.
    pub async fn list(&self, caller: &Caller) -> Result<Vec<CityRoom>> {
        let activity = self.core.store.index.activity().await?;
        let online = self.presence.online().await?;
        let mut rooms = Vec::new();
        for channel in self.core.directory.channels() {
            if channel.kind != ChannelKind::City || self.core.is_unsure_of(&channel, false) {
                continue;
            }
            if !self.core.may_see(caller, &channel).await? {
                continue;
            }
            rooms.push(CityRoom {
                alias: self.alias(&channel),
                members_online: online.get(&channel.id).copied().unwrap_or(0),
                last_event: activity.get(&channel.id).copied(),
                channel,
            });
        }
        rooms.sort_by(|a, b| {
            let key =
                |room: &CityRoom| (!room.channel.is_default, room.channel.name.to_lowercase());
            key(a).cmp(&key(b))
        });
        Ok(rooms)
    }

    /// One city room.
    pub async fn get(&self, caller: &Caller, slug: &str) -> Result<CityRoom> {
        let channel = self.find(caller, slug).await?;
        self.describe(channel).await
    }

    /// The room that backs an alias on the homeserver, a channel or not.
    pub async fn find_by_alias(
        &self,
        alias: &str,
    ) -> Result<(crate::domain::id::RoomId, RoomAlias)> {
        let alias = RoomAlias::parse(alias)
            .ok_or_else(|| Error::invalid("alias", "must be #localpart:server"))?;
        let room = self.core.homeserver.resolve_alias(&alias).await?;
        let room =
            room.ok_or_else(|| Error::not_found(format!("no room has the alias {alias}")))?;
        Ok((room, alias))
    }

    async fn find(&self, caller: &Caller, slug: &str) -> Result<Arc<Channel>> {
        if let Some(channel) = self.core.directory.city_room(slug)
            && self.core.may_see(caller, &channel).await?
        {
            return Ok(channel);
        }
        self.core.require_replayed()?;
        Err(Error::not_found(format!("no city room {slug}")))
    }

    async fn describe(&self, channel: Arc<Channel>) -> Result<CityRoom> {
        let activity = self.core.store.index.activity().await?;
        Ok(CityRoom {
            alias: self.alias(&channel),
            members_online: self
                .presence
                .online()
                .await?
                .remove(&channel.id)
                .unwrap_or(0),
            last_event: activity.get(&channel.id).copied(),
            channel,
        })
    }

    fn alias(&self, channel: &Channel) -> Option<RoomAlias> {
        channel.alias.as_ref()?;
        self.core.directory.city.alias(&channel.slug).ok()
    }
}
