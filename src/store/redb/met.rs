//! Messages that the index has met a while ago and the table of known events lacks.
//!
//! The keys of that table are random: a row that is written alone costs a page, and a part of
//! those on the way to it. So the rows of messages are held here and written in parts of the
//! keys' range, where neighbours share their pages: one part a commit while the table is far
//! behind, all of them when the writer rests. An opening makes what is lacking of the journal.

use std::collections::HashMap;
use std::sync::Arc;

use redb::{ReadTransaction, WriteTransaction};

use super::keys::{EventKey, Location, Place};
use super::tables;
use super::writer::Work;
use super::{apply, journal};
use crate::domain::id::Seq;
use crate::store::StoreError;

/// How far the table may be behind the index before parts are written: some 5 MB here, and the work
/// of an opening after a kill.
const WINDOW: Seq = if cfg!(test) { 64 } else { 32_768 };

/// By the first byte of their keys.
const PARTS: usize = 256;

type Rows = HashMap<EventKey, Box<[u8]>>;

/// The rows that the table lacks. Readers hold it beside their snapshot, taken before that: what has
/// left it by then is in the snapshot's table.
#[derive(Clone, Debug)]
pub struct Met(Vec<Arc<Rows>>);

/// Parts being written one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Sweep {
    next: usize,
    /// The index's position when it began.
    through: Seq,
}

/// What a group has written of the rows.
#[derive(Clone, Copy, Debug, Default)]
pub enum Written {
    #[default]
    Nothing,
    Part(usize),
    All,
}

impl Default for Met {
    fn default() -> Self {
        Self(vec![Arc::default(); PARTS])
    }
}

impl Met {
    /// Makes the rows of the messages behind `known_through`, up to the index's position.
    pub fn load(
        txn: &ReadTransaction,
        known_through: Seq,
        position: Seq,
    ) -> Result<Self, StoreError> {
        let mut met = Self::default();
        if position <= known_through {
            return Ok(met);
        }
        let messages = txn.open_table(tables::MESSAGES)?;
        let table = txn.open_table(tables::JOURNAL)?;
        for entry in table.range(known_through + 1..=position)? {
            let (seq, value) = entry?;
            let Some(event) = journal::readable(seq.value(), value.value()) else {
                continue;
            };
            // One whose channel was not known is to be taken in again.
            if let Some((key, place)) = apply::message_of(&event)
                && messages.get(place.as_slice())?.is_some()
            {
                let place = Place::Message(&place);
                let seq = event.seq;
                met.insert(key, Location { seq, place }.to_bytes().into());
            }
        }
        Ok(met)
    }

    pub fn get(&self, key: &EventKey) -> Option<&[u8]> {
        self.0[part_of(key)].get(key).map(AsRef::as_ref)
    }

    pub fn insert(&mut self, key: EventKey, row: Box<[u8]>) {
        Arc::make_mut(&mut self.0[part_of(&key)]).insert(key, row);
    }

    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|part| part.is_empty())
    }

    /// Forgets what a group has written.
    pub fn forget(&mut self, written: Written) {
        match written {
            Written::Nothing => {}
            Written::Part(part) => self.0[part] = Arc::default(),
            Written::All => *self = Self::default(),
        }
    }

    /// Where a known event is: one of these, or one of a snapshot that was taken after them.
    pub fn location(
        &self,
        txn: &ReadTransaction,
        key: &EventKey,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(row) = self.get(key) {
            return Ok(Some(row.to_vec()));
        }
        let row = txn.open_table(tables::KNOWN)?.get(key.as_slice())?;
        Ok(row.map(|row| row.value().to_vec()))
    }
}

impl Sweep {
    /// The one that is under way, or one that is due.
    fn due(current: Option<Self>, known_through: Seq, position: Seq) -> Option<Self> {
        let is_far_behind = position.saturating_sub(known_through) >= WINDOW;
        current.or_else(|| {
            is_far_behind.then_some(Self {
                next: 0,
                through: position,
            })
        })
    }

    /// The rest of it, if there is any.
    fn behind(self) -> Option<Self> {
        let next = self.next + 1;
        (next < PARTS).then_some(Self { next, ..self })
    }
}

/// Writes the next part, when the table is far behind. The first work of a group.
pub fn sweep(work: &mut Work<'_>) -> Result<(), StoreError> {
    let (known_through, position) = (work.staged.known_through, work.staged.position);
    let Some(sweep) = Sweep::due(work.staged.sweep, known_through, position) else {
        return Ok(());
    };
    write(work.txn, work.memory.met.0[sweep.next].iter())?;
    work.staged.written = Written::Part(sweep.next);
    work.staged.sweep = sweep.behind();
    if work.staged.sweep.is_none() {
        work.staged.known_through = known_through.max(sweep.through);
        apply::store_positions(work)?;
    }
    Ok(())
}

/// Writes all that the table lacks.
pub fn write_all(work: &mut Work<'_>) -> Result<(), StoreError> {
    if work.staged.known_through >= work.staged.position {
        return Ok(());
    }
    let staged = std::mem::take(&mut work.staged.met);
    let held = match work.staged.written {
        Written::All => [].as_slice(),
        Written::Nothing | Written::Part(_) => &work.memory.met.0,
    };
    let held = held.iter().flat_map(|part| part.iter());
    write(work.txn, held.chain(&staged))?;
    work.staged.written = Written::All;
    work.staged.sweep = None;
    work.staged.known_through = work.staged.position;
    apply::store_positions(work)
}

/// Writes rows in the order of their keys.
fn write<'r>(
    txn: &WriteTransaction,
    rows: impl Iterator<Item = (&'r EventKey, &'r Box<[u8]>)>,
) -> Result<(), StoreError> {
    let mut rows: Vec<_> = rows.collect();
    rows.sort_unstable_by_key(|(key, _)| **key);
    let mut known = txn.open_table(tables::KNOWN)?;
    for (key, row) in rows {
        known.insert(key.as_slice(), row.as_ref())?;
    }
    Ok(())
}

fn part_of(key: &EventKey) -> usize {
    usize::from(key[0])
}
