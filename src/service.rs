//! What daarion does for its callers: the rules of `domain` put to work on the store and
//! the homeserver. Knows no HTTP, no ruma and no redb. Begin with [`Core`].

pub mod accounts;
pub mod adoption;
pub mod agents;
pub mod audit;
pub mod auth;
pub mod backfill;
pub mod change;
pub mod channels;
pub mod city;
pub mod creation;
pub mod doctor;
pub mod gateway;
pub mod heal;
pub mod health;
pub mod idempotency;
pub mod invites;
pub mod limits;
pub mod link;
pub mod media;
pub mod members;
pub mod messages;
pub mod microdaos;
pub mod online;
pub mod oversight;
pub mod presence;
pub mod reindex;
pub mod retention;
pub mod scheduled;
mod sendings;
pub mod standing;
pub mod status;
mod upgrades;
pub mod webhooks;

use std::sync::Arc;
use std::time::Duration;

pub use self::change::SettingTurns;
pub use self::upgrades::Upgrades;
use crate::clock::Clock;
use crate::consumer::index::Indexed;
use crate::directory::Directory;
use crate::domain::access::CityCreation;
use crate::domain::agent::AgentRules;
use crate::domain::event::{NewEvent, Source, What};
use crate::domain::id::{ChannelId, EventId, Seq};
use crate::domain::{Error, Result};
use crate::homeserver::Homeserver;
use crate::ingest::Ingest;
use crate::service::limits::ChannelLimits;
use crate::store::{Placed, Store};

/// How long a caller who must read its own write waits for the index.
const INDEX_WAIT: Duration = Duration::from_secs(5);

/// What every service works with.
pub struct Core {
    pub store: Store,
    pub homeserver: Arc<dyn Homeserver>,
    pub ingest: Arc<Ingest>,
    pub indexed: Indexed,
    pub directory: Arc<Directory>,
    pub clock: Clock,
    pub rules: Rules,
    pub limits: ChannelLimits,
    pub upgrades: Upgrades,
    pub setting_turns: SettingTurns,
}

/// The part of the configuration that services go by.
#[derive(Clone, Debug)]
pub struct Rules {
    pub city_creation: CityCreation,
    /// The city itself, as a microdao.
    pub city_microdao: String,
    pub agents: AgentRules,
    /// Where people reach the web application, without a slash at its end.
    pub public_url: Option<String>,
}

impl Core {
    /// Appends what we brought about ourselves and waits until the index holds it.
    pub(crate) async fn echo(&self, channel: ChannelId, event: EventId, what: What) -> Result<()> {
        self.take_news(channel, event, what, Source::Echo).await
    }

    /// The same of what we have found, whoever has brought it about.
    pub(crate) async fn take_news(
        &self,
        channel: ChannelId,
        event: EventId,
        what: What,
        source: Source,
    ) -> Result<()> {
        let event = NewEvent {
            channel,
            event: Some(event),
            source,
            what,
        };
        let _waiting = self.indexed.waiting();
        let appended = self.ingest.echo(vec![event]).await?;
        if appended.indexed {
            return Ok(());
        }
        let last = appended.placed.iter().filter_map(|placed| match placed {
            Placed::New(seq) | Placed::Known(Some(seq)) => Some(*seq),
            Placed::Known(None) => None,
        });
        self.indexed_to(last.max().unwrap_or_default()).await
    }

    /// Waits until the index holds the event at `seq`.
    pub(crate) async fn indexed_to(&self, seq: Seq) -> Result<()> {
        if self.indexed.reached(seq, INDEX_WAIT).await {
            return Ok(());
        }
        Err(Error::TimedOut(
            "it is done, but the index is far behind and does not show it yet".to_owned(),
        ))
    }
}
