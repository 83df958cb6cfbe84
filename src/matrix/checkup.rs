//! The doctor's questions, and the canary: an event of our own that the homeserver pushes back.

use async_trait::async_trait;
use chrono::DateTime;
use ruma::OwnedTransactionId;
use ruma::api::client::account::whoami;
use ruma::api::client::directory::set_room_visibility;
use ruma::api::client::message::send_message_event;
use ruma::api::client::presence::set_presence;
use ruma::api::client::room::{Visibility as Listing, create_room};
use ruma::api::client::typing::create_typing_event;
use ruma::events::MessageLikeEventType;
use ruma::presence::PresenceState;
use ruma::serde::Raw;
use serde::Deserialize;
use serde_json::json;

use super::client::{Repeat, is_unknown_user};
use super::mapping::CANARY_TYPE;
use super::{Matrix, ids, rooms};
use crate::domain::id::{EventId, Millis, RoomAlias, RoomId, UserId};
use crate::domain::{Error, Result};
use crate::homeserver::checkup::{Checkup, Introduction};

/// How long the connector types, at the most.
const TYPING: std::time::Duration = std::time::Duration::from_secs(10);

#[async_trait]
impl Checkup for Matrix {
    async fn introduce(&self) -> Result<Introduction> {
        #[derive(Deserialize)]
        struct Versions {
            versions: Vec<String>,
        }
        let path = "/_matrix/client/versions";
        let (parts, body) = self.client.get_whole(path, None).await?;
        let told: Versions = serde_json::from_slice(&body).map_err(|_| {
            Error::HomeserverNonsense("what answers there is no Matrix homeserver".to_owned())
        })?;
        let header = |name: &str| {
            let value = parts.headers.get(name)?.to_str().ok()?;
            Some(value.to_owned())
        };
        Ok(Introduction {
            software: header("server"),
            versions: told.versions,
            time: header("date").and_then(|date| milliseconds(&date)),
        })
    }

    async fn may_act_as(&self, user: &UserId) -> Result<bool> {
        let request = whoami::v3::Request::new();
        let answer = self
            .client
            .request_plain(request, Some(user), Repeat::Safe)
            .await;
        match answer {
            Ok(_) => Ok(true),
            // Within our namespaces the homeserver says that nobody has this name.
            Err(error) if is_unknown_user(&error) => Ok(true),
            Err(Error::HomeserverRefused { status: 403, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn default_room_version(&self) -> Result<String> {
        self.read_default_room_version().await
    }

    async fn canary_room(&self) -> Result<RoomId> {
        let naming = &self.directory.naming;
        let localpart = format!("{}_canary", naming.sender_localpart);
        let alias = RoomAlias::new(&localpart, &naming.server_name);
        let alias = alias.ok_or_else(|| Error::internal("the canary's alias is too long"))?;
        if let Some(room) = self.find_alias(&alias).await? {
            return Ok(room);
        }
        let mut request = create_room::v3::Request::new();
        request.preset = Some(create_room::v3::RoomPreset::PrivateChat);
        request.visibility = Listing::Private;
        request.room_alias_name = Some(localpart);
        request.name = Some("daarion doctor".to_owned());
        request.topic = Some("Where daarion tries out whether events come back.".to_owned());
        let answer = self.client.request(request, None, Repeat::Never).await?;
        Ok(RoomId::trusted(answer.room_id.as_str()))
    }

    async fn release_canary(&self, room: &RoomId) -> Result<EventId> {
        let request = send_message_event::v3::Request::new_raw(
            ids::room(room)?,
            OwnedTransactionId::from(self.clock.uuid().to_string()),
            MessageLikeEventType::from(CANARY_TYPE),
            Raw::from_json(rooms::json(&json!({}))?),
        );
        let answer = self.client.request(request, None, Repeat::Safe).await?;
        Ok(EventId::trusted(answer.event_id.as_str()))
    }

    async fn set_typing(&self, room: &RoomId, is_typing: bool) -> Result<()> {
        use create_typing_event::v3::{Request, Typing, TypingInfo};
        let connector = self.directory.naming.connector();
        let state = match is_typing {
            true => Typing::Yes(TypingInfo::new(TYPING)),
            false => Typing::No,
        };
        let request = Request::new(ids::user(&connector)?, ids::room(room)?, state);
        let answer = self.client.request(request, None, Repeat::Safe).await;
        answer.map(drop)
    }

    async fn set_online(&self, is_online: bool) -> Result<()> {
        let state = match is_online {
            true => PresenceState::Online,
            false => PresenceState::Offline,
        };
        let connector = ids::user(&self.directory.naming.connector())?;
        let request = set_presence::v3::Request::new(connector, state);
        let answer = self.client.request(request, None, Repeat::Safe).await;
        answer.map(drop)
    }

    async fn set_listed(&self, room: &RoomId, is_listed: bool) -> Result<()> {
        let listing = match is_listed {
            true => Listing::Public,
            false => Listing::Private,
        };
        let request = set_room_visibility::v3::Request::new(ids::room(room)?, listing);
        let answer = self.client.request(request, None, Repeat::Safe).await;
        answer.map(drop)
    }
}

/// The time of a `Date` header (RFC 9110, section 5.6.7).
fn milliseconds(date: &str) -> Option<Millis> {
    let time = DateTime::parse_from_rfc2822(date).ok()?;
    Millis::try_from(time.timestamp_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_of_a_header_is_read() {
        let read = milliseconds("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(read, Some(784_111_777_000));
        assert_eq!(milliseconds("yesterday"), None);
    }
}
