//! Webhooks whose token counts no more: they are paused, and stay so. Deliveries look at the token
//! themselves; this is for what is on its way, and for webhooks that have nothing to deliver.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Webhooks;
use crate::domain::Result;
use crate::domain::webhook::{Pause, PauseReason, Webhook};

/// How often tokens that expire are looked for.
const LOOK: Duration = Duration::from_secs(1);

impl Webhooks {
    /// Pauses the webhooks of tokens that count no more, now and whenever one ends.
    pub async fn follow_tokens(&self, stop: CancellationToken) {
        let mut ends = self.auth.people.ends();
        let mut seen = None;
        loop {
            let good = Some(self.auth.services.good());
            if seen != good {
                match self.pause_orphans().await {
                    Ok(()) => seen = good,
                    Err(error) => {
                        tracing::error!(%error, "webhooks of a token that has ended are not paused");
                    }
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                // Of sessions, too, or too many to be told of: whichever, all are looked at. A
                // token may have come and gone between two looks, so that as many are good.
                _ = ends.recv() => seen = None,
                // Tokens expire without a word.
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    async fn pause_orphans(&self) -> Result<()> {
        for webhook in self.core.store.webhooks.webhooks().await? {
            if webhook.paused.is_none() && self.is_orphan(&webhook) {
                let pause = Pause {
                    reason: PauseReason::Revoked,
                    at: self.core.clock.now(),
                };
                self.set_paused(webhook.id, Some(pause)).await?;
                tracing::info!(webhook = %webhook.id, "a webhook's token has ended; it is paused");
            }
        }
        Ok(())
    }

    /// Whether the token that made it counts no more.
    pub(super) fn is_orphan(&self, webhook: &Webhook) -> bool {
        let token = webhook.created_by;
        token.is_some_and(|token| self.auth.services.has_ended(token))
    }
}
