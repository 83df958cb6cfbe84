//! Power levels: who may do what in a room (client-server API, "m.room.power_levels"), the
//! creators of room version 12 included (MSC4289).

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::json;
use crate::domain::id::UserId;

/// The first room version whose creators have infinite power and stand in no list.
const CREATORS_RULE: u32 = 12;

/// What the creation of a room says of power, which never changes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Creation {
    creators: Vec<String>,
    /// Whether the creators stand above all levels.
    pub creators_rule: bool,
}

/// The power levels of a room.
#[derive(Clone, Debug, Default)]
pub struct Power {
    pub creation: Creation,
    /// `None`: the room has no such event.
    levels: Option<Map<String, Value>>,
}

/// Whether the creators of rooms of this version stand above all power levels.
#[must_use]
pub fn has_creators_rule(room_version: &str) -> bool {
    room_version
        .parse::<u32>()
        .is_ok_and(|version| version >= CREATORS_RULE)
}

impl Creation {
    /// Reads the whole `m.room.create` event.
    #[must_use]
    pub fn read(event: &RawValue) -> Option<Self> {
        #[derive(Deserialize)]
        struct Content<'a> {
            #[serde(borrow)]
            room_version: Option<&'a RawValue>,
            #[serde(borrow)]
            additional_creators: Option<&'a RawValue>,
        }
        let envelope: super::Envelope = json::object(event)?;
        let content: Content = json::field(envelope.content)?;
        let creators_rule =
            json::text(content.room_version).is_some_and(|version| has_creators_rule(&version));
        let mut creators = vec![json::text(envelope.sender)?.into_owned()];
        if let Some(raw) = content.additional_creators.filter(|_| creators_rule) {
            let more: Vec<String> = serde_json::from_str(raw.get()).unwrap_or_default();
            creators.extend(more);
        }
        Some(Self {
            creators,
            creators_rule,
        })
    }

    fn holds(&self, user: &UserId) -> bool {
        self.creators.iter().any(|one| one == user.as_str())
    }
}

impl Power {
    /// `levels` is the content of `m.room.power_levels`, if there is one.
    #[must_use]
    pub fn new(creation: Creation, levels: Option<&RawValue>) -> Self {
        Self {
            creation,
            levels: levels.and_then(json::object),
        }
    }

    /// A user's level; a creator of a version 12 room stands above all.
    #[must_use]
    pub fn of(&self, user: &UserId) -> i64 {
        if self.creation.creators_rule && self.creation.holds(user) {
            return i64::MAX;
        }
        match &self.levels {
            Some(levels) => nested(levels, "users", user.as_str())
                .or_else(|| level(levels.get("users_default")))
                .unwrap_or(0),
            None if self.creation.holds(user) => 100,
            None => 0,
        }
    }

    /// The level that setting a state event of this type needs.
    #[must_use]
    pub fn to_set(&self, kind: &str) -> i64 {
        match &self.levels {
            Some(levels) => nested(levels, "events", kind)
                .or_else(|| level(levels.get("state_default")))
                .unwrap_or(50),
            None => 0,
        }
    }

    /// The levels with a user raised to `to`, and an event type out of reach of others.
    #[must_use]
    pub fn raised(&self, user: &UserId, to: i64, kind: &str) -> Value {
        let mut levels = self.levels.clone().unwrap_or_default();
        put(&mut levels, "users", user.as_str(), to);
        if self.to_set(kind) < to {
            put(&mut levels, "events", kind, to);
        }
        Value::Object(levels)
    }
}

fn nested(levels: &Map<String, Value>, list: &str, key: &str) -> Option<i64> {
    level(levels.get(list)?.get(key))
}

/// Room versions before 10 allowed levels that are strings.
fn level(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn put(levels: &mut Map<String, Value>, list: &str, key: &str, to: i64) {
    let entry = levels
        .entry(list)
        .or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(entry) = entry {
        entry.insert(key.to_owned(), to.into());
    }
}
