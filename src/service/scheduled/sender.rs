//! Sends scheduled messages when their time has come, each once, whenever daarion is killed.
//!
//! That one is about to be sent is written down first. Its id is the Matrix transaction, so that the
//! homeserver says it once while it remembers that; before one is sent that may have been sent already,
//! what was said is looked for in the room, where the id travels with the message. Those whose time came
//! while nobody was there are sent at the start. What cannot be sent for the moment is looked at again
//! later, so that it is in nobody's way.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use uuid::Uuid;

use super::{Schedule, message_of};
use crate::domain::access::Caller;
use crate::domain::entity::Entity;
use crate::domain::id::Millis;
use crate::domain::scheduled::{self, ScheduleState, Scheduled};
use crate::domain::{Error, Result};
use crate::service::sendings::SendingAs;

/// How many are looked at in one go, and for how many authors at once.
const BATCH: usize = 100;
const AT_ONCE: usize = 4;
/// The longest sleep: the machine's clock may be set meanwhile.
const LOOK: Duration = Duration::from_secs(10);
/// How long the sender waits when the store does not answer.
const RETRY: Duration = Duration::from_secs(5);
/// How long one may take to be sent: reading a channel whose history is not known takes minutes, and
/// others wait behind it. It is tried again, when healing may have read it.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// How long one waits at the least and at the most that could not be sent, in milliseconds: in between
/// for as long again as has gone by since it was tried first.
const PAUSES: (Millis, Millis) = (5_000, 5 * 60_000);

/// What came of a look at what is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Round {
    /// Whether any of it waits to be tried again.
    waits: bool,
    /// Whether more is due.
    has_more: bool,
}

