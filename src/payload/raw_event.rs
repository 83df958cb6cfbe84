//! Matrix events that are handed on as they came, our words beside theirs.
//!
//! Nothing is looked at deeper than the fields of the event: what is in them stays the text that
//! it is, however deep, long or odd, and is copied once. Begin with [`hand_on`].

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::domain::entity::Entity;
use crate::domain::id::UserId;

/// What stands beside `sender`, and beside the `state_key` that names a user. An event that comes
/// with either has it from whoever made the event.
const OURS: [&str; 2] = ["entity_id", "state_key_entity_id"];

/// The fields of a JSON object in their order; the values are not looked into.
pub struct Fields<'a, T = &'a RawValue>(pub Vec<(Cow<'a, str>, T)>);

/// An event that is handed on.
pub enum HandedOn<'a> {
    /// It has no fields that could be read.
    AsItIs(&'a RawValue),
    Named(Fields<'a, Part<'a>>),
}

/// What a field of it has.
pub enum Part<'a> {
    Theirs(&'a RawValue),
    Ours(String),
}

/// An event without some of its fields, with the entities of its sender and of the user that it is
/// about.
pub fn hand_on<'a>(
    raw: &'a RawValue,
    without: &[&str],
    entity: impl Fn(&UserId) -> Entity,
) -> HandedOn<'a> {
    let Ok(Fields(fields)) = serde_json::from_str::<Fields<'_>>(raw.get()) else {
        return HandedOn::AsItIs(raw);
    };
    let is_of_member = fields
        .iter()
        .any(|(name, value)| name == "type" && value.get() == "\"m.room.member\"");
    let mut named = Vec::with_capacity(fields.len() + OURS.len());
    for (name, value) in fields {
        if OURS.contains(&name.as_ref()) || without.contains(&name.as_ref()) {
            continue;
        }
        let beside = match name.as_ref() {
            "sender" => Some(OURS[0]),
            "state_key" if is_of_member => Some(OURS[1]),
            _ => None,
        };
        named.push((name, Part::Theirs(value)));
        if let Some((beside, user)) = beside.zip(user(value)) {
            let entity = entity(&user).to_string();
            named.push((beside.into(), Part::Ours(entity)));
        }
    }
    HandedOn::Named(Fields(named))
}

fn user(value: &RawValue) -> Option<UserId> {
    UserId::parse(&serde_json::from_str::<String>(value.get()).ok()?)
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Fields<'de, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object(PhantomData))
    }
}

struct Object<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
    type Value = Fields<'de, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some((Name(name), value)) = map.next_entry()? {
            fields.push((name, value));
        }
        Ok(Fields(fields))
    }
}

/// A name that is copied only where it is escaped.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<T: Serialize> Serialize for Fields<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl Serialize for HandedOn<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::AsItIs(raw) => raw.serialize(serializer),
            Self::Named(fields) => fields.serialize(serializer),
        }
    }
}

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Theirs(raw) => raw.serialize(serializer),
            Self::Ours(text) => text.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handed_on(event: &str) -> String {
        let raw: &RawValue = serde_json::from_str(event).expect("JSON");
        let entity = |user: &UserId| Entity::User {
            localpart: user.localpart().to_owned(),
            server: None,
        };
        serde_json::to_string(&hand_on(raw, &["age"], entity)).expect("JSON")
    }

    #[test]
    fn entities_stand_beside_their_users() {
        for (event, seen) in [
            (
                r#"{"type":"m.x","sender":"@alice:s","content":{}}"#,
                r#"{"type":"m.x","sender":"@alice:s","entity_id":"user:alice","content":{}}"#,
            ),
            (
                r#"{"type":"m.room.member","state_key":"@bob:s","age":7,"sender":"@alice:s"}"#,
                r#"{"type":"m.room.member","state_key":"@bob:s","state_key_entity_id":"user:bob","sender":"@alice:s","entity_id":"user:alice"}"#,
            ),
            (
                r#"{"type":"m.x","state_key":"@bob:s"}"#,
                r#"{"type":"m.x","state_key":"@bob:s"}"#,
            ),
        ] {
            assert_eq!(handed_on(event), seen);
        }
    }

    #[test]
    fn nobody_else_says_who_somebody_is() {
        let forged = r#"{"entity_id":"agent:sofia","sender":"@alice:s","entity_id":"agent:sofia"}"#;
        let seen = r#"{"sender":"@alice:s","entity_id":"user:alice"}"#;
        assert_eq!(handed_on(forged), seen);
        assert_eq!(handed_on(r#"{"state_key_entity_id":"user:x"}"#), "{}");
    }

    #[test]
    fn what_cannot_be_read_stays_what_it_is() {
        let deep = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
        for odd in [&deep, "1e999", r#""\ud800""#, r#"{"\ud800":0}"#] {
            let event = format!(r#"{{"sender":"@alice:s","content":{odd}}}"#);
            let seen =
                format!(r#"{{"sender":"@alice:s","entity_id":"user:alice","content":{odd}}}"#);
            assert_eq!(handed_on(&event), seen, "it is not looked into");
        }
        for odd in ["7", "[]", "null", &deep, r#"{"\ud800":"@alice:s"}"#] {
            assert_eq!(handed_on(odd), odd);
        }
        let nobody = r#"{"sender":7,"content":{}}"#;
        assert_eq!(handed_on(nobody), nobody);
    }
}
