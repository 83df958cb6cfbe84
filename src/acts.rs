//! What is being done right now, and by whom: each request is an act, and whatever it brings about
//! knows from where that comes without being told.
//!
//! Memory alone. `web` begins an act, the gate says who it is, `ingest` and the audit log ask. From then
//! on an act that may change something is open, until the last task of it has ended: what the
//! homeserver pushes meanwhile may be of it.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::domain::audit::{Origin, Via};
use crate::domain::id::{EventId, Millis};
use crate::domain::rate::Allowance;

/// Of how many events it is remembered from where they come. What is pushed is read a moment later.
const MOST: usize = 4_096;

tokio::task_local! {
    static CURRENT: Arc<Act>;
}

/// How an act is opened.
pub type Opening = Arc<dyn Fn() -> OpenAct + Send + Sync>;

/// An act.
#[derive(Default)]
pub struct Act {
    origin: Mutex<Origin>,
    /// What is left of the allowances that it was counted by.
    allowance: Mutex<Option<Allowance>>,
    /// `None` when it changes nothing.
    opening: Option<Opening>,
    open: Mutex<Option<OpenAct>>,
}

impl Act {
    fn of(origin: Origin, opening: Option<Opening>) -> Arc<Self> {
        Arc::new(Self {
            origin: Mutex::new(origin),
            opening,
            ..Self::default()
        })
    }

    fn open(&self) {
        if let Some(opening) = &self.opening {
            lock(&self.open).get_or_insert_with(|| opening());
        }
    }
}

/// Runs something as an act from an address. One that may change something is opened when it is known
/// who acts.
pub fn from<T>(
    address: Option<IpAddr>,
    opening: Option<Opening>,
    work: impl Future<Output = T>,
) -> impl Future<Output = T> {
    let origin = Origin {
        address,
        ..Origin::default()
    };
    CURRENT.scope(Act::of(origin, opening), work)
}

/// Runs something as an act of this origin.
pub async fn within<T>(origin: Origin, work: impl Future<Output = T>) -> T {
    CURRENT.scope(Act::of(origin, None), work).await
}

/// Goes on with the act that this is called in, on a task of its own.
pub fn carried_on<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    let act = CURRENT.try_with(Arc::clone).unwrap_or_default();
    CURRENT.scope(act, work)
}

/// The same for work that takes long: it is open in its [steps](step) only.
pub fn in_steps<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    let act = CURRENT.try_with(|act| Act::of(lock(&act.origin).clone(), act.opening.clone()));
    CURRENT.scope(act.unwrap_or_default(), work)
}

/// Begins a step of the act that this is called in: it is open until what this answers is dropped.
#[must_use]
pub fn step() -> Option<OpenAct> {
    let opening = CURRENT.try_with(|act| act.opening.clone());
    opening.ok().flatten().map(|opening| opening())
}

/// Says that what follows is not the doing of whoever acts, and may take long.
pub fn close() {
    let _ = CURRENT.try_with(|act| lock(&act.open).take());
}

/// Opens the act again, when it is known who acts.
pub fn open() {
    let _ = CURRENT.try_with(|act| {
        let is_known = lock(&act.origin).actor.is_some();
        if is_known {
            act.open();
        }
    });
}

/// Says by what whoever acts was let in.
pub fn let_in(via: Via) {
    change(|origin| origin.via = via);
}

/// Says who acts, when that is not in what they do.
pub fn acts(actor: String) {
    change(|origin| origin.actor = Some(actor));
    let _ = CURRENT.try_with(|act| act.open());
}

/// Says that an event of the homeserver's came of this act. For what is not taken in here, but heard
/// of by push like anybody's doing.
pub fn did(event: &EventId) {
    let _ = CURRENT.try_with(|act| {
        if let Some(open) = lock(&act.open).as_ref() {
            open.acts.note(event.clone(), lock(&act.origin).clone());
        }
    });
}

/// From where what is done now comes; `None` outside of an act.
#[must_use]
pub fn origin() -> Option<Origin> {
    let origin = CURRENT.try_with(|act| lock(&act.origin).clone());
    origin.ok()
}

/// Notes what is left of an allowance; of several the one that is used up first.
pub fn counted(allowance: Allowance) {
    let _ = CURRENT.try_with(|act| {
        let mut noted = lock(&act.allowance);
        *noted = Some(noted.map_or(allowance, |noted| noted.tighter(allowance)));
    });
}

/// What is left, if anything was counted.
#[must_use]
pub fn allowance() -> Option<Allowance> {
    let noted = CURRENT.try_with(|act| *lock(&act.allowance));
    noted.ok().flatten()
}

fn change(set: impl FnOnce(&mut Origin)) {
    let _ = CURRENT.try_with(|act| set(&mut lock(&act.origin)));
}

/// The acts that may change something and have not ended. What the homeserver pushes meanwhile may
/// be of one of them.
pub struct OpenActs {
    open: Mutex<(u64, BTreeMap<u64, Millis>)>,
    /// What came of acts and is heard of by push; the oldest is forgotten first.
    did: Mutex<VecDeque<(EventId, Origin)>>,
    ended: watch::Sender<u64>,
}

