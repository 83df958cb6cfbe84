//! Events of the journal, version 2.
//!
//! Version 1 had longer names in events and in messages, which are read still.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::channel::{ChangeRecord, ChannelRecord};
use super::levels::LevelsRecord;
use super::member::MemberRecord;
use super::message::{MentionsRecord, MessageRecord};
use super::{Record, damaged};
use crate::domain::event::{Event, NewEvent, Source, What};
use crate::domain::id::{ChannelId, EventId, MessageId, Millis, Seq, UserId};
use crate::store::StoreError;

const NAME: &str = "event";

/// An event without its `seq`, which is its key.
#[derive(Serialize, Deserialize)]
pub struct EventRecord<'a> {
    #[serde(rename = "a", alias = "arrived_at")]
    arrived_at: u64,
    #[serde(rename = "c", alias = "channel")]
    channel: Uuid,
    #[serde(borrow, rename = "e", alias = "event")]
    event: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "s", alias = "source")]
    source: Cow<'a, str>,
    #[serde(borrow, rename = "w", alias = "what")]
    what: WhatRecord<'a>,
}

impl<'a> Record<'a> for EventRecord<'a> {
    const NAME: &'static str = NAME;
    const VERSION: u8 = 2;
    const OLDEST: u8 = 1;
}

/// The parts of an event that tell whether the rest is needed: reading only these costs a third
/// of reading all.
#[derive(Serialize, Deserialize)]
pub struct EventHead<'a> {
    #[serde(rename = "a", alias = "arrived_at")]
    pub arrived_at: u64,
    #[serde(rename = "c", alias = "channel")]
    pub channel: Uuid,
    #[serde(borrow, rename = "e", alias = "event")]
    pub event: Option<Cow<'a, str>>,
}

