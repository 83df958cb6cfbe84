//! The task of one webhook: rounds of reading, delivering and writing down, and waiting for the
//! bell or for what is due.
//!
//! A round takes the channels whose turn has come, and the next page of the journal, as far as
//! nothing of a channel waits already. All that came of it is one operation of the store,
//! together with the new position: whatever is cut off is delivered again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, stream};
use tokio::sync::{Notify, watch};

use super::lanes::Lanes;
use super::line::{Halt, Item, Line, Place};
use super::pages::{PAGE, Pages};
use super::{Wish, Workshop};
use crate::domain::event::Event;
use crate::domain::id::{ChannelId, Millis, Seq};
use crate::domain::service::ServiceCaller;
use crate::domain::webhook::{Pause, Webhook};
use crate::store::StoreError;
use crate::store::webhooks::{DeadLetter, Pending, Settled};

/// How many deliveries of one webhook are on their way at once, each of another channel.
const IN_FLIGHT: usize = 8;
/// How long a page waits for the index, which knows its channels.
const INDEX_WAIT: Duration = Duration::from_secs(5);
/// How long it waits after a failure of the store, and for an index that is behind.
const RETRY: Duration = Duration::from_secs(1);
/// A position that has moved by less than this, over events that are none of its own, is
/// written down a little later.
const STRIDE: Seq = 500;
/// How much later, at most.
const REST: Duration = Duration::from_secs(5);
/// How often it is looked at what has waited for too long, in milliseconds.
const LOOK: Millis = 60_000;
/// Why what has waited for too long is a dead letter.
const TOO_OLD: &str = "it has waited for longer than events are kept (journal.retention)";
/// The longest sleep.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// The task.
pub struct Runner {
    workshop: Arc<Workshop>,
    pages: Arc<Pages>,
    webhook: Webhook,
    halt: Halt,
    nudge: Arc<Notify>,
    lanes: Lanes,
    /// Whether the next event waits for the index to know whose it is.
    is_held: bool,
    /// Until when the receiver has asked to be left alone.
    come_back_at: Millis,
    /// When it is looked at next what has waited for too long.
    look_at: Millis,
    position: Seq,
    /// The position that is written down.
    saved: Seq,
    /// Since when the two differ.
    moved_at: Millis,
}

/// What a round has come to.
enum Round {
    Worked,
    Idle,
    /// The webhook is paused or gone.
    Ended,
}

type Work = BTreeMap<ChannelId, Vec<Item>>;

impl Runner {
    #[must_use]
    pub fn new(
        workshop: Arc<Workshop>,
        pages: Arc<Pages>,
        webhook: Webhook,
        halt: Halt,
        nudge: Arc<Notify>,
    ) -> Self {
        Self {
            position: webhook.position,
            saved: webhook.position,
            workshop,
            pages,
            webhook,
            halt,
            nudge,
            lanes: Lanes::default(),
            is_held: false,
            come_back_at: 0,
            look_at: 0,
            moved_at: 0,
        }
    }

    /// Delivers until it is told to stop.
    pub async fn run(mut self, mut bell: watch::Receiver<Seq>) {
        let _want = self.workshop.recent.want();
        // There may be something that waits since an earlier life.
        self.nudge.notify_one();
        while !self.halt.stop.is_cancelled() {
            bell.mark_unchanged();
            match self.round().await {
                Ok(Round::Worked) => {}
                Ok(Round::Ended) => return,
                Ok(Round::Idle) => {
                    tokio::select! {
                        () = self.halt.stop.cancelled() => break,
                        changed = bell.changed() => if changed.is_err() { break },
                        () = self.nudge.notified() => self.nudge.notify_one(),
                        () = tokio::time::sleep(self.rest()) => self.save().await,
                    }
                }
                Err(error) => {
                    let webhook = self.webhook.id;
                    tracing::error!(%error, %webhook, "deliveries cannot be read or written down");
                    tokio::select! {
                        () = self.halt.stop.cancelled() => break,
                        () = tokio::time::sleep(RETRY) => self.nudge.notify_one(),
                    }
                }
            }
        }
        self.save().await;
    }

    /// How long there is nothing to do unless the bell rings.
    fn rest(&self) -> Duration {
        let now = self.workshop.clock.now();
        let due = match now < self.come_back_at {
            true => Some(self.come_back_at),
            false => self.lanes.next_due(),
        };
        let due = due.map(|due| Duration::from_millis(due.saturating_sub(now)));
        if self.is_held {
            return due.map_or(RETRY, |due| due.min(RETRY));
        }
        let most = if self.position == self.saved {
            LONGEST
        } else {
            REST
        };
        due.map_or(most, |due| due.min(most))
    }

