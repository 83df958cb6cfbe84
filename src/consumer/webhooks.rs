//! Delivery to webhooks: each that is not paused is a reader of the journal with a task of its
//! own, so that a receiver that hangs delays nobody but itself.
//!
//! [`runner`] is such a task: it takes a batch, hands each channel's part of it to a
//! [`line`], which delivers in order, and writes down what came of it all at once. [`outlet`]
//! is the way out, with all that must not be connected to; [`payload`] is what is sent. Begin
//! with [`Deliveries`], which starts and ends the tasks.

mod lanes;
mod line;
mod outlet;
mod pages;
mod payload;
mod runner;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Notify, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::line::Halt;
pub use self::outlet::Outlet;
use self::pages::Pages;
use self::runner::Runner;
use super::index::Indexed;
use super::told::Teller;
use crate::clock::Clock;
use crate::directory::Directory;
use crate::domain::event::Event;
use crate::domain::id::Seq;
use crate::domain::webhook::{Schedule, Webhook, WebhookId};
use crate::recent::Recent;
use crate::store::webhooks::{Attempt, Fate, Settled};
use crate::store::{Store, StoreError};

/// What the tasks work with.
pub struct Workshop {
    pub store: Store,
    pub recent: Arc<Recent>,
    pub directory: Arc<Directory>,
    pub indexed: Indexed,
    pub clock: Clock,
    pub schedule: Schedule,
    pub outlet: Outlet,
    /// Whether a service's token counts no more. Asked before each delivery, so it may not wait.
    pub has_ended: Box<dyn Fn(Uuid) -> bool + Send + Sync>,
}

impl Workshop {
    /// An event with what of it the index knows and the journal does not.
    async fn resolve<'a>(&self, event: &'a Event) -> Result<Cow<'a, Event>, StoreError> {
        Teller::of(&self.store).resolve(event).await
    }

    /// Whether the token that made a webhook counts no more: it hears nothing more then.
    fn is_orphan(&self, webhook: &Webhook) -> bool {
        webhook.created_by.is_some_and(&self.has_ended)
    }
}

/// Starts and ends the tasks that deliver.
pub struct Deliveries {
    workshop: Arc<Workshop>,
    pages: Arc<Pages>,
    bell: watch::Receiver<Seq>,
    /// `None` before the start and after the end.
    running: Mutex<Option<HashMap<WebhookId, Running>>>,
}

struct Running {
    halt: Halt,
    nudge: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Running {
    /// Ends it; what is on its way is given up and counts as not delivered.
    async fn cut(self) {
        self.halt.stop.cancel();
        self.halt.cut.cancel();
        // A task that panicked has said so itself.
        let _ = self.task.await;
    }
}

impl Deliveries {
    #[must_use]
    pub fn new(workshop: Workshop, bell: watch::Receiver<Seq>) -> Self {
        Self {
            pages: Arc::new(Pages::new(workshop.store.journal.clone())),
            workshop: Arc::new(workshop),
            bell,
            running: Mutex::default(),
        }
    }

    /// Starts every webhook that is not paused.
    pub async fn start(&self) -> Result<(), StoreError> {
        let mut running = self.running.lock().await;
        let all = self.workshop.store.webhooks.webhooks().await?;
        let awake = all.into_iter().filter(|webhook| webhook.paused.is_none());
        let started = awake.map(|webhook| (webhook.id, self.spawn(webhook)));
        *running = Some(started.collect());
        Ok(())
    }

    /// Goes by what is stored of a webhook now. When this returns, nothing is sent by what was
    /// stored before.
    pub async fn refresh(&self, id: WebhookId) -> Result<(), StoreError> {
        let mut running = self.running.lock().await;
        let Some(running) = running.as_mut() else {
            return Ok(());
        };
        if let Some(before) = running.remove(&id) {
            before.cut().await;
        }
        let found = self.workshop.store.webhooks.webhook(id).await?;
        if let Some(webhook) = found.filter(|webhook| webhook.paused.is_none()) {
            running.insert(id, self.spawn(webhook));
        }
        Ok(())
    }

    /// Tells a webhook that something waits that it does not know of.
    pub async fn nudge(&self, id: WebhookId) {
        let running = self.running.lock().await;
        if let Some(running) = running.as_ref().and_then(|running| running.get(&id)) {
            running.nudge.notify_one();
        }
    }

    /// Ends all of them: nothing new is sent, what is on its way may take so long to arrive, and
    /// everything is written down.
    pub async fn stop(&self, within: Duration) {
        let Some(running) = self.running.lock().await.take() else {
            return;
        };
        for one in running.values() {
            one.halt.stop.cancel();
        }
        let cuts: Vec<_> = running.values().map(|one| one.halt.cut.clone()).collect();
        let tasks = running.into_values().map(|one| one.task);
        let mut ended = futures_util::future::join_all(tasks);
        if tokio::time::timeout(within, &mut ended).await.is_err() {
            for cut in cuts {
                cut.cancel();
            }
            ended.await;
        }
    }

    /// Sends a test event, once, whether the webhook is paused or not.
    pub async fn test(&self, webhook: &Webhook) -> Result<Attempt, StoreError> {
        let workshop = &self.workshop;
        let delivery = payload::test(workshop, webhook);
        let answer = workshop.outlet.send(webhook, &delivery).await;
        let attempt = answer.attempt(&delivery, None, 1, Fate::Test);
        let settled = Settled {
            attempts: vec![attempt.clone()],
            ..Settled::default()
        };
        workshop.store.webhooks.settle(webhook.id, settled).await?;
        Ok(attempt)
    }

    /// The way out, which judges addresses.
    #[must_use]
    pub fn outlet(&self) -> &Outlet {
        &self.workshop.outlet
    }

    fn spawn(&self, webhook: Webhook) -> Running {
        let halt = Halt {
            stop: CancellationToken::new(),
            cut: CancellationToken::new(),
        };
        let nudge = Arc::new(Notify::new());
        let (workshop, pages) = (self.workshop.clone(), self.pages.clone());
        let runner = Runner::new(workshop, pages, webhook, halt.clone(), nudge.clone());
        Running {
            task: tokio::spawn(runner.run(self.bell.clone())),
            halt,
            nudge,
        }
    }
}
