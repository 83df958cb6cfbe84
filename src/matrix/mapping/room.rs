//! A room as its state shows it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::channel_state::{read_channel_state, read_microdao};
use super::envelope::Envelope;
use super::power::{Creation, Power};
use super::{is_ours, json, state};
use crate::directory::Directory;
use crate::domain::channel::{STATE_TYPE, Visibility};
use crate::domain::id::{EventId, Millis, RoomId, UserId};
use crate::domain::member::Member;
use crate::domain::microdao;
use crate::homeserver::{RoomSnapshot, StoredChannelState, StoredLevels, StoredPins, Tombstone};

/// Reads a room's state events; what is malformed among them is left out. No time is later
/// than `now`, as with events: what comes after would be taken for older.
#[must_use]
pub fn snapshot<'a>(
    room: &RoomId,
    events: impl Iterator<Item = &'a RawValue>,
    directory: &Directory,
    now: Millis,
) -> (RoomSnapshot, Power) {
    let mut snapshot = RoomSnapshot {
        room: room.clone(),
        channel: None,
        name: None,
        topic: None,
        alias: None,
        public: false,
        accepts_knocks: false,
        entry_set: None,
        encrypted: false,
        created_at: 0,
        members: Vec::new(),
        pins: None,
        microdao: None,
        children: Vec::new(),
        predecessor: None,
        tombstone: None,
        levels: None,
    };
    let (mut creation, mut levels) = (Creation::default(), None);
    let (mut created, mut set) = (None, None);
    for event in events {
        let Some(envelope) = json::object::<Envelope>(event) else {
            continue;
        };
        let (Some(kind), Some(key)) = (json::text(envelope.kind), json::text(envelope.state_key))
        else {
            continue;
        };
        match (kind.as_ref(), key.as_ref()) {
            ("m.room.member", _) => {
                snapshot.members.extend(member(&envelope, directory, now));
            }
            ("m.room.create", "") => {
                creation = Creation::read(event).unwrap_or_default();
                snapshot.created_at = sent_at(&envelope, now).unwrap_or(0);
                created = mark(&envelope, now).map(|(_, by, at)| (None, by, at));
                snapshot.predecessor = envelope.content.and_then(predecessor);
            }
            ("m.room.power_levels", "") => {
                levels = envelope.content;
                set = mark(&envelope, now).map(|(event, by, at)| (Some(event), by, at));
            }
            ("m.space.child", child) => {
                let is_child = envelope.content.is_some_and(names_child);
                snapshot
                    .children
                    .extend(RoomId::parse(child).filter(|_| is_child));
            }
            (microdao::STATE_TYPE, "") if is_ours(&envelope, directory) => {
                snapshot.microdao = envelope.content.and_then(read_microdao);
            }
            _ if !key.is_empty() => {}
            _ => describe(&mut snapshot, &kind, &envelope, now),
        }
    }
    let power = Power::new(creation, levels);
    let set = match power.is_unset() {
        true => created,
        false => set,
    };
    snapshot.levels = set.map(|(event, sender, at)| StoredLevels {
        event,
        sender,
        at,
        levels: power.levels(),
    });
    (snapshot, power)
}

/// Which event it is, whose and when.
fn mark(envelope: &Envelope, now: Millis) -> Option<(EventId, UserId, Millis)> {
    Some((
        EventId::parse(&json::text(envelope.event_id)?)?,
        UserId::parse(&json::text(envelope.sender)?)?,
        sent_at(envelope, now)?,
    ))
}

