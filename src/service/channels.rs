//! Channels of microdaos: made, listed and found.

mod adopt;

use std::sync::Arc;

use tokio::sync::Mutex;

pub use self::adopt::NewAdoption;
use super::Core;
use super::change::{ChannelPatch, require_changeable};
use super::creation::Creator;
use crate::domain::access::{Caller, Right};
use crate::domain::channel::{
    Channel, ChannelKind, ChannelStatus, Visibility, channel_alias, check_microdao,
};
use crate::domain::id::RoomAlias;
use crate::domain::id::{ChannelId, Millis, Seq, UserId};
use crate::domain::member::Membership;
use crate::domain::page::{Page, decode_cursor, encode_cursor};
use crate::domain::{Error, Result, slug, text};
use crate::store::Creation;

/// Bytes of a cursor of the channel list: `created_at` and id.
pub(super) const CURSOR: usize = 24;

/// The channels.
pub struct Channels {
    core: Arc<Core>,
    creator: Arc<Creator>,
    /// One room is adopted at a time: two of one room would each give it an id.
    adopting: Mutex<()>,
}

/// A channel to be made.
#[derive(Clone, Debug)]
pub struct NewChannel {
    /// Made of the name when absent.
    pub slug: Option<String>,
    pub name: String,
    pub description: String,
    /// The city itself when absent.
    pub microdao: Option<String>,
    pub visibility: Visibility,
    pub confidential: bool,
}

/// Which channels to list.
#[derive(Clone, Debug, Default)]
pub struct ChannelFilter {
    /// `None`: city rooms and channels of microdaos.
    pub kind: Option<ChannelKind>,
    pub microdao: Option<String>,
    pub visibility: Option<Visibility>,
    pub status: Option<ChannelStatus>,
    /// Only those that the caller has joined.
    pub joined: bool,
}

/// A channel with what is not stored with it.
#[derive(Clone, Debug)]
pub struct ChannelView {
    pub channel: Arc<Channel>,
    pub last_event: Option<Millis>,
    /// How the caller stands to it.
    pub membership: Option<Membership>,
}

impl Core {
    /// Whether the caller may know of a channel. Of a private one that is not known while the journal
    /// is read again: the index says who was in it long ago.
    pub async fn may_see(&self, caller: &Caller, channel: &Channel) -> Result<bool> {
        if !caller.reaches(channel.id) {
            return Ok(false);
        }
        let before = self.require_replayed();
        let membership = self.membership(caller, channel.id).await?;
        if channel.visibility == Visibility::Private {
            // The index may have been cleared, or have become whole, meanwhile.
            before.and(self.require_replayed())?;
        }
        Ok(channel.is_visible_to(membership))
    }

    /// A channel that the caller may know of. For others it does not exist.
    pub async fn visible(&self, caller: &Caller, id: ChannelId) -> Result<Arc<Channel>> {
        if let Some(channel) = self.directory.channel(id)
            && self.may_see(caller, &channel).await?
        {
            return Ok(channel);
        }
        // While it is not known who may know of a channel, what is hidden and what is not there have
        // one answer.
        self.require_replayed()?;
        Err(Error::not_found(format!("no channel {id}")))
    }

    /// Counts that the caller changes something in a channel, once it is certain that they may: what
    /// is refused to them uses up nobody's allowance, and tells no stranger that there is a channel.
    pub fn count_change(&self, caller: &Caller, channel: &Channel) -> Result<()> {
        self.limits.count(channel.id, &caller.entity)
    }

    /// How the caller stands to a channel.
    pub async fn membership(&self, caller: &Caller, id: ChannelId) -> Result<Option<Membership>> {
        let user = self.directory.user_id(&caller.entity);
        let member = self.store.index.member(id, &user).await?;
        Ok(member.map(|member| member.membership))
    }
}

impl Channels {
    #[must_use]
    pub fn new(core: Arc<Core>, creator: Arc<Creator>) -> Self {
        Self {
            core,
            creator,
            adopting: Mutex::default(),
        }
    }

    /// Makes a channel; the caller becomes its owner.
    pub async fn create(
        &self,
        caller: &Caller,
        new: NewChannel,
        id: ChannelId,
    ) -> Result<ChannelView> {
        let core = &self.core;
        let name = text::name("name", &new.name)?;
        let description = text::description(&new.description)?;
        let slug = match new.slug {
            Some(slug) => slug::check(&slug).map(|()| slug)?,
            None => slug::from_name(&name)?,
        };
        let microdao = new
            .microdao
            .unwrap_or_else(|| core.rules.city_microdao.clone());
        check_microdao(&microdao)?;
        let alias = channel_alias(&slug, &microdao, &core.directory.naming.server_name)?;
        self.refuse_city_alias(&alias)?;
        if core.directory.channel(id).is_none() {
            core.require_way_in(caller, &microdao).await?;
        }
        let creation = Creation {
            id,
            kind: ChannelKind::Channel,
            slug,
            name,
            description,
            microdao,
            visibility: new.visibility,
            confidential: new.confidential,
            is_default: false,
            alias,
            created_by: Some(caller.entity.to_string()),
            begun_at: core.clock.now(),
        };
        let channel = self.creator.create(creation).await?;
        core.tend_space(&channel.microdao).await;
        self.view(caller, channel).await
    }

    /// One channel.
    pub async fn get(&self, caller: &Caller, id: ChannelId) -> Result<ChannelView> {
        let channel = self.core.visible(caller, id).await?;
        self.view(caller, channel).await
    }

