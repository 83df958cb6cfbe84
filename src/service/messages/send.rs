//! Messages that are sent.

use super::new::digest;
use super::{Messages, NewMessage};
use crate::domain::access::{Caller, Right};
use crate::domain::channel::Channel;
use crate::domain::entity::Entity;
use crate::domain::event::What;
use crate::domain::id::{ChannelId, EventId, MessageId, Millis, UserId};
use crate::domain::member::{Member, Membership};
use crate::domain::message::{Media, Mentions, Message};
use crate::domain::{Error, Result, text};
use crate::homeserver::Outgoing;
use crate::service::idempotency::used_for_another;
use crate::service::sendings::{Attempt, Begun, SendingAs};
use crate::service::standing::Granted;

/// The most mentions in one message.
const MAX_MENTIONS: usize = 50;

impl Messages {
    /// Sends a message as the caller, an agent's as a notice. In a public channel a person who is
    /// no member joins first, as in any Matrix client. One that has a key is said once.
    pub async fn send(
        &self,
        caller: &Caller,
        channel: ChannelId,
        new: NewMessage,
    ) -> Result<Message> {
        let user = self.core.directory.user_id(&caller.entity);
        let named = match &new.key {
            Some(key) => SendingAs::Keyed(key.transaction(channel, &user)),
            None => SendingAs::Unnamed,
        };
        self.send_as(caller, channel, new, named).await
    }

    /// Sends a message under this name, by which it is said once.
    pub(in crate::service) async fn send_as(
        &self,
        caller: &Caller,
        channel: ChannelId,
        new: NewMessage,
        named: SendingAs,
    ) -> Result<Message> {
        let core = &self.core;
        new.check()?;
        let channel = core.visible(caller, channel).await?;
        let user = core.directory.user_id(&caller.entity);
        let Some(transaction) = named.transaction() else {
            return self.say(caller, &channel, user, new, None).await;
        };
        let sendings = &self.sendings;
        let begun = sendings.begin(transaction, digest(&new)?).await?;
        let first = sendings.first_said(core, &channel, &user, named, &begun);
        let first = first.await;
        let is_looked_up = first.is_ok();
        let sent = match first {
            Ok(Some(first)) => return Ok(first),
            Ok(None) => self.say_named(caller, &channel, new, named, &begun).await,
            Err(error) => Err(error),
        };
        sendings.end(begun, named, is_looked_up, &sent).await;
        sent
    }

    /// Says what was not said before under its name.
    async fn say_named(
        &self,
        caller: &Caller,
        channel: &Channel,
        new: NewMessage,
        named: SendingAs,
        begun: &Begun,
    ) -> Result<Message> {
        if let SendingAs::Scheduled { made_at, .. } = named {
            self.require_still_here(caller, channel, made_at).await?;
        }
        let user = self.core.directory.user_id(&caller.entity);
        self.say(caller, channel, user, new, Some(begun)).await
    }

    /// Refuses what somebody has scheduled who has left since then, or was removed: daarion would
    /// bring them in again. So for an agent that was put out of work.
    async fn require_still_here(
        &self,
        caller: &Caller,
        channel: &Channel,
        made_at: Millis,
    ) -> Result<()> {
        let core = &self.core;
        let entity = &caller.entity;
        core.require_at_work(entity)?;
        let user = core.directory.user_id(entity);
        let member = core.store.index.member(channel.id, &user).await?;
        let has_left = |it: &Member| it.membership == Membership::Left && it.since >= made_at;
        match member.is_some_and(|it| has_left(&it)) {
            true => Err(Error::forbidden(format!(
                "{entity} is no member of the channel any more"
            ))),
            false => Ok(()),
        }
    }

    /// Checks that somebody could send a message now, without doing anything for it.
    pub(in crate::service) async fn check_sendable(
        &self,
        caller: &Caller,
        channel: ChannelId,
        new: &NewMessage,
    ) -> Result<()> {
        let core = &self.core;
        self.check_content(new)?;
        let channel = core.visible(caller, channel).await?;
        core.require(Right::Schedule, caller, &channel).await?;
        core.count_change(caller, &channel)?;
        self.relations(&channel, new).await.map(drop)
    }

    /// Checks what is to be said, wherever that will be.
    pub(in crate::service) fn check_content(&self, new: &NewMessage) -> Result<()> {
        new.check()?;
        self.called(&new.mentions).map(drop)
    }

