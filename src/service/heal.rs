//! Healing: walks a channel's history on the homeserver back to where it is known to have no
//! gap, and takes in what the push has lost.
//!
//! The walk does not stop at the first event that is known: one that was pushed after the
//! gap, or our own echo, is known while older ones are not. It stops at the watermark, an
//! event near the one with which the last complete walk began.

use std::sync::Arc;

use futures_util::{StreamExt, stream};

use super::Core;
use super::reindex::Telling;
use crate::domain::channel::Channel;
use crate::domain::event::{Source, What};
use crate::domain::id::{ChannelId, EventId};
use crate::domain::{Error, Result};
use crate::homeserver::Mapped;
use crate::store::Placed;

/// Events a page of history.
const PAGE: usize = 100;
/// How far behind the newest event of a walk its watermark is set. A room's history is a graph:
/// an event that was made beside others can enter it later and yet stand before them, so the
/// next walk goes a little further back than where this one began.
const OVERLAP: usize = 50;
/// How many missing events are held back to be appended in the order of their history. Past
/// this they go in as they are found; lists are ordered by time whatever the journal's order.
const HELD_BACK: usize = 10_000;
/// How many channels are walked at the same time.
const AT_ONCE: usize = 4;

/// What a healing found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HealReport {
    pub channels: Vec<ChannelReport>,
}

/// What was found in one channel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChannelReport {
    pub channel: ChannelId,
    pub slug: String,
    /// How many events the homeserver had and the journal had not.
    pub missing: u64,
    /// How many of them are in the journal now.
    pub healed: u64,
    /// Why the walk could not be finished.
    pub error: Option<Error>,
}

impl HealReport {
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.channels.iter().map(|channel| channel.missing).sum()
    }

    #[must_use]
    pub fn healed(&self) -> u64 {
        self.channels.iter().map(|channel| channel.healed).sum()
    }

    /// An error that will be gone in a while, if that kept a channel from being walked.
    #[must_use]
    pub fn passing_error(&self) -> Option<&Error> {
        let errors = self
            .channels
            .iter()
            .filter_map(|channel| channel.error.as_ref());
        errors.into_iter().find(|error| error.is_transient())
    }

    /// How many channels could not be walked to the end.
    #[must_use]
    pub fn failed(&self) -> usize {
        let failed = |channel: &&ChannelReport| channel.error.is_some();
        self.channels.iter().filter(failed).count()
    }
}

impl Core {
    /// Heals every channel, and finds channels that were never announced to us. Fails when the
    /// homeserver is away; what is wrong with one channel stands in the report and in the log.
    pub async fn heal(&self) -> Result<HealReport> {
        self.find_upgrades(Source::Heal).await?;
        self.find_channels(Source::Heal).await?;
        Ok(self
            .heal_channels(self.directory.channels(), Source::Heal)
            .await)
    }

    /// Adopts the rooms of the connector that are channels but not in the directory. Says how
    /// many could not be looked at now. A room that the homeserver fails to tell of keeps no
    /// other from being found.
    pub async fn find_channels(&self, source: Source) -> Result<usize> {
        let mut unread = 0;
        for room in self.homeserver.joined_rooms().await? {
            if self.directory.channel_of(&room).is_some() {
                continue;
            }
            let Err(error) = self.adopt(&room, source).await else {
                continue;
            };
            tracing::warn!(%error, room_id = %room, "a room is not adopted");
            if error.is_transient() {
                self.homeserver.check().await?;
                unread += 1;
            }
        }
        Ok(unread)
    }

    /// Walks these channels' histories.
    pub async fn heal_channels(&self, channels: Vec<Arc<Channel>>, source: Source) -> HealReport {
        let walks = channels
            .into_iter()
            .map(|channel| async move { self.heal_channel(&channel, source).await });
        let mut channels: Vec<_> = stream::iter(walks)
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        channels.sort_by(|a, b| a.slug.cmp(&b.slug));
        let report = HealReport { channels };
        if report.missing() > 0 || report.failed() > 0 {
            tracing::info!(
                missing = report.missing(),
                healed = report.healed(),
                failed = report.failed(),
                "healed"
            );
        }
        report
    }

    /// Walks one channel's history.
    pub async fn heal_channel(&self, channel: &Channel, source: Source) -> ChannelReport {
        self.heal_until(channel, None, source).await
    }

    /// The same, of a room that was replaced: what was said there behind the event that ended it is
    /// not the channel's.
    pub(super) async fn heal_until(
        &self,
        channel: &Channel,
        end: Option<&EventId>,
        source: Source,
    ) -> ChannelReport {
        let mut report = ChannelReport {
            channel: channel.id,
            slug: channel.slug.clone(),
            missing: 0,
            healed: 0,
            error: None,
        };
        if let Err(error) = self.walk(channel, end, source, &mut report).await {
            tracing::warn!(%error, channel_id = %channel.id, "a channel is not healed");
            report.error = Some(error);
        }
        report
    }

