//! The tries of a webhook's deliveries: what came of them, and one for trial.

use super::Webhooks;
use crate::domain::Result;
use crate::domain::page::{Page, decode_cursor, encode_cursor};
use crate::domain::service::ServiceCaller;
use crate::store::webhooks::Attempt;

/// The size of the list's cursor: the number of a try.
const CURSOR: usize = 8;

impl Webhooks {
    /// Sends a test event and says what came of it.
    pub async fn test(&self, caller: &ServiceCaller, id: &str) -> Result<Attempt> {
        let webhook = self.find(caller, id).await?;
        Ok(self.deliveries.test(&webhook).await?)
    }

    /// The latest tries, the newest first.
    pub async fn attempts(
        &self,
        caller: &ServiceCaller,
        id: &str,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<Attempt>> {
        let webhook = self.find(caller, id).await?;
        let before = cursor.map(|cursor| decode_cursor(cursor, CURSOR));
        let before = before.transpose()?.map(|key| {
            let bytes = key.try_into().unwrap_or_default();
            u64::from_be_bytes(bytes)
        });
        let store = &self.core.store.webhooks;
        let mut found = store.attempts(webhook.id, before, limit + 1).await?;
        let is_more = found.len() > limit;
        found.truncate(limit);
        let last = found.last().map(|(number, _)| number.to_be_bytes());
        Ok(Page {
            next: last.filter(|_| is_more).map(|key| encode_cursor(&key)),
            items: found.into_iter().map(|(_, attempt)| attempt).collect(),
        })
    }
}
