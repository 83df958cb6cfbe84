//! City rooms.

use poem_openapi::Object;
use uuid::Uuid;

use super::{AgentCreation, ChannelStatus, CityCreation, Visibility};
use crate::api::time::Time;
use crate::service::city::CityRoom as DomainCityRoom;

/// The city, as everybody may know it.
#[derive(Object, Clone, Debug)]
pub struct City {
    /// As members read it (`city.name`).
    pub name: String,
    /// The homeserver's name, the part after the colon of its user ids.
    pub server_name: String,
    /// What the aliases of city rooms begin with, before the slug (`city.room_prefix`).
    pub room_prefix: String,
    /// Who may create city rooms.
    pub create: CityCreation,
    /// Who may register agents of their own (`agents.create`), as many as `agents.per_person` lets
    /// one person have.
    pub create_agents: AgentCreation,
}

/// A room of the city.
#[derive(Object, Clone, Debug)]
pub struct CityRoom {
    /// `room_city_<slug>`.
    #[oai(validator(pattern = "^room_city_"))]
    pub id: String,
    /// The room's name in addresses: `a-z 0-9 - _`, 1 to 64.
    pub slug: String,
    /// The bare name, without the city's part that Matrix clients show.
    pub name: String,
    /// May be empty.
    pub description: String,
    /// The room that newcomers are shown first. A city has one.
    pub is_default: bool,
    /// Members of the room who are online now, by Matrix presence or with a live stream open.
    pub members_online: u64,
    /// When something was last said; null when nothing ever was.
    pub last_event: Option<Time>,
    /// `!opaque`; room version 12 ids have no server part.
    pub matrix_room_id: String,
    /// The Matrix rooms that it had before its room was upgraded, the oldest first. Empty for most.
    pub former_matrix_room_ids: Vec<String>,
    /// `#city_<slug>:<server>`, whichever alias people made the canonical one; null when somebody
    /// has taken the canonical alias away in Matrix.
    pub matrix_room_alias: Option<String>,
    /// The channel that the room is, for the messaging operations.
    pub channel_id: Uuid,
    /// Whether the room is in use.
    pub status: ChannelStatus,
    /// Who may come in.
    pub visibility: Visibility,
    /// The entity that made it; null when a service or a backfill did.
    pub created_by: Option<String>,
    /// When it was made.
    pub created_at: Time,
}

impl From<DomainCityRoom> for CityRoom {
    fn from(room: DomainCityRoom) -> Self {
        let channel = &room.channel;
        Self {
            id: channel.city_id(),
            slug: channel.slug.clone(),
            name: channel.name.clone(),
            description: channel.description.clone(),
            is_default: channel.is_default,
            members_online: room.members_online,
            last_event: room.last_event.map(Time),
            matrix_room_id: channel.room.to_string(),
            former_matrix_room_ids: channel.former.iter().map(ToString::to_string).collect(),
            matrix_room_alias: room.alias.as_ref().map(ToString::to_string),
            channel_id: channel.id.0,
            status: channel.status.into(),
            visibility: channel.visibility.into(),
            created_by: channel.created_by.clone(),
            created_at: Time(channel.created_at),
        }
    }
}

/// A city room to be made.
#[derive(Object, Clone, Debug)]
pub struct NewCityRoom {
    /// 1 to 128 characters on one line.
    pub name: String,
    /// `a-z 0-9 - _`, 1 to 64; made of the name when absent, Ukrainian transliterated by the
    /// national standard.
    pub slug: Option<String>,
    /// At most 1,000 characters.
    #[oai(default)]
    pub description: String,
    /// `public` when absent.
    pub visibility: Option<Visibility>,
    /// Makes it the city's default room. The first room becomes that by itself.
    pub is_default: Option<bool>,
}

/// What of a city room is to be changed. What is absent stays.
#[derive(Object, Clone, Debug)]
pub struct CityRoomPatch {
    /// 1 to 128 characters on one line.
    pub name: Option<String>,
    /// At most 1,000 characters; empty clears it.
    pub description: Option<String>,
    /// `true` makes it the default room; `false` is refused for the room that is.
    pub is_default: Option<bool>,
}
