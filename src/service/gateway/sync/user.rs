//! What the homeserver tells a user: its own `/sync` as that user, whose connection is dropped with
//! the poll.
//!
//! The answer is read only as far as its lists of events. What is in an event, and whatever else
//! there is, goes through as it came.

use serde::{Serialize, Serializer};
use serde_json::json;
use serde_json::value::RawValue;

use super::super::json as answer_of;
use super::{EventSync, Poll};
use crate::domain::entity::Entity;
use crate::domain::id::UserId;
use crate::domain::service::ServiceCaller;
use crate::domain::{Error, Result};
use crate::homeserver::timeline::SyncQuery;
use crate::payload::raw_event::{Fields, HandedOn, hand_on};

impl EventSync {
    pub(super) async fn theirs(
        &self,
        caller: &ServiceCaller,
        user: &UserId,
        poll: &Poll,
    ) -> Result<Vec<u8>> {
        let query = SyncQuery {
            since: poll.since.clone(),
            timeout_ms: u64::try_from(self.wait_of(poll).as_millis()).unwrap_or_default(),
            filter: poll.filter.clone(),
        };
        let answer = tokio::select! {
            answer = self.timeline.sync(user, &query) => answer?,
            () = self.stop.cancelled() => return self.nothing_more(poll),
        };
        let entity = |user: &UserId| self.core.directory.entity(user);
        shown(&answer, caller.rights.rooms.as_deref(), entity)
    }

    /// What is answered to whoever polls while daarion stops.
    fn nothing_more(&self, poll: &Poll) -> Result<Vec<u8>> {
        match &poll.since {
            Some(since) => answer_of(&json!({ "next_batch": since, "rooms": {} })),
            None => Err(Error::StoreUnavailable("daarion is stopping".to_owned())),
        }
    }
}

/// A part of a `/sync`.
enum Part<'a> {
    Whole(&'a RawValue),
    /// A list of events, each with the entities of its users.
    Events(Vec<HandedOn<'a>>),
    Section(Fields<'a, Part<'a>>),
    Rooms(Rooms<'a, Part<'a>>),
}

/// By how the user stands to them, by room, by what it is of the room.
type Rooms<'a, T> = Fields<'a, Fields<'a, Fields<'a, T>>>;

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Whole(raw) => raw.serialize(serializer),
            Self::Events(events) => events.serialize(serializer),
            Self::Section(fields) => fields.serialize(serializer),
            Self::Rooms(rooms) => rooms.serialize(serializer),
        }
    }
}

/// A `/sync` as a service sees it, of `allowed` rooms alone when there are such.
fn shown(
    answer: &str,
    allowed: Option<&[String]>,
    entity: impl Fn(&UserId) -> Entity + Copy,
) -> Result<Vec<u8>> {
    let Fields(mut fields) = read::<Fields<'_>>(answer)?;
    if allowed.is_some() {
        fields.retain(|(name, _)| name == "next_batch" || name == "rooms");
    }
    let mut parts = Vec::with_capacity(fields.len());
    for (name, raw) in fields {
        let part = match name.as_ref() {
            "rooms" => Part::Rooms(rooms(raw, allowed, entity)?),
            _ => section(raw, entity),
        };
        parts.push((name, part));
    }
    // With some room for the entities.
    let mut json = Vec::with_capacity(answer.len() + answer.len() / 8);
    serde_json::to_writer(&mut json, &Fields(parts))
        .map_err(|error| Error::internal(error.to_string()))?;
    Ok(json)
}

