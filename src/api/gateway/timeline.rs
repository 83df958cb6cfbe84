//! What is new and what was (`/internal/matrix/sync`, `/internal/matrix/rooms/{id}/messages`).

use std::time::Duration;

use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};

use crate::api::auth::Service;
use crate::api::error::Failure;
use crate::api::rendered::Rendered;
use crate::api::schema::gateway::{HistoryDirection, HistoryPage, SyncAnswer};
use crate::api::{Services, Tag};
use crate::service::gateway::history::Wanted;
use crate::service::gateway::sync::Poll;

/// The operations.
pub struct TimelineApi(pub Services);

#[OpenApi(prefix_path = "/internal/matrix", tag = "Tag::Gateway")]
impl TimelineApi {
    /// Wait for news
    ///
    /// Answers as soon as something is new, or with no events when the time is over. The next poll
    /// takes `next_batch` as `since`, and nothing is left out between the two.
    ///
    /// Without `user_id` it is daarion's own stream, in the shape of Matrix's `/sync`: what happens
    /// in the channels that the token may work in, each event whole, in the order of their arrival,
    /// at most 100 an answer. These are channels made and changed (name, topic, alias, join rules,
    /// encryption), messages, files, edits, redactions, reactions and memberships;
    /// events of other types, and of rooms that are no channels, are not among them. While the index
    /// is being rebuilt, what happens in a channel that is not read yet waits until it is. A first poll without `since` answers at once, without events: it begins
    /// now. What is older is the history of a room. `limited` is true where events are missing
    /// before those of the answer, because they are older than what is kept or more than the
    /// filter's `limit`; `prev_batch` leads to them. Events of encrypted channels come without
    /// their content. Of a filter, `room.rooms`, `not_rooms` and `timeline` with `limit`, `types`,
    /// `not_types`, `senders`, `not_senders`, `rooms` and `not_rooms` are honoured.
    ///
    /// With `user_id` it is the homeserver's own `/sync` as that user, passed through: everything
    /// that the homeserver tells that user, with `entity_id` beside each `sender` and
    /// `state_key_entity_id` beside whose membership it is. What is in an event is passed on as the
    /// text that it is, whatever your parser makes of it. A token that is bound to rooms
    /// gets those alone.
    ///
    /// For services with the scope `gateway:read`. 400 `M_INVALID_PARAM` names the parameter; a
    /// `since` of a journal that was lost is one. 403 when the service may not act as the user.
    /// 429 when it has more than 256 polls open.
    #[oai(path = "/sync", method = "get", operation_id = "syncEvents")]
    async fn sync(
        &self,
        service: Service,
        /// The `next_batch` of an earlier answer.
        since: Query<Option<String>>,
        /// How long to wait, in milliseconds, at most 300,000; `matrix.sync_timeout` when absent.
        timeout: Query<Option<u64>>,
        /// A Matrix filter, as JSON.
        filter: Query<Option<String>>,
        /// As whom: `@localpart:server`, `user:<localpart>` or `agent:<name>`.
        user_id: Query<Option<String>>,
    ) -> Result<Rendered<SyncAnswer>, Failure> {
        let poll = Poll {
            since: since.0.filter(|since| !since.is_empty()),
            timeout: timeout.0.map(Duration::from_millis),
            filter: filter.0,
            user: user_id.0,
        };
        let answer = self.0.sync.poll(&service.0, poll).await?;
        Ok(Rendered::new(answer))
    }

    /// Read the history of a Matrix room
    ///
    /// As the connector, who must be in the room, or as `user_id`. All events of whatever type, as
    /// the homeserver shows them; those of an encrypted room are the encrypted ones.
    ///
    /// For services with the scope `gateway:read`. 403 `M_FORBIDDEN` when whoever reads may not see
    /// the room, or the service may not work in it; 404 when there is no such alias; other
    /// refusals of the homeserver are passed on.
    #[oai(
        path = "/rooms/:room_id/messages",
        method = "get",
        operation_id = "listMatrixEvents"
    )]
    async fn messages(
        &self,
        service: Service,
        /// A room id, with or without a server part, or an alias, percent-encoded.
        room_id: Path<String>,
        /// The `end` of an earlier page, or the `prev_batch` of a sync; absent begins at the newest
        /// event, or forwards at the oldest.
        from: Query<Option<String>>,
        /// `b` when absent.
        dir: Query<Option<HistoryDirection>>,
        /// How many, 1 to 200; 10 when absent.
        limit: Query<Option<u32>>,
        /// Who reads: `@localpart:server`, `user:<localpart>` or `agent:<name>`.
        user_id: Query<Option<String>>,
    ) -> Result<Rendered<HistoryPage>, Failure> {
        let wanted = Wanted {
            from: from.0,
            direction: dir.0.unwrap_or_default().into(),
            limit: limit.0,
            user: user_id.0,
        };
        let history = &self.0.history;
        let page = history.page(&service.0, &room_id.0, wanted).await?;
        Ok(Rendered::new(page))
    }
}
