//! One channel's part of a webhook's batch: delivered one after the other, and when one of them
//! has to wait, so do those behind it.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::outlet::Answer;
use super::payload::{self, Delivery};
use super::{Standing, Wish, Workshop};
use crate::domain::Error;
use crate::domain::event::Event;
use crate::domain::id::{ChannelId, Millis, Seq};
use crate::domain::webhook::{Pause, PauseReason, Verdict, Webhook};
use crate::store::webhooks::{DeadLetter, Fate, Pending, Settled};

/// A wait up to here is waited for at once; a longer one is written down.
const AT_ONCE: Duration = Duration::from_secs(2);
/// How long a line may take before the rest is left to the next round: what came of it is
/// written down then.
const TURN: Duration = Duration::from_secs(15);
/// When an event is asked for again that the homeserver did not give us, in milliseconds.
const AGAIN: Millis = 5_000;

/// How a webhook is ended.
#[derive(Clone, Debug)]
pub struct Halt {
    /// Nothing more is sent.
    pub stop: CancellationToken,
    /// What is on its way is given up.
    pub cut: CancellationToken,
}

/// An event to be delivered.
#[derive(Clone, Debug)]
pub struct Item {
    pub seq: Seq,
    /// `None` when the journal has it no more.
    pub event: Option<Event>,
    pub tries: u32,
    /// Since when it is to be delivered.
    pub since: Millis,
    pub place: Place,
}

/// Where an item comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// From the journal, just now.
    Journal,
    /// It has waited.
    Waiting,
    /// It has waited, and its event with it, because it was replayed.
    Replayed,
}

/// The line.
pub struct Line<'a> {
    pub workshop: &'a Workshop,
    pub webhook: &'a Webhook,
    pub channel: ChannelId,
    pub halt: &'a Halt,
    settled: Settled,
}

impl<'a> Line<'a> {
    #[must_use]
    pub fn new(
        workshop: &'a Workshop,
        webhook: &'a Webhook,
        channel: ChannelId,
        halt: &'a Halt,
    ) -> Self {
        Self {
            workshop,
            webhook,
            channel,
            halt,
            settled: Settled::default(),
        }
    }

    /// Delivers what can be delivered now, and says what came of all of it.
    pub async fn walk(mut self, items: Vec<Item>) -> Settled {
        let began = self.workshop.clock.instant();
        let mut items = items.into_iter();
        for item in items.by_ref() {
            if self.halt.stop.is_cancelled() || began.elapsed() > TURN {
                self.leave(item);
                break;
            }
            if let Some((item, due_at)) = self.deliver(item).await {
                self.wait(item, due_at);
                break;
            }
        }
        for item in items {
            self.leave(item);
        }
        self.settled
    }

