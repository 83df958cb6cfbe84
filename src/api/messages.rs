//! Messages of a channel (`/api/messaging/channels/{id}/messages`).

use std::sync::Arc;

use poem::Request;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::{ApiResponse, OpenApi};
use serde::Serialize;
use uuid::Uuid;

use super::auth::Person;
use super::body::Body;
use super::error::Failure;
use super::rendered::Rendered;
use super::schema::{ContentDetail, Message, MessagePage, NewMessage, Order};
use super::{Services, Tag};
use crate::domain::id::{ChannelId, MessageId, SendKey};
use crate::domain::message::FullContent;
use crate::domain::{Error, message, page};
use crate::payload::MessageJson;
use crate::service::messages::{self, Start};

const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// The operations.
pub struct MessagesApi(pub Services);

/// A message was sent.
#[derive(ApiResponse)]
pub enum SentMessage {
    /// The message; it is in the next list.
    #[oai(status = 201)]
    Created(Rendered<Message>),
}

#[OpenApi(prefix_path = "/api/messaging/channels", tag = "Tag::Messaging")]
impl MessagesApi {
    /// List messages
    ///
    /// Ordered by `created_at`, then event id: the same after healing and after a rebuild.
    /// Messages that arrive meanwhile do not disturb the pages.
    #[oai(
        path = "/:channel_id/messages",
        method = "get",
        operation_id = "listMessages"
    )]
    async fn list(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// How many, 1 to 200; 50 when absent.
        limit: Query<Option<u32>>,
        /// The `next` of an earlier page with the same order.
        cursor: Query<Option<String>>,
        /// `desc` (newest first) when absent.
        order: Query<Option<Order>>,
        /// `preview` when absent.
        content: Query<Option<ContentDetail>>,
    ) -> Result<Rendered<MessagePage>, Failure> {
        let channel = ChannelId(channel_id.0);
        let limit = page::limit(limit.0)?;
        let start = match cursor.0.as_deref() {
            Some(cursor) => Start::After(after(cursor)?),
            None => Start::End,
        };
        let order = order.0.unwrap_or_default().into();
        let messages = &self.0.messages;
        let page = messages
            .list(&person.0, channel, start, order, limit)
            .await?;
        let items = match content.0.unwrap_or_default() {
            ContentDetail::Preview => page.json,
            ContentDetail::Full => self.with_contents(channel, &page.json).await?.into(),
        };
        Ok(Rendered::new(render_page(&items, page.next)))
    }

    /// Send a message
    ///
    /// It is sent in Matrix as the caller. In a public channel a person who is no member joins
    /// first; in a private one that is 403. 400 names a `reply_to` or `thread_id` that is not
    /// in this channel. 403 also when the channel is archived or encrypted, or the homeserver
    /// does not know the person.
    #[oai(
        path = "/:channel_id/messages",
        method = "post",
        operation_id = "sendMessage"
    )]
    async fn send(
        &self,
        person: Person,
        request: &Request,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// A name of this sending, 1 to 128 visible ASCII characters. Sent again with the same
        /// key, as after a broken connection, the message is said once and the answer is the
        /// first message; 409 when the key was another message's. The homeserver remembers
        /// keys for half an hour at least.
        #[oai(name = "Idempotency-Key")]
        _idempotency_key: Header<Option<String>>,
        body: Body<NewMessage>,
    ) -> Result<SentMessage, Failure> {
        let channel = ChannelId(channel_id.0);
        let key = send_key(request)?;
        let new = messages::NewMessage {
            key,
            ..body.0.into()
        };
        let sent = self.0.messages.send(&person.0, channel, new).await?;
        Ok(SentMessage::Created(Rendered::new(render(
            &MessageJson::from(&sent),
        )?)))
    }

    /// Get a message
    ///
    /// 404 when it is not in this channel, or the caller may not know of the channel.
    #[oai(
        path = "/:channel_id/messages/:message_id",
        method = "get",
        operation_id = "getMessage"
    )]
    async fn get(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// The message's id.
        message_id: Path<Uuid>,
        /// `preview` when absent.
        content: Query<Option<ContentDetail>>,
    ) -> Result<Rendered<Message>, Failure> {
        let channel = ChannelId(channel_id.0);
        let id = MessageId(message_id.0);
        let message = self.0.messages.get(&person.0, channel, id).await?;
        let json = match content.0.unwrap_or_default() {
            ContentDetail::Preview => render(&MessageJson::from(&message))?,
            ContentDetail::Full => self.full(channel, vec![message]).await?,
        };
        Ok(Rendered::new(json))
    }

    /// Adds the contents to items that were rendered without.
    async fn with_contents(&self, channel: ChannelId, items: &[u8]) -> Result<Vec<u8>, Error> {
        let array = [b"[", items, b"]"].concat();
        let stored: Vec<MessageJson> = serde_json::from_slice(&array).map_err(damaged)?;
        let messages = stored.into_iter().filter_map(MessageJson::into_message);
        self.full(channel, messages.collect()).await
    }

    /// The messages with their contents, as JSON objects with commas between them.
    async fn full(
        &self,
        channel: ChannelId,
        messages: Vec<message::Message>,
    ) -> Result<Vec<u8>, Error> {
        let contents = self.0.messages.contents(channel, &messages).await?;
        let mut json = Vec::new();
        for (message, content) in messages.iter().zip(contents) {
            if !json.is_empty() {
                json.push(b',');
            }
            json.extend(render(&WithContent::new(message, content))?);
        }
        Ok(json)
    }
}

#[derive(Serialize)]
struct WithContent {
    #[serde(flatten)]
    message: MessageJson,
    content: Option<ContentJson>,
}

#[derive(Serialize)]
struct ContentJson {
    body: String,
    formatted_body: Option<String>,
}

impl WithContent {
    fn new(message: &message::Message, content: Option<Arc<FullContent>>) -> Self {
        Self {
            message: MessageJson::from(message),
            content: content.map(|content| ContentJson {
                body: content.body.clone(),
                formatted_body: content.formatted_body.clone(),
            }),
        }
    }
}

/// A message's JSON for an answer.
pub(super) fn render<T: Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(damaged)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err wants"
)]
fn damaged(error: serde_json::Error) -> Error {
    Error::internal(format!(
        "a message is not the JSON that it should be: {error}"
    ))
}

/// Read here, because poem-openapi takes a header that is no ASCII for none: what is sent again
/// with such a key would be said twice.
pub(super) fn send_key(request: &Request) -> Result<Option<SendKey>, Error> {
    let Some(given) = request.headers().get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let key = given.to_str().ok().and_then(SendKey::parse);
    key.map(Some)
        .ok_or_else(|| Error::invalid(IDEMPOTENCY_KEY, "must be 1 to 128 visible ASCII characters"))
}

fn after(cursor: &str) -> Result<MessageId, Error> {
    MessageId::parse(cursor).ok_or_else(page::wrong_cursor)
}

fn render_page(items: &[u8], next: Option<MessageId>) -> Vec<u8> {
    let mut json = Vec::with_capacity(items.len() + 64);
    json.extend_from_slice(br#"{"items":["#);
    json.extend_from_slice(items);
    json.extend_from_slice(br#"],"next":"#);
    match next {
        Some(next) => json.extend_from_slice(format!("\"{next}\"").as_bytes()),
        None => json.extend_from_slice(b"null"),
    }
    json.push(b'}');
    json
}
