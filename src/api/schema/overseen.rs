//! Channels and people as operators see them.

use poem_openapi::{Enum, Object};
use uuid::Uuid;

use super::{ChannelKind, ChannelStatus, Visibility};
use crate::api::time::Time;
use crate::domain::page::Page;
use crate::service::city::{CityRoomPatch, NewCityRoom};
use crate::service::heal::{ChannelReport, HealReport};
use crate::service::online::OnlinePerson as DomainOnlinePerson;
use crate::service::oversight::{self, Overseen};

/// Whether a Matrix room is to its channel what it should be.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
#[oai(rename_all = "snake_case")]
pub enum Adoption {
    /// All is as it should be.
    Adopted,
    /// The room's canonical alias has been taken away.
    AliasMissing,
    /// The room's canonical alias is another one.
    AliasDiffers,
}

/// A channel as operators see it.
#[derive(Object, Clone, Debug)]
pub struct AdminChannel {
    /// The channel's id.
    pub channel_id: Uuid,
    pub kind: ChannelKind,
    /// `a-z 0-9 - _`, 1 to 64.
    pub slug: String,
    /// The bare name.
    pub name: String,
    /// `microdao:<name>`.
    pub microdao_id: String,
    pub status: ChannelStatus,
    pub visibility: Visibility,
    /// End-to-end encrypted: nothing of its content is kept.
    pub confidential: bool,
    /// The room that newcomers are shown first. A city has one.
    pub is_default: bool,
    /// `!opaque`; room version 12 ids have no server part.
    pub matrix_room_id: String,
    /// The canonical alias that the Matrix room has; null when it has none.
    pub matrix_room_alias: Option<String>,
    /// The alias that it should have; null when none can be made of the slug.
    pub alias_expected: Option<String>,
    /// What the two say.
    pub adoption: Adoption,
    /// How many have joined, daarion's own user among them.
    pub members: u64,
    /// How many of them are online now, by Matrix presence or with a live stream open.
    pub members_online: u64,
    /// When something was last said; null when nothing ever was.
    pub last_event: Option<Time>,
    pub created_at: Time,
}

impl From<Overseen> for AdminChannel {
    fn from(overseen: Overseen) -> Self {
        let channel = &overseen.channel;
        Self {
            channel_id: channel.id.0,
            kind: channel.kind.into(),
            slug: channel.slug.clone(),
            name: channel.name.clone(),
            microdao_id: channel.microdao.clone(),
            status: channel.status.into(),
            visibility: channel.visibility.into(),
            confidential: channel.confidential,
            is_default: channel.is_default,
            matrix_room_id: channel.room.to_string(),
            matrix_room_alias: channel.alias.as_ref().map(ToString::to_string),
            alias_expected: overseen.alias_expected.map(|alias| alias.to_string()),
            adoption: match overseen.adoption {
                oversight::Adoption::Adopted => Adoption::Adopted,
                oversight::Adoption::AliasMissing => Adoption::AliasMissing,
                oversight::Adoption::AliasDiffers => Adoption::AliasDiffers,
            },
            members: overseen.members,
            members_online: overseen.members_online,
            last_event: overseen.last_event.map(Time),
            created_at: Time(channel.created_at),
        }
    }
}

/// A page of channels as operators see them.
#[derive(Object, Clone, Debug)]
pub struct AdminChannelPage {
    pub items: Vec<AdminChannel>,
    /// Give it as `cursor` for the next page; null at the end.
    pub next: Option<String>,
}

impl From<Page<Overseen>> for AdminChannelPage {
    fn from(page: Page<Overseen>) -> Self {
        Self {
            items: page.items.into_iter().map(Into::into).collect(),
            next: page.next,
        }
    }
}

/// What of a channel is to be changed. What is absent stays.
#[derive(Object, Clone, Debug)]
pub struct AdminChannelPatch {
    /// 1 to 128 characters on one line.
    pub name: Option<String>,
    /// At most 1,000 characters; empty clears it.
    pub description: Option<String>,
    /// `true` makes a city room the default one; `false` is refused for the room that is.
    pub is_default: Option<bool>,
}

impl From<AdminChannelPatch> for CityRoomPatch {
    fn from(patch: AdminChannelPatch) -> Self {
        Self {
            name: patch.name,
            description: patch.description,
            is_default: patch.is_default,
        }
    }
}

/// A city room to be made that belongs to nobody.
#[derive(Object, Clone, Debug)]
pub struct NewAdminRoom {
    /// 1 to 128 characters on one line.
    pub name: String,
    /// `a-z 0-9 - _`, 1 to 64; made of the name when absent.
    pub slug: Option<String>,
    /// At most 1,000 characters.
    #[oai(default)]
    pub description: String,
    /// Makes it the city's default room. The first room becomes that by itself.
    pub is_default: Option<bool>,
}

impl From<NewAdminRoom> for NewCityRoom {
    fn from(new: NewAdminRoom) -> Self {
        Self {
            slug: new.slug,
            name: new.name,
            description: new.description,
            private: false,
            is_default: new.is_default,
        }
    }
}

/// What a healing found in one channel.
#[derive(Object, Clone, Debug)]
pub struct ChannelHeal {
    pub channel_id: Uuid,
    pub slug: String,
    /// Events that the homeserver had and daarion had not.
    pub missing: u64,
    /// How many of them are there now.
    pub healed: u64,
    /// Why its history could not be walked to the end.
    #[oai(skip_serializing_if_is_none)]
    pub error: Option<String>,
}

impl From<ChannelReport> for ChannelHeal {
    fn from(report: ChannelReport) -> Self {
        Self {
            channel_id: report.channel.0,
            slug: report.slug,
            missing: report.missing,
            healed: report.healed,
            error: report.error.map(|error| error.to_string()),
        }
    }
}

/// What a healing found.
#[derive(Object, Clone, Debug)]
pub struct Heal {
    /// The sum over the channels.
    pub missing: u64,
    pub healed: u64,
    /// By slug.
    pub channels: Vec<ChannelHeal>,
}

impl From<HealReport> for Heal {
    fn from(report: HealReport) -> Self {
        Self {
            missing: report.missing(),
            healed: report.healed(),
            channels: report.channels.into_iter().map(Into::into).collect(),
        }
    }
}

/// Somebody who is online.
#[derive(Object, Clone, Debug)]
pub struct OnlinePerson {
    /// `user:<localpart>`, with `:<server>` for people from elsewhere.
    pub entity_id: String,
    /// `@localpart:server`.
    pub matrix_user_id: String,
    /// As one of the channels shows it; null when they have none.
    pub display_name: Option<String>,
    /// How many channels they have joined.
    pub channels: u64,
}

/// A page of people who are online.
#[derive(Object, Clone, Debug)]
pub struct OnlinePage {
    pub items: Vec<OnlinePerson>,
    /// Give it as `cursor` for the next page; null at the end.
    pub next: Option<String>,
}

impl From<Page<DomainOnlinePerson>> for OnlinePage {
    fn from(page: Page<DomainOnlinePerson>) -> Self {
        let items = page.items.into_iter().map(|person| OnlinePerson {
            entity_id: person.entity.to_string(),
            matrix_user_id: person.user.to_string(),
            display_name: person.display_name,
            channels: person.channels,
        });
        Self {
            items: items.collect(),
            next: page.next,
        }
    }
}
