//! A room as its state shows it, where its aliases lead, its place in the directory, its picture.

use ruma::api::client::alias::get_alias;
use ruma::api::client::directory::get_room_visibility;
use ruma::api::client::room::Visibility as Listing;
use ruma::api::client::state::{get_state_event_for_key, get_state_events};
use ruma::events::{AnyStateEvent, StateEventType};
use ruma::serde::Raw;
use serde_json::json;

use super::super::client::Repeat;
use super::super::{Matrix, ids, mapping, rooms};
use crate::domain::id::{EventId, RoomAlias, RoomId, ServerName, UserId};
use crate::domain::{Error, Result};
use crate::homeserver::gateway::{Located, RoomDetails};

impl Matrix {
    /// Whether the homeserver's directory lists a room.
    pub(in crate::matrix) async fn read_listing(&self, room: &RoomId) -> Result<bool> {
        let request = get_room_visibility::v3::Request::new(ids::room(room)?);
        let answer = self.client.request(request, None, Repeat::Safe).await?;
        Ok(answer.visibility == Listing::Public)
    }

    pub(super) async fn read_details(&self, room: &RoomId) -> Result<RoomDetails> {
        let request = get_state_events::v3::Request::new(ids::room(room)?);
        let answer = self.client.request(request, None, Repeat::Safe).await?;
        let events = answer.room_state.iter();
        Ok(mapping::details(events.map(Raw::<AnyStateEvent>::json)))
    }

    pub(in crate::matrix) async fn locate_alias(
        &self,
        alias: &RoomAlias,
    ) -> Result<Option<Located>> {
        let request = get_alias::v3::Request::new(ids::alias(alias)?);
        match self.client.request(request, None, Repeat::Safe).await {
            Ok(answer) => {
                let servers = answer.servers.iter();
                let servers = servers.map(|server| ServerName::trusted(server.as_str()));
                Ok(Some(Located {
                    room: RoomId::trusted(answer.room_id.as_str()),
                    servers: servers.collect(),
                }))
            }
            Err(Error::HomeserverRefused { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Encrypted is encrypted, whatever the event says of how.
    pub(super) async fn read_encryption(
        &self,
        room: &RoomId,
        acting: Option<&UserId>,
    ) -> Result<bool> {
        let request = get_state_event_for_key::v3::Request::new(
            ids::room(room)?,
            StateEventType::RoomEncryption,
            String::new(),
        );
        match self.client.request(request, acting, Repeat::Safe).await {
            Ok(_) => Ok(true),
            Err(Error::HomeserverRefused { status: 404, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn put_room_avatar(
        &self,
        room: &RoomId,
        url: &str,
        acting: Option<&UserId>,
    ) -> Result<EventId> {
        let content = match url {
            "" => json!({}),
            url => json!({ "url": url }),
        };
        self.put_state(room, "m.room.avatar", rooms::json(&content)?, acting)
            .await
    }
}
