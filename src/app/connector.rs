//! The connector's life: it finds the homeserver, has it push, heals what was lost and looks
//! after what was left open, at the start, on a timer and whenever the homeserver is back.

mod suspicion;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::suspicion::Suspicion;
use crate::domain::Result;
use crate::domain::event::Source;
use crate::ingest::Outlets;
use crate::service::Core;
use crate::service::accounts::Accounts;
use crate::service::auth::Auth;
use crate::service::creation::Creator;
use crate::service::idempotency::Requests;
use crate::service::link::Link;
use crate::service::presence::Presence;
use crate::service::reindex::Rebuilds;
use crate::service::scheduled::Schedule;
use crate::systemd;

/// How often the homeserver is asked whether it is there.
const CHECK: Duration = Duration::from_secs(5);
/// How often it is written down who was here and what was used.
const USES: Duration = Duration::from_secs(60);
/// How often what is past its time is dropped.
const TIDY: Duration = Duration::from_secs(15 * 60);
/// The shortest and the longest pause between attempts to reach it.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));

/// What works beside the requests.
pub struct Connector {
    pub core: Arc<Core>,
    pub creator: Arc<Creator>,
    pub presence: Arc<Presence>,
    pub rebuilds: Arc<Rebuilds>,
    pub auth: Arc<Auth>,
    pub accounts: Arc<Accounts>,
    pub requests: Arc<Requests>,
    pub link: Arc<Link>,
    pub schedule: Arc<Schedule>,
    pub account_check: Duration,
    pub heal_interval: Duration,
    pub retention: Duration,
    pub audit_retention: Duration,
}

impl Connector {
    /// Starts the tasks.
    pub fn start(self, outlets: Outlets, tracker: &TaskTracker, stop: &CancellationToken) {
        let Outlets {
            mut claims,
            mut ephemeral,
        } = outlets;
        let core = self.core.clone();
        until(tracker, stop, async move {
            while let Some(room) = claims.recv().await {
                if let Err(error) = take_up(&core, &room).await {
                    tracing::warn!(%error, room_id = %room, "a room is not taken up yet");
                }
            }
        });
        let core = self.core.clone();
        until(tracker, stop, async move {
            let mut doors = core.indexed.doors();
            loop {
                match doors.recv().await {
                    Ok(id) => core.tend_space_of(id).await,
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => break,
                }
            }
        });
        let presence = self.presence.clone();
        until(tracker, stop, async move {
            while let Some(news) = ephemeral.recv().await {
                presence.note(news);
            }
        });
        until(tracker, stop, keep_uses(self.auth.clone()));
        let tidying = Tidying {
            core: self.core.clone(),
            auth: self.auth.clone(),
            requests: self.requests.clone(),
            audit_retention: self.audit_retention,
        };
        until(tracker, stop, tidying.run());
        until(tracker, stop, self.schedule.clone().run());
        until(tracker, stop, self.accounts.clone().run(self.account_check));
        until(tracker, stop, self.run());
    }

    async fn run(self) {
        let gaps = || self.core.ingest.counters().gaps();
        let mut suspicion = Suspicion::default();
        loop {
            suspicion.begin(gaps());
            let healed = self.reach().await;
            suspicion.judge(healed, self.heal_interval);
            systemd::status("serving");
            let mut since_healing = Duration::ZERO;
            while since_healing < self.heal_interval {
                let pause = CHECK.min(self.heal_interval);
                tokio::time::sleep(pause).await;
                since_healing += pause;
                if let Err(error) = self.check().await {
                    tracing::warn!(%error, "the homeserver is away");
                    break;
                }
                if self.core.homeserver.was_away() {
                    tracing::info!("the homeserver was away for a moment");
                    break;
                }
                if suspicion.after(pause, gaps()) {
                    tracing::debug!("a transaction of the homeserver's has not come");
                    break;
                }
                // It may have been mended, and then what waits comes at once.
                if self.link.is_ping_failing() {
                    self.ping().await;
                }
                // What it was still at when it was last looked for may be there now.
                if let Err(error) = self.creator.settle().await {
                    tracing::warn!(%error, "creations stay open");
                }
            }
        }
    }

