//! All that somebody has said in a channel is taken away. A job that goes on by itself, one at a
//! time in a channel; begun again it goes on with what is left.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Deserialize;

use super::Messages;
use crate::acts;
use crate::domain::access::{Caller, Right};
use crate::domain::channel::Channel;
use crate::domain::entity::Entity;
use crate::domain::event::What;
use crate::domain::id::{ChannelId, EventId, MessageId, Millis, UserId};
use crate::domain::page::Order;
use crate::domain::{Error, Result, text};
use crate::homeserver::Redaction;
use crate::store::MessageQuery;

/// Messages that are looked at at a time.
const PAGE: usize = 200;
/// How many failures are told of.
const FAILURES: usize = 100;
/// How many jobs are remembered; the oldest that have ended make room.
const REMEMBERED: usize = 64;

/// How a job stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SweepState {
    Running,
    /// It came to its end; single messages may have failed.
    Done,
    /// It could not go on.
    Failed,
}

/// A job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sweep {
    pub channel: ChannelId,
    /// Whose messages are taken away.
    pub sender: Entity,
    /// Only what was said from then on.
    pub since: Option<Millis>,
    pub state: SweepState,
    /// How many messages of the channel were looked at.
    pub looked_at: u64,
    pub deleted: u64,
    /// What could not be taken away, and why; the first of them.
    pub failed: Vec<(MessageId, String)>,
    pub started_at: Millis,
    pub finished_at: Option<Millis>,
    /// Why it could not go on.
    pub error: Option<Error>,
    /// Who has begun it.
    by: UserId,
}

/// The jobs of all channels.
#[derive(Clone, Default)]
pub(super) struct Sweeps(Arc<Mutex<HashMap<ChannelId, Sweep>>>);

/// What is to be done.
struct Task {
    channel: Arc<Channel>,
    sender: UserId,
    by: UserId,
    reason: Option<String>,
    /// Behind which message it goes on, or at which time it begins.
    after: Option<MessageId>,
    since: Option<Millis>,
}

/// What of a row it has to know.
#[derive(Deserialize)]
struct Item {
    id: MessageId,
    matrix_event_id: EventId,
    sender_matrix_id: UserId,
    deleted: bool,
}

impl Messages {
    /// Begins to take away what `sender` has said, their latest messages included. The first
    /// message goes before this answers, so that the homeserver's refusal is the answer.
    pub async fn begin_sweep(
        self: &Arc<Self>,
        caller: &Caller,
        channel: ChannelId,
        sender: &str,
        since: Option<Millis>,
        reason: Option<String>,
    ) -> Result<Sweep> {
        let core = &self.core;
        if let Some(reason) = &reason {
            text::reason(reason)?;
        }
        let entity = core.directory.find_entity(sender);
        let expected = "must be user:<localpart> or agent:<name>";
        let entity = entity.ok_or_else(|| Error::invalid("sender", expected))?;
        let channel = core.visible(caller, channel).await?;
        let by = core.directory.user_id(&caller.entity);
        let sender = core.directory.user_id(&entity);
        let right = Right::to_delete(&sender, &by);
        core.require(right, caller, &channel).await?;
        core.count_change(caller, &channel)?;
        let mut task = Task {
            sender,
            channel: channel.clone(),
            by: by.clone(),
            reason,
            after: None,
            since,
        };
        let job = self.sweeps.begin(Sweep {
            channel: channel.id,
            sender: entity,
            since,
            state: SweepState::Running,
            looked_at: 0,
            deleted: 0,
            failed: Vec::new(),
            started_at: core.clock.now(),
            finished_at: None,
            error: None,
            by,
        })?;
        match self.sweep(&mut task, &job, Some(1)).await {
            Err(error) => {
                job.drop_it();
                return Err(error);
            }
            Ok(true) => job.end(core.clock.now(), &Ok(())),
            Ok(false) => {
                let messages = self.clone();
                tokio::spawn(acts::in_steps(async move {
                    let outcome = messages.sweep(&mut task, &job, None).await;
                    job.end(messages.core.clock.now(), &outcome.map(drop));
                }));
            }
        }
        self.sweeps.get(channel.id)
    }

    /// How the caller's latest job in a channel stands.
    pub async fn sweep_of(&self, caller: &Caller, channel: ChannelId) -> Result<Sweep> {
        self.core.visible(caller, channel).await?;
        let user = self.core.directory.user_id(&caller.entity);
        match self.sweeps.get(channel) {
            Ok(sweep) if sweep.by != user => Err(none()),
            other => other,
        }
    }

