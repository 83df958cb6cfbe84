//! What a webhook's receiver is sent. Made by `consumer::webhooks::payload`, which this describes.

use poem_openapi::param::Header;
use poem_openapi::payload::Json;
use poem_openapi::types::Any;
use poem_openapi::{ApiResponse, Enum, Object, Webhook};
use serde_json::Value;
use uuid::Uuid;

use crate::api::schema::CalledCommand;

/// Why an event has no content.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
#[oai(rename_all = "lowercase")]
pub enum WithoutContent {
    /// The channel is encrypted.
    Encrypted,
    /// The homeserver shows it no more: it was taken back, or purged.
    Gone,
}

/// An event as Matrix has it. Fields that are not named here are passed on, too.
#[derive(Object, Clone, Debug)]
pub struct WebhookEvent {
    /// Such as `m.room.message`; `city.daarion.test` of a test event.
    pub r#type: String,
    /// `$opaque`; null of what daarion did itself without one.
    pub event_id: Option<String>,
    /// `@localpart:server`.
    pub sender: String,
    /// What the type says. Where `why` says that there is none, only what tells who joined or left
    /// (`membership`) or what was taken back (`redacts`).
    pub content: Any<Value>,
    /// Milliseconds since the Unix epoch.
    pub origin_server_ts: u64,
    /// Absent of a test event.
    #[oai(skip_serializing_if_is_none)]
    pub room_id: Option<String>,
    /// Of state events; of `m.room.member` whose membership it is.
    #[oai(skip_serializing_if_is_none)]
    pub state_key: Option<String>,
    /// Of `m.room.redaction` in rooms before version 11, and of every one without its content.
    #[oai(skip_serializing_if_is_none)]
    pub redacts: Option<String>,
}

/// What happened in a channel: the Matrix event, and beside it who and what it is in our words.
/// Fields may be added.
#[derive(Object, Clone, Debug)]
pub struct WebhookPayload {
    /// `sub-<uuid>`.
    pub subscription_id: String,
    /// The Matrix room; null in the test event of a webhook that is told of all channels.
    pub room_id: Option<String>,
    pub event: WebhookEvent,
    /// Our name of the event: `messaging.channel.created`, `messaging.channel.updated`,
    /// `messaging.message.created`, `messaging.message.updated`, `messaging.message.deleted`,
    /// `messaging.media.uploaded`, `messaging.reaction.added`, `messaging.member.invited`,
    /// `messaging.member.joined`, `messaging.member.left`, or `webhook.test`.
    pub name: String,
    /// The channel; null in the test event of a webhook that is told of all channels.
    pub channel_id: Option<Uuid>,
    /// Who brought it about: `user:<localpart>`, `agent:<name>`, or `user:<localpart>:<server>`.
    pub entity_id: String,
    /// Of `messaging.member.*`: whose membership it is.
    #[oai(skip_serializing_if_is_none)]
    pub state_key_entity_id: Option<String>,
    /// The event's place in the live stream; 0 of a test event.
    pub seq: u64,
    /// The message that the event is or is about.
    #[oai(skip_serializing_if_is_none)]
    pub message_id: Option<Uuid>,
    /// Absent where the event is whole.
    #[oai(skip_serializing_if_is_none)]
    pub why: Option<WithoutContent>,
    /// What the message asks of an agent of the channel; absent when nothing.
    #[oai(skip_serializing_if_is_none)]
    pub command: Option<CalledCommand>,
}

/// What a receiver may answer.
#[derive(ApiResponse)]
pub enum Heard {
    /// Any 2xx: it is delivered. Whatever is not named here is tried again.
    #[oai(status = 200)]
    Taken,
    /// There is no such receiver any more: the webhook is paused.
    #[oai(status = 410)]
    Gone,
    /// Not now; as with 503, `Retry-After` says when, an hour at most.
    #[oai(status = 429)]
    Later,
}

/// What is asked of receivers.
#[Webhook]
pub trait Receiver: Send + Sync {
    /// Hear of an event
    ///
    /// Sent to `webhook_url` when something happens in a channel, at least once and in order per
    /// room, and for `POST …/test`. Signed as Standard Webhooks says.
    #[oai(name = "event", method = "post", operation_id = "receiveWebhook")]
    fn event(
        &self,
        /// The same on every try: drop what you have met.
        #[oai(name = "webhook-id")]
        id: Header<String>,
        /// When this try was signed, in seconds since the Unix epoch.
        #[oai(name = "webhook-timestamp")]
        timestamp: Header<u64>,
        /// `v1,<base64>`; two of them, with a space between, while a secret is being rotated.
        #[oai(name = "webhook-signature")]
        signature: Header<String>,
        body: Json<WebhookPayload>,
    ) -> Heard;
}