    /// Tries until the homeserver is there and everything is looked after once. Answers how many
    /// events were missing.
    async fn reach(&self) -> u64 {
        let mut pause = PAUSES.0;
        loop {
            match self.look_after().await {
                Ok(healed) => return healed,
                Err(error) => {
                    systemd::status(&format!("serving, without the homeserver: {error}"));
                    tracing::warn!(%error, "the connector is not at work yet");
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    async fn check(&self) -> Result<()> {
        let outcome = self.core.homeserver.check().await;
        self.link.note_check(&outcome);
        outcome
    }

    /// Has the homeserver reach us, which also makes it push at once what it could not push
    /// before. Said aloud when it is news.
    async fn ping(&self) {
        let outcome = self.core.homeserver.ping().await.map(drop);
        let now = self.core.clock.now();
        if !self.link.note_ping(now, outcome.clone()) {
            return;
        }
        if let Err(error) = outcome {
            tracing::warn!(
                %error,
                "the homeserver cannot reach us: check matrix.connector_url and the registration"
            );
        }
    }

    async fn look_after(&self) -> Result<u64> {
        let core = &self.core;
        self.check().await?;
        // All that follows is for the case that it was.
        let _ = core.homeserver.was_away();
        core.homeserver.register_connector().await?;
        self.ping().await;
        self.creator.settle().await?;
        // An empty journal beside a homeserver that has channels is a lost data directory: what
        // is found is no news to anybody.
        let index = &core.store.index;
        if core.store.journal.head() == 0 && index.rebuilding().await?.is_none() {
            index.set_rebuilding(Some(core.clock.now())).await?;
        }
        self.rebuilds.resume(core).await?;
        let healed = core.heal().await?;
        core.recover_agents().await?;
        let told = self.presence.refresh().await;
        let dropped = core.trim_journal(self.retention).await?;
        if dropped > 0 {
            tracing::info!(dropped, "the journal's old events are dropped");
        }
        if let Err(error) = &told {
            tracing::warn!(%error, "who is online is not known of everybody");
        }
        // One room or user that the homeserver fails on is no reason to begin anew: it waits for
        // the timer.
        if told.is_err() || healed.passing_error().is_some() {
            core.homeserver.check().await?;
        }
        tracing::info!(unhealed = healed.failed(), "the connector is at work");
        Ok(healed.healed())
    }
}

/// Drops what is past its time, whether the homeserver is there or not.
struct Tidying {
    core: Arc<Core>,
    auth: Arc<Auth>,
    requests: Arc<Requests>,
    audit_retention: Duration,
}

impl Tidying {
    async fn run(self) {
        loop {
            self.tidy().await;
            tokio::time::sleep(TIDY).await;
        }
    }

    /// Each by itself: what cannot be dropped holds nothing else up.
    async fn tidy(&self) {
        let expired = dropped("sessions", self.auth.drop_expired().await);
        if expired > 0 {
            tracing::info!(expired, "sessions have expired");
        }
        dropped("named requests", self.requests.drop_old().await);
        let trimmed = self.core.trim_audit(self.audit_retention).await;
        let trimmed = dropped("records of the audit log", trimmed);
        if trimmed > 0 {
            tracing::info!(trimmed, "old records of the audit log are dropped");
        }
    }
}

/// How many were dropped; says aloud when they could not be.
fn dropped(what: &'static str, outcome: Result<u64>) -> u64 {
    outcome.unwrap_or_else(|error| {
        tracing::warn!(%error, what, "what is past its time is not dropped");
        0
    })
}

/// Writes down now and then who was here and what was used, and forgets keys that are past use.
async fn keep_uses(auth: Arc<Auth>) {
    loop {
        tokio::time::sleep(USES).await;
        let kept = async {
            auth.save_uses().await?;
            auth.drop_retired_keys().await
        };
        match kept.await {
            Ok(0) => {}
            Ok(dropped) => tracing::info!(dropped, "signing keys that were replaced are forgotten"),
            Err(error) => tracing::warn!(%error, "when tokens were used last is not noted"),
        }
    }
}

/// Adopts a room that says it is a channel, and reads its history; moves a channel with its room.
async fn take_up(core: &Core, room: &crate::domain::id::RoomId) -> Result<()> {
    // Of a room that is a channel already, this is the news that it was replaced.
    if let Some(channel) = core.directory.channel_of(room) {
        return core.follow_upgrade(channel.id, Source::Heal).await;
    }
    if let Some(channel) = core.adopt(room, Source::Heal).await? {
        core.heal_channel(&channel, Source::Heal).await;
    }
    Ok(())
}

/// Runs a task until it ends or is told to stop.
fn until(
    tracker: &TaskTracker,
    stop: &CancellationToken,
    work: impl Future<Output = ()> + Send + 'static,
) {
    let stop = stop.clone();
    tracker.spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = work => {}
        }
    });
}
