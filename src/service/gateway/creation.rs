//! The making of rooms by services, as channels of kind `gateway`.

mod keyed;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::channels::slug;
use super::checks::{MAX_NAME, MAX_TOPIC, check_content, check_text};
use super::{Gateway, Upstream};
use crate::domain::channel::{ChannelKind, ChannelStatus, STATE_TYPE, Visibility};
use crate::domain::event::Source;
use crate::domain::id::{ChannelId, RoomAlias, RoomId, SendKey};
use crate::domain::service::{Scope, ServiceCaller};
use crate::domain::{Error, Result};
use crate::homeserver::ChannelState;
use crate::homeserver::gateway::{InitialState, NewMatrixRoom, Preset};

/// The longest type and state key of an event, in bytes (client-server API, "Size limits").
const MAX_KEY: usize = 255;
/// The most state events of one request.
const MAX_STATE: usize = 100;

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

/// A room that was made. It is kept by its key, so fields are only ever added, with a default.
#[derive(Clone, Serialize, Deserialize, Debug)]
pub struct Created {
    pub room: RoomId,
    pub alias: Option<RoomAlias>,
    pub channel: ChannelId,
    /// What was not done as asked, for people.
    pub warnings: Vec<String>,
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
        self.new_alias(&new)?;
        if let Some(key) = new.key.clone() {
            return self.make_once(caller, &key, new).await;
        }
        let upstream = self.upstream(caller).await?;
        let id = ChannelId(self.core.clock.uuid());
        self.make(&upstream, new, id).await
    }

    async fn make(&self, upstream: &Upstream<'_>, new: NewRoom, id: ChannelId) -> Result<Created> {
        let alias = self.new_alias(&new)?;
        let room = self.matrix_room(&new, id, alias.clone());
        let made = upstream.create_matrix_room(&room).await?;
        let warnings = self.warnings(upstream, &new, &made).await;
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

    /// What of a new room is not as it was asked for.
    async fn warnings(&self, upstream: &Upstream<'_>, new: &NewRoom, made: &RoomId) -> Vec<String> {
        let is_public = new.visibility == Some(Visibility::Public);
        if !is_public || upstream.is_listed(made).await.unwrap_or(true) {
            return Vec::new();
        }
        let connector = self.core.directory.naming.connector();
        vec![format!(
            "{NOT_LISTED}[{{user_id: \"{connector}\", action: allow}}]"
        )]
    }

    fn new_alias(&self, new: &NewRoom) -> Result<Option<RoomAlias>> {
        let localpart = new.alias_name.as_deref();
        localpart.map(|localpart| self.alias(localpart)).transpose()
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

    fn matrix_room(&self, new: &NewRoom, id: ChannelId, alias: Option<RoomAlias>) -> NewMatrixRoom {
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
            slow_mode_seconds: 0,
            created_by: None,
            created_at: self.core.clock.now(),
            changed_by: None,
        };
        NewMatrixRoom {
            alias,
            name: new.name.clone(),
            topic: new.topic.clone(),
            listing,
            preset,
            initial_state: new.initial_state.clone(),
            levels: new.levels.clone(),
            creation: new.creation.clone(),
            room_version: new.room_version.clone(),
            channel,
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
