//! Dead letters: what was given up, until it is replayed or purged.

use std::collections::HashMap;

use redb::{ReadTransaction, ReadableTable, ReadableTableMetadata};

use super::{DeadLetterRecord, PendingRecord, Rows};
use crate::domain::id::{Millis, Seq};
use crate::domain::webhook::WebhookId;
use crate::store::StoreError;
use crate::store::redb::keys::{self, Range};
use crate::store::redb::records::Record;
use crate::store::redb::tables;
use crate::store::redb::writer::Work;
use crate::store::webhooks::{DeadLetter, DeadPlace, DeadQuery, Pending};

/// How many make room for one more.
const DROPPED_AT_ONCE: usize = 1_000;

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

pub fn count(txn: &ReadTransaction, id: WebhookId) -> Result<u64, StoreError> {
    let table = txn.open_table(tables::DEAD_LETTERS)?;
    let range = Range::of(&keys::webhook(id));
    let mut count = 0;
    for row in table.range::<&[u8]>(range.bounds())? {
        row?;
        count += 1;
    }
    Ok(count)
}

/// Adds dead letters, without what was said: they outlive the journal, their channel may be
/// encrypted later, and the replay asks the homeserver. Those of all webhooks together have a
/// bound, and whoever adds makes room.
pub fn bury(work: &Work<'_>, dead: &[DeadLetter]) -> Result<(), StoreError> {
    if dead.is_empty() {
        return Ok(());
    }
    let mut table = work.txn.open_table(tables::DEAD_LETTERS)?;
    for letter in dead {
        let key = keys::webhook_row(letter.webhook, letter.event.seq);
        let mut letter = letter.clone();
        letter.event.what.conceal();
        let record = DeadLetterRecord::new(&letter).encode();
        table.insert(key.as_slice(), record.as_slice())?;
        if table.len()? > tables::DEAD_LETTERS_KEPT {
            make_room(&mut table)?;
        }
    }
    Ok(())
}

/// Drops the oldest of the webhook that has most. Many at once, because all have to be counted
/// for it.
fn make_room(table: &mut Rows<'_>) -> Result<(), StoreError> {
    let mut counts: HashMap<WebhookId, u64> = HashMap::new();
    for row in table.iter()? {
        *counts.entry(keys::webhook_id(row?.0.value())?).or_default() += 1;
    }
    let Some((most, count)) = counts.into_iter().max_by_key(|(_, count)| *count) else {
        return Ok(());
    };
    let range = Range::of(&keys::webhook(most));
    let mut oldest = Vec::new();
    for row in table.range::<&[u8]>(range.bounds())?.take(DROPPED_AT_ONCE) {
        oldest.push(row?.0.value().to_vec());
    }
    tracing::warn!(webhook = %most, count, dropped = oldest.len(), "there are too many dead letters");
    for key in oldest {
        table.remove(key.as_slice())?;
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
    let mut replayed = 0;
    for place in places {
        let Some(dead) = take(&mut table, *place)? else {
            continue;
        };
        let row = Pending::replayed(dead.event, now);
        let key = keys::pending(place.webhook, row.channel, row.seq);
        pending.insert(key.as_slice(), PendingRecord::new(&row).encode().as_slice())?;
        replayed += 1;
    }
    drop((table, pending));
    work.must_be_durable();
    Ok(replayed)
}

pub fn purge(work: &mut Work<'_>, places: &[DeadPlace]) -> Result<u64, StoreError> {
    let mut table = work.txn.open_table(tables::DEAD_LETTERS)?;
    let mut purged = 0;
    for place in places {
        let key = keys::webhook_row(place.webhook, place.seq);
        purged += u64::from(table.remove(key.as_slice())?.is_some());
    }
    drop(table);
    work.must_be_durable();
    Ok(purged)
}
