//! Creating a room. The one call that is never repeated: a room that was made before its
//! answer was lost is found by its alias.
//!
//! Nobody is invited by it: the homeserver does that last, and one refused invitation would be
//! answered as an error although the room is there.

use ruma::RoomVersionId;
use ruma::api::client::discovery::get_capabilities;
use ruma::api::client::room::{Visibility as Listing, create_room};
use ruma::serde::Raw;
use serde_json::{Map, Value, json};

use super::client::Repeat;
use super::mapping::{self, has_creators_rule};
use super::{Matrix, rooms};
use crate::domain::channel::{STATE_TYPE, Visibility};
use crate::domain::id::{RoomId, UserId};
use crate::domain::{Error, Result, microdao};
use crate::homeserver::{NewRoom, NewSpace};

/// What the owner has, and in older room versions the connector.
const OWNER: i64 = 100;
/// Beyond everybody's reach but the creator's, who has infinite power (MSC4289).
const CREATOR_ONLY: i64 = 150;

impl Matrix {
    pub(super) async fn make_room(&self, room: &NewRoom) -> Result<RoomId> {
        let version = match &room.room_version {
            Some(version) => version.clone(),
            None => self.read_default_room_version().await?,
        };
        let request = self.creation(room, &version)?;
        match self.client.request(request, None, Repeat::Never).await {
            Ok(answer) => Ok(RoomId::trusted(answer.room_id.as_str())),
            Err(error) if error.is_refusal("M_ROOM_IN_USE") => Err(Error::conflict(format!(
                "the alias {} is taken",
                room.alias
            ))),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn make_space(&self, space: &NewSpace) -> Result<RoomId> {
        let version = self.read_default_room_version().await?;
        let request = self.space(space, &version)?;
        match self.client.request(request, None, Repeat::Never).await {
            Ok(answer) => Ok(RoomId::trusted(answer.room_id.as_str())),
            Err(error) if error.is_refusal("M_ROOM_IN_USE") => Err(Error::conflict(format!(
                "the alias {} is taken",
                space.alias
            ))),
            Err(error) => Err(error),
        }
    }

    fn space(&self, space: &NewSpace, version: &str) -> Result<create_room::v3::Request> {
        let public = space.visibility == Visibility::Public;
        let connector = self.directory.naming.connector();
        let mut levels = levels(&connector, Some(&space.owner), version, public);
        // Nobody speaks in a space; what is in it its owners and the connector say.
        levels["events_default"] = OWNER.into();
        levels["events"]["m.space.child"] = OWNER.into();
        levels["events"][microdao::STATE_TYPE] = levels["events"][STATE_TYPE].clone();
        let mut request = create_room::v3::Request::new();
        request.preset = Some(preset(public));
        request.visibility = listing(public);
        request.room_alias_name = Some(space.alias.localpart().to_owned());
        request.name = Some(space.name.clone());
        request.topic = (!space.topic.is_empty()).then(|| space.topic.clone());
        request.room_version = Some(room_version(version)?);
        let creation = rooms::json(&json!({ "type": "m.space" }))?;
        request.creation_content = Some(Raw::from_json(creation));
        request.power_level_content_override = Some(Raw::from_json(rooms::json(&levels)?));
        let state = mapping::microdao_state(&space.microdao)?;
        let state = json!({ "type": microdao::STATE_TYPE, "state_key": "", "content": state });
        request.initial_state = vec![Raw::from_json(rooms::json(&state)?)];
        Ok(request)
    }

    fn creation(&self, room: &NewRoom, version: &str) -> Result<create_room::v3::Request> {
        let public = room.channel.visibility == Visibility::Public;
        let owner = room.owner.as_ref();
        let connector = self.directory.naming.connector();
        let levels = levels(&connector, owner, version, public);
        let mut request = create_room::v3::Request::new();
        request.preset = Some(preset(public));
        request.visibility = listing(public);
        request.room_alias_name = Some(room.alias.localpart().to_owned());
        request.name = Some(room.name.clone());
        request.topic = (!room.topic.is_empty()).then(|| room.topic.clone());
        request.room_version = Some(room_version(version)?);
        request.power_level_content_override = Some(Raw::from_json(rooms::json(&levels)?));
        request.initial_state = initial_state(room)?;
        Ok(request)
    }

    /// The version of rooms that are made without naming one. Asked for once: a homeserver
    /// that changes its mind is restarted, and a daarion that is not makes the older rooms,
    /// which are as good.
    pub(super) async fn read_default_room_version(&self) -> Result<String> {
        let ask = async {
            let request = get_capabilities::v3::Request::new();
            let answer = self.client.request(request, None, Repeat::Safe).await?;
            Ok::<_, Error>(answer.capabilities.room_versions.default.to_string())
        };
        self.room_version.get_or_try_init(|| ask).await.cloned()
    }
}

fn preset(public: bool) -> create_room::v3::RoomPreset {
    match public {
        true => create_room::v3::RoomPreset::PublicChat,
        false => create_room::v3::RoomPreset::PrivateChat,
    }
}

fn listing(public: bool) -> Listing {
    match public {
        true => Listing::Public,
        false => Listing::Private,
    }
}

fn room_version(version: &str) -> Result<RoomVersionId> {
    let version = RoomVersionId::try_from(version);
    version.map_err(|_| Error::invalid("room_version", "is no room version"))
}

/// The complete map of levels: what stands here replaces the homeserver's defaults.
fn levels(connector: &UserId, owner: Option<&UserId>, version: &str, public: bool) -> Value {
    let creators_rule = has_creators_rule(version);
    let top = if creators_rule { CREATOR_ONLY } else { OWNER };
    let mut users = Map::new();
    // Since version 12 the creator must not stand here.
    if !creators_rule {
        users.insert(connector.to_string(), OWNER.into());
    }
    if let Some(owner) = owner.filter(|owner| *owner != connector) {
        users.insert(owner.to_string(), OWNER.into());
    }
    // Whoever may come in by itself may as well bring others; into a private room only those
    // with some say.
    let invite = if public { 0 } else { 50 };
    json!({
        "users": users,
        "invite": invite,
        "events": {
            "m.room.name": 50,
            "m.room.topic": 50,
            "m.room.avatar": 50,
            "m.room.canonical_alias": 50,
            "m.room.power_levels": 100,
            "m.room.history_visibility": 100,
            "m.room.server_acl": 100,
            "m.room.encryption": 100,
            "m.room.tombstone": top,
            STATE_TYPE: top,
        },
    })
}

fn initial_state(room: &NewRoom) -> Result<Vec<Raw<ruma::events::AnyInitialStateEvent>>> {
    let channel = mapping::channel_state(&room.channel)?;
    let mut events = vec![
        json!({ "type": STATE_TYPE, "state_key": "", "content": channel }),
        json!({
            "type": "m.room.history_visibility",
            "state_key": "",
            "content": { "history_visibility": "shared" },
        }),
    ];
    if room.channel.confidential {
        events.push(json!({
            "type": "m.room.encryption",
            "state_key": "",
            "content": { "algorithm": "m.megolm.v1.aes-sha2" },
        }));
    }
    let raw = |event: &Value| rooms::json(event).map(Raw::from_json);
    events.iter().map(raw).collect()
}
