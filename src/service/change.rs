//! What is changed of a channel: by its people, so that Matrix decides, or by the connector.
//!
//! Name, description and who may come in are set as whoever asks for it, whose power in the room
//! decides; Matrix shows who did it. What the room's channel state says is the connector's to write,
//! for owners.

use tokio::sync::Mutex;

use super::Core;
use crate::acts;
use crate::domain::access::{Caller, Right};
use crate::domain::channel::{Channel, ChannelChange, ChannelKind, ChannelStatus, Visibility};
use crate::domain::entity::Entity;
use crate::domain::event::What;
use crate::domain::id::UserId;
use crate::domain::{Error, Result, text};
use crate::homeserver::{ChannelState, Setting};

/// How many channels' settings are written at once.
const TURNS: usize = 16;

/// Whoever writes a channel's settings writes all of them, and takes turns for it.
#[derive(Default)]
pub struct SettingTurns([Mutex<()>; TURNS]);

/// What of a channel is to be changed; `None` leaves it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ChannelPatch {
    pub name: Option<String>,
    pub description: Option<String>,
    pub visibility: Option<Visibility>,
}

impl ChannelPatch {
    /// Checks what is to be set, and leaves out what is so already.
    pub fn against(self, channel: &Channel) -> Result<Self> {
        let name = self.name.map(|name| text::name("name", &name));
        let description = self.description.map(|it| text::description(&it));
        let name = name.transpose()?.filter(|name| *name != channel.name);
        let description = description.transpose()?;
        let visibility = self.visibility.filter(|it| *it != channel.visibility);
        if channel.is_default && visibility == Some(Visibility::Private) {
            return Err(Error::conflict(
                "the city's default room is open to everybody; make another one the default first",
            ));
        }
        Ok(Self {
            name,
            description: description.filter(|text| *text != channel.description),
            visibility,
        })
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Refuses to change what is closed for writing.
pub fn require_changeable(channel: &Channel) -> Result<()> {
    if channel.status == ChannelStatus::Active {
        return Ok(());
    }
    let noun = match channel.kind {
        ChannelKind::City => "room",
        ChannelKind::Channel | ChannelKind::Gateway => "channel",
    };
    Err(Error::conflict(format!(
        "the {noun} is archived; take it back into use to change it"
    )))
}

impl Core {
    /// Sets what a patch that was held [against](ChannelPatch::against) the channel is left with: as
    /// a person, or as the connector.
    pub async fn change(
        &self,
        channel: &Channel,
        patch: ChannelPatch,
        as_user: Option<&UserId>,
    ) -> Result<()> {
        if let Some(name) = patch.name {
            let matrix_name = match channel.kind {
                ChannelKind::City => self.directory.city.matrix_name(&name),
                ChannelKind::Channel | ChannelKind::Gateway => name.clone(),
            };
            let change = ChannelChange::Name(name);
            self.set(channel, Setting::Name(matrix_name), change, as_user)
                .await?;
        }
        if let Some(text) = patch.description {
            let setting = Setting::Topic(text.clone());
            let change = ChannelChange::Description(text);
            self.set(channel, setting, change, as_user).await?;
        }
        if let Some(visibility) = patch.visibility {
            let setting = Setting::Visibility(visibility);
            let change = ChannelChange::Visibility(visibility);
            self.set(channel, setting, change, as_user).await?;
        }
        Ok(())
    }

    /// Refuses what of a patch the caller may not change. Asked before anything is changed: a patch is
    /// not refused half-way.
    pub async fn require_changes(
        &self,
        caller: &Caller,
        channel: &Channel,
        patch: &ChannelPatch,
    ) -> Result<()> {
        let rights = [
            (patch.name.is_some(), Right::Rename),
            (patch.description.is_some(), Right::Describe),
            (patch.visibility.is_some(), Right::SetVisibility),
        ];
        for (_, right) in rights.into_iter().filter(|(is_meant, _)| *is_meant) {
            self.require(right, caller, channel).await?;
        }
        Ok(())
    }

    /// Closes a channel for writing, or opens it. The connector alone may write that, in a microdao's
    /// channels as well.
    pub async fn set_status(&self, channel: &Channel, status: ChannelStatus) -> Result<()> {
        self.write_settings(channel, |it| it.status = status).await
    }

    /// Says of a city room whether it is the default one.
    pub async fn set_default(&self, channel: &Channel, is_default: bool) -> Result<()> {
        self.write_settings(channel, |it| it.is_default = is_default)
            .await
    }

    /// Writes a channel's settings anew, with the change of one of them: the others as they are by
    /// then, whoever else is at it.
    pub(crate) async fn write_settings(
        &self,
        channel: &Channel,
        change: impl FnOnce(&mut Channel),
    ) -> Result<()> {
        let turn = usize::from(channel.id.as_bytes()[0]) % TURNS;
        let _turn = self.setting_turns.0[turn].lock().await;
        // One that was just made may not be known yet.
        let known = self.directory.channel(channel.id);
        let mut channel = Channel::clone(known.as_deref().unwrap_or(channel));
        change(&mut channel);
        let changed_by = asking();
        let setting = Setting::Channel(ChannelState {
            changed_by: changed_by.clone(),
            ..state_of(&channel)
        });
        let change = ChannelChange::Settings {
            status: channel.status,
            is_default: channel.is_default,
            slow_mode_seconds: channel.slow_mode_seconds,
            changed_by,
        };
        self.set(&channel, setting, change, None).await
    }

    /// Sets something of a channel's room, and takes in that it is so.
    pub(crate) async fn set(
        &self,
        channel: &Channel,
        setting: Setting,
        change: ChannelChange,
        as_user: Option<&UserId>,
    ) -> Result<()> {
        let set = self.homeserver.set(&channel.room, &setting, as_user);
        let event = set.await?;
        let connector = || self.directory.naming.connector();
        let what = What::ChannelUpdated {
            change,
            by: as_user.cloned().unwrap_or_else(connector),
            at: self.clock.now(),
        };
        self.echo(channel.id, event, what).await
    }
}

/// Who has the connector do something, when members of the room may know of them: a person or an
/// agent. So it is known whatever becomes of the homeserver's answer.
fn asking() -> Option<String> {
    let actor = acts::origin().and_then(|origin| origin.actor);
    actor.filter(|actor| Entity::parse(actor).is_some())
}

/// What the room of a channel is to say of it.
#[must_use]
pub fn state_of(channel: &Channel) -> ChannelState {
    ChannelState {
        id: channel.id,
        kind: channel.kind,
        slug: channel.slug.clone(),
        microdao: channel.microdao.clone(),
        visibility: channel.visibility,
        confidential: channel.confidential,
        status: channel.status,
        is_default: channel.is_default,
        slow_mode_seconds: channel.slow_mode_seconds,
        created_by: channel.created_by.clone(),
        created_at: channel.created_at,
        changed_by: None,
    }
}
