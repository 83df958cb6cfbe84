//! What the homeserver tells a user: its own `/sync` as that user, whose connection is dropped with
//! the poll.

use serde_json::{Map, Value, json};

use super::{EventSync, Poll};
use crate::domain::id::UserId;
use crate::domain::service::ServiceCaller;
use crate::domain::{Error, Result};
use crate::homeserver::timeline::SyncQuery;
use crate::payload::outline;

impl EventSync {
    pub(super) async fn theirs(
        &self,
        caller: &ServiceCaller,
        user: &UserId,
        poll: &Poll,
    ) -> Result<Value> {
        let query = SyncQuery {
            since: poll.since.clone(),
            timeout_ms: u64::try_from(self.wait_of(poll).as_millis()).unwrap_or_default(),
            filter: poll.filter.clone(),
        };
        let answer = tokio::select! {
            answer = self.timeline.sync(user, &query) => answer?,
            () = self.stop.cancelled() => return self.nothing_more(poll),
        };
        let mut answer: Value = serde_json::from_str(answer.get())
            .map_err(|error| Error::HomeserverNonsense(error.to_string()))?;
        if let Some(rooms) = &caller.rights.rooms {
            keep_rooms(&mut answer, rooms);
        }
        self.name_senders(&mut answer);
        Ok(answer)
    }

    /// What is answered to whoever polls while daarion stops.
    fn nothing_more(&self, poll: &Poll) -> Result<Value> {
        match &poll.since {
            Some(since) => Ok(json!({ "next_batch": since, "rooms": {} })),
            None => Err(Error::StoreUnavailable("daarion is stopping".to_owned())),
        }
    }

    /// Names the entities of all events of a `/sync`: each is in a list called `events`.
    fn name_senders(&self, value: &mut Value) {
        let Some(fields) = value.as_object_mut() else {
            return;
        };
        for (name, value) in fields {
            match value {
                Value::Array(events) if name == "events" => {
                    for event in events {
                        outline::name_sender(event, |user| self.core.directory.entity(user));
                    }
                }
                value => self.name_senders(value),
            }
        }
    }
}

/// Takes out of a `/sync` what a service may not see that works in some rooms only.
fn keep_rooms(answer: &mut Value, allowed: &[String]) {
    let Some(fields) = answer.as_object_mut() else {
        return;
    };
    fields.retain(|name, _| name == "next_batch" || name == "rooms");
    let kinds = fields.get_mut("rooms").and_then(Value::as_object_mut);
    for rooms in kinds.into_iter().flat_map(Map::values_mut) {
        if let Some(rooms) = rooms.as_object_mut() {
            rooms.retain(|room, _| allowed.contains(room));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_of_some_rooms_sees_no_others() {
        let mut answer = json!({
            "next_batch": "s1",
            "account_data": { "events": [] },
            "rooms": { "join": { "!a": 1, "!b": 2 }, "invite": { "!b": 3 } },
        });
        keep_rooms(&mut answer, &["!a".to_owned()]);
        let left = json!({ "next_batch": "s1", "rooms": { "join": { "!a": 1 }, "invite": {} } });
        assert_eq!(answer, left);
    }
}
