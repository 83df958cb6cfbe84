//! What is said of a Matrix event whose content is not to be had.

use serde_json::{Value, json};

use crate::domain::event::{Event, What};
use crate::domain::id::UserId;
use crate::domain::member::Membership;

/// An event without its content: that is gone, or not for us to read. `connector` is who did what
/// the connector did.
#[must_use]
pub fn outline(event: &Event, connector: &UserId, why: Option<&str>) -> Value {
    let mut outline = json!({
        "type": event.what.matrix_type(),
        "event_id": event.event,
        "sender": event.what.by().unwrap_or(connector),
        "content": {},
        "origin_server_ts": event.what.at(),
    });
    match &event.what {
        What::MemberChanged(member) => {
            outline["state_key"] = member.user.as_str().into();
            outline["content"] = json!({ "membership": membership(member.membership) });
        }
        What::MessageDeleted { target, .. } | What::ReactionRemoved { target, .. } => {
            outline["redacts"] = target.as_str().into();
            outline["content"] = json!({ "redacts": target });
        }
        What::ChannelCreated(_)
        | What::ChannelUpdated { .. }
        | What::PinsChanged { .. }
        | What::LevelsChanged { .. } => {
            outline["state_key"] = "".into();
        }
        _ => {}
    }
    if let Some(why) = why {
        outline["why"] = why.into();
    }
    outline
}

/// The word of Matrix.
fn membership(membership: Membership) -> &'static str {
    match membership {
        Membership::Invited => "invite",
        Membership::Joined => "join",
        Membership::Left => "leave",
        Membership::Banned => "ban",
        Membership::Knocking => "knock",
    }
}
