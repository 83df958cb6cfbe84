//! Making a channel: a room on the homeserver and its entry in the journal, whole or not at
//! all.
//!
//! What is about to be made is written down first. The alias is the anchor: the homeserver
//! gives it to one room only, so a creation that was cut off anywhere can be looked up by it
//! and is completed or undone, never made twice.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::Core;
use crate::domain::channel::{Channel, ChannelStatus};
use crate::domain::entity::Entity;
use crate::domain::event::Source;
use crate::domain::id::{ChannelId, Millis, RoomId, UserId};
use crate::domain::{Error, Result};
use crate::homeserver::{ChannelState, NewRoom, Setting};
use crate::store::{Creation, StoreError};

/// A request that the homeserver still works on may make its room up to this long after we
/// stopped waiting; before, an alias that does not exist says nothing. In milliseconds.
const SETTLED_AFTER: Millis = 60_000;

/// Makes channels and finishes what was cut off.
pub struct Creator {
    core: Arc<Core>,
    /// The creations that this process is working on right now.
    active: Mutex<HashSet<ChannelId>>,
}

/// Takes a creation off the active ones however its work ends.
struct Active<'a> {
    creator: &'a Creator,
    id: ChannelId,
}

impl Drop for Active<'_> {
    fn drop(&mut self) {
        self.creator.lock_active().remove(&self.id);
    }
}