/// An open act, until it is dropped.
pub struct OpenAct {
    number: u64,
    acts: Arc<OpenActs>,
}

impl Default for OpenActs {
    fn default() -> Self {
        Self {
            open: Mutex::default(),
            did: Mutex::default(),
            ended: watch::Sender::new(0),
        }
    }
}

impl OpenActs {
    /// One begins.
    #[must_use]
    pub fn begin(self: &Arc<Self>, now: Millis) -> OpenAct {
        let mut open = lock(&self.open);
        open.0 += 1;
        let number = open.0;
        open.1.insert(number, now);
        OpenAct {
            number,
            acts: self.clone(),
        }
    }

    fn note(&self, event: EventId, origin: Origin) {
        let mut did = lock(&self.did);
        if did.len() == MOST {
            did.pop_front();
        }
        did.push_back((event, origin));
    }

    /// From where an event comes that an act [did](did), once.
    #[must_use]
    pub fn taken(&self, event: &EventId) -> Option<Origin> {
        let mut did = lock(&self.did);
        let place = did.iter().position(|(it, _)| it == event)?;
        did.remove(place).map(|(_, origin)| origin)
    }

    /// Waits until those have ended that were there at a time, or for as long as this.
    pub async fn settled(&self, at: Millis, patience: Duration) {
        let mut ended = self.ended.subscribe();
        let settled = async {
            while lock(&self.open).1.values().any(|begun| *begun <= at) {
                if ended.changed().await.is_err() {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(patience, settled).await;
    }
}

impl Drop for OpenAct {
    fn drop(&mut self) {
        lock(&self.acts.open).1.remove(&self.number);
        self.acts.ended.send_modify(|count| *count += 1);
    }
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_done_knows_from_where_it_comes() {
        assert_eq!(origin(), None);
        let address = "192.0.2.1".parse().ok();
        let seen = from(address, None, async {
            let_in(Via::CommandLine);
            acts("command line".to_owned());
            tokio::spawn(carried_on(async { origin() })).await
        });
        let seen = seen.await.expect("no panic").expect("an act");
        assert_eq!((seen.address, seen.via), (address, Via::CommandLine));
        assert_eq!(seen.actor.as_deref(), Some("command line"));
    }

    /// Whether nothing is open.
    fn is_quiet(acts: &OpenActs) -> bool {
        lock(&acts.open).1.is_empty()
    }

    #[tokio::test]
    async fn an_act_is_open_from_when_it_is_known_who_acts_to_its_last_task() {
        let open = Arc::new(OpenActs::default());
        let opening: Opening = {
            let open = open.clone();
            Arc::new(move || open.begin(1))
        };
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let task = from(None, Some(opening.clone()), async {
            super::open();
            assert!(is_quiet(&open), "a stranger holds nothing up");
            acts("user:alice".to_owned());
            assert!(!is_quiet(&open));
            close();
            assert!(is_quiet(&open), "nor does a body that is long in coming");
            super::open();
            assert!(!is_quiet(&open));
            let task = tokio::spawn(carried_on(async move { gone.await.ok() }));
            Some(task)
        });
        let task = task.await.expect("a task");
        assert!(!is_quiet(&open), "its work goes on");
        go.send(()).expect("it waits");
        task.await.expect("no panic");
        assert!(is_quiet(&open));

        let steps = from(None, Some(opening), async {
            acts("user:alice".to_owned());
            in_steps(async {
                let step = step();
                (origin(), step)
            })
            .await
        });
        let (origin, step) = steps.await;
        assert_eq!(
            origin.and_then(|it| it.actor).as_deref(),
            Some("user:alice")
        );
        assert!(!is_quiet(&open));
        drop(step);
        assert!(is_quiet(&open));
    }

    #[tokio::test]
    async fn what_an_act_did_is_known_once() {
        let open = Arc::new(OpenActs::default());
        let opening: Opening = {
            let open = open.clone();
            Arc::new(move || open.begin(1))
        };
        let event = |number: usize| EventId::trusted(format!("${number}"));
        from(None, Some(opening), async {
            did(&event(0));
            acts("service:billing".to_owned());
            for number in 1..=MOST + 1 {
                did(&event(number));
            }
        })
        .await;
        assert_eq!(open.taken(&event(0)), None, "it was not known who acts");
        assert_eq!(open.taken(&event(1)), None, "too long ago");
        let taken = open.taken(&event(2)).and_then(|it| it.actor);
        assert_eq!(taken.as_deref(), Some("service:billing"));
        assert_eq!(open.taken(&event(2)), None);
        assert_eq!(lock(&open.did).len(), MOST - 1);
    }

    #[tokio::test]
    async fn open_acts_are_waited_for_and_not_for_ever() {
        let acts = Arc::new(OpenActs::default());
        let patience = Duration::from_secs(5);
        acts.settled(10, patience).await;
        let open = acts.begin(10);
        acts.settled(9, patience).await;
        let waiting = acts.clone();
        let waiting = tokio::spawn(async move { waiting.settled(10, patience).await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(open);
        waiting.await.expect("no panic");
        let _open = acts.begin(10);
        acts.settled(10, Duration::from_millis(10)).await;
    }
}
