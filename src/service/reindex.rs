//! Rebuilding the index: from the journal, or from the homeserver alone.

use std::sync::Arc;
use std::time::Duration;

use super::Core;
use crate::domain::agent::Agent;
use crate::domain::entity::{Entity, EntityKind};
use crate::domain::event::{Source, What};
use crate::domain::id::Millis;
use crate::domain::member::Membership;
use crate::domain::{Error, Result};
use crate::store::{ClearTo, MemberQuery, StoreError};

/// How long a rebuild may take.
const LIMIT: Duration = Duration::from_secs(24 * 3600);

/// What a rebuild brought.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReindexReport {
    pub channels: u64,
    pub messages: u64,
    /// Channels whose history could not be read to its beginning.
    pub failed: u64,
}

/// Tells what has happened from what a rebuild only reads again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Telling {
    source: Source,
    /// When the rebuild began.
    since: Millis,
}

impl Telling {
    pub fn is_rebuild(self) -> bool {
        self.source == Source::Rebuild
    }

    /// While the index was empty, whatever was pushed was taken for another room's and dropped:
    /// what has happened since is news, although it is the rebuild that finds it. What was pushed
    /// right before may be told twice.
    pub fn source_of(self, what: &What) -> Source {
        if self.is_rebuild() && what.at() >= self.since {
            return Source::Heal;
        }
        self.source
    }
}

impl Core {
    /// What of the events that are read for `source` is news. Until a rebuild has ended, healing
    /// finds what was there before it, too: the index has forgotten that it knew of it.
    pub(crate) async fn telling(&self, source: Source) -> Result<Telling> {
        let rebuilding = match source {
            Source::Heal | Source::Rebuild => self.store.index.rebuilding().await?,
            Source::Push | Source::Echo => None,
        };
        Ok(Telling {
            source: rebuilding.map_or(source, |_| Source::Rebuild),
            since: rebuilding.unwrap_or(Millis::MAX),
        })
    }

    /// Rebuilds the index from the journal.
    pub async fn reindex_from_journal(&self) -> Result<ReindexReport> {
        self.indexed.clear(ClearTo::JournalStart).await?;
        let head = self.store.journal.head();
        if !self.indexed.reached(head, LIMIT).await {
            return Err(Error::TimedOut(
                "the index is still being filled".to_owned(),
            ));
        }
        self.counted(0).await
    }

    /// Rebuilds the index from what the homeserver has. Interrupted, it goes on at the next
    /// start.
    pub async fn reindex_from_homeserver(&self) -> Result<ReindexReport> {
        self.homeserver.check().await?;
        let since = self.clock.now();
        self.indexed.clear(ClearTo::JournalEnd { since }).await?;
        self.resume_rebuild().await
    }

    /// Goes on with a rebuild from the homeserver; what is there already is dropped. Of an
    /// empty store it makes a full one.
    pub async fn resume_rebuild(&self) -> Result<ReindexReport> {
        let unread = self.find_channels(Source::Rebuild).await?;
        let channels = self.directory.channels();
        let report = self.heal_channels(channels, Source::Rebuild).await;
        self.recover_agents().await?;
        // What will never be readable is left to healing, which finds no watermark there.
        if unread == 0 && report.passing_error().is_none() {
            self.store.index.set_rebuilding(None).await?;
        }
        self.counted((unread + report.failed()) as u64).await
    }

    /// Registers the agents that are members of channels and not among our accounts: after
    /// the data directory was lost, their Matrix users are all that is left of them.
    pub async fn recover_agents(&self) -> Result<()> {
        for channel in self.directory.channels() {
            let mut after = None;
            loop {
                let query = MemberQuery {
                    channel: channel.id,
                    membership: Some(Membership::Joined),
                    after: after.take(),
                    limit: 200,
                };
                let page = self.store.index.members(query).await?;
                for member in page.items {
                    if member.entity.kind() == EntityKind::Agent
                        && member.user != self.directory.naming.connector()
                    {
                        self.recover_agent(member).await?;
                    }
                }
                match page
                    .next
                    .and_then(|next| crate::domain::id::UserId::parse(&next))
                {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        Ok(())
    }

    async fn recover_agent(&self, member: crate::domain::member::Member) -> Result<()> {
        let Entity::Agent { name } = member.entity else {
            return Ok(());
        };
        if self.directory.agent(&name).is_some() {
            return Ok(());
        }
        let display_name = member.display_name.unwrap_or_else(|| name.clone());
        // The time of its registration is lost; this one is the same at each rebuild.
        let agent = Agent::new(name, member.user, display_name, member.since);
        match self.store.accounts.add_agent(agent.clone()).await {
            Ok(()) | Err(StoreError::Exists(_)) => {}
            Err(error) => return Err(error.into()),
        }
        self.directory.put_agent(agent);
        Ok(())
    }

    async fn counted(&self, failed: u64) -> Result<ReindexReport> {
        let (messages, channels) = self.store.index.counts().await?;
        Ok(ReindexReport {
            channels,
            messages,
            failed,
        })
    }
}

/// One rebuild at a time.
#[derive(Default)]
pub struct Rebuilds {
    running: tokio::sync::Mutex<()>,
}

impl Rebuilds {
    /// Rebuilds, unless that is under way.
    pub async fn run(&self, core: &Arc<Core>, from_homeserver: bool) -> Result<ReindexReport> {
        let Ok(_running) = self.running.try_lock() else {
            return Err(Error::conflict("a rebuild is under way"));
        };
        core.record_begun("reindex.begun").await?;
        if from_homeserver {
            core.reindex_from_homeserver().await
        } else {
            core.reindex_from_journal().await
        }
    }

    /// Goes on with a rebuild that was begun and has not ended, if there is one.
    pub async fn resume(&self, core: &Arc<Core>) -> Result<()> {
        if core.store.index.rebuilding().await?.is_none() {
            return Ok(());
        }
        let Ok(_running) = self.running.try_lock() else {
            return Ok(());
        };
        let report = core.resume_rebuild().await?;
        if report.channels > 0 {
            tracing::info!(
                channels = report.channels,
                messages = report.messages,
                "the index was rebuilt from the homeserver"
            );
        }
        Ok(())
    }
}
