//! Scheduled messages by id; by author and by time beside it.

use std::collections::HashMap;

use async_trait::async_trait;
use redb::{ReadTransaction, ReadableTable, WriteTransaction};
use uuid::Uuid;

use super::records::Record;
use super::records::scheduled::ScheduledRecord;
use super::writer::Work;
use super::{Redb, keys, tables};
use crate::domain::entity::Entity;
use crate::domain::id::Millis;
use crate::domain::scheduled::{ScheduleState, Scheduled};
use crate::store::scheduled::{Due, PastUse, Place};
use crate::store::{ScheduledMessages, StoreError};

/// How many are dropped in one step, so that others write in between.
const STEP: usize = 500;

#[async_trait]
impl ScheduledMessages for Redb {
    async fn add(&self, scheduled: Scheduled, most: usize) -> Result<bool, StoreError> {
        let adding = self.writer.run(move |work| add(work, &scheduled, most));
        adding.await
    }

    async fn get(&self, id: Uuid) -> Result<Option<Scheduled>, StoreError> {
        self.read(|txn| find(&txn.open_table(tables::SCHEDULED)?, id))
    }

    async fn of(&self, by: &Entity) -> Result<Vec<Scheduled>, StoreError> {
        self.read(|txn| {
            let authors = txn.open_table(tables::SCHEDULED_AUTHORS)?;
            let range = keys::Range::of(&keys::scheduled_of(by));
            let ids = authors.range::<&[u8]>(range.bounds())?;
            let ids = ids.map(|entry| keys::last_id(entry?.0.value()));
            let mut all = found(txn, ids)?.collect::<Result<Vec<_>, _>>()?;
            all.sort_by_key(|scheduled| (scheduled.send_at, scheduled.id));
            Ok(all)
        })
    }

    async fn change(&self, scheduled: Scheduled, revision: u64) -> Result<bool, StoreError> {
        let changing = self.writer.run(move |work| {
            let before = find(&work.txn.open_table(tables::SCHEDULED)?, scheduled.id)?;
            let Some(before) = before.filter(|it| it.revision == revision) else {
                return Ok(false);
            };
            take_out(work.txn, &before)?;
            put_in(work, &scheduled)?;
            Ok(true)
        });
        changing.await
    }

    async fn remove(&self, id: Uuid, revision: u64) -> Result<bool, StoreError> {
        let removing = self.writer.run(move |work| {
            let found = find(&work.txn.open_table(tables::SCHEDULED)?, id)?;
            let Some(found) = found.filter(|it| it.revision == revision) else {
                return Ok(false);
            };
            take_out(work.txn, &found)?;
            work.must_be_durable();
            Ok(true)
        });
        removing.await
    }

    async fn due(&self, now: Millis, limit: usize, each: usize) -> Result<Due, StoreError> {
        let looking = self.scan(move |txn| {
            let times = txn.open_table(tables::SCHEDULED_TIMES)?;
            let end = keys::scheduled_at(now.saturating_add(1), Uuid::nil());
            let ids = times.range(..end.as_slice())?;
            let ids = ids.map(|entry| keys::last_id(entry?.0.value()));
            let mut due = Due::default();
            let mut taken: HashMap<Entity, usize> = HashMap::new();
            for one in found(txn, ids)? {
                let one = one?;
                let of_author = taken.entry(one.by.clone()).or_default();
                if due.items.len() == limit || *of_author == each {
                    due.has_more = true;
                    if due.items.len() == limit {
                        break;
                    }
                    continue;
                }
                *of_author += 1;
                due.items.push(one);
            }
            Ok(due)
        });
        looking.await
    }

    async fn next(&self, after: Millis) -> Result<Option<Millis>, StoreError> {
        self.read(|txn| {
            let times = txn.open_table(tables::SCHEDULED_TIMES)?;
            let start = keys::scheduled_at(after.saturating_add(1), Uuid::nil());
            let first = times.range(start.as_slice()..)?.next().transpose()?;
            let at = first.and_then(|(key, _)| key.value().first_chunk().copied());
            Ok(at.map(Millis::from_be_bytes))
        })
    }

    async fn drop_past_use(&self, past: PastUse) -> Result<Vec<Place>, StoreError> {
        loop {
            let past = past.clone();
            let old = self.scan(move |txn| past_use(txn, &past)).await?;
            if old.is_empty() {
                return Ok(Vec::new());
            }
            let dropped = self.writer.run(move |work| drop_all(work, &old)).await?;
            // All of them may have been changed meanwhile.
            if !dropped.is_empty() {
                return Ok(dropped);
            }
        }
    }
}

/// Those that are past use, and their revisions: as many as are dropped in one step.
fn past_use(txn: &ReadTransaction, past: &PastUse) -> Result<Vec<(Uuid, u64)>, StoreError> {
    let mut old = Vec::new();
    for entry in txn.open_table(tables::SCHEDULED)?.iter()? {
        // What cannot be read holds nothing else up.
        let Ok(scheduled) = read(entry?.1.value()) else {
            continue;
        };
        if is_past_use(&scheduled, past) {
            old.push((scheduled.id, scheduled.revision));
        }
        if old.len() == STEP {
            break;
        }
    }
    Ok(old)
}

