//! What the store holds in memory beside the file: positions, the latest transactions, the events that
//! the index has not taken over yet, and where those are that it has taken over last.
//!
//! Only the writer changes it, and only after a commit: until then the changes of a
//! transaction are [`Staged`] and nobody else sees them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use redb::{Database, ReadableDatabase, ReadableTable};
use sha2::{Digest, Sha256};

use super::apply::Keeps;
use super::keys::{self, EventKey, Location};
use super::met::{self, Met, Row, Sweep, Written};
use super::newest::Version;
use super::records::Record;
use super::records::event::EventHead;
use super::tables::{self, meta};
use crate::domain::id::{ChannelId, EventId, Seq};
use crate::store::StoreError;

/// The state of an open store.
#[derive(Debug, Default)]
pub struct Memory {
    /// Which journal this is.
    pub journal_id: u64,
    /// The newest position of the journal.
    pub head: Seq,
    /// The position of the index.
    pub position: Seq,
    /// Events up to here have their row in the table of known ones.
    pub known_through: Seq,
    /// Events after the index's position and `known_through`, by key.
    pub pending: HashMap<EventKey, Seq>,
    /// Messages after `known_through` and up to the index's position.
    pub met: Arc<Met>,
    sweep: Option<Sweep>,
    /// The channels that events were applied to since the start.
    pub keeps: HashMap<ChannelId, Keeps>,
    /// See [`Version`].
    pub era: u64,
    /// The channels whose messages changed in this era, each with the position then.
    changed: HashMap<ChannelId, Seq>,
    transactions: Transactions,
}

/// The ring of the latest transactions.
#[derive(Debug, Default)]
struct Transactions {
    /// How many there have ever been; the next one's slot follows from it.
    counter: u64,
    slots: HashMap<u64, Name>,
    names: HashSet<Name>,
}

/// A transaction's name as a digest: a quarter of its size.
type Name = [u8; 16];

fn name(transaction: &str) -> Name {
    let digest = Sha256::digest(transaction);
    *digest.first_chunk().expect("a digest has 32 bytes")
}

/// What the requests of one group want to change; see [`Memory::absorb`].
#[derive(Debug, Default)]
pub struct Staged {
    pub head: Seq,
    pub position: Seq,
    pub known_through: Seq,
    /// All known events were forgotten before `pending` was staged.
    pub forgotten: bool,
    pub pending: HashMap<EventKey, Seq>,
    /// Events that the index has met now.
    pub indexed: Vec<EventKey>,
    /// Rows that the table of known events lacks.
    pub met: HashMap<EventKey, Row>,
    pub sweep: Option<Sweep>,
    /// What was written of the rows that it lacked, before `met` was staged.
    pub written: Written,
    /// The index was emptied before `keeps` was staged.
    pub cleared: bool,
    pub keeps: HashMap<ChannelId, Keeps>,
    /// The channels whose messages may have changed.
    pub changed: HashSet<ChannelId>,
    transactions: Vec<Name>,
}

impl Memory {
    /// Reads the state of a database that has just been opened.
    pub fn load(database: &Database) -> Result<Self, StoreError> {
        let txn = database.begin_read()?;
        let numbers = txn.open_table(tables::META)?;
        let number = |name| -> Result<u64, StoreError> {
            Ok(numbers.get(name)?.map_or(0, |value| value.value()))
        };
        let journal = txn.open_table(tables::JOURNAL)?;
        let newest = journal.last()?.map_or(0, |(seq, _)| seq.value());
        let (position, known_through) = (number(meta::POSITION)?, number(meta::KNOWN_THROUGH)?);
        let mut memory = Self {
            journal_id: number(meta::JOURNAL_ID)?,
            head: newest.max(number(meta::JOURNAL_HEAD)?),
            position,
            known_through,
            met: Arc::new(Met::load(&txn, known_through, position)?),
            ..Self::default()
        };
        memory.transactions.counter = number(meta::TRANSACTIONS)?;
        for entry in txn.open_table(tables::TRANSACTIONS)?.iter()? {
            let (slot, id) = entry?;
            memory.transactions.keep(slot.value(), name(id.value()));
        }
        let met_through = known_through.max(position);
        for entry in journal.range(met_through.saturating_add(1)..)? {
            let (seq, value) = entry?;
            // One that is damaged is passed over by all.
            if let Ok(head) = EventHead::decode(value.value())
                && let Some(event) = head.event
            {
                let key = keys::event(&EventId::trusted(event));
                memory.pending.insert(key, seq.value());
            }
        }
        Ok(memory)
    }

