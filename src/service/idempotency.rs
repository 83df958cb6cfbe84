//! Requests that their callers have named by an `Idempotency-Key`: asked again, the first answer is
//! given again, for a day, also by another process.
//!
//! Most operations go through [`Requests::once`]. A request is written down before the work begins
//! ([`Requests::begin`]) and its answer when there is one ([`Attempt::answer`]). One that was cut off
//! in between is [`Begun::Open`]: whoever does the work looks for what the first attempt has left, by
//! [`Attempt::id`], before doing it again. Equal requests at the same time wait for the first.

mod sealed;
mod turns;

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

pub(in crate::service) use self::turns::{Turn, Turns};
use crate::clock::Clock;
use crate::domain::id::{Millis, SendKey};
use crate::domain::{Error, Result};
use crate::store::Store;
use crate::store::idempotency::{KeyedRequest, RequestName};

/// For how long an answer is given again.
const KEPT: Millis = SendKey::REMEMBERED;

/// The named requests.
pub struct Requests {
    store: Store,
    clock: Clock,
    turns: Turns<RequestName>,
}

/// A request as its caller names it.
#[derive(Clone, Debug)]
pub struct Named {
    /// Who asks: keys are unique to a caller.
    pub caller: String,
    /// The id of the operation.
    pub operation: &'static str,
    /// `None`: the caller has not named it, and it is done whenever it is asked for.
    pub key: Option<SendKey>,
    pub answer: AnswerIs,
}

/// What an answer may be kept as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AnswerIs {
    Plain,
    /// There is a secret in it: only who has the caller's key can read it.
    Secret,
}

/// One try of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Try {
    /// Names what comes of it: the same each time.
    pub id: Uuid,
    /// An earlier try was cut off, and may have left something under this id.
    pub is_again: bool,
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
    /// What seals the answer.
    seal: Option<SendKey>,
    _turn: Turn<RequestName>,
}

impl Requests {
    #[must_use]
    pub fn new(store: Store, clock: Clock) -> Self {
        Self {
            store,
            clock,
            turns: Turns::default(),
        }
    }

    /// Does a request, unless it was done before: then its answer is given again. A refusal is not
    /// kept. After a failure that leaves open what happened the next try is told so.
    pub async fn once<T, Work>(
        &self,
        named: Named,
        asked: &impl Serialize,
        work: impl FnOnce(Try) -> Work,
    ) -> Result<T>
    where
        T: Serialize + DeserializeOwned,
        Work: Future<Output = Result<T>>,
    {
        let Some(key) = &named.key else {
            let id = self.clock.uuid();
            return work(Try {
                id,
                is_again: false,
            })
            .await;
        };
        let begun = self.begin_as(&named, key, asked).await?;
        let (attempt, is_again) = match begun {
            Begun::Answered(answer) => return Ok(answer),
            Begun::New(attempt) => (attempt, false),
            Begun::Open(mut attempt) => {
                attempt.again().await?;
                (attempt, true)
            }
        };
        let id = attempt.id();
        match work(Try { id, is_again }).await {
            Ok(answer) => {
                // It is done: whoever asked is told so, though the next one will have to look.
                if let Err(error) = attempt.answer(&answer).await {
                    let operation = named.operation;
                    tracing::warn!(%error, operation, "an answer is not noted by its key");
                }
                Ok(answer)
            }
            Err(error) if error.leaves_open() => Err(error),
            // An earlier try may have left something, which this one did not come to look for.
            Err(error) if is_again && asks_for_patience(&error) => Err(error),
            Err(error) => {
                attempt.forget().await?;
                Err(error)
            }
        }
    }

    /// Begins a caller's request for an operation. `asked` is all that was asked for: with another
    /// one the key is refused.
    pub async fn begin<T: DeserializeOwned>(
        &self,
        caller: &str,
        operation: &'static str,
        key: &SendKey,
        asked: &impl Serialize,
    ) -> Result<Begun<T>> {
        let named = Named {
            caller: caller.to_owned(),
            operation,
            key: None,
            answer: AnswerIs::Plain,
        };
        self.begin_as(&named, key, asked).await
    }

    async fn begin_as<T: DeserializeOwned>(
        &self,
        named: &Named,
        key: &SendKey,
        asked: &impl Serialize,
    ) -> Result<Begun<T>> {
        let is_secret = named.answer == AnswerIs::Secret;
        let name = RequestName {
            caller: named.caller.clone(),
            operation: named.operation.to_owned(),
            key: match is_secret {
                true => sealed::name(key),
                false => key.as_str().to_owned(),
            },
        };
        let digest = match is_secret {
            true => sealed::digest(key, &digest(asked)?)?,
            false => digest(asked)?,
        };
        let turn = self.turns.enter(&name, digest).await?;
        let now = self.clock.now();
        let request = KeyedRequest {
            name,
            digest,
            id: self.clock.uuid(),
            begun_at: now,
            answer: None,
        };
        let attempt = |request| Attempt {
            store: self.store.clone(),
            clock: self.clock.clone(),
            request,
            seal: is_secret.then(|| key.clone()),
            _turn: turn,
        };
        let since = now.saturating_sub(KEPT);
        let begun = self.store.idempotency.begin(request.clone(), since);
        let Some(found) = begun.await? else {
            return Ok(Begun::New(attempt(request)));
        };
        if found.digest != request.digest {
            return Err(used_for_another());
        }
        let Some(answer) = &found.answer else {
            return Ok(Begun::Open(attempt(found)));
        };
        let answer = match is_secret {
            true => serde_json::from_str(&sealed::open(key, found.id, answer)?),
            false => serde_json::from_str(answer),
        };
        let answer = answer
            .map_err(|error| Error::internal(format!("a kept answer cannot be read: {error}")))?;
        Ok(Begun::Answered(answer))
    }

