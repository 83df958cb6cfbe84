//! `m.relates_to`: how an event refers to others (client-server API, "Forming relationships
//! between events", "Rich replies", "Threading").

use serde::Deserialize;
use serde_json::value::RawValue;

use super::json;
use crate::domain::id::EventId;

/// What an event refers to.
#[derive(Default)]
pub(super) struct Relation<'a> {
    /// It replaces this event's content.
    pub replaces: Option<Target>,
    /// It annotates this event with a key.
    pub annotates: Option<(Target, Option<&'a RawValue>)>,
    pub reply_to: Option<EventId>,
    pub thread: Option<EventId>,
}

/// The event that a relation names; `None` when that is no event id.
pub(super) type Target = Option<EventId>;

#[derive(Deserialize)]
struct RelatesTo<'a> {
    #[serde(borrow)]
    rel_type: Option<&'a RawValue>,
    #[serde(borrow)]
    event_id: Option<&'a RawValue>,
    #[serde(borrow)]
    key: Option<&'a RawValue>,
    #[serde(borrow, rename = "m.in_reply_to")]
    in_reply_to: Option<&'a RawValue>,
    #[serde(borrow)]
    is_falling_back: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct InReplyTo<'a> {
    #[serde(borrow)]
    event_id: Option<&'a RawValue>,
}

/// Reads a relation; what of it is malformed or unknown is left out.
pub(super) fn relation(raw: Option<&RawValue>) -> Relation<'_> {
    let Some(relates_to) = json::field::<RelatesTo>(raw) else {
        return Relation::default();
    };
    let target = event_id(relates_to.event_id);
    let mut relation = Relation {
        reply_to: json::field::<InReplyTo>(relates_to.in_reply_to)
            .and_then(|reply| event_id(reply.event_id)),
        ..Relation::default()
    };
    match json::text(relates_to.rel_type).as_deref() {
        Some("m.replace") => relation.replaces = Some(target),
        Some("m.annotation") => relation.annotates = Some((target, relates_to.key)),
        Some("m.thread") => {
            relation.thread = target;
            // For clients without threads, the last message of the thread stands here.
            if json::boolean(relates_to.is_falling_back) == Some(true) {
                relation.reply_to = None;
            }
        }
        _ => {}
    }
    relation
}

fn event_id(raw: Option<&RawValue>) -> Option<EventId> {
    json::text(raw).and_then(|id| EventId::parse(&id))
}
