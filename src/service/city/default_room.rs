//! The default room, where newcomers find a way in: the city has one.

use std::sync::Arc;

use super::City;
use crate::domain::access::{Caller, Right};
use crate::domain::channel::{Channel, ChannelKind};
use crate::domain::id::ChannelId;
use crate::domain::{Error, Result};

impl City {
    /// Whether the room is to be made the default one. Where it is that already, only what may
    /// be left to do is not theirs.
    pub(super) async fn may_make_default(
        &self,
        channel: &Channel,
        caller: Option<&Caller>,
    ) -> Result<bool> {
        let Some(caller) = caller else {
            return Ok(true);
        };
        match self.core.require(Right::Archive, caller, channel).await {
            Err(Error::Forbidden(_)) if channel.is_default => Ok(false),
            other => other.map(|_| true),
        }
    }

    /// The new default is announced first: between the two steps there may be two that say
    /// so, and the later one counts. Asked again, it does what was left undone.
    pub(super) async fn make_default(&self, channel: &Channel) -> Result<()> {
        let others = if channel.is_default {
            self.defaults_by_their_rooms().await?
        } else {
            let others = self.defaults();
            self.core.set_default(channel, true).await?;
            others
        };
        self.unmake_default(others, channel.id).await
    }

    pub(super) async fn unmake_default(
        &self,
        others: Vec<Arc<Channel>>,
        default: ChannelId,
    ) -> Result<()> {
        for other in others.into_iter().filter(|other| other.id != default) {
            self.core.set_default(&other, false).await?;
        }
        Ok(())
    }

    /// The city room that is the default one.
    pub(super) fn defaults(&self) -> Vec<Arc<Channel>> {
        let mut rooms = self.core.directory.channels();
        rooms.retain(|channel| channel.kind == ChannelKind::City && channel.is_default);
        rooms
    }

    /// The city rooms whose Matrix state says that they are, of which only the last one is.
    async fn defaults_by_their_rooms(&self) -> Result<Vec<Arc<Channel>>> {
        let mut rooms = Vec::new();
        for channel in self.core.directory.channels() {
            if channel.kind != ChannelKind::City {
                continue;
            }
            let snapshot = self.core.homeserver.room(&channel.room).await?;
            let stored = snapshot.and_then(|snapshot| snapshot.channel);
            if stored.is_some_and(|stored| stored.state.is_default) {
                rooms.push(channel);
            }
        }
        Ok(rooms)
    }
}
