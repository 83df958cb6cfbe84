//! The audit log: what is recorded of services' own acts, and how it is read.
//!
//! What happens in channels `consumer::audit` takes from the journal. What is done elsewhere (keys,
//! tokens, webhooks, accounts) is recorded here before it is answered: in the same commit ([`along`]),
//! or, where it is more than one write, behind it ([`record`]).

pub mod failures;
mod verify;

use std::sync::Arc;
use std::time::Duration;

pub use self::verify::{Verdict, verify};
use super::Core;
use crate::acts;
use crate::clock::Clock;
use crate::consumer::audit::Audited;
use crate::domain::Result;
use crate::domain::access::{Caller, Right};
use crate::domain::audit::{AuditFilter, Deed, Kept, Link};
use crate::domain::id::{ChannelId, Seq};
pub use crate::store::audit::AuditPage;
use crate::store::{Store, StoreError};

/// How long whoever reads waits for what was done a moment ago.
const WAIT: Duration = Duration::from_secs(2);
/// How many records are dropped at once.
const TRIM: usize = 10_000;
/// Nothing is dropped before there is a day's worth of it: each time makes a record, too.
const DAY: u64 = 24 * 60 * 60 * 1_000;

/// Somebody does this: whoever acts right now, or else `by`.
#[must_use]
pub fn deed(clock: &Clock, action: &'static str, by: impl ToString) -> Deed {
    let origin = acts::origin().unwrap_or_default();
    let actor = origin.actor.clone().unwrap_or_else(|| by.to_string());
    let mut deed = Deed::new(action, actor, clock.now());
    deed.origin = origin;
    deed
}

/// Keeps what was done. It is on the disk when this returns.
pub async fn record(store: &Store, clock: &Clock, deed: Deed) -> Result<()> {
    keep(store, clock, vec![deed]).await
}

/// The same of several. It is done: a log that is damaged is said aloud, and nobody is told that they
/// have failed, or they would do it again.
pub(in crate::service) async fn keep(store: &Store, clock: &Clock, deeds: Vec<Deed>) -> Result<()> {
    let actions: Vec<_> = deeds.iter().map(|deed| deed.action).collect();
    match store.audit.add(deeds, clock.now()).await {
        Err(error @ StoreError::Damaged(_)) => {
            tracing::error!(%error, ?actions, "what was done is not in the audit log");
            Ok(())
        }
        added => Ok(added.map(drop)?),
    }
}

/// Does something to the store, and keeps the deed in the same commit, when anything was done.
pub async fn along<T>(clock: &Clock, deed: Deed, effect: impl Future<Output = T>) -> T {
    crate::store::audit::along(vec![deed], clock.now(), effect).await
}

/// Reads the log.
pub struct Audit {
    core: Arc<Core>,
    audited: Audited,
}

impl Audit {
    #[must_use]
    pub fn new(core: Arc<Core>, audited: Audited) -> Self {
        Self { core, audited }
    }

    /// What was done in a channel, for members who may remove others.
    pub async fn of_channel(
        &self,
        caller: &Caller,
        id: ChannelId,
        filter: AuditFilter,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<AuditPage> {
        let core = &self.core;
        let channel = core.visible(caller, id).await?;
        core.require(Right::ReadAudit, caller, &channel).await?;
        let filter = AuditFilter {
            channel: Some(id),
            ..filter
        };
        self.list(filter, before, limit).await
    }

    /// A page of what was done, the newest first.
    pub async fn list(
        &self,
        filter: AuditFilter,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<AuditPage> {
        filter.check()?;
        self.settle().await;
        Ok(self.core.store.audit.list(filter, before, limit).await?)
    }

    /// Records in their order, from behind `after`.
    pub async fn read(&self, after: Seq, limit: usize) -> Result<Vec<Kept>> {
        Ok(self.core.store.audit.read(after, limit).await?)
    }

    /// Waits, not for long, until what was done in channels so far is in the log.
    pub async fn settle(&self) {
        let head = self.core.store.journal.head();
        self.audited.reached(head, WAIT).await;
    }

    /// Looks through the chain, in which this record is expected.
    pub async fn verify(&self, expected: Option<&Link>) -> Result<Verdict> {
        verify(&self.core.store, expected).await
    }
}

impl Core {
    /// Keeps that somebody has begun something of the installation.
    pub async fn record_begun(&self, action: &'static str) -> Result<()> {
        let deed = deed(&self.clock, action, "daarion");
        record(&self.store, &self.clock, deed).await
    }

    /// Drops records that are older than the retention, once a day, and says so in the log. Zero
    /// keeps all.
    pub async fn trim_audit(&self, retention: Duration) -> Result<u64> {
        if retention.is_zero() {
            return Ok(0);
        }
        let retention = u64::try_from(retention.as_millis()).unwrap_or(u64::MAX);
        let (now, audit) = (self.clock.now(), &self.store.audit);
        let before = now.saturating_sub(retention);
        let (anchor, _) = audit.ends().await?;
        let oldest = audit.read(anchor.seq, 1).await?;
        let is_due = |it: &Kept| it.at() < before.saturating_sub(DAY);
        if !oldest.first().is_some_and(is_due) {
            return Ok(0);
        }
        let mut dropped = 0;
        loop {
            let step = audit.trim(before, TRIM, now).await?;
            dropped += step;
            if step < TRIM as u64 {
                return Ok(dropped);
            }
        }
    }
}