    /// Forgets what is older than a day.
    pub async fn drop_old(&self) -> Result<u64> {
        let since = self.clock.now().saturating_sub(KEPT);
        Ok(self.store.idempotency.drop_before(since).await?)
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
        self.request.answer = Some(match &self.seal {
            Some(key) => sealed::seal(key, self.request.id, &json)?,
            None => json,
        });
        Ok(self.store.idempotency.write(self.request.clone()).await?)
    }

    /// Nothing came of it: the key is free.
    pub async fn forget(self) -> Result<()> {
        let name = self.request.name.clone();
        Ok(self.store.idempotency.forget(name).await?)
    }
}

/// Whether nothing was done, and the same may be asked for later.
fn asks_for_patience(error: &Error) -> bool {
    matches!(
        error,
        Error::TooMany { .. } | Error::HomeserverLimited { .. }
    )
}

fn refuse(why: &str) -> Error {
    Error::conflict(format!("Idempotency-Key: {why}"))
}

/// The refusal of a key that stands for something else.
pub(in crate::service) fn used_for_another() -> Error {
    refuse("was used for another request")
}

/// What tells one request from another, whatever the order of its fields.
pub(in crate::service) fn digest(asked: &impl Serialize) -> Result<[u8; 32]> {
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
        let twice = begin(&requests, json!({ "other": 1 })).await.err();
        assert!(
            matches!(twice, Some(Error::Conflict(_))),
            "another one at the same time"
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

    fn named(key: &str, answer: AnswerIs) -> Named {
        Named {
            caller: "user:alice".to_owned(),
            operation: "createKey",
            key: SendKey::parse(key),
            answer,
        }
    }

    #[tokio::test]
    async fn equal_requests_at_the_same_time_are_done_once() {
        use std::sync::atomic::{AtomicU32, Ordering};

        let requests = requests(&Clock::manual(1_000));
        let (done, asked, other) = (AtomicU32::new(0), json!({ "a": 1 }), json!({}));
        let ask = || {
            requests.once(named("key", AnswerIs::Plain), &asked, |_| async {
                tokio::task::yield_now().await;
                Ok(done.fetch_add(1, Ordering::SeqCst))
            })
        };
        let answers = futures_util::future::join_all((0..1_000).map(|_| ask())).await;
        assert!(answers.iter().all(|answer| *answer == Ok(0)));
        let seven = |_| async { Ok(7) };
        let other = requests.once(named("key", AnswerIs::Plain), &other, seven);
        assert_eq!(other.await, Err(used_for_another()));
        let unnamed = Named {
            key: None,
            ..named("key", AnswerIs::Plain)
        };
        let unnamed = requests.once(unnamed, &asked, seven);
        assert_eq!(unnamed.await, Ok(7), "without a key it is done");
    }

    #[tokio::test]
    async fn refusals_free_the_key_and_open_ends_keep_it() {
        let requests = requests(&Clock::manual(1_000));
        let asked = json!(1);
        let ask = async |outcome: Result<u32>| {
            let mut seen = None;
            let answer = requests.once(named("key", AnswerIs::Plain), &asked, |it| {
                seen = Some(it);
                async { outcome }
            });
            (answer.await, seen.map(|it| (it.id, it.is_again)))
        };
        let id = |of: Option<(Uuid, bool)>| of.expect("it was tried").0;
        let (_, first) = ask(Err(Error::forbidden("no"))).await;
        let (_, second) = ask(Err(Error::unavailable("gone"))).await;
        let retry_after = Duration::from_secs(1);
        let message = "slower".to_owned();
        let limited = Error::HomeserverLimited {
            message: message.clone(),
            retry_after,
        };
        let often = Error::TooMany {
            message,
            retry_after,
        };
        for patience in [limited, often] {
            let (_, again) = ask(Err(patience)).await;
            assert_eq!(
                again,
                Some((id(second), true)),
                "the second may have left it"
            );
        }
        let (answer, third) = ask(Ok(3)).await;
        assert_ne!(id(first), id(second), "a refusal is not kept");
        assert_eq!((answer, third), (Ok(3), Some((id(second), true))));
        assert_eq!(ask(Ok(4)).await, (Ok(3), None));
    }

    #[tokio::test]
    async fn secrets_are_answered_again_and_not_kept_in_the_clear() {
        let requests = requests(&Clock::manual(1_000));
        let ask = async |shown: &str| {
            let work = |_| async { Ok(shown.to_owned()) };
            let named = named("key", AnswerIs::Secret);
            requests.once(named, &json!(1), work).await
        };
        assert_eq!(ask("dk_secret").await.as_deref(), Ok("dk_secret"));
        assert_eq!(ask("dk_other").await.as_deref(), Ok("dk_secret"));
        let name = RequestName {
            caller: "user:alice".to_owned(),
            operation: "createKey".to_owned(),
            key: sealed::name(&SendKey::parse("key").expect("a key")),
        };
        let request = KeyedRequest {
            name,
            digest: [0; 32],
            id: Uuid::nil(),
            begun_at: 1_000,
            answer: None,
        };
        let kept = requests.store.idempotency.begin(request, 0).await;
        let kept = kept.expect("read").expect("kept").answer.expect("answered");
        assert!(!kept.contains("dk_secret"), "{kept}");
    }
}
