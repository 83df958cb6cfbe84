//! What the homeserver brings: transactions of events (application service API, "Pushing
//! events"), and its questions after users and aliases of our namespaces.
//!
//! Read leniently, because an error makes the homeserver send the whole transaction again,
//! for ever: one event that cannot be read does not fail the others.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::mapping;
use crate::clock::Clock;
use crate::directory::Directory;
use crate::domain::entity::Entity;
use crate::domain::event::Source;
use crate::domain::id::{EventId, RoomAlias, UserId};
use crate::domain::{Error, Result};
use crate::homeserver::watch::RoomWatch;
use crate::homeserver::{Inbound, Mapped};
use crate::ingest::Ingest;
use crate::recent::Recent;

/// The application service's side of the connector.
pub struct AppService {
    ingest: Arc<Ingest>,
    directory: Arc<Directory>,
    recent: Arc<Recent>,
    watches: Vec<Arc<dyn RoomWatch>>,
    clock: Clock,
}

/// What those who hand raw events on are to know of one.
enum Raw {
    New(EventId, Box<RawValue>),
    Redacted(EventId),
}

#[derive(Deserialize)]
struct Transaction<'a> {
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
    #[serde(borrow)]
    ephemeral: Option<&'a RawValue>,
    /// Before it was stable. Homeservers that know both send both, with the same in them.
    #[serde(borrow, rename = "de.sorunome.msc2409.ephemeral")]
    unstable_ephemeral: Option<&'a RawValue>,
}

impl AppService {
    #[must_use]
    pub fn new(
        ingest: Arc<Ingest>,
        directory: Arc<Directory>,
        recent: Arc<Recent>,
        watches: Vec<Arc<dyn RoomWatch>>,
        clock: Clock,
    ) -> Self {
        Self {
            ingest,
            directory,
            recent,
            watches,
            clock,
        }
    }

    /// Maps a transaction's events; those of rooms that are no channels are only counted.
    fn map(&self, events: &[&RawValue]) -> Vec<Mapped> {
        let now = self.clock.now();
        let mut foreign = 0;
        let mut mapped = Vec::new();
        for raw in events {
            match mapping::map(raw, &self.directory, now, Source::Push) {
                Mapped::Foreign => foreign += 1,
                Mapped::Nothing => {}
                other => mapped.push(other),
            }
        }
        self.ingest.foreign(foreign);
        mapped
    }

    /// Tells who watches rooms, and picks out what is held of the events of channels. Of other
    /// rooms' events only the room and the type are looked at.
    fn look(&self, events: &[&RawValue]) -> Vec<Raw> {
        let is_wanted = self.recent.is_wanted();
        let look = |raw: &&RawValue| {
            let glance = mapping::sight(raw)?;
            for watch in &self.watches {
                watch.happened(&glance.room, &glance.kind);
            }
            let channel = self.directory.channel_of(&glance.room)?;
            if glance.kind == "m.room.redaction" {
                return mapping::redacted(raw).map(Raw::Redacted);
            }
            let is_open = is_wanted && !channel.confidential;
            let id = is_open.then(|| mapping::event_id(raw)).flatten()?;
            Some(Raw::New(id, (*raw).to_owned()))
        };
        events.iter().filter_map(look).collect()
    }

    async fn hold(&self, seen: Vec<Raw>) {
        for one in seen {
            match one {
                Raw::New(id, raw) => self.recent.put(id, raw).await,
                Raw::Redacted(id) => self.recent.forget(&id).await,
            }
        }
    }

    fn take_ephemeral(&self, list: &RawValue) {
        let list: Vec<&RawValue> = serde_json::from_str(list.get()).unwrap_or_default();
        if !list.is_empty() {
            self.ingest.ephemeral_came();
        }
        for news in list.into_iter().filter_map(mapping::ephemeral) {
            self.ingest.ephemeral(news);
        }
    }
}

#[async_trait]
impl Inbound for AppService {
    async fn transaction(&self, id: &str, body: &[u8]) -> Result<()> {
        // Scoped: what was read borrows the body, and must not be held while we wait.
        let (mapped, seen) = {
            let transaction: Transaction = serde_json::from_slice(body)
                .map_err(|error| Error::invalid("body", format!("is no transaction: {error}")))?;
            let ephemeral = transaction.ephemeral.or(transaction.unstable_ephemeral);
            if let Some(list) = ephemeral {
                self.take_ephemeral(list);
            }
            let events = &transaction.events;
            (self.map(events), self.look(events))
        };
        // Before the bell rings: whoever it wakes looks for them.
        self.hold(seen).await;
        self.ingest.transaction(id, mapped).await
    }

    fn knows_user(&self, user: &str) -> bool {
        let Some(user) = UserId::parse(user) else {
            return false;
        };
        if user == self.directory.naming.connector() {
            return true;
        }
        match self.directory.entity(&user) {
            Entity::Agent { name } => self
                .directory
                .agent(&name)
                .is_some_and(|agent| agent.user == user),
            Entity::User { .. } => false,
        }
    }

    fn knows_alias(&self, alias: &str) -> bool {
        RoomAlias::parse(alias)
            .is_some_and(|alias| self.directory.channel_by_alias(&alias).is_some())
    }
}
