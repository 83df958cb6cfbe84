//! Status: what an operator sees at a glance, by `daarion status` and on the overview.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use uuid::Uuid;

use super::Core;
use super::health::{Health, HealthReport};
use super::link::{Link, Registration};
use super::online::Online;
use crate::domain::Result;
use crate::domain::event::Skipped;
use crate::domain::id::{Millis, Seq};
use crate::domain::webhook::Webhook;
use crate::store::StoreStatus;
use crate::store::audit::READER;
use crate::telemetry::{Problem, ProblemLog};

/// How long after its time an event may lie there, until the next round of trimming.
const TRIMMED: Duration = Duration::from_secs(60 * 60);

/// What daarion is up to.
#[derive(Clone, Debug)]
pub struct Status {
    pub started_at: Millis,
    pub homeserver_url: String,
    pub server_name: String,
    pub health: HealthReport,
    pub registration: Registration,
    /// Why the registration is not well.
    pub registration_reason: Option<String>,
    /// When the homeserver last brought a transaction, since the start.
    pub last_transaction_at: Option<Millis>,
    pub store: StoreStatus,
    pub channels: u64,
    pub messages: u64,
    pub agents: u64,
    /// Members of any channel who are online.
    pub members_online: u64,
    pub journal_first: Seq,
    pub journal_head: Seq,
    /// Each journal reader's name and position.
    pub readers: Vec<(String, Seq)>,
    /// The reader for which the journal keeps what is older than its retention.
    pub journal_held_by: Option<String>,
    pub rebuilding: bool,
    pub open_creations: u64,
    pub transactions: u64,
    pub repeated_transactions: u64,
    pub events: u64,
    /// Events that were kept in the latest sixty seconds.
    pub events_per_minute: u64,
    /// The same for each of the latest sixty minutes, the running one last.
    pub events_by_minute: Vec<u64>,
    pub repeated_events: u64,
    pub foreign_events: u64,
    pub skipped: u64,
    /// Newest first.
    pub latest_skipped: Vec<Skipped>,
    /// Warnings and errors, the latest first.
    pub problems: Vec<Problem>,
}

/// Gathers the status.
pub struct StatusService {
    pub core: Arc<Core>,
    pub health: Arc<Health>,
    pub link: Arc<Link>,
    pub online: Arc<Online>,
    pub problems: Arc<ProblemLog>,
    /// How long the journal keeps events that nobody needs.
    pub retention: Duration,
    /// As daarion reaches the homeserver.
    pub homeserver_url: String,
    pub started_at: Millis,
}

impl StatusService {
    /// The status now.
    pub async fn report(&self) -> Result<Status> {
        let core = &self.core;
        let store = &core.store;
        let (messages, channels) = store.index.counts().await?;
        let skipped = store.journal.skipped().await?;
        let counters = core.ingest.counters();
        let now = core.clock.now();
        let last_transaction_at = counters.last_transaction_at();
        // First: it is the news that the registration's state is made of.
        let health = self.health.report().await;
        let (registration, registration_reason) = self.link.registration(last_transaction_at);
        let names = self.names().await?;
        Ok(Status {
            started_at: self.started_at,
            homeserver_url: self.homeserver_url.clone(),
            server_name: core.directory.naming.server_name.clone(),
            health,
            registration,
            registration_reason,
            last_transaction_at,
            store: store.closer.status(),
            channels,
            messages,
            agents: store.accounts.agents().await?.len() as u64,
            members_online: self.online.count().await?,
            journal_first: store.journal.first().await?,
            journal_head: store.journal.head(),
            readers: self.readers(&names).await?,
            journal_held_by: self.held_by(&names).await?,
            rebuilding: store.index.rebuilding().await?.is_some(),
            open_creations: store.creations.unfinished().await?.len() as u64,
            transactions: counters.transactions.load(Ordering::Relaxed),
            repeated_transactions: counters.repeated_transactions.load(Ordering::Relaxed),
            events: counters.events.load(Ordering::Relaxed),
            events_per_minute: counters.minutes.per_minute(now),
            events_by_minute: counters.minutes.by_minute(now),
            repeated_events: counters.repeated_events.load(Ordering::Relaxed),
            foreign_events: counters.foreign.load(Ordering::Relaxed),
            skipped: skipped.count,
            latest_skipped: skipped.latest,
            problems: self.problems.latest(),
        })
    }

    /// What operators know the readers by, beside the index.
    async fn names(&self) -> Result<HashMap<Uuid, String>> {
        let store = &self.core.store;
        let mut names = HashMap::new();
        for reader in store.subscriptions.list().await? {
            let name = match reader.id {
                READER => reader.target,
                id => format!("{} {id}", reader.reader),
            };
            names.insert(reader.id, name);
        }
        for webhook in store.webhooks.webhooks().await? {
            names.insert(webhook.id.0, name_of(&webhook));
        }
        Ok(names)
    }

    async fn readers(&self, names: &HashMap<Uuid, String>) -> Result<Vec<(String, Seq)>> {
        let core = &self.core;
        let mut readers = vec![("index".to_owned(), core.indexed.position())];
        for subscription in core.store.subscriptions.list().await? {
            let name = names.get(&subscription.id).cloned();
            readers.push((name.unwrap_or_default(), subscription.position));
        }
        Ok(readers)
    }

    async fn held_by(&self, names: &HashMap<Uuid, String>) -> Result<Option<String>> {
        let store = &self.core.store;
        let first = store.journal.first().await?;
        let oldest = store.journal.read(first.saturating_sub(1), 1).await?;
        let keep = u64::try_from((self.retention + TRIMMED).as_millis()).unwrap_or(u64::MAX);
        let before = self.core.clock.now().saturating_sub(keep);
        if oldest
            .first()
            .is_none_or(|event| event.arrived_at >= before)
        {
            return Ok(None);
        }
        let slowest = store.subscriptions.slowest().await?;
        let holder = slowest.filter(|slowest| slowest.after < first);
        Ok(holder.and_then(|slowest| names.get(&slowest.id).cloned()))
    }
}

/// A webhook by where it leads and whose it is. The rest of its address may hold a secret.
fn name_of(webhook: &Webhook) -> String {
    let url = url::Url::parse(&webhook.url).ok();
    let host = url.as_ref().and_then(url::Url::host_str);
    let (host, id) = (host.unwrap_or("?"), webhook.id);
    match &webhook.service {
        Some(service) => format!("webhook to {host} of {service} ({id})"),
        None => format!("webhook to {host} ({id})"),
    }
}