fn rooms<'a>(
    raw: &'a RawValue,
    allowed: Option<&[String]>,
    entity: impl Fn(&UserId) -> Entity + Copy,
) -> Result<Rooms<'a, Part<'a>>> {
    let Fields(kinds) = read::<Rooms<'_, &RawValue>>(raw.get())?;
    let is_allowed = |room: &str| allowed.is_none_or(|rooms| rooms.iter().any(|it| it == room));
    let kinds = kinds.into_iter().map(|(kind, Fields(rooms))| {
        let rooms = rooms.into_iter().filter(|(room, _)| is_allowed(room));
        let rooms = rooms.map(|(room, Fields(sections))| {
            let sections = sections.into_iter();
            let sections = sections.map(|(name, raw)| (name, section(raw, entity)));
            (room, Fields(sections.collect()))
        });
        (kind, Fields(rooms.collect()))
    });
    Ok(Fields(kinds.collect()))
}

/// Such as a `timeline`: what is called `events` in it is a list of them.
fn section<'a>(raw: &'a RawValue, entity: impl Fn(&UserId) -> Entity + Copy) -> Part<'a> {
    let Ok(Fields(fields)) = read::<Fields<'_>>(raw.get()) else {
        return Part::Whole(raw);
    };
    let fields = fields.into_iter().map(|(name, raw)| {
        let events = match name.as_ref() {
            "events" => read::<Vec<&RawValue>>(raw.get()).ok(),
            _ => None,
        };
        let part = events.map_or(Part::Whole(raw), |events| {
            let events = events.into_iter();
            Part::Events(events.map(|raw| hand_on(raw, &[], entity)).collect())
        });
        (name, part)
    });
    Part::Section(Fields(fields.collect()))
}

fn read<'a, T: serde::Deserialize<'a>>(json: &'a str) -> Result<T> {
    serde_json::from_str(json).map_err(|error| Error::HomeserverNonsense(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(answer: &str, allowed: Option<&[String]>) -> Result<String> {
        let entity = |user: &UserId| Entity::User {
            localpart: user.localpart().to_owned(),
            server: None,
        };
        let json = shown(answer, allowed, entity)?;
        Ok(String::from_utf8(json).expect("UTF-8"))
    }

    #[test]
    fn a_service_of_some_rooms_sees_no_others() {
        let answer = json!({
            "next_batch": "s1",
            "account_data": { "events": [] },
            "rooms": { "join": { "!a": { "x": 1 }, "!b": {} }, "invite": { "!b": {} } },
        });
        let left = seen(&answer.to_string(), Some(&["!a".to_owned()])).expect("is read");
        let expected = r#"{"next_batch":"s1","rooms":{"join":{"!a":{"x":1}},"invite":{}}}"#;
        assert_eq!(left, expected);
        let odd = r#"{"next_batch":"s1","rooms":[{"!b":{}}]}"#;
        let refused = seen(odd, Some(&["!a".to_owned()]));
        assert!(matches!(refused, Err(Error::HomeserverNonsense(_))));
    }

    #[test]
    fn every_list_of_events_names_their_users() {
        let event = r#"{"sender":"@a:s"}"#;
        let named = r#"{"sender":"@a:s","entity_id":"user:a"}"#;
        let answer = |event: &str| {
            format!(
                r#"{{"next_batch":"s1","presence":{{"events":[{event}]}},"rooms":{{"join":{{"!a":{{"timeline":{{"events":[{event},7],"limited":false}},"state":{{"events":[{event}]}},"summary":{{}},"odd":[1]}}}},"leave":{{}}}},"device_lists":{{"changed":["@a:s"]}}}}"#
            )
        };
        let seen = seen(&answer(event), None).expect("is read");
        assert_eq!(seen, answer(named));
    }

    #[test]
    fn an_odd_event_costs_nobody_else_anything() {
        let deep = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
        for odd in [&deep, "1e999", r#""\ud800""#] {
            let answer = format!(
                r#"{{"next_batch":"s1","rooms":{{"join":{{"!a":{{"timeline":{{"events":[{odd},{{"sender":"@a:s"}}]}}}}}}}}}}"#
            );
            let seen = seen(&answer, None).expect("is read");
            let named = r#"{"sender":"@a:s","entity_id":"user:a"}"#;
            assert_eq!(seen, answer.replace(r#"{"sender":"@a:s"}"#, named));
        }
    }
}
