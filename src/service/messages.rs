//! Messages of a channel: listed, read and sent.

mod sendings;

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use moka::future::Cache;

use self::sendings::{Attempt, Sendings};
use super::Core;
use crate::domain::access::Caller;
use crate::domain::channel::{Channel, ChannelStatus, Visibility};
use crate::domain::entity::Entity;
use crate::domain::event::What;
use crate::domain::id::{ChannelId, EventId, MessageId, Millis, RoomId, SendKey, UserId};
use crate::domain::member::Membership;
use crate::domain::message::{FullContent, Message, MessageKind};
use crate::domain::page::{Order, wrong_cursor};
use crate::domain::{Error, Result, text};
use crate::homeserver::Outgoing;
use crate::store::{MessageQuery, RenderedPage};

/// How much of full contents is kept at the most, in bytes, and how many are fetched at once.
const CACHED: u64 = 8 * 1024 * 1024;
const FETCHES: usize = 8;
/// The most mentions in one message.
const MAX_MENTIONS: usize = 50;

/// The messages service.
pub struct Messages {
    core: Arc<Core>,
    contents: Cache<ContentKey, Option<Arc<FullContent>>>,
    sendings: Sendings,
}

/// A message's event, and when it was edited: an edit makes another content.
type ContentKey = (EventId, Option<Millis>);

/// A message to be sent.
#[derive(Clone, Debug, Default)]
pub struct NewMessage {
    pub text: String,
    pub markdown: bool,
    pub reply_to: Option<MessageId>,
    pub thread: Option<MessageId>,
    pub mentions: Vec<String>,
    /// The caller's own name of this sending: what is sent again with it is said once.
    pub key: Option<SendKey>,
}

impl Messages {
    #[must_use]
    pub fn new(core: Arc<Core>) -> Self {
        Self {
            sendings: Sendings::new(core.clock.clone()),
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
        after: Option<MessageId>,
        order: Order,
        limit: usize,
    ) -> Result<RenderedPage> {
        self.core.visible(caller, channel).await?;
        let query = MessageQuery {
            channel,
            after,
            order,
            limit,
        };
        let page = self.core.store.index.messages(query).await?;
        page.ok_or_else(wrong_cursor)
    }

    /// One message.
    pub async fn get(&self, caller: &Caller, channel: ChannelId, id: MessageId) -> Result<Message> {
        self.core.visible(caller, channel).await?;
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
            fetches.push(self.content(channel.room.clone(), shown));
        }
        let fetched: Vec<_> = stream::iter(fetches).buffered(FETCHES).collect().await;
        fetched.into_iter().collect()
    }

