//! A room of the fake homeserver: its events, and the state that they add up to.

use std::collections::{BTreeMap, HashMap};

use super::Redacted;
use super::members::OWNER;
use crate::directory::Directory;
use crate::domain::access::Levels;
use crate::domain::channel::{Channel, ChannelChange, ChannelKind, STATE_TYPE, Visibility};
use crate::domain::event::{NewEvent, Source, What};
use crate::domain::id::{EventId, MessageId, Millis, RoomAlias, RoomId, UserId};
use crate::domain::member::{Member, Membership};
use crate::domain::message::{Media, Mentions, Message, MessageKind, Sending};
use crate::domain::{Error, Result, text};
use crate::homeserver::{
    ChannelState, Mapped, MicrodaoState, RoomSnapshot, StoredChannelState, StoredLevels,
    StoredPins, Tombstone,
};

/// The level that naming a room needs.
pub(super) const MODERATOR: i64 = 50;

pub(super) struct Room {
    pub name: Option<String>,
    pub topic: Option<String>,
    pub alias: Option<RoomAlias>,
    pub channel: Option<StoredChannelState>,
    pub visibility: Visibility,
    pub knocks: bool,
    pub entry_set: Option<(UserId, Millis)>,
    pub encrypted: bool,
    /// What marking the room as a channel needs.
    pub marking: i64,
    pub powers: HashMap<UserId, i64>,
    pub members: BTreeMap<UserId, (EventId, Member)>,
    pub events: Vec<Event>,
    pub redacted: Redacted,
    pub pins: Option<StoredPins>,
    pub microdao: Option<MicrodaoState>,
    pub children: Vec<RoomId>,
    pub predecessor: Option<RoomId>,
    pub tombstone: Option<Tombstone>,
    pub levels: Option<StoredLevels>,
    /// Transaction ids of messages, for de-duplication.
    pub transactions: HashMap<String, EventId>,
    created_at: Millis,
}

pub(super) struct Event {
    pub id: EventId,
    /// Its place in the order of all events of the homeserver.
    pub number: u64,
    pub by: UserId,
    pub at: Millis,
    pub deed: Deed,
}

/// What an event does.
pub(super) enum Deed {
    Created,
    Said(Box<Said>),
    Reacted {
        target: EventId,
        key: String,
    },
    Redacted(EventId),
    Pins(Vec<EventId>),
    /// The powers as they are from then on.
    Levels(Levels),
    Member(Member),
    Name(String),
    Topic(String),
    Alias(RoomAlias),
    Visibility(Visibility),
    Knocks(bool),
    Encrypted,
    Channel(ChannelState),
    /// Another room takes the place of this one.
    Ended(RoomId),
    Microdao(MicrodaoState),
    Child(RoomId, bool),
    Canary,
}

/// A message.
#[derive(Default)]
pub(super) struct Said {
    pub text: String,
    pub kind: Option<MessageKind>,
    pub media: Option<Media>,
    pub reply_to: Option<EventId>,
    pub thread: Option<EventId>,
    pub mentions: Vec<UserId>,
    /// The message that it replaces.
    pub edit: Option<EventId>,
    pub sending: Option<Sending>,
}

impl Said {
    /// Whom it calls.
    fn called(&self, directory: &Directory) -> Mentions {
        Mentions {
            entities: self
                .mentions
                .iter()
                .map(|it| directory.entity(it))
                .collect(),
            room: false,
        }
    }
}

impl Deed {
    pub fn said(text: &str) -> Self {
        Self::Said(Box::new(Said {
            text: text.to_owned(),
            ..Said::default()
        }))
    }
}

impl Event {
    pub fn is_canary(&self) -> bool {
        matches!(self.deed, Deed::Canary)
    }

