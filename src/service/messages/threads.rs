//! Threads of a channel.

use super::Messages;
use crate::domain::access::Caller;
use crate::domain::entity::Entity;
use crate::domain::id::{ChannelId, MessageId, Millis};
use crate::domain::page::{Order, Page, decode_cursor, encode_cursor, wrong_cursor};
use crate::domain::reception::Thread;
use crate::domain::{Error, Result};
use crate::store::RenderedPage;
use crate::store::receptions::{ThreadQuery, ThreadsQuery};

/// Bytes of a cursor of the list of threads: a time and a message.
const CURSOR: usize = 24;

/// A thread, and who its participants are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ThreadView {
    pub thread: Thread,
    pub participants: Vec<Entity>,
}

impl Messages {
    /// A page of the threads of a channel, that in which something was said last first.
    pub async fn threads(
        &self,
        caller: &Caller,
        channel: ChannelId,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<ThreadView>> {
        self.core.visible(caller, channel).await?;
        let query = ThreadsQuery {
            channel,
            after: cursor.map(read_cursor).transpose()?,
            limit,
        };
        let page = self.core.store.receptions.threads(query).await?;
        let items = page.items.into_iter().map(|thread| self.view(thread));
        Ok(Page {
            items: items.collect(),
            next: page.next.map(write_cursor),
        })
    }

    /// The thread that begins with a message.
    pub async fn thread(
        &self,
        caller: &Caller,
        channel: ChannelId,
        root: MessageId,
    ) -> Result<ThreadView> {
        self.core.visible(caller, channel).await?;
        self.known(channel, root).await?;
        let thread = self.core.store.receptions.thread(channel, root).await?;
        let none = || Error::not_found(format!("no thread begins with message {root}"));
        Ok(self.view(thread.ok_or_else(none)?))
    }

    /// A page of the messages of a thread, without its root, ready to be sent. Of a message with
    /// which no thread begins there are none.
    pub async fn thread_messages(
        &self,
        caller: &Caller,
        channel: ChannelId,
        root: MessageId,
        after: Option<MessageId>,
        order: Order,
        limit: usize,
    ) -> Result<RenderedPage> {
        self.core.visible(caller, channel).await?;
        self.known(channel, root).await?;
        let query = ThreadQuery {
            channel,
            root,
            after,
            order,
            limit,
        };
        let page = self.core.store.receptions.thread_messages(query).await?;
        page.ok_or_else(wrong_cursor)
    }

    fn view(&self, thread: Thread) -> ThreadView {
        let people = thread.participants.iter();
        let people = people.map(|user| self.core.directory.entity(user));
        ThreadView {
            participants: people.collect(),
            thread,
        }
    }
}

fn write_cursor((last_at, root): (Millis, MessageId)) -> String {
    encode_cursor(&[last_at.to_be_bytes().as_slice(), root.as_bytes()].concat())
}

fn read_cursor(cursor: &str) -> Result<(Millis, MessageId)> {
    let bytes = decode_cursor(cursor, CURSOR)?;
    let parts = bytes.split_first_chunk::<8>();
    let parts = parts.and_then(|(at, root)| Some((at, root.first_chunk::<16>()?)));
    let (at, root) = parts.ok_or_else(wrong_cursor)?;
    let root = MessageId(uuid::Uuid::from_bytes(*root));
    Ok((u64::from_be_bytes(*at), root))
}
