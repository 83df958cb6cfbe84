//! Making the index of the journal's events.
//!
//! What needs only the event (records, keys, JSON) is made on the caller's task by
//! [`prepare`]; the writer's thread reads, compares and stores. Nothing that an event says
//! can fail the others: what cannot be applied is passed over and named. The order in which
//! events come does not decide: the homeserver's times do, and what changes a message that
//! is not there yet waits for it.

mod channels;
mod lazy;
mod members;
mod messages;
mod pins;
mod reactions;
mod reception;
mod threads;

use std::collections::{BTreeMap, HashMap};

use redb::{ReadableTable, ReadableTableMetadata, Table, WriteTransaction};

use self::lazy::Lazy;
use self::reactions::Given;
use self::reception::Tables;
pub use self::reception::{clear as clear_reception, trim as trim_reception};
use super::journal;
use super::keys::{self, EventKey, Location, Place};
use super::memory::{Memory, Staged};
use super::records::member::MemberRecord;
use super::records::{Record, message};
use super::tables::{self, meta};
use super::writer::Work;
use crate::domain::channel::{Channel, ChannelChange};
use crate::domain::event::{Event, NewEvent, What};
use crate::domain::id::{ChannelId, EventId, MessageId, Millis, Seq, UserId};
use crate::domain::member::Member;
use crate::domain::message::Message;
use crate::store::StoreError;

type Rows<'t> = Table<'t, &'static [u8], &'static [u8]>;

/// An event as the writer's thread wants it.
pub struct Prepared {
    seq: Seq,
    channel: ChannelId,
    key: Option<EventKey>,
    deed: Deed,
}

/// What an event does to the index.
enum Deed {
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
    SetMember {
        member: Box<Member>,
        record: Vec<u8>,
    },
}

impl Deed {
    /// Whether it may change what a list of the channel's messages shows.
    fn is_about_messages(&self) -> bool {
        !matches!(self, Self::SetMember { .. })
    }
}

struct NewMessage {
    id: MessageId,
    event: EventId,
    sender: UserId,
    thread: Option<MessageId>,
    key: Vec<u8>,
    row: Vec<u8>,
    created_at: Millis,
    deleted: bool,
    /// Whether anything of its content is in the row.
    reveals: bool,
}

/// What may be kept of what is said in a channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keeps {
    Content,
    /// It is confidential.
    Nothing,
}

impl Keeps {
    fn of(channel: &Channel) -> Self {
        match channel.confidential {
            true => Self::Nothing,
            false => Self::Content,
        }
    }
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
            row: message::row(message),
            created_at: message.created_at,
            deleted: message.deleted,
            reveals: message.reveals(),
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
        What::MemberChanged(member) => Deed::SetMember {
            member: Box::new(member.clone()),
            record: MemberRecord::from(member).encode(),
        },
    }
}

/// Applies events in order and moves the position behind the last. Answers what was passed
/// over, and why.
pub fn apply(work: &mut Work<'_>, events: &[Prepared]) -> Result<Vec<String>, StoreError> {
    let position = work.staged.position;
    let fresh = &events[events.partition_point(|event| event.seq <= position)..];
    let (Some(first), Some(last)) = (fresh.first(), fresh.last()) else {
        return Ok(Vec::new());
    };
    refuse_gap(work, first.seq)?;
    let replayed_through = work.staged.known_through;
    let mut applying = Applying::open(work)?;
    for event in fresh {
        applying.apply(event)?;
        if event.deed.is_about_messages() {
            work.staged.changed.insert(event.channel);
        }
        if let Some(key) = event.key {
            work.staged.indexed.push(key);
        }
    }
    let passed = applying.finish(&mut work.staged)?;
    work.staged.position = last.seq;
    work.staged.known_through = replayed_through.max(last.seq);
    store_positions(work)?;
    Ok(passed)
}

/// The position goes back when the database had to be opened anew, and a caller that counts
/// on its own would then leave events out for ever.
fn refuse_gap(work: &Work<'_>, first: Seq) -> Result<(), StoreError> {
    let position = work.staged.position;
    if first == position + 1 {
        return Ok(());
    }
    let journal = work.txn.open_table(tables::JOURNAL)?;
    for entry in journal.range(position.saturating_add(1)..first)? {
        let (seq, value) = entry?;
        if journal::readable(seq.value(), value.value()).is_some() {
            return Err(StoreError::Behind { position });
        }
    }
    Ok(())
}