    /// Delivers an item or gives it up. Otherwise answers it, and when it is tried again.
    async fn deliver(&mut self, mut item: Item) -> Option<(Item, Millis)> {
        let workshop = self.workshop;
        let now = || workshop.clock.now();
        let Some(event) = item.event.clone() else {
            // It was dropped while the webhook was paused, as retention says.
            self.settled.done.push((self.channel, item.seq));
            return None;
        };
        // It may have been read before its channel was known, or been unsubscribed from since.
        let channel = workshop.directory.channel(self.channel);
        let channel = channel.as_deref();
        let standing = workshop.standing(self.webhook, channel);
        let wish = match workshop.wants(self.webhook, &event).await {
            Ok(Wish::Unknown) => return Some((item, now() + AGAIN)),
            Ok(wish) => wish,
            Err(error) => {
                tracing::warn!(%error, webhook = %self.webhook.id, "cannot tell who hears of an event");
                return Some((item, now() + AGAIN));
            }
        };
        if wish == Wish::PassedOver || standing == Standing::AnothersRoom {
            self.done(&item);
            return None;
        }
        let prepared = tokio::select! {
            () = self.halt.cut.cancelled() => return Some((item, 0)),
            prepared = payload::prepare(workshop, self.webhook, &event) => prepared,
        };
        let delivery = match prepared {
            Ok(delivery) => delivery,
            Err(error) if self.may_pass(&error).await => {
                tracing::debug!(%error, webhook = %self.webhook.id, "an event cannot be told yet");
                return Some((item, now() + AGAIN));
            }
            Err(error) => {
                tracing::warn!(%error, webhook = %self.webhook.id, seq = item.seq, "an event cannot be told");
                self.bury(event, item.tries, error.to_string());
                return None;
            }
        };
        let is_old = workshop
            .schedule
            .has_outlived(item.tries, item.since, now());
        loop {
            match workshop.standing(self.webhook, channel) {
                Standing::Good => {}
                Standing::AnothersRoom => {
                    self.done(&item);
                    return None;
                }
                Standing::Ended => return Some((self.pause(item, PauseReason::Revoked), 0)),
            }
            let answer = tokio::select! {
                () = self.halt.cut.cancelled() => return Some((item, 0)),
                answer = workshop.outlet.send(self.webhook, &delivery) => answer,
            };
            item.tries += 1;
            let retry_after = match answer.verdict() {
                Verdict::Delivered => {
                    self.log(&answer, &delivery, &item, Fate::Delivered, None);
                    self.done(&item);
                    return None;
                }
                Verdict::Gone => {
                    self.log(&answer, &delivery, &item, Fate::Paused, None);
                    return Some((self.pause(item, PauseReason::Gone), 0));
                }
                Verdict::Failed { retry_after } => retry_after,
            };
            let luck = workshop.clock.luck();
            let wait = workshop.schedule.wait_after(item.tries, retry_after, luck);
            // Its long waits are over, but not what the receiver asks for.
            let waits = |wait: &Duration| {
                !is_old || retry_after.is_some() || *wait <= workshop.schedule.longest_quick()
            };
            let Some(wait) = wait.filter(waits) else {
                self.log(&answer, &delivery, &item, Fate::GivenUp, None);
                self.bury(event, item.tries, answer.words());
                return None;
            };
            let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            let due_at = now().saturating_add(wait_ms);
            self.log(&answer, &delivery, &item, Fate::Retried, Some(due_at));
            if wait > AT_ONCE {
                if retry_after.is_some() {
                    // It is the receiver that wants to be left alone, not this channel.
                    self.settled.come_back_at = Some(due_at);
                    self.halt.stop.cancel();
                }
                return Some((item, due_at));
            }
            tokio::select! {
                () = self.halt.stop.cancelled() => return Some((item, due_at)),
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Ends the round: nothing more is sent. Answers the item, which waits.
    fn pause(&mut self, item: Item, reason: PauseReason) -> Item {
        self.settled.pause = Some(Pause {
            reason,
            at: self.workshop.clock.now(),
        });
        self.halt.stop.cancel();
        item
    }

    /// Whether what keeps an event from being told will be over by itself. While the channels
    /// are read anew one of them may be missing.
    async fn may_pass(&self, error: &Error) -> bool {
        let rebuilding = async || self.workshop.store.index.rebuilding().await;
        error.is_transient() || !matches!(rebuilding().await, Ok(None))
    }

    fn log(
        &mut self,
        answer: &Answer,
        delivery: &Delivery,
        item: &Item,
        fate: Fate,
        next_at: Option<Millis>,
    ) {
        let mut attempt = answer.attempt(delivery, next_at, item.tries, fate);
        let channel = self.workshop.directory.channel(self.channel);
        if delivery.has_content && channel.is_none_or(|channel| channel.confidential) {
            // The channel was encrypted meanwhile, and the answer may repeat what was sent.
            attempt.answer.clear();
        }
        self.settled.attempts.push(attempt);
    }

    fn done(&mut self, item: &Item) {
        if item.place != Place::Journal {
            self.settled.done.push((self.channel, item.seq));
        }
    }

    fn bury(&mut self, event: Event, tries: u32, reason: String) {
        self.settled.dead.push(DeadLetter {
            webhook: self.webhook.id,
            event,
            tries,
            died_at: self.workshop.clock.now(),
            reason,
        });
    }

    fn wait(&mut self, item: Item, due_at: Millis) {
        self.settled.pending.push(Pending {
            channel: self.channel,
            seq: item.seq,
            tries: item.tries,
            due_at,
            since: item.since,
            event: item.event.filter(|_| item.place == Place::Replayed),
        });
    }

    /// Lets an item wait behind others. Those that waited before do so as they did.
    fn leave(&mut self, item: Item) {
        if item.place == Place::Journal {
            self.wait(item, 0);
        }
    }
}
