//! What is changed of a city room: what is changed of any channel, and which one is the default.

use super::{City, CityRoom};
use crate::domain::access::{Caller, Right};
use crate::domain::channel::{Channel, ChannelKind, ChannelStatus};
use crate::domain::{Error, Result};
use crate::service::change::{ChannelPatch, require_changeable};

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
        self.change(&channel, patch, Some(caller)).await?;
        self.get(caller, slug).await
    }

    /// Changes a city room, or of another channel name and description: as a person, so that
    /// Matrix decides and shows who did it, or as the connector, whose to write the rest is.
    pub async fn change(
        &self,
        channel: &Channel,
        patch: CityRoomPatch,
        caller: Option<&Caller>,
    ) -> Result<()> {
        let changes = ChannelPatch {
            name: patch.name,
            description: patch.description,
            visibility: None,
        };
        let changes = changes.against(channel)?;
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
        let becomes_default = patch.is_default == Some(true) && !channel.is_default;
        if !changes.is_empty() || becomes_default {
            require_changeable(channel)?;
        }
        if let Some(caller) = caller {
            self.core.require_changes(caller, channel, &changes).await?;
        }
        let makes_default =
            patch.is_default == Some(true) && self.may_make_default(channel, caller).await?;
        if let Some(caller) = caller {
            self.core.count_change(caller, channel)?;
        }
        let as_user = caller.map(|caller| self.core.directory.user_id(&caller.entity));
        self.core.change(channel, changes, as_user.as_ref()).await?;
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
        self.core.require(Right::Archive, caller, &channel).await?;
        self.core.count_change(caller, &channel)?;
        if channel.status != status {
            self.core.set_status(&channel, status).await?;
        }
        self.get(caller, slug).await
    }
}
