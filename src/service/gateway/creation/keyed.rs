//! A room that is asked for with a key is made once, whatever becomes of the answers.
//!
//! Its channel's id is written down beside the key before the homeserver is asked, and stands in the
//! room's state. So a room whose answer was lost is found again among those of the connector.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::{Gateway, Upstream};
use super::{Created, NewRoom};
use crate::domain::channel::Visibility;
use crate::domain::event::Source;
use crate::domain::id::{ChannelId, SendKey};
use crate::domain::service::ServiceCaller;
use crate::domain::{Error, Result};
use crate::homeserver::gateway::Preset;
use crate::service::idempotency::{Attempt, Begun};

/// The operation whose keys these are.
const OPERATION: &str = "createGatewayRoom";
/// A request that the homeserver still works on may make its room up to this long after it came;
/// before, that there is none says nothing.
const SETTLED_AFTER: Duration = Duration::from_secs(60);

impl Gateway {
    pub(super) async fn make_once(
        &self,
        caller: &ServiceCaller,
        key: &SendKey,
        new: NewRoom,
    ) -> Result<Created> {
        // Before anything is written: whoever floods waits, or is told so.
        let upstream = self.upstream(caller).await?;
        let begun = self
            .requests
            .begin(&caller.name, OPERATION, key, &asked(&new))
            .await?;
        match begun {
            Begun::Answered(created) => Ok(created),
            Begun::New(attempt) => self.attempt(&upstream, new, attempt).await,
            Begun::Open(attempt) => self.take_up(&upstream, new, attempt).await,
        }
    }

    async fn attempt(
        &self,
        upstream: &Upstream<'_>,
        new: NewRoom,
        attempt: Attempt,
    ) -> Result<Created> {
        match self.make(upstream, new, ChannelId(attempt.id())).await {
            Ok(created) => {
                note(attempt, &created).await;
                Ok(created)
            }
            Err(error) if error.leaves_open() => Err(error),
            Err(error) => {
                attempt.forget().await?;
                Err(error)
            }
        }
    }

    /// Looks for the room of an attempt that was cut off, and makes one when there is none.
    async fn take_up(
        &self,
        upstream: &Upstream<'_>,
        new: NewRoom,
        mut attempt: Attempt,
    ) -> Result<Created> {
        let id = ChannelId(attempt.id());
        let directory = &self.core.directory;
        let mut unread = 0;
        if directory.channel(id).is_none() {
            unread = self.core.find_channels(Source::Heal).await?;
        }
        if let Some(channel) = directory.channel(id) {
            let created = Created {
                room: channel.room.clone(),
                alias: self.new_alias(&new)?,
                channel: id,
                warnings: self.warnings(upstream, &new, &channel.room).await,
            };
            note(attempt, &created).await;
            return Ok(created);
        }
        let left = SETTLED_AFTER.saturating_sub(attempt.age());
        if unread > 0 || !left.is_zero() {
            return Err(Error::HomeserverUnavailable {
                reason: "whether the room was made is not settled yet".to_owned(),
                retry_after: Some(left.max(Duration::from_secs(1))),
            });
        }
        attempt.again().await?;
        self.attempt(upstream, new, attempt).await
    }
}

/// All that tells one room from another.
fn asked(new: &NewRoom) -> Value {
    let state = new.initial_state.iter();
    let state = state.map(|state| json!([state.kind, state.key, state.content]));
    json!({
        "name": new.name,
        "topic": new.topic,
        "visibility": new.visibility.map(Visibility::as_str),
        "alias_name": new.alias_name,
        "preset": new.preset.map(Preset::as_str),
        "initial_state": state.collect::<Vec<_>>(),
        "levels": new.levels,
        "creation": new.creation,
        "room_version": new.room_version,
    })
}

/// The room is there: whoever asked for it is told so, though the next one will have to look.
async fn note(attempt: Attempt, created: &Created) {
    if let Err(error) = attempt.answer(created).await {
        tracing::warn!(%error, room_id = %created.room, "a room's making is not noted by its key");
    }
}
