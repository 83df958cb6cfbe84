//! Creating a room for a service: the document's request, with our state event in it and what the
//! room's version makes of the power levels.

use ruma::RoomVersionId;
use ruma::api::client::room::{Visibility as Listing, create_room};
use ruma::serde::Raw;
use serde_json::{Map, Value, json};

use super::super::client::Repeat;
use super::super::mapping::{self, has_creators_rule};
use super::super::{Matrix, rooms};
use crate::domain::channel::{STATE_TYPE, Visibility};
use crate::domain::id::{RoomId, UserId};
use crate::domain::{Error, Result};
use crate::homeserver::gateway::{NewMatrixRoom, Preset};

const POWER_LEVELS: &str = "m.room.power_levels";
const LEVELS: &str = "power_level_content_override";
/// What the connector has where creators have no power of their own.
const CONNECTOR: i64 = 100;
/// Beyond everybody's reach but the creator's, who has infinite power (MSC4289).
const CREATOR_ONLY: i64 = 150;

impl Matrix {
    pub(super) async fn make_matrix_room(&self, room: &NewMatrixRoom) -> Result<RoomId> {
        let version = match &room.room_version {
            Some(version) => version.clone(),
            None => self.read_default_room_version().await?,
        };
        let request = self.matrix_room(room, &version)?;
        let answer = self.client.request(request, None, Repeat::Never).await?;
        Ok(RoomId::trusted(answer.room_id.as_str()))
    }

    fn matrix_room(&self, room: &NewMatrixRoom, version: &str) -> Result<create_room::v3::Request> {
        let connector = self.directory.naming.connector();
        let mut request = create_room::v3::Request::new();
        request.room_alias_name = room.alias.as_ref().map(|it| it.localpart().to_owned());
        request.name.clone_from(&room.name);
        request.topic.clone_from(&room.topic);
        request.visibility = match room.listing {
            Visibility::Public => Listing::Public,
            Visibility::Private => Listing::Private,
        };
        request.preset = Some(match room.preset {
            Preset::PublicChat => create_room::v3::RoomPreset::PublicChat,
            Preset::PrivateChat => create_room::v3::RoomPreset::PrivateChat,
            Preset::TrustedPrivateChat => create_room::v3::RoomPreset::TrustedPrivateChat,
        });
        request.initial_state = initial_state(room)?;
        let levels = levels(room, &connector, version)?;
        request.power_level_content_override = Some(Raw::from_json(rooms::json(&levels)?));
        let version = RoomVersionId::try_from(version);
        let version = version.map_err(|_| Error::invalid("room_version", "is no room version"))?;
        request.room_version = Some(version);
        if !room.creation.is_empty() {
            let creation = Value::Object(room.creation.clone());
            request.creation_content = Some(Raw::from_json(rooms::json(&creation)?));
        }
        Ok(request)
    }
}

/// The state as it was given, and ours. Power levels are none of it: they would replace those
/// that keep our event from being overwritten.
fn initial_state(room: &NewMatrixRoom) -> Result<Vec<Raw<ruma::events::AnyInitialStateEvent>>> {
    let ours = json!({
        "type": STATE_TYPE,
        "state_key": "",
        "content": mapping::channel_state(&room.channel)?,
    });
    let given = room.initial_state.iter();
    let given = given.filter(|state| state.kind != POWER_LEVELS).map(
        |state| json!({ "type": state.kind, "state_key": state.key, "content": state.content }),
    );
    let all = std::iter::once(ours).chain(given);
    all.map(|event| rooms::json(&event).map(Raw::from_json))
        .collect()
}

/// The levels that replace the homeserver's own. What a service gives for single events and users
/// is added to the usual ones; what it gives beside these stands as it is.
fn levels(room: &NewMatrixRoom, connector: &UserId, version: &str) -> Result<Value> {
    let creators_rule = has_creators_rule(version);
    let mut levels = Map::new();
    let mut events = usual_events();
    let mut users = Map::new();
    let given = room.initial_state.iter();
    let given = given.filter(|state| state.kind == POWER_LEVELS);
    for given in given.map(|state| &state.content).chain([&room.levels]) {
        for (name, value) in given {
            match name.as_str() {
                "events" => events.extend(map_of("events", value)?),
                "users" => users.extend(map_of("users", value)?),
                _ => drop(levels.insert(name.clone(), value.clone())),
            }
        }
    }
    if creators_rule {
        // The creator stands above all levels, and a homeserver refuses to list one.
        users.remove(connector.as_str());
        refuse_creators(room, &users, version)?;
        events.insert(STATE_TYPE.to_owned(), CREATOR_ONLY.into());
    } else {
        refuse_additional(room, version)?;
        let own = users.get(connector.as_str()).and_then(Value::as_i64);
        let own = own.unwrap_or(CONNECTOR).max(CONNECTOR);
        users.insert(connector.to_string(), own.into());
        events.insert(STATE_TYPE.to_owned(), own.into());
    }
    levels.insert("events".to_owned(), events.into());
    levels.insert("users".to_owned(), users.into());
    Ok(levels.into())
}

