//! Requests that their callers have named by an `Idempotency-Key`: asked again, the first answer is
//! given again, for a day, also by another process.
//!
//! A request is written down before the work begins ([`Requests::begin`]) and its answer when there
//! is one ([`Attempt::answer`]). One that was cut off in between is [`Begun::Open`]: whoever does the
//! work looks for what the first attempt has left, by [`Attempt::id`], before doing it again.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::clock::Clock;
use crate::domain::id::{Millis, SendKey};
use crate::domain::{Error, Result};
use crate::store::Store;
use crate::store::idempotency::{KeyedRequest, RequestName};

/// For how long an answer is given again, in milliseconds.
const KEPT: Millis = 24 * 60 * 60 * 1_000;

/// The named requests.
pub struct Requests {
    store: Store,
    clock: Clock,
    /// Those that this process is working on right now.
    active: Arc<Mutex<HashSet<RequestName>>>,
}

/// What becomes of a request that was begun.
pub enum Begun<T> {
    /// Nobody has asked for it before.
    New(Attempt),
    /// It was begun before, and what came of that is not known.
    Open(Attempt),
    /// This was the answer.
    Answered(T),
}

/// The work on a request. Dropped without an answer it stays open.
pub struct Attempt {
    store: Store,
    clock: Clock,
    request: KeyedRequest,
    _active: Active,
}

/// Takes a request off the active ones, however that ends.
struct Active {
    name: RequestName,
    all: Arc<Mutex<HashSet<RequestName>>>,
}

impl Drop for Active {
    fn drop(&mut self) {
        lock(&self.all).remove(&self.name);
    }
}

impl Requests {
    #[must_use]
    pub fn new(store: Store, clock: Clock) -> Self {
        Self {
            store,
            clock,
            active: Arc::default(),
        }
    }

    /// Begins a caller's request for an operation. `asked` is all that was asked for: with another
    /// one the key is refused.
    pub async fn begin<T: DeserializeOwned>(
        &self,
        caller: &str,
        operation: &str,
        key: &SendKey,
        asked: &impl Serialize,
    ) -> Result<Begun<T>> {
        let name = RequestName {
            caller: caller.to_owned(),
            operation: operation.to_owned(),
            key: key.as_str().to_owned(),
        };
        let now = self.clock.now();
        let request = KeyedRequest {
            name: name.clone(),
            digest: digest(asked)?,
            id: self.clock.uuid(),
            begun_at: now,
            answer: None,
        };
        let active = self.activate(name)?;
        let attempt = |request| Attempt {
            store: self.store.clone(),
            clock: self.clock.clone(),
            request,
            _active: active,
        };
        let since = now.saturating_sub(KEPT);
        let begun = self.store.idempotency.begin(request.clone(), since);
        let Some(found) = begun.await? else {
            return Ok(Begun::New(attempt(request)));
        };
        if found.digest != request.digest {
            return Err(refuse("was used for another request"));
        }
        let Some(answer) = &found.answer else {
            return Ok(Begun::Open(attempt(found)));
        };
        let answer = serde_json::from_str(answer);
        let answer = answer
            .map_err(|error| Error::internal(format!("a kept answer cannot be read: {error}")))?;
        Ok(Begun::Answered(answer))
    }

    /// Forgets what is older than a day.
    pub async fn drop_old(&self) -> Result<u64> {
        let since = self.clock.now().saturating_sub(KEPT);
        Ok(self.store.idempotency.drop_before(since).await?)
    }

    fn activate(&self, name: RequestName) -> Result<Active> {
        if !lock(&self.active).insert(name.clone()) {
            return Err(refuse("a request with it is being worked on"));
        }
        Ok(Active {
            name,
            all: self.active.clone(),
        })
    }
}

