//! The latest tries of a webhook.

use redb::{ReadTransaction, ReadableTable, WriteTransaction};

use super::Rows;
use crate::domain::id::ChannelId;
use crate::domain::webhook::WebhookId;
use crate::store::StoreError;
use crate::store::redb::keys::{self, Range};
use crate::store::redb::records::Record;
use crate::store::redb::records::webhook::AttemptRecord;
use crate::store::redb::tables;
use crate::store::redb::writer::Work;
use crate::store::webhooks::Attempt;

/// The newest first, each with its number.
pub fn list(
    txn: &ReadTransaction,
    id: WebhookId,
    before: Option<u64>,
    limit: usize,
) -> Result<Vec<(u64, Attempt)>, StoreError> {
    let table = txn.open_table(tables::ATTEMPTS)?;
    let first = keys::webhook_row(id, 0);
    let end = keys::webhook_row(id, before.unwrap_or(u64::MAX));
    let rows = table.range(first.as_slice()..end.as_slice())?.rev();
    rows.take(limit)
        .map(|row| {
            let (key, value) = row?;
            let attempt = AttemptRecord::decode(value.value())?.try_into()?;
            Ok((keys::webhook_number(key.value())?, attempt))
        })
        .collect()
}

/// Adds tries behind the earlier ones; the oldest make room.
pub fn log(work: &Work<'_>, id: WebhookId, attempts: &[Attempt]) -> Result<(), StoreError> {
    if attempts.is_empty() {
        return Ok(());
    }
    let mut table: Rows<'_> = work.txn.open_table(tables::ATTEMPTS)?;
    let first = behind_last(&table, id)?;
    for (number, attempt) in (first..).zip(attempts) {
        let key = keys::webhook_row(id, number);
        let record = AttemptRecord::from(attempt.clone()).encode();
        table.insert(key.as_slice(), record.as_slice())?;
        if let Some(oldest) = number.checked_sub(tables::ATTEMPTS_KEPT) {
            table.remove(keys::webhook_row(id, oldest).as_slice())?;
        }
    }
    Ok(())
}

/// The number behind a webhook's latest try.
fn behind_last(table: &Rows<'_>, id: WebhookId) -> Result<u64, StoreError> {
    let range = Range::of(&keys::webhook(id));
    let last = table.range::<&[u8]>(range.bounds())?.next_back();
    let number = last.map(|row| keys::webhook_number(row?.0.value()));
    Ok(number.transpose()?.map_or(0, |number| number + 1))
}

/// Takes the receivers' answers out of the tries of a channel that is confidential from now on:
/// they may repeat what was sent. Reads the tries of all webhooks, which happens once in a
/// channel's life at the most.
pub fn conceal(txn: &WriteTransaction, channel: ChannelId) -> Result<(), StoreError> {
    let mut table = txn.open_table(tables::ATTEMPTS)?;
    let mut concealed = Vec::new();
    for row in table.iter()? {
        let (key, value) = row?;
        // Nobody can tell what is in one that cannot be read.
        let record = AttemptRecord::decode(value.value())
            .and_then(Attempt::try_from)
            .ok();
        match record {
            Some(attempt) if attempt.channel != Some(channel) || attempt.answer.is_empty() => {}
            Some(attempt) => {
                let answer = String::new();
                let record = AttemptRecord::from(Attempt { answer, ..attempt });
                concealed.push((key.value().to_vec(), Some(record.encode())));
            }
            None => concealed.push((key.value().to_vec(), None)),
        }
    }
    for (key, record) in concealed {
        match record {
            Some(record) => table.insert(key.as_slice(), record.as_slice())?,
            None => table.remove(key.as_slice())?,
        };
    }
    Ok(())
}
