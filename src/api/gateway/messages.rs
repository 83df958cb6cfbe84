//! Messages of the gateway.

use poem_openapi::OpenApi;
use poem_openapi::payload::Json;

use super::{SENDER, actor};
use crate::api::auth::Service;
use crate::api::body::Body;
use crate::api::error::Failure;
use crate::api::once::IdempotencyKey;
use crate::api::schema::gateway::{EventRef, NewEvent, NewReaction, NewRedaction, SentEvent};
use crate::api::{Services, Tag};
use crate::service::gateway;

/// The operations.
pub struct MessagesApi(pub Services);

#[OpenApi(prefix_path = "/internal/matrix", tag = "Tag::Gateway")]
impl MessagesApi {
    /// Send a message as anybody
    ///
    /// Sent in Matrix as `sender`, who must be in the room, or as the connector. `m.mentions` is
    /// always said. Needs the scope `gateway:send`, and for a sender the right to act as them.
    /// 400 names the field that Matrix could not take; 403 when the homeserver does not let the
    /// sender speak, in channels that are archived, and in every room that is encrypted; 404 when
    /// no room has the alias; 413 when the whole would be larger than a Matrix event may be.
    #[oai(path = "/send", method = "post", operation_id = "sendGatewayMessage")]
    async fn send(
        &self,
        service: Service,
        /// A name of this sending, 1 to 128 visible ASCII characters. Sent again with the same
        /// key, as after a broken connection, the message is said once and the answer is the
        /// first message; 409 when the key was another message's. Keys are remembered for a day
        /// in channels; of edits, and in other rooms, for half an hour at least.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        body: Body<NewEvent>,
    ) -> Result<Json<SentEvent>, Failure> {
        let new = body.0.with_key(key.0);
        let sent = self.0.gateway.send(&service.0, new).await?;
        Ok(Json(sent.into()))
    }

    /// React to an event
    ///
    /// A reaction that the same user has given already is the answer, and not given again. Needs
    /// the scope `gateway:send`. Errors as of sending.
    #[oai(
        path = "/send-reaction",
        method = "post",
        operation_id = "sendGatewayReaction"
    )]
    async fn react(
        &self,
        service: Service,
        body: Body<NewReaction>,
    ) -> Result<Json<EventRef>, Failure> {
        const REACTOR: (&str, &str) = ("reactor", "reactor_matrix_id");
        let new = body.0;
        let reaction = gateway::NewReaction {
            room: new.room_id,
            target: new.event_id,
            reactor: actor(REACTOR, new.reactor, new.reactor_matrix_id),
            emoji: new.emoji,
        };
        let event_id = self
            .0
            .gateway
            .react(&service.0, reaction)
            .await?
            .to_string();
        Ok(Json(EventRef { event_id }))
    }

    /// Take an event back
    ///
    /// Redacts it for everybody. Whoever takes back what others have said needs the power for it
    /// in the room. Needs the scope `gateway:send`. Asked for again within half an hour, the
    /// answer is the first redaction.
    #[oai(path = "/redact", method = "post", operation_id = "redactGatewayEvent")]
    async fn redact(
        &self,
        service: Service,
        body: Body<NewRedaction>,
    ) -> Result<Json<EventRef>, Failure> {
        let new = body.0;
        let redaction = gateway::NewRedaction {
            room: new.room_id,
            target: new.event_id,
            sender: actor(SENDER, new.sender, new.sender_matrix_id),
            reason: new.reason,
        };
        let redacted = self.0.gateway.redact(&service.0, redaction).await?;
        let event_id = redacted.to_string();
        Ok(Json(EventRef { event_id }))
    }
}