    /// What a transaction begins with.
    pub fn stage(&self) -> Staged {
        Staged {
            head: self.head,
            position: self.position,
            known_through: self.known_through,
            sweep: self.sweep,
            ..Staged::default()
        }
    }

    /// Takes over what has been committed.
    pub fn absorb(&mut self, staged: Staged) {
        if staged.forgotten {
            self.pending = HashMap::new();
        }
        if staged.cleared {
            self.keeps = HashMap::new();
            self.changed = HashMap::new();
            self.era += 1;
        }
        self.keeps.extend(staged.keeps);
        let changed = staged.changed.into_iter();
        self.changed
            .extend(changed.map(|channel| (channel, staged.position)));
        self.head = staged.head;
        self.position = staged.position;
        self.known_through = staged.known_through;
        self.pending.extend(staged.pending);
        let met_through = self.position.max(self.known_through);
        for key in &staged.indexed {
            if self.pending.get(key).is_some_and(|seq| *seq <= met_through) {
                self.pending.remove(key);
            }
        }
        self.sweep = staged.sweep;
        self.absorb_met(staged.written, staged.met);
        // A burst must not cost memory for ever.
        if self.pending.is_empty() && self.pending.capacity() > 1_024 {
            self.pending.shrink_to_fit();
        }
        for name in staged.transactions {
            let slot = self.transactions.counter % tables::TRANSACTION_SLOTS;
            self.transactions.keep(slot, name);
            self.transactions.counter += 1;
        }
    }

    fn absorb_met(&mut self, written: Written, rows: HashMap<EventKey, Row>) {
        if written.is_empty() && rows.is_empty() {
            return;
        }
        let met = Arc::make_mut(&mut self.met);
        met.forget(written);
        for (key, row) in rows {
            met.insert(key, row);
        }
    }

    /// Whether the table of known events lacks any.
    pub fn lacks_rows(&self) -> bool {
        self.known_through < self.position
    }

    /// Whether it lacks so many that they are to be written at once.
    pub fn is_far_behind(&self) -> bool {
        met::is_due(self.sweep, self.known_through, self.position)
    }

    /// Which state of a channel's messages has been committed.
    pub fn version(&self, channel: ChannelId) -> Version {
        Version {
            era: self.era,
            changed: self.changed.get(&channel).copied().unwrap_or_default(),
        }
    }

    /// Where a message is that is not in the table of known events yet.
    pub fn met<'m>(&'m self, staged: &'m Staged, key: &EventKey) -> Option<&'m [u8]> {
        let is_held = staged.written != met::ALL;
        let staged = staged.met.get(key).map(AsRef::as_ref);
        staged.or_else(|| is_held.then(|| self.met.get(key)).flatten())
    }

    /// The position of an event that is not in the table of known ones yet, as of the last commit.
    pub fn position_of(&self, key: &EventKey) -> Result<Option<Seq>, StoreError> {
        if let Some(seq) = self.pending.get(key) {
            return Ok(Some(*seq));
        }
        let row = self.met.get(key);
        row.map(|row| Ok(Location::parse(row)?.seq)).transpose()
    }

    /// Where an event stands that the index has not met yet.
    pub fn pending(&self, staged: &Staged, key: &EventKey) -> Option<Seq> {
        let held = || (!staged.forgotten).then(|| self.pending.get(key).copied());
        staged
            .pending
            .get(key)
            .copied()
            .or_else(|| held().flatten())
    }

    /// Whether a transaction has been committed.
    pub fn has_transaction(&self, id: &str) -> bool {
        self.transactions.names.contains(&name(id))
    }

    /// Whether a transaction has been committed, or is in this group.
    pub fn meets_transaction(&self, staged: &Staged, id: &str) -> bool {
        let name = name(id);
        self.transactions.names.contains(&name) || staged.transactions.contains(&name)
    }

    /// Stages a transaction; answers its slot and the counter behind it.
    pub fn stage_transaction(&self, staged: &mut Staged, id: &str) -> (u64, u64) {
        let counter = self.transactions.counter + staged.transactions.len() as u64;
        staged.transactions.push(name(id));
        (counter % tables::TRANSACTION_SLOTS, counter + 1)
    }
}

impl Transactions {
    fn keep(&mut self, slot: u64, name: Name) {
        if let Some(old) = self.slots.insert(slot, name) {
            self.names.remove(&old);
        }
        self.names.insert(name);
    }
}
