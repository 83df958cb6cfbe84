//! What waits to be tried again, channel by channel.

use redb::{ReadTransaction, ReadableTable};

use super::PendingRecord;
use crate::domain::id::{ChannelId, Seq};
use crate::domain::webhook::WebhookId;
use crate::store::StoreError;
use crate::store::redb::keys::{self, Range};
use crate::store::redb::records::Record;
use crate::store::redb::tables;
use crate::store::redb::writer::Work;
use crate::store::webhooks::{Lane, Pending};

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

/// Every channel in which something waits: of each the first row is read, of the others the
/// key alone.
pub fn lanes(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    id: WebhookId,
) -> Result<Vec<Lane>, StoreError> {
    let mut lanes: Vec<Lane> = Vec::new();
    let range = Range::of(&keys::webhook(id));
    for row in table.range::<&[u8]>(range.bounds())? {
        let (key, value) = row?;
        let (channel, _) = keys::pending_place(key.value())?;
        match lanes.last_mut() {
            Some(lane) if lane.channel == channel => lane.length += 1,
            _ => lanes.push(Lane {
                channel,
                due_at: PendingRecord::decode(value.value())?.due_at,
                length: 1,
            }),
        }
    }
    Ok(lanes)
}

/// The oldest event that waits and that only the journal has.
pub fn oldest_pending(txn: &ReadTransaction, id: WebhookId) -> Result<Option<Seq>, StoreError> {
    let table = txn.open_table(tables::PENDING)?;
    let range = Range::of(&keys::webhook(id));
    let mut oldest = None;
    for row in table.range::<&[u8]>(range.bounds())? {
        let (key, value) = row?;
        let (_, seq) = keys::pending_place(key.value())?;
        let is_older = oldest.is_none_or(|oldest| seq < oldest);
        if is_older && PendingRecord::decode(value.value())?.event.is_none() {
            oldest = Some(seq);
        }
    }
    Ok(oldest)
}
