//! A room of the fake homeserver: its events, and the state that they add up to.

use std::collections::{BTreeMap, HashMap};

use super::Redacted;
use crate::directory::Directory;
use crate::domain::channel::{Channel, ChannelChange, ChannelKind, Visibility};
use crate::domain::event::{NewEvent, Source, What};
use crate::domain::id::{EventId, MessageId, Millis, RoomAlias, RoomId, UserId};
use crate::domain::member::{Member, Membership};
use crate::domain::message::{Message, MessageKind};
use crate::domain::{Error, Result, text};
use crate::homeserver::{ChannelState, Mapped, RoomSnapshot, StoredChannelState};

/// The level that naming a room needs.
pub(super) const MODERATOR: i64 = 50;

pub(super) struct Room {
    pub name: Option<String>,
    pub topic: Option<String>,
    pub alias: Option<RoomAlias>,
    pub channel: Option<StoredChannelState>,
    pub visibility: Visibility,
    pub encrypted: bool,
    /// What marking the room as a channel needs.
    pub marking: i64,
    pub powers: HashMap<UserId, i64>,
    pub members: BTreeMap<UserId, (EventId, Member)>,
    pub events: Vec<Event>,
    pub redacted: Redacted,
    /// Transaction ids of messages, for de-duplication.
    pub transactions: HashMap<String, EventId>,
    created_at: Millis,
}

pub(super) struct Event {
    pub id: EventId,
    /// Its place in the order of all events of the homeserver.
    pub number: u64,
    by: UserId,
    pub at: Millis,
    pub deed: Deed,
}

/// What an event does.
pub(super) enum Deed {
    Created,
    Said {
        text: String,
        notice: bool,
        reply_to: Option<EventId>,
        thread: Option<EventId>,
    },
    Redacted(EventId),
    Member(Member),
    Name(String),
    Topic(String),
    Alias(RoomAlias),
    Visibility(Visibility),
    Encrypted,
    Channel(ChannelState),
    Canary,
}

impl Deed {
    pub fn said(text: &str) -> Self {
        Self::Said {
            text: text.to_owned(),
            notice: false,
            reply_to: None,
            thread: None,
        }
    }
}

impl Event {
    pub fn is_canary(&self) -> bool {
        matches!(self.deed, Deed::Canary)
    }

    pub fn is_claim(&self, directory: &Directory) -> bool {
        matches!(self.deed, Deed::Channel(_)) && self.by == directory.naming.connector()
    }
}

impl Room {
    /// The creator has infinite power, as in room version 12.
    pub fn new(creator: &UserId, visibility: Visibility, created_at: Millis) -> Self {
        Self {
            name: None,
            topic: None,
            alias: None,
            channel: None,
            visibility,
            encrypted: false,
            marking: MODERATOR,
            powers: HashMap::from([(creator.clone(), i64::MAX)]),
            members: BTreeMap::new(),
            events: Vec::new(),
            redacted: Redacted::new(),
            transactions: HashMap::new(),
            created_at,
        }
    }

    /// Adds an event and applies what it changes.
    pub fn record(&mut self, number: u64, deed: Deed, by: &UserId, at: Millis) -> EventId {
        let id = EventId::trusted(format!("$event{number}"));
        match &deed {
            Deed::Name(name) => self.name = Some(name.clone()),
            Deed::Topic(topic) => self.topic = Some(topic.clone()),
            Deed::Alias(alias) => self.alias = Some(alias.clone()),
            Deed::Visibility(visibility) => self.visibility = *visibility,
            Deed::Encrypted => self.encrypted = true,
            Deed::Member(member) => {
                let entry = (id.clone(), member.clone());
                self.members.insert(member.user.clone(), entry);
            }
            Deed::Channel(state) => {
                self.channel = Some(StoredChannelState {
                    event: id.clone(),
                    sender: by.clone(),
                    at,
                    state: state.clone(),
                });
            }
            Deed::Created | Deed::Said { .. } | Deed::Redacted(_) | Deed::Canary => {}
        }
        self.events.push(Event {
            id: id.clone(),
            number,
            by: by.clone(),
            at,
            deed,
        });
        id
    }

    pub fn membership(&self, user: &UserId) -> Option<Membership> {
        self.members.get(user).map(|(_, member)| member.membership)
    }

