//! What the journal does not say of an event and those who tell of it must: what was taken back,
//! and how the message that it is about stands now.
//!
//! To be asked when the index has come as far as the event.

use std::borrow::Cow;

use super::addressed;
use crate::directory::Directory;
use crate::domain::command::Called;
use crate::domain::event::{Event, What};
use crate::domain::id::{EventId, MessageId, Seq, UserId};
use crate::domain::message::Message;
use crate::payload;
use crate::store::{Store, StoreError};

/// An event as it is told.
pub struct Told<'a> {
    pub event: Cow<'a, Event>,
    /// The message that somebody has reacted to, as lists show it.
    pub shown: Option<Message>,
    /// What it asks of an agent, as far as the beginning of its text tells.
    pub called: Option<Called>,
}

/// Looks it up.
pub struct Teller<'s>(&'s Store);

impl<'s> Teller<'s> {
    #[must_use]
    pub fn of(store: &'s Store) -> Self {
        Self(store)
    }

    /// An event as listeners are told of it. Of an edit that was taken back they are told what its
    /// message shows from here on.
    pub async fn tell<'a>(
        &self,
        directory: &Directory,
        event: &'a Event,
    ) -> Result<Told<'a>, StoreError> {
        let event = match &event.what {
            What::MessageDeleted { target, .. } => match self.edited(target, event).await? {
                Some(message) => Cow::Owned(payload::withdrawal(event, &message)),
                None => self.resolve(event).await?,
            },
            _ => Cow::Borrowed(event),
        };
        let message = match &event.what {
            What::ReactionAdded { target, .. } => Some(MessageId::of(target)),
            What::ReactionRemoved { message, .. } => Some(*message),
            _ => None,
        };
        let shown = match message {
            Some(id) => self.message(id, &event).await?,
            None => None,
        };
        let called = match addressed::spoken(&event.what) {
            Some(said) => addressed::called(self.0, directory, said, &said.preview).await?,
            None => None,
        };
        Ok(Told {
            event,
            shown,
            called,
        })
    }

    /// The event, which says of a reaction that was taken back that it is one.
    pub async fn resolve<'a>(&self, event: &'a Event) -> Result<Cow<'a, Event>, StoreError> {
        let What::MessageDeleted { target, by, at } = &event.what else {
            return Ok(Cow::Borrowed(event));
        };
        let Some((message, seq)) = readable(self.0.receptions.reaction(target).await)? else {
            return Ok(Cow::Borrowed(event));
        };
        let given = self.given(target, seq).await?;
        let (key, of) = given.unzip();
        let what = What::ReactionRemoved {
            target: target.clone(),
            message,
            key,
            of,
            by: by.clone(),
            at: *at,
        };
        Ok(Cow::Owned(Event {
            what,
            ..event.clone()
        }))
    }

    /// A reaction as it was given, while the journal has it.
    async fn given(
        &self,
        reaction: &EventId,
        seq: Seq,
    ) -> Result<Option<(String, UserId)>, StoreError> {
        let found = self.0.journal.read(seq.saturating_sub(1), 1).await?;
        Ok(found.into_iter().find_map(|event| match event.what {
            What::ReactionAdded { key, by, .. } if event.event.as_ref() == Some(reaction) => {
                Some((key, by))
            }
            _ => None,
        }))
    }

    /// The message whose edit an event takes back. It is still there and shows something else
    /// now, so its listeners are told that, and not of a deletion.
    pub(super) async fn edited(
        &self,
        edit: &EventId,
        event: &Event,
    ) -> Result<Option<Message>, StoreError> {
        let edited = readable(self.0.index.edited(edit).await)?;
        Ok(edited.filter(|message| message.channel == event.channel && !message.deleted))
    }

    async fn message(&self, id: MessageId, event: &Event) -> Result<Option<Message>, StoreError> {
        let message = readable(self.0.index.message(id).await)?;
        Ok(message.filter(|message| message.channel == event.channel))
    }
}

/// What is damaged is told of without what it would add.
fn readable<T>(found: Result<Option<T>, StoreError>) -> Result<Option<T>, StoreError> {
    match found {
        Err(StoreError::Damaged(_)) => Ok(None),
        other => other,
    }
}
