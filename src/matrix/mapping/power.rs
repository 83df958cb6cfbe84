//! Power levels: who may do what in a room (client-server API, "m.room.power_levels"), the
//! creators of room version 12 included (MSC4289).

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::json;
use crate::domain::access::Levels;
use crate::domain::id::UserId;

/// The first room version whose creators have infinite power and stand in no list.
const CREATORS_RULE: u32 = 12;
/// What the creator of an older room has where there are no levels.
const CREATOR: i64 = 100;

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

    /// Whether the room has no such event, or none that can be read.
    #[must_use]
    pub fn is_unset(&self) -> bool {
        self.levels.is_none()
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
            None if self.creation.holds(user) => CREATOR,
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

    /// The same in our words; what is malformed counts as left out.
    #[must_use]
    pub fn levels(&self) -> Levels {
        let Some(content) = &self.levels else {
            let creator = self.creation.creators.first();
            let creator = creator.and_then(|user| UserId::parse(user));
            return Levels {
                creators: self.creators(),
                ..Levels::unset(creator.filter(|_| !self.creation.creators_rule))
            };
        };
        let unset = Levels::default();
        let or = |key, unset: i64| level(content.get(key)).unwrap_or(unset);
        Levels {
            creators: self.creators(),
            users: named(content, "users", UserId::parse),
            users_default: or("users_default", unset.users_default),
            events: named(content, "events", |kind| Some(kind.to_owned())),
            events_default: or("events_default", unset.events_default),
            state_default: or("state_default", unset.state_default),
            invite: or("invite", unset.invite),
            kick: or("kick", unset.kick),
            ban: or("ban", unset.ban),
            redact: or("redact", unset.redact),
        }
    }

    /// Those who stand above all levels.
    fn creators(&self) -> BTreeSet<UserId> {
        let all = self.creation.creators.iter();
        let creators = all.filter(|_| self.creation.creators_rule);
        creators.filter_map(|user| UserId::parse(user)).collect()
    }

    /// The levels with a user at `level`; `None`: no longer named.
    #[must_use]
    pub fn with(&self, user: &UserId, level: Option<i64>) -> Value {
        let mut levels = self.levels.clone().unwrap_or_default();
        // Whoever created a room without levels has their power from that alone.
        let creator = self.creation.creators.first();
        if let Some(creator) = creator.filter(|_| self.is_unset() && !self.creation.creators_rule) {
            put(&mut levels, "users", creator, CREATOR);
        }
        match level {
            Some(level) => put(&mut levels, "users", user.as_str(), level),
            None => {
                if let Some(Value::Object(users)) = levels.get_mut("users") {
                    users.remove(user.as_str());
                }
            }
        }
        Value::Object(levels)
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

/// A list of levels by what they are for.
fn named<K: Ord>(
    content: &Map<String, Value>,
    list: &str,
    key: impl Fn(&str) -> Option<K>,
) -> BTreeMap<K, i64> {
    let listed = content.get(list).and_then(Value::as_object);
    let entry = |(name, value): (&String, &Value)| Some((key(name)?, level(Some(value))?));
    listed.into_iter().flatten().filter_map(entry).collect()
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