    async fn save(&mut self) {
        if self.position == self.saved {
            return;
        }
        let settled = Settled {
            position: self.position,
            ..Settled::default()
        };
        // What cannot be written down is read once more.
        let webhooks = &self.workshop.store.webhooks;
        if webhooks.settle(self.webhook.id, settled).await.is_ok() {
            self.saved = self.position;
        }
    }

    async fn round(&mut self) -> Result<Round, StoreError> {
        if self.is_nudged() {
            self.look_at_lanes().await?;
        }
        if self.is_time_to_look() && !self.give_up_what_is_too_old().await? {
            return Ok(Round::Ended);
        }
        if self.workshop.clock.now() < self.come_back_at {
            return Ok(Round::Idle);
        }
        let mut work = self.due().await?;
        let fresh = self.fresh(&mut work).await?;
        let position = fresh.position;
        self.is_held = fresh.is_held;
        if work.is_empty() && fresh.behind.is_empty() && fresh.too_old.is_empty() {
            return self.pass_over(position).await;
        }
        let mut settled = self.carry_out(work).await;
        settled.position = position;
        self.come_back_at = settled.come_back_at.unwrap_or_default();
        settled.pending.extend(fresh.behind);
        settled.dead.extend(fresh.too_old);
        let (pause, waits) = (settled.pause, !settled.pending.is_empty());
        let given_up = settled.dead.len();
        let webhooks = &self.workshop.store.webhooks;
        if !webhooks.settle(self.webhook.id, settled).await? {
            return Ok(Round::Ended);
        }
        (self.position, self.saved) = (position, position);
        let webhook = self.webhook.id;
        if given_up > 0 {
            tracing::warn!(%webhook, given_up, "deliveries of a webhook are given up");
        }
        if let Some(Pause { reason, .. }) = pause {
            tracing::warn!(%webhook, reason = reason.as_str(), "a webhook is paused");
            return Ok(Round::Ended);
        }
        if waits || !self.lanes.is_empty() {
            self.look_at_lanes().await?;
        }
        Ok(Round::Worked)
    }

    /// Whether something waits that is not known here; forgets that it was told so.
    fn is_nudged(&self) -> bool {
        self.nudge.notified().now_or_never().is_some()
    }

    async fn look_at_lanes(&mut self) -> Result<(), StoreError> {
        let webhooks = &self.workshop.store.webhooks;
        let counts = webhooks.counts(self.webhook.id).await?;
        self.lanes = Lanes::new(webhooks.lanes(self.webhook.id).await?, counts.pending);
        Ok(())
    }

    /// What has waited and is due. Where the first has failed before, it goes alone: if it fails
    /// again, the others need not have been read.
    async fn due(&self) -> Result<Work, StoreError> {
        let webhooks = &self.workshop.store.webhooks;
        let mut work = Work::new();
        for channel in self.lanes.due(self.workshop.clock.now()) {
            let first = webhooks.pending(self.webhook.id, channel, 1).await?;
            let is_fresh = first.first().is_some_and(|first| first.tries == 0);
            let rows = match is_fresh {
                true => webhooks.pending(self.webhook.id, channel, PAGE).await?,
                false => first,
            };
            let mut items = Vec::with_capacity(rows.len());
            for row in rows {
                items.push(self.item(row).await?);
            }
            work.insert(channel, items);
        }
        Ok(work)
    }

    async fn item(&self, row: Pending) -> Result<Item, StoreError> {
        let (event, place) = match row.event {
            Some(event) => (Some(event), Place::Replayed),
            None => (self.pages.event(row.seq).await?, Place::Waiting),
        };
        let event = match event {
            Some(event) => Some(self.workshop.resolve(&event).await?.into_owned()),
            None => None,
        };
        Ok(Item {
            seq: row.seq,
            event,
            tries: row.tries,
            since: row.since,
            place,
        })
    }

    /// What comes next in the journal: work, and beside it what has to wait behind others.
    async fn fresh(&self, work: &mut Work) -> Result<Fresh, StoreError> {
        let mut fresh = Fresh::at(self.position);
        if self.lanes.is_full() {
            return Ok(fresh);
        }
        let page = self.pages.after(self.position).await?;
        let Some(last) = page.last().map(|event| event.seq) else {
            return Ok(fresh);
        };
        tokio::select! {
            () = self.halt.stop.cancelled() => return Ok(fresh),
            _ = self.workshop.indexed.reached(last, INDEX_WAIT) => {}
        }
        fresh.position = last;
        let caller = (self.workshop.caller_of)(&self.webhook);
        for event in page.iter() {
            let event = self.workshop.resolve(event).await?;
            match self.workshop.wants(&self.webhook, &event).await? {
                Wish::Told => {}
                Wish::PassedOver => continue,
                Wish::Unknown => {
                    fresh.position = event.seq - 1;
                    fresh.is_held = true;
                    break;
                }
            }
            let channel = self.workshop.directory.channel(event.channel);
            let is_anothers = |caller: &ServiceCaller| {
                channel.is_some_and(|channel| !caller.may_work_for(&channel))
            };
            if caller.as_deref().is_some_and(is_anothers) {
                continue;
            }
            if self.workshop.is_too_old(event.arrived_at) {
                fresh.too_old.push(self.too_old(event.into_owned(), 0));
            } else if self.lanes.has(event.channel) {
                fresh.behind.push(waiting(&event));
            } else {
                work.entry(event.channel).or_default().push(item(&event));
            }
        }
        Ok(fresh)
    }

