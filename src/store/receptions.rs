//! What comes of messages: reactions, threads, pins. Part of the index, made with it and as safe to
//! throw away; here are the questions that are asked of it.

use async_trait::async_trait;

use super::StoreError;
use super::index::RenderedPage;
use crate::domain::id::{ChannelId, EventId, MessageId, Millis, Seq, UserId};
use crate::domain::page::Order;
use crate::domain::reception::{Reaction, Thread};

/// Which reactions to a message.
#[derive(Clone, Debug)]
pub struct ReactionQuery {
    pub channel: ChannelId,
    pub message: MessageId,
    /// Begin behind this one: key, user and event.
    pub after: Option<(String, UserId, EventId)>,
    pub limit: usize,
}

/// Which messages of a thread.
#[derive(Clone, Debug)]
pub struct ThreadQuery {
    pub channel: ChannelId,
    pub root: MessageId,
    /// Begin behind this message.
    pub after: Option<MessageId>,
    pub order: Order,
    pub limit: usize,
}

/// Which threads of a channel.
#[derive(Clone, Debug)]
pub struct ThreadsQuery {
    pub channel: ChannelId,
    /// Begin behind the thread of this root, whose newest message was said then.
    pub after: Option<(Millis, MessageId)>,
    pub limit: usize,
}

/// Threads in the order of what was said last, and behind which the next page begins.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ThreadsPage {
    pub items: Vec<Thread>,
    pub next: Option<(Millis, MessageId)>,
}

/// What comes of messages.
#[async_trait]
pub trait Receptions: Send + Sync {
    /// The message that a reaction is or was to, and the reaction's place in the journal; `None`
    /// for any other event.
    async fn reaction(&self, event: &EventId) -> Result<Option<(MessageId, Seq)>, StoreError>;

    /// Who has reacted to a message, by key and user.
    async fn reactions(&self, query: ReactionQuery) -> Result<Vec<Reaction>, StoreError>;

    /// The reactions of a user with a key: one at the most, but for what other servers let
    /// through.
    async fn reactions_of(
        &self,
        channel: ChannelId,
        message: MessageId,
        key: &str,
        by: &UserId,
    ) -> Result<Vec<EventId>, StoreError>;

    /// The keys with which a user has reacted to each of these messages, in their order.
    async fn keys_of(
        &self,
        channel: ChannelId,
        messages: &[MessageId],
        by: &UserId,
    ) -> Result<Vec<Vec<String>>, StoreError>;

    /// Threads, that in which something was said last first. Those whose root is not there are
    /// left out.
    async fn threads(&self, query: ThreadsQuery) -> Result<ThreadsPage, StoreError>;

    /// The thread that begins with a message; `None` when nobody has spoken in it.
    async fn thread(
        &self,
        channel: ChannelId,
        root: MessageId,
    ) -> Result<Option<Thread>, StoreError>;

    /// A page of the messages of a thread, the root not among them. An unknown `after` gives
    /// `None`.
    async fn thread_messages(&self, query: ThreadQuery)
    -> Result<Option<RenderedPage>, StoreError>;

    /// What is pinned in a channel, in the order of the room; of some the message may not be there.
    async fn pins(&self, channel: ChannelId) -> Result<Vec<MessageId>, StoreError>;

    /// Which reading of its room's state a channel was last made of; 0 for none.
    async fn survey(&self, channel: ChannelId) -> Result<u64, StoreError>;

    /// Remembers that; forgotten together with the known events.
    async fn set_survey(&self, channel: ChannelId, survey: u64) -> Result<(), StoreError>;
}