impl Attempt {
    /// Names what comes of the request: the same at each attempt.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.request.id
    }

    /// How long ago the latest attempt began.
    #[must_use]
    pub fn age(&self) -> Duration {
        let age = self.clock.now().saturating_sub(self.request.begun_at);
        Duration::from_millis(age)
    }

    /// Begins an open request anew.
    pub async fn again(&mut self) -> Result<()> {
        self.request.begun_at = self.clock.now();
        Ok(self.store.idempotency.write(self.request.clone()).await?)
    }

    /// Notes the answer. The work is done: when this fails the request stays open.
    pub async fn answer(mut self, answer: &impl Serialize) -> Result<()> {
        let json = serde_json::to_string(answer);
        let json = json.map_err(|error| Error::internal(format!("an answer: {error}")))?;
        self.request.answer = Some(json);
        Ok(self.store.idempotency.write(self.request.clone()).await?)
    }

    /// Nothing came of it: the key is free.
    pub async fn forget(self) -> Result<()> {
        let name = self.request.name.clone();
        Ok(self.store.idempotency.forget(name).await?)
    }
}

fn refuse(why: &str) -> Error {
    Error::conflict(format!("Idempotency-Key: {why}"))
}

fn lock(active: &Mutex<HashSet<RequestName>>) -> std::sync::MutexGuard<'_, HashSet<RequestName>> {
    active.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What tells one request from another, whatever the order of its fields.
fn digest(asked: &impl Serialize) -> Result<[u8; 32]> {
    let unreadable = |error| Error::internal(format!("a request's digest: {error}"));
    let mut asked = serde_json::to_value(asked).map_err(unreadable)?;
    asked.sort_all_objects();
    Ok(Sha256::digest(asked.to_string()).into())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn requests(clock: &Clock) -> Requests {
        Requests::new(crate::store::in_memory().expect("a store"), clock.clone())
    }

    async fn begin(requests: &Requests, asked: Value) -> Result<Begun<String>> {
        let key = SendKey::parse("key").expect("a key");
        requests.begin("billing", "createRoom", &key, &asked).await
    }

    fn attempt(begun: Result<Begun<String>>) -> Attempt {
        match begun.expect("begun") {
            Begun::New(attempt) | Begun::Open(attempt) => attempt,
            Begun::Answered(answer) => panic!("answered: {answer}"),
        }
    }

    #[tokio::test]
    async fn answer_is_given_again_for_a_day() {
        let clock = Clock::manual(1_000);
        let requests = requests(&clock);
        let first = attempt(begin(&requests, json!({ "a": 1, "b": 2 })).await);
        first.answer(&"made").await.expect("noted");
        clock.set(1_000 + KEPT);
        let again = begin(&requests, json!({ "b": 2, "a": 1 })).await;
        assert!(matches!(again, Ok(Begun::Answered(answer)) if answer == "made"));
        let other = begin(&requests, json!({ "a": 2 })).await.err();
        let other = other.expect("another request").to_string();
        assert_eq!(other, "Idempotency-Key: was used for another request");
        clock.set(1_001 + KEPT);
        assert_eq!(requests.drop_old().await, Ok(1));
        let begun = begin(&requests, json!({ "a": 2 })).await;
        assert!(matches!(begun, Ok(Begun::New(_))));
    }

    #[tokio::test]
    async fn what_was_cut_off_is_open_and_has_its_name() {
        let clock = Clock::manual(1_000);
        let requests = requests(&clock);
        let first = attempt(begin(&requests, json!({})).await);
        let twice = begin(&requests, json!({})).await.err();
        assert!(
            matches!(twice, Some(Error::Conflict(_))),
            "at the same time"
        );
        let id = first.id();
        drop(first);
        clock.set(4_000);
        let Ok(Begun::Open(mut open)) = begin(&requests, json!({})).await else {
            panic!("it was begun before");
        };
        assert_eq!((open.id(), open.age()), (id, Duration::from_secs(3)));
        open.again().await.expect("begun anew");
        assert_eq!(open.age(), Duration::ZERO);
        open.forget().await.expect("forgotten");
        let begun = begin(&requests, json!({ "other": true })).await;
        assert!(matches!(begun, Ok(Begun::New(_))));
    }
}
