//! The mapping: the one place that speaks both Matrix's language and ours. Pure functions.
//!
//! [`map`] takes one Matrix event as the homeserver pushed it, [`map_in`] one of a room's
//! history. Of an event of a room that is no channel nothing but its type, state key,
//! room and sender is ever looked at. Whatever is malformed becomes [`Mapped::Skipped`], never a panic: all of
//! this is foreign data.

mod channel_state;
mod content;
mod details;
mod draft;
mod edit;
mod envelope;
mod ephemeral;
mod glance;
mod html;
mod json;
mod message;
mod outgoing;
mod power;
mod relation;
mod room;
mod sending;
mod state;

use serde_json::value::RawValue;

pub use channel_state::{channel_state, microdao_state, read_channel_state};
pub use details::{details, reaction_by, standing};
pub use draft::draft_content;
pub use edit::full_content;
pub use ephemeral::ephemeral;
pub use glance::{Glance, event_id, redacted, sight};
pub use html::sanitise;
pub use outgoing::message_content;
pub use power::{Creation, Power, has_creators_rule};
pub use room::{member_of, snapshot, successor};
pub use sending::taken_in;

use crate::directory::Directory;
use crate::domain::channel::{Channel, STATE_TYPE};
use crate::domain::event::{NewEvent, Skipped, Source, What};
use crate::domain::id::{EventId, Millis, RoomId, UserId};
use crate::homeserver::Mapped;
use envelope::{Envelope, Header, Reason};

/// The type of the doctor's event, which comes back to us and means nothing.
pub const CANARY_TYPE: &str = "city.daarion.canary";

/// How much of an unusable Matrix event is kept, in bytes. A Matrix event is no larger.
const MAX_RAW: usize = 64 * 1024;

/// Maps an event that the homeserver pushed.
#[must_use]
pub fn map(raw: &RawValue, directory: &Directory, now: Millis, source: Source) -> Mapped {
    let Some(envelope) = json::object::<Envelope>(raw) else {
        return Mapped::Foreign;
    };
    let room = json::text(envelope.room_id).and_then(|room| RoomId::parse(&room));
    let Some(room) = room else {
        return Mapped::Foreign;
    };
    match directory.channel_of(&room) {
        Some(channel) if channel.room != room && !takes_back(&envelope) => Mapped::Nothing,
        Some(_) if is_tombstone(&envelope) => Mapped::Claim(room),
        Some(channel) => map_envelope(raw, &envelope, &channel, directory, now, source),
        None if is_claim(&envelope, directory) => Mapped::Claim(room),
        None if names(&envelope) && directory.is_microdao(&room) => Mapped::Claim(room),
        None => canary(&envelope, directory).map_or(Mapped::Foreign, Mapped::Canary),
    }
}

/// Maps an event of a channel's history, with its id when it has a readable one.
#[must_use]
pub fn map_in(
    raw: &RawValue,
    channel: &Channel,
    directory: &Directory,
    now: Millis,
    source: Source,
) -> (Option<EventId>, Mapped) {
    match json::object::<Envelope>(raw) {
        Some(envelope) => (
            json::text(envelope.event_id).and_then(|id| EventId::parse(&id)),
            map_envelope(raw, &envelope, channel, directory, now, source),
        ),
        None => (None, skipped(raw.get(), now, "is no JSON object".into())),
    }
}

fn map_envelope(
    raw: &RawValue,
    envelope: &Envelope,
    channel: &Channel,
    directory: &Directory,
    now: Millis,
    source: Source,
) -> Mapped {
    let skip = |reason| match channel.confidential {
        true => skipped(&envelope.without_content(), now, reason),
        false => skipped(raw.get(), now, reason),
    };
    let header = match Header::read(envelope, channel, directory, now) {
        Ok(header) => header,
        Err(reason) => return skip(reason),
    };
    match what(&header) {
        Ok(Some(what)) => Mapped::Event(NewEvent {
            channel: channel.id,
            event: Some(header.event),
            source,
            what,
        }),
        Ok(None) => Mapped::Nothing,
        Err(reason) => skip(reason),
    }
}

