//! Backfill: brings the rooms of an older installation in, and sees that each city room has
//! its Matrix room and its alias.
//!
//! Safe to repeat and to interrupt: each room is looked up by its alias first and is either
//! found, and then marked as a channel, or created like any new room.

mod job;

use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard, mpsc};

pub use self::job::{Job, JobState};
use self::job::{JobBoard, Running};

use super::Core;
use super::city::{City, NewCityRoom};
use super::creation::Creator;
use crate::acts;
use crate::domain::channel::{Channel, ChannelKind, ChannelStatus};
use crate::domain::event::Source;
use crate::domain::id::RoomId;
use crate::domain::{Error, Result, slug, text};
use crate::homeserver::{ChannelState, Setting};
use crate::store::Creation;

/// The most rooms in one call.
pub const MAX_ROOMS: usize = 10_000;

/// A city room as an older installation knew it.
#[derive(Clone, Debug)]
pub struct OldRoom {
    pub slug: String,
    pub name: String,
    pub description: String,
}

/// What became of one room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Its Matrix room was there.
    Found,
    /// Its Matrix room was made.
    Created,
    Failed(String),
}

/// A step of a backfill.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    pub slug: String,
    pub outcome: Outcome,
    pub done: usize,
    pub total: usize,
}

/// What a backfill did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    pub checked: usize,
    pub found: usize,
    pub created: usize,
    /// Slug and reason of each room that failed.
    pub failed: Vec<(String, String)>,
}

/// The backfill service.
pub struct Backfill {
    core: Arc<Core>,
    city: Arc<City>,
    creator: Arc<Creator>,
    /// One backfill at a time: a second one waits its turn.
    turn: Arc<Mutex<()>>,
    job: JobBoard,
}

impl Backfill {
    #[must_use]
    pub fn new(core: Arc<Core>, city: Arc<City>, creator: Arc<Creator>) -> Self {
        Self {
            core,
            city,
            creator,
            turn: Arc::default(),
            job: JobBoard::default(),
        }
    }

    /// Checks what a caller gave before anything is done.
    pub fn check(rooms: &[OldRoom]) -> Result<()> {
        if rooms.len() > MAX_ROOMS {
            return Err(Error::invalid(
                "rooms",
                format!("must be at most {MAX_ROOMS}"),
            ));
        }
        for (at, room) in rooms.iter().enumerate() {
            let named = |error: Error| match error {
                Error::Invalid { field, message } => {
                    Error::invalid("rooms", format!("[{at}].{field}: {message}"))
                }
                other => other,
            };
            slug::check(&room.slug).map_err(named)?;
            text::name("name", &room.name).map_err(named)?;
            text::description(&room.description).map_err(named)?;
        }
        Ok(())
    }

    /// Works through these rooms and every city room that is known. Each step is reported as
    /// it is done; a listener that has gone away does not stop the work.
    pub async fn run(&self, rooms: Vec<OldRoom>, steps: mpsc::Sender<Step>) -> Result<Summary> {
        Self::check(&rooms)?;
        let turn = self.turn.clone().lock_owned().await;
        let job = self.job.begin(self.core.clock.now());
        self.core.record_begun("backfill.begun").await?;
        self.run_in(turn, job, rooms, steps).await
    }

    /// Begins a backfill that goes on by itself, unless one is under way.
    pub fn begin(self: &Arc<Self>, rooms: Vec<OldRoom>) -> Result<Job> {
        Self::check(&rooms)?;
        let turn = self
            .turn
            .clone()
            .try_lock_owned()
            .map_err(|_| Error::conflict("a backfill is under way; wait until it is done"))?;
        let job = self.job.begin(self.core.clock.now());
        let begun = self.job.read();
        let backfill = self.clone();
        tokio::spawn(acts::in_steps(async move {
            if let Err(error) = backfill.core.record_begun("backfill.begun").await {
                tracing::warn!(%error, "a backfill is not in the audit log");
            }
            // Nobody listens: who wants to know reads the job.
            let (steps, _) = mpsc::channel(1);
            backfill.run_in(turn, job, rooms, steps).await
        }));
        Ok(begun)
    }

    /// What the latest backfill is at.
    #[must_use]
    pub fn job(&self) -> Job {
        self.job.read()
    }

    /// Runs in a turn of its own, and keeps the job true.
    async fn run_in(
        &self,
        _turn: OwnedMutexGuard<()>,
        job: Running,
        rooms: Vec<OldRoom>,
        steps: mpsc::Sender<Step>,
    ) -> Result<Summary> {
        let outcome = self.work(&job, rooms, steps).await;
        if let Err(error) = &outcome {
            tracing::warn!(%error, "a backfill could not go on");
        }
        job.end(self.core.clock.now(), &outcome);
        outcome
    }