    pub fn is_joined(&self, user: &UserId) -> bool {
        self.membership(user) == Some(Membership::Joined)
    }

    pub fn expect_joined(&self, user: &UserId) -> Result<()> {
        match self.is_joined(user) {
            true => Ok(()),
            false => Err(refused(
                403,
                "M_FORBIDDEN",
                &format!("User {user} not in room"),
            )),
        }
    }

    pub fn power(&self, user: &UserId) -> i64 {
        self.powers.get(user).copied().unwrap_or(0)
    }

    pub fn expect_power(&self, user: &UserId, needed: i64) -> Result<()> {
        self.expect_joined(user)?;
        match self.power(user) >= needed {
            true => Ok(()),
            false => Err(refused(
                403,
                "M_FORBIDDEN",
                "You don't have permission to post that to the room",
            )),
        }
    }

    pub fn snapshot(&self, id: &RoomId) -> RoomSnapshot {
        RoomSnapshot {
            room: id.clone(),
            channel: self.channel.clone(),
            name: self.name.clone(),
            topic: self.topic.clone(),
            alias: self.alias.clone(),
            public: self.visibility == Visibility::Public,
            encrypted: self.encrypted,
            created_at: self.created_at,
            members: self.members.values().cloned().collect(),
        }
    }

    /// What the real mapping makes of such an event.
    pub fn map(
        &self,
        event: &Event,
        channel: &Channel,
        directory: &Directory,
        source: Source,
    ) -> Mapped {
        let updated = |change| {
            Some(What::ChannelUpdated {
                change,
                by: event.by.clone(),
                at: event.at,
            })
        };
        let what = match &event.deed {
            Deed::Created | Deed::Canary => None,
            Deed::Said { .. } => self
                .message(event, channel, directory)
                .map(What::MessageCreated),
            Deed::Redacted(target) => Some(What::MessageDeleted {
                target: target.clone(),
                by: event.by.clone(),
                at: event.at,
            }),
            Deed::Member(member) => Some(What::MemberChanged(member.clone())),
            Deed::Name(name) => updated(ChannelChange::Name(match channel.kind {
                ChannelKind::City => directory.city.room_name(name),
                ChannelKind::Channel | ChannelKind::Gateway => name.clone(),
            })),
            Deed::Topic(topic) => updated(ChannelChange::Description(topic.clone())),
            Deed::Alias(alias) => updated(ChannelChange::Alias(Some(alias.clone()))),
            Deed::Visibility(visibility) => updated(ChannelChange::Visibility(*visibility)),
            Deed::Encrypted => updated(ChannelChange::Encrypted),
            Deed::Channel(state) if event.is_claim(directory) => updated(ChannelChange::Settings {
                status: state.status,
                is_default: state.is_default,
            }),
            Deed::Channel(_) => None,
        };
        match what {
            Some(what) => Mapped::Event(NewEvent {
                channel: channel.id,
                event: Some(event.id.clone()),
                source,
                what,
            }),
            None => Mapped::Nothing,
        }
    }

    fn message(&self, event: &Event, channel: &Channel, directory: &Directory) -> Option<Message> {
        let Deed::Said {
            text,
            notice,
            reply_to,
            thread,
        } = &event.deed
        else {
            return None;
        };
        let (preview, truncated) = match channel.confidential {
            true => Default::default(),
            false => text::preview(text),
        };
        let mut message = Message {
            id: MessageId::of(&event.id),
            channel: channel.id,
            event: event.id.clone(),
            sender: event.by.clone(),
            sender_entity: directory.entity(&event.by),
            kind: match notice {
                true => MessageKind::Notice,
                false => MessageKind::Text,
            },
            preview,
            truncated,
            reply_to: reply_to.as_ref().map(MessageId::of),
            thread: thread.as_ref().map(MessageId::of),
            media: None,
            created_at: event.at,
            edited_at: None,
            deleted: false,
        };
        if self.redacted.contains(&event.id) {
            message.delete();
        }
        Some(message)
    }
}

pub(super) fn refused(status: u16, errcode: &str, message: &str) -> Error {
    Error::HomeserverRefused {
        status,
        errcode: errcode.to_owned(),
        message: message.to_owned(),
    }
}
