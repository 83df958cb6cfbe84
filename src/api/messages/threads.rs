//! Threads of a channel.

use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use serde::Serialize;
use uuid::Uuid;

use super::rendering::{after, detailed, render, render_page};
use crate::api::auth::Person;
use crate::api::error::Failure;
use crate::api::rendered::Rendered;
use crate::api::schema::{ContentDetail, MessagePage, Order, Thread, ThreadPage};
use crate::api::{Services, Tag};
use crate::domain::entity::Entity;
use crate::domain::id::{ChannelId, MessageId};
use crate::domain::page;
use crate::payload::{MessageJson, Rfc3339};
use crate::service::messages::ThreadView;

/// The operations.
pub struct ThreadsApi(pub Services);

#[OpenApi(prefix_path = "/api/messaging/channels", tag = "Tag::Messaging")]
impl ThreadsApi {
    /// List threads
    ///
    /// That in which something was said last first. A thread in which somebody speaks while the
    /// pages are read moves to the front.
    #[oai(
        path = "/:channel_id/threads",
        method = "get",
        operation_id = "listThreads"
    )]
    async fn list(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// How many, 1 to 200; 50 when absent.
        limit: Query<Option<u32>>,
        /// The `next` of an earlier page.
        cursor: Query<Option<String>>,
    ) -> Result<Rendered<ThreadPage>, Failure> {
        let channel = ChannelId(channel_id.0);
        let limit = page::limit(limit.0)?;
        let messages = &self.0.messages;
        let cursor = cursor.0.as_deref();
        let page = messages.threads(&person.0, channel, cursor, limit).await?;
        Ok(Rendered::new(render(&PageJson {
            items: page.items.iter().map(ThreadJson::from).collect(),
            next: page.next,
        })?))
    }

    /// Get a thread
    ///
    /// 404 when nobody has spoken in a thread that begins with this message.
    #[oai(
        path = "/:channel_id/threads/:thread_id",
        method = "get",
        operation_id = "getThread"
    )]
    async fn get(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// The root message's id.
        thread_id: Path<Uuid>,
    ) -> Result<Rendered<Thread>, Failure> {
        let (channel, root) = (ChannelId(channel_id.0), MessageId(thread_id.0));
        let thread = self.0.messages.thread(&person.0, channel, root).await?;
        Ok(Rendered::new(render(&ThreadJson::from(&thread))?))
    }

    /// List the messages of a thread
    ///
    /// Without the root and without what was deleted, ordered like the messages of the channel.
    /// Messages that arrive meanwhile do not disturb the pages. Empty when no thread begins with
    /// this message.
    #[oai(
        path = "/:channel_id/threads/:thread_id/messages",
        method = "get",
        operation_id = "listThreadMessages"
    )]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a parameter of the operation"
    )]
    async fn messages(
        &self,
        person: Person,
        /// The channel's id.
        channel_id: Path<Uuid>,
        /// The root message's id.
        thread_id: Path<Uuid>,
        /// How many, 1 to 200; 50 when absent.
        limit: Query<Option<u32>>,
        /// The `next` of an earlier page with the same order.
        cursor: Query<Option<String>>,
        /// `desc` (newest first) when absent.
        order: Query<Option<Order>>,
        /// `preview` when absent.
        content: Query<Option<ContentDetail>>,
    ) -> Result<Rendered<MessagePage>, Failure> {
        let (channel, root) = (ChannelId(channel_id.0), MessageId(thread_id.0));
        let limit = page::limit(limit.0)?;
        let after = cursor.0.as_deref().map(after).transpose()?;
        let order = order.0.unwrap_or_default().into();
        let messages = &self.0.messages;
        let page = messages
            .thread_messages(&person.0, channel, root, after, order, limit)
            .await?;
        let detail = content.0.unwrap_or_default();
        let items = detailed(messages, channel, page.json, detail).await?;
        Ok(Rendered::new(render_page(&items, page.next)))
    }
}

#[derive(Serialize)]
struct PageJson {
    items: Vec<ThreadJson>,
    next: Option<String>,
}

#[derive(Serialize)]
struct ThreadJson {
    id: MessageId,
    channel_id: ChannelId,
    count: u64,
    last_at: Rfc3339,
    root: MessageJson,
    last_message: MessageJson,
    participants: Vec<String>,
}

impl From<&ThreadView> for ThreadJson {
    fn from(view: &ThreadView) -> Self {
        let thread = &view.thread;
        Self {
            id: thread.root.id,
            channel_id: thread.root.channel,
            count: thread.summary.count,
            last_at: Rfc3339(thread.summary.last_at),
            root: MessageJson::from(&thread.root),
            last_message: MessageJson::from(&thread.last),
            participants: view.participants.iter().map(Entity::to_string).collect(),
        }
    }
}