    /// Says it now. Whoever has to wait for a turn keeps it, unless nothing was said.
    async fn say(
        &self,
        caller: &Caller,
        channel: &Channel,
        user: UserId,
        new: NewMessage,
        named: Option<&Begun>,
    ) -> Result<Message> {
        let core = &self.core;
        let granted = core.require(Right::Send, caller, channel).await?;
        core.count_change(caller, channel)?;
        let (reply, thread) = self.relations(channel, &new).await?;
        let mentions = self.called(&new.mentions)?;
        let sending = named.map(|named| named.sending);
        let transaction = sending.map_or_else(|| core.clock.uuid(), |it| it.transaction);
        let turn = self.take_turn(&granted, channel, &user, transaction);
        let turn = turn.await?;
        let ready = self.get_ready(caller, &granted, channel, new.thread);
        if let Err(error) = ready.await {
            self.return_turn(turn).await;
            return Err(error);
        }
        let outgoing = Outgoing {
            room: channel.room.clone(),
            sender: user,
            transaction: transaction.to_string(),
            at: core.clock.now(),
            kind: new.kind_by(&caller.entity),
            file: new.file.map(Into::into),
            text: new.text,
            markdown: new.markdown,
            reply_to: reply,
            thread,
            mentions,
            edit: None,
            sending,
        };
        let event = match core.homeserver.send(&outgoing).await {
            Ok(event) => event,
            Err(error) => {
                if !error.is_transient() {
                    self.return_turn(turn).await;
                }
                return Err(error);
            }
        };
        let mut message = self.echo_of(channel, caller.entity.clone(), event, &outgoing);
        let is_again = named.is_some_and(|named| named.attempt == Attempt::Again);
        if is_again {
            message.created_at = self.taken_in_at(channel, &message).await?;
        }
        let what = match message.media {
            Some(_) => What::MediaUploaded(message.clone()),
            None => What::MessageCreated(message.clone()),
        };
        self.echo(channel.id, message.event.clone(), what).await;
        match is_again {
            false => Ok(message),
            true => self.first_of(message).await,
        }
    }

    /// What is last before somebody speaks: they are in the room, and it is no answer too many.
    async fn get_ready(
        &self,
        caller: &Caller,
        granted: &Granted,
        channel: &Channel,
        thread: Option<MessageId>,
    ) -> Result<()> {
        self.enter(granted, channel).await?;
        self.require_end_of_chain(caller, channel.id, thread).await
    }

    /// When the homeserver took a message in, which an earlier attempt may have been: then it must
    /// have been this message.
    async fn taken_in_at(&self, channel: &Channel, sent: &Message) -> Result<Millis> {
        let core = &self.core;
        if let Some(known) = core.store.index.message(sent.id).await? {
            return Ok(known.created_at);
        }
        let taken = core.homeserver.taken_in(&channel.room, &sent.event).await?;
        let Some(taken) = taken else {
            return Ok(sent.created_at);
        };
        if taken.sending.is_some() && taken.sending != sent.sending {
            return Err(used_for_another());
        }
        Ok(taken.at.min(sent.created_at))
    }

    /// The message that the homeserver answered a sending with, which a repetition of it finds
    /// as it was the first time.
    async fn first_of(&self, sent: Message) -> Result<Message> {
        let Some(first) = self.core.store.index.message(sent.id).await? else {
            return Ok(sent);
        };
        let is_as_sent = first.edited_at.is_none() && !first.deleted;
        let said = |it: &Message| {
            let text = (it.preview.clone(), it.truncated, it.media.clone());
            (text, it.reply_to, it.thread)
        };
        if is_as_sent && said(&first) != said(&sent) {
            return Err(used_for_another());
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
                self.core.require_same_room(channel, &root).await?;
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

    /// Whom a text is to call, each once.
    pub(super) fn called(&self, given: &[String]) -> Result<Vec<UserId>> {
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
            Ok::<_, Error>(directory.user_id(&entity))
        };
        let mut users = Vec::with_capacity(given.len());
        for one in given {
            let user = user(one)?;
            if !users.contains(&user) {
                users.push(user);
            }
        }
        Ok(users)
    }

    /// The same as the index knows them.
    pub(super) fn mentions(&self, users: &[UserId]) -> Mentions {
        let entities = users.iter().map(|user| self.core.directory.entity(user));
        Mentions {
            entities: entities.collect(),
            room: false,
        }
    }

    /// The message that the homeserver will push to us, known already.
    fn echo_of(
        &self,
        channel: &Channel,
        entity: Entity,
        event: EventId,
        sent: &Outgoing,
    ) -> Message {
        let sender = (sent.sender.clone(), entity);
        let mut message = Message::blank(channel.id, event, sender, sent.at);
        message.kind = sent.kind.clone();
        message.reply_to = sent.reply_to.as_ref().map(MessageId::of);
        message.thread = sent.thread.as_ref().map(MessageId::of);
        message.mentions = self.mentions(&sent.mentions);
        message.media = sent.file.as_ref().map(|file| Media {
            url: Some(file.url.clone()),
            mimetype: file.mimetype.clone(),
            size: file.size,
        });
        let body = match &sent.file {
            Some(file) if sent.text.is_empty() => &file.name,
            _ => &sent.text,
        };
        (message.preview, message.truncated) = text::preview(body);
        message.sending = sent.sending;
        message
    }
}
