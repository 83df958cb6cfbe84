//! What the reader has seen of things that change, and since when.

use std::collections::HashMap;

use super::Change;
use crate::domain::id::Millis;
use crate::store::audit::{Known, Things};
use crate::store::{Store, StoreError};

/// What a batch has shown so far.
pub(super) struct Seen<'a> {
    store: &'a Store,
    now: HashMap<String, Known>,
    /// Whether what is known may be of the event that is looked at, or of a later one: the log has
    /// begun beside it.
    is_sown: bool,
}

impl<'a> Seen<'a> {
    pub fn new(store: &'a Store) -> Self {
        Self {
            store,
            now: HashMap::new(),
            is_sown: false,
        }
    }

    /// Looks at another event.
    pub fn look(&mut self, is_sown: bool) {
        self.is_sown = is_sown;
    }

    /// What is known by now that was not known before the batch.
    pub fn into_news(self) -> Things {
        self.now.into_iter().collect()
    }

    /// What something was before this.
    async fn before(&self, name: &str) -> Result<Option<Known>, StoreError> {
        match self.now.get(name) {
            Some(known) => Ok(Some(known.clone())),
            None => readable(self.store.audit.seen(name).await),
        }
    }

    /// Notes what it has become at a time. Answers what that changes, if anything. What came about
    /// before what is known is told of and not noted.
    pub async fn change(
        &mut self,
        name: String,
        value: Option<String>,
        at: Millis,
    ) -> Result<Option<Change>, StoreError> {
        let before = self.before(&name).await?;
        let is_late = before.as_ref().is_some_and(|it| it.at > at);
        let before = before.unwrap_or_default();
        if before.value == value {
            let is_of_this = self.is_sown && (before.at == at || before.at == 0);
            if is_of_this && value.is_some() {
                let now = Known { value, at };
                self.now.insert(name, now.clone());
                return Ok(Some(Change {
                    before: None,
                    now: now.value,
                    is_late: true,
                    is_sown: true,
                }));
            }
            if !is_late && before.at != at && value.is_some() {
                self.now.insert(name, Known { value, at });
            }
            return Ok(None);
        }
        if is_late {
            return Ok(Some(Change {
                before: None,
                now: value,
                is_late,
                is_sown: false,
            }));
        }
        let now = Known { value, at };
        self.now.insert(name, now.clone());
        Ok(Some(Change {
            before: before.value,
            now: now.value,
            is_late,
            is_sown: false,
        }))
    }

    /// Says that what comes next of something counts, whenever it came about.
    pub async fn age(&mut self, name: String) -> Result<(), StoreError> {
        if let Some(known) = self.before(&name).await? {
            self.now.insert(name, Known { at: 0, ..known });
        }
        Ok(())
    }

    /// Notes how something is, as the index has it, whenever that came about.
    pub async fn note(
        &mut self,
        name: String,
        value: Option<String>,
        at: Millis,
    ) -> Result<(), StoreError> {
        let before = self.before(&name).await?.unwrap_or_default();
        if before.value != value {
            let at = at.max(before.at);
            self.now.insert(name, Known { value, at });
        }
        Ok(())
    }
}

/// What can be read; of what is damaged nothing, and it is said aloud.
pub(super) fn readable<T>(read: Result<Option<T>, StoreError>) -> Result<Option<T>, StoreError> {
    match read {
        Err(error @ StoreError::Damaged(_)) => {
            tracing::error!(%error, "the audit log leaves out what cannot be read");
            Ok(None)
        }
        read => read,
    }
}
