//! Dropping what is old, some at once.

use redb::{ReadableTable, ReadableTableMetadata};

use crate::domain::id::{Millis, Seq};
use crate::store::StoreError;
use crate::store::redb::records::Record;
use crate::store::redb::records::event::EventHead;
use crate::store::redb::tables::{self, meta};
use crate::store::redb::writer::Work;
use crate::store::redb::{apply, met};

/// How many events one trim drops at most: some 10 ms of the writer.
const TRIM: usize = 5_000;

/// Drops what is old. Not durable, because dropping it once more does no harm.
pub fn trim(work: &mut Work<'_>, before: Millis, upto: Seq) -> Result<u64, StoreError> {
    let dropped = match trim_journal(work, before, upto)? {
        0 => trim_waiting(work, before)?,
        dropped => dropped,
    };
    match dropped {
        0 => apply::trim_reception(work),
        dropped => Ok(dropped),
    }
}

/// Drops edits and deletions that have waited for too long: of most of them the event that they
/// wait for is none that is kept, and will never come.
fn trim_waiting(work: &Work<'_>, before: Millis) -> Result<u64, StoreError> {
    let is_old = |value: &[u8]| !is_young(value, before);
    let mut orphans = work.txn.open_table(tables::ORPHANS)?;
    let old = orphans.extract_if(|_, value| is_old(value))?.take(TRIM);
    let mut dropped = 0;
    for entry in old {
        entry?;
        dropped += 1;
    }
    Ok(dropped)
}

/// Whether an event arrived after a time. What cannot be read is of no use to anybody.
fn is_young(value: &[u8], before: Millis) -> bool {
    EventHead::decode(value).is_ok_and(|head| head.arrived_at >= before)
}

/// Drops the oldest events. Never one that the index has not applied: it is made of them.
fn trim_journal(work: &mut Work<'_>, before: Millis, upto: Seq) -> Result<u64, StoreError> {
    let upto = upto.min(work.staged.position);
    let mut journal = work.txn.open_table(tables::JOURNAL)?;
    let mut last = None;
    for entry in journal.range(..=upto)?.take(TRIM) {
        let (seq, value) = entry?;
        if is_young(value.value(), before) {
            break;
        }
        last = Some(seq.value());
    }
    let Some(last) = last else {
        return Ok(0);
    };
    // What is dropped is not there any more to make rows of known events of.
    if last > work.staged.known_through {
        met::write_all(work)?;
    }
    let length = journal.len()?;
    journal.retain_in(..=last, |_, _| false)?;
    let dropped = length - journal.len()?;
    let mut numbers = work.txn.open_table(tables::META)?;
    numbers.insert(meta::JOURNAL_HEAD, work.staged.head)?;
    Ok(dropped)
}
