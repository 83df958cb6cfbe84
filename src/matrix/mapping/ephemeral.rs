//! What comes and goes: presence.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::json;
use crate::domain::id::UserId;
use crate::homeserver::Ephemeral;

/// Maps an ephemeral event; `None` is one that we have no use for, or a malformed one.
#[must_use]
pub fn ephemeral(raw: &RawValue) -> Option<Ephemeral> {
    #[derive(Deserialize)]
    struct Event<'a> {
        #[serde(borrow, rename = "type")]
        kind: Option<&'a RawValue>,
        #[serde(borrow)]
        sender: Option<&'a RawValue>,
        #[serde(borrow)]
        content: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Presence<'a> {
        #[serde(borrow)]
        presence: Option<&'a RawValue>,
        #[serde(borrow)]
        currently_active: Option<&'a RawValue>,
    }
    let event: Event = json::object(raw)?;
    if json::text(event.kind)? != "m.presence" {
        return None;
    }
    let content: Presence = json::field(event.content)?;
    let state = json::text(content.presence)?;
    Some(Ephemeral::Presence {
        user: UserId::parse(&json::text(event.sender)?)?,
        online: state == "online" || json::boolean(content.currently_active) == Some(true),
    })
}
