//! The filter of a poll of our own stream: what of Matrix's filters means something here
//! (client-server API, "Filtering"). What it does not know is left alone, as homeservers do.

use serde::Deserialize;

use crate::domain::id::{RoomId, UserId};
use crate::domain::{Error, Result};

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Filter {
    room: RoomFilter,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RoomFilter {
    rooms: Option<Vec<String>>,
    not_rooms: Vec<String>,
    timeline: EventFilter,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct EventFilter {
    limit: Option<usize>,
    rooms: Option<Vec<String>>,
    not_rooms: Vec<String>,
    senders: Option<Vec<String>>,
    not_senders: Vec<String>,
    types: Option<Vec<String>>,
    not_types: Vec<String>,
}

impl Filter {
    /// Reads a filter; none takes everything.
    pub fn parse(json: Option<&str>) -> Result<Self> {
        let Some(json) = json.filter(|json| !json.is_empty()) else {
            return Ok(Self::default());
        };
        let is_object = json.trim_start().starts_with('{');
        let read = is_object.then(|| serde_json::from_str(json));
        match read {
            Some(Ok(filter)) => Ok(filter),
            Some(Err(error)) => Err(Error::invalid("filter", format!("is no filter: {error}"))),
            None => Err(Error::invalid("filter", "must be a filter in JSON")),
        }
    }

    /// Whether an event is to be shown.
    pub fn takes(&self, room: &RoomId, kind: &str, sender: &UserId) -> bool {
        let (rooms, events) = (&self.room, &self.room.timeline);
        let is_type = |pattern: &String| matches_type(pattern, kind);
        fits(rooms.rooms.as_deref(), &rooms.not_rooms, room.as_str())
            && fits(events.rooms.as_deref(), &events.not_rooms, room.as_str())
            && fits(
                events.senders.as_deref(),
                &events.not_senders,
                sender.as_str(),
            )
            && !events.not_types.iter().any(is_type)
            && events
                .types
                .as_ref()
                .is_none_or(|list| list.iter().any(is_type))
    }

    /// How many events of a room are shown at once.
    pub fn limit(&self) -> usize {
        self.room.timeline.limit.unwrap_or(usize::MAX).max(1)
    }
}

/// Whether a text is listed, if there is a list, and not excluded.
fn fits(wanted: Option<&[String]>, unwanted: &[String], text: &str) -> bool {
    let lists = |list: &[String]| list.iter().any(|listed| listed == text);
    wanted.is_none_or(lists) && !lists(unwanted)
}

/// A `*` stands for any characters.
fn matches_type(pattern: &str, kind: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| kind.strip_prefix(first)) else {
        return false;
    };
    let parts: Vec<_> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.find(part) {
            Some(place) => rest = &rest[place + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(filter: &str, room: &str, kind: &str, sender: &str) -> bool {
        let filter = Filter::parse(Some(filter)).expect("a filter");
        let (room, sender) = (RoomId::trusted(room), UserId::trusted(sender));
        filter.takes(&room, kind, &sender)
    }

    #[test]
    fn filters_take_what_they_name() {
        for (filter, takes_it) in [
            ("{}", true),
            (r#"{"room":{"rooms":["!a"]}}"#, true),
            (r#"{"room":{"rooms":["!b"]}}"#, false),
            (r#"{"room":{"not_rooms":["!a"]}}"#, false),
            (r#"{"room":{"rooms":[]}}"#, false),
            (
                r#"{"room":{"timeline":{"types":["m.room.message"]}}}"#,
                true,
            ),
            (r#"{"room":{"timeline":{"types":["m.room.*"]}}}"#, true),
            (r#"{"room":{"timeline":{"types":["m.*.name"]}}}"#, false),
            (r#"{"room":{"timeline":{"not_types":["*"]}}}"#, false),
            (r#"{"room":{"timeline":{"senders":["@x:s"]}}}"#, true),
            (r#"{"room":{"timeline":{"not_senders":["@x:s"]}}}"#, false),
            (r#"{"presence":{"types":[]},"unknown":7}"#, true),
        ] {
            let found = takes(filter, "!a", "m.room.message", "@x:s");
            assert_eq!(found, takes_it, "{filter}");
        }
    }

    #[test]
    fn stars_stand_for_any_characters() {
        for (pattern, kind, fits) in [
            ("m.room.message", "m.room.message", true),
            ("m.room", "m.room.message", false),
            ("*", "anything", true),
            ("*message", "m.room.message", true),
            ("m*room*message", "m.room.message", true),
            ("m.*.member", "m.room.message", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(matches_type(pattern, kind), fits, "{pattern} {kind}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for bad in ["7", "[]", "filter-id", r#"{"room":7}"#] {
            let wrong = Filter::parse(Some(bad)).err().expect(bad).to_string();
            assert!(wrong.starts_with("filter: "), "{wrong}");
        }
    }
}
