//! What every Matrix event has, read in two steps: the raw fields, which cost next to
//! nothing, and, once the event is known to be of a channel, the checked ones.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::json;
use crate::directory::Directory;
use crate::domain::channel::Channel;
use crate::domain::id::{EventId, Millis, UserId};

/// Why an event cannot be used.
pub(super) type Reason = Cow<'static, str>;

/// An event's fields as they came; `None` is missing or null.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow, rename = "type")]
    pub kind: Option<&'a RawValue>,
    #[serde(borrow)]
    pub room_id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub event_id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub sender: Option<&'a RawValue>,
    #[serde(borrow)]
    pub origin_server_ts: Option<&'a RawValue>,
    #[serde(borrow)]
    pub state_key: Option<&'a RawValue>,
    #[serde(borrow)]
    pub content: Option<&'a RawValue>,
    #[serde(borrow)]
    pub unsigned: Option<&'a RawValue>,
    /// The target of a redaction in room versions before 11.
    #[serde(borrow)]
    pub redacts: Option<&'a RawValue>,
}

impl Envelope<'_> {
    /// What of an event of a confidential channel may be kept.
    pub fn without_content(&self) -> String {
        serde_json::json!({
            "type": self.kind,
            "event_id": self.event_id,
            "sender": self.sender,
            "origin_server_ts": self.origin_server_ts,
        })
        .to_string()
    }
}

/// What the homeserver adds to an event.
#[derive(Default, Deserialize)]
pub(super) struct Unsigned<'a> {
    #[serde(borrow)]
    pub redacted_because: Option<&'a RawValue>,
    /// What it has gathered of the events that relate to this one.
    #[serde(borrow, rename = "m.relations")]
    pub relations: Option<&'a RawValue>,
}

pub(super) fn unsigned<'a>(envelope: &Envelope<'a>) -> Unsigned<'a> {
    json::field(envelope.unsigned).unwrap_or_default()
}

/// An event of a channel, its common fields checked.
pub(super) struct Header<'a> {
    pub channel: &'a Channel,
    pub directory: &'a Directory,
    pub now: Millis,
    pub kind: Cow<'a, str>,
    pub event: EventId,
    pub sender: UserId,
    /// `origin_server_ts`, never later than the event's arrival.
    pub at: Millis,
    pub state_key: Option<Cow<'a, str>>,
    pub content: &'a RawValue,
    pub redacts: Option<&'a RawValue>,
    pub is_redacted: bool,
    pub relations: Option<&'a RawValue>,
}

impl<'a> Header<'a> {
    pub fn read(
        envelope: &Envelope<'a>,
        channel: &'a Channel,
        directory: &'a Directory,
        now: Millis,
    ) -> Result<Self, Reason> {
        let id = json::text(envelope.event_id).and_then(|id| EventId::parse(&id));
        let sender = json::text(envelope.sender).and_then(|user| UserId::parse(&user));
        let state_key = match envelope.state_key {
            Some(raw) => Some(json::text(Some(raw)).ok_or("state_key is no string")?),
            None => None,
        };
        let unsigned = unsigned(envelope);
        Ok(Self {
            channel,
            directory,
            now,
            kind: json::text(envelope.kind).ok_or("type is no string")?,
            event: id.ok_or("event_id is no event id")?,
            sender: sender.ok_or("sender is no user id")?,
            at: json::integer(envelope.origin_server_ts)
                .ok_or("origin_server_ts is no time")?
                .min(now),
            state_key,
            content: envelope.content.ok_or("content is missing")?,
            redacts: envelope.redacts,
            is_redacted: unsigned.redacted_because.is_some(),
            relations: unsigned.relations,
        })
    }

    /// Reads the content as an object.
    pub fn content<T: Deserialize<'a>>(&self) -> Result<T, Reason> {
        json::object(self.content).ok_or_else(|| "content is no usable object".into())
    }

    /// Refuses what must not be a state event.
    pub fn expect_message(&self) -> Result<(), Reason> {
        match self.state_key {
            None => Ok(()),
            Some(_) => Err("is a state event, which its type must not be".into()),
        }
    }

    /// Refuses what is not the room's one state event of its type.
    pub fn expect_state(&self) -> Result<(), Reason> {
        match self.state_key.as_deref() {
            Some("") => Ok(()),
            _ => Err("state_key is not the empty string".into()),
        }
    }
}