    /// Whether it takes something back that was said.
    pub fn takes_back(&self) -> bool {
        matches!(self.deed, Deed::Redacted(_))
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
            knocks: false,
            entry_set: None,
            encrypted: false,
            marking: MODERATOR,
            powers: HashMap::from([(creator.clone(), i64::MAX)]),
            members: BTreeMap::new(),
            events: Vec::new(),
            redacted: Redacted::new(),
            pins: None,
            microdao: None,
            children: Vec::new(),
            predecessor: None,
            tombstone: None,
            levels: None,
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
            Deed::Visibility(visibility) => {
                (self.visibility, self.knocks) = (*visibility, false);
                self.entry_set = Some((by.clone(), at));
            }
            Deed::Knocks(accepted) => {
                self.knocks = *accepted;
                self.entry_set = Some((by.clone(), at));
            }
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
            Deed::Redacted(target) => {
                self.redacted.insert(target.clone());
            }
            Deed::Pins(pinned) => {
                self.pins = Some(StoredPins {
                    event: id.clone(),
                    sender: by.clone(),
                    at,
                    pinned: pinned.clone(),
                });
            }
            Deed::Ended(successor) => {
                self.tombstone = Some(Tombstone {
                    event: id.clone(),
                    sender: by.clone(),
                    at,
                    successor: successor.clone(),
                });
            }
            Deed::Microdao(state) => self.microdao = Some(state.clone()),
            Deed::Child(room, is_child) => {
                self.children.retain(|child| child != room);
                self.children.extend(is_child.then(|| room.clone()));
            }
            Deed::Levels(levels) => {
                self.levels = Some(StoredLevels {
                    event: Some(id.clone()),
                    sender: by.clone(),
                    at,
                    levels: levels.clone(),
                });
            }
            Deed::Created | Deed::Said(_) | Deed::Reacted { .. } | Deed::Canary => {}
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

    /// What the room demands and gives.
    pub fn levels(&self) -> Levels {
        let is_creator = |power: i64| power == i64::MAX;
        let powers = || self.powers.iter();
        let creators = powers().filter(|(_, power)| is_creator(**power));
        let others = powers().filter(|(_, power)| !is_creator(**power));
        Levels {
            creators: creators.map(|(user, _)| user.clone()).collect(),
            users: others.map(|(user, power)| (user.clone(), *power)).collect(),
            events: BTreeMap::from([
                (STATE_TYPE.to_owned(), self.marking),
                ("m.room.power_levels".to_owned(), OWNER),
            ]),
            // As in the connector's rooms.
            invite: match self.visibility {
                Visibility::Public => 0,
                Visibility::Private => MODERATOR,
            },
            ..Levels::default()
        }
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
            accepts_knocks: self.knocks,
            entry_set: self.entry_set.clone(),
            encrypted: self.encrypted,
            created_at: self.created_at,
            members: self.members.values().cloned().collect(),
            pins: self.pins.clone(),
            microdao: self.microdao.clone(),
            children: self.children.clone(),
            predecessor: self.predecessor.clone(),
            tombstone: self.tombstone.clone(),
            levels: self.levels.clone(),
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
            Deed::Created | Deed::Canary | Deed::Ended(_) | Deed::Microdao(_) | Deed::Child(..) => {
                None
            }
            Deed::Said(said) => Some(self.said(event, said, channel, directory)),
            Deed::Reacted { .. } if self.redacted.contains(&event.id) => None,
            Deed::Reacted { target, key } => Some(What::ReactionAdded {
                target: target.clone(),
                key: match channel.confidential {
                    true => String::new(),
                    false => key.clone(),
                },
                by: event.by.clone(),
                at: event.at,
            }),
            Deed::Pins(pinned) => Some(What::PinsChanged {
                pinned: pinned.clone(),
                by: event.by.clone(),
                at: event.at,
            }),
            Deed::Levels(levels) => Some(What::LevelsChanged {
                levels: levels.clone(),
                by: event.by.clone(),
                at: event.at,
            }),
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
            Deed::Knocks(true) => updated(ChannelChange::Knockable),
            Deed::Knocks(false) => updated(ChannelChange::Visibility(Visibility::Private)),
            Deed::Encrypted => updated(ChannelChange::Encrypted),
            Deed::Channel(state) if event.is_claim(directory) => updated(ChannelChange::Settings {
                status: state.status,
                is_default: state.is_default,
                slow_mode_seconds: state.slow_mode_seconds,
                changed_by: state.changed_by.clone(),
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

    fn said(&self, event: &Event, said: &Said, channel: &Channel, directory: &Directory) -> What {
        let sender = (event.by.clone(), directory.entity(&event.by));
        let mut message = Message::blank(channel.id, event.id.clone(), sender, event.at);
        message.reply_to = said.reply_to.as_ref().map(MessageId::of);
        message.thread = said.thread.as_ref().map(MessageId::of);
        message.kind = said.kind.clone().unwrap_or(MessageKind::Text);
        if !channel.confidential {
            (message.preview, message.truncated) = text::preview(&said.text);
            message.media.clone_from(&said.media);
            message.sending = said.sending;
            message.mentions = said.called(directory);
        }
        if let Some(target) = &said.edit {
            return What::MessageEdited {
                target: target.clone(),
                by: message.sender,
                preview: message.preview,
                truncated: message.truncated,
                mentions: message.mentions,
                at: event.at,
            };
        }
        if self.redacted.contains(&event.id) {
            // Which thread it was in the homeserver does not know any more.
            message.thread = None;
            message.delete();
        }
        match message.media {
            Some(_) => What::MediaUploaded(message),
            None => What::MessageCreated(message),
        }
    }
}

pub(super) fn refused(status: u16, errcode: &str, message: &str) -> Error {
    Error::HomeserverRefused {
        status,
        errcode: errcode.to_owned(),
        message: message.to_owned(),
    }
}
