//! Channels of microdaos: made, listed and found.

use std::sync::Arc;

use super::Core;
use super::creation::Creator;
use crate::domain::access::Caller;
use crate::domain::channel::{
    Channel, ChannelKind, ChannelStatus, Visibility, channel_alias, check_microdao,
};
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
    /// Whether the caller may know of a channel.
    pub async fn may_see(&self, caller: &Caller, channel: &Channel) -> Result<bool> {
        if !caller.reaches(channel.id) {
            return Ok(false);
        }
        let membership = self.membership(caller, channel.id).await?;
        Ok(channel.is_visible_to(membership))
    }

    /// A channel that the caller may know of. For others it does not exist.
    pub async fn visible(&self, caller: &Caller, id: ChannelId) -> Result<Arc<Channel>> {
        let missing = || Error::not_found(format!("no channel {id}"));
        let channel = self.directory.channel(id).ok_or_else(missing)?;
        if self.may_see(caller, &channel).await? {
            return Ok(channel);
        }
        Err(missing())
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
        Self { core, creator }
    }

    /// Makes a channel; the caller becomes its owner.
    pub async fn create(&self, caller: &Caller, new: NewChannel) -> Result<ChannelView> {
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
        // Whoever may not make city rooms would otherwise take their names away.
        let city = &core.directory.city;
        if city.is_of_city(&alias) {
            let prefix = &city.room_prefix;
            return Err(Error::invalid(
                "slug",
                format!("must not begin with {prefix}, as the aliases of city rooms do"),
            ));
        }
        let creation = Creation {
            id: ChannelId(core.clock.uuid()),
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
        self.view(caller, channel).await
    }

    /// One channel.
    pub async fn get(&self, caller: &Caller, id: ChannelId) -> Result<ChannelView> {
        let channel = self.core.visible(caller, id).await?;
        self.view(caller, channel).await
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
