//! What is changed of a city room: by its people, so that Matrix decides, or by the connector.

use super::{City, CityRoom};
use crate::domain::access::Caller;
use crate::domain::channel::{Channel, ChannelChange, ChannelKind, ChannelStatus};
use crate::domain::event::What;
use crate::domain::id::UserId;
use crate::domain::{Error, Result, text};
use crate::homeserver::{ChannelState, Setting};

/// The power level from which a person may change what the connector alone may write.
const OWNER_POWER: i64 = 100;

/// What of a city room is to be changed; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct CityRoomPatch {
    pub name: Option<String>,
    pub description: Option<String>,
    pub is_default: Option<bool>,
}

impl City {
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

    pub(super) async fn require_owner(&self, channel: &Channel, user: &UserId) -> Result<()> {
        if self.core.homeserver.power(&channel.room, user).await? >= OWNER_POWER {
            return Ok(());
        }
        Err(Error::forbidden(
            "only an owner of the room (power level 100) may do this",
        ))
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
