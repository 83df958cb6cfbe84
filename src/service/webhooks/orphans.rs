//! Webhooks whose service has no token any more: they are paused, and go on when it has one again.
//! Deliveries look at the token themselves; this is for what is on its way, and for webhooks that
//! have nothing to deliver.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Webhooks;
use crate::domain::webhook::{Pause, PauseReason, Webhook};
use crate::domain::{Error, Result};

/// How often tokens that expire are looked for.
const LOOK: Duration = Duration::from_secs(1);

impl Webhooks {
    /// Pauses the webhooks of services without a token, and lets them go on with the next one: now,
    /// and whenever a token is made or ends.
    pub async fn follow_tokens(&self, stop: CancellationToken) {
        let mut ends = self.auth.people.ends();
        let mut seen = None;
        loop {
            let state = Some(self.auth.services.state());
            if seen != state {
                match self.go_by_tokens().await {
                    Ok(()) => seen = state,
                    Err(error) => {
                        tracing::error!(%error, "webhooks do not follow their services' tokens");
                    }
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                // Of sessions, too, or too many to be told of: whichever, all are looked at.
                _ = ends.recv() => {}
                // Tokens are made, and expire, without a word.
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    async fn go_by_tokens(&self) -> Result<()> {
        for webhook in self.core.store.webhooks.webhooks().await? {
            let reason = webhook.paused.map(|pause| pause.reason);
            let (paused, what) = match (reason, self.is_orphan(&webhook)) {
                (None, true) => {
                    let pause = Pause {
                        reason: PauseReason::Revoked,
                        at: self.core.clock.now(),
                    };
                    (
                        Some(pause),
                        "a webhook's service has no token; it is paused",
                    )
                }
                (Some(PauseReason::Revoked), false) => {
                    (None, "a webhook's service has a token again; it goes on")
                }
                _ => continue,
            };
            match self.set_paused(webhook.id, paused).await {
                Ok(_) => tracing::info!(webhook = %webhook.id, "{what}"),
                // It was removed meanwhile.
                Err(Error::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether its service has no token that may look after webhooks.
    pub(super) fn is_orphan(&self, webhook: &Webhook) -> bool {
        self.auth.services.caller_of(webhook).is_none()
    }
}
