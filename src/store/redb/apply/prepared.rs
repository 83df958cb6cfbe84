//! Events as the writer's thread wants them: records, keys and JSON are made on the caller's task.

use super::reactions::Given;
use crate::domain::access::Levels;
use crate::domain::channel::{Channel, ChannelChange};
use crate::domain::event::{Event, NewEvent, What};
use crate::domain::id::{ChannelId, EventId, MessageId, Millis, Seq, UserId};
use crate::domain::member::Member;
use crate::domain::message::Message;
use crate::store::redb::keys::{self, EventKey};
use crate::store::redb::records::member::MemberRecord;
use crate::store::redb::records::{Record, message_row};
use crate::store::redb::sendings;

/// An event as the writer's thread wants it.
pub struct Prepared {
    pub(super) seq: Seq,
    pub(super) channel: ChannelId,
    pub(super) key: Option<EventKey>,
    pub(super) deed: Deed,
}

/// What an event does to the index.
pub enum Deed {
    CreateChannel(Box<Channel>),
    UpdateChannel(ChannelChange, Millis),
    AddMessage(NewMessage),
    /// An edit, or something that is taken back: a message, an edit, a reaction.
    ChangeMessage {
        target: EventId,
        event: Box<Event>,
    },
    React(Box<Given>),
    SetPins(Vec<MessageId>, Millis),
    SetLevels(Box<Levels>, Millis),
    SetMember {
        member: Box<Member>,
        record: Vec<u8>,
    },
}

impl Deed {
    /// Whether it may change what a list of the channel's messages shows.
    pub(super) fn is_about_messages(&self) -> bool {
        !matches!(self, Self::SetMember { .. } | Self::SetLevels(..))
    }
}

/// A message with its row and its key.
pub struct NewMessage {
    pub(super) id: MessageId,
    pub(super) event: EventId,
    pub(super) sender: UserId,
    pub(super) thread: Option<MessageId>,
    pub(super) key: Vec<u8>,
    pub(super) row: Vec<u8>,
    pub(super) created_at: Millis,
    pub(super) deleted: bool,
    /// Whether anything of its content is in the row.
    pub(super) reveals: bool,
    /// What its sender has named it.
    pub(super) sending: Option<sendings::Row>,
}

/// Makes of events what the writer's thread needs.
pub fn prepare(events: &[Event]) -> Vec<Prepared> {
    events
        .iter()
        .map(|event| Prepared {
            seq: event.seq,
            channel: event.channel,
            key: keys::of(event.event.as_ref(), &event.what),
            deed: deed(event),
        })
        .collect()
}

/// As [`prepare`], of messages that have no position yet; `None` when something else is among
/// them.
pub fn prepare_messages(events: &[NewEvent]) -> Option<Vec<Prepared>> {
    let message = |event: &NewEvent| match &event.what {
        What::MessageCreated(message) | What::MediaUploaded(message) => Some(Prepared {
            seq: 0,
            channel: event.channel,
            key: keys::of_new(event),
            deed: Deed::AddMessage(NewMessage::of(event.channel, message)),
        }),
        _ => None,
    };
    events.iter().map(message).collect()
}

/// The keys of an event that is a message: as a known event, and as a message.
pub fn message_of(event: &Event) -> Option<(EventKey, Vec<u8>)> {
    let (What::MessageCreated(message) | What::MediaUploaded(message)) = &event.what else {
        return None;
    };
    let key = keys::of(event.event.as_ref(), &event.what)?;
    let place = keys::message(event.channel, message.created_at, &message.event);
    Some((key, place))
}

impl Prepared {
    /// Gives it its position.
    pub fn set_seq(&mut self, seq: Seq) {
        self.seq = seq;
    }
}

impl NewMessage {
    fn of(channel: ChannelId, message: &Message) -> Self {
        Self {
            id: message.id,
            event: message.event.clone(),
            sender: message.sender.clone(),
            thread: message.thread,
            key: keys::message(channel, message.created_at, &message.event),
            row: message_row::row(message),
            created_at: message.created_at,
            deleted: message.deleted,
            reveals: message.reveals(),
            sending: sendings::Row::of(channel, message),
        }
    }
}

fn deed(event: &Event) -> Deed {
    match &event.what {
        What::ChannelCreated(channel) => Deed::CreateChannel(Box::new(channel.clone())),
        What::ChannelUpdated { change, at, .. } => Deed::UpdateChannel(change.clone(), *at),
        What::MessageCreated(message) | What::MediaUploaded(message) => {
            Deed::AddMessage(NewMessage::of(event.channel, message))
        }
        What::MessageEdited { target, .. }
        | What::MessageDeleted { target, .. }
        | What::ReactionRemoved { target, .. } => Deed::ChangeMessage {
            target: target.clone(),
            event: Box::new(event.clone()),
        },
        What::ReactionAdded {
            target,
            key,
            by,
            at,
        } => Deed::React(Box::new(Given {
            message: MessageId::of(target),
            key: key.clone(),
            by: by.clone(),
            at: *at,
            event: event.event.clone(),
        })),
        What::PinsChanged { pinned, at, .. } => {
            Deed::SetPins(pinned.iter().map(MessageId::of).collect(), *at)
        }
        What::LevelsChanged { levels, at, .. } => Deed::SetLevels(Box::new(levels.clone()), *at),
        What::MemberChanged(member) => Deed::SetMember {
            member: Box::new(member.clone()),
            record: MemberRecord::from(member).encode(),
        },
    }
}
