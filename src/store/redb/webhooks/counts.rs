//! How much each webhook has, counted along with every write: lists and rounds ask for it, and the
//! rows may be a hundred thousand.

use std::collections::HashMap;

use redb::{ReadTransaction, ReadableTable};

use crate::domain::webhook::WebhookId;
use crate::store::StoreError;
use crate::store::redb::keys::{self, Range};
use crate::store::redb::records::Record;
use crate::store::redb::records::subscription::{CountsRecord, SubscriptionRecord};
use crate::store::redb::records::webhook::PendingRecord;
use crate::store::redb::tables;
use crate::store::redb::writer::Work;
use crate::store::webhooks::Counts;

impl From<CountsRecord> for Counts {
    fn from(record: CountsRecord) -> Self {
        Self {
            pending: record.pending,
            replayed: record.replayed,
            dead: record.dead,
        }
    }
}

/// What was counted along; `None` when nothing was yet.
pub fn counted(txn: &ReadTransaction, id: WebhookId) -> Result<Option<Counts>, StoreError> {
    let subscriptions = txn.open_table(tables::SUBSCRIPTIONS)?;
    let Some(value) = subscriptions.get(keys::webhook(id).as_slice())? else {
        return Ok(Some(Counts::default()));
    };
    let record = SubscriptionRecord::decode(value.value())?;
    Ok(record.counts.map(Into::into))
}

/// Looks at all rows of a webhook.
pub fn count(
    pending: &impl ReadableTable<&'static [u8], &'static [u8]>,
    dead: &impl ReadableTable<&'static [u8], &'static [u8]>,
    id: WebhookId,
) -> Result<CountsRecord, StoreError> {
    let mut counts = CountsRecord {
        dead: rows(dead, id)?,
        ..CountsRecord::default()
    };
    for row in pending.range::<&[u8]>(Range::of(&keys::webhook(id)).bounds())? {
        counts.pending += 1;
        counts.replayed += u64::from(is_replayed(row?.1.value()));
    }
    Ok(counts)
}

fn rows(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    id: WebhookId,
) -> Result<u64, StoreError> {
    let mut count = 0;
    for row in table.range::<&[u8]>(Range::of(&keys::webhook(id)).bounds())? {
        row?;
        count += 1;
    }
    Ok(count)
}

/// Whether what waits was a dead letter, which has its event with it.
pub fn is_replayed(row: &[u8]) -> bool {
    PendingRecord::decode(row).is_ok_and(|record| record.event.is_some())
}

/// By how much a write changes the counts of webhooks. It is written when the tables of the rows
/// are closed again.
#[derive(Default)]
pub struct Tally(HashMap<WebhookId, Changed>);

#[derive(Default)]
pub struct Changed {
    pub pending: i64,
    pub replayed: i64,
    pub dead: i64,
}

impl Tally {
    pub fn of(&mut self, id: WebhookId) -> &mut Changed {
        self.0.entry(id).or_default()
    }

    /// How many dead letters each webhook has, with what was not written yet.
    pub fn dead(
        &self,
        work: &Work<'_>,
        dead: &impl ReadableTable<&'static [u8], &'static [u8]>,
    ) -> Result<HashMap<WebhookId, u64>, StoreError> {
        let subscriptions = work.txn.open_table(tables::SUBSCRIPTIONS)?;
        let mut all = HashMap::new();
        for row in subscriptions.iter()? {
            let (key, value) = row?;
            let id = keys::webhook_id(key.value())?;
            let counted = SubscriptionRecord::decode(value.value())?.counts;
            let changed = self.0.get(&id).map_or(0, |changed| changed.dead);
            let count = match counted {
                Some(counts) => counts.dead.saturating_add_signed(changed),
                None => rows(dead, id)?,
            };
            all.insert(id, count);
        }
        Ok(all)
    }

    /// Writes it. What nobody had counted yet is counted now.
    pub fn write(self, work: &Work<'_>) -> Result<(), StoreError> {
        let mut subscriptions = work.txn.open_table(tables::SUBSCRIPTIONS)?;
        for (id, changed) in self.0 {
            let key = keys::webhook(id);
            let found = subscriptions
                .get(key.as_slice())?
                .map(|value| SubscriptionRecord::decode(value.value()))
                .transpose()?;
            let Some(mut record) = found else {
                continue;
            };
            record.counts = Some(match record.counts {
                Some(counts) => CountsRecord {
                    pending: counts.pending.saturating_add_signed(changed.pending),
                    replayed: counts.replayed.saturating_add_signed(changed.replayed),
                    dead: counts.dead.saturating_add_signed(changed.dead),
                },
                None => {
                    let pending = work.txn.open_table(tables::PENDING)?;
                    let dead = work.txn.open_table(tables::DEAD_LETTERS)?;
                    count(&pending, &dead, id)?
                }
            });
            subscriptions.insert(key.as_slice(), record.encode().as_slice())?;
        }
        Ok(())
    }
}
