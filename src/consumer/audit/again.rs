//! What a rebuild of the index from the homeserver brings to the audit log: channels that are known again
//! in a while, and events that were told of before.

use std::sync::Arc;

use super::{AuditReader, BATCH, INDEX_WAIT, RETRY};
use crate::domain::audit::{AuditFilter, Deed, Kept};
use crate::domain::channel::Channel;
use crate::domain::event::{Event, Source, What};
use crate::domain::id::{ChannelId, Millis};
use crate::store::StoreError;

/// How much later than the homeserver's our clock may be, in milliseconds.
const SKEW: Millis = 60 * 60 * 1_000;

/// Whether an event may have been told of before: a rebuild finds again what was pushed right before the
/// index was emptied. How other things were is known, so that they are no news.
pub(super) fn is_told_again(event: &Event) -> bool {
    event.source == Source::Heal && matches!(event.what, What::MessageDeleted { .. })
}

impl AuditReader {
    /// Whether there is a record of this event of the homeserver's: in the log, or among those that are
    /// about to be.
    pub(super) async fn is_recorded(
        &self,
        event: &Event,
        kept: &[Deed],
    ) -> Result<bool, StoreError> {
        let Some(id) = &event.event else {
            return Ok(false);
        };
        if kept.iter().any(|it| it.event.as_ref() == Some(id)) {
            return Ok(true);
        }
        let mut before = None;
        loop {
            let filter = AuditFilter {
                channel: Some(event.channel),
                since: Some(event.what.at().saturating_sub(SKEW)),
                ..AuditFilter::default()
            };
            let page = self.store.audit.list(filter, before, BATCH).await?;
            let is_of_it = |it: &Kept| it.fields().get("event_id") == Some(&id.as_str().into());
            if page.items.iter().any(is_of_it) {
                return Ok(true);
            }
            before = page.next;
            if before.is_none() {
                return Ok(false);
            }
        }
    }

    /// A channel, as soon as a rebuild that is going on has come to it.
    pub(super) async fn channel(&self, id: ChannelId) -> Result<Option<Arc<Channel>>, StoreError> {
        let looking = async {
            loop {
                let is_rebuilding = self.store.index.rebuilding().await?.is_some();
                let known = self.directory.channel(id);
                if known.is_some() || !is_rebuilding {
                    return Ok(known);
                }
                tokio::time::sleep(RETRY).await;
            }
        };
        let looked = tokio::time::timeout(INDEX_WAIT, looking).await;
        looked.unwrap_or_else(|_| {
            let message = format!("the index is made anew and has not come to channel {id} yet");
            Err(StoreError::Unavailable(message))
        })
    }
}
