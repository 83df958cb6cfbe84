//! Messages of a channel (`/api/messaging/channels/{id}/messages`), and what comes of them.

mod files;
mod pins;
mod reactions;
mod rendering;
mod scheduled;
mod sweeps;
mod threads;

use poem_openapi::param::{Path, Query};
use poem_openapi::{ApiResponse, OpenApi};
use uuid::Uuid;

pub(super) use self::rendering::render;
use self::rendering::{after, render_page, render_surroundings};
use super::auth::Person;
use super::body::Body;
use super::error::Failure;
use super::once::IdempotencyKey;
use super::rendered::Rendered;
use super::schema::{
    ContentDetail, EditedMessage, Message, MessagePage, MessageSurroundings, NewMessage, Order,
};
use super::time::Time;
use super::{Services, Tag};
use crate::domain::id::{ChannelId, MessageId};
use crate::domain::{Error, page};
use crate::payload::MessageJson;
use crate::service::messages::{self, Start};

/// All operations of the area.
pub type MessagesArea = (
    MessagesApi,
    reactions::ReactionsApi,
    threads::ThreadsApi,
    pins::PinsApi,
    files::FilesApi,
    scheduled::ScheduledApi,
    sweeps::SweepsApi,
);

/// The operations over these services.
pub fn all(services: &Services) -> MessagesArea {
    (
        MessagesApi(services.clone()),
        reactions::ReactionsApi(services.clone()),
        threads::ThreadsApi(services.clone()),
        pins::PinsApi(services.clone()),
        files::FilesApi(services.clone()),
        scheduled::ScheduledApi(services.clone()),
        sweeps::SweepsApi(services.clone()),
    )
}

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
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a parameter of the operation"
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
        /// Begin at this time instead of the list's end: with `asc` what was said then and later,
        /// with `desc` what was said until then. Not beside `cursor`.
        at: Query<Option<Time>>,
    ) -> Result<Rendered<MessagePage>, Failure> {
        let channel = ChannelId(channel_id.0);
        let limit = page::limit(limit.0)?;
        let start = start(cursor.0.as_deref(), at.0)?;
        let order = order.0.unwrap_or_default().into();
        let messages = &self.0.messages;
        let page = messages
            .list(&person.0, channel, start, order, limit)
            .await?;
        let detail = content.0.unwrap_or_default();
        let items = rendering::detailed(messages, channel, page.json, detail).await?;
        Ok(Rendered::new(render_page(&items, page.next)))
    }

    /// Send a message
    ///
    /// It is sent in Matrix as the caller. In a public channel a person who is no member joins
    /// first; in a private one that is 403. 400 names a `reply_to` or `thread_id` that is not
    /// in this channel. 403 also when the channel is archived or encrypted, when the caller's power
    /// level is too low there (as while they are muted), or the homeserver does not know the person.
    /// 409 for a thread whose root was said before the channel's Matrix room was replaced. 429 with
    /// `Retry-After` when the channel is slow and the caller's turn has not come.
    #[oai(
        path = "/:channel_id/messages",
        method = "post",
        operation_id = "sendMessage"
    )]
    async fn send(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// A name of this sending, 1 to 128 visible ASCII characters. Sent again with the same
        /// key, as after a broken connection, the message is said once and the answer is the
        /// first message, for 24 hours; 409 when the key was another message's.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        body: Body<NewMessage>,
    ) -> Result<SentMessage, Failure> {
        let channel = ChannelId(channel_id.0);
        let new = messages::NewMessage {
            key: key.0,
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
        let (channel, id) = (ChannelId(channel_id.0), MessageId(message_id.0));
        let messages = &self.0.messages;
        let message = messages.get(&person.0, channel, id).await?;
        let links = messages.links(&message).await?;
        let detail = content.0.unwrap_or_default();
        let json = rendering::with_links(messages, message, links, detail).await?;
        Ok(Rendered::new(json))
    }

    /// Edit a message
    ///
    /// In Matrix the author says something else instead. 403 unless the caller is its author; 409
    /// when it is deleted, carries a file, or was said before the channel's Matrix room was replaced.
    /// Whoever is mentioned and was not before is notified.
    #[oai(
        path = "/:channel_id/messages/:message_id",
        method = "patch",
        operation_id = "editMessage"
    )]
    async fn edit(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// The message's id.
        message_id: Path<Uuid>,
        body: Body<EditedMessage>,
    ) -> Result<Rendered<Message>, Failure> {
        let (channel, id) = (ChannelId(channel_id.0), MessageId(message_id.0));
        let messages = &self.0.messages;
        let edited = messages.edit(&person.0, channel, id, body.0.into()).await?;
        Ok(Rendered::new(render(&MessageJson::from(&edited))?))
    }

    /// Delete a message
    ///
    /// Redacts it in Matrix, for everybody: what it said is gone, the message stays as `deleted`.
    /// 403 unless the caller is its author or may redact in the Matrix room; 409 when it is deleted
    /// already.
    #[oai(
        path = "/:channel_id/messages/:message_id",
        method = "delete",
        operation_id = "deleteMessage"
    )]
    async fn delete(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// The message's id.
        message_id: Path<Uuid>,
        /// Why, for everybody in the room to read; at most 1,000 characters.
        reason: Query<Option<String>>,
    ) -> Result<Done, Failure> {
        let (channel, id) = (ChannelId(channel_id.0), MessageId(message_id.0));
        let messages = &self.0.messages;
        messages.delete(&person.0, channel, id, reason.0).await?;
        Ok(Done::Done)
    }

    /// See a message among others
    ///
    /// What was said before and after it, for whoever comes by its address. 404 when it is not in
    /// this channel.
    #[oai(
        path = "/:channel_id/messages/:message_id/context",
        method = "get",
        operation_id = "getMessageContext"
    )]
    async fn context(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// The message's id.
        message_id: Path<Uuid>,
        /// How many before it, 0 to 100; 25 when absent.
        before: Query<Option<u32>>,
        /// How many after it, 0 to 100; 25 when absent.
        after: Query<Option<u32>>,
    ) -> Result<Rendered<MessageSurroundings>, Failure> {
        let (channel, id) = (ChannelId(channel_id.0), MessageId(message_id.0));
        let sides = (side("before", before.0)?, side("after", after.0)?);
        let messages = &self.0.messages;
        let found = messages.surroundings(&person.0, channel, id, sides).await?;
        Ok(Rendered::new(render_surroundings(&found)?))
    }
}

/// It is done, and there is nothing more to say.
#[derive(ApiResponse)]
pub enum Done {
    /// It is done; the next list shows it.
    #[oai(status = 204)]
    Done,
}

/// How many messages are shown on one side of another one.
fn side(field: &'static str, given: Option<u32>) -> Result<usize, Error> {
    const MOST: u32 = 100;
    match given.unwrap_or(25) {
        given if given <= MOST => Ok(given as usize),
        _ => Err(Error::invalid(field, format!("must be from 0 to {MOST}"))),
    }
}

fn start(cursor: Option<&str>, at: Option<Time>) -> Result<Start, Error> {
    match (cursor, at) {
        (None, None) => Ok(Start::End),
        (Some(cursor), None) => Ok(Start::After(after(cursor)?)),
        (None, Some(at)) => Ok(Start::At(at.0)),
        (Some(_), Some(_)) => Err(Error::invalid("at", "must not stand beside cursor")),
    }
}
