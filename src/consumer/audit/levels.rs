//! What a change of a room's power levels is to the audit log: whose power is another, who was muted,
//! and what the room demands.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::deeds::Deeds;
use super::seen::readable;
use super::{AuditReader, Seen};
use crate::domain::access::{Levels, Power, Role};
use crate::domain::audit::Deed;
use crate::domain::event::Event;
use crate::domain::id::UserId;
use crate::store::StoreError;
use crate::store::audit::names::{of_channel, of_mute};

/// What the reader calls the levels of a channel.
pub(super) const LEVELS: &str = "levels";
/// What it keeps of somebody who is muted.
pub(super) const MUTED: &str = "muted";

/// The levels of a room, each by its name; `None`: a creator, who stands above all numbers.
#[derive(Default)]
struct Entries {
    users: BTreeMap<String, Option<i64>>,
    demands: BTreeMap<String, Option<i64>>,
}

impl Entries {
    fn of(levels: &Levels) -> Self {
        let named = |(user, level): (&UserId, &i64)| (user.to_string(), Some(*level));
        let mut users: BTreeMap<_, _> = levels.users.iter().map(named).collect();
        let creators = levels.creators.iter();
        users.extend(creators.map(|user| (user.to_string(), None)));
        let events = levels.events.iter();
        let events = events.map(|(kind, level)| (format!("events.{kind}"), Some(*level)));
        let rest = [
            ("users_default", levels.users_default),
            ("events_default", levels.events_default),
            ("state_default", levels.state_default),
            ("invite", levels.invite),
            ("kick", levels.kick),
            ("ban", levels.ban),
            ("redact", levels.redact),
        ];
        let rest = rest.map(|(name, level)| (name.to_owned(), Some(level)));
        Self {
            users,
            demands: events.chain(rest).collect(),
        }
    }

    /// As it was [written](written); nothing of what cannot be read.
    fn read(text: &str) -> Self {
        let read: Value = serde_json::from_str(text).unwrap_or_default();
        let entries = |name: &str| {
            let entries = read.get(name).and_then(Value::as_object);
            let entries = entries.into_iter().flatten();
            let entries = entries.map(|(name, level)| (name.clone(), level.as_i64()));
            entries.collect()
        };
        Self {
            users: entries("users"),
            demands: entries("demands"),
        }
    }

    /// What somebody has.
    fn power(&self, user: &str) -> Power {
        match self.users.get(user) {
            Some(None) => Power::Creator,
            Some(Some(level)) => Power::Level(*level),
            None => {
                let default = self.demands.get("users_default");
                Power::Level(default.copied().flatten().unwrap_or_default())
            }
        }
    }
}

/// The levels as they are kept until they change.
pub(super) fn written(levels: &Levels) -> String {
    let Entries { users, demands } = Entries::of(levels);
    json!({ "users": users, "demands": demands }).to_string()
}

impl AuditReader {
    /// A record for each whose power is another, and one for what the room demands. The first levels
    /// of a channel are part of its making.
    pub(super) async fn levels(
        &self,
        event: &Event,
        levels: &Levels,
        by: &UserId,
        seen: &mut Seen<'_>,
    ) -> Deeds {
        let name = of_channel(event.channel, LEVELS);
        let at = event.what.at();
        let deed = |action| Deed::new(action, self.actor(by), at);
        let change = seen.change(name, Some(written(levels)), at).await?;
        if change.as_ref().is_some_and(|change| change.is_late) {
            // Whose power was another by it is not known.
            let deed = deed("channel.levels_changed").target(event.channel);
            let Entries { users, demands } = Entries::of(levels);
            let after = json!({ "users": users, "demands": demands });
            return Ok(vec![deed.after(after)]);
        }
        let Some(before) = change.and_then(|change| change.before) else {
            return Ok(Vec::new());
        };
        let (before, now) = (Entries::read(&before), Entries::of(levels));
        let mut deeds = Vec::new();
        let users: BTreeSet<_> = before.users.keys().chain(now.users.keys()).collect();
        for user in users {
            let (was, is) = (before.power(user), now.power(user));
            let Some(user) = UserId::parse(user).filter(|_| was != is) else {
                continue;
            };
            let (action, after, asked) = self.risen_or_fallen(event, &user, is, seen).await?;
            let mut deed = deed(action).target(self.directory.entity(&user));
            if let Some(asked) = asked.filter(|_| deed.actor.is_empty()) {
                deed.actor = self.actor(&asked);
            }
            deeds.push(deed.before(told(was)).after(after));
        }
        if let Some((before, after)) = differing(&before.demands, &now.demands) {
            let deed = deed("channel.levels_changed").target(event.channel);
            deeds.push(deed.before(before).after(after));
        }
        Ok(deeds)
    }

    /// What it is called that somebody has another power, what they have, and who has asked the
    /// connector for it, as is written down.
    async fn risen_or_fallen(
        &self,
        event: &Event,
        user: &UserId,
        power: Power,
        seen: &mut Seen<'_>,
    ) -> Result<(&'static str, Value, Option<UserId>), StoreError> {
        let name = of_mute(event.channel, user.as_str());
        let at = event.what.at();
        let mute = readable(self.store.moderation.mute(event.channel, user).await)?;
        if let Some(mute) = mute.as_ref().filter(|it| Power::Level(it.level) == power) {
            seen.change(name, Some(MUTED.to_owned()), at).await?;
            return Ok(("member.muted", mute.told(), Some(mute.by.clone())));
        }
        Ok(match seen.change(name, None, at).await? {
            Some(_) => {
                let asked = mute.and_then(|mute| mute.lifted_by);
                ("member.unmuted", told(power), asked)
            }
            None => ("member.role_changed", told(power), None),
        })
    }
}

fn told(power: Power) -> Value {
    json!({ "power_level": power.level(), "role": Role::of(power).as_str() })
}

/// What differs of two lists of levels, as it was and as it is.
fn differing(
    before: &BTreeMap<String, Option<i64>>,
    now: &BTreeMap<String, Option<i64>>,
) -> Option<(Value, Value)> {
    let (mut was, mut is) = (Map::new(), Map::new());
    let names: BTreeSet<_> = before.keys().chain(now.keys()).collect();
    for name in names {
        let (old, new) = (before.get(name), now.get(name));
        if old != new {
            was.insert(name.clone(), json!(old));
            is.insert(name.clone(), json!(new));
        }
    }
    (!is.is_empty()).then_some((was.into(), is.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_as_they_were_written() {
        let user = |name: &str| UserId::trusted(format!("@{name}:s"));
        let mut levels = Levels::default();
        levels.users.insert(user("bob"), 50);
        levels.creators.insert(user("alice"));
        levels.events.insert("m.room.name".to_owned(), 75);
        let read = Entries::read(&written(&levels));
        assert_eq!(read.power("@bob:s"), Power::Level(50));
        assert_eq!(read.power("@alice:s"), Power::Creator);
        assert_eq!(read.power("@eve:s"), Power::Level(0));
        assert_eq!(
            differing(&read.demands, &Entries::of(&levels).demands),
            None
        );
        levels.users_default = -1;
        let now = Entries::of(&levels);
        assert_eq!(
            differing(&read.demands, &now.demands),
            Some((
                json!({ "users_default": 0 }),
                json!({ "users_default": -1 })
            ))
        );
        assert_eq!(now.power("@eve:s"), Power::Level(-1));
    }
}
