//! Rooms: creating them, aliases, members, settings, power.

use ruma::api::client::alias::{create_alias, delete_alias};
use ruma::api::client::membership::{invite_user, join_room_by_id, joined_rooms, leave_room};
use ruma::api::client::state::{get_state_event_for_key, get_state_events, send_state_event};
use ruma::events::{AnyStateEvent, StateEventType};
use ruma::serde::Raw;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::client::Repeat;
use super::mapping::{self, Creation, Power};
use super::{Matrix, ids};
use crate::domain::channel::STATE_TYPE;
use crate::domain::id::{EventId, RoomAlias, RoomId, UserId};
use crate::domain::member::Membership;
use crate::domain::{Error, Result};
use crate::homeserver::{RoomSnapshot, Setting};

impl Matrix {
    pub(super) async fn find_alias(&self, alias: &RoomAlias) -> Result<Option<RoomId>> {
        Ok(self.locate_alias(alias).await?.map(|located| located.room))
    }

    /// Repeating it, or finding that it is done already, is fine.
    pub(super) async fn put_alias(&self, alias: &RoomAlias, room: &RoomId) -> Result<()> {
        let request = create_alias::v3::Request::new(ids::alias(alias)?, ids::room(room)?);
        match self.client.request(request, None, Repeat::Safe).await {
            Ok(_) => Ok(()),
            Err(Error::HomeserverRefused { status: 409, .. }) => {
                match self.find_alias(alias).await? {
                    Some(found) if found == *room => Ok(()),
                    _ => Err(Error::conflict(format!("the alias {alias} is taken"))),
                }
            }
            Err(error) => Err(error),
        }
    }

