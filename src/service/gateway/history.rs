//! The history of a room, page by page, as the homeserver has it.

use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::checks::check_place;
use super::sync::event_of;
use super::{Actor, Gateway, Place};
use crate::domain::service::{Scope, ServiceCaller};
use crate::domain::{Error, Result};
pub use crate::homeserver::timeline::Direction;
use crate::homeserver::timeline::{PageQuery, Timeline};
use crate::payload::outline;
use crate::service::Core;

/// How many events a page has when nobody says.
const LIMIT: u32 = 10;
/// How many it has at most.
const MOST: u32 = 200;

/// Which page is asked for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Where an earlier page ended, or the `prev_batch` of a sync.
    pub from: Option<String>,
    pub direction: Direction,
    pub limit: Option<u32>,
    /// Who reads: an entity or a Matrix user; `None` for the connector.
    pub user: Option<String>,
}

/// Reads histories.
pub struct History {
    pub core: Arc<Core>,
    pub gateway: Arc<Gateway>,
    pub timeline: Arc<dyn Timeline>,
}

impl History {
    /// A page of a room's history.
    pub async fn page(&self, caller: &ServiceCaller, room: &str, wanted: Wanted) -> Result<Value> {
        caller.require(Scope::Read)?;
        let limit = wanted.limit.unwrap_or(LIMIT);
        if !(1..=MOST).contains(&limit) {
            return Err(Error::invalid("limit", format!("must be 1 to {MOST}")));
        }
        check_place("from", wanted.from.as_deref())?;
        let user = Actor::by_one_field("user_id", wanted.user.as_deref());
        let user = self.gateway.acting(caller, &user)?;
        let room = self.gateway.resolve(caller, room, Place::Path).await?;
        let _turn = self.gateway.turn(caller).await?;
        let mut from = wanted.from.filter(|from| !from.is_empty());
        if let Some(event) = from.as_deref().and_then(event_of) {
            let place = self.timeline.before(&room, &event, user.as_ref()).await?;
            from = Some(place);
        }
        let query = PageQuery {
            from,
            direction: wanted.direction,
            limit,
        };
        let page = self.timeline.page(&room, &query, user.as_ref()).await?;
        let chunk: Vec<_> = page.chunk.iter().map(|raw| self.named(raw)).collect();
        let mut answer = json!({ "start": page.start, "chunk": chunk });
        if let Some(end) = page.end {
            answer["end"] = end.into();
        }
        if !page.state.is_empty() {
            let state: Vec<_> = page.state.iter().map(|raw| self.named(raw)).collect();
            answer["state"] = state.into();
        }
        Ok(answer)
    }

    /// An event with the entity beside its sender.
    fn named(&self, raw: &RawValue) -> Value {
        let mut event = serde_json::from_str(raw.get()).unwrap_or(Value::Null);
        outline::name_sender(&mut event, |user| self.core.directory.entity(user));
        event
    }
}
