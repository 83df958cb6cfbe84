//! Rooms as services read and set them.

use super::checks::{MAX_NAME, MAX_TOPIC, check_address, check_text};
use super::{Actor, Gateway, Place, Upstream};
use crate::acts;
use crate::domain::Result;
use crate::domain::id::{ChannelId, EventId, RoomId};
use crate::domain::service::{Scope, ServiceCaller};
use crate::homeserver::Setting;
use crate::homeserver::gateway::RoomDetails;

/// A room with what its state says.
#[derive(Clone, Debug)]
pub struct Room {
    pub room: RoomId,
    pub details: RoomDetails,
    /// The channel that the room is.
    pub channel: Option<ChannelId>,
}

impl Gateway {
    /// A room as its state shows it to the connector, who must be in it.
    pub async fn details(&self, caller: &ServiceCaller, room: &str) -> Result<Room> {
        caller.require(Scope::Read)?;
        let room = self.resolve(caller, room, Place::Path).await?;
        let admit = || self.upstream(caller);
        let look = async |upstream: Upstream<'_>| upstream.details(&room).await;
        let details = self.details.get(&room, admit, look).await?;
        let channel = self.core.directory.channel_of(&room);
        Ok(Room {
            channel: channel.map(|channel| channel.id),
            details,
            room,
        })
    }

    pub async fn set_room_name(
        &self,
        caller: &ServiceCaller,
        room: &str,
        name: String,
        actor: &Actor,
    ) -> Result<EventId> {
        caller.require(Scope::Rooms)?;
        check_text("name", &name, MAX_NAME)?;
        self.set(caller, room, Setting::Name(name), actor).await
    }

    pub async fn set_room_topic(
        &self,
        caller: &ServiceCaller,
        room: &str,
        topic: String,
        actor: &Actor,
    ) -> Result<EventId> {
        caller.require(Scope::Rooms)?;
        check_text("topic", &topic, MAX_TOPIC)?;
        self.set(caller, room, Setting::Topic(topic), actor).await
    }

    pub async fn set_room_avatar(
        &self,
        caller: &ServiceCaller,
        room: &str,
        url: &str,
        actor: &Actor,
    ) -> Result<EventId> {
        caller.require(Scope::Rooms)?;
        check_address("avatar_url", url)?;
        let room = self.resolve(caller, room, Place::Path).await?;
        let acting = self.acting(caller, actor)?;
        let upstream = self.upstream(caller).await?;
        let set = upstream.set_room_avatar(&room, url, acting.as_ref()).await;
        // Before it is pushed back to us, and when nobody knows what came of it.
        self.details.forget(&room);
        set
    }

    async fn set(
        &self,
        caller: &ServiceCaller,
        room: &str,
        setting: Setting,
        actor: &Actor,
    ) -> Result<EventId> {
        let room = self.resolve(caller, room, Place::Path).await?;
        let acting = self.acting(caller, actor)?;
        let upstream = self.upstream(caller).await?;
        let set = upstream.set(&room, &setting, acting.as_ref()).await;
        self.details.forget(&room);
        if let Ok(event) = &set {
            acts::did(event);
        }
        set
    }
}
