//! What goes to the homeserver as it was given, and what it must be for Matrix to take it.

use serde_json::{Map, Value};

use crate::domain::id::EventId;
use crate::domain::media::MediaId;
use crate::domain::{Error, Result, canonical};

/// The longest name of a Matrix room, in characters, and the longest topic.
pub(super) const MAX_NAME: usize = 255;
pub(super) const MAX_TOPIC: usize = 10_000;
/// The most bytes of what becomes a part of an event.
const MAX_CONTENT: u64 = 62_000;
/// The longest place in a stream or a history, in bytes; those of Synapse have some 100.
const MAX_PLACE: usize = 2_000;

/// Checks what goes into an event as it is.
pub(super) fn check_content(field: &'static str, content: &Map<String, Value>) -> Result<()> {
    canonical::check(field, content)?;
    let size = serde_json::to_vec(content).map_or(0, |json| json.len() as u64);
    if size > MAX_CONTENT {
        return Err(Error::TooLarge {
            field,
            limit: MAX_CONTENT,
        });
    }
    Ok(())
}

pub(super) fn check_text(field: &'static str, text: &str, limit: usize) -> Result<()> {
    if text.chars().count() > limit {
        let message = format!("must have at most {limit} characters");
        return Err(Error::invalid(field, message));
    }
    if text.contains('\0') {
        return Err(Error::invalid(field, "must not hold NUL"));
    }
    Ok(())
}

/// Checks the address of a picture; an empty one takes it away.
pub(super) fn check_address(field: &'static str, url: &str) -> Result<()> {
    match url.is_empty() {
        true => Ok(()),
        false => check_media(field, url),
    }
}

/// Checks the address of a file of a homeserver.
pub(super) fn check_media(field: &'static str, url: &str) -> Result<()> {
    match MediaId::parse(url) {
        Some(_) => Ok(()),
        None => Err(Error::invalid(field, "must be mxc://server/id")),
    }
}

/// The event that a request means.
pub(super) fn event_id(field: &'static str, given: &str) -> Result<EventId> {
    EventId::parse(given).ok_or_else(|| Error::invalid(field, "must be an event id (\"$…\")"))
}

/// Checks a place in the homeserver's own stream or history: what it has given, and nothing else.
pub(super) fn check_place(field: &'static str, place: Option<&str>) -> Result<()> {
    let is_one =
        |place: &str| place.len() <= MAX_PLACE && place.bytes().all(|byte| byte.is_ascii_graphic());
    match place {
        Some(place) if !is_one(place) => {
            let message = "must be what an earlier answer has given";
            Err(Error::invalid(field, message))
        }
        _ => Ok(()),
    }
}
