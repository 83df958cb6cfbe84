//! What is done about an event that is there: reactions, redactions, pins.

use ruma::api::client::message::send_message_event;
use ruma::api::client::redact::redact_event;
use ruma::api::client::relations::get_relating_events_with_rel_type_and_event_type as relations;
use ruma::events::relation::RelationType;
use ruma::events::{MessageLikeEventType, StateEventType, TimelineEventType};
use ruma::serde::Raw;
use ruma::{OwnedTransactionId, UInt};
use serde_json::json;

use super::client::Repeat;
use super::{Matrix, ids, mapping, messages, rooms};
use crate::domain::Result;
use crate::domain::id::{EventId, RoomId};
use crate::homeserver::{Reaction, Redaction};

/// Reactions that are asked for at a time, and the most such pages.
const PAGE: u32 = 100;
const PAGES: usize = 50;

impl Matrix {
    pub(super) async fn send_reaction(&self, reaction: &Reaction) -> Result<EventId> {
        let content = json!({ "m.relates_to": {
            "rel_type": "m.annotation",
            "event_id": reaction.target,
            "key": reaction.key,
        }});
        let mut request = send_message_event::v3::Request::new_raw(
            ids::room(&reaction.room)?,
            OwnedTransactionId::from(reaction.transaction.to_string()),
            MessageLikeEventType::Reaction,
            Raw::from_json(rooms::json(&content)?),
        );
        request.timestamp = reaction.at.map(messages::timestamp).transpose()?;
        let answer = self
            .client
            .request(request, reaction.sender.as_ref(), Repeat::Safe)
            .await?;
        Ok(EventId::trusted(answer.event_id.as_str()))
    }

    pub(super) async fn look_for_reaction(&self, reaction: &Reaction) -> Result<Option<EventId>> {
        let acting = reaction.sender.as_ref();
        let connector = self.directory.naming.connector();
        let user = acting.unwrap_or(&connector);
        let mut from = None;
        for _ in 0..PAGES {
            let mut request = relations::v1::Request::new(
                ids::room(&reaction.room)?,
                ids::event(&reaction.target)?,
                RelationType::Annotation,
                TimelineEventType::Reaction,
            );
            request.limit = Some(UInt::from(PAGE));
            request.from = from;
            let page = self.client.request(request, acting, Repeat::Safe).await?;
            let is_it = |event: &Raw<_>| mapping::reaction_by(event.json(), user, &reaction.key);
            let found = page.chunk.iter().find_map(is_it);
            if found.is_some() || page.next_batch.is_none() {
                return Ok(found);
            }
            from = page.next_batch;
        }
        Ok(None)
    }

    pub(super) async fn send_redaction(&self, redaction: &Redaction) -> Result<EventId> {
        let mut request = redact_event::v3::Request::new(
            ids::room(&redaction.room)?,
            ids::event(&redaction.target)?,
            OwnedTransactionId::from(redaction.transaction.to_string()),
        );
        request.reason.clone_from(&redaction.reason);
        let answer = self
            .client
            .request(request, redaction.sender.as_ref(), Repeat::Safe)
            .await?;
        Ok(EventId::trusted(answer.event_id.as_str()))
    }

    pub(super) async fn read_pins(&self, room: &RoomId) -> Result<Vec<EventId>> {
        let kind = StateEventType::RoomPinnedEvents;
        let content = self.read_one_state(room, kind, "", false).await?;
        // What cannot be read is replaced by the next change, as other clients do.
        Ok(content.map_or_else(Vec::new, |content| mapping::pins(&content)))
    }
}