/// Writes the staged positions.
pub fn store_positions(work: &Work<'_>) -> Result<(), StoreError> {
    let mut numbers = work.txn.open_table(tables::META)?;
    numbers.insert(meta::POSITION, work.staged.position)?;
    numbers.insert(meta::KNOWN_THROUGH, work.staged.known_through)?;
    Ok(())
}

/// The open tables of the index, and what is gathered for the end of a batch.
struct Applying<'t> {
    txn: &'t WriteTransaction,
    known: Known<'t>,
    messages: Rows<'t>,
    channels: Rows<'t>,
    rooms: Lazy<'t, &'static str, &'static [u8]>,
    aliases: Lazy<'t, &'static str, &'static [u8]>,
    activity: Table<'t, &'static [u8], u64>,
    members: Lazy<'t, &'static [u8], &'static [u8]>,
    memberships: Lazy<'t, &'static [u8], u64>,
    orphans: Rows<'t>,
    reception: Tables<'t>,
    /// Messages of which something came in this batch, each with the `seq` of it.
    dirty: BTreeMap<(ChannelId, MessageId), Seq>,
    /// Events up to here may have been applied before the index was cleared.
    replayed_through: Seq,
    /// Whether any edit or deletion waits, so that messages need not look.
    has_orphans: bool,
    /// What has been committed; not to be looked at when the index was emptied since.
    memory: Option<&'t Memory>,
    /// The channels of this transaction.
    keeps: HashMap<ChannelId, Keeps>,
    /// The newest message of each channel in this batch.
    newest: HashMap<ChannelId, Millis>,
    passed: Vec<String>,
}

/// The table of known events. Its keys are random: what a batch adds is written in their order,
/// so that neighbours share the pages on the way.
struct Known<'t> {
    table: Rows<'t>,
    fresh: BTreeMap<EventKey, Vec<u8>>,
}

impl Known<'_> {
    fn get(&self, key: &EventKey) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(fresh) = self.fresh.get(key) {
            return Ok(Some(fresh.clone()));
        }
        let stored = self.table.get(key.as_slice())?;
        Ok(stored.map(|stored| stored.value().to_vec()))
    }
}

impl<'t> Applying<'t> {
    fn open(work: &mut Work<'t>) -> Result<Self, StoreError> {
        let (txn, staged) = (work.txn, &mut work.staged);
        let orphans = txn.open_table(tables::ORPHANS)?;
        Ok(Self {
            txn,
            known: Known {
                table: txn.open_table(tables::KNOWN)?,
                fresh: BTreeMap::new(),
            },
            messages: txn.open_table(tables::MESSAGES)?,
            channels: txn.open_table(tables::CHANNELS)?,
            rooms: Lazy::of(txn, tables::CHANNEL_ROOMS),
            aliases: Lazy::of(txn, tables::CHANNEL_ALIASES),
            activity: txn.open_table(tables::ACTIVITY)?,
            members: Lazy::of(txn, tables::MEMBERS),
            memberships: Lazy::of(txn, tables::MEMBERSHIPS),
            replayed_through: staged.known_through,
            has_orphans: !orphans.is_empty()?,
            orphans,
            reception: Tables::open(txn)?,
            dirty: BTreeMap::new(),
            memory: (!staged.cleared).then_some(work.memory),
            keeps: std::mem::take(&mut staged.keeps),
            newest: HashMap::new(),
            passed: Vec::new(),
        })
    }

    fn apply(&mut self, event: &Prepared) -> Result<(), StoreError> {
        let applied = match self.act(event) {
            Ok(Some(applied)) => applied,
            Ok(None) => {
                // Not remembered: it was on its way while the index was emptied, and has to
                // be taken in again when the channel is there.
                self.pass_over(event, "its channel is unknown");
                return Ok(());
            }
            // A row that cannot be read holds up nothing but what is about it.
            Err(error @ StoreError::Damaged(_)) => Err(error.to_string()),
            Err(error) => return Err(error),
        };
        let place = self.place(event, &applied)?;
        self.remember(event, place)?;
        if let Err(reason) = applied {
            self.pass_over(event, &reason);
        }
        Ok(())
    }

