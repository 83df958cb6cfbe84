//! Subscriptions by id. A few hundred at most, so that lists read them all.

use async_trait::async_trait;
use redb::ReadableTable;
use uuid::Uuid;

use super::Redb;
use super::records::Record;
use super::records::subscription::SubscriptionRecord;
use super::tables;
use super::webhooks;
use super::writer::Work;
use crate::domain::id::Seq;
use crate::domain::webhook::WebhookId;
use crate::store::{Slowest, StoreError, Subscription, Subscriptions};

#[async_trait]
impl Subscriptions for Redb {
    async fn put(&self, subscription: Subscription) -> Result<(), StoreError> {
        let putting = self.writer.run(move |work| put(work, subscription.clone()));
        putting.await
    }

    async fn get(&self, id: Uuid) -> Result<Option<Subscription>, StoreError> {
        self.read(|txn| {
            let table = txn.open_table(tables::SUBSCRIPTIONS)?;
            let value = table.get(id.as_bytes().as_slice())?;
            value.map(|value| subscription(value.value())).transpose()
        })
    }

    async fn list(&self) -> Result<Vec<Subscription>, StoreError> {
        self.read(|txn| {
            let table = txn.open_table(tables::SUBSCRIPTIONS)?;
            let mut all = table
                .iter()?
                .map(|entry| subscription(entry?.1.value()))
                .collect::<Result<Vec<_>, _>>()?;
            all.sort_by_key(|subscription| (subscription.created_at, subscription.id));
            Ok(all)
        })
    }

    async fn advance(&self, id: Uuid, position: Seq) -> Result<bool, StoreError> {
        self.writer
            .run(move |work| advance(work, id, position))
            .await
    }

    async fn remove(&self, id: Uuid) -> Result<bool, StoreError> {
        self.writer
            .run(move |work| {
                let mut table = work.txn.open_table(tables::SUBSCRIPTIONS)?;
                let removed = table.remove(id.as_bytes().as_slice())?.is_some();
                if removed {
                    work.must_be_durable();
                }
                Ok(removed)
            })
            .await
    }

    async fn slowest(&self) -> Result<Option<Slowest>, StoreError> {
        let all = self.list().await?;
        let reading = all.into_iter().filter(|subscription| !subscription.paused);
        let reading: Vec<_> = reading.map(|it| (it.id, it.position)).collect();
        self.scan(move |txn| {
            let mut slowest: Option<Slowest> = None;
            for (id, position) in reading {
                let oldest = webhooks::oldest_pending(txn, WebhookId(id))?;
                let after = oldest.map_or(position, |seq| position.min(seq.saturating_sub(1)));
                if slowest.is_none_or(|slowest| after < slowest.after) {
                    slowest = Some(Slowest { id, after });
                }
            }
            Ok(slowest)
        })
        .await
    }
}

pub(super) fn put(work: &mut Work<'_>, subscription: Subscription) -> Result<(), StoreError> {
    let id = subscription.id;
    let record = SubscriptionRecord::from(subscription).encode();
    let mut table = work.txn.open_table(tables::SUBSCRIPTIONS)?;
    table.insert(id.as_bytes().as_slice(), record.as_slice())?;
    work.must_be_durable();
    Ok(())
}

fn subscription(bytes: &[u8]) -> Result<Subscription, StoreError> {
    Ok(SubscriptionRecord::decode(bytes)?.into())
}

/// Not durable by itself: a reader that loses its latest position to a crash reads some
/// events again, as "at least once" allows, and each batch would cost an `fsync`. The next
/// durable commit, or a moment of rest, takes it to the disk.
pub(super) fn advance(work: &mut Work<'_>, id: Uuid, position: Seq) -> Result<bool, StoreError> {
    let mut table = work.txn.open_table(tables::SUBSCRIPTIONS)?;
    let key = id.as_bytes().as_slice();
    let Some(mut record) = table
        .get(key)?
        .map(|value| SubscriptionRecord::decode(value.value()))
        .transpose()?
    else {
        return Ok(false);
    };
    record.advance(position);
    table.insert(key, record.encode().as_slice())?;
    Ok(true)
}
