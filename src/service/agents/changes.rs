//! Agents that are changed, deactivated and put to work again.

use super::registration::described;
use super::{Agents, name_of};
use crate::domain::access::Caller;
use crate::domain::access::agents::check_revival;
use crate::domain::agent::{Agent, Deactivation, avatar_url};
use crate::domain::command::{self, Command};
use crate::domain::entity::Entity;
use crate::domain::id::UserId;
use crate::domain::{Error, Result, text};
use crate::homeserver::Traces;
use crate::service::audit;

/// What the audit log calls it that something of an agent was changed.
const UPDATED: &str = "agent.updated";

/// What of an agent is to be changed: `None` leaves it, `Some(None)` clears it.
#[derive(Clone, Debug, Default)]
pub struct AgentPatch {
    /// Cleared, it is the agent's name again.
    pub display_name: Option<Option<String>>,
    pub description: Option<Option<String>>,
    pub avatar_url: Option<Option<String>>,
    pub owner: Option<Option<String>>,
}

/// What becomes of the Matrix account of an agent that is deactivated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Account {
    /// It stays, and the agent can be put to work again.
    Kept,
    /// It is closed, for good.
    Closed,
}

impl Agents {
    /// Changes an agent. Its tokens end when somebody else answers for it: they are known to whoever
    /// did until then.
    pub async fn update(&self, id: &str, patch: AgentPatch) -> Result<Agent> {
        let agent = self.active(id)?;
        let display_name = match patch.display_name {
            Some(Some(given)) => Some(text::name("display_name", &given)?),
            Some(None) => Some(agent.name.clone()),
            None => None,
        };
        let description = patch.description.map(|given| described(given.as_deref()));
        let description = description.transpose()?;
        let avatar = patch.avatar_url.map(|given| {
            let given = given.as_deref().map(avatar_url);
            given.transpose()
        });
        let avatar = avatar.transpose()?;
        let owner = match patch.owner {
            Some(Some(given)) => Some(Some(self.person("owner", &given).await?)),
            Some(None) => Some(None),
            None => None,
        };
        let homeserver = &self.core.homeserver;
        if let Some(name) = &display_name {
            homeserver.set_display_name(&agent.user, name).await?;
        }
        if let Some(url) = &avatar {
            let url = url.as_deref().unwrap_or_default();
            homeserver.set_avatar(&agent.user, url).await?;
        }
        let is_anothers = owner.as_ref().is_some_and(|owner| *owner != agent.owner);
        // Before: a change that breaks off here is made again. After: whoever answered for it until
        // then could make one in between.
        if is_anothers {
            self.auth.keys.revoke_all(&agent.entity()).await?;
        }
        let changed = self.rewrite(&agent.name, UPDATED, |agent| {
            agent.display_name = display_name.unwrap_or_else(|| agent.display_name.clone());
            agent.description = description.unwrap_or_else(|| agent.description.clone());
            agent.avatar_url = avatar.unwrap_or_else(|| agent.avatar_url.clone());
            agent.owner = owner.unwrap_or_else(|| agent.owner.clone());
        });
        let changed = changed.await?;
        if is_anothers {
            self.auth.keys.revoke_all(&changed.entity()).await?;
        }
        Ok(changed)
    }

    /// Says what an agent can be asked to do, instead of what was said before.
    pub async fn set_commands(&self, id: &str, commands: Vec<Command>) -> Result<Agent> {
        let agent = self.active(id)?;
        let commands = command::commands(commands)?;
        let set = |agent: &mut Agent| agent.commands = commands.into();
        self.rewrite(&agent.name, UPDATED, set).await
    }

    /// Ends an agent's work: its tokens count no more, and it leaves its channels. What it has said
    /// stays. Done again, it goes on where it was cut off.
    pub async fn deactivate(&self, id: &str, account: Account) -> Result<Agent> {
        self.end(id, account, true).await
    }

    /// The same by its keeper. What an operator has ended, only operators begin again.
    pub async fn deactivate_own(&self, caller: &Caller, id: &str) -> Result<Agent> {
        self.require_keeper(caller, id)?;
        self.end(id, Account::Kept, caller.operator).await
    }

    async fn end(&self, id: &str, account: Account, by_operator: bool) -> Result<Agent> {
        let core = &self.core;
        let name = name_of(id)?;
        let now = core.clock.now();
        // First of all: from here on it is refused everywhere.
        let agent = self.rewrite(&name, "agent.deactivated", |agent| {
            let end = agent.deactivated.get_or_insert(Deactivation {
                at: now,
                is_final: false,
                by_operator,
            });
            end.by_operator |= by_operator;
        });
        let agent = agent.await?;
        self.auth.keys.revoke_all(&agent.entity()).await?;
        tracing::info!(agent = %agent.entity(), "an agent is deactivated");
        if agent.deactivated.is_some_and(|it| it.is_final) {
            return Ok(agent);
        }
        self.leave_channels(&agent.user).await?;
        match account {
            Account::Kept => Ok(agent),
            Account::Closed => {
                core.homeserver
                    .deactivate(&agent.user, Traces::Kept)
                    .await?;
                self.close(&agent.name).await
            }
        }
    }