/// As Synapse and the specification have them; a list of events replaces the whole of these.
fn usual_events() -> Map<String, Value> {
    let usual = [
        ("m.room.name", 50),
        ("m.room.avatar", 50),
        ("m.room.canonical_alias", 50),
        ("m.room.power_levels", 100),
        ("m.room.history_visibility", 100),
        ("m.room.tombstone", 100),
        ("m.room.server_acl", 100),
        ("m.room.encryption", 100),
    ];
    let usual = usual.into_iter();
    usual
        .map(|(kind, level)| (kind.to_owned(), level.into()))
        .collect()
}

fn map_of(name: &str, value: &Value) -> Result<Map<String, Value>> {
    let map = value.as_object().cloned();
    map.ok_or_else(|| Error::invalid(LEVELS, format!("{name}: must be an object")))
}

fn refuse_creators(room: &NewMatrixRoom, users: &Map<String, Value>, version: &str) -> Result<()> {
    let creators = room.creation.get("additional_creators");
    let creators = creators.and_then(Value::as_array).into_iter().flatten();
    let mut creators = creators.filter_map(Value::as_str);
    match creators.find(|creator| users.contains_key(*creator)) {
        Some(creator) => Err(Error::invalid(
            LEVELS,
            format!(
                "users: {creator} is a creator of the room, and those stand above all levels in \
                 room version {version}; leave them out"
            ),
        )),
        None => Ok(()),
    }
}

fn refuse_additional(room: &NewMatrixRoom, version: &str) -> Result<()> {
    if !room.creation.contains_key("additional_creators") {
        return Ok(());
    }
    let message = format!(
        "additional_creators: room version {version} knows none; give them power level 100 by \
         {LEVELS}, or ask for room version 12"
    );
    Err(Error::invalid("creation_content", message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::channel::{ChannelKind, ChannelStatus};
    use crate::domain::id::ChannelId;
    use crate::homeserver::ChannelState;
    use crate::homeserver::gateway::InitialState;

    fn room(levels: Value, creation: Value) -> NewMatrixRoom {
        let object = |value: Value| value.as_object().expect("an object").clone();
        NewMatrixRoom {
            alias: None,
            name: None,
            topic: None,
            listing: Visibility::Private,
            preset: Preset::PrivateChat,
            initial_state: vec![InitialState {
                kind: POWER_LEVELS.into(),
                key: String::new(),
                content: object(json!({ "invite": 50, "events": { "m.reaction": 10 } })),
            }],
            levels: object(levels),
            creation: object(creation),
            room_version: None,
            channel: ChannelState {
                id: ChannelId(uuid::Uuid::nil()),
                kind: ChannelKind::Gateway,
                slug: "gateway-0".into(),
                microdao: "microdao:daarion".into(),
                visibility: Visibility::Private,
                confidential: false,
                status: ChannelStatus::Active,
                is_default: false,
                slow_mode_seconds: 0,
                created_by: None,
                created_at: 0,
                changed_by: None,
            },
        }
    }

    fn made(room: &NewMatrixRoom, version: &str) -> Result<Value> {
        levels(room, &UserId::trusted("@daarion:s"), version)
    }

    /// The document's own example.
    fn example() -> Value {
        json!({ "users": { "@daarion:s": 100 }, "events": { "m.room.topic": 50 } })
    }

    #[test]
    fn creator_of_version_12_is_in_no_list() {
        let levels = made(&room(example(), json!({})), "12").expect("levels");
        assert_eq!(levels["users"], json!({}));
        assert_eq!(levels["events"][STATE_TYPE], 150);
        assert_eq!(levels["events"]["m.room.topic"], 50);
        assert_eq!(levels["events"]["m.room.power_levels"], 100);
        assert_eq!(levels["events"]["m.reaction"], 10);
        assert_eq!(levels["invite"], 50);
        let creators = json!({ "additional_creators": ["@bob:s"] });
        let listed = room(json!({ "users": { "@bob:s": 100 } }), creators);
        let refused = made(&listed, "12").expect_err("a creator").to_string();
        assert!(refused.contains("@bob:s is a creator"), "{refused}");
    }

    #[test]
    fn connector_of_older_versions_keeps_its_power() {
        for given in [
            example(),
            json!({}),
            json!({ "users": { "@daarion:s": 7 } }),
        ] {
            let levels = made(&room(given, json!({})), "11").expect("levels");
            assert_eq!(levels["users"], json!({ "@daarion:s": 100 }));
            assert_eq!(levels["events"][STATE_TYPE], 100);
        }
        let creators = json!({ "additional_creators": ["@bob:s"] });
        let refused = made(&room(json!({}), creators), "11").expect_err("no such thing");
        assert!(
            refused
                .to_string()
                .starts_with("creation_content: additional_creators")
        );
    }

    #[test]
    fn what_is_no_map_is_named() {
        let refused = made(&room(json!({ "users": 7 }), json!({})), "12").expect_err("no map");
        let words = "power_level_content_override: users: must be an object";
        assert_eq!(refused.to_string(), words);
    }
}
