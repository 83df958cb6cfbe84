//! Making a channel: a room on the homeserver and its entry in the journal, whole or not at
//! all.
//!
//! What is about to be made is written down first. The alias is the anchor: the homeserver
//! gives it to one room only, so a creation that was cut off anywhere can be looked up by it
//! and is completed or undone, never made twice.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Core;
use crate::domain::channel::{Channel, ChannelKind, ChannelStatus};
use crate::domain::entity::Entity;
use crate::domain::event::Source;
use crate::domain::id::{ChannelId, Millis, RoomId, UserId};
use crate::domain::member::Membership;
use crate::domain::{Error, Result};
use crate::homeserver::{ChannelState, NewRoom, RoomSnapshot};
use crate::store::{Creation, StoreError};

/// A request that the homeserver still works on may make its room up to this long after we
/// stopped waiting; before, an alias that does not exist says nothing. In milliseconds.
const SETTLED_AFTER: Millis = 60_000;
/// When somebody who wants the same is to come back.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// How long somebody who wants what is being settled waits for their turn: the homeserver is
/// asked meanwhile, which may take long.
const TURN: Duration = Duration::from_secs(5);

/// Makes channels and finishes what was cut off.
pub struct Creator {
    core: Arc<Core>,
    /// The creations that this process is working on right now.
    active: Mutex<HashSet<ChannelId>>,
    /// One looks at what was cut off at a time: of two, one could undo what the other begins
    /// anew.
    settling: tokio::sync::Mutex<()>,
}

