//! What is new, and what was.

use std::collections::HashMap;

use poem_openapi::types::Any;
use poem_openapi::{Enum, Object};
use serde_json::Value;

use crate::service::gateway::history::Direction;

/// Which way a history is read.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum HistoryDirection {
    /// Backwards: newest first.
    #[default]
    #[oai(rename = "b")]
    Backwards,
    /// Forwards: oldest first.
    #[oai(rename = "f")]
    Forwards,
}

/// An event as Matrix has it. Fields that are not named here are passed on, too.
#[derive(Object, Clone, Debug)]
pub struct MatrixEvent {
    /// Such as `m.room.message`.
    pub r#type: String,
    /// `$opaque`; absent of events that are not of a room's timeline.
    #[oai(skip_serializing_if_is_none)]
    pub event_id: Option<String>,
    /// `@localpart:server`.
    pub sender: String,
    /// Who that is here: `user:<localpart>`, `agent:<name>`, or `user:<localpart>:<server>`.
    pub entity_id: String,
    /// What the type says. `{}` when it was taken back, or is not for us to read; what tells who
    /// joined or left (`membership`) or what was taken back (`redacts`) is left even then.
    pub content: Any<Value>,
    /// Milliseconds since the Unix epoch.
    #[oai(skip_serializing_if_is_none)]
    pub origin_server_ts: Option<u64>,
    /// Of state events; of `m.room.member` whose membership it is.
    #[oai(skip_serializing_if_is_none)]
    pub state_key: Option<String>,
    /// Who that is here; of `m.room.member`.
    #[oai(skip_serializing_if_is_none)]
    pub state_key_entity_id: Option<String>,
    /// Of `m.room.redaction` in rooms before version 11, and of every one without its content.
    #[oai(skip_serializing_if_is_none)]
    pub redacts: Option<String>,
    /// Why there is no content: `encrypted`.
    #[oai(skip_serializing_if_is_none)]
    pub why: Option<String>,
}

/// What is new in a room.
#[derive(Object, Clone, Debug)]
pub struct SyncTimeline {
    /// Oldest first.
    pub events: Vec<MatrixEvent>,
    /// Whether events are missing before these.
    pub limited: bool,
    /// The `from` of the history before these events.
    #[oai(skip_serializing_if_is_none)]
    pub prev_batch: Option<String>,
}

/// A room in which something is new.
#[derive(Object, Clone, Debug)]
pub struct SyncRoom {
    pub timeline: SyncTimeline,
}

/// The rooms in which something is new.
#[derive(Object, Clone, Debug)]
pub struct SyncRooms {
    /// By room id.
    #[oai(default)]
    pub join: HashMap<String, SyncRoom>,
}

/// What is new. With `user_id` it has all that the homeserver's `/sync` has.
#[derive(Object, Clone, Debug)]
pub struct SyncAnswer {
    /// The `since` of the next poll.
    pub next_batch: String,
    #[oai(skip_serializing_if_is_none)]
    pub rooms: Option<SyncRooms>,
}

/// A page of a room's history.
#[derive(Object, Clone, Debug)]
pub struct HistoryPage {
    /// Where the page begins.
    pub start: String,
    /// The `from` of the next page; absent when there is none.
    #[oai(skip_serializing_if_is_none)]
    pub end: Option<String>,
    /// In the order that was asked for.
    pub chunk: Vec<MatrixEvent>,
    /// State events that belong to the chunk, where the homeserver gives some.
    #[oai(skip_serializing_if_is_none)]
    pub state: Option<Vec<MatrixEvent>>,
}

impl From<HistoryDirection> for Direction {
    fn from(direction: HistoryDirection) -> Self {
        match direction {
            HistoryDirection::Backwards => Self::Backwards,
            HistoryDirection::Forwards => Self::Forwards,
        }
    }
}
