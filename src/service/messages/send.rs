//! Messages that are sent.

use super::sendings::{self, Attempt};
use super::{Messages, require_open};
use crate::domain::access::Caller;
use crate::domain::channel::Channel;
use crate::domain::entity::Entity;
use crate::domain::event::What;
use crate::domain::id::{ChannelId, EventId, MessageId, Millis, SendKey, UserId};
use crate::domain::media::MediaId;
use crate::domain::message::{Media, Mentions, Message, MessageKind};
use crate::domain::{Error, Result, canonical, text};
use crate::homeserver::{Outgoing, OutgoingFile};

/// The most mentions in one message.
const MAX_MENTIONS: usize = 50;
/// The longest name and the longest MIME type of a file, in bytes.
const MAX_WORD: usize = 255;

/// A message to be sent.
#[derive(Clone, Debug, Default)]
pub struct NewMessage {
    /// May be empty beside a file.
    pub text: String,
    pub markdown: bool,
    pub file: Option<NewFile>,
    pub reply_to: Option<MessageId>,
    pub thread: Option<MessageId>,
    pub mentions: Vec<String>,
    /// The caller's own name of this sending: what is sent again with it is said once.
    pub key: Option<SendKey>,
}

/// A file that a message is to carry; the homeserver has it already.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NewFile {
    /// `mxc://server/id`.
    pub url: String,
    /// By its MIME type when absent.
    pub kind: Option<MessageKind>,
    pub name: Option<String>,
    pub mimetype: Option<String>,
    pub size: Option<u64>,
    pub width: Option<u64>,
    pub height: Option<u64>,
    pub duration_ms: Option<u64>,
}

impl NewMessage {
    fn check(&self) -> Result<()> {
        let Some(file) = &self.file else {
            return text::message(&self.text).map(drop);
        };
        if !self.text.is_empty() {
            text::message(&self.text)?;
        }
        file.check()
    }

    /// What it is when this entity says it: what agents say are notices.
    fn kind_by(&self, entity: &Entity) -> MessageKind {
        match (&self.file, entity) {
            (Some(file), _) => file.kind(),
            (None, Entity::Agent { .. }) => MessageKind::Notice,
            (None, Entity::User { .. }) => MessageKind::Text,
        }
    }
}

impl NewFile {
    fn check(&self) -> Result<()> {
        if MediaId::parse(&self.url).is_none() {
            return Err(Error::invalid("media.url", "must be mxc://server/id"));
        }
        let is_word = |text: &String| {
            (1..=MAX_WORD).contains(&text.len()) && !text.chars().any(char::is_control)
        };
        for (field, text) in [
            ("media.filename", &self.name),
            ("media.mimetype", &self.mimetype),
        ] {
            if text.as_ref().is_some_and(|text| !is_word(text)) {
                let message = format!("must be 1 to {MAX_WORD} bytes on one line");
                return Err(Error::invalid(field, message));
            }
        }
        for (field, number) in [
            ("media.size", self.size),
            ("media.width", self.width),
            ("media.height", self.height),
            ("media.duration_ms", self.duration_ms),
        ] {
            if number.is_some_and(|number| number > canonical::LARGEST) {
                return Err(Error::invalid(field, "must be below 2^53"));
            }
        }
        Ok(())
    }

    fn kind(&self) -> MessageKind {
        let by_type = || {
            let class = self.mimetype.as_deref()?.split('/').next()?;
            match class {
                "image" => Some(MessageKind::Image),
                "audio" => Some(MessageKind::Audio),
                "video" => Some(MessageKind::Video),
                _ => None,
            }
        };
        let kind = self.kind.clone().or_else(by_type);
        kind.unwrap_or(MessageKind::File)
    }
}

impl From<NewFile> for OutgoingFile {
    fn from(file: NewFile) -> Self {
        let kind = file.kind();
        let word = kind.as_str().trim_start_matches("m.");
        Self {
            name: file.name.unwrap_or_else(|| word.to_owned()),
            url: file.url,
            mimetype: file.mimetype,
            size: file.size,
            width: file.width,
            height: file.height,
            duration_ms: file.duration_ms,
        }
    }
}

impl Messages {
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
        new.check()?;
        let channel = core.visible(caller, channel).await?;
        require_open(&channel)?;
        let (reply, thread) = self.relations(&channel, &new).await?;
        let mentions = self.called(&new.mentions)?;
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
            kind: new.kind_by(&caller.entity),
            file: new.file.map(Into::into),
            text: new.text,
            markdown: new.markdown,
            reply_to: reply,
            thread,
            mentions,
            edit: None,
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
        let mut message = self.echo_of(&channel, caller.entity.clone(), event, &outgoing);
        if attempt == Attempt::Again {
            message.created_at = self.taken_in_at(&channel, &message).await?;
        }
        let what = match message.media {
            Some(_) => What::MediaUploaded(message.clone()),
            None => What::MessageCreated(message.clone()),
        };
        self.echo(channel.id, message.event.clone(), what).await;
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
        let said = |it: &Message| {
            let text = (it.preview.clone(), it.truncated, it.media.clone());
            (text, it.reply_to, it.thread)
        };
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
        message
    }
}