    pub(super) async fn delete_alias(&self, alias: &RoomAlias) -> Result<()> {
        let request = delete_alias::v3::Request::new(ids::alias(alias)?);
        match self.client.request(request, None, Repeat::Safe).await {
            Ok(_) | Err(Error::HomeserverRefused { status: 404, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn list_joined_rooms(&self) -> Result<Vec<RoomId>> {
        let request = joined_rooms::v3::Request::new();
        let answer = self.client.request(request, None, Repeat::Safe).await?;
        let ours = |room: &ruma::OwnedRoomId| RoomId::trusted(room.as_str());
        Ok(answer.joined_rooms.iter().map(ours).collect())
    }

    pub(super) async fn read_room(&self, room: &RoomId) -> Result<Option<RoomSnapshot>> {
        let Some((snapshot, _)) = self.read_state(room, None).await? else {
            return Ok(None);
        };
        // The state of a room that one has left can still be read, as it was then.
        let connector = self.directory.naming.connector();
        let is_in = snapshot
            .members
            .iter()
            .any(|(_, member)| member.user == connector && member.membership == Membership::Joined);
        Ok(is_in.then_some(snapshot))
    }

    /// A room's state as a user sees it; `None` when the user is not in it and never was, which
    /// homeservers do not tell from a room that there is not.
    pub(super) async fn read_state(
        &self,
        room: &RoomId,
        as_user: Option<&UserId>,
    ) -> Result<Option<(RoomSnapshot, Power)>> {
        let request = get_state_events::v3::Request::new(ids::room(room)?);
        let state = match self.client.request(request, as_user, Repeat::Safe).await {
            Ok(answer) => answer.room_state,
            Err(Error::HomeserverRefused { status: 404, .. }) => return Ok(None),
            Err(error) if error.is_refusal("M_FORBIDDEN") => return Ok(None),
            Err(error) => return Err(error),
        };
        let events = state.iter().map(Raw::<AnyStateEvent>::json);
        let now = self.clock.now();
        Ok(Some(mapping::snapshot(room, events, &self.directory, now)))
    }

    pub(super) async fn join_room(&self, room: &RoomId, as_user: Option<&UserId>) -> Result<()> {
        let request = join_room_by_id::v3::Request::new(ids::room(room)?);
        let answer = self.client.request(request, as_user, Repeat::Safe).await;
        answer.map(drop)
    }

    pub(super) async fn invite_to_room(
        &self,
        room: &RoomId,
        user: &UserId,
        as_user: Option<&UserId>,
    ) -> Result<()> {
        let recipient = invite_user::v3::InvitationRecipient::UserId(
            invite_user::v3::InviteUserId::new(ids::user(user)?),
        );
        let request = invite_user::v3::Request::new(ids::room(room)?, recipient);
        let answer = self.client.request(request, as_user, Repeat::Safe).await;
        answer.map(drop)
    }

    pub(super) async fn leave_room(&self, room: &RoomId, as_user: Option<&UserId>) -> Result<()> {
        let request = leave_room::v3::Request::new(ids::room(room)?);
        let answer = self.client.request(request, as_user, Repeat::Safe).await;
        answer.map(drop)
    }

    pub(super) async fn set_setting(
        &self,
        room: &RoomId,
        setting: &Setting,
        as_user: Option<&UserId>,
    ) -> Result<EventId> {
        let (kind, content) = match setting {
            Setting::Name(name) => ("m.room.name", json(&serde_json::json!({ "name": name }))?),
            Setting::Topic(topic) => (
                "m.room.topic",
                json(&serde_json::json!({ "topic": topic }))?,
            ),
            Setting::CanonicalAlias(alias) => {
                return self.set_canonical_alias(room, alias, as_user).await;
            }
            Setting::Channel(state) => (STATE_TYPE, mapping::channel_state(state)?),
        };
        self.put_state(room, kind, content, as_user).await
    }

    /// Makes an alias the canonical one. Those that the room was known by stay its others.
    async fn set_canonical_alias(
        &self,
        room: &RoomId,
        alias: &RoomAlias,
        as_user: Option<&UserId>,
    ) -> Result<EventId> {
        let kind = StateEventType::RoomCanonicalAlias;
        let before = self.read_one_state(room, kind, false).await?;
        let before = before.and_then(|content| serde_json::from_str(content.get()).ok());
        let Aliases { canonical, others } = before.unwrap_or_default();
        let mut kept = others.clone();
        kept.extend(canonical.filter(|canonical| !others.contains(canonical)));
        let set = self.put_aliases(room, alias, &kept, as_user).await;
        match set {
            // One that is new among the others has to lead to the room, which the one that was
            // the canonical one need not do any more.
            Err(Error::HomeserverRefused { status: 400, .. }) if kept.len() > others.len() => {
                self.put_aliases(room, alias, &others, as_user).await
            }
            other => other,
        }
    }

    async fn put_aliases(
        &self,
        room: &RoomId,
        canonical: &RoomAlias,
        others: &[String],
        as_user: Option<&UserId>,
    ) -> Result<EventId> {
        let others = others.iter().filter(|other| *other != canonical.as_str());
        let aliases = Aliases {
            canonical: Some(canonical.as_str().to_owned()),
            others: others.cloned().collect(),
        };
        let kind = "m.room.canonical_alias";
        self.put_state(room, kind, json(&aliases)?, as_user).await
    }

    /// Sets a state event. Repeating is harmless: homeservers drop what changes nothing.
    pub(super) async fn put_state(
        &self,
        room: &RoomId,
        kind: &str,
        content: Box<RawValue>,
        as_user: Option<&UserId>,
    ) -> Result<EventId> {
        let request = send_state_event::v3::Request::new_raw(
            ids::room(room)?,
            StateEventType::from(kind),
            String::new(),
            Raw::from_json(content),
        );
        let answer = self.client.request(request, as_user, Repeat::Safe).await?;
        Ok(EventId::trusted(answer.event_id.as_str()))
    }

    pub(super) async fn read_power(&self, room: &RoomId, user: &UserId) -> Result<i64> {
        let creation = self.read_creation(room).await?;
        let levels = self
            .read_one_state(room, StateEventType::RoomPowerLevels, false)
            .await?;
        Ok(Power::new(creation, levels.as_deref()).of(user))
    }

    /// How the room was created, which never changes.
    async fn read_creation(&self, room: &RoomId) -> Result<Creation> {
        if let Some(known) = self.creations.get(room).await {
            return Ok(known);
        }
        let event = self
            .read_one_state(room, StateEventType::RoomCreate, true)
            .await?;
        let creation = event
            .and_then(|event| Creation::read(&event))
            .ok_or_else(|| {
                Error::HomeserverNonsense(format!("{room} has no readable m.room.create"))
            })?;
        self.creations.insert(room.clone(), creation.clone()).await;
        Ok(creation)
    }

    /// A state event, whole or its content; `None` when the room has none of this type.
    async fn read_one_state(
        &self,
        room: &RoomId,
        kind: StateEventType,
        whole: bool,
    ) -> Result<Option<Box<RawValue>>> {
        use get_state_event_for_key::v3::{Request, StateEventFormat};
        let mut request = Request::new(ids::room(room)?, kind, String::new());
        if whole {
            request.format = StateEventFormat::Event;
        }
        match self.client.request(request, None, Repeat::Safe).await {
            Ok(answer) => Ok(Some(answer.event_or_content)),
            Err(Error::HomeserverRefused { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The content of `m.room.canonical_alias`.
#[derive(Serialize, Deserialize, Default)]
struct Aliases {
    #[serde(rename = "alias")]
    canonical: Option<String>,
    #[serde(rename = "alt_aliases", default, skip_serializing_if = "Vec::is_empty")]
    others: Vec<String>,
}

pub(super) fn json(value: &impl Serialize) -> Result<Box<RawValue>> {
    to_raw_value(value).map_err(|error| Error::internal(error.to_string()))
}
