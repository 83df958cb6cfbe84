//! Messages: sending, history, one message in full.

use ruma::api::client::message::{get_message_events, send_message_event};
use ruma::api::client::room::get_room_event;
use ruma::events::{AnyTimelineEvent, MessageLikeEventType};
use ruma::serde::Raw;
use ruma::{MilliSecondsSinceUnixEpoch, OwnedTransactionId, UInt};

use super::client::Repeat;
use super::{Matrix, ids, mapping};
use crate::domain::channel::Channel;
use crate::domain::event::Source;
use crate::domain::id::{EventId, Millis, RoomId};
use crate::domain::{Error, Result};
use crate::homeserver::{FullContent, HistoryPage, Outgoing, TakenIn};

impl Matrix {
    pub(super) async fn send_message(&self, message: &Outgoing) -> Result<EventId> {
        let content = mapping::message_content(message)?;
        let mut request = send_message_event::v3::Request::new_raw(
            ids::room(&message.room)?,
            OwnedTransactionId::from(message.transaction.as_str()),
            MessageLikeEventType::RoomMessage,
            Raw::from_json(content),
        );
        request.timestamp = Some(timestamp(message.at)?);
        let answer = self
            .client
            .request(request, Some(&message.sender), Repeat::Safe)
            .await?;
        Ok(EventId::trusted(answer.event_id.as_str()))
    }

    /// No lazy loading of members is asked for: a history without its member events could not
    /// rebuild an index.
    pub(super) async fn read_history(
        &self,
        channel: &Channel,
        from: Option<&str>,
        limit: usize,
        source: Source,
    ) -> Result<HistoryPage> {
        let mut request = get_message_events::v3::Request::backward(ids::room(&channel.room)?);
        request.from = from.map(str::to_owned);
        request.limit = UInt::try_from(limit).unwrap_or(UInt::MAX);
        let page = self.client.request(request, None, Repeat::Safe).await?;
        let now = self.clock.now();
        let map = |raw: &Raw<_>| mapping::map_in(raw.json(), channel, &self.directory, now, source);
        let events: Vec<_> = page.chunk.iter().map(map).collect();
        // A page that leads to itself would never end.
        let is_last = page.end.as_deref() == from;
        Ok(HistoryPage {
            events,
            next: page.end.filter(|_| !is_last),
        })
    }

    pub(super) async fn read_time(&self, room: &RoomId, event: &EventId) -> Result<Option<Millis>> {
        let event = self.read_event(room, event).await?;
        let at = event.map(|event| event.get_field::<UInt>("origin_server_ts"));
        let at = at.transpose().map_err(|error| {
            Error::HomeserverNonsense(format!("an event has no readable time: {error}"))
        })?;
        Ok(at.flatten().map(u64::from))
    }

    pub(super) async fn read_taken_in(
        &self,
        room: &RoomId,
        event: &EventId,
    ) -> Result<Option<TakenIn>> {
        let event = self.read_event(room, event).await?;
        Ok(event.and_then(|event| mapping::taken_in(event.json())))
    }

    pub(super) async fn read_content(
        &self,
        room: &RoomId,
        event: &EventId,
    ) -> Result<Option<FullContent>> {
        // What somebody says there in the clear is no less confidential.
        let channel = self.directory.channel_of(room);
        if channel.is_some_and(|channel| channel.confidential) {
            return Ok(None);
        }
        let event = self.read_event(room, event).await?;
        Ok(event.and_then(|event| mapping::full_content(event.json())))
    }

    /// One event; `None` when there is none that we may see.
    async fn read_event(
        &self,
        room: &RoomId,
        event: &EventId,
    ) -> Result<Option<Raw<AnyTimelineEvent>>> {
        let request = get_room_event::v3::Request::new(ids::room(room)?, ids::event(event)?);
        match self.client.request(request, None, Repeat::Safe).await {
            Ok(answer) => Ok(Some(answer.event)),
            Err(Error::HomeserverRefused { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// When something is to have happened, as the homeserver takes it.
pub(super) fn timestamp(at: Millis) -> Result<MilliSecondsSinceUnixEpoch> {
    let at = UInt::try_from(at).map_err(|_| Error::internal("a time is out of range"))?;
    Ok(MilliSecondsSinceUnixEpoch(at))
}