/// What the homeserver has of a creation that was cut off.
#[derive(Debug)]
enum Remains {
    Nothing,
    /// The room is not there, or lacks state that it was to be made with.
    Half(RoomId),
    Whole(RoomId),
    /// The alias leads to a room that is not of this creation.
    Others,
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
            settling: tokio::sync::Mutex::default(),
        }
    }

    /// Makes the channel. Fails whole: after an error there is nothing, or what there is
    /// will be completed or undone by [`settle`](Self::settle).
    ///
    /// One of this id that is there already is the answer: an earlier try of the same request has
    /// made it.
    pub async fn create(&self, creation: Creation) -> Result<Arc<Channel>> {
        let core = &self.core;
        if let Some(made) = core.directory.channel(creation.id) {
            return self.finish(&creation, &made.room).await;
        }
        let exists = || Error::conflict(format!("{} exists already", creation.alias));
        if core.directory.channel_by_alias(&creation.alias).is_some() {
            return Err(exists());
        }
        let owner = self.owner(&creation).await?;
        let _active = self.activate(creation.id);
        if let Some(made) = self.begin(&creation).await? {
            return Ok(made);
        }
        let room = match core
            .homeserver
            .create_room(&self.room(&creation, owner))
            .await
        {
            Ok(room) => room,
            Err(error) if error.is_transient() => return Err(error),
            Err(Error::Conflict(_)) => {
                core.store.creations.end(creation.id).await?;
                return Err(exists());
            }
            // It may have come far before it refused.
            Err(error) => {
                let remains = self.remains(&creation).await?;
                return self.clear_up(&creation, &remains).await?.ok_or(error);
            }
        };
        self.finish(&creation, &room).await
    }

    /// Completes or undoes what was cut off. Says how many creations remain open.
    pub async fn settle(&self) -> Result<usize> {
        let mut open = 0;
        let _turn = self.settling.lock().await;
        for creation in self.core.store.creations.unfinished().await? {
            if self.lock_active().contains(&creation.id) {
                continue;
            }
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
        let alias = &creation.alias;
        if let Some(channel) = core.directory.channel(creation.id) {
            // Announced by push, and taken up before we came to it.
            self.finish(creation, &channel.room).await?;
            return Ok(true);
        }
        let remains = self.remains(creation).await?;
        let is_over = matches!(remains, Remains::Whole(_) | Remains::Others);
        if !is_over && !self.is_past(creation) {
            return Ok(false);
        }
        match self.clear_up(creation, &remains).await? {
            Some(_) => tracing::info!(%alias, "a creation that was cut off is completed"),
            None => tracing::info!(%alias, ?remains, "a creation that was cut off is undone"),
        }
        Ok(true)
    }

    /// Completes what is whole and takes the rest away, the homeserver being no longer at it.
    async fn clear_up(
        &self,
        creation: &Creation,
        remains: &Remains,
    ) -> Result<Option<Arc<Channel>>> {
        match remains {
            Remains::Whole(room) => return self.finish(creation, room).await.map(Some),
            Remains::Half(room) => self.undo(creation, room).await?,
            // There is none, or somebody else was faster; what we began never came to be.
            Remains::Nothing | Remains::Others => {
                self.core.store.creations.end(creation.id).await?;
            }
        }
        Ok(None)
    }

    /// Whether the homeserver cannot still be at it.
    fn is_past(&self, creation: &Creation) -> bool {
        creation.begun_at + SETTLED_AFTER < self.core.clock.now()
    }

    /// What the homeserver has of a creation that was cut off.
    async fn remains(&self, creation: &Creation) -> Result<Remains> {
        let homeserver = &self.core.homeserver;
        let Some(room) = homeserver.resolve_alias(&creation.alias).await? else {
            return Ok(Remains::Nothing);
        };
        if self.core.directory.channel_of(&room).is_some() {
            return Ok(Remains::Others);
        }
        if let Some(snapshot) = homeserver.room(&room).await? {
            return Ok(remains_in(creation, &snapshot));
        }
        // The alias comes first, then the room, then its maker's membership. Entering tells
        // a room that has not got so far from one that others made.
        match homeserver.join(&room, None).await {
            Ok(()) => {}
            Err(Error::HomeserverRefused { status: 404, .. }) => return Ok(Remains::Half(room)),
            Err(error) if error.is_transient() => return Err(error),
            Err(_) => return Ok(Remains::Others),
        }
        let snapshot = homeserver.room(&room).await?.ok_or_else(|| {
            Error::HomeserverNonsense(format!("the state of {room} cannot be read by a member"))
        })?;
        let remains = remains_in(creation, &snapshot);
        if matches!(remains, Remains::Others) {
            homeserver.leave(&room, None).await?;
        }
        Ok(remains)
    }

    /// Gives up a room that the homeserver had not finished: it lacks some of its state, who
    /// may come in among it, and making a new one is surer than mending it.
    async fn undo(&self, creation: &Creation, room: &RoomId) -> Result<()> {
        let homeserver = &self.core.homeserver;
        match homeserver.leave(room, None).await {
            Err(error) if error.is_transient() => return Err(error),
            // Where there is no room, we are not in it.
            _ => homeserver.remove_alias(&creation.alias).await?,
        }
        Ok(self.core.store.creations.end(creation.id).await?)
    }

    async fn finish(&self, creation: &Creation, room: &RoomId) -> Result<Arc<Channel>> {
        let core = &self.core;
        let owner = creation.created_by.as_deref().and_then(Entity::parse);
        if let Some(owner) = owner {
            let owner = core.directory.user_id(&owner);
            self.bring_in(creation.id, room, &owner).await?;
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

    /// Sees that the owner of a new channel is in its room.
    async fn bring_in(&self, channel: ChannelId, room: &RoomId, owner: &UserId) -> Result<()> {
        let core = &self.core;
        let known = core.store.index.member(channel, owner).await?;
        if known.is_some_and(|member| member.membership != Membership::Invited) {
            // They are in it, or have been and have gone.
            return Ok(());
        }
        match core.homeserver.join(room, Some(owner)).await {
            Err(error) if !error.is_transient() => {}
            other => return other,
        }
        // The room is not open, or we may not act as people.
        let invited = core.homeserver.invite(room, owner, None).await;
        match (core.homeserver.join(room, Some(owner)).await, invited) {
            (Ok(()), _) => {}
            (Err(error), _) | (_, Err(error)) if error.is_transient() => return Err(error),
            (Err(error), Ok(())) => tracing::info!(
                %error, user_id = %owner, room_id = %room,
                "the owner of a new channel is invited and has to accept it"
            ),
            (Err(_), Err(error)) => tracing::warn!(
                %error, user_id = %owner, room_id = %room,
                "the owner of a new channel could neither be let in nor be invited"
            ),
        }
        Ok(())
    }

    /// Writes down that it begins. Answers the channel when an earlier try of the same request has
    /// made it.
    async fn begin(&self, creation: &Creation) -> Result<Option<Arc<Channel>>> {
        let creations = &self.core.store.creations;
        match creations.begin(creation.clone()).await {
            Err(StoreError::Exists(_)) => {}
            other => return Ok(other.map(|()| None)?),
        }
        let turn = tokio::time::timeout(TURN, self.settling.lock());
        let Ok(_turn) = turn.await else {
            return Err(Error::HomeserverUnavailable {
                reason: format!(
                    "whether {} was made is still being looked up",
                    creation.alias
                ),
                retry_after: Some(RETRY_AFTER),
            });
        };
        let unfinished = creations.unfinished().await?;
        let same = unfinished
            .iter()
            .find(|other| other.alias == creation.alias);
        let Some(earlier) = same else {
            return Ok(creations.begin(creation.clone()).await.map(|()| None)?);
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
        let alias = &creation.alias;
        match self.remains(earlier).await? {
            Remains::Nothing => creations.end(earlier.id).await?,
            Remains::Half(room) if self.is_past(earlier) => self.undo(earlier, &room).await?,
            Remains::Half(_) => {
                return Err(Error::HomeserverUnavailable {
                    reason: format!("an earlier attempt to make {alias} is not settled yet"),
                    retry_after: Some(RETRY_AFTER),
                });
            }
            Remains::Whole(_) | Remains::Others => {
                self.settle_one(earlier).await?;
                if let Some(made) = self.core.directory.channel(creation.id) {
                    return Ok(Some(made));
                }
                return Err(Error::conflict(format!("{alias} exists already")));
            }
        }
        Ok(creations.begin(creation.clone()).await.map(|()| None)?)
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
            ChannelKind::City => city.matrix_name(&creation.name),
            ChannelKind::Channel | ChannelKind::Gateway => creation.name.clone(),
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

/// A homeserver sets all state that a room is made with at once: the channel state stands for
/// the rest.
fn remains_in(creation: &Creation, snapshot: &RoomSnapshot) -> Remains {
    let room = snapshot.room.clone();
    match &snapshot.channel {
        Some(stored) if stored.state.id == creation.id => Remains::Whole(room),
        // The clocks of two machines may differ.
        None if snapshot.created_at + SETTLED_AFTER >= creation.begun_at => Remains::Half(room),
        _ => Remains::Others,
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
        slow_mode_seconds: 0,
        created_by: creation.created_by.clone(),
        created_at: creation.begun_at,
        changed_by: None,
    }
}