fn describe(snapshot: &mut RoomSnapshot, kind: &str, envelope: &Envelope, now: Millis) {
    #[derive(Deserialize)]
    struct Content<'a> {
        #[serde(borrow)]
        name: Option<&'a RawValue>,
        #[serde(borrow)]
        topic: Option<&'a RawValue>,
    }
    let Some(content) = json::field::<Content>(envelope.content) else {
        return;
    };
    let filled = |raw| {
        json::text(raw)
            .map(Cow::into_owned)
            .filter(|text| !text.is_empty())
    };
    match kind {
        "m.room.name" => snapshot.name = filled(content.name),
        "m.room.topic" => snapshot.topic = filled(content.topic),
        "m.room.canonical_alias" => {
            snapshot.alias = envelope
                .content
                .and_then(|content| state::alias(content).ok().flatten());
        }
        "m.room.join_rules" => {
            let entry = envelope.content.map(state::entry);
            let (visibility, knocks) = match entry {
                Some(Ok(entry)) => entry,
                _ => (Visibility::Private, false),
            };
            snapshot.public = visibility == Visibility::Public;
            snapshot.accepts_knocks = knocks;
            snapshot.entry_set = mark(envelope, now).map(|(_, by, at)| (by, at));
        }
        "m.room.encryption" => snapshot.encrypted = true,
        "m.room.pinned_events" => snapshot.pins = pins(envelope, now),
        "m.room.tombstone" => snapshot.tombstone = tombstone(envelope, now),
        STATE_TYPE => snapshot.channel = channel(envelope, now),
        _ => {}
    }
}

fn channel(envelope: &Envelope, now: Millis) -> Option<StoredChannelState> {
    let (event, sender, at) = mark(envelope, now)?;
    Some(StoredChannelState {
        event,
        sender,
        at,
        state: read_channel_state(envelope.content?)?,
    })
}

fn tombstone(envelope: &Envelope, now: Millis) -> Option<Tombstone> {
    let (event, sender, at) = mark(envelope, now)?;
    Some(Tombstone {
        event,
        sender,
        at,
        successor: successor(envelope.content?)?,
    })
}

/// The room that a tombstone's content names.
#[must_use]
pub fn successor(content: &RawValue) -> Option<RoomId> {
    #[derive(Deserialize)]
    struct Content<'a> {
        #[serde(borrow)]
        replacement_room: Option<&'a RawValue>,
    }
    let content: Content = json::object(content)?;
    RoomId::parse(&json::text(content.replacement_room)?)
}

/// The room that a creation's content names as the one before.
fn predecessor(content: &RawValue) -> Option<RoomId> {
    #[derive(Deserialize)]
    struct Content<'a> {
        #[serde(borrow)]
        predecessor: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Predecessor<'a> {
        #[serde(borrow)]
        room_id: Option<&'a RawValue>,
    }
    let content: Content = json::object(content)?;
    let before: Predecessor = json::field(content.predecessor)?;
    RoomId::parse(&json::text(before.room_id)?)
}

/// A child without servers by which to come there is none (client-server API, `m.space.child`).
fn names_child(content: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Content<'a> {
        #[serde(borrow)]
        via: Option<&'a RawValue>,
    }
    let content = json::object::<Content>(content);
    let via = content.and_then(|content| content.via);
    via.and_then(json::list).is_some_and(|via| !via.is_empty())
}

fn pins(envelope: &Envelope, now: Millis) -> Option<StoredPins> {
    let (event, sender, at) = mark(envelope, now)?;
    Some(StoredPins {
        event,
        sender,
        at,
        pinned: state::pinned(envelope.content?).ok()?,
    })
}

/// Whose membership an event says, with the event's id; `None` of anything else.
#[must_use]
pub fn member_of(
    event: &RawValue,
    directory: &Directory,
    now: Millis,
) -> Option<(EventId, Member)> {
    member(&json::object::<Envelope>(event)?, directory, now)
}

fn member(envelope: &Envelope, directory: &Directory, now: Millis) -> Option<(EventId, Member)> {
    let user = UserId::parse(&json::text(envelope.state_key)?)?;
    let said = state::membership(envelope.content?).ok()?;
    let member = Member {
        entity: directory.entity(&user),
        user,
        membership: said.membership,
        display_name: said.display_name,
        reason: said.reason,
        by: UserId::parse(&json::text(envelope.sender)?)?,
        since: sent_at(envelope, now)?,
    };
    Some((EventId::parse(&json::text(envelope.event_id)?)?, member))
}

fn sent_at(envelope: &Envelope, now: Millis) -> Option<Millis> {
    Some(json::integer(envelope.origin_server_ts)?.min(now))
}