    /// Does to the index what an event does; `None` when there is no such channel.
    fn act(&mut self, event: &Prepared) -> Result<Option<Result<(), String>>, StoreError> {
        let channel = event.channel;
        let applied = match &event.deed {
            Deed::CreateChannel(channel) => self.create_channel(channel)?,
            _ if self.keeps(channel)?.is_none() => return Ok(None),
            Deed::UpdateChannel(change, at) => self.update_channel(channel, change, *at)?,
            Deed::AddMessage(message) => self.add_message(event, message)?,
            Deed::ChangeMessage { target, event } => self.change_message(target, event)?,
            Deed::React(given) => self.react(event, given)?,
            Deed::SetPins(pinned, at) => self.set_pins(event, pinned, *at)?,
            Deed::SetMember { member, record } => self.set_member(channel, member, record)?,
        };
        Ok(Some(applied))
    }

    /// Names an event that cannot be applied.
    fn pass_over(&mut self, event: &Prepared, reason: &str) {
        let name = event.key.map_or_else(String::new, |key| {
            format!(" ({})", uuid::Uuid::from_bytes(key))
        });
        let (seq, channel) = (event.seq, event.channel);
        self.passed
            .push(format!("event {seq}{name} of channel {channel}: {reason}"));
    }

    /// Notes that the index has met an event, and what it is there.
    fn remember(&mut self, event: &Prepared, place: Place<'_>) -> Result<(), StoreError> {
        let Some(key) = &event.key else {
            return Ok(());
        };
        let location = Location {
            seq: event.seq,
            place,
        };
        let location = location.to_bytes();
        // A replay would write what is there already, at random keys.
        let is_there = event.seq <= self.replayed_through
            && self
                .known
                .get(key)?
                .is_some_and(|stored| stored == location);
        if !is_there {
            self.known.fresh.insert(*key, location);
        }
        Ok(())
    }

    /// What may be kept of a channel's content; `None` when there is no such channel.
    fn keeps(&mut self, channel: ChannelId) -> Result<Option<Keeps>, StoreError> {
        let committed = || self.memory?.keeps.get(&channel);
        if let Some(keeps) = self.keeps.get(&channel).or_else(committed) {
            return Ok(Some(*keeps));
        }
        let Some(timed) = self.stored_channel(channel)? else {
            return Ok(None);
        };
        let keeps = Keeps::of(&timed.channel);
        self.keeps.insert(channel, keeps);
        Ok(Some(keeps))
    }

    /// What an event is in the index from here on.
    fn place<'e>(
        &mut self,
        event: &'e Prepared,
        applied: &Result<(), String>,
    ) -> Result<Place<'e>, StoreError> {
        Ok(match &event.deed {
            Deed::AddMessage(message) if applied.is_ok() => Place::Message(&message.key),
            Deed::ChangeMessage { target, event } => match event.what {
                What::MessageEdited { at, .. } => Place::Edit {
                    at,
                    of: target.as_str(),
                },
                _ => Place::Other,
            },
            Deed::React(given) => self.place_of(event.channel, given)?,
            _ => Place::Other,
        })
    }

    /// Writes what was gathered.
    fn finish(mut self, staged: &mut Staged) -> Result<Vec<String>, StoreError> {
        self.refresh_dirty()?;
        for (channel, newest) in &self.newest {
            let key = channel.as_bytes().as_slice();
            let stored = self.activity.get(key)?.map(|at| at.value());
            if stored.is_none_or(|stored| stored < *newest) {
                self.activity.insert(key, *newest)?;
            }
        }
        for (key, location) in self.known.fresh {
            let (key, location) = (key.as_slice(), location.as_slice());
            self.known.table.insert(key, location)?;
        }
        staged.keeps = self.keeps;
        Ok(self.passed)
    }
}

/// Whether an event could be applied, and wholly; if not, why. A failure of the store is another
/// thing.
type Applied = Result<Result<(), String>, StoreError>;
