//! Webhooks by id, each with its subscription under the same id; what waits, tries and dead
//! letters are ranges that begin with that id.
//!
//! Begin with [`settle`], the one write of a webhook at work.

pub mod attempts;
mod counts;
mod dead;
mod pending;

use async_trait::async_trait;
use redb::ReadableTable;
use uuid::Uuid;

pub use self::counts::Tally;
#[cfg(test)]
pub use self::dead::{Bound, bury_within};
pub use self::pending::oldest_pending;

use super::Redb;
use super::keys::{self, Range};
use super::records::Record;
use super::records::service_token::ServiceTokenRecord;
use super::records::subscription::{CountsRecord, SubscriptionRecord};
use super::records::webhook::{DeadLetterRecord, PendingRecord, WebhookRecord};
use super::tables;
use super::writer::Work;
use crate::domain::id::{ChannelId, Millis};
use crate::domain::webhook::{Webhook, WebhookId};
use crate::store::webhooks::{
    Attempt, Counts, DeadLetter, DeadPlace, DeadQuery, Lane, Pending, Settled, WebhookChange,
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
            let tokens = txn.open_table(tables::SERVICE_TOKENS)?;
            find(&webhooks, &subscriptions, &tokens, id)
        })
    }

    async fn webhooks(&self) -> Result<Vec<Webhook>, StoreError> {
        self.read(|txn| {
            let webhooks = txn.open_table(tables::WEBHOOKS)?;
            let subscriptions = txn.open_table(tables::SUBSCRIPTIONS)?;
            let tokens = txn.open_table(tables::SERVICE_TOKENS)?;
            let mut all = Vec::new();
            for entry in webhooks.iter()? {
                let id = webhook_id(entry?.0.value())?;
                match find(&webhooks, &subscriptions, &tokens, id) {
                    Ok(found) => all.extend(found),
                    Err(error @ StoreError::Damaged(_)) => {
                        tracing::error!(%error, webhook = %id, "a webhook is passed over");
                    }
                    Err(error) => return Err(error),
                }
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

    async fn counts(&self, id: WebhookId) -> Result<Counts, StoreError> {
        if let Some(counted) = self.read(|txn| counts::counted(txn, id))? {
            return Ok(counted);
        }
        self.scan(move |txn| {
            let pending = txn.open_table(tables::PENDING)?;
            let dead = txn.open_table(tables::DEAD_LETTERS)?;
            Ok(counts::count(&pending, &dead, id)?.into())
        })
        .await
    }

    async fn lanes(&self, id: WebhookId) -> Result<Vec<Lane>, StoreError> {
        self.scan(move |txn| pending::lanes(&txn.open_table(tables::PENDING)?, id))
            .await
    }

    async fn pending(
        &self,
        id: WebhookId,
        channel: ChannelId,
        limit: usize,
    ) -> Result<Vec<Pending>, StoreError> {
        self.read(|txn| pending::list(txn, id, channel, limit))
    }

    async fn waiting_since(
        &self,
        id: WebhookId,
        before: Millis,
        limit: usize,
    ) -> Result<Vec<Pending>, StoreError> {
        self.scan(move |txn| pending::since(txn, id, before, limit))
            .await
    }

    async fn attempts(
        &self,
        id: WebhookId,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, Attempt)>, StoreError> {
        self.read(|txn| attempts::list(txn, id, before, limit))
    }

    async fn dead_letters(&self, query: DeadQuery) -> Result<Vec<DeadLetter>, StoreError> {
        self.scan(move |txn| dead::list(txn, &query)).await
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
    tokens: &impl ReadableTable<&'static [u8], &'static [u8]>,
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
    let mut webhook = record.under(id, position.unwrap_or_default())?;
    if let (None, Some(token)) = (&webhook.service, webhook.created_by) {
        webhook.service = service_of(tokens, token)?;
    }
    Ok(Some(webhook))
}

/// Whose token it is or was; tokens are never removed. `None` when it cannot be read: the webhook is
/// nobody's then.
fn service_of(
    tokens: &impl ReadableTable<&'static [u8], &'static [u8]>,
    token: Uuid,
) -> Result<Option<String>, StoreError> {
    let value = tokens.get(token.as_bytes().as_slice())?;
    let token = value.and_then(|value| {
        let record = ServiceTokenRecord::decode(value.value()).ok()?;
        record.into_token().ok()
    });
    Ok(token.map(|token| token.name))
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
    let mut record = SubscriptionRecord::from(subscription);
    record.counts = Some(CountsRecord::default());
    let mut subscriptions = work.txn.open_table(tables::SUBSCRIPTIONS)?;
    subscriptions.insert(key.as_slice(), record.encode().as_slice())?;
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
    let tokens = work.txn.open_table(tables::SERVICE_TOKENS)?;
    let Some(mut record) = webhooks
        .get(key.as_slice())?
        .map(|value| WebhookRecord::decode(value.value()))
        .transpose()?
    else {
        return Ok(None);
    };
    act(&mut record);
    webhooks.insert(key.as_slice(), record.encode().as_slice())?;
    let Some(webhook) = find(&webhooks, &subscriptions, &tokens, id)? else {
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
            pending::make_due(work, id)?;
        }
    }
    Ok(changed)
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
    let mut tally = Tally::default();
    let mut pending = work.txn.open_table(tables::PENDING)?;
    let given_up = settled
        .dead
        .iter()
        .map(|dead| (dead.event.channel, dead.event.seq));
    for (channel, seq) in settled.done.iter().copied().chain(given_up) {
        pending::take(&mut pending, id, channel, seq, &mut tally)?;
    }
    for row in &settled.pending {
        pending::put(&mut pending, id, row, &mut tally)?;
    }
    drop(pending);
    attempts::log(work, id, &settled.attempts)?;
    dead::bury(work, &settled.dead, &mut tally)?;
    tally.write(work)?;
    if let Some(pause) = settled.pause {
        rewrite(work, id, |record| record.set_paused(Some(pause)))?;
    }
    if !settled.dead.is_empty() || settled.pause.is_some() {
        work.must_be_durable();
    }
    Ok(true)
}
