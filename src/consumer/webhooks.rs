//! Delivery to webhooks: each that is not paused is a reader of the journal with a task of its
//! own, so that a receiver that hangs delays nobody but itself.
//!
//! [`runner`] is such a task: it takes a batch, hands each channel's part of it to a
//! [`line`], which delivers in order, and writes down what came of it all at once. [`outlet`]
//! is the way out, with all that must not be connected to; [`payload`] is what is sent; [`watched`]
//! begins a task anew that broke off. Begin with [`Deliveries`], which starts and ends the tasks.

mod lanes;
mod line;
mod outlet;
mod pages;
mod payload;
mod runner;
mod watched;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, Notify, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::line::Halt;
pub use self::outlet::Outlet;
use self::pages::Pages;
use self::watched::Watched;
use super::addressed;
use super::index::Indexed;
use super::told::Teller;
use crate::clock::Clock;
use crate::directory::Directory;
use crate::domain::agent::{Agent, Hearing};
use crate::domain::channel::Channel;
use crate::domain::entity::Entity;
use crate::domain::event::{Event, What};
use crate::domain::id::{Millis, Seq};
use crate::domain::service::ServiceCaller;
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
    /// How long what waits may hold the journal.
    pub patience: Duration,
    /// With whose rights a webhook is told; `None` when its service has none to webhooks. Asked
    /// before each delivery, so it may not wait.
    pub caller_of: CallerOf,
}

/// Finds the caller that a webhook belongs to, as it is now.
pub type CallerOf = Box<dyn Fn(&Webhook) -> Option<Arc<ServiceCaller>> + Send + Sync>;

/// Whether a webhook may be told of something, by the rights that its service has now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Standing {
    Good,
    /// The service may not work in that room.
    AnothersRoom,
    /// The service has no token that may look after webhooks.
    Ended,
}

/// Whether a webhook is to be told of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Wish {
    Told,
    PassedOver,
    /// The index, which knows who is where, is behind or being made anew.
    Unknown,
}

impl Workshop {
    /// An event with what of it the index knows and the journal does not.
    async fn resolve<'a>(&self, event: &'a Event) -> Result<Cow<'a, Event>, StoreError> {
        Teller::of(&self.store).resolve(event).await
    }

    /// Whether a webhook is to be told of an event. By one of an agent's the agent hears: what is
    /// said in its channels, not by itself, and by other agents when it asks for that.
    async fn wants(&self, webhook: &Webhook, event: &Event) -> Result<Wish, StoreError> {
        if !webhook.wants(event) {
            return Ok(Wish::PassedOver);
        }
        let Some(entity) = &webhook.agent else {
            return Ok(Wish::Told);
        };
        let Entity::Agent { name } = entity else {
            return Ok(Wish::PassedOver);
        };
        let Some(agent) = self.directory.agent(name).filter(Agent::is_active) else {
            return Ok(Wish::PassedOver);
        };
        let hearing = Hearing {
            agent: agent.user,
            include_agents: webhook.include_agents,
        };
        if !hearing.hears(addressed::bot(&self.directory, &event.what)) {
            return Ok(Wish::PassedOver);
        }
        // It is told when it is taken out of a channel, too.
        let is_about_it =
            |what: &What| matches!(what, What::MemberChanged(it) if it.user == hearing.agent);
        if is_about_it(&event.what) {
            return Ok(Wish::Told);
        }
        if self.is_behind(event) {
            return Ok(Wish::Unknown);
        }
        let is_there = addressed::is_member(&self.store, event.channel, &hearing.agent).await?;
        // It may have begun to be made anew meanwhile.
        if self.is_behind(event) || (!is_there && self.may_be_missing(event).await?) {
            return Ok(Wish::Unknown);
        }
        Ok(match is_there {
            true => Wish::Told,
            false => Wish::PassedOver,
        })
    }

    /// Whether the index says who was in an event's channel before it.
    fn is_behind(&self, event: &Event) -> bool {
        self.indexed.is_replaying() || self.indexed.position() < event.seq
    }

    /// Whether those in an event's channel may be missing while all is read anew from the homeserver:
    /// a channel comes with its members, in one append.
    async fn may_be_missing(&self, event: &Event) -> Result<bool, StoreError> {
        if self.store.index.rebuilding().await?.is_none() {
            return Ok(false);
        }
        let is_known = self.directory.channel(event.channel).is_some();
        Ok(!is_known || self.indexed.position() < self.store.journal.head())
    }

    /// While a room is not known, it is nobody's in particular.
    fn standing(&self, webhook: &Webhook, channel: Option<&Channel>) -> Standing {
        match ((self.caller_of)(webhook), channel) {
            (None, _) => Standing::Ended,
            (Some(caller), Some(channel)) if !caller.may_work_for(channel) => {
                Standing::AnothersRoom
            }
            _ => Standing::Good,
        }
    }

    /// Whether what has waited since a time has waited for too long.
    fn is_too_old(&self, since: Millis) -> bool {
        since < self.too_old_before()
    }

    fn too_old_before(&self) -> Millis {
        let patience = u64::try_from(self.patience.as_millis()).unwrap_or(u64::MAX);
        self.clock.now().saturating_sub(patience)
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
        // Whatever breaks in it, it has said so itself.
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
        let watched = Watched {
            workshop: self.workshop.clone(),
            pages: self.pages.clone(),
            bell: self.bell.clone(),
            halt: halt.clone(),
            nudge: nudge.clone(),
        };
        Running {
            task: tokio::spawn(watched.run(webhook)),
            halt,
            nudge,
        }
    }
}
