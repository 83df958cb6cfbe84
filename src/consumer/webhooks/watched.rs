//! Watches the task of one webhook: when it breaks off by a panic, it is begun anew from what is
//! written down. Otherwise its deliveries would end without a word.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{Notify, watch};

use super::Workshop;
use super::line::Halt;
use super::pages::Pages;
use super::runner::Runner;
use crate::domain::id::Seq;
use crate::domain::webhook::Webhook;

/// How long it waits before it begins anew: what broke may break again.
const PAUSE: Duration = Duration::from_secs(1);

/// What the task works with.
pub struct Watched {
    pub workshop: Arc<Workshop>,
    pub pages: Arc<Pages>,
    pub bell: watch::Receiver<Seq>,
    pub halt: Halt,
    pub nudge: Arc<Notify>,
}

impl Watched {
    /// Delivers until it is told to stop, or the webhook is paused or gone.
    pub async fn run(self, webhook: Webhook) {
        let id = webhook.id;
        let mut next = Some(webhook);
        while let Some(webhook) = next.take() {
            let runner = Runner::new(
                self.workshop.clone(),
                self.pages.clone(),
                webhook,
                self.halt.clone(),
                self.nudge.clone(),
            );
            // What it had in memory goes with it; the rest is the store's.
            let running = AssertUnwindSafe(runner.run(self.bell.clone()));
            if running.catch_unwind().await.is_ok() {
                return;
            }
            tracing::error!(webhook = %id, "the deliveries of a webhook broke off and begin anew");
            while next.is_none() {
                tokio::select! {
                    () = self.halt.stop.cancelled() => return,
                    () = tokio::time::sleep(PAUSE) => {}
                }
                match self.workshop.store.webhooks.webhook(id).await {
                    Ok(found) => {
                        next = found.filter(|webhook| webhook.paused.is_none());
                        break;
                    }
                    Err(error) => tracing::error!(%error, webhook = %id, "it cannot be read yet"),
                }
            }
        }
    }
}
