//! What deliveries are signed with.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{WebhookView, Webhooks};
use crate::domain::service::ServiceCaller;
use crate::domain::webhook::Secrets;
use crate::domain::{Error, Result};
use crate::store::webhooks::WebhookChange;

/// The longest time that a secret goes on signing beside its successor.
const LONGEST_OVERLAP: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// And how long when nobody says.
const OVERLAP: Duration = Duration::from_secs(24 * 60 * 60);

impl Webhooks {
    /// Gives a webhook another secret. The one before signs beside it for a while.
    pub async fn rotate(
        &self,
        caller: &ServiceCaller,
        id: &str,
        overlap: Option<Duration>,
    ) -> Result<WebhookView> {
        let webhook = self.find(caller, id).await?;
        let overlap = overlap.unwrap_or(OVERLAP);
        if overlap > LONGEST_OVERLAP {
            let message = format!("must be at most {}", LONGEST_OVERLAP.as_secs());
            return Err(Error::invalid("overlap_seconds", message));
        }
        let overlap = u64::try_from(overlap.as_millis()).unwrap_or_default();
        let until = self.core.clock.now().saturating_add(overlap);
        let secrets = Secrets {
            current: self.secret(),
            previous: (overlap > 0).then_some((webhook.secrets.current, until)),
        };
        let change = WebhookChange {
            secrets: Some(secrets),
            ..WebhookChange::default()
        };
        self.change(webhook.id, change).await
    }

    pub(super) fn secret(&self) -> String {
        format!("whsec_{}", STANDARD.encode(self.core.clock.secret()))
    }
}