fn is_past_use(scheduled: &Scheduled, past: &PastUse) -> bool {
    let is_of_these = past.channels.contains(&scheduled.channel);
    match scheduled.state {
        ScheduleState::Sent { at, .. } => at < past.sent_before,
        ScheduleState::Failed { at, .. } => is_of_these || at < past.failed_before,
        ScheduleState::Waiting | ScheduleState::Sending { .. } => is_of_these,
    }
}

/// Drops those of them that nobody has changed meanwhile.
fn drop_all(work: &mut Work<'_>, old: &[(Uuid, u64)]) -> Result<Vec<Place>, StoreError> {
    let mut dropped = Vec::new();
    for (id, revision) in old {
        let found = find(&work.txn.open_table(tables::SCHEDULED)?, *id)?;
        if let Some(scheduled) = found.filter(|it| it.revision == *revision) {
            take_out(work.txn, &scheduled)?;
            dropped.push((scheduled.channel, scheduled.by));
        }
    }
    if !dropped.is_empty() {
        work.must_be_durable();
    }
    Ok(dropped)
}

fn read(value: &[u8]) -> Result<Scheduled, StoreError> {
    ScheduledRecord::decode(value)?.try_into()
}

fn find(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    id: Uuid,
) -> Result<Option<Scheduled>, StoreError> {
    let value = table.get(id.as_bytes().as_slice())?;
    value.map(|value| read(value.value())).transpose()
}

/// The messages of these ids. One that cannot be read is said aloud and left out.
fn found(
    txn: &ReadTransaction,
    ids: impl Iterator<Item = Result<Uuid, StoreError>>,
) -> Result<impl Iterator<Item = Result<Scheduled, StoreError>>, StoreError> {
    let table = txn.open_table(tables::SCHEDULED)?;
    let found = ids.filter_map(move |id| {
        let found = id.and_then(|id| find(&table, id));
        match found {
            Err(error @ StoreError::Damaged(_)) => {
                tracing::error!(%error, "a scheduled message is passed over");
                None
            }
            found => found.transpose(),
        }
    });
    Ok(found)
}

fn add(work: &mut Work<'_>, scheduled: &Scheduled, most: usize) -> Result<bool, StoreError> {
    let table = work.txn.open_table(tables::SCHEDULED)?;
    if find(&table, scheduled.id)?.is_some() {
        return Ok(true);
    }
    let authors = work.txn.open_table(tables::SCHEDULED_AUTHORS)?;
    let range = keys::Range::of(&keys::scheduled_of(&scheduled.by));
    let mut open = 0;
    for entry in authors.range::<&[u8]>(range.bounds())? {
        let id = keys::last_id(entry?.0.value())?;
        // One that cannot be read counts as well.
        let is_sent = find(&table, id).is_ok_and(|found| {
            found.is_none_or(|it| matches!(it.state, ScheduleState::Sent { .. }))
        });
        open += usize::from(!is_sent);
    }
    drop((table, authors));
    if open >= most {
        return Ok(false);
    }
    put_in(work, scheduled)?;
    Ok(true)
}

fn put_in(work: &mut Work<'_>, scheduled: &Scheduled) -> Result<(), StoreError> {
    let txn = work.txn;
    let record = ScheduledRecord::from(scheduled).encode();
    let id = scheduled.id;
    let mut table = txn.open_table(tables::SCHEDULED)?;
    table.insert(id.as_bytes().as_slice(), record.as_slice())?;
    let mut authors = txn.open_table(tables::SCHEDULED_AUTHORS)?;
    let of = [keys::scheduled_of(&scheduled.by).as_slice(), id.as_bytes()].concat();
    authors.insert(of.as_slice(), ())?;
    if scheduled.state.is_pending() {
        let mut times = txn.open_table(tables::SCHEDULED_TIMES)?;
        times.insert(keys::scheduled_at(scheduled.next_try, id).as_slice(), ())?;
    }
    work.must_be_durable();
    Ok(())
}

fn take_out(txn: &WriteTransaction, scheduled: &Scheduled) -> Result<(), StoreError> {
    let id = scheduled.id;
    let mut table = txn.open_table(tables::SCHEDULED)?;
    table.remove(id.as_bytes().as_slice())?;
    let mut authors = txn.open_table(tables::SCHEDULED_AUTHORS)?;
    let of = [keys::scheduled_of(&scheduled.by).as_slice(), id.as_bytes()].concat();
    authors.remove(of.as_slice())?;
    let mut times = txn.open_table(tables::SCHEDULED_TIMES)?;
    times.remove(keys::scheduled_at(scheduled.next_try, id).as_slice())?;
    Ok(())
}
