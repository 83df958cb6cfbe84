//! What happened in rooms, as the homeserver shows it: a user's `/sync`, history, one event.

use std::time::Duration;

use async_trait::async_trait;
use ruma::UInt;
use ruma::api::Direction as Towards;
use ruma::api::client::context::get_context;
use ruma::api::client::message::get_message_events;
use ruma::api::client::room::get_room_event;
use ruma::serde::Raw;
use serde_json::value::RawValue;
use url::form_urlencoded::Serializer;

use super::client::Repeat;
use super::{Matrix, ids};
use crate::domain::id::{EventId, RoomId, UserId};
use crate::domain::{Error, Result};
use crate::homeserver::timeline::{Direction, PageQuery, SyncQuery, Timeline, TimelinePage};

/// How long the homeserver may take beyond the time that it was allowed to wait: a first `/sync`
/// of a user with many rooms is slow.
const GRACE: Duration = Duration::from_secs(60);

#[async_trait]
impl Timeline for Matrix {
    /// The answer goes through as it is: ruma would drop what it does not know.
    async fn sync(&self, user: &UserId, query: &SyncQuery) -> Result<String> {
        let path = sync_path(query);
        let limit = Duration::from_millis(query.timeout_ms) + GRACE;
        let body = self.client.poll(&path, user, limit).await?;
        let text = String::from_utf8(body.into());
        Ok(text.unwrap_or_else(|odd| String::from_utf8_lossy(odd.as_bytes()).into_owned()))
    }

    async fn page(
        &self,
        room: &RoomId,
        query: &PageQuery,
        as_user: Option<&UserId>,
    ) -> Result<TimelinePage> {
        let towards = match query.direction {
            Direction::Backwards => Towards::Backward,
            Direction::Forwards => Towards::Forward,
        };
        let mut request = get_message_events::v3::Request::new(ids::room(room)?, towards);
        request.from.clone_from(&query.from);
        request.limit = UInt::from(query.limit);
        let page = self.client.request(request, as_user, Repeat::Safe).await?;
        Ok(TimelinePage {
            start: page.start,
            end: page.end,
            chunk: page.chunk.into_iter().map(Raw::into_json).collect(),
            state: page.state.into_iter().map(Raw::into_json).collect(),
        })
    }

    async fn before(
        &self,
        room: &RoomId,
        event: &EventId,
        as_user: Option<&UserId>,
    ) -> Result<String> {
        let mut request = get_context::v3::Request::new(ids::room(room)?, ids::event(event)?);
        request.limit = UInt::from(0_u32);
        let around = self.client.request(request, as_user, Repeat::Safe).await?;
        around
            .start
            .ok_or_else(|| Error::HomeserverNonsense("a context without its start".to_owned()))
    }

    async fn event(&self, room: &RoomId, event: &EventId) -> Result<Option<Box<RawValue>>> {
        let request = get_room_event::v3::Request::new(ids::room(room)?, ids::event(event)?);
        match self.client.request(request, None, Repeat::Safe).await {
            Ok(answer) => Ok(Some(answer.event.into_json())),
            Err(Error::HomeserverRefused {
                status: 403 | 404, ..
            }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn sync_path(query: &SyncQuery) -> String {
    let mut pairs = Serializer::new(String::new());
    pairs.append_pair("timeout", &query.timeout_ms.to_string());
    // Who polls for somebody does not bring them online.
    pairs.append_pair("set_presence", "offline");
    if let Some(since) = &query.since {
        pairs.append_pair("since", since);
    }
    if let Some(filter) = &query.filter {
        pairs.append_pair("filter", filter);
    }
    format!("/_matrix/client/v3/sync?{}", pairs.finish())
}