impl Creator {
    #[must_use]
    pub fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            active: Mutex::default(),
        }
    }

    /// Makes the channel. Fails whole: after an error there is nothing, or what there is
    /// will be completed or undone by [`settle`](Self::settle).
    pub async fn create(&self, creation: Creation) -> Result<Arc<Channel>> {
        let core = &self.core;
        let exists = || Error::conflict(format!("{} exists already", creation.alias));
        if core.directory.channel_by_alias(&creation.alias).is_some() {
            return Err(exists());
        }
        let owner = self.owner(&creation).await?;
        let _active = self.activate(creation.id);
        self.begin(&creation).await?;
        let room = match core
            .homeserver
            .create_room(&self.room(&creation, owner.clone()))
            .await
        {
            Ok(room) => room,
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => {
                core.store.creations.end(creation.id).await?;
                return Err(match error {
                    Error::Conflict(_) => exists(),
                    other => other,
                });
            }
        };
        self.finish(&creation, &room, owner.as_ref()).await
    }

    /// Completes or undoes what was cut off. Says how many creations remain open.
    pub async fn settle(&self) -> Result<usize> {
        let mut open = 0;
        for creation in self.core.store.creations.unfinished().await? {
            if self.lock_active().contains(&creation.id) {
                continue;
            }
            let _active = self.activate(creation.id);
            match self.settle_one(&creation).await {
                Ok(true) => {}
                Ok(false) => open += 1,
                Err(error) => {
                    open += 1;
                    tracing::warn!(%error, alias = %creation.alias, "a creation stays open");
                }
            }
        }
        Ok(open)
    }

    /// Says whether the creation is dealt with.
    async fn settle_one(&self, creation: &Creation) -> Result<bool> {
        let core = &self.core;
        if core.directory.channel(creation.id).is_some() {
            core.store.creations.end(creation.id).await?;
            return Ok(true);
        }
        let Some(room) = core.homeserver.resolve_alias(&creation.alias).await? else {
            let settled = creation.begun_at + SETTLED_AFTER < core.clock.now();
            if settled {
                core.store.creations.end(creation.id).await?;
                tracing::info!(alias = %creation.alias, "a creation that was cut off is undone");
            }
            return Ok(settled);
        };
        if core.directory.channel_of(&room).is_some() {
            // Somebody else was faster; what we began never came to be.
            core.store.creations.end(creation.id).await?;
            return Ok(true);
        }
        let owner = creation.created_by.as_deref().and_then(Entity::parse);
        let owner = owner.map(|entity| core.directory.user_id(&entity));
        self.complete_room(creation, &room).await?;
        self.finish(creation, &room, owner.as_ref()).await?;
        tracing::info!(alias = %creation.alias, "a creation that was cut off is completed");
        Ok(true)
    }

    /// Sets what the homeserver had not set yet when it was cut off itself.
    async fn complete_room(&self, creation: &Creation, room: &RoomId) -> Result<()> {
        let homeserver = &self.core.homeserver;
        let snapshot = homeserver.room(room).await?;
        let Some(snapshot) = snapshot else {
            return Err(Error::conflict(format!(
                "{} belongs to {room}, which the connector is not in",
                creation.alias
            )));
        };
        if snapshot.channel.is_some() {
            return Ok(());
        }
        let wanted = self.room(creation, None);
        let mut settings = vec![Setting::Channel(wanted.channel)];
        if snapshot.name.is_none() {
            settings.push(Setting::Name(wanted.name));
        }
        if snapshot.topic.is_none() && !wanted.topic.is_empty() {
            settings.push(Setting::Topic(wanted.topic));
        }
        if snapshot.alias.is_none() {
            settings.push(Setting::CanonicalAlias(wanted.alias));
        }
        for setting in settings {
            homeserver.set(room, &setting, None).await?;
        }
        Ok(())
    }

    async fn finish(
        &self,
        creation: &Creation,
        room: &RoomId,
        owner: Option<&UserId>,
    ) -> Result<Arc<Channel>> {
        let core = &self.core;
        if let Some(owner) = owner
            && let Err(error) = core.homeserver.join(room, Some(owner)).await
        {
            if error.is_transient() {
                return Err(error);
            }
            // The invitation stands; where we may not act as people, they accept it.
            tracing::info!(%error, user_id = %owner, "the owner of a new channel was invited");
        }
        let channel = core.adopt(room, Source::Echo).await?.ok_or_else(|| {
            Error::conflict(format!(
                "{} belongs to a room that is no channel",
                creation.alias
            ))
        })?;
        core.store.creations.end(creation.id).await?;
        Ok(channel)
    }

    async fn begin(&self, creation: &Creation) -> Result<()> {
        let creations = &self.core.store.creations;
        match creations.begin(creation.clone()).await {
            Err(StoreError::Exists(_)) => {}
            other => return Ok(other?),
        }
        let unfinished = creations.unfinished().await?;
        let same = unfinished
            .iter()
            .find(|other| other.alias == creation.alias);
        let Some(earlier) = same else {
            return Ok(creations.begin(creation.clone()).await?);
        };
        if self.lock_active().contains(&earlier.id) {
            return Err(Error::conflict(format!(
                "{} is being created",
                creation.alias
            )));
        }
        // An earlier attempt was cut off. Either it made the room, or it did not and then
        // this attempt takes its place; should the homeserver still be at it, the alias
        // lets only one of the two succeed.
        let _active = self.activate(earlier.id);
        if self
            .core
            .homeserver
            .resolve_alias(&earlier.alias)
            .await?
            .is_some()
        {
            self.settle_one(earlier).await?;
            return Err(Error::conflict(format!(
                "{} exists already",
                creation.alias
            )));
        }
        creations.end(earlier.id).await?;
        Ok(creations.begin(creation.clone()).await?)
    }

    /// The Matrix user of the channel's creator, who must exist there.
    async fn owner(&self, creation: &Creation) -> Result<Option<UserId>> {
        let Some(entity) = creation.created_by.as_deref().and_then(Entity::parse) else {
            return Ok(None);
        };
        let user = self.core.directory.user_id(&entity);
        if self.core.homeserver.user_exists(&user).await? {
            return Ok(Some(user));
        }
        Err(Error::forbidden(format!(
            "{entity} does not exist on the homeserver"
        )))
    }

    fn room(&self, creation: &Creation, owner: Option<UserId>) -> NewRoom {
        let city = &self.core.directory.city;
        let name = match creation.kind {
            crate::domain::channel::ChannelKind::City => city.matrix_name(&creation.name),
            crate::domain::channel::ChannelKind::Channel => creation.name.clone(),
        };
        NewRoom {
            alias: creation.alias.clone(),
            name,
            topic: creation.description.clone(),
            channel: state_of(creation),
            owner,
            room_version: None,
        }
    }

    fn activate(&self, id: ChannelId) -> Active<'_> {
        self.lock_active().insert(id);
        Active { creator: self, id }
    }

    fn lock_active(&self) -> std::sync::MutexGuard<'_, HashSet<ChannelId>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn state_of(creation: &Creation) -> ChannelState {
    ChannelState {
        id: creation.id,
        kind: creation.kind,
        slug: creation.slug.clone(),
        microdao: creation.microdao.clone(),
        visibility: creation.visibility,
        confidential: creation.confidential,
        status: ChannelStatus::Active,
        is_default: creation.is_default,
        created_by: creation.created_by.clone(),
        created_at: creation.begun_at,
    }
}