    /// Goes on, at most until so many messages are gone. Says whether it has come to its end.
    async fn sweep(&self, task: &mut Task, job: &Job, limit: Option<u64>) -> Result<bool> {
        let mut deleted = 0;
        loop {
            let query = MessageQuery {
                channel: task.channel.id,
                after: task.after,
                at: task.since.filter(|_| task.after.is_none()),
                order: Order::Ascending,
                limit: PAGE,
            };
            let page = self.core.store.index.messages(query).await?;
            let page = page.ok_or_else(|| Error::conflict("the index is being made anew"))?;
            for item in items(&page.json)? {
                task.after = Some(item.id);
                job.count(|sweep| sweep.looked_at += 1);
                if item.deleted || item.sender_matrix_id != task.sender {
                    continue;
                }
                deleted += self.sweep_away(task, job, &item).await?;
                if limit.is_some_and(|limit| deleted >= limit) {
                    return Ok(false);
                }
            }
            if page.next.is_none() {
                return Ok(true);
            }
            // Others want the thread, too.
            tokio::task::yield_now().await;
        }
    }

    /// Takes one message away; says how many are gone. What is refused to be taken away at all
    /// ends the job, as does a homeserver that is away.
    async fn sweep_away(&self, task: &Task, job: &Job, item: &Item) -> Result<u64> {
        let core = &self.core;
        // The push of it may be quicker than our own answer.
        let _step = acts::step();
        let target = item.matrix_event_id.clone();
        let redaction = Redaction {
            room: core.room_of(&task.channel, &target).await?,
            target,
            sender: Some(task.by.clone()),
            transaction: core.clock.uuid(),
            reason: task.reason.clone(),
        };
        let event = match core.homeserver.redact(&redaction).await {
            Ok(event) => event,
            Err(error) if error.is_transient() || error.is_refusal("M_FORBIDDEN") => {
                return Err(error);
            }
            Err(error @ Error::Forbidden(_)) => return Err(error),
            Err(error) => {
                job.count(|sweep| {
                    if sweep.failed.len() < FAILURES {
                        sweep.failed.push((item.id, error.to_string()));
                    }
                });
                return Ok(0);
            }
        };
        let what = What::MessageDeleted {
            target: redaction.target,
            by: task.by.clone(),
            at: core.clock.now(),
        };
        self.echo(task.channel.id, event, what).await;
        job.count(|sweep| sweep.deleted += 1);
        Ok(1)
    }
}

fn items(json: &[u8]) -> Result<Vec<Item>> {
    let list = [b"[", json, b"]"].concat();
    serde_json::from_slice(&list)
        .map_err(|error| Error::internal(format!("a stored message is not readable: {error}")))
}

fn none() -> Error {
    Error::not_found("you have not begun to delete somebody's messages in this channel")
}

impl Sweeps {
    fn jobs(&self) -> MutexGuard<'_, HashMap<ChannelId, Sweep>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, channel: ChannelId) -> Result<Sweep> {
        self.jobs().get(&channel).cloned().ok_or_else(none)
    }

    fn begin(&self, sweep: Sweep) -> Result<Job> {
        let mut jobs = self.jobs();
        let is_running = |sweep: &Sweep| sweep.state == SweepState::Running;
        if jobs.get(&sweep.channel).is_some_and(is_running) {
            return Err(Error::conflict(
                "messages are being deleted in this channel; wait until that is done",
            ));
        }
        if jobs.len() >= REMEMBERED {
            let ended = jobs.values().filter(|sweep| !is_running(sweep));
            let oldest = ended.min_by_key(|sweep| sweep.finished_at);
            if let Some(oldest) = oldest.map(|sweep| sweep.channel) {
                jobs.remove(&oldest);
            }
        }
        let channel = sweep.channel;
        jobs.insert(channel, sweep);
        Ok(Job {
            sweeps: self.clone(),
            channel,
        })
    }
}

/// A job that is under way; it counts as failed when this is dropped before its end.
struct Job {
    sweeps: Sweeps,
    channel: ChannelId,
}

impl Job {
    fn count(&self, change: impl FnOnce(&mut Sweep)) {
        if let Some(sweep) = self.sweeps.jobs().get_mut(&self.channel) {
            change(sweep);
        }
    }

    fn end(self, now: Millis, outcome: &Result<()>) {
        self.count(|sweep| {
            sweep.finished_at = Some(now);
            sweep.error = outcome.as_ref().err().cloned();
            sweep.state = match outcome {
                Ok(()) => SweepState::Done,
                Err(_) => SweepState::Failed,
            };
        });
    }

    /// Nothing was done.
    fn drop_it(self) {
        self.sweeps.jobs().remove(&self.channel);
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.count(|sweep| {
            if sweep.state == SweepState::Running {
                sweep.state = SweepState::Failed;
                sweep.error = Some(Error::internal("it broke off; the log says why"));
            }
        });
    }
}