    async fn content(
        &self,
        room: RoomId,
        message: Option<Message>,
    ) -> Result<Option<Arc<FullContent>>> {
        let Some(message) = message else {
            return Ok(None);
        };
        let fetch = async {
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

    /// Sends a message as the caller, an agent's as a notice. In a public channel a person who is
    /// no member joins first, as in any Matrix client.
    ///
    /// With a key it is the homeserver that remembers, by the transaction id made of it: so a
    /// repetition finds the first message also when this process was killed in between.
    pub async fn send(
        &self,
        caller: &Caller,
        channel: ChannelId,
        new: NewMessage,
    ) -> Result<Message> {
        let core = &self.core;
        text::message(&new.text)?;
        let channel = core.visible(caller, channel).await?;
        if channel.status == ChannelStatus::Archived {
            return Err(Error::forbidden("the channel is archived"));
        }
        if channel.confidential {
            return Err(Error::forbidden(
                "the channel is end-to-end encrypted: only a Matrix client that holds its keys \
                 can speak there",
            ));
        }
        let (reply, thread) = self.relations(&channel, &new).await?;
        let mentions = self.mentions(&new.mentions)?;
        let user = core.directory.user_id(&caller.entity);
        self.enter(caller, &channel, &user).await?;
        let transaction = match &new.key {
            Some(key) => key.transaction(channel.id, &user),
            None => core.clock.uuid(),
        };
        let attempt = match &new.key {
            Some(_) => self.sendings.begin(transaction, &new).await?,
            None => Attempt::First,
        };
        let outgoing = Outgoing {
            room: channel.room.clone(),
            sender: user.clone(),
            transaction: transaction.to_string(),
            at: core.clock.now(),
            text: new.text,
            markdown: new.markdown,
            notice: matches!(caller.entity, Entity::Agent { .. }),
            reply_to: reply,
            thread,
            mentions,
        };
        let event = match core.homeserver.send(&outgoing).await {
            Ok(event) => event,
            Err(error) => {
                if !error.is_transient() {
                    self.sendings.forget(transaction).await;
                }
                return Err(error);
            }
        };
        let mut message = echo_of(&channel, caller.entity.clone(), event, &outgoing);
        if attempt == Attempt::Again {
            message.created_at = self.taken_in_at(&channel, &message).await?;
        }
        let what = What::MessageCreated(message.clone());
        let echo = core.echo(channel.id, message.event.clone(), what);
        if let Err(error) = echo.await {
            // The homeserver has it, and its push or a healing will bring it: telling the
            // caller to try again would send it twice.
            tracing::warn!(%error, message_id = %message.id, "a sent message is not indexed yet");
        }
        match attempt {
            Attempt::First => Ok(message),
            Attempt::Again => self.first_of(message).await,
        }
    }

    /// When the homeserver took a message in, which an earlier attempt may have been.
    async fn taken_in_at(&self, channel: &Channel, sent: &Message) -> Result<Millis> {
        let core = &self.core;
        if let Some(known) = core.store.index.message(sent.id).await? {
            return Ok(known.created_at);
        }
        let at = core.homeserver.sent_at(&channel.room, &sent.event).await?;
        Ok(at.map_or(sent.created_at, |at| at.min(sent.created_at)))
    }

    /// The message that the homeserver answered a sending with, which a repetition of it finds
    /// as it was the first time.
    async fn first_of(&self, sent: Message) -> Result<Message> {
        let Some(first) = self.core.store.index.message(sent.id).await? else {
            return Ok(sent);
        };
        let is_as_sent = first.edited_at.is_none() && !first.deleted;
        let said = |it: &Message| (it.preview.clone(), it.truncated, it.reply_to, it.thread);
        if is_as_sent && said(&first) != said(&sent) {
            return Err(sendings::used_for_another());
        }
        Ok(first)
    }

    async fn relations(
        &self,
        channel: &Channel,
        new: &NewMessage,
    ) -> Result<(Option<EventId>, Option<EventId>)> {
        let reply = match new.reply_to {
            None => None,
            Some(id) => Some(self.target("reply_to", channel.id, id).await?.event),
        };
        let thread = match new.thread {
            None => None,
            Some(id) => {
                let root = self.target("thread_id", channel.id, id).await?;
                if root.thread.is_some() {
                    return Err(Error::invalid(
                        "thread_id",
                        "must be the root of a thread, not a message inside one",
                    ));
                }
                Some(root.event)
            }
        };
        Ok((reply, thread))
    }

    async fn target(
        &self,
        field: &'static str,
        channel: ChannelId,
        id: MessageId,
    ) -> Result<Message> {
        let message = self.core.store.index.message(id).await?;
        message
            .filter(|message| message.channel == channel)
            .ok_or_else(|| Error::invalid(field, "no such message in this channel"))
    }

    fn mentions(&self, given: &[String]) -> Result<Vec<UserId>> {
        if given.len() > MAX_MENTIONS {
            return Err(Error::invalid(
                "mentions",
                format!("must be at most {MAX_MENTIONS}"),
            ));
        }
        let user = |text: &String| {
            let directory = &self.core.directory;
            let entity = directory.find_entity(text).ok_or_else(|| {
                Error::invalid("mentions", "must be user:<localpart> or agent:<name>")
            })?;
            Ok(directory.user_id(&entity))
        };
        given.iter().map(user).collect()
    }

    /// Makes sure that the sender is in the room.
    async fn enter(&self, caller: &Caller, channel: &Channel, user: &UserId) -> Result<()> {
        let member = self.core.store.index.member(channel.id, user).await?;
        let membership = member.map(|member| member.membership);
        match membership {
            Some(Membership::Joined) => Ok(()),
            Some(Membership::Banned) => Err(Error::forbidden(format!(
                "{} is banned from this channel",
                caller.entity
            ))),
            // An agent is brought in by a member; it does not come by itself.
            _ if matches!(caller.entity, Entity::Agent { .. }) => Err(Error::forbidden(format!(
                "{} is not a member of this channel",
                caller.entity
            ))),
            _ if channel.visibility == Visibility::Public => {
                self.core.homeserver.join(&channel.room, Some(user)).await
            }
            _ => Err(Error::forbidden(format!(
                "{} is not a member of this channel",
                caller.entity
            ))),
        }
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

/// The message that the homeserver will push to us, known already.
fn echo_of(channel: &Channel, entity: Entity, event: EventId, sent: &Outgoing) -> Message {
    let (preview, truncated) = text::preview(&sent.text);
    Message {
        id: MessageId::of(&event),
        channel: channel.id,
        event,
        sender: sent.sender.clone(),
        sender_entity: entity,
        kind: if sent.notice {
            MessageKind::Notice
        } else {
            MessageKind::Text
        },
        preview,
        truncated,
        reply_to: sent.reply_to.as_ref().map(MessageId::of),
        thread: sent.thread.as_ref().map(MessageId::of),
        media: None,
        created_at: sent.at,
        edited_at: None,
        deleted: false,
    }
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
