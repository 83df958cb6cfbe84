//! Webhooks by id, each with its subscription under the same id; what waits, tries and dead
//! letters are ranges that begin with that id.
//!
//! Begin with [`settle`], the one write of a webhook at work.

mod dead;

use async_trait::async_trait;
use redb::{ReadTransaction, ReadableTable};

use super::Redb;
use super::keys::{self, Range};
use super::records::Record;
use super::records::subscription::SubscriptionRecord;
use super::records::webhook::{AttemptRecord, DeadLetterRecord, PendingRecord, WebhookRecord};
use super::tables;
use super::writer::Work;
use crate::domain::id::{ChannelId, Millis, Seq};
use crate::domain::webhook::{Webhook, WebhookId};
use crate::store::webhooks::{
    Attempt, DeadLetter, DeadPlace, DeadQuery, Lane, Pending, Settled, WebhookChange,
};
use crate::store::{StoreError, Subscription, Webhooks};

/// What a subscription says of its reader when it is a webhook.
const READER: &str = "webhook";

type Rows<'a> = redb::Table<'a, &'static [u8], &'static [u8]>;

#[async_trait]
impl Webhooks for Redb {
    async fn add(&self, webhook: Webhook) -> Result<(), StoreError> {
        self.writer.run(move |work| add(work, &webhook)).await?
    }

    async fn webhook(&self, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        self.read(|txn| {
            let webhooks = txn.open_table(tables::WEBHOOKS)?;
            let subscriptions = txn.open_table(tables::SUBSCRIPTIONS)?;
            find(&webhooks, &subscriptions, id)
        })
    }

    async fn webhooks(&self) -> Result<Vec<Webhook>, StoreError> {
        self.read(|txn| {
            let webhooks = txn.open_table(tables::WEBHOOKS)?;
            let subscriptions = txn.open_table(tables::SUBSCRIPTIONS)?;
            let mut all = Vec::new();
            for entry in webhooks.iter()? {
                let id = webhook_id(entry?.0.value())?;
                all.extend(find(&webhooks, &subscriptions, id)?);
            }
            all.sort_by_key(|webhook| (webhook.created_at, webhook.id));
            Ok(all)
        })
    }

    async fn change(
        &self,
        id: WebhookId,
        to: WebhookChange,
    ) -> Result<Option<Webhook>, StoreError> {
        self.writer.run(move |work| change(work, id, &to)).await
    }

    async fn remove_webhook(&self, id: WebhookId) -> Result<bool, StoreError> {
        self.writer.run(move |work| remove(work, id)).await
    }

    async fn settle(&self, id: WebhookId, settled: Settled) -> Result<bool, StoreError> {
        self.writer
            .run(move |work| settle(work, id, &settled))
            .await
    }

    async fn lanes(&self, id: WebhookId) -> Result<Vec<Lane>, StoreError> {
        self.scan(move |txn| lanes(&txn.open_table(tables::PENDING)?, id))
            .await
    }

    async fn pending(
        &self,
        id: WebhookId,
        channel: ChannelId,
        limit: usize,
    ) -> Result<Vec<Pending>, StoreError> {
        self.read(|txn| {
            let table = txn.open_table(tables::PENDING)?;
            let range = Range::of(&keys::pending_lane(id, channel));
            let rows = table.range::<&[u8]>(range.bounds())?.take(limit);
            rows.map(|row| {
                let (key, value) = row?;
                let (channel, seq) = keys::pending_place(key.value())?;
                PendingRecord::decode(value.value())?.at(channel, seq)
            })
            .collect()
        })
    }

    async fn attempts(
        &self,
        id: WebhookId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, Attempt)>, StoreError> {
        self.read(|txn| {
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
        })
    }

    async fn dead_letters(&self, query: DeadQuery) -> Result<Vec<DeadLetter>, StoreError> {
        self.scan(move |txn| dead::list(txn, &query)).await
    }

    async fn count_dead(&self, id: WebhookId) -> Result<u64, StoreError> {
        self.scan(move |txn| dead::count(txn, id)).await
    }

    async fn replay(&self, places: Vec<DeadPlace>, now: Millis) -> Result<u64, StoreError> {
        self.writer
            .run(move |work| dead::replay(work, &places, now))
            .await
    }

    async fn purge(&self, places: Vec<DeadPlace>) -> Result<u64, StoreError> {
        self.writer
            .run(move |work| dead::purge(work, &places))
            .await
    }
}

fn webhook_id(bytes: &[u8]) -> Result<WebhookId, StoreError> {
    // The ids of channels and of webhooks are both 16 bytes.
    keys::channel(bytes).map(|id| WebhookId(id.0))
}

/// A webhook, and where its subscription has come to.
fn find(
    webhooks: &impl ReadableTable<&'static [u8], &'static [u8]>,
    subscriptions: &impl ReadableTable<&'static [u8], &'static [u8]>,
    id: WebhookId,
) -> Result<Option<Webhook>, StoreError> {
    let key = keys::webhook(id);
    let Some(value) = webhooks.get(key.as_slice())? else {
        return Ok(None);
    };
    let record = WebhookRecord::decode(value.value())?;
    let subscription = subscriptions
        .get(key.as_slice())?
        .map(|value| SubscriptionRecord::decode(value.value()))
        .transpose()?;
    let position = subscription.map(|record| Subscription::from(record).position);
    record.under(id, position.unwrap_or_default()).map(Some)
}

