//! Status: what an operator sees at a glance.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Core;
use super::health::{Health, HealthReport};
use crate::domain::Result;
use crate::domain::event::Skipped;
use crate::domain::id::Seq;
use crate::store::StoreStatus;

/// What daarion is up to.
#[derive(Clone, Debug)]
pub struct Status {
    pub health: HealthReport,
    pub store: StoreStatus,
    pub channels: u64,
    pub messages: u64,
    pub agents: u64,
    pub journal_first: Seq,
    pub journal_head: Seq,
    /// Each journal reader's name and position.
    pub readers: Vec<(String, Seq)>,
    pub rebuilding: bool,
    pub open_creations: u64,
    pub transactions: u64,
    pub repeated_transactions: u64,
    pub events: u64,
    pub repeated_events: u64,
    pub foreign_events: u64,
    pub skipped: u64,
    /// Newest first.
    pub latest_skipped: Vec<Skipped>,
}

/// Gathers the status.
pub struct StatusService {
    core: Arc<Core>,
    health: Arc<Health>,
}

impl StatusService {
    #[must_use]
    pub fn new(core: Arc<Core>, health: Arc<Health>) -> Self {
        Self { core, health }
    }

    /// The status now.
    pub async fn report(&self) -> Result<Status> {
        let core = &self.core;
        let store = &core.store;
        let (messages, channels) = store.index.counts().await?;
        let skipped = store.journal.skipped().await?;
        let counters = core.ingest.counters();
        let mut readers = vec![("index".to_owned(), core.indexed.position())];
        for subscription in store.subscriptions.list().await? {
            readers.push((
                format!("{} {}", subscription.reader, subscription.id),
                subscription.position,
            ));
        }
        Ok(Status {
            health: self.health.report().await,
            store: store.closer.status(),
            channels,
            messages,
            agents: store.accounts.agents().await?.len() as u64,
            journal_first: store.journal.first().await?,
            journal_head: store.journal.head(),
            readers,
            rebuilding: store.index.rebuilding().await?.is_some(),
            open_creations: store.creations.unfinished().await?.len() as u64,
            transactions: counters.transactions.load(Ordering::Relaxed),
            repeated_transactions: counters.repeated_transactions.load(Ordering::Relaxed),
            events: counters.events.load(Ordering::Relaxed),
            repeated_events: counters.repeated_events.load(Ordering::Relaxed),
            foreign_events: counters.foreign.load(Ordering::Relaxed),
            skipped: skipped.count,
            latest_skipped: skipped.latest,
        })
    }
}
