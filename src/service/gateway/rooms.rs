//! Rooms of services: made as channels of kind `gateway`, read, named.

use std::sync::PoisonError;

use serde_json::{Map, Value};

use super::channels::slug;
use super::{Actor, Gateway, Place};
use crate::domain::channel::{Channel, ChannelKind, ChannelStatus, STATE_TYPE, Visibility};
use crate::domain::event::Source;
use crate::domain::id::{ChannelId, EventId, RoomAlias, RoomId, SendKey};
use crate::domain::service::{Scope, ServiceCaller};
use crate::domain::{Error, Result, canonical};
use crate::homeserver::gateway::{InitialState, NewMatrixRoom, Preset, RoomDetails};
use crate::homeserver::{ChannelState, Setting};

/// The longest name of a Matrix room, in characters, and the longest topic.
const MAX_NAME: usize = 255;
const MAX_TOPIC: usize = 10_000;
/// The longest type and state key of an event, in bytes (client-server API, "Size limits").
const MAX_KEY: usize = 255;
/// The most state events of one request, and the bytes of one.
const MAX_STATE: usize = 100;
const MAX_CONTENT: u64 = 62_000;
/// The longest `mxc://` address.
const MAX_ADDRESS: usize = 1_000;

/// Why a room that was to be listed is not.
const NOT_LISTED: &str = "the homeserver does not list the room in its directory: it allows that \
     to nobody unless its configuration says so, in homeserver.yaml: room_list_publication_rules: ";

/// A room to be made; what is `None` is left to the homeserver.
#[derive(Clone, Debug)]
pub struct NewRoom {
    pub name: Option<String>,
    pub topic: Option<String>,
    pub visibility: Option<Visibility>,
    pub alias_name: Option<String>,
    pub preset: Option<Preset>,
    pub initial_state: Vec<InitialState>,
    pub levels: Map<String, Value>,
    pub creation: Map<String, Value>,
    pub room_version: Option<String>,
    /// The caller's own name of this creation: what is asked for again with it is made once.
    pub key: Option<SendKey>,
}

/// A room that was made.
#[derive(Clone, Debug)]
pub struct Created {
    pub room: RoomId,
    pub alias: Option<RoomAlias>,
    pub channel: ChannelId,
    /// What was not done as asked, for people.
    pub warnings: Vec<String>,
}

/// A room with what its state says.
#[derive(Clone, Debug)]
pub struct Room {
    pub room: RoomId,
    pub details: RoomDetails,
    /// The channel that the room is.
    pub channel: Option<ChannelId>,
}

impl Gateway {
    /// Makes a room, which is a channel of kind `gateway`. It may be cut off anywhere: a room that
    /// was made says what it is, and is taken up when the homeserver tells of it.
    pub async fn create_room(&self, caller: &ServiceCaller, new: NewRoom) -> Result<Created> {
        caller.require(Scope::Rooms)?;
        if caller.rights.rooms.is_some() {
            return Err(Error::forbidden(format!(
                "the service {} may work in certain rooms only, and so makes no new ones",
                caller.name
            )));
        }
        check(&new)?;
        let alias = new
            .alias_name
            .as_deref()
            .map(|it| self.alias(it))
            .transpose()?;
        let id = match &new.key {
            Some(key) => key.channel_of(&caller.name),
            None => ChannelId(self.core.clock.uuid()),
        };
        let _making = self.begin_making(id)?;
        if let Some(made) = self.core.directory.channel(id) {
            return Ok(Created::again(&made));
        }
        let upstream = self.upstream(caller).await?;
        let room = self.matrix_room(new, id, alias.clone());
        let made = upstream.create_matrix_room(&room).await?;
        let mut warnings = Vec::new();
        if room.listing == Visibility::Public && !upstream.is_listed(&made).await.unwrap_or(true) {
            let connector = self.core.directory.naming.connector();
            warnings.push(format!(
                "{NOT_LISTED}[{{user_id: \"{connector}\", action: allow}}]"
            ));
        }
        // It is there: whoever asked for it is told so.
        if let Err(error) = self.core.adopt(&made, Source::Echo).await {
            tracing::warn!(%error, room_id = %made, "a service's new room is not taken up yet");
        }
        Ok(Created {
            room: made,
            alias,
            channel: id,
            warnings,
        })
    }

    /// A room as its state shows it to the connector, who must be in it.
    pub async fn details(&self, caller: &ServiceCaller, room: &str) -> Result<Room> {
        caller.require(Scope::Read)?;
        let room = self.resolve(caller, room, Place::Path).await?;
        let look = async { self.upstream(caller).await?.details(&room).await };
        let details = self.details.get(&room, look).await?;
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
        set
    }

    fn alias(&self, localpart: &str) -> Result<RoomAlias> {
        let server = &self.core.directory.naming.server_name;
        let alias = match localpart.contains(':') {
            true => None,
            false => RoomAlias::new(localpart, server),
        };
        alias.ok_or_else(|| {
            let message = "must be what stands between \"#\" and \":\" of an alias, at most 255 \
                 bytes with these and the server";
            Error::invalid("room_alias_name", message)
        })
    }

