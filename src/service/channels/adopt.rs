//! Adoption by people: a Matrix room that was made elsewhere becomes a channel.
//!
//! Whoever asks for it must be in the room and have the power to mark it as a channel. The connector
//! comes in, by their invitation if need be, and is raised by them, if they may. Nothing of it has to
//! be undone when it is cut off: asked for again, it goes on.

use std::sync::Arc;
use std::time::Duration;

use super::{ChannelView, Channels};
use crate::domain::access::{self, Caller};
use crate::domain::channel::{
    Channel, ChannelKind, ChannelStatus, Visibility, channel_alias, check_microdao,
};
use crate::domain::event::Source;
use crate::domain::id::{ChannelId, RoomAlias, RoomId, UserId};
use crate::domain::{Error, Result, slug};
use crate::homeserver::{ChannelState, RoomSnapshot, Setting};

/// How long the caller waits for the history from before. What is left goes on without them.
const PATIENCE: Duration = Duration::from_secs(5);

/// A room to be adopted.
#[derive(Clone, Debug)]
pub struct NewAdoption {
    /// `!id` or `#alias:server`.
    pub room: String,
    /// Made of the room's name when absent.
    pub slug: Option<String>,
    /// The city itself when absent.
    pub microdao: Option<String>,
    /// As the room is when absent.
    pub visibility: Option<Visibility>,
}

impl Channels {
    /// Makes a channel with this id of a Matrix room. One that is there already is the answer: an
    /// earlier try of the same request has made it.
    pub async fn adopt(
        &self,
        caller: &Caller,
        new: NewAdoption,
        id: ChannelId,
    ) -> Result<ChannelView> {
        let core = &self.core;
        if core.directory.channel(id).is_some() {
            return self.get(caller, id).await;
        }
        let user = core.directory.user_id(&caller.entity);
        if let Some(microdao) = &new.microdao {
            check_microdao(microdao)?;
        }
        if let Some(slug) = &new.slug {
            slug::check(slug)?;
        }
        let (room, snapshot) = self.found(&new.room, &user).await?;
        let turn = self.adopting.lock().await;
        if core.directory.channel_of(&room).is_some() {
            return Err(already(&room));
        }
        if snapshot.microdao.is_some() || core.directory.is_microdao(&room) {
            return Err(Error::conflict(format!(
                "{room} is the space of a microdao"
            )));
        }
        let stored = snapshot.levels.as_ref();
        let unread =
            || Error::HomeserverNonsense(format!("the power levels of {room} cannot be read"));
        let levels = &stored.ok_or_else(unread)?.levels;
        access::check_adoption(&caller.entity, &user, &room, levels)?;
        let state = self.state(caller, new, id, &snapshot)?;
        core.require_way_in(caller, &state.microdao).await?;
        let alias = self.alias(&state, &room).await?;
        self.enter(&room, &user).await?;
        // It was one before our data were lost, or an earlier try of the same request has marked it.
        if let Some(channel) = core.adopt(&room, Source::Heal).await? {
            drop(turn);
            self.read_history(&channel).await;
            if channel.id != id {
                return Err(already(&room));
            }
            core.tend_space(&channel.microdao).await;
            return self.get(caller, id).await;
        }
        let visibility = state.visibility;
        let is_other = visibility != visibility_of(&snapshot);
        if is_other {
            let setting = Setting::Visibility(visibility);
            core.homeserver.set(&room, &setting, Some(&user)).await?;
        }
        self.take_alias(&alias, &room, snapshot.alias.as_ref())
            .await?;
        let microdao = state.microdao.clone();
        let setting = Setting::Channel(state);
        core.homeserver.set(&room, &setting, None).await?;
        let adopted = core.adopt(&room, Source::Heal).await?;
        let channel = adopted.ok_or_else(|| {
            Error::HomeserverNonsense(format!("{room} does not show what was set in it"))
        })?;
        drop(turn);
        self.read_history(&channel).await;
        core.tend_space(&microdao).await;
        self.get(caller, channel.id).await
    }

