//! The history of a room, page by page, as the homeserver has it.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;

use super::checks::check_place;
use super::json;
use super::sync::event_of;
use super::{Actor, Gateway, Place};
use crate::domain::service::{Scope, ServiceCaller};
use crate::domain::{Error, Result};
pub use crate::homeserver::timeline::Direction;
use crate::homeserver::timeline::{PageQuery, Timeline};
use crate::payload::raw_event::{HandedOn, hand_on};
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

/// A page as it is answered.
#[derive(Serialize)]
struct Page<'a> {
    start: &'a str,
    chunk: Vec<HandedOn<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    state: Vec<HandedOn<'a>>,
}

/// Reads histories.
pub struct History {
    pub core: Arc<Core>,
    pub gateway: Arc<Gateway>,
    pub timeline: Arc<dyn Timeline>,
}

impl History {
    /// A page of a room's history, in JSON.
    pub async fn page(
        &self,
        caller: &ServiceCaller,
        room: &str,
        wanted: Wanted,
    ) -> Result<Vec<u8>> {
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
        json(&Page {
            start: &page.start,
            chunk: self.named(&page.chunk),
            end: page.end.as_deref(),
            state: self.named(&page.state),
        })
    }

    /// Events with the entities of their users.
    fn named<'a>(&self, events: &'a [Box<RawValue>]) -> Vec<HandedOn<'a>> {
        let entity = |user: &_| self.core.directory.entity(user);
        let events = events.iter();
        events.map(|raw| hand_on(raw, &[], entity)).collect()
    }
}
