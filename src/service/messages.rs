//! Messages of a channel: listed and read here; `send`, `changes`, `reactions`, `pins` say and do
//! something there, `threads` and `surroundings` show what belongs together, `sweep` takes away all
//! that somebody has said.

mod chain;
mod changes;
mod new;
mod pins;
mod reactions;
mod send;
mod slow;
mod surroundings;
mod sweep;
mod threads;

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use moka::future::Cache;
use tokio::sync::Mutex;

pub use self::changes::Rewording;
pub use self::new::{NewFile, NewMessage};
pub use self::reactions::{OwnReactions, ReactionView};
pub use self::surroundings::{Links, Surroundings};
pub use self::sweep::{Sweep, SweepState};
pub use self::threads::ThreadView;

use self::sweep::Sweeps;
use super::Core;
use super::sendings::Sendings;
use super::standing::Granted;
use crate::domain::access::Caller;
use crate::domain::channel::Channel;
use crate::domain::event::What;
use crate::domain::id::{ChannelId, EventId, MessageId, Millis};
use crate::domain::media::MediaId;
use crate::domain::member::Membership;
use crate::domain::message::{FullContent, Message, MessageKind};
use crate::domain::page::{Order, wrong_cursor};
use crate::domain::{Error, Result};
use crate::store::{MessageQuery, RenderedPage};

/// How much of full contents is kept at the most, in bytes, and how many are fetched at once.
const CACHED: u64 = 8 * 1024 * 1024;
const FETCHES: usize = 8;
/// How many changes of pins are under way at once, each of another channel.
const PINNERS: usize = 16;

/// The messages service.
pub struct Messages {
    core: Arc<Core>,
    contents: Cache<ContentKey, Option<Arc<FullContent>>>,
    sendings: Sendings,
    /// Whoever changes what is pinned in a channel reads it first, and takes turns for it.
    pinning: [Mutex<()>; PINNERS],
    sweeps: Sweeps,
}

/// Where a list of messages begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Start {
    /// At its end of the channel.
    #[default]
    End,
    /// Behind this message.
    After(MessageId),
    /// At this time.
    At(Millis),
}

/// A message's event, and when it was edited: an edit makes another content.
type ContentKey = (EventId, Option<Millis>);

impl Messages {
    #[must_use]
    pub fn new(core: Arc<Core>) -> Self {
        Self {
            sendings: Sendings::new(core.clock.clone()),
            pinning: Default::default(),
            sweeps: Sweeps::default(),
            core,
            contents: Cache::builder()
                .max_capacity(CACHED)
                .weigher(weight)
                .build(),
        }
    }

    /// A page of messages, ready to be sent.
    pub async fn list(
        &self,
        caller: &Caller,
        channel: ChannelId,
        start: Start,
        order: Order,
        limit: usize,
    ) -> Result<RenderedPage> {
        self.core.visible(caller, channel).await?;
        let (after, at) = match start {
            Start::End => (None, None),
            Start::After(message) => (Some(message), None),
            Start::At(time) => (None, Some(time)),
        };
        let query = MessageQuery {
            channel,
            after,
            at,
            order,
            limit,
        };
        let page = self.core.store.index.messages(query).await?;
        page.ok_or_else(wrong_cursor)
    }

    /// One message.
    pub async fn get(&self, caller: &Caller, channel: ChannelId, id: MessageId) -> Result<Message> {
        self.core.visible(caller, channel).await?;
        self.known(channel, id).await
    }

    /// The file that a message carries.
    pub async fn file(
        &self,
        caller: &Caller,
        channel: ChannelId,
        id: MessageId,
    ) -> Result<MediaId> {
        let media = self.get(caller, channel, id).await?.media;
        let file = media.and_then(|media| MediaId::parse(&media.url?));
        file.ok_or_else(|| Error::not_found(format!("no file that can be shown in message {id}")))
    }

