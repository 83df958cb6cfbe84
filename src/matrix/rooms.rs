//! Rooms: creating them, aliases, members, settings, power.

use ruma::api::client::alias::{create_alias, delete_alias};
use ruma::api::client::directory::set_room_visibility;
use ruma::api::client::membership::{invite_user, join_room_by_id, joined_rooms, leave_room};
use ruma::api::client::room::Visibility as Listing;
use ruma::api::client::state::{get_state_event_for_key, get_state_events, send_state_event};
use ruma::events::{AnyStateEvent, StateEventType};
use ruma::serde::Raw;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::client::Repeat;
use super::mapping::{self, Creation, Power};
use super::{Matrix, ids};
use crate::domain::channel::{STATE_TYPE, Visibility};
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

    pub(super) async fn list_joined_rooms(&self, of: Option<&UserId>) -> Result<Vec<RoomId>> {
        let request = joined_rooms::v3::Request::new();
        let answer = self.client.request(request, of, Repeat::Safe).await?;
        let ours = |room: &ruma::OwnedRoomId| RoomId::trusted(room.as_str());
        Ok(answer.joined_rooms.iter().map(ours).collect())
    }

    pub(super) async fn read_room(&self, room: &RoomId) -> Result<Option<RoomSnapshot>> {
        let state = self.read_state(room, None).await?;
        let connector = self.directory.naming.connector();
        Ok(state.and_then(|(snapshot, _)| of_member(snapshot, &connector)))
    }

    pub(super) async fn read_room_as(
        &self,
        room: &RoomId,
        user: &UserId,
    ) -> Result<Option<RoomSnapshot>> {
        let state = self.read_state(room, Some(user)).await?;
        Ok(state.and_then(|(snapshot, _)| of_member(snapshot, user)))
    }

    pub(super) async fn read_successor(&self, room: &RoomId) -> Result<Option<RoomId>> {
        let kind = StateEventType::RoomTombstone;
        let content = self.read_one_state(room, kind, "", false).await?;
        Ok(content.and_then(|content| mapping::successor(&content)))
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
            Setting::Child {
                room: child,
                is_child,
            } => {
                let content = match is_child {
                    true => serde_json::json!({ "via": [self.directory.naming.server_name] }),
                    false => serde_json::json!({}),
                };
                let (kind, key) = ("m.space.child", child.as_str());
                let content = json(&content)?;
                return self
                    .put_keyed_state(room, kind, key, content, as_user)
                    .await;
            }
            Setting::Visibility(visibility) => {
                return self.set_visibility(room, *visibility, as_user).await;
            }
            Setting::Knocks(accepted) => {
                let rules = self.knock_rules(room, *accepted).await?;
                ("m.room.join_rules", rules)
            }
            Setting::Channel(state) => (STATE_TYPE, mapping::channel_state(state)?),
            Setting::Pins(pinned) => (
                "m.room.pinned_events",
                json(&serde_json::json!({ "pinned": pinned }))?,
            ),
        };
        self.put_state(room, kind, content, as_user).await
    }

    /// Opens or closes a room. The directory never lists one that is closed.
    async fn set_visibility(
        &self,
        room: &RoomId,
        visibility: Visibility,
        as_user: Option<&UserId>,
    ) -> Result<EventId> {
        let rule = match visibility {
            Visibility::Public => "public",
            Visibility::Private => "invite",
        };
        let content = json(&serde_json::json!({ "join_rule": rule }))?;
        let is_closing = visibility == Visibility::Private;
        let was_listed = is_closing && self.read_listing(room).await?;
        if was_listed {
            self.list_room(room, visibility).await?;
        }
        let kind = "m.room.join_rules";
        let set = self.put_state(room, kind, content, as_user).await;
        let is_to_list = match &set {
            Ok(_) => !is_closing,
            // It may be closed by now, or be so in a moment: then nobody is to see it.
            Err(error) if error.leaves_open() => false,
            // Whoever asked may not close it, or it could not be done: then it is as it was before.
            Err(_) => was_listed,
        };
        if is_to_list && let Err(error) = self.list_room(room, Visibility::Public).await {
            tracing::warn!(%error, room_id = %room, "an open room is not in the homeserver's directory");
        }
        set
    }

    /// Has the homeserver's directory list a room, or not. A homeserver that lets us do neither
    /// lists it as little as before.
    async fn list_room(&self, room: &RoomId, visibility: Visibility) -> Result<()> {
        let listing = match visibility {
            Visibility::Public => Listing::Public,
            Visibility::Private => Listing::Private,
        };
        let request = set_room_visibility::v3::Request::new(ids::room(room)?, listing);
        match self.client.request(request, None, Repeat::Safe).await {
            Err(error @ (Error::Forbidden(_) | Error::HomeserverRefused { .. })) => {
                tracing::warn!(%error, room_id = %room, "the homeserver's directory is left as it is");
                Ok(())
            }
            other => other.map(drop),
        }
    }

    /// The rules of a room with knocks let in or not. Whom else they let in stays.
    async fn knock_rules(&self, room: &RoomId, accepted: bool) -> Result<Box<RawValue>> {
        let kind = StateEventType::RoomJoinRules;
        let before = self.read_one_state(room, kind, "", false).await?;
        let before = before.and_then(|content| serde_json::from_str(content.get()).ok());
        let mut rules: serde_json::Map<String, serde_json::Value> = before.unwrap_or_default();
        let is_restricted = rules.contains_key("allow");
        let rule = match (accepted, is_restricted) {
            (true, true) => "knock_restricted",
            (true, false) => "knock",
            (false, true) => "restricted",
            (false, false) => "invite",
        };
        rules.insert("join_rule".to_owned(), rule.into());
        json(&rules)
    }

    /// Makes an alias the canonical one. Those that the room was known by stay its others.
    async fn set_canonical_alias(
        &self,
        room: &RoomId,
        alias: &RoomAlias,
        as_user: Option<&UserId>,
    ) -> Result<EventId> {
        let kind = StateEventType::RoomCanonicalAlias;
        let before = self.read_one_state(room, kind, "", false).await?;
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
        self.put_keyed_state(room, kind, "", content, as_user).await
    }

    async fn put_keyed_state(
        &self,
        room: &RoomId,
        kind: &str,
        key: &str,
        content: Box<RawValue>,
        as_user: Option<&UserId>,
    ) -> Result<EventId> {
        let request = send_state_event::v3::Request::new_raw(
            ids::room(room)?,
            StateEventType::from(kind),
            key.to_owned(),
            Raw::from_json(content),
        );
        let answer = self.client.request(request, as_user, Repeat::Safe).await?;
        Ok(EventId::trusted(answer.event_id.as_str()))
    }

    /// How the room was created, which never changes.
    pub(super) async fn read_creation(&self, room: &RoomId) -> Result<Creation> {
        if let Some(known) = self.creations.get(room).await {
            return Ok(known);
        }
        let event = self
            .read_one_state(room, StateEventType::RoomCreate, "", true)
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
    pub(super) async fn read_one_state(
        &self,
        room: &RoomId,
        kind: StateEventType,
        key: &str,
        whole: bool,
    ) -> Result<Option<Box<RawValue>>> {
        use get_state_event_for_key::v3::{Request, StateEventFormat};
        let mut request = Request::new(ids::room(room)?, kind, key.to_owned());
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

/// The state of a room for somebody who is in it. That of a room that one has left can still be
/// read, as it was then.
fn of_member(snapshot: RoomSnapshot, user: &UserId) -> Option<RoomSnapshot> {
    let mut members = snapshot.members.iter().map(|(_, member)| member);
    let is_in =
        members.any(|member| member.user == *user && member.membership == Membership::Joined);
    is_in.then_some(snapshot)
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