impl Schedule {
    /// Sends what is due, for ever.
    pub async fn run(self: Arc<Self>) {
        loop {
            let now = self.core.clock.now();
            if let Err(error) = self.forget_past_use().await {
                tracing::warn!(%error, "scheduled messages cannot be looked through");
            }
            let pause = match self.round(now).await {
                Ok(round) if round.has_more => Duration::ZERO,
                Ok(_) => self.until_next(now).await,
                Err(error) => {
                    tracing::warn!(%error, "scheduled messages cannot be looked at");
                    RETRY
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.bell.notified() => {}
            }
        }
    }

    /// Sends all that is due now. Says whether any of it has to be tried again.
    pub async fn send_due(&self) -> Result<bool> {
        let now = self.core.clock.now();
        let mut waits = false;
        loop {
            let round = self.round(now).await?;
            waits |= round.waits;
            if !round.has_more {
                return Ok(waits);
            }
        }
    }

    /// Sends of what is due so much that nobody waits for long.
    async fn round(&self, now: Millis) -> Result<Round> {
        let due = self
            .core
            .store
            .scheduled
            .due(now, BATCH, scheduled::AT_ONCE);
        let due = due.await?;
        let mut authors: HashMap<Entity, Vec<Scheduled>> = HashMap::new();
        for one in due.items {
            authors.entry(one.by.clone()).or_default().push(one);
        }
        let sends: Vec<_> = authors
            .into_iter()
            .map(|(by, own)| self.send_in_order(by, own))
            .collect();
        let sent = stream::iter(sends).buffer_unordered(AT_ONCE);
        let sent: Vec<Result<bool>> = sent.collect().await;
        let mut round = Round {
            waits: false,
            has_more: due.has_more,
        };
        for waits in sent {
            round.waits |= waits?;
        }
        Ok(round)
    }

    async fn until_next(&self, after: Millis) -> Duration {
        let next = self.core.store.scheduled.next(after).await.ok().flatten();
        let now = self.core.clock.now();
        let left = next.map_or(LOOK, |next| Duration::from_millis(next.saturating_sub(now)));
        left.min(LOOK)
    }

    /// Sends what one author has due, in the order of its times. Says whether any of it has to be tried
    /// again; what is behind it in the same channel waits with it, also when it comes due before.
    async fn send_in_order(&self, by: Entity, mut own: Vec<Scheduled>) -> Result<bool> {
        own.sort_by_key(place);
        let mut waiting = self.core.store.scheduled.of(&by).await?;
        waiting.retain(|it| it.state.is_pending());
        let mut waits = false;
        let begun = self.core.clock.instant();
        for one in own {
            let (id, place_of_it) = (one.id, place(&one));
            let is_before = |it: &&Scheduled| it.channel == one.channel && place(it) < place_of_it;
            let before = waiting.iter().filter(is_before).map(|it| it.next_try).max();
            let now = self.core.clock.now();
            let until = match before {
                Some(before) => Some(before.max(now).saturating_add(1)),
                None if begun.elapsed() >= self.patience => Some(now.saturating_add(PAUSES.0)),
                None => None,
            };
            let until = match until {
                Some(until) => {
                    self.put_off(one, until).await?;
                    Some(until)
                }
                None => self.try_send(one).await?,
            };
            waits |= until.is_some();
            match (until, waiting.iter_mut().find(|it| it.id == id)) {
                (Some(until), Some(it)) => it.next_try = until,
                (None, _) => waiting.retain(|it| it.id != id),
                (Some(_), None) => {}
            }
        }
        Ok(waits)
    }

    /// Answers when it is to be tried again, if it is.
    async fn try_send(&self, mut scheduled: Scheduled) -> Result<Option<Millis>> {
        let core = &self.core;
        let now = core.clock.now();
        if !core.knows_present(scheduled.channel).await? {
            let until = now.saturating_add(PAUSES.0);
            self.put_off(scheduled, until).await?;
            return Ok(Some(until));
        }
        let is_open = matches!(scheduled.state, ScheduleState::Sending { .. });
        scheduled.may_be_said |= is_open;
        let again = scheduled.may_be_said;
        if !is_open {
            let sending = ScheduleState::Sending { since: now };
            // Somebody has changed or cancelled it just now.
            if !self.set(&mut scheduled, sending).await? {
                return Ok(None);
            }
        }
        let caller = Caller::new(scheduled.by.clone(), false);
        let new = message_of(&scheduled.content);
        let name = SendingAs::Scheduled {
            id: scheduled.id,
            made_at: scheduled.created_at,
            again,
        };
        let sending = self.messages.send_as(&caller, scheduled.channel, new, name);
        let sent = tokio::time::timeout(self.patience, sending).await;
        let state = match sent.unwrap_or_else(|_| Err(too_slow())) {
            Ok(message) => ScheduleState::Sent {
                message: message.id,
                at: message.created_at,
            },
            // What is refused while the index is made anew is refused because of that.
            Err(error) if is_passing(&error) || !core.knows_present(scheduled.channel).await? => {
                tracing::info!(%error, scheduled = %scheduled.id, "a scheduled message waits to be tried again");
                let until = now.saturating_add(pause(&error, &scheduled.state, now));
                // Its author may change it as before: it is certain that nothing was said.
                if !error.leaves_open() && !again {
                    scheduled.state = ScheduleState::Waiting;
                }
                self.put_off(scheduled, until).await?;
                return Ok(Some(until));
            }
            Err(error) => ScheduleState::Failed {
                reason: error.to_string(),
                at: now,
            },
        };
        self.set(&mut scheduled, state).await?;
        Ok(None)
    }

    /// Has it looked at later.
    async fn put_off(&self, mut scheduled: Scheduled, until: Millis) -> Result<()> {
        scheduled.next_try = until;
        let state = scheduled.state.clone();
        self.set(&mut scheduled, state).await.map(drop)
    }

    async fn set(&self, scheduled: &mut Scheduled, state: ScheduleState) -> Result<bool> {
        let before = scheduled.revision;
        scheduled.state = state;
        scheduled.revision += 1;
        let store = &self.core.store.scheduled;
        let is_set = store.change(scheduled.clone(), before).await?;
        self.bells.ring(scheduled.channel, &scheduled.by);
        Ok(is_set)
    }
}

/// In which order an author's messages are said.
fn place(scheduled: &Scheduled) -> (Millis, Millis, Uuid) {
    (scheduled.send_at, scheduled.created_at, scheduled.id)
}

/// It is not known what has come of it.
fn too_slow() -> Error {
    Error::TimedOut("it takes long; others are not to wait for it".to_owned())
}

/// Whether the same may be sent later.
fn is_passing(error: &Error) -> bool {
    error.is_transient() || matches!(error, Error::TooMany { .. } | Error::Internal(_))
}

/// For how long one waits that could not be sent, in milliseconds.
fn pause(error: &Error, state: &ScheduleState, now: Millis) -> Millis {
    let asked = match error {
        Error::TooMany { retry_after, .. } | Error::HomeserverLimited { retry_after, .. } => {
            Millis::try_from(retry_after.as_millis()).unwrap_or(Millis::MAX)
        }
        _ => 0,
    };
    let gone_by = match state {
        ScheduleState::Sending { since } => now.saturating_sub(*since),
        _ => 0,
    };
    gone_by.clamp(PAUSES.0, PAUSES.1).max(asked)
}