    /// A message of a channel that the caller may know of.
    async fn known(&self, channel: ChannelId, id: MessageId) -> Result<Message> {
        let message = self.core.store.index.message(id).await?;
        message
            .filter(|message| message.channel == channel)
            .ok_or_else(|| Error::not_found(format!("no message {id} in this channel")))
    }

    /// The full contents of these messages, in their order; `None` for what is deleted,
    /// encrypted or gone.
    pub async fn contents(
        &self,
        channel: ChannelId,
        messages: &[Message],
    ) -> Result<Vec<Option<Arc<FullContent>>>> {
        let Some(channel) = self.core.directory.channel(channel) else {
            return Err(Error::not_found(format!("no channel {channel}")));
        };
        let mut fetches = Vec::with_capacity(messages.len());
        for message in messages {
            // What was fetched before the channel became confidential is not shown again.
            let hidden =
                channel.confidential || message.deleted || message.kind == MessageKind::Encrypted;
            let shown = (!hidden).then(|| message.clone());
            fetches.push(self.content(&channel, shown));
        }
        let fetched: Vec<_> = stream::iter(fetches).buffered(FETCHES).collect().await;
        fetched.into_iter().collect()
    }

    async fn content(
        &self,
        channel: &Channel,
        message: Option<Message>,
    ) -> Result<Option<Arc<FullContent>>> {
        let Some(message) = message else {
            return Ok(None);
        };
        let fetch = async {
            let room = self.core.room_of(channel, &message.event).await?;
            let content = self.core.homeserver.content(&room, &message.event).await?;
            Ok::<_, Error>(content.map(Arc::new))
        };
        // Nothing tells here when the text that is left is taken back as well.
        if message.is_withdrawn() {
            return fetch.await;
        }
        // An edit makes another key, so what was fetched before is not shown again.
        let key = (message.event.clone(), message.edited_at);
        let fetched = self.contents.try_get_with(key, fetch).await;
        fetched.map_err(|error: Arc<Error>| (*error).clone())
    }

    /// Makes sure that somebody who may speak in a channel is in its room.
    async fn enter(&self, granted: &Granted, channel: &Channel) -> Result<()> {
        match granted.who.membership {
            Some(Membership::Joined) => Ok(()),
            _ => self.core.let_in(channel, &granted.who.entity).await,
        }
    }

    /// Takes in what was done at the homeserver, and waits for the index. It is done in any case,
    /// and its push or a healing will bring it: telling the caller to try again would do it twice.
    async fn echo(&self, channel: ChannelId, event: EventId, what: What) {
        if let Err(error) = self.core.echo(channel, event.clone(), what).await {
            tracing::warn!(%error, event_id = %event, "what was done is not indexed yet");
        }
    }
}

/// Refuses what can be done only about a message that is there.
fn require_standing(message: &Message) -> Result<()> {
    match message.deleted {
        false => Ok(()),
        true => Err(Error::conflict(format!(
            "message {} is deleted",
            message.id
        ))),
    }
}

/// What a cached content takes of memory, in bytes.
fn weight((event, _): &ContentKey, content: &Option<Arc<FullContent>>) -> u32 {
    /// What an entry takes without its texts.
    const ENTRY: usize = 256;
    let texts = content.as_ref().map_or(0, |content| {
        content.body.len() + content.formatted_body.as_ref().map_or(0, String::len)
    });
    let bytes = ENTRY + event.as_str().len() + texts;
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn contents_are_kept_by_their_size() {
        let contents = Cache::builder()
            .max_capacity(CACHED)
            .weigher(weight)
            .build();
        let kib = "x".repeat(64 * 1024);
        for number in 0..1_000 {
            let content = FullContent {
                body: kib.clone(),
                formatted_body: Some(kib.clone()),
            };
            let key = (EventId::trusted(format!("$event{number}")), None);
            contents.insert(key, Some(Arc::new(content))).await;
        }
        contents.run_pending_tasks().await;
        assert!(contents.weighted_size() <= CACHED);
        assert!((1..=64).contains(&contents.entry_count()));
    }
}