/// The table of the gateway document, and what else clients send.
fn what(header: &Header) -> Result<Option<What>, Reason> {
    match header.kind.as_ref() {
        "m.room.message"
        | "m.room.encrypted"
        | "m.sticker"
        | "m.poll.start"
        | "org.matrix.msc3381.poll.start" => message::message(header),
        "m.reaction" => message::reaction(header),
        "m.room.redaction" => message::redaction(header),
        "m.room.member" => state::member(header).map(Some),
        "m.room.power_levels" => state::levels(header).map(Some),
        "m.room.name" => state::name(header).map(Some),
        "m.room.topic" => state::topic(header).map(Some),
        "m.room.canonical_alias" => state::canonical_alias(header).map(Some),
        "m.room.join_rules" => state::join_rules(header).map(Some),
        "m.room.encryption" => state::encryption(header).map(Some),
        "m.room.pinned_events" => state::pins(header).map(Some),
        STATE_TYPE => state::settings(header),
        known if state::is_structural(known) => Ok(None),
        unknown => {
            let shown: String = unknown.chars().take(100).collect();
            Err(format!("unknown type {shown}").into())
        }
    }
}

/// What is pinned, by the content of `m.room.pinned_events`.
#[must_use]
pub fn pins(content: &RawValue) -> Vec<EventId> {
    state::pinned(content).unwrap_or_default()
}

/// Only the connector may say that a room is a channel: anybody can send a state event.
fn is_claim(envelope: &Envelope, directory: &Directory) -> bool {
    let is = |field, expected: &str| json::text(field).is_some_and(|text| text == expected);
    is(envelope.kind, STATE_TYPE) && is(envelope.state_key, "") && is_ours(envelope, directory)
}

/// Whether an event of a room that was upgraded still is about the channel: what was said there can be
/// taken back. What is said there from then on is not the channel's, whose bans and mutes do not hold
/// there.
fn takes_back(envelope: &Envelope) -> bool {
    json::text(envelope.kind).is_some_and(|kind| kind == "m.room.redaction")
}

/// Whether an event says that another room took the place of its own.
fn is_tombstone(envelope: &Envelope) -> bool {
    is_state(envelope, &["m.room.tombstone"]) && envelope.content.and_then(successor).is_some()
}

/// Whether an event of a microdao's space may change how the microdao shows.
fn names(envelope: &Envelope) -> bool {
    is_state(
        envelope,
        &["m.room.name", "m.room.topic", "m.room.join_rules"],
    )
}

fn is_state(envelope: &Envelope, kinds: &[&str]) -> bool {
    let kind = json::text(envelope.kind);
    kind.is_some_and(|kind| kinds.contains(&kind.as_ref()))
        && json::text(envelope.state_key).is_some_and(|key| key.is_empty())
}

/// The id of the doctor's event, which is our own as well.
fn canary(envelope: &Envelope, directory: &Directory) -> Option<EventId> {
    let is_canary = json::text(envelope.kind)? == CANARY_TYPE && is_ours(envelope, directory);
    let id = json::text(envelope.event_id).filter(|_| is_canary)?;
    EventId::parse(&id)
}

/// Whether the connector has sent an event.
fn is_ours(envelope: &Envelope, directory: &Directory) -> bool {
    json::text(envelope.sender)
        .and_then(|sender| UserId::parse(&sender))
        .is_some_and(|sender| sender == directory.naming.connector())
}

fn skipped(mut raw: &str, at: Millis, reason: Reason) -> Mapped {
    if raw.len() > MAX_RAW {
        let end = (0..=MAX_RAW)
            .rev()
            .find(|end| raw.is_char_boundary(*end))
            .unwrap_or(0);
        raw = &raw[..end];
    }
    Mapped::Skipped(Skipped {
        at,
        reason: reason.into_owned(),
        raw: raw.to_owned(),
    })
}
