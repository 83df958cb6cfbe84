//! How a city room comes to be: for a person, who owns it, or for a service.

use std::sync::Arc;

use super::{City, CityRoom};
use crate::domain::access::Caller;
use crate::domain::channel::{Channel, ChannelKind, Visibility};
use crate::domain::id::ChannelId;
use crate::domain::{Error, Result, slug, text};
use crate::store::Creation;

/// A city room to be made.
#[derive(Clone, Debug, Default)]
pub struct NewCityRoom {
    /// Made of the name when absent.
    pub slug: Option<String>,
    pub name: String,
    pub description: String,
    pub private: bool,
    pub is_default: Option<bool>,
}

impl City {
    /// Makes a city room for a person, who becomes its owner.
    pub async fn create(
        &self,
        caller: &Caller,
        new: NewCityRoom,
        id: ChannelId,
    ) -> Result<CityRoom> {
        caller.may_create_city_room(self.core.rules.city_creation)?;
        let created_by = Some(caller.entity.to_string());
        let channel = self.make(new, created_by, id).await?;
        self.describe(channel).await
    }

    /// Makes a city room for a service, without an owner.
    pub async fn make(
        &self,
        new: NewCityRoom,
        created_by: Option<String>,
        id: ChannelId,
    ) -> Result<Arc<Channel>> {
        // An earlier try of the same request has made it.
        if let Some(made) = self.core.directory.channel(id) {
            return Ok(made);
        }
        let creation = Creation {
            id,
            ..self.creation(new, created_by).await?
        };
        let before = self.defaults();
        let channel = self.creator.create(creation).await?;
        if channel.is_default
            && let Err(error) = self.unmake_default(before, channel.id).await
        {
            // The later one counts all the same.
            tracing::warn!(
                %error,
                channel_id = %channel.id,
                "another room still says that it is the default one"
            );
        }
        Ok(channel)
    }

    /// What has to be written down for a new city room.
    pub async fn creation(&self, new: NewCityRoom, created_by: Option<String>) -> Result<Creation> {
        let core = &self.core;
        let name = text::name("name", &new.name)?;
        let description = text::description(&new.description)?;
        let slug = match new.slug {
            Some(slug) => slug::check(&slug).map(|()| slug)?,
            None => slug::from_name(&name)?,
        };
        if core.directory.city_room(&slug).is_some() {
            return Err(Error::conflict(format!("city room {slug} exists already")));
        }
        let is_default = match new.is_default {
            Some(is_default) => is_default,
            None => self.is_first().await?,
        };
        Ok(Creation {
            id: ChannelId(core.clock.uuid()),
            kind: ChannelKind::City,
            alias: core.directory.city.alias(&slug)?,
            is_default,
            slug,
            name,
            description,
            microdao: core.rules.city_microdao.clone(),
            visibility: if new.private {
                Visibility::Private
            } else {
                Visibility::Public
            },
            confidential: false,
            created_by,
            begun_at: core.clock.now(),
        })
    }

    /// The city's first room is its default one, so that newcomers always find a way in.
    async fn is_first(&self) -> Result<bool> {
        let is_city = |channel: &Arc<Channel>| channel.kind == ChannelKind::City;
        if self.core.directory.channels().iter().any(is_city) {
            return Ok(false);
        }
        // A rebuild may not have come to the city's rooms yet; it finds them among those that the
        // connector is in.
        Ok(self.core.store.index.rebuilding().await?.is_none()
            || self.core.homeserver.joined_rooms().await?.is_empty())
    }
}