    /// The room that is meant, as the caller sees it from inside. Of others nothing is told.
    async fn found(&self, text: &str, user: &UserId) -> Result<(RoomId, RoomSnapshot)> {
        let core = &self.core;
        let is_none = || {
            Error::not_found(format!(
                "there is no room {text} that {user} is in; join it first"
            ))
        };
        let room = match RoomAlias::parse(text) {
            Some(alias) => core.homeserver.resolve_alias(&alias).await?,
            None => RoomId::parse(text).map(|room| core.directory.known_room(room)),
        };
        if room.is_none() && !text.starts_with(['!', '#']) {
            let message = "must be !id or #alias:server";
            return Err(Error::invalid("room", message));
        }
        let room = room.ok_or_else(is_none)?;
        let snapshot = core.homeserver.room_as(&room, user).await?;
        Ok((room, snapshot.ok_or_else(is_none)?))
    }

    fn state(
        &self,
        caller: &Caller,
        new: NewAdoption,
        id: ChannelId,
        snapshot: &RoomSnapshot,
    ) -> Result<ChannelState> {
        let core = &self.core;
        let slug = match (new.slug, &snapshot.name) {
            (Some(slug), _) => slug,
            (None, Some(name)) => slug::from_name(name)?,
            (None, None) => {
                let message = "the room has no name to make one of; give a slug";
                return Err(Error::invalid("slug", message));
            }
        };
        let microdao = new.microdao;
        Ok(ChannelState {
            id,
            kind: ChannelKind::Channel,
            slug,
            microdao: microdao.unwrap_or_else(|| core.rules.city_microdao.clone()),
            visibility: new.visibility.unwrap_or(visibility_of(snapshot)),
            confidential: snapshot.encrypted,
            status: ChannelStatus::Active,
            is_default: false,
            slow_mode_seconds: 0,
            created_by: Some(caller.entity.to_string()),
            created_at: core.clock.now(),
            changed_by: None,
        })
    }

    /// The alias that the channel is to have, which leads nowhere else.
    async fn alias(&self, state: &ChannelState, room: &RoomId) -> Result<RoomAlias> {
        let core = &self.core;
        let server = &core.directory.naming.server_name;
        let alias = channel_alias(&state.slug, &state.microdao, server)?;
        self.refuse_city_alias(&alias)?;
        match core.homeserver.resolve_alias(&alias).await? {
            Some(other) if other != *room => {
                Err(Error::conflict(format!("{alias} exists already")))
            }
            _ => Ok(alias),
        }
    }

    /// Brings the connector in, with the power to mark the room.
    async fn enter(&self, room: &RoomId, user: &UserId) -> Result<()> {
        let homeserver = &self.core.homeserver;
        let connector = self.core.directory.naming.connector();
        let taken = homeserver.take_over(room, Some(user)).await;
        taken.map_err(|error| match error {
            error if error.is_transient() => error,
            error => Error::forbidden(format!(
                "{connector} cannot come into {room} and mark it ({error}): invite {connector} \
                 there and give it power level 100, then try again"
            )),
        })
    }

    /// Makes the alias lead to the room. Where the room has none that people know it by, this one
    /// becomes the one that is shown.
    async fn take_alias(
        &self,
        alias: &RoomAlias,
        room: &RoomId,
        shown: Option<&RoomAlias>,
    ) -> Result<()> {
        let homeserver = &self.core.homeserver;
        homeserver.set_alias(alias, room).await?;
        if shown.is_some() {
            return Ok(());
        }
        let canonical = Setting::CanonicalAlias(alias.clone());
        match homeserver.set(room, &canonical, None).await {
            Err(error) if !error.is_transient() => {
                tracing::warn!(%error, room_id = %room, "an adopted room does not show its alias");
                Ok(())
            }
            other => other.map(drop),
        }
    }

    /// Reads what was said before. Goes on when it takes longer than the caller may wait.
    async fn read_history(&self, channel: &Arc<Channel>) {
        let (core, channel) = (self.core.clone(), channel.clone());
        let reading = tokio::spawn(async move { core.heal_channel(&channel, Source::Heal).await });
        let _ = tokio::time::timeout(PATIENCE, reading).await;
    }
}

fn already(room: &RoomId) -> Error {
    Error::conflict(format!("{room} is a channel already"))
}

fn visibility_of(snapshot: &RoomSnapshot) -> Visibility {
    match snapshot.public {
        true => Visibility::Public,
        false => Visibility::Private,
    }
}