    fn is_time_to_look(&self) -> bool {
        !self.lanes.is_empty() && self.look_at <= self.workshop.clock.now()
    }

    /// Gives up what has waited for so long that the journal is not to be held for it; `false`
    /// when there is no such webhook any more.
    async fn give_up_what_is_too_old(&mut self) -> Result<bool, StoreError> {
        let webhooks = &self.workshop.store.webhooks;
        let (id, before) = (self.webhook.id, self.workshop.too_old_before());
        let mut given_up = 0;
        loop {
            let rows = webhooks.waiting_since(id, before, PAGE).await?;
            let is_last = rows.len() < PAGE;
            let mut settled = Settled::default();
            for row in rows {
                match self.pages.event(row.seq).await? {
                    Some(event) => settled.dead.push(self.too_old(event, row.tries)),
                    None => settled.done.push((row.channel, row.seq)),
                }
            }
            given_up += settled.dead.len();
            let is_there = webhooks.settle(id, settled).await?;
            if is_last || !is_there {
                self.look_at = self.workshop.clock.now().saturating_add(LOOK);
                if given_up > 0 {
                    tracing::warn!(webhook = %id, given_up, "deliveries of a webhook are too old");
                    self.look_at_lanes().await?;
                }
                return Ok(is_there);
            }
        }
    }

    fn too_old(&self, event: Event, tries: u32) -> DeadLetter {
        DeadLetter {
            webhook: self.webhook.id,
            event,
            tries,
            died_at: self.workshop.clock.now(),
            reason: TOO_OLD.to_owned(),
        }
    }

    /// Goes on over events that are none of its own.
    async fn pass_over(&mut self, position: Seq) -> Result<Round, StoreError> {
        if position == self.position {
            return Ok(Round::Idle);
        }
        let now = self.workshop.clock.now();
        if self.position == self.saved {
            self.moved_at = now;
        }
        self.position = position;
        let rested = Duration::from_millis(now.saturating_sub(self.moved_at));
        if position - self.saved >= STRIDE || rested >= REST {
            self.save().await;
        }
        Ok(Round::Worked)
    }

    async fn carry_out(&self, work: Work) -> Settled {
        // A receiver that is gone, or busy, ends the round, not the whole webhook's task.
        let halt = Halt {
            stop: self.halt.stop.child_token(),
            cut: self.halt.cut.clone(),
        };
        let walks = work.into_iter().map(|(channel, items)| {
            Line::new(&self.workshop, &self.webhook, channel, &halt).walk(items)
        });
        let mut walks = stream::iter(walks).buffer_unordered(IN_FLIGHT);
        let mut settled = Settled::default();
        while let Some(one) = walks.next().await {
            settled.done.extend(one.done);
            settled.pending.extend(one.pending);
            settled.dead.extend(one.dead);
            settled.attempts.extend(one.attempts);
            settled.pause = settled.pause.or(one.pause);
            settled.come_back_at = settled.come_back_at.max(one.come_back_at);
        }
        settled.attempts.sort_by_key(|attempt| attempt.at);
        settled
    }
}

/// What comes next, beside what can be delivered at once.
struct Fresh {
    /// The position behind it.
    position: Seq,
    /// Whether what comes next has to wait for the index.
    is_held: bool,
    /// What has to wait behind others of its channel.
    behind: Vec<Pending>,
    /// What nobody is to be told any more.
    too_old: Vec<DeadLetter>,
}

impl Fresh {
    fn at(position: Seq) -> Self {
        Self {
            position,
            is_held: false,
            behind: Vec::new(),
            too_old: Vec::new(),
        }
    }
}

fn item(event: &Event) -> Item {
    Item {
        seq: event.seq,
        event: Some(event.clone()),
        tries: 0,
        since: event.arrived_at,
        place: Place::Journal,
    }
}

fn waiting(event: &Event) -> Pending {
    Pending {
        channel: event.channel,
        seq: event.seq,
        tries: 0,
        due_at: 0,
        since: event.arrived_at,
        event: None,
    }
}