    fn matrix_room(&self, new: NewRoom, id: ChannelId, alias: Option<RoomAlias>) -> NewMatrixRoom {
        let listing = new.visibility.unwrap_or(Visibility::Private);
        let preset = new.preset.unwrap_or(match listing {
            Visibility::Public => Preset::PublicChat,
            Visibility::Private => Preset::PrivateChat,
        });
        let says = |kind: &str| new.initial_state.iter().any(|state| state.kind == kind);
        let channel = ChannelState {
            id,
            kind: ChannelKind::Gateway,
            slug: slug(id),
            microdao: self.core.rules.city_microdao.clone(),
            visibility: match preset {
                Preset::PublicChat => Visibility::Public,
                _ => Visibility::Private,
            },
            confidential: says("m.room.encryption"),
            status: ChannelStatus::Active,
            is_default: false,
            created_by: None,
            created_at: self.core.clock.now(),
        };
        NewMatrixRoom {
            alias,
            name: new.name,
            topic: new.topic,
            listing,
            preset,
            initial_state: new.initial_state,
            levels: new.levels,
            creation: new.creation,
            room_version: new.room_version,
            channel,
        }
    }

    fn begin_making(&self, id: ChannelId) -> Result<Making<'_>> {
        let mut making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        if !making.insert(id) {
            let message = "a room is being made with this Idempotency-Key";
            return Err(Error::conflict(message));
        }
        Ok(Making { gateway: self, id })
    }
}

/// Takes a room off those that are being made, however that ends.
struct Making<'a> {
    gateway: &'a Gateway,
    id: ChannelId,
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        let making = self.gateway.making.lock();
        making
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.id);
    }
}

impl Created {
    fn again(channel: &Channel) -> Self {
        Self {
            room: channel.room.clone(),
            alias: channel.alias.clone(),
            channel: channel.id,
            warnings: Vec::new(),
        }
    }
}

fn check(new: &NewRoom) -> Result<()> {
    if let Some(name) = &new.name {
        check_text("name", name, MAX_NAME)?;
    }
    if let Some(topic) = &new.topic {
        check_text("topic", topic, MAX_TOPIC)?;
    }
    let version = new.room_version.as_deref().unwrap_or("12");
    if version.is_empty() || version.len() > 32 || !version.bytes().all(|it| it.is_ascii_graphic())
    {
        return Err(Error::invalid("room_version", "is no room version"));
    }
    check_content("power_level_content_override", &new.levels)?;
    check_content("creation_content", &new.creation)?;
    let wrong = |message: &str| Error::invalid("initial_state", message);
    if new.initial_state.len() > MAX_STATE {
        return Err(wrong("must have at most 100 events"));
    }
    for state in &new.initial_state {
        if state.kind.is_empty() || state.kind.len() > MAX_KEY || state.key.len() > MAX_KEY {
            return Err(wrong(
                "type and state_key have at most 255 bytes, and a type has one",
            ));
        }
        if state.kind == STATE_TYPE {
            return Err(wrong("city.daarion.channel is the connector's to set"));
        }
        if state.kind.contains('\0') || state.key.contains('\0') {
            return Err(wrong("type and state_key must not hold NUL"));
        }
        check_content("initial_state", &state.content)?;
    }
    Ok(())
}

/// Checks what goes into an event as it is.
pub(super) fn check_content(field: &'static str, content: &Map<String, Value>) -> Result<()> {
    canonical::check(field, content)?;
    let size = serde_json::to_vec(content).map_or(0, |json| json.len() as u64);
    if size > MAX_CONTENT {
        return Err(Error::TooLarge { limit: MAX_CONTENT });
    }
    Ok(())
}

pub(super) fn check_text(field: &'static str, text: &str, limit: usize) -> Result<()> {
    if text.chars().count() > limit {
        let message = format!("must have at most {limit} characters");
        return Err(Error::invalid(field, message));
    }
    if text.contains('\0') {
        return Err(Error::invalid(field, "must not hold NUL"));
    }
    Ok(())
}

/// Checks the address of a picture; an empty one takes it away.
pub(super) fn check_address(field: &'static str, url: &str) -> Result<()> {
    if url.is_empty() || is_mxc(url) {
        return Ok(());
    }
    Err(Error::invalid(field, "must be mxc://server/id"))
}

/// Whether an address is of the homeserver's media.
pub(super) fn is_mxc(url: &str) -> bool {
    let parts = url
        .strip_prefix("mxc://")
        .and_then(|rest| rest.split_once('/'));
    url.len() <= MAX_ADDRESS
        && parts.is_some_and(|(server, id)| {
            crate::domain::id::is_server_name(server)
                && !id.is_empty()
                && id
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"_-.~".contains(&byte))
        })
}
