//! A room as its state shows it, its place in the directory, its picture.

use ruma::api::client::directory::get_room_visibility;
use ruma::api::client::room::Visibility as Listing;
use ruma::api::client::state::get_state_events;
use ruma::events::AnyStateEvent;
use ruma::serde::Raw;
use serde_json::json;

use super::super::client::Repeat;
use super::super::{Matrix, ids, mapping, rooms};
use crate::domain::Result;
use crate::domain::id::{EventId, RoomId, UserId};
use crate::homeserver::gateway::RoomDetails;

impl Matrix {
    pub(super) async fn read_listing(&self, room: &RoomId) -> Result<bool> {
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
