//! What deliveries are signed with.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{WebhookView, Webhooks};
use crate::domain::service::ServiceCaller;
use crate::domain::webhook::Rotation;
use crate::domain::{Error, Result};
use crate::store::webhooks::WebhookChange;

/// The longest time that a secret goes on signing beside its successor.
const LONGEST_OVERLAP: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// And how long when nobody says.
const OVERLAP: Duration = Duration::from_secs(24 * 60 * 60);

/// How many earlier secrets may sign beside the current one: each is a signature more.
const MOST: usize = 4;

/// A webhook with another secret.
pub struct Rotated {
    pub view: WebhookView,
    pub secret: String,
}

impl Webhooks {
    /// Gives a webhook another secret. The one before signs beside it for a while,
    /// and those before as long as they were told to.
    pub async fn rotate(
        &self,
        caller: &ServiceCaller,
        id: &str,
        overlap: Option<Duration>,
    ) -> Result<Rotated> {
        let webhook = self.find(caller, id).await?;
        let overlap = overlap.unwrap_or(OVERLAP);
        if overlap > LONGEST_OVERLAP {
            let message = format!("must be at most {}", LONGEST_OVERLAP.as_secs());
            return Err(Error::invalid("overlap_seconds", message));
        }
        let overlap = u64::try_from(overlap.as_millis()).unwrap_or_default();
        let at = self.core.clock.now();
        if overlap > 0 && webhook.secrets.live(at).count() > MOST {
            let message = format!(
                "{MOST} earlier secrets sign still; wait for the end of one, or end them all by \
                 overlap_seconds 0"
            );
            return Err(Error::conflict(message));
        }
        // Who is quicker in the store goes first: neither is lost.
        let rotation = Rotation {
            secret: self.secret(),
            at,
            overlap_until: (overlap > 0).then_some(at.saturating_add(overlap)),
        };
        let secret = rotation.secret.clone();
        let change = WebhookChange {
            rotation: Some(rotation),
            ..WebhookChange::default()
        };
        let view = self.change(webhook.id, change).await?;
        self.record("webhook.rotated", None, &view.webhook).await?;
        Ok(Rotated { view, secret })
    }

    pub(super) fn secret(&self) -> String {
        format!("whsec_{}", STANDARD.encode(self.core.clock.secret()))
    }
}