    /// Changes a channel as the caller, whose power in its room decides.
    pub async fn patch(
        &self,
        caller: &Caller,
        id: ChannelId,
        patch: ChannelPatch,
    ) -> Result<ChannelView> {
        let channel = self.core.visible(caller, id).await?;
        let patch = patch.against(&channel)?;
        if !patch.is_empty() {
            let core = &self.core;
            require_changeable(&channel)?;
            core.require_changes(caller, &channel, &patch).await?;
            core.count_change(caller, &channel)?;
            let user = core.directory.user_id(&caller.entity);
            let is_opened_or_closed = patch.visibility.is_some();
            core.change(&channel, patch, Some(&user)).await?;
            if is_opened_or_closed {
                core.tend_space(&channel.microdao).await;
            }
        }
        self.get(caller, id).await
    }

    /// Archives a channel or takes it back into use.
    pub async fn set_status(
        &self,
        caller: &Caller,
        id: ChannelId,
        status: ChannelStatus,
    ) -> Result<ChannelView> {
        let core = &self.core;
        let channel = core.visible(caller, id).await?;
        core.require(Right::Archive, caller, &channel).await?;
        core.count_change(caller, &channel)?;
        if channel.status != status {
            core.set_status(&channel, status).await?;
        }
        self.get(caller, id).await
    }

    /// A page of the channels that the caller may see, the oldest first.
    pub async fn list(
        &self,
        caller: &Caller,
        filter: &ChannelFilter,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<ChannelView>> {
        let after = cursor
            .map(|cursor| decode_cursor(cursor, CURSOR))
            .transpose()?;
        let user = self.core.directory.user_id(&caller.entity);
        let index = &self.core.store.index;
        let was_replaying = self.core.indexed.is_replaying();
        let memberships: std::collections::HashMap<_, _> =
            index.memberships(&user).await?.into_iter().collect();
        let activity = index.activity().await?;
        let mut items = Vec::new();
        let mut next = None;
        for channel in self.core.directory.channels() {
            let mut membership = memberships.get(&channel.id).copied();
            let passed = after
                .as_deref()
                .is_some_and(|after| key(&channel).as_slice() <= after);
            if passed || !caller.reaches(channel.id) || !filter.admits(&channel, membership) {
                continue;
            }
            if self.core.is_unsure_of(&channel, was_replaying) {
                continue;
            }
            if !channel.is_visible_to(membership) {
                continue;
            }
            // Among the memberships is nobody who has left or is banned.
            if membership.is_none() {
                membership = self.core.membership(caller, channel.id).await?;
                if !channel.is_visible_to(membership) {
                    continue;
                }
            }
            if items.len() == limit {
                next = items
                    .last()
                    .map(|last: &ChannelView| encode_cursor(&key(&last.channel)));
                break;
            }
            items.push(ChannelView {
                last_event: activity.get(&channel.id).copied(),
                membership,
                channel,
            });
        }
        Ok(Page { items, next })
    }

    /// Whether what `user` is to a channel from now on means that the caller may no longer know
    /// of it. Asked in the order of the journal, which the index may be behind.
    #[must_use]
    pub fn shuts_out(
        &self,
        caller: &Caller,
        id: ChannelId,
        user: &UserId,
        membership: Membership,
    ) -> bool {
        let is_visible = |channel: Arc<Channel>| channel.is_visible_to(Some(membership));
        self.core.directory.user_id(&caller.entity) == *user
            && !self.core.directory.channel(id).is_some_and(is_visible)
    }

    /// Whether the caller may still know of a channel once all up to `seq` has happened.
    pub async fn lets_in(&self, caller: &Caller, id: ChannelId, seq: Seq) -> Result<bool> {
        self.core.indexed_to(seq).await?;
        match self.core.visible(caller, id).await {
            Ok(_) => Ok(true),
            Err(Error::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whoever may not make city rooms would otherwise take their names away.
    fn refuse_city_alias(&self, alias: &RoomAlias) -> Result<()> {
        let city = &self.core.directory.city;
        if !city.is_of_city(alias) {
            return Ok(());
        }
        let prefix = &city.room_prefix;
        Err(Error::invalid(
            "slug",
            format!("must not begin with {prefix}, as the aliases of city rooms do"),
        ))
    }

    async fn view(&self, caller: &Caller, channel: Arc<Channel>) -> Result<ChannelView> {
        let activity = self.core.store.index.activity().await?;
        Ok(ChannelView {
            last_event: activity.get(&channel.id).copied(),
            membership: self.core.membership(caller, channel.id).await?,
            channel,
        })
    }
}

impl ChannelFilter {
    /// What services have made for themselves is listed for whoever asks for it.
    fn admits_kind(&self, kind: ChannelKind) -> bool {
        match self.kind {
            Some(wanted) => wanted == kind,
            None => kind != ChannelKind::Gateway,
        }
    }

    fn admits(&self, channel: &Channel, membership: Option<Membership>) -> bool {
        self.admits_kind(channel.kind)
            && self
                .microdao
                .as_ref()
                .is_none_or(|it| *it == channel.microdao)
            && self.visibility.is_none_or(|it| it == channel.visibility)
            && self.status.is_none_or(|it| it == channel.status)
            && (!self.joined || membership == Some(Membership::Joined))
    }
}

/// Where a channel stands in the order of the lists.
pub(super) fn key(channel: &Channel) -> [u8; CURSOR] {
    let mut key = [0; CURSOR];
    key[..8].copy_from_slice(&channel.created_at.to_be_bytes());
    key[8..].copy_from_slice(channel.id.as_bytes());
    key
}
