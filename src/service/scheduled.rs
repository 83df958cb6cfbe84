//! Scheduled messages: made, changed and cancelled here, and sent when their time comes ([`sender`]).
//!
//! What somebody may do is asked twice: when a message is scheduled, and when it is sent. In between
//! it is its author's alone, also when the author may not speak in the channel any more. What is kept
//! is looked through once an hour ([`keeping`]). Whoever has the channel open hears that something
//! has changed ([`bells`]).

mod bells;
mod keeping;
mod sender;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Notify};
use uuid::Uuid;

use self::bells::Bells;
pub use self::bells::Listening;
use self::keeping::Kept;
use super::Core;
use super::messages::{Messages, NewFile, NewMessage};
use crate::domain::access::Caller;
use crate::domain::id::{ChannelId, Millis};
use crate::domain::message::MessageKind;
use crate::domain::scheduled::{
    MOST, ScheduleState, Scheduled, ScheduledContent, ScheduledFile, check_time,
};
use crate::domain::{Error, Result};

/// How often somebody tries to change what others change at the same time.
const TRIES: usize = 5;

/// Scheduled messages.
pub struct Schedule {
    core: Arc<Core>,
    messages: Arc<Messages>,
    /// Rings when the next one may come earlier than it did.
    bell: Notify,
    bells: Arc<Bells>,
    /// Held by whoever looks through them.
    kept: Mutex<Kept>,
    /// How long one may take to be sent before others are let by.
    patience: Duration,
}

/// What of a scheduled message is to be different.
#[derive(Clone, Debug, Default)]
pub struct ScheduledPatch {
    pub send_at: Option<Millis>,
    pub text: Option<String>,
    pub markdown: Option<bool>,
    pub mentions: Option<Vec<String>>,
}

impl ScheduledPatch {
    fn apply(&self, content: &mut ScheduledContent) {
        if let Some(text) = &self.text {
            content.text.clone_from(text);
        }
        if let Some(mentions) = &self.mentions {
            content.mentions.clone_from(mentions);
        }
        content.markdown = self.markdown.unwrap_or(content.markdown);
    }
}

impl Schedule {
    #[must_use]
    pub fn new(core: Arc<Core>, messages: Arc<Messages>) -> Self {
        Self {
            core,
            messages,
            bell: Notify::new(),
            bells: Arc::default(),
            kept: Mutex::default(),
            patience: sender::PATIENCE,
        }
    }

    /// One that lets others by after another time.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Schedules a message under this id.
    pub async fn add(
        &self,
        caller: &Caller,
        channel: ChannelId,
        new: NewMessage,
        send_at: Millis,
        id: Uuid,
    ) -> Result<Scheduled> {
        let core = &self.core;
        let store = &core.store.scheduled;
        // An earlier try of the same request has made it.
        if let Some(made) = store.get(id).await? {
            return Ok(made);
        }
        self.messages.check_sendable(caller, channel, &new).await?;
        let now = core.clock.now();
        check_time(send_at, now)?;
        let scheduled = Scheduled {
            id,
            channel,
            by: caller.entity.clone(),
            content: content_of(new),
            send_at,
            next_try: send_at,
            created_at: now,
            state: ScheduleState::Waiting,
            may_be_said: false,
            revision: 0,
        };
        if !store.add(scheduled.clone(), MOST).await? {
            let message = format!("{} has {MOST} scheduled messages already", caller.entity);
            return Err(Error::conflict(message));
        }
        self.bell.notify_one();
        self.bells.ring(channel, &scheduled.by);
        Ok(scheduled)
    }

    /// The caller's own in a channel, by time; those that were sent are there for a day.
    pub async fn list(&self, caller: &Caller, channel: ChannelId) -> Result<Vec<Scheduled>> {
        let mut all = self.core.store.scheduled.of(&caller.entity).await?;
        all.retain(|it| it.channel == channel);
        if all.is_empty() {
            self.core.visible(caller, channel).await?;
        }
        Ok(all)
    }

    /// One of the caller's own.
    pub async fn get(&self, caller: &Caller, channel: ChannelId, id: Uuid) -> Result<Scheduled> {
        let found = self.core.store.scheduled.get(id).await?;
        let own = found.filter(|it| it.by == caller.entity && it.channel == channel);
        if let Some(own) = own {
            return Ok(own);
        }
        self.core.visible(caller, channel).await?;
        Err(Error::not_found(format!("no scheduled message {id}")))
    }

    /// Changes one. One that has failed waits again.
    pub async fn change(
        &self,
        caller: &Caller,
        channel: ChannelId,
        id: Uuid,
        patch: ScheduledPatch,
    ) -> Result<Scheduled> {
        for _ in 0..TRIES {
            let before = self.get(caller, channel, id).await?;
            require_open(&before)?;
            let mut next = before.clone();
            next.send_at = patch.send_at.unwrap_or(before.send_at);
            check_time(next.send_at, self.core.clock.now())?;
            next.next_try = next.send_at;
            patch.apply(&mut next.content);
            self.messages.check_content(&message_of(&next.content))?;
            next.state = ScheduleState::Waiting;
            next.revision += 1;
            let store = &self.core.store.scheduled;
            if store.change(next.clone(), before.revision).await? {
                self.bell.notify_one();
                self.bells.ring(channel, &next.by);
                return Ok(next);
            }
        }
        Err(Error::conflict("it is being changed by others"))
    }

    /// Cancels one.
    pub async fn cancel(&self, caller: &Caller, channel: ChannelId, id: Uuid) -> Result<()> {
        for _ in 0..TRIES {
            let found = self.get(caller, channel, id).await?;
            require_open(&found)?;
            if self.core.store.scheduled.remove(id, found.revision).await? {
                self.bells.ring(channel, &found.by);
                return Ok(());
            }
        }
        Err(Error::conflict("it is being changed by others"))
    }
}

fn require_open(scheduled: &Scheduled) -> Result<()> {
    let id = scheduled.id;
    match scheduled.state {
        ScheduleState::Sending { .. } => {
            Err(Error::conflict(format!("message {id} is being sent")))
        }
        ScheduleState::Sent { .. } => Err(Error::conflict(format!("message {id} is sent"))),
        ScheduleState::Waiting | ScheduleState::Failed { .. } => Ok(()),
    }
}

fn content_of(new: NewMessage) -> ScheduledContent {
    ScheduledContent {
        text: new.text,
        markdown: new.markdown,
        reply_to: new.reply_to,
        thread: new.thread,
        mentions: new.mentions,
        file: new.file.map(|file| ScheduledFile {
            kind: file.kind.map(|kind| kind.as_str().to_owned()),
            url: file.url,
            name: file.name,
            mimetype: file.mimetype,
            size: file.size,
            width: file.width,
            height: file.height,
            duration_ms: file.duration_ms,
        }),
    }
}

fn message_of(content: &ScheduledContent) -> NewMessage {
    let content = content.clone();
    NewMessage {
        text: content.text,
        markdown: content.markdown,
        reply_to: content.reply_to,
        thread: content.thread,
        mentions: content.mentions,
        file: content.file.map(|file| NewFile {
            kind: file.kind.as_deref().map(MessageKind::parse),
            url: file.url,
            name: file.name,
            mimetype: file.mimetype,
            size: file.size,
            width: file.width,
            height: file.height,
            duration_ms: file.duration_ms,
        }),
        key: None,
    }
}
