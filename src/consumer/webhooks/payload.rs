//! What a receiver is sent: the Matrix event, and beside it who and what it is in our words.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::{RawValue, Value, to_raw_value};

use super::super::addressed;
use super::Workshop;
use crate::domain::channel::Channel;
use crate::domain::event::{Event, What};
use crate::domain::id::{ChannelId, EventId, MessageId, Seq, UserId};
use crate::domain::message::Message;
use crate::domain::webhook::{Webhook, delivery_id};
use crate::domain::{Error, Result};
use crate::payload::{CommandJson, outline};

/// The name of test events.
const TEST: &str = "webhook.test";

/// A delivery, the same on every try but for its time and signature.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// By what the receiver knows it.
    pub id: String,
    /// Our name of the event.
    pub name: &'static str,
    pub seq: Seq,
    pub event: Option<EventId>,
    pub channel: Option<ChannelId>,
    /// Whether anything of what was said is in the body.
    pub has_content: bool,
    pub body: Bytes,
}

#[derive(Serialize)]
struct Body<'a> {
    subscription_id: String,
    room_id: Option<&'a str>,
    event: &'a RawValue,
    name: &'a str,
    channel_id: Option<ChannelId>,
    entity_id: String,
    /// Whose membership the event changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    state_key_entity_id: Option<String>,
    seq: Seq,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<MessageId>,
    /// Why the event has no content.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
    /// What the message asks of an agent.
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<CommandJson>,
}

impl Body<'_> {
    fn bytes(&self) -> Result<Bytes> {
        let bytes = serde_json::to_vec(self).map_err(|error| Error::internal(error.to_string()))?;
        Ok(bytes.into())
    }
}

/// What a webhook is sent of an event.
pub async fn prepare(workshop: &Workshop, webhook: &Webhook, event: &Event) -> Result<Delivery> {
    let channel = workshop.directory.channel(event.channel);
    let unknown = || Error::not_found(format!("channel {} is not known yet", event.channel));
    let channel = channel.ok_or_else(unknown)?;
    let connector = || workshop.directory.naming.connector();
    let by = event.what.by().cloned().unwrap_or_else(connector);
    let (raw, why) = content(workshop, &channel, event).await?;
    let command = match addressed::spoken(&event.what).filter(|_| why.is_none()) {
        Some(said) => command(workshop, said, &raw).await?,
        None => None,
    };
    let body = Body {
        subscription_id: webhook.id.to_string(),
        room_id: Some(channel.room.as_str()),
        event: &raw,
        name: event.what.name(),
        channel_id: Some(channel.id),
        entity_id: workshop.directory.entity(&by).to_string(),
        state_key_entity_id: member(&event.what).map(|user| {
            let entity = workshop.directory.entity(user);
            entity.to_string()
        }),
        seq: event.seq,
        message_id: message_id(&event.what),
        why,
        command,
    };
    Ok(Delivery {
        id: delivery_id(event),
        name: event.what.name(),
        seq: event.seq,
        event: event.event.clone(),
        channel: Some(event.channel),
        has_content: why.is_none(),
        body: body.bytes()?,
    })
}

/// What a message asks of an agent, its arguments whole.
async fn command(
    workshop: &Workshop,
    said: &Message,
    raw: &RawValue,
) -> Result<Option<CommandJson>> {
    #[derive(Deserialize)]
    struct Raw {
        content: Content,
    }
    #[derive(Deserialize)]
    struct Content {
        body: String,
    }
    let whole = match said.truncated {
        true => serde_json::from_str::<Raw>(raw.get()).ok(),
        false => None,
    };
    let text = whole.map_or_else(|| said.preview.clone(), |raw| raw.content.body);
    let called = addressed::called(&workshop.store, &workshop.directory, said, &text).await?;
    Ok(called.as_ref().map(CommandJson::from))
}

/// The Matrix event, as it was pushed or as the homeserver shows it now.
async fn content(
    workshop: &Workshop,
    channel: &Channel,
    event: &Event,
) -> Result<(Box<RawValue>, Option<&'static str>)> {
    let why = match &event.event {
        // Nothing of such a channel's content leaves the homeserver, whenever it was said.
        _ if channel.confidential => "encrypted",
        None => "gone",
        Some(id) => {
            for room in channel.rooms() {
                if let Some(raw) = workshop.recent.event(room, id).await? {
                    return Ok(((*raw).to_owned(), None));
                }
            }
            "gone"
        }
    };
    let mut outline = outline::outline(event, &workshop.directory.naming.connector(), None);
    outline["room_id"] = channel.room.as_str().into();
    Ok((raw_of(&outline)?, Some(why)))
}

fn raw_of(value: &Value) -> Result<Box<RawValue>> {
    to_raw_value(value).map_err(|error| Error::internal(error.to_string()))
}

/// Whose membership an event changes.
fn member(what: &What) -> Option<&UserId> {
    match what {
        What::MemberChanged(member) => Some(&member.user),
        _ => None,
    }
}

/// The message that an event is or is about.
fn message_id(what: &What) -> Option<MessageId> {
    match what {
        What::MessageCreated(message) | What::MediaUploaded(message) => Some(message.id),
        What::MessageEdited { target, .. }
        | What::MessageDeleted { target, .. }
        | What::ReactionAdded { target, .. } => Some(MessageId::of(target)),
        What::ReactionRemoved { message, .. } => Some(*message),
        _ => None,
    }
}

/// An event that has not happened, in the form of those that do.
pub fn test(workshop: &Workshop, webhook: &Webhook) -> Delivery {
    let fresh = workshop.clock.uuid();
    let connector = workshop.directory.naming.connector();
    let channel = webhook
        .channel
        .and_then(|id| workshop.directory.channel(id));
    let body = json!({
        "subscription_id": webhook.id.to_string(),
        "room_id": channel.as_ref().map(|channel| &channel.room),
        "event": {
            "type": "city.daarion.test",
            "event_id": format!("$test-{fresh}"),
            "sender": connector,
            "content": { "body": "a test event of daarion: nothing has happened" },
            "origin_server_ts": workshop.clock.now(),
        },
        "name": TEST,
        "channel_id": webhook.channel,
        "entity_id": workshop.directory.entity(&connector).to_string(),
        "seq": 0,
    });
    Delivery {
        id: format!("evt_{fresh}"),
        name: TEST,
        seq: 0,
        event: None,
        channel: webhook.channel,
        has_content: false,
        body: body.to_string().into(),
    }
}
