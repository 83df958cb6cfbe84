//! What waits to be tried again, channel by channel.

use redb::{AccessGuard, ReadTransaction, ReadableTable};

use super::counts::{Tally, is_replayed};
use super::{PendingRecord, Rows};
use crate::domain::id::{ChannelId, Millis, Seq};
use crate::domain::page::Order;
use crate::domain::webhook::WebhookId;
use crate::store::StoreError;
use crate::store::redb::keys::{self, Range};
use crate::store::redb::records::Record;
use crate::store::redb::tables;
use crate::store::redb::writer::Work;
use crate::store::webhooks::{Lane, Pending};

/// The table, in a transaction of any kind.
pub trait Readable: ReadableTable<&'static [u8], &'static [u8]> {}

impl<T: ReadableTable<&'static [u8], &'static [u8]>> Readable for T {}

/// The first that wait in a channel.
pub fn list(
    txn: &ReadTransaction,
    id: WebhookId,
    channel: ChannelId,
    limit: usize,
) -> Result<Vec<Pending>, StoreError> {
    let table = txn.open_table(tables::PENDING)?;
    let range = Range::of(&keys::pending_lane(id, channel));
    let rows = table.range::<&[u8]>(range.bounds())?.take(limit);
    rows.map(|row| {
        let (key, value) = row?;
        let (channel, seq) = keys::pending_place(key.value())?;
        PendingRecord::decode(value.value())?.at(channel, seq)
    })
    .collect()
}

/// Lets the first that waits in each channel be due at once.
pub fn make_due(work: &Work<'_>, id: WebhookId) -> Result<(), StoreError> {
    let mut table = work.txn.open_table(tables::PENDING)?;
    for lane in lanes(&table, id)? {
        let range = Range::of(&keys::pending_lane(id, lane.channel));
        let first = table.range::<&[u8]>(range.bounds())?.next();
        let Some((key, record)) = first
            .map(|row| {
                let (key, value) = row?;
                let mut record = PendingRecord::decode(value.value())?;
                record.due_at = 0;
                Ok::<_, StoreError>((key.value().to_vec(), record.encode()))
            })
            .transpose()?
        else {
            continue;
        };
        table.insert(key.as_slice(), record.as_slice())?;
    }
    Ok(())
}

/// Every channel in which something waits: of each the first row is read, and the others are leapt
/// over.
pub fn lanes(table: &impl Readable, id: WebhookId) -> Result<Vec<Lane>, StoreError> {
    let mut lanes = Vec::new();
    let mut behind = None;
    while let Some((channel, first)) = next_lane(table, id, behind)? {
        lanes.push(Lane {
            channel,
            due_at: PendingRecord::decode(first.value())?.due_at,
        });
        behind = Some(channel);
    }
    Ok(lanes)
}

/// A channel and its first row.
type First<'a> = (ChannelId, AccessGuard<'a, &'static [u8]>);

/// The first channel behind another in which something waits, with its first row.
fn next_lane<T: Readable>(
    table: &T,
    id: WebhookId,
    behind: Option<ChannelId>,
) -> Result<Option<First<'_>>, StoreError> {
    let mut range = Range::of(&keys::webhook(id));
    if let Some(channel) = behind {
        range.begin_behind(keys::pending(id, channel, Seq::MAX), Order::Ascending);
    }
    let Some(row) = table.range::<&[u8]>(range.bounds())?.next() else {
        return Ok(None);
    };
    let (key, value) = row?;
    let (channel, _) = keys::pending_place(key.value())?;
    Ok(Some((channel, value)))
}

/// What has waited since before a time and that only the journal has, channel by channel.
pub fn since(
    txn: &ReadTransaction,
    id: WebhookId,
    before: Millis,
    limit: usize,
) -> Result<Vec<Pending>, StoreError> {
    let table = txn.open_table(tables::PENDING)?;
    let range = Range::of(&keys::webhook(id));
    let mut found = Vec::new();
    for row in table.range::<&[u8]>(range.bounds())? {
        if found.len() == limit {
            break;
        }
        let (key, value) = row?;
        let record = PendingRecord::decode(value.value())?;
        if record.since < before && record.event.is_none() {
            let (channel, seq) = keys::pending_place(key.value())?;
            found.push(record.at(channel, seq)?);
        }
    }
    Ok(found)
}

/// The oldest event that waits and that only the journal has.
pub fn oldest_pending(txn: &ReadTransaction, id: WebhookId) -> Result<Option<Seq>, StoreError> {
    let table = txn.open_table(tables::PENDING)?;
    let mut oldest: Option<Seq> = None;
    let mut behind = None;
    while let Some((channel, _)) = next_lane(&table, id, behind)? {
        let range = Range::of(&keys::pending_lane(id, channel));
        for row in table.range::<&[u8]>(range.bounds())? {
            let (key, value) = row?;
            if !is_replayed(value.value()) {
                let (_, seq) = keys::pending_place(key.value())?;
                oldest = Some(oldest.map_or(seq, |oldest| oldest.min(seq)));
                break;
            }
        }
        behind = Some(channel);
    }
    Ok(oldest)
}

/// Lets something wait, or wait anew.
pub fn put(
    table: &mut Rows<'_>,
    id: WebhookId,
    row: &Pending,
    tally: &mut Tally,
) -> Result<(), StoreError> {
    let key = keys::pending(id, row.channel, row.seq);
    let record = PendingRecord::new(row).encode();
    let before = table.insert(key.as_slice(), record.as_slice())?;
    let changed = tally.of(id);
    let was_replayed = before.as_ref().is_some_and(|it| is_replayed(it.value()));
    changed.pending += i64::from(before.is_none());
    changed.replayed += i64::from(row.event.is_some()) - i64::from(was_replayed);
    Ok(())
}

/// Takes out what waits no more.
pub fn take(
    table: &mut Rows<'_>,
    id: WebhookId,
    channel: ChannelId,
    seq: Seq,
    tally: &mut Tally,
) -> Result<(), StoreError> {
    let key = keys::pending(id, channel, seq);
    if let Some(taken) = table.remove(key.as_slice())? {
        let changed = tally.of(id);
        changed.pending -= 1;
        changed.replayed -= i64::from(is_replayed(taken.value()));
    }
    Ok(())
}
