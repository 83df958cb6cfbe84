//! The city: rooms that everybody of the installation shares.

use std::sync::Arc;

use super::Core;
use super::creation::Creator;
use super::presence::Presence;
use crate::domain::access::{Caller, CityCreation};
use crate::domain::channel::{Channel, ChannelChange, ChannelKind, ChannelStatus, Visibility};
use crate::domain::event::What;
use crate::domain::id::{ChannelId, Millis, RoomAlias, UserId};
use crate::domain::{Error, Result, slug, text};
use crate::homeserver::{ChannelState, Setting};
use crate::store::Creation;

/// The power level from which a person may change what the connector alone may write.
const OWNER_POWER: i64 = 100;

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
    /// Who may create rooms.
    pub create: CityCreation,
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

/// What of a city room is to be changed; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct CityRoomPatch {
    pub name: Option<String>,
    pub description: Option<String>,
    pub is_default: Option<bool>,
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
            create: self.core.rules.city_creation,
        }
    }

    /// The city rooms that the caller may see, the default one first, then by name.
    pub async fn list(&self, caller: &Caller) -> Result<Vec<CityRoom>> {
        let activity = self.core.store.index.activity().await?;
        let online = self.presence.online().await?;
        let mut rooms = Vec::new();
        for channel in self.core.directory.channels() {
            if channel.kind != ChannelKind::City || !self.core.may_see(caller, &channel).await? {
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

    /// Makes a city room for a person, who becomes its owner.
    pub async fn create(&self, caller: &Caller, new: NewCityRoom) -> Result<CityRoom> {
        caller.may_create_city_room(self.core.rules.city_creation)?;
        let created_by = Some(caller.entity.to_string());
        let channel = self.make(new, created_by).await?;
        self.describe(channel).await
    }

    /// Makes a city room for a service, without an owner.
    pub async fn make(&self, new: NewCityRoom, created_by: Option<String>) -> Result<Arc<Channel>> {
        let creation = self.creation(new, created_by).await?;
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

    /// Changes a city room as the caller.
    pub async fn patch(
        &self,
        caller: &Caller,
        slug: &str,
        patch: CityRoomPatch,
    ) -> Result<CityRoom> {
        let channel = self.find(caller, slug).await?;
        let user = self.core.directory.user_id(&caller.entity);
        self.change(&channel, patch, Some(&user)).await?;
        self.get(caller, slug).await
    }

    /// Changes a city room, or of another channel name and description: as a person, so that
    /// Matrix decides and shows who did it, or as the connector, whose to write the rest is.
    pub async fn change(
        &self,
        channel: &Channel,
        patch: CityRoomPatch,
        as_user: Option<&UserId>,
    ) -> Result<()> {
        let name = patch
            .name
            .map(|name| text::name("name", &name))
            .transpose()?;
        let description = patch
            .description
            .map(|it| text::description(&it))
            .transpose()?;
        if patch.is_default.is_some() && channel.kind != ChannelKind::City {
            return Err(Error::invalid(
                "is_default",
                "only a city room can be the default one",
            ));
        }
        if patch.is_default == Some(false) && channel.is_default {
            return Err(Error::conflict(
                "the city has one default room; make another one the default instead",
            ));
        }
        let name = name.filter(|name| *name != channel.name);
        let description = description.filter(|text| *text != channel.description);
        let becomes_default = patch.is_default == Some(true) && !channel.is_default;
        let changes = name.is_some() || description.is_some() || becomes_default;
        if channel.status == ChannelStatus::Archived && changes {
            return Err(Error::conflict(
                "the room is archived; take it back into use to change it",
            ));
        }
        // Before anything is changed: a patch is not refused half-way.
        let makes_default =
            patch.is_default == Some(true) && self.may_make_default(channel, as_user).await?;
        if let Some(name) = name {
            let matrix_name = match channel.kind {
                ChannelKind::City => self.core.directory.city.matrix_name(&name),
                ChannelKind::Channel | ChannelKind::Gateway => name.clone(),
            };
            let change = ChannelChange::Name(name);
            self.set(channel, Setting::Name(matrix_name), change, as_user)
                .await?;
        }
        if let Some(text) = description {
            let setting = Setting::Topic(text.clone());
            let change = ChannelChange::Description(text);
            self.set(channel, setting, change, as_user).await?;
        }
        if makes_default {
            self.make_default(channel).await?;
        }
        Ok(())
    }

    /// Archives a city room or takes it back into use.
    pub async fn set_status(
        &self,
        caller: &Caller,
        slug: &str,
        status: ChannelStatus,
    ) -> Result<CityRoom> {
        let channel = self.find(caller, slug).await?;
        let user = self.core.directory.user_id(&caller.entity);
        self.require_owner(&channel, &user).await?;
        if channel.status != status {
            self.set_settings(&channel, status, channel.is_default)
                .await?;
        }
        self.get(caller, slug).await
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
        let missing = || Error::not_found(format!("no city room {slug}"));
        let channel = self.core.directory.city_room(slug).ok_or_else(missing)?;
        if self.core.may_see(caller, &channel).await? {
            return Ok(channel);
        }
        Err(missing())
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

    async fn require_owner(&self, channel: &Channel, user: &UserId) -> Result<()> {
        if self.core.homeserver.power(&channel.room, user).await? >= OWNER_POWER {
            return Ok(());
        }
        Err(Error::forbidden(
            "only an owner of the room (power level 100) may do this",
        ))
    }

    /// Whether the room is to be made the default one. Where it is that already, only what may
    /// be left to do is not theirs.
    async fn may_make_default(&self, channel: &Channel, as_user: Option<&UserId>) -> Result<bool> {
        let Some(user) = as_user else {
            return Ok(true);
        };
        match self.require_owner(channel, user).await {
            Err(Error::Forbidden(_)) if channel.is_default => Ok(false),
            other => other.map(|()| true),
        }
    }

    /// The new default is announced first: between the two steps there may be two that say
    /// so, and the later one counts. Asked again, it does what was left undone.
    async fn make_default(&self, channel: &Channel) -> Result<()> {
        let others = if channel.is_default {
            self.defaults_by_their_rooms().await?
        } else {
            let others = self.defaults();
            self.set_settings(channel, channel.status, true).await?;
            others
        };
        self.unmake_default(others, channel.id).await
    }

    async fn unmake_default(&self, others: Vec<Arc<Channel>>, default: ChannelId) -> Result<()> {
        for other in others.into_iter().filter(|other| other.id != default) {
            self.set_settings(&other, other.status, false).await?;
        }
        Ok(())
    }

    /// The city room that is the default one.
    fn defaults(&self) -> Vec<Arc<Channel>> {
        let mut rooms = self.core.directory.channels();
        rooms.retain(|channel| channel.kind == ChannelKind::City && channel.is_default);
        rooms
    }

    /// The city rooms whose Matrix state says that they are, of which only the last one is.
    async fn defaults_by_their_rooms(&self) -> Result<Vec<Arc<Channel>>> {
        let mut rooms = Vec::new();
        for channel in self.core.directory.channels() {
            if channel.kind != ChannelKind::City {
                continue;
            }
            let snapshot = self.core.homeserver.room(&channel.room).await?;
            let stored = snapshot.and_then(|snapshot| snapshot.channel);
            if stored.is_some_and(|stored| stored.state.is_default) {
                rooms.push(channel);
            }
        }
        Ok(rooms)
    }

    /// Writes what the connector alone may write of a channel, of a microdao's as well.
    pub async fn set_settings(
        &self,
        channel: &Channel,
        status: ChannelStatus,
        is_default: bool,
    ) -> Result<()> {
        let setting = Setting::Channel(ChannelState {
            id: channel.id,
            kind: channel.kind,
            slug: channel.slug.clone(),
            microdao: channel.microdao.clone(),
            visibility: channel.visibility,
            confidential: channel.confidential,
            status,
            is_default,
            created_by: channel.created_by.clone(),
            created_at: channel.created_at,
        });
        let change = ChannelChange::Settings { status, is_default };
        self.set(channel, setting, change, None).await
    }

    async fn set(
        &self,
        channel: &Channel,
        setting: Setting,
        change: ChannelChange,
        as_user: Option<&UserId>,
    ) -> Result<()> {
        let core = &self.core;
        let event = core
            .homeserver
            .set(&channel.room, &setting, as_user)
            .await?;
        let what = What::ChannelUpdated {
            change,
            by: as_user
                .cloned()
                .unwrap_or_else(|| core.directory.naming.connector()),
            at: core.clock.now(),
        };
        core.echo(channel.id, event, what).await
    }
}
