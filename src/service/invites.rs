//! Invite links: made, listed, revoked, and followed.
//!
//! Whoever follows one is invited by its maker, as the homeserver sees it, so that a link is never
//! worth more than its maker's word. Who comes by a link is counted before they are let in: a link
//! that is good for ten lets in ten, however many try at once and whatever breaks off.

use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;

use super::auth::tokens::{digest, text};
use super::{Core, audit};
use crate::domain::access::{self, Caller, Right};
use crate::domain::audit::{Deed, rfc3339};
use crate::domain::channel::{Channel, ChannelStatus};
use crate::domain::entity::Entity;
use crate::domain::id::{ChannelId, UserId};
use crate::domain::invite::{Admission, InviteLink, Terms};
use crate::domain::member::Membership;
use crate::domain::{Error, Result};

/// How many links a channel may have, and how many of them one person may have made.
const EACH: usize = 100;
const OWN: usize = 20;
/// Random bytes in a code.
const CODE: usize = 16;

/// The invite links.
pub struct Invites {
    core: Arc<Core>,
}

/// Where a link leads, for whoever has its code.
#[derive(Clone, Debug)]
pub struct Destination {
    pub channel: Arc<Channel>,
    pub link: InviteLink,
    /// What its maker is called there.
    pub invited_by: Option<String>,
}

/// A link that was just made.
#[derive(Clone, Debug)]
pub struct MadeLink {
    pub link: InviteLink,
    /// Known to whoever made it, and to nobody here.
    pub code: String,
    /// `None` while it is not known where people reach this installation.
    pub url: Option<String>,
}

impl Invites {
    #[must_use]
    pub fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Makes a link with this id into a channel that the caller may invite people into. One that is
    /// there was made by an earlier try of the same request, and its code shown to nobody: it makes
    /// room.
    pub async fn create(
        &self,
        caller: &Caller,
        id: ChannelId,
        terms: Terms,
        link: Uuid,
    ) -> Result<MadeLink> {
        let core = &self.core;
        terms.check()?;
        let channel = self.inviting(caller, id).await?;
        core.limits.count(id, &caller.entity)?;
        require_active(&channel)?;
        let mut links = core.store.invites.links(id).await?;
        if let Some(lost) = links.iter().position(|it| it.id == link) {
            let deed = self.deed("invite_link.revoked", &links.remove(lost));
            let removing = core.store.invites.remove_link(id, link);
            audit::along(&core.clock, deed, removing).await?;
        }
        let now = core.clock.now();
        let good = || links.iter().filter(|link| !link.is_over(now));
        if good().count() >= EACH {
            let message = format!("the channel has {EACH} invite links already; revoke one first");
            return Err(Error::conflict(message));
        }
        let own = good().filter(|link| link.created_by == caller.entity);
        if own.count() >= OWN {
            let message = format!(
                "{} has {OWN} invite links into this channel already; revoke one first",
                caller.entity
            );
            return Err(Error::conflict(message));
        }
        let code = text(&core.clock.secret()[..CODE]);
        let link = InviteLink {
            id: link,
            channel: id,
            digest: digest(code.as_bytes()),
            created_by: caller.entity.clone(),
            created_at: now,
            expires_at: terms
                .expires_in
                .map(|seconds| now + seconds.saturating_mul(1_000)),
            max_uses: terms.max_uses,
            uses: 0,
        };
        let deed = self.deed("invite_link.created", &link);
        let adding = core.store.invites.add_link(link.clone());
        audit::along(&core.clock, deed, adding).await?;
        let base = core.rules.public_url.as_ref();
        let url = base.map(|base| format!("{base}/invite/{code}"));
        Ok(MadeLink { link, code, url })
    }

    /// The links of a channel, for those who may make some.
    pub async fn list(&self, caller: &Caller, id: ChannelId) -> Result<Vec<InviteLink>> {
        self.inviting(caller, id).await?;
        Ok(self.core.store.invites.links(id).await?)
    }

    /// Revokes a link: its maker may, and moderators.
    pub async fn revoke(&self, caller: &Caller, id: ChannelId, link: Uuid) -> Result<()> {
        let core = &self.core;
        let channel = self.inviting(caller, id).await?;
        core.limits.count(id, &caller.entity)?;
        let missing = || Error::not_found(format!("no invite link {link}"));
        let links = core.store.invites.links(id).await?;
        let found = links.iter().find(|it| it.id == link).ok_or_else(missing)?;
        if found.created_by != caller.entity {
            core.require(Right::RevokeLinks, caller, &channel).await?;
        }
        let deed = self.deed("invite_link.revoked", found);
        let removing = core.store.invites.remove_link(id, link);
        match audit::along(&core.clock, deed, removing).await? {
            true => Ok(()),
            false => Err(missing()),
        }
    }

    /// Where a link leads. Everybody who has its code may know.
    pub async fn look(&self, code: &str) -> Result<Destination> {
        let core = &self.core;
        let (link, channel) = self.good(code).await?;
        if link.is_used_up() {
            return Err(no_link());
        }
        let maker = core.directory.user_id(&link.created_by);
        let maker = core.store.index.member(channel.id, &maker).await?;
        Ok(Destination {
            invited_by: maker.and_then(|maker| maker.display_name),
            channel,
            link,
        })
    }

