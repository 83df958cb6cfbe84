//! Members of a channel: listed and invited.

use std::sync::Arc;

use super::Core;
use crate::domain::access::Caller;
use crate::domain::channel::Channel;
use crate::domain::entity::{Entity, EntityKind};
use crate::domain::id::{ChannelId, EventId, UserId};
use crate::domain::member::{Member, Membership};
use crate::domain::page::{Page, wrong_cursor};
use crate::domain::{Error, Result};
use crate::homeserver::RoomSnapshot;
use crate::store::MemberQuery;

/// The members service.
pub struct Members {
    core: Arc<Core>,
}

impl Members {
    #[must_use]
    pub fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// A page of members by Matrix user id; without a filter the joined and the invited.
    pub async fn list(
        &self,
        caller: &Caller,
        id: ChannelId,
        membership: Option<Membership>,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<(Arc<Channel>, Page<Member>)> {
        let channel = self.core.visible(caller, id).await?;
        let after = match cursor {
            None => None,
            Some(cursor) => Some(UserId::parse(cursor).ok_or_else(wrong_cursor)?),
        };
        let query = MemberQuery {
            channel: id,
            membership,
            after,
            limit,
        };
        let page = self.core.store.index.members(query).await?;
        Ok((channel, page))
    }

    /// Invites a person, or brings an agent in at once. Says whether that was new.
    pub async fn invite(
        &self,
        caller: &Caller,
        id: ChannelId,
        member: &str,
    ) -> Result<(Arc<Channel>, Member, bool)> {
        let core = &self.core;
        let channel = core.visible(caller, id).await?;
        let entity = core.directory.find_entity(member).ok_or_else(|| {
            Error::invalid("member_id", "must be user:<localpart> or agent:<name>")
        })?;
        if core.membership(caller, id).await? != Some(Membership::Joined) {
            return Err(Error::forbidden(format!(
                "{} is not a member of this channel",
                caller.entity
            )));
        }
        let user = self.existing(&entity).await?;
        let before = core.store.index.member(id, &user).await?;
        let wanted = match entity.kind() {
            EntityKind::Agent => Membership::Joined,
            EntityKind::Human => Membership::Invited,
        };
        if let Some(member) = before
            && (member.membership == Membership::Joined || member.membership == wanted)
        {
            return Ok((channel, member, false));
        }
        let inviter = core.directory.user_id(&caller.entity);
        let homeserver = &core.homeserver;
        homeserver
            .invite(&channel.room, &user, Some(&inviter))
            .await?;
        if entity.kind() == EntityKind::Agent {
            core.homeserver.join(&channel.room, Some(&user)).await?;
        }
        let member = self.confirm(&channel, &user).await?;
        Ok((channel, member, true))
    }

    /// The Matrix user of somebody who is known to be there: an agent that is registered, a
    /// local user whom the homeserver knows, or anybody from elsewhere.
    async fn existing(&self, entity: &Entity) -> Result<UserId> {
        let core = &self.core;
        let user = core.directory.user_id(entity);
        let known = match entity {
            Entity::Agent { name } => core.directory.agent(name).is_some(),
            Entity::User { server: None, .. } => core.homeserver.user_exists(&user).await?,
            Entity::User { .. } => true,
        };
        if known {
            return Ok(user);
        }
        Err(Error::not_found(format!("{entity} does not exist")))
    }

    /// Reads the membership back from the homeserver and takes it in, so that the caller's
    /// next list shows it without waiting for the push.
    async fn confirm(&self, channel: &Channel, user: &UserId) -> Result<Member> {
        let core = &self.core;
        let gone = || Error::HomeserverNonsense("an invitation left no trace".to_owned());
        let snapshot = core
            .homeserver
            .room(&channel.room)
            .await?
            .ok_or_else(gone)?;
        let (event, member) = find(snapshot, user).ok_or_else(gone)?;
        let what = crate::domain::event::What::MemberChanged(member.clone());
        core.echo(channel.id, event, what).await?;
        Ok(member)
    }
}

fn find(snapshot: RoomSnapshot, user: &UserId) -> Option<(EventId, Member)> {
    let is_wanted = |(_, member): &(EventId, Member)| member.user == *user;
    snapshot.members.into_iter().find(is_wanted)
}
