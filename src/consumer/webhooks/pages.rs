//! Pages of the journal, read once for all webhooks that have come to the same place.
//!
//! A page holds what came behind a position when it was read. More may have come since, but
//! what it holds stays the beginning of what comes behind that position.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;

use crate::domain::event::Event;
use crate::domain::id::Seq;
use crate::store::{Journal, StoreError};

/// How many events a page holds at most: a batch, some hundredths of a second of the writer's.
pub const PAGE: usize = 100;
/// How many pages are held: enough for the few places where many webhooks are.
const HELD: u64 = 32;
/// How long a page is held that nobody reads.
const IDLE: Duration = Duration::from_secs(5);

/// The pages that are held.
pub struct Pages {
    journal: Arc<dyn Journal>,
    held: Cache<Seq, Arc<[Event]>>,
}

impl Pages {
    #[must_use]
    pub fn new(journal: Arc<dyn Journal>) -> Self {
        let held = Cache::builder()
            .max_capacity(HELD)
            .time_to_idle(IDLE)
            .build();
        Self { journal, held }
    }

    /// What comes behind a position; empty when nothing does yet.
    pub async fn after(&self, position: Seq) -> Result<Arc<[Event]>, StoreError> {
        if self.journal.head() <= position {
            return Ok(Arc::default());
        }
        let read = async {
            let events = self.journal.read(position, PAGE).await.ok()?;
            (!events.is_empty()).then(|| events.into())
        };
        let page = self.held.optionally_get_with(position, read);
        match page.await {
            Some(page) => Ok(page),
            // Rare, and then a failure is wanted in its own words.
            None => Ok(self.journal.read(position, PAGE).await?.into()),
        }
    }

    /// One event, when the journal still has it.
    pub async fn event(&self, seq: Seq) -> Result<Option<Event>, StoreError> {
        let found = self.journal.read(seq.saturating_sub(1), 1).await?;
        Ok(found.into_iter().find(|event| event.seq == seq))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::{NewEvent, Source, What};
    use crate::domain::id::{ChannelId, EventId, UserId};
    use crate::store::{self, Append};

    async fn append(journal: &dyn Journal, names: &[&str]) {
        let event = |name: &&str| NewEvent {
            channel: ChannelId(uuid::Uuid::from_u128(1)),
            event: Some(EventId::trusted(*name)),
            source: Source::Push,
            what: What::MessageDeleted {
                target: EventId::trusted("$target"),
                by: UserId::trusted("@a:b"),
                at: 1,
            },
        };
        let append = Append {
            events: names.iter().map(event).collect(),
            ..Append::default()
        };
        journal.append(append).await.expect("appended");
    }

    #[tokio::test]
    async fn a_page_is_the_beginning_of_what_comes_next() {
        let store = store::in_memory().expect("a store");
        let pages = Pages::new(store.journal.clone());
        assert!(pages.after(0).await.expect("read").is_empty());
        append(&*store.journal, &["$a"]).await;
        let first = pages.after(0).await.expect("read");
        append(&*store.journal, &["$b", "$c"]).await;
        let again = pages.after(0).await.expect("read");
        assert!(Arc::ptr_eq(&first, &again), "it was read once");
        let seqs = async |after| {
            let page = pages.after(after).await.expect("read");
            page.iter().map(|event| event.seq).collect::<Vec<_>>()
        };
        assert_eq!(seqs(0).await, [1]);
        assert_eq!(seqs(1).await, [2, 3]);
        assert_eq!(seqs(3).await, [0; 0]);
        let found = pages.event(2).await.expect("read");
        assert_eq!(found.map(|event| event.seq), Some(2));
        assert_eq!(pages.event(4).await.expect("read"), None);
    }
}