    async fn work(
        &self,
        job: &Running,
        rooms: Vec<OldRoom>,
        steps: mpsc::Sender<Step>,
    ) -> Result<Summary> {
        self.creator.settle().await?;
        self.core.find_channels(Source::Heal).await?;
        let rooms = self.with_known(rooms);
        let total = rooms.len();
        job.set_total(total);
        let mut summary = Summary::default();
        for (at, room) in rooms.into_iter().enumerate() {
            let slug = room.slug.clone();
            let outcome = match self.bring_in(room).await {
                Ok(outcome) => outcome,
                Err(error) => {
                    // Without the homeserver the other rooms would fail as well.
                    if matches!(error, Error::HomeserverUnavailable { .. }) {
                        self.core.homeserver.check().await?;
                    }
                    Outcome::Failed(error.to_string())
                }
            };
            summary.count(&slug, &outcome);
            job.count(&slug, &outcome);
            let done = at + 1;
            let _ = steps.try_send(Step {
                slug,
                outcome,
                done,
                total,
            });
        }
        Ok(summary)
    }

    /// The given rooms, and then the known ones that are not among them. A slug counts once.
    fn with_known(&self, given: Vec<OldRoom>) -> Vec<OldRoom> {
        let known = self.core.directory.channels().into_iter();
        let known = known.filter(|channel| channel.kind == ChannelKind::City);
        let known = known.map(|channel| OldRoom {
            slug: channel.slug.clone(),
            name: channel.name.clone(),
            description: channel.description.clone(),
        });
        let mut seen = std::collections::HashSet::new();
        let all = given.into_iter().chain(known);
        all.filter(|room| seen.insert(room.slug.clone())).collect()
    }

    async fn bring_in(&self, room: OldRoom) -> Result<Outcome> {
        let core = &self.core;
        let alias = core.directory.city.alias(&room.slug)?;
        let found = core.homeserver.resolve_alias(&alias).await?;
        match (core.directory.city_room(&room.slug), found) {
            (Some(channel), Some(found)) if channel.room == found => {
                if channel.alias.as_ref() != Some(&alias) {
                    let canonical = Setting::CanonicalAlias(alias);
                    core.homeserver.set(&channel.room, &canonical, None).await?;
                }
                Ok(Outcome::Found)
            }
            (Some(channel), Some(found)) => Err(Error::conflict(format!(
                "{alias} belongs to {found}, but the city room is {}",
                channel.room
            ))),
            (Some(channel), None) => {
                core.homeserver.set_alias(&alias, &channel.room).await?;
                let canonical = Setting::CanonicalAlias(alias);
                core.homeserver.set(&channel.room, &canonical, None).await?;
                Ok(Outcome::Found)
            }
            (None, Some(found)) => {
                self.take_up(room, &found).await?;
                Ok(Outcome::Found)
            }
            (None, None) => {
                let creation = self.creation(room).await?;
                self.creator.create(creation).await?;
                Ok(Outcome::Created)
            }
        }
    }

    /// Makes a room that others made into the city's.
    async fn take_up(&self, old: OldRoom, room: &RoomId) -> Result<Arc<Channel>> {
        let core = &self.core;
        let taken = |channel: &Channel| {
            Error::conflict(format!("the room is channel {} already", channel.slug))
        };
        if let Some(channel) = core.directory.channel_of(room) {
            return Err(taken(&channel));
        }
        core.homeserver.take_over(room, None).await?;
        // It may have been a channel before our data were lost: then it stays that one.
        let channel = match core.adopt(room, Source::Heal).await? {
            Some(channel) if channel.kind == ChannelKind::City && channel.slug == old.slug => {
                channel
            }
            Some(channel) => return Err(taken(&channel)),
            None => self.mark(old, room).await?,
        };
        let report = core.heal_channel(&channel, Source::Heal).await;
        if let Some(error) = report.error {
            tracing::warn!(%error, channel_id = %channel.id, "a found room's history is not whole");
        }
        Ok(channel)
    }

    /// Says in a room's state that it is a channel, and believes it.
    async fn mark(&self, old: OldRoom, room: &RoomId) -> Result<Arc<Channel>> {
        let core = &self.core;
        let creation = self.creation(old).await?;
        let state = ChannelState {
            id: creation.id,
            kind: creation.kind,
            slug: creation.slug.clone(),
            microdao: creation.microdao,
            visibility: creation.visibility,
            confidential: false,
            status: ChannelStatus::Active,
            is_default: creation.is_default,
            slow_mode_seconds: 0,
            created_by: None,
            created_at: creation.begun_at,
            changed_by: None,
        };
        core.homeserver
            .set(room, &Setting::Channel(state), None)
            .await?;
        let adopted = core.adopt(room, Source::Heal).await?;
        adopted.ok_or_else(|| {
            Error::HomeserverNonsense(format!("{room} does not show what was set in it"))
        })
    }

    async fn creation(&self, room: OldRoom) -> Result<Creation> {
        let new = NewCityRoom {
            slug: Some(room.slug),
            name: room.name,
            description: room.description,
            private: false,
            is_default: None,
        };
        self.city.creation(new, None).await
    }
}

impl Summary {
    fn count(&mut self, slug: &str, outcome: &Outcome) {
        self.checked += 1;
        match outcome {
            Outcome::Found => self.found += 1,
            Outcome::Created => self.created += 1,
            Outcome::Failed(reason) => self.failed.push((slug.to_owned(), reason.clone())),
        }
    }
}
