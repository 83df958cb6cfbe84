//! Dead letters: what was given up, until it is replayed or purged.

use redb::{ReadTransaction, ReadableTable, ReadableTableMetadata};

use super::counts::Tally;
use super::{DeadLetterRecord, Rows, pending};
use crate::domain::id::{Millis, Seq};
use crate::store::StoreError;
use crate::store::redb::keys::{self, Range};
use crate::store::redb::records::Record;
use crate::store::redb::tables;
use crate::store::redb::writer::Work;
use crate::store::webhooks::{DeadLetter, DeadPlace, DeadQuery, Pending};

pub fn list(txn: &ReadTransaction, query: &DeadQuery) -> Result<Vec<DeadLetter>, StoreError> {
    let table = txn.open_table(tables::DEAD_LETTERS)?;
    let mut webhooks = query.webhooks.clone();
    webhooks.sort_unstable();
    let mut found = Vec::new();
    for webhook in webhooks {
        let first = match query.after {
            Some(after) if webhook < after.webhook => continue,
            Some(after) if webhook == after.webhook => after.seq.saturating_add(1),
            _ => 0,
        };
        let first = keys::webhook_row(webhook, first);
        let last = keys::webhook_row(webhook, Seq::MAX);
        for row in table.range(first.as_slice()..=last.as_slice())? {
            if found.len() >= query.limit {
                return Ok(found);
            }
            let (key, value) = row?;
            let seq = keys::webhook_number(key.value())?;
            let dead = DeadLetterRecord::decode(value.value())?.at(webhook, seq)?;
            let arrived_at = dead.event.arrived_at;
            let fits = query.from.is_none_or(|from| from <= arrived_at)
                && query.until.is_none_or(|until| arrived_at < until);
            if fits {
                found.push(dead);
            }
        }
    }
    Ok(found)
}

/// Adds dead letters, without what was said: they outlive the journal, their channel may be
/// encrypted later, and the replay asks the homeserver. Those of all webhooks together have a
/// bound, and whoever adds makes room.
pub fn bury(work: &Work<'_>, dead: &[DeadLetter], tally: &mut Tally) -> Result<(), StoreError> {
    bury_within(work, dead, tally, &BOUND)
}

/// How many dead letters there may be.
pub struct Bound {
    pub kept: u64,
    /// How many make room for one more: for each all webhooks are looked at.
    pub dropped_at_once: usize,
}

const BOUND: Bound = Bound {
    kept: tables::DEAD_LETTERS_KEPT,
    dropped_at_once: 1_000,
};

pub fn bury_within(
    work: &Work<'_>,
    dead: &[DeadLetter],
    tally: &mut Tally,
    bound: &Bound,
) -> Result<(), StoreError> {
    if dead.is_empty() {
        return Ok(());
    }
    let mut table = work.txn.open_table(tables::DEAD_LETTERS)?;
    for letter in dead {
        let key = keys::webhook_row(letter.webhook, letter.event.seq);
        let mut letter = letter.clone();
        letter.event.what.conceal();
        let record = DeadLetterRecord::new(&letter).encode();
        let before = table.insert(key.as_slice(), record.as_slice())?;
        tally.of(letter.webhook).dead += i64::from(before.is_none());
        drop(before);
        if table.len()? > bound.kept {
            make_room(work, &mut table, tally, bound.dropped_at_once)?;
        }
    }
    Ok(())
}

/// Drops the oldest of the webhook that has most.
fn make_room(
    work: &Work<'_>,
    table: &mut Rows<'_>,
    tally: &mut Tally,
    dropped_at_once: usize,
) -> Result<(), StoreError> {
    let counts = tally.dead(work, table)?;
    let Some((most, count)) = counts.into_iter().max_by_key(|(_, count)| *count) else {
        return Ok(());
    };
    let range = Range::of(&keys::webhook(most));
    let mut oldest = Vec::new();
    for row in table.range::<&[u8]>(range.bounds())?.take(dropped_at_once) {
        oldest.push(row?.0.value().to_vec());
    }
    tracing::warn!(webhook = %most, count, dropped = oldest.len(), "there are too many dead letters");
    for key in oldest {
        if table.remove(key.as_slice())?.is_some() {
            tally.of(most).dead -= 1;
        }
    }
    Ok(())
}

/// Takes a dead letter out.
fn take(table: &mut Rows<'_>, place: DeadPlace) -> Result<Option<DeadLetter>, StoreError> {
    let key = keys::webhook_row(place.webhook, place.seq);
    let taken = table.remove(key.as_slice())?;
    taken
        .map(|value| DeadLetterRecord::decode(value.value())?.at(place.webhook, place.seq))
        .transpose()
}

pub fn replay(work: &mut Work<'_>, places: &[DeadPlace], now: Millis) -> Result<u64, StoreError> {
    let mut table = work.txn.open_table(tables::DEAD_LETTERS)?;
    let mut pending = work.txn.open_table(tables::PENDING)?;
    let mut tally = Tally::default();
    let mut replayed = 0;
    for place in places {
        let Some(dead) = take(&mut table, *place)? else {
            continue;
        };
        tally.of(place.webhook).dead -= 1;
        let row = Pending::replayed(dead.event, now);
        pending::put(&mut pending, place.webhook, &row, &mut tally)?;
        replayed += 1;
    }
    drop((table, pending));
    tally.write(work)?;
    work.must_be_durable();
    Ok(replayed)
}

pub fn purge(work: &mut Work<'_>, places: &[DeadPlace]) -> Result<u64, StoreError> {
    let mut table = work.txn.open_table(tables::DEAD_LETTERS)?;
    let mut tally = Tally::default();
    let mut purged = 0;
    for place in places {
        let key = keys::webhook_row(place.webhook, place.seq);
        if table.remove(key.as_slice())?.is_some() {
            tally.of(place.webhook).dead -= 1;
            purged += 1;
        }
    }
    drop(table);
    tally.write(work)?;
    work.must_be_durable();
    Ok(purged)
}
