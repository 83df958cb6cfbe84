//! Messages of services.

use ruma::OwnedTransactionId;
use ruma::api::client::message::send_message_event;
use ruma::events::MessageLikeEventType;
use ruma::serde::Raw;

use super::super::client::Repeat;
use super::super::{Matrix, ids, mapping, messages};
use crate::domain::Result;
use crate::domain::id::EventId;
use crate::homeserver::gateway::Draft;

impl Matrix {
    pub(super) async fn send_content(&self, draft: &Draft) -> Result<EventId> {
        let mut request = send_message_event::v3::Request::new_raw(
            ids::room(&draft.room)?,
            OwnedTransactionId::from(draft.transaction.to_string()),
            MessageLikeEventType::RoomMessage,
            Raw::from_json(mapping::draft_content(draft)?),
        );
        request.timestamp = Some(messages::timestamp(draft.at)?);
        let answer = self
            .client
            .request(request, draft.sender.as_ref(), Repeat::Safe)
            .await?;
        Ok(EventId::trusted(answer.event_id.as_str()))
    }
}