    /// Leaves every channel; where one fails, the others are left all the same.
    async fn leave_channels(&self, user: &UserId) -> Result<()> {
        let core = &self.core;
        let mut outcome = Ok(());
        for (channel, _) in core.store.index.memberships(user).await? {
            let Some(channel) = core.directory.channel(channel) else {
                continue;
            };
            if let Err(error) = core.homeserver.leave(&channel.room, Some(user)).await {
                outcome = Err(error);
            }
        }
        outcome
    }

    /// Puts an agent to work again. It comes back into channels when it is invited there.
    pub async fn reactivate(&self, id: &str) -> Result<Agent> {
        let agent = self.get(id)?;
        let closed = || Error::conflict(format!("{id}: its Matrix account is closed for good"));
        match agent.deactivated {
            None => return Ok(agent),
            Some(end) if end.is_final => return Err(closed()),
            Some(_) => {}
        }
        if !self.core.homeserver.user_exists(&agent.user).await? {
            return Err(closed());
        }
        let work = |agent: &mut Agent| agent.deactivated = None;
        self.rewrite(&agent.name, "agent.reactivated", work).await
    }

    /// The same for its keeper, who may not have more than so many.
    pub async fn reactivate_own(&self, caller: &Caller, id: &str) -> Result<Agent> {
        let agent = self.get(id)?;
        check_revival(caller, &agent)?;
        if !agent.is_active() && agent.is_owned_by(&caller.entity) {
            let each = self.core.rules.agents.each;
            self.require_room_for_one(&caller.entity, each)?;
        }
        self.reactivate(id).await
    }

    /// Notes that a Matrix user's account was closed for good: nobody comes in by it any more. An agent
    /// stays in the list: what it has said is still said by it.
    pub(in crate::service) async fn closed(&self, user: &UserId) -> Result<()> {
        let directory = &self.core.directory;
        let entity = directory.entity(user);
        if let Entity::Agent { name } = &entity
            && let Some(agent) = directory.agent(name)
            && !agent.deactivated.is_some_and(|it| it.is_final)
        {
            self.close(name).await?;
        }
        self.auth.shut_out(&entity).await.map(drop)
    }

    async fn close(&self, name: &str) -> Result<Agent> {
        let now = self.core.clock.now();
        self.rewrite(name, "agent.closed", |agent| {
            let before = agent.deactivated;
            agent.deactivated = Some(Deactivation {
                at: before.map_or(now, |it| it.at),
                is_final: true,
                by_operator: before.is_none_or(|it| it.by_operator),
            });
        })
        .await
    }

    /// Notes a user's picture that was set by another way, if it is an agent's.
    pub(in crate::service) async fn pictured(&self, user: &UserId, url: &str) -> Result<()> {
        let directory = &self.core.directory;
        let Entity::Agent { name } = directory.entity(user) else {
            return Ok(());
        };
        if directory.agent(&name).is_none() {
            return Ok(());
        }
        let url = Some(url.to_owned()).filter(|url| !url.is_empty());
        let picture = |agent: &mut Agent| agent.avatar_url = url;
        self.rewrite(&name, UPDATED, picture).await.map(drop)
    }

    /// Writes an agent anew. It is so in memory before it is written down: the caller may go away
    /// meanwhile, and the write stands all the same.
    async fn rewrite(
        &self,
        name: &str,
        action: &'static str,
        change: impl FnOnce(&mut Agent),
    ) -> Result<Agent> {
        let core = &self.core;
        let _turn = self.writing.lock().await;
        let none = || Error::not_found(format!("no agent agent:{name}"));
        let before = core.directory.agent(name).ok_or_else(none)?;
        let mut agent = before.clone();
        change(&mut agent);
        core.directory.put_agent(agent.clone());
        let updating = core.store.accounts.update_agent(agent.clone());
        let updated = match agent == before {
            true => updating.await,
            false => {
                let deed = self.deed(action, Some(&before), &agent);
                audit::along(&core.clock, deed, updating).await
            }
        };
        match updated {
            Ok(true) => Ok(agent),
            Ok(false) => Err(none()),
            Err(error) => {
                core.directory.put_agent(before);
                Err(error.into())
            }
        }
    }
}