    async fn walk(
        &self,
        channel: &Channel,
        mut end: Option<&EventId>,
        source: Source,
        report: &mut ChannelReport,
    ) -> Result<()> {
        self.survey(channel, source).await?;
        let index = &self.store.index;
        let watermark = index.watermark(channel.id).await?;
        let telling = self.telling(source).await?;
        let mut mark: Option<EventId> = None;
        let mut missing: Vec<Mapped> = Vec::new();
        let mut from: Option<String> = None;
        loop {
            let page = self
                .homeserver
                .history(channel, from.as_deref(), PAGE, source)
                .await?;
            let (mut fresh, done) = cut_at(page.events, watermark.as_ref(), &mut mark);
            drop_behind(&mut end, &mut fresh);
            self.keep_unknown(fresh, telling, &mut missing).await?;
            if missing.len() > HELD_BACK {
                self.take_in(std::mem::take(&mut missing), report).await?;
            } else if telling.is_rebuild() {
                // The order in the journal of what nobody is told of is nobody's concern.
                let (news, rest) = missing.into_iter().partition(is_news);
                missing = news;
                self.take_in(rest, report).await?;
            }
            match page.next {
                Some(next) if !done => from = Some(next),
                _ => break,
            }
        }
        self.take_in(missing, report).await?;
        match mark {
            Some(mark) if watermark.as_ref() != Some(&mark) => {
                Ok(index.set_watermark(channel.id, &mark).await?)
            }
            _ => Ok(()),
        }
    }

    async fn keep_unknown(
        &self,
        page: Vec<(Option<EventId>, Mapped)>,
        telling: Telling,
        missing: &mut Vec<Mapped>,
    ) -> Result<()> {
        let ids: Vec<_> = page.iter().filter_map(|(id, _)| id.clone()).collect();
        let mut known = self.store.journal.knows(&ids).await?.into_iter();
        for (id, mapped) in page {
            let is_known = id.is_some() && known.next().unwrap_or(false);
            match mapped {
                Mapped::Event(mut event) if !is_known => {
                    event.source = telling.source_of(&event.what);
                    missing.push(Mapped::Event(event));
                }
                // The push has counted them; a rebuild begins the count anew.
                Mapped::Skipped(_) if telling.is_rebuild() => missing.push(mapped),
                _ => {}
            }
        }
        Ok(())
    }

    /// Appends what was missing, oldest first, in steps that leave room for others.
    async fn take_in(&self, mut missing: Vec<Mapped>, report: &mut ChannelReport) -> Result<()> {
        report.missing += missing.iter().filter(|one| is_event(one)).count() as u64;
        let mut head = 0;
        while !missing.is_empty() {
            let rest = missing.len().saturating_sub(PAGE);
            let mut step = missing.split_off(rest);
            step.reverse();
            let appended = self.ingest.found(step).await?;
            let is_new = |placed: &&Placed| matches!(placed, Placed::New(_));
            report.healed += appended.placed.iter().filter(is_new).count() as u64;
            head = appended.head;
        }
        self.indexed_to(head).await
    }
}

/// The events of a page in front of the watermark, and whether it was met. The first page of a
/// walk gives the next watermark.
fn cut_at(
    page: Vec<(Option<EventId>, Mapped)>,
    watermark: Option<&EventId>,
    mark: &mut Option<EventId>,
) -> (Vec<(Option<EventId>, Mapped)>, bool) {
    if mark.is_none() {
        let mut ids = page.iter().filter_map(|(id, _)| id.as_ref());
        *mark = ids
            .clone()
            .nth(OVERLAP)
            .or_else(|| ids.next_back())
            .cloned();
    }
    let mut fresh = page;
    let met = watermark.and_then(|mark| fresh.iter().position(|(id, _)| id.as_ref() == Some(mark)));
    if let Some(at) = met {
        fresh.truncate(at);
    }
    (fresh, met.is_some())
}

/// Drops what a page, the newest first, has behind the end of a room, but for what takes something
/// back. The end is forgotten when it is met.
fn drop_behind(end: &mut Option<&EventId>, page: &mut Vec<(Option<EventId>, Mapped)>) {
    let Some(met) = *end else {
        return;
    };
    page.retain(|(id, mapped)| {
        if id.as_ref() == Some(met) {
            *end = None;
        }
        end.is_none() || takes_back(mapped)
    });
}

fn takes_back(mapped: &Mapped) -> bool {
    let Mapped::Event(event) = mapped else {
        return false;
    };
    matches!(
        event.what,
        What::MessageDeleted { .. } | What::ReactionRemoved { .. }
    )
}

/// Whether live streams are told of it.
fn is_news(mapped: &Mapped) -> bool {
    matches!(mapped, Mapped::Event(event) if event.source != Source::Rebuild)
}

fn is_event(mapped: &Mapped) -> bool {
    matches!(mapped, Mapped::Event(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(ids: std::ops::Range<usize>) -> Vec<(Option<EventId>, Mapped)> {
        let id = |number: usize| Some(EventId::trusted(format!("${number}")));
        ids.map(|number| (id(number), Mapped::Nothing)).collect()
    }

    #[test]
    fn the_next_walk_goes_further_back_than_this_one_began() {
        let mut mark = None;
        let (fresh, met) = cut_at(page(0..100), None, &mut mark);
        assert_eq!((fresh.len(), met), (100, false));
        assert_eq!(mark, Some(EventId::trusted("$50")));
        let mut unmoved = mark.clone();
        cut_at(page(100..200), None, &mut unmoved);
        assert_eq!(unmoved, mark);
    }

    #[test]
    fn a_short_history_is_walked_whole() {
        let mut mark = None;
        cut_at(page(0..10), None, &mut mark);
        assert_eq!(mark, Some(EventId::trusted("$9")));
        let (fresh, met) = cut_at(page(0..10), mark.clone().as_ref(), &mut mark);
        assert_eq!((fresh.len(), met), (9, true));
    }
}
