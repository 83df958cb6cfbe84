//! Oversight: every channel as an operator sees it, and what only operators do with channels.

use std::collections::HashMap;
use std::sync::Arc;

use super::channels::{CURSOR, key};
use super::city::{City, CityRoomPatch, NewCityRoom};
use super::heal::{ChannelReport, HealReport};
use super::presence::Presence;
use super::{Core, audit};
use crate::acts;
use crate::domain::channel::{Channel, ChannelKind, ChannelStatus, channel_alias};
use crate::domain::event::Source;
use crate::domain::id::{ChannelId, Millis, RoomAlias};
use crate::domain::member::Membership;
use crate::domain::page::{Page, decode_cursor, encode_cursor};
use crate::domain::{Error, Result};
use crate::store::ActivityMap;

/// What operators do with channels.
pub struct Oversight {
    core: Arc<Core>,
    city: Arc<City>,
    presence: Arc<Presence>,
}

/// Which channels to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct OverseenFilter {
    pub kind: Option<ChannelKind>,
    pub status: Option<ChannelStatus>,
}

/// Whether a Matrix room is to its channel what it should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Adoption {
    /// All is as it should be.
    Adopted,
    /// The room's canonical alias has been taken away.
    AliasMissing,
    /// The room's canonical alias is another one.
    AliasDiffers,
}

/// A channel with what operators look for.
#[derive(Clone, Debug)]
pub struct Overseen {
    pub channel: Arc<Channel>,
    pub adoption: Adoption,
    /// `None` when no alias can be made of the slug.
    pub alias_expected: Option<RoomAlias>,
    /// How many have joined.
    pub members: u64,
    pub members_online: u64,
    pub last_event: Option<Millis>,
}

impl Oversight {
    #[must_use]
    pub fn new(core: Arc<Core>, city: Arc<City>, presence: Arc<Presence>) -> Self {
        Self {
            core,
            city,
            presence,
        }
    }

    /// A page of all channels, the oldest first.
    pub async fn list(
        &self,
        filter: OverseenFilter,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<Overseen>> {
        let after = cursor
            .map(|cursor| decode_cursor(cursor, CURSOR))
            .transpose()?;
        let is_wanted = |channel: &Arc<Channel>| {
            filter.kind.is_none_or(|kind| kind == channel.kind)
                && filter.status.is_none_or(|status| status == channel.status)
                && after
                    .as_deref()
                    .is_none_or(|after| key(channel).as_slice() > after)
        };
        let mut channels = self.core.directory.channels();
        channels.retain(is_wanted);
        let is_more = channels.len() > limit;
        channels.truncate(limit);
        let last = channels.last().map(|last| encode_cursor(&key(last)));
        let life = self.life().await?;
        let mut items = Vec::with_capacity(channels.len());
        for channel in channels {
            items.push(self.describe(channel, &life).await?);
        }
        let next = last.filter(|_| is_more);
        Ok(Page { items, next })
    }

    /// Archives a channel or takes it back into use.
    pub async fn set_status(&self, id: ChannelId, status: ChannelStatus) -> Result<Overseen> {
        let channel = self.find(id)?;
        if channel.status != status {
            self.core.set_status(&channel, status).await?;
        }
        self.get(id).await
    }

    /// Changes a channel as the connector.
    pub async fn change(&self, id: ChannelId, patch: CityRoomPatch) -> Result<Overseen> {
        let channel = self.find(id)?;
        self.city.change(&channel, patch, None).await?;
        self.get(id).await
    }

    /// Makes a city room that belongs to no person.
    pub async fn create_room(&self, new: NewCityRoom, id: ChannelId) -> Result<Overseen> {
        let channel = self.city.make(new, None, id).await?;
        self.get(channel.id).await
    }

    /// Heals all channels. Goes on when the caller has gone away.
    pub async fn heal(&self) -> Result<HealReport> {
        let core = self.core.clone();
        self.record("heal.begun", None).await?;
        acts::close();
        let healing = tokio::spawn(acts::in_steps(async move { core.heal().await }));
        healing
            .await
            .map_err(|error| Error::internal(error.to_string()))?
    }

    /// Heals one channel. Its failure is the caller's answer.
    pub async fn heal_channel(&self, id: ChannelId) -> Result<ChannelReport> {
        let (core, channel) = (self.core.clone(), self.find(id)?);
        self.record("heal.begun", Some(id)).await?;
        acts::close();
        let healing = async move { core.heal_channel(&channel, Source::Heal).await };
        let healing = tokio::spawn(acts::in_steps(healing));
        let report = healing
            .await
            .map_err(|error| Error::internal(error.to_string()))?;
        match report.error {
            Some(error) => Err(error),
            None => Ok(report),
        }
    }

    async fn record(&self, action: &'static str, channel: Option<ChannelId>) -> Result<()> {
        let core = &self.core;
        let mut deed = audit::deed(&core.clock, action, "daarion");
        deed.channel = channel;
        audit::record(&core.store, &core.clock, deed).await
    }

    async fn get(&self, id: ChannelId) -> Result<Overseen> {
        let channel = self.find(id)?;
        self.describe(channel, &self.life().await?).await
    }

    async fn life(&self) -> Result<Life> {
        Ok(Life {
            last_events: self.core.store.index.activity().await?,
            online: self.presence.online().await?,
        })
    }

    fn find(&self, id: ChannelId) -> Result<Arc<Channel>> {
        let found = self.core.directory.channel(id);
        found.ok_or_else(|| Error::not_found(format!("no channel {id}")))
    }

    async fn describe(&self, channel: Arc<Channel>, life: &Life) -> Result<Overseen> {
        let directory = &self.core.directory;
        let server = &directory.naming.server_name;
        let alias_expected = match channel.kind {
            ChannelKind::City => directory.city.alias(&channel.slug).ok(),
            ChannelKind::Channel => channel_alias(&channel.slug, &channel.microdao, server).ok(),
            // Whatever alias its service has given it.
            ChannelKind::Gateway => channel.alias.clone(),
        };
        let index = &self.core.store.index;
        Ok(Overseen {
            adoption: match channel.kind {
                // It needs none.
                ChannelKind::Gateway => Adoption::Adopted,
                _ => Adoption::of(channel.alias.as_ref(), alias_expected.as_ref()),
            },
            alias_expected,
            members: index.count_members(channel.id, Membership::Joined).await?,
            members_online: life.online.get(&channel.id).copied().unwrap_or_default(),
            last_event: life.last_events.get(&channel.id).copied(),
            channel,
        })
    }
}

/// What goes on in all channels, read once for a page of them.
struct Life {
    last_events: ActivityMap,
    online: HashMap<ChannelId, u64>,
}

impl Adoption {
    fn of(found: Option<&RoomAlias>, expected: Option<&RoomAlias>) -> Self {
        match (found, expected) {
            (None, _) => Self::AliasMissing,
            (Some(found), Some(expected)) if found != expected => Self::AliasDiffers,
            _ => Self::Adopted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_there_missing_or_another() {
        let alias = |text: &str| RoomAlias::parse(text).expect("an alias");
        let (ours, other) = (alias("#city_a:example.org"), alias("#a:example.org"));
        for (found, expected, adoption) in [
            (Some(&ours), Some(&ours), Adoption::Adopted),
            (Some(&other), Some(&ours), Adoption::AliasDiffers),
            (None, Some(&ours), Adoption::AliasMissing),
            (Some(&other), None, Adoption::Adopted),
        ] {
            assert_eq!(Adoption::of(found, expected), adoption);
        }
    }
}