impl<'a> Record<'a> for EventHead<'a> {
    const NAME: &'static str = NAME;
    const VERSION: u8 = 2;
    const OLDEST: u8 = 1;
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WhatRecord<'a> {
    ChannelCreated(ChannelRecord),
    ChannelUpdated {
        change: ChangeRecord,
        #[serde(borrow)]
        by: Cow<'a, str>,
        at: u64,
    },
    #[serde(borrow, rename = "m", alias = "message_created")]
    MessageCreated(MessageRecord<'a>),
    #[serde(borrow, rename = "f", alias = "media_uploaded")]
    MediaUploaded(MessageRecord<'a>),
    MessageEdited {
        #[serde(borrow)]
        target: Cow<'a, str>,
        #[serde(borrow)]
        by: Cow<'a, str>,
        #[serde(borrow)]
        preview: Cow<'a, str>,
        truncated: bool,
        #[serde(default, skip_serializing_if = "MentionsRecord::is_empty")]
        mentions: MentionsRecord,
        at: u64,
    },
    MessageDeleted {
        #[serde(borrow)]
        target: Cow<'a, str>,
        #[serde(borrow)]
        by: Cow<'a, str>,
        at: u64,
    },
    ReactionAdded {
        #[serde(borrow)]
        target: Cow<'a, str>,
        #[serde(borrow)]
        key: Cow<'a, str>,
        #[serde(borrow)]
        by: Cow<'a, str>,
        at: u64,
    },
    ReactionRemoved {
        #[serde(borrow)]
        target: Cow<'a, str>,
        message: Uuid,
        key: Option<String>,
        of: Option<String>,
        #[serde(borrow)]
        by: Cow<'a, str>,
        at: u64,
    },
    PinsChanged {
        pinned: Vec<String>,
        #[serde(borrow)]
        by: Cow<'a, str>,
        at: u64,
    },
    LevelsChanged {
        levels: LevelsRecord,
        #[serde(borrow)]
        by: Cow<'a, str>,
        at: u64,
    },
    #[serde(borrow)]
    MemberChanged(MemberRecord<'a>),
}

impl<'a> EventRecord<'a> {
    /// Writes an event that is not numbered yet.
    pub fn new(event: &'a NewEvent, arrived_at: Millis) -> Self {
        Self::of(
            event.channel,
            event.event.as_ref(),
            event.source,
            &event.what,
            arrived_at,
        )
    }

    /// Writes an event of the journal.
    pub fn numbered(event: &'a Event) -> Self {
        Self::of(
            event.channel,
            event.event.as_ref(),
            event.source,
            &event.what,
            event.arrived_at,
        )
    }

    fn of(
        channel: ChannelId,
        event: Option<&'a EventId>,
        source: Source,
        what: &'a What,
        arrived_at: Millis,
    ) -> Self {
        Self {
            arrived_at,
            channel: channel.0,
            event: event.map(|event| event.as_str().into()),
            source: source_word(source).into(),
            what: WhatRecord::new(what, channel, event),
        }
    }

    /// Reads the event at a position.
    pub fn into_event(self, seq: Seq) -> Result<Event, StoreError> {
        let channel = ChannelId(self.channel);
        let event = self.event.map(EventId::trusted);
        let what = self.what.into_what(channel, event.as_ref())?;
        Ok(Event {
            seq,
            arrived_at: self.arrived_at,
            channel,
            event,
            source: parse_source(&self.source)?,
            what,
        })
    }
}

fn source_word(source: Source) -> &'static str {
    match source {
        Source::Push => "push",
        Source::Echo => "echo",
        Source::Heal => "heal",
        Source::Rebuild => "rebuild",
    }
}

fn parse_source(word: &str) -> Result<Source, StoreError> {
    match word {
        "push" => Ok(Source::Push),
        "echo" => Ok(Source::Echo),
        "heal" => Ok(Source::Heal),
        "rebuild" => Ok(Source::Rebuild),
        other => Err(damaged(NAME, &format!("unknown source {other:?}"))),
    }
}

impl<'a> WhatRecord<'a> {
    fn new(what: &'a What, channel: ChannelId, event: Option<&EventId>) -> Self {
        match what {
            What::ChannelCreated(channel) => Self::ChannelCreated(channel.into()),
            What::ChannelUpdated { change, by, at } => Self::ChannelUpdated {
                change: change.into(),
                by: by.as_str().into(),
                at: *at,
            },
            What::MessageCreated(message) => {
                Self::MessageCreated(MessageRecord::new(message, channel, event))
            }
            What::MediaUploaded(message) => {
                Self::MediaUploaded(MessageRecord::new(message, channel, event))
            }
            What::MessageEdited {
                target,
                by,
                preview,
                truncated,
                mentions,
                at,
            } => Self::MessageEdited {
                target: target.as_str().into(),
                by: by.as_str().into(),
                preview: preview.as_str().into(),
                truncated: *truncated,
                mentions: mentions.into(),
                at: *at,
            },
            What::MessageDeleted { target, by, at } => Self::MessageDeleted {
                target: target.as_str().into(),
                by: by.as_str().into(),
                at: *at,
            },
            What::ReactionAdded {
                target,
                key,
                by,
                at,
            } => Self::ReactionAdded {
                target: target.as_str().into(),
                key: key.as_str().into(),
                by: by.as_str().into(),
                at: *at,
            },
            What::ReactionRemoved {
                target,
                message,
                key,
                of,
                by,
                at,
            } => Self::ReactionRemoved {
                target: target.as_str().into(),
                message: message.0,
                key: key.clone(),
                of: of.as_ref().map(|of| of.as_str().to_owned()),
                by: by.as_str().into(),
                at: *at,
            },
            What::PinsChanged { pinned, by, at } => Self::PinsChanged {
                pinned: pinned.iter().map(|one| one.as_str().to_owned()).collect(),
                by: by.as_str().into(),
                at: *at,
            },
            What::LevelsChanged { levels, by, at } => Self::LevelsChanged {
                levels: levels.into(),
                by: by.as_str().into(),
                at: *at,
            },
            What::MemberChanged(member) => Self::MemberChanged(member.into()),
        }
    }

    fn into_what(self, channel: ChannelId, event: Option<&EventId>) -> Result<What, StoreError> {
        Ok(match self {
            Self::ChannelCreated(record) => What::ChannelCreated(record.try_into()?),
            Self::ChannelUpdated { change, by, at } => What::ChannelUpdated {
                change: change.try_into()?,
                by: UserId::trusted(by),
                at,
            },
            Self::MessageCreated(record) => {
                What::MessageCreated(record.into_message(channel, event)?)
            }
            Self::MediaUploaded(record) => {
                What::MediaUploaded(record.into_message(channel, event)?)
            }
            Self::MessageEdited {
                target,
                by,
                preview,
                truncated,
                mentions,
                at,
            } => What::MessageEdited {
                target: EventId::trusted(target),
                by: UserId::trusted(by),
                preview: preview.into_owned(),
                truncated,
                mentions: mentions.into(),
                at,
            },
            Self::MessageDeleted { target, by, at } => What::MessageDeleted {
                target: EventId::trusted(target),
                by: UserId::trusted(by),
                at,
            },
            Self::ReactionAdded {
                target,
                key,
                by,
                at,
            } => What::ReactionAdded {
                target: EventId::trusted(target),
                key: key.into_owned(),
                by: UserId::trusted(by),
                at,
            },
            Self::ReactionRemoved {
                target,
                message,
                key,
                of,
                by,
                at,
            } => What::ReactionRemoved {
                target: EventId::trusted(target),
                message: MessageId(message),
                key,
                of: of.map(UserId::trusted),
                by: UserId::trusted(by),
                at,
            },
            Self::PinsChanged { pinned, by, at } => What::PinsChanged {
                pinned: pinned.into_iter().map(EventId::trusted).collect(),
                by: UserId::trusted(by),
                at,
            },
            Self::LevelsChanged { levels, by, at } => What::LevelsChanged {
                levels: levels.into(),
                by: UserId::trusted(by),
                at,
            },
            Self::MemberChanged(record) => What::MemberChanged(record.try_into()?),
        })
    }
}
