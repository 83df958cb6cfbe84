//! Matrix events that are handed on: the entity beside the sender, and what is said of an event
//! whose content is not to be had.

use serde_json::{Map, Value, json};

use crate::domain::entity::Entity;
use crate::domain::event::{Event, What};
use crate::domain::id::UserId;
use crate::domain::member::Membership;

/// Puts `entity_id` beside the `sender` of a Matrix event. What is no event stays as it is.
pub fn name_sender(event: &mut Value, entity: impl Fn(&UserId) -> Entity) {
    let Some(fields) = event.as_object_mut() else {
        return;
    };
    let sender = fields.get("sender").and_then(Value::as_str);
    let Some(entity) = sender.and_then(UserId::parse).map(|user| entity(&user)) else {
        return;
    };
    // Beside it, also for people who read.
    let mut named = Map::with_capacity(fields.len() + 1);
    for (name, value) in std::mem::take(fields) {
        let is_sender = name == "sender";
        named.insert(name, value);
        if is_sender {
            named.insert("entity_id".to_owned(), entity.to_string().into());
        }
    }
    *fields = named;
}

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
        What::ChannelCreated(_) | What::ChannelUpdated { .. } | What::PinsChanged { .. } => {
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_stand_beside_their_senders() {
        let entity = |user: &UserId| Entity::User {
            localpart: user.localpart().to_owned(),
            server: None,
        };
        let mut event = json!({ "type": "m.x", "sender": "@alice:s", "content": {} });
        name_sender(&mut event, entity);
        let expected =
            r#"{"type":"m.x","sender":"@alice:s","entity_id":"user:alice","content":{}}"#;
        assert_eq!(event.to_string(), expected);
        for mut other in [json!({ "sender": 7 }), json!([]), json!({ "type": "m.x" })] {
            let before = other.clone();
            name_sender(&mut other, entity);
            assert_eq!(other, before);
        }
    }
}