fn add(work: &mut Work<'_>, webhook: &Webhook) -> Result<Result<(), StoreError>, StoreError> {
    let key = keys::webhook(webhook.id);
    let mut webhooks = work.txn.open_table(tables::WEBHOOKS)?;
    if webhooks.get(key.as_slice())?.is_some() {
        let taken = format!("there is a webhook {} already", webhook.id);
        return Ok(Err(StoreError::Exists(taken)));
    }
    let record = WebhookRecord::from(webhook).encode();
    webhooks.insert(key.as_slice(), record.as_slice())?;
    let subscription = Subscription {
        id: webhook.id.0,
        reader: READER.to_owned(),
        channel: webhook.channel,
        target: webhook.url.clone(),
        events: webhook.events.clone(),
        paused: webhook.paused.is_some(),
        position: webhook.position,
        created_at: webhook.created_at,
    };
    let record = SubscriptionRecord::from(subscription).encode();
    let mut subscriptions = work.txn.open_table(tables::SUBSCRIPTIONS)?;
    subscriptions.insert(key.as_slice(), record.as_slice())?;
    work.must_be_durable();
    Ok(Ok(()))
}

/// Changes the record of a webhook, and its subscription with it.
fn rewrite(
    work: &Work<'_>,
    id: WebhookId,
    act: impl FnOnce(&mut WebhookRecord),
) -> Result<Option<Webhook>, StoreError> {
    let key = keys::webhook(id);
    let mut webhooks = work.txn.open_table(tables::WEBHOOKS)?;
    let mut subscriptions = work.txn.open_table(tables::SUBSCRIPTIONS)?;
    let Some(mut record) = webhooks
        .get(key.as_slice())?
        .map(|value| WebhookRecord::decode(value.value()))
        .transpose()?
    else {
        return Ok(None);
    };
    act(&mut record);
    webhooks.insert(key.as_slice(), record.encode().as_slice())?;
    let Some(webhook) = find(&webhooks, &subscriptions, id)? else {
        return Ok(None);
    };
    let subscription = subscriptions
        .get(key.as_slice())?
        .map(|value| SubscriptionRecord::decode(value.value()))
        .transpose()?;
    if let Some(mut subscription) = subscription {
        subscription.set_paused(webhook.paused.is_some());
        subscription.set_target(&webhook.url, &webhook.events);
        subscriptions.insert(key.as_slice(), subscription.encode().as_slice())?;
    }
    Ok(Some(webhook))
}

fn change(
    work: &mut Work<'_>,
    id: WebhookId,
    change: &WebhookChange,
) -> Result<Option<Webhook>, StoreError> {
    let changed = rewrite(work, id, |record| record.apply(change))?;
    if changed.is_some() {
        work.must_be_durable();
        if change.paused == Some(None) {
            make_due(work, id)?;
        }
    }
    Ok(changed)
}

/// Lets the first that waits in each channel be due at once.
fn make_due(work: &Work<'_>, id: WebhookId) -> Result<(), StoreError> {
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

fn remove(work: &mut Work<'_>, id: WebhookId) -> Result<bool, StoreError> {
    let key = keys::webhook(id);
    let mut webhooks = work.txn.open_table(tables::WEBHOOKS)?;
    let removed = webhooks.remove(key.as_slice())?.is_some();
    if removed {
        let mut subscriptions = work.txn.open_table(tables::SUBSCRIPTIONS)?;
        subscriptions.remove(key.as_slice())?;
        for table in [tables::PENDING, tables::ATTEMPTS, tables::DEAD_LETTERS] {
            let range = Range::of(&key);
            let mut table = work.txn.open_table(table)?;
            table.retain_in::<&[u8], _>(range.bounds(), |_, _| false)?;
        }
        work.must_be_durable();
    }
    Ok(removed)
}

fn settle(work: &mut Work<'_>, id: WebhookId, settled: &Settled) -> Result<bool, StoreError> {
    let key = keys::webhook(id);
    let mut subscriptions = work.txn.open_table(tables::SUBSCRIPTIONS)?;
    let Some(mut subscription) = subscriptions
        .get(key.as_slice())?
        .map(|value| SubscriptionRecord::decode(value.value()))
        .transpose()?
    else {
        return Ok(false);
    };
    subscription.advance(settled.position);
    subscriptions.insert(key.as_slice(), subscription.encode().as_slice())?;
    drop(subscriptions);
    let mut pending = work.txn.open_table(tables::PENDING)?;
    let given_up = settled
        .dead
        .iter()
        .map(|dead| (dead.event.channel, dead.event.seq));
    for (channel, seq) in settled.done.iter().copied().chain(given_up) {
        pending.remove(keys::pending(id, channel, seq).as_slice())?;
    }
    for row in &settled.pending {
        let key = keys::pending(id, row.channel, row.seq);
        pending.insert(key.as_slice(), PendingRecord::new(row).encode().as_slice())?;
    }
    drop(pending);
    log(work, id, &settled.attempts)?;
    dead::bury(work, &settled.dead)?;
    if let Some(pause) = settled.pause {
        rewrite(work, id, |record| record.set_paused(Some(pause)))?;
    }
    if !settled.dead.is_empty() || settled.pause.is_some() {
        work.must_be_durable();
    }
    Ok(true)
}

/// Adds tries behind the earlier ones; the oldest make room.
fn log(work: &Work<'_>, id: WebhookId, attempts: &[Attempt]) -> Result<(), StoreError> {
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

/// Every channel in which something waits: of each the first row is read, of the others the
/// key alone.
fn lanes(
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
