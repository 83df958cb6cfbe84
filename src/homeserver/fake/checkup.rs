//! The fake homeserver's answers to the doctor. It pushes nothing by itself: a test hands on what
//! [`Fake::pushed`] gives.

use async_trait::async_trait;

use super::room::{Deed, Room};
use super::{Call, Fake};
use crate::domain::channel::Visibility;
use crate::domain::id::{EventId, RoomAlias, RoomId, UserId};
use crate::domain::{Error, Result};
use crate::homeserver::checkup::{Checkup, Introduction};

#[async_trait]
impl Checkup for Fake {
    async fn introduce(&self) -> Result<Introduction> {
        self.begin(Call::Introduce).map(drop)?;
        Ok(Introduction {
            software: Some("Fake/1".to_owned()),
            versions: vec!["v1.1".to_owned(), "v1.7".to_owned()],
            time: Some(self.clock.now()),
        })
    }

    async fn may_act_as(&self, user: &UserId) -> Result<bool> {
        self.begin(Call::MayActAs).map(drop)?;
        Ok(user.server() == self.directory.naming.server_name)
    }

    async fn default_room_version(&self) -> Result<String> {
        self.begin(Call::RoomVersion).map(drop)?;
        Ok("12".to_owned())
    }

    async fn canary_room(&self) -> Result<RoomId> {
        let mut world = self.begin(Call::CanaryRoom)?;
        let connector = self.connector();
        let alias = RoomAlias::new("canary", connector.server());
        let alias = alias.ok_or_else(|| Error::internal("the alias is too long"))?;
        if let Some(room) = world.aliases.get(&alias) {
            return Ok(room.clone());
        }
        let (id, now) = (world.new_room_id(), self.clock.now());
        let mut room = Room::new(&connector, Visibility::Private, now);
        world.record_into(&mut room, Deed::Created, &connector, now);
        world.rooms.insert(id.clone(), room);
        world.aliases.insert(alias, id.clone());
        Ok(id)
    }

    async fn release_canary(&self, room: &RoomId) -> Result<EventId> {
        let (connector, now) = (self.connector(), self.clock.now());
        let mut world = self.begin(Call::Canary)?;
        world.record(room, Deed::Canary, &connector, now)
    }

    async fn set_typing(&self, room: &RoomId, _is_typing: bool) -> Result<()> {
        self.begin(Call::Typing)?.room(room).map(drop)
    }

    async fn set_online(&self, is_online: bool) -> Result<()> {
        let connector = self.connector();
        let mut world = self.begin(Call::SetOnline)?;
        world.users.entry(connector).or_default().is_online = is_online;
        Ok(())
    }

    async fn set_listed(&self, room: &RoomId, _is_listed: bool) -> Result<()> {
        self.begin(Call::List)?.room(room).map(drop)
    }
}
