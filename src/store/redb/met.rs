//! Messages that the index has met a while ago and the table of known events lacks.
//!
//! The keys of that table are random: a row that is written alone costs a page, and a part of
//! those on the way to it. So the rows of messages are held here and written in the order of their
//! keys, where neighbours share their pages: when the writer rests, or while the table is far behind,
//! and some at once, so that nobody waits for all of them. An opening makes what is lacking of the
//! journal.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use redb::{ReadTransaction, WriteTransaction};

use super::keys::{EventKey, Location, Place};
use super::tables;
use super::writer::Work;
use super::{apply, journal};
use crate::domain::id::Seq;
use crate::store::StoreError;

/// How far the table may be behind the index before rows are written in between: some 5 MB here, and
/// the work of an opening after a kill.
const WINDOW: Seq = if cfg!(test) { 64 } else { 32_768 };

/// About how many rows are written at once: some milliseconds of the writer, and more than a step of
/// the index adds.
const SOME: usize = 512;

/// By the first byte of their keys.
const PARTS: usize = 256;

/// Where a message is, as the table has it.
pub type Row = Arc<[u8]>;

/// The rows that the table lacks. A reader holds it beside its snapshot, taken before that: what has
/// left it by then is in the snapshot's table. What came between the two is in neither, and is not
/// there yet for that reader.
#[derive(Clone, Debug)]
pub struct Met(Vec<Arc<HashMap<EventKey, Row>>>);

/// Parts being written one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Sweep {
    next: usize,
    /// The index's position when it began.
    through: Seq,
}

/// Which parts a transaction has written.
pub type Written = Range<usize>;

pub const ALL: Written = 0..PARTS;

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
        let table = txn.open_table(tables::JOURNAL)?;
        for entry in table.range(known_through + 1..=position)? {
            let (seq, value) = entry?;
            let event = journal::readable(seq.value(), value.value());
            let message = event.as_ref().and_then(apply::message_of);
            // One whose channel was not known is to be taken in again.
            if let Some((key, place)) = message
                && is_there(txn, &place)?
            {
                let location = Location {
                    seq: seq.value(),
                    place: Place::Message(&place),
                };
                met.insert(key, location.to_bytes().into());
            }
        }
        Ok(met)
    }

    pub fn get(&self, key: &EventKey) -> Option<&[u8]> {
        self.0[part_of(key)].get(key).map(AsRef::as_ref)
    }

    pub fn insert(&mut self, key: EventKey, row: Row) {
        Arc::make_mut(&mut self.0[part_of(&key)]).insert(key, row);
    }

    /// Forgets what was written.
    pub fn forget(&mut self, written: Written) {
        self.0[written].fill_with(Arc::default);
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

/// Whether the index has a message. One that is damaged is there: nobody is to take it in again.
fn is_there(txn: &ReadTransaction, place: &[u8]) -> Result<bool, StoreError> {
    let look = || -> Result<bool, StoreError> {
        Ok(txn.open_table(tables::MESSAGES)?.get(place)?.is_some())
    };
    match look() {
        Err(StoreError::Damaged(_)) => Ok(true),
        looked => looked,
    }
}

/// Whether rows are to be written before the writer rests.
pub fn is_due(sweep: Option<Sweep>, known_through: Seq, position: Seq) -> bool {
    sweep.is_some() || position.saturating_sub(known_through) >= WINDOW
}

/// Writes some of the rows, going on where the last call has ended. A transaction of its own: what
/// else is in it would see these rows twice.
pub fn write_some(work: &mut Work<'_>) -> Result<(), StoreError> {
    let sweep = work.staged.sweep.unwrap_or(Sweep {
        next: 0,
        through: work.staged.position,
    });
    let parts = &work.memory.met.0;
    let (mut next, mut count) = (sweep.next, 0);
    while next < PARTS && count < SOME {
        count += parts[next].len();
        next += 1;
    }
    let written = sweep.next..next;
    write(
        work.txn,
        parts[written.clone()].iter().flat_map(|part| part.iter()),
    )?;
    work.staged.written = written;
    work.staged.sweep = (next < PARTS).then_some(Sweep { next, ..sweep });
    if work.staged.sweep.is_none() {
        work.staged.known_through = work.staged.known_through.max(sweep.through);
        apply::store_positions(work)?;
    }
    Ok(())
}

/// Writes all that the table lacks.
pub fn write_all(work: &mut Work<'_>) -> Result<(), StoreError> {
    if work.staged.known_through >= work.staged.position {
        return Ok(());
    }
    let held = match work.staged.written == ALL {
        true => [].as_slice(),
        false => &work.memory.met.0,
    };
    let held = held.iter().flat_map(|part| part.iter());
    write(work.txn, held.chain(&work.staged.met))?;
    forget_all(work);
    work.staged.known_through = work.staged.position;
    apply::store_positions(work)
}

/// Forgets all rows: they are written, or are not to be.
pub fn forget_all(work: &mut Work<'_>) {
    work.staged.met.clear();
    work.staged.written = ALL;
    work.staged.sweep = None;
}

/// Writes rows in the order of their keys, of two with one key the later.
fn write<'r>(
    txn: &WriteTransaction,
    rows: impl Iterator<Item = (&'r EventKey, &'r Row)>,
) -> Result<(), StoreError> {
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by_key(|(key, _)| **key);
    let mut known = txn.open_table(tables::KNOWN)?;
    for (key, row) in rows {
        known.insert(key.as_slice(), row.as_ref())?;
    }
    Ok(())
}

fn part_of(key: &EventKey) -> usize {
    usize::from(key[0])
}