    /// Lets the caller in by a link.
    pub async fn accept(&self, caller: &Caller, code: &str) -> Result<Arc<Channel>> {
        let core = &self.core;
        let (link, channel) = self.good(code).await?;
        if !caller.reaches(channel.id) {
            return Err(no_link());
        }
        if !matches!(caller.entity, Entity::User { server: None, .. }) {
            return Err(Error::forbidden(
                "only people of this homeserver follow invite links",
            ));
        }
        core.limits.count(channel.id, &caller.entity)?;
        let user = core.directory.user_id(&caller.entity);
        match core.membership(caller, channel.id).await? {
            Some(Membership::Joined) => return Ok(channel),
            Some(Membership::Banned) => return Err(banned(&caller.entity)),
            _ => {}
        }
        let invites = &core.store.invites;
        let admission = invites.admit(&link, &user, core.clock.now()).await?;
        if admission == Admission::Refused {
            return Err(no_link());
        }
        let entered = self.enter(&link, &channel, &caller.entity).await;
        if let Err(error) = &entered {
            // Whether they are in is not known when it may be tried again, and then they are counted.
            if admission == Admission::Counted && !error.is_transient() {
                invites.unadmit(&link, &user).await?;
            }
            if !error.is_transient() && self.is_banned(&channel, &user).await? {
                return Err(banned(&caller.entity));
            }
        }
        entered?;
        let deed = self.deed("invite_link.followed", &link);
        audit::record(&core.store, &core.clock, deed).await?;
        Ok(channel)
    }

    /// What was done with a link. Who was invited by it, and has come, is told by the journal.
    fn deed(&self, action: &'static str, link: &InviteLink) -> Deed {
        let core = &self.core;
        let mut deed = audit::deed(&core.clock, action, &link.created_by).target(link.id);
        deed.channel = Some(link.channel);
        deed.after(json!({
            "created_by": link.created_by.to_string(),
            "expires_at": link.expires_at.map(rfc3339),
            "max_uses": link.max_uses,
        }))
    }

    /// Invites somebody as the link's maker, and lets them join.
    async fn enter(&self, link: &InviteLink, channel: &Channel, entity: &Entity) -> Result<()> {
        let core = &self.core;
        let directory = &core.directory;
        let (user, maker) = (
            directory.user_id(entity),
            directory.user_id(&link.created_by),
        );
        let inviter = Some(&maker);
        let invited = core.homeserver.invite(&channel.room, &user, inviter).await;
        if invited.is_ok() {
            // It is the caller's doing, and none of the maker's in a Matrix client.
            if let Err(error) = core.take_member(channel, &user, &maker).await {
                tracing::warn!(%error, "from where an invitation comes is not noted");
            }
        }
        match (core.let_in(channel, entity).await, invited) {
            (Ok(()), _) => Ok(()),
            (Err(error), _) | (_, Err(error)) if error.is_transient() => Err(error),
            (_, Err(refusal)) | (Err(refusal), Ok(())) => Err(refusal),
        }
    }

    /// Whether the homeserver knows of a ban that has not come to us.
    async fn is_banned(&self, channel: &Channel, user: &UserId) -> Result<bool> {
        let member = self.core.homeserver.member(&channel.room, user).await?;
        Ok(member.is_some_and(|(_, member)| member.membership == Membership::Banned))
    }

    /// A link that is good, as far as can be told before anybody comes by it, and its channel.
    async fn good(&self, code: &str) -> Result<(InviteLink, Arc<Channel>)> {
        let core = &self.core;
        // Its maker may have been sent away since the time of which the index speaks.
        core.require_replayed()?;
        let link = core.store.invites.link_of(&digest(code.as_bytes())).await?;
        let link = link.filter(|link| !link.is_over(core.clock.now()));
        let link = link.ok_or_else(no_link)?;
        let channel = core.directory.channel(link.channel).ok_or_else(no_link)?;
        let may_invite = self.may_invite(&channel, &link.created_by).await?;
        match channel.status == ChannelStatus::Active && may_invite {
            true => Ok((link, channel)),
            false => Err(no_link()),
        }
    }

    /// A channel that the caller may make links into.
    async fn inviting(&self, caller: &Caller, id: ChannelId) -> Result<Arc<Channel>> {
        let core = &self.core;
        let channel = core.visible(caller, id).await?;
        core.require(Right::ManageLinks, caller, &channel).await?;
        Ok(channel)
    }

    async fn may_invite(&self, channel: &Channel, entity: &Entity) -> Result<bool> {
        let core = &self.core;
        let levels = core.levels(channel).await?;
        let who = core.standing(channel, entity, &levels).await?;
        Ok(access::check(Right::Invite, &who, channel, &levels).is_ok())
    }
}

/// The same for all that do not lead anywhere: whether a code was ever good is not told.
fn no_link() -> Error {
    Error::not_found("there is no such invite link, or it does not lead anywhere any more")
}

fn banned(entity: &Entity) -> Error {
    Error::forbidden(format!("{entity} is banned from this channel"))
}

fn require_active(channel: &Channel) -> Result<()> {
    match channel.status {
        ChannelStatus::Active => Ok(()),
        ChannelStatus::Archived => Err(Error::conflict("the channel is archived")),
    }
}
