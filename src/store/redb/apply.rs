//! Making the index of the journal's events.
//!
//! What needs only the event (records, keys, JSON) is made on the caller's task by
//! [`prepare`]; the writer's thread reads, compares and stores. Nothing that an event says
//! can fail the others: what cannot be applied is passed over and named. The order in which
//! events come does not decide: the homeserver's times do, and what changes a message that
//! is not there yet waits for it.

mod channels;
mod lazy;
mod levels;
mod members;
mod messages;
mod pins;
mod prepared;
mod reactions;
mod reception;
mod threads;

use std::collections::{BTreeMap, HashMap};

use redb::{ReadableTable, ReadableTableMetadata, Table, WriteTransaction};

use self::lazy::Lazy;
use self::prepared::{Deed, NewMessage};
pub use self::prepared::{Prepared, message_of, prepare, prepare_messages};
use self::reception::Tables;
pub use self::reception::{clear as clear_reception, trim as trim_reception};
use super::journal;
use super::keys::{EventKey, Location, Place};
use super::memory::{Memory, Staged};
use super::met::{self, Met, Row};
use super::tables::{self, meta};
use super::writer::Work;
use crate::domain::channel::Channel;
use crate::domain::event::What;
use crate::domain::id::{ChannelId, MessageId, Millis, Seq};
use crate::store::StoreError;

type Rows<'t> = Table<'t, &'static [u8], &'static [u8]>;

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

/// Applies events in order and moves the position behind the last. Answers what was passed
/// over, and why.
pub fn apply(work: &mut Work<'_>, events: &[Prepared]) -> Result<Vec<String>, StoreError> {
    let position = work.staged.position;
    let fresh = &events[events.partition_point(|event| event.seq <= position)..];
    let (Some(first), Some(last)) = (fresh.first(), fresh.last()) else {
        return Ok(Vec::new());
    };
    refuse_gap(work, first.seq)?;
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
    levels: Lazy<'t, &'static [u8], &'static [u8]>,
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

/// Known events: their table, and the rows that it lacks. Its keys are random: what a batch writes is
/// written in their order, so that neighbours share the pages on the way.
struct Known<'t> {
    table: Rows<'t>,
    fresh: BTreeMap<EventKey, Vec<u8>>,
    /// Of messages: they are written with many others.
    met: HashMap<EventKey, Row>,
    /// What has been committed; none when this transaction has written it.
    held: Option<&'t Met>,
}

impl Known<'_> {
    /// Of an event that is there twice the later one counts.
    fn add(&mut self, key: EventKey, row: Vec<u8>, is_message: bool) {
        if is_message {
            self.fresh.remove(&key);
            self.met.insert(key, row.into());
        } else {
            self.met.remove(&key);
            self.fresh.insert(key, row);
        }
    }

    fn get(&self, key: &EventKey) -> Result<Option<Vec<u8>>, StoreError> {
        let fresh = self.fresh.get(key).map(Vec::as_slice);
        let met = || self.met.get(key).map(AsRef::as_ref);
        let held = || self.held?.get(key);
        if let Some(row) = fresh.or_else(met).or_else(held) {
            return Ok(Some(row.to_vec()));
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
                met: std::mem::take(&mut staged.met),
                held: (staged.written != met::ALL).then_some(&*work.memory.met),
            },
            messages: txn.open_table(tables::MESSAGES)?,
            channels: txn.open_table(tables::CHANNELS)?,
            rooms: Lazy::of(txn, tables::CHANNEL_ROOMS),
            aliases: Lazy::of(txn, tables::CHANNEL_ALIASES),
            activity: txn.open_table(tables::ACTIVITY)?,
            levels: Lazy::of(txn, tables::LEVELS),
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
            Deed::SetLevels(levels, at) => self.set_levels(channel, levels, *at)?,
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
        if event.seq > self.replayed_through {
            self.known
                .add(*key, location, matches!(place, Place::Message(_)));
            return Ok(());
        }
        // A replay would write what is there already, at random keys.
        let stored = self.known.get(key)?;
        if stored.is_none_or(|stored| stored != location) {
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
        staged.met = self.known.met;
        Ok(self.passed)
    }
}

/// Whether an event could be applied, and wholly; if not, why. A failure of the store is another
/// thing.
type Applied = Result<Result<(), String>, StoreError>;
