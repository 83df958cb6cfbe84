//! Who is in a microdao: everybody who has joined one of its channels that the caller may know of.
//! The connector is in all rooms and a member of nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use moka::future::Cache;

use super::Microdaos;
use crate::domain::Result;
use crate::domain::access::Caller;
use crate::domain::channel::Channel;
use crate::domain::entity::Entity;
use crate::domain::id::{ChannelId, UserId};
use crate::domain::member::Membership;
use crate::domain::page::{Page, wrong_cursor};
use crate::service::Core;
use crate::store::MemberQuery;

/// How many members are read at once.
const PAGE: usize = 200;

/// Somebody in a microdao.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MicrodaoMember {
    pub user: UserId,
    pub entity: Entity,
    pub display_name: Option<String>,
    /// How many of the channels that the caller may know of they are in.
    pub channels: u64,
}

/// How many people are in these channels, at a state of who is where.
pub(super) type Counted = Cache<Vec<ChannelId>, (u64, u64)>;

impl Microdaos {
    /// How many people have joined one of these channels. To read all of their memberships takes long,
    /// and they change seldom.
    pub(super) async fn count_people(&self, channels: &[&Arc<Channel>]) -> Result<u64> {
        let state = self.core.indexed.memberships();
        let ids: Vec<_> = channels.iter().map(|it| it.id).collect();
        if let Some((of, count)) = self.counted.get(&ids).await
            && of == state
        {
            return Ok(count);
        }
        let count = self.core.people_in(channels).await?.len() as u64;
        self.counted.insert(ids, (state, count)).await;
        Ok(count)
    }

    /// A page of members by Matrix user id.
    pub async fn members(
        &self,
        caller: &Caller,
        id: &str,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<MicrodaoMember>> {
        let channels = self.visible(caller, id).await?;
        let after = cursor.map(|cursor| UserId::parse(cursor).ok_or_else(wrong_cursor));
        let after = after.transpose()?;
        let mut found: BTreeMap<UserId, MicrodaoMember> = BTreeMap::new();
        for channel in &channels {
            // Two more: the connector, and one that tells whether there is another page.
            let page = self.core.store.index.members(MemberQuery {
                channel: channel.id,
                membership: Some(Membership::Joined),
                after: after.clone(),
                limit: limit + 2,
            });
            for member in page.await?.items {
                let entry = found.entry(member.user.clone());
                let known = entry.or_insert_with(|| MicrodaoMember {
                    user: member.user,
                    entity: member.entity,
                    display_name: member.display_name,
                    channels: 0,
                });
                known.channels += 1;
            }
        }
        found.remove(&self.core.directory.naming.connector());
        let is_more = found.len() > limit;
        let items: Vec<_> = found.into_values().take(limit).collect();
        let last = items.last().map(|last| last.user.to_string());
        Ok(Page {
            items,
            next: last.filter(|_| is_more),
        })
    }
}

impl Core {
    /// Everybody who has joined one of these channels.
    pub(super) async fn people_in(&self, channels: &[&Arc<Channel>]) -> Result<BTreeSet<UserId>> {
        let mut people = BTreeSet::new();
        for channel in channels {
            let mut after = None;
            loop {
                let page = self.store.index.members(MemberQuery {
                    channel: channel.id,
                    membership: Some(Membership::Joined),
                    after,
                    limit: PAGE,
                });
                let page = page.await?;
                people.extend(page.items.into_iter().map(|member| member.user));
                after = page.next.and_then(|next| UserId::parse(&next));
                if after.is_none() {
                    break;
                }
            }
        }
        people.remove(&self.directory.naming.connector());
        Ok(people)
    }
}
