//! People online: who of the channels' members is there now, for operators.

use std::sync::Arc;

use super::Core;
use super::presence::Presence;
use crate::domain::Result;
use crate::domain::entity::Entity;
use crate::domain::id::{ChannelId, UserId};
use crate::domain::member::Membership;
use crate::domain::page::{Page, wrong_cursor};

/// Who is online.
pub struct Online {
    core: Arc<Core>,
    presence: Arc<Presence>,
}

/// Somebody who is online.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OnlinePerson {
    pub entity: Entity,
    pub user: UserId,
    pub display_name: Option<String>,
    /// How many channels they have joined.
    pub channels: u64,
}

impl Online {
    #[must_use]
    pub fn new(core: Arc<Core>, presence: Arc<Presence>) -> Self {
        Self { core, presence }
    }

    /// How many are online and members of a channel.
    pub async fn count(&self) -> Result<u64> {
        let mut count = 0;
        for user in self.presence.users() {
            count += u64::from(!self.joined(&user).await?.is_empty());
        }
        Ok(count)
    }

    /// A page of those who are online, by Matrix user id. The homeserver also tells of people
    /// who are in no channel; they are nobody's business here.
    pub async fn list(&self, cursor: Option<&str>, limit: usize) -> Result<Page<OnlinePerson>> {
        let after = cursor.map(|cursor| UserId::parse(cursor).ok_or_else(wrong_cursor));
        let after = after.transpose()?;
        let mut users = self.presence.users();
        users.retain(|user| after.as_ref() < Some(user));
        users.sort_unstable();
        let mut items: Vec<OnlinePerson> = Vec::new();
        for user in users {
            let joined = self.joined(&user).await?;
            let Some(channel) = joined.first() else {
                continue;
            };
            if items.len() == limit {
                let next = items.last().map(|last| last.user.to_string());
                return Ok(Page { items, next });
            }
            items.push(OnlinePerson {
                entity: self.core.directory.entity(&user),
                display_name: self.name_in(*channel, &user).await?,
                channels: joined.len() as u64,
                user,
            });
        }
        Ok(Page { items, next: None })
    }

    async fn joined(&self, user: &UserId) -> Result<Vec<ChannelId>> {
        let memberships = self.core.store.index.memberships(user).await?;
        let joined = memberships
            .into_iter()
            .filter(|(_, membership)| *membership == Membership::Joined);
        Ok(joined.map(|(channel, _)| channel).collect())
    }

    async fn name_in(&self, channel: ChannelId, user: &UserId) -> Result<Option<String>> {
        let member = self.core.store.index.member(channel, user).await?;
        Ok(member.and_then(|member| member.display_name))
    }
}
