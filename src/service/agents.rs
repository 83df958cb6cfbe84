//! Agents: bots of this installation, each a Matrix user of its own. Found and checked here;
//! `registration` makes them, `changes` changes and ends them, `tokens` lets them call by
//! themselves, `commands` and `context` are what they and people ask about channels.

mod changes;
mod commands;
mod context;
mod records;
mod registration;
mod tokens;

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::Mutex;

pub use self::changes::{Account, AgentPatch};
pub use self::commands::Offer;
pub use self::context::{Context, ContextQuery, Remembered};
pub use self::registration::NewAgent;
use super::Core;
use super::auth::Auth;
use super::messages::Messages;
use crate::domain::access::{self, Caller};
use crate::domain::agent::{Agent, Hearing};
use crate::domain::entity::Entity;
use crate::domain::id::{ChannelId, UserId};
use crate::domain::page::{Page, wrong_cursor};
use crate::domain::service::{Scope, ServiceCaller};
use crate::domain::{Error, Result};

/// The agents service.
pub struct Agents {
    core: Arc<Core>,
    messages: Arc<Messages>,
    /// Has their tokens.
    auth: Arc<Auth>,
    /// Whoever writes an agent reads it first, and takes turns for it.
    writing: Mutex<()>,
    /// The names that are being registered: of two who want one, the second changes nothing.
    registering: Arc<std::sync::Mutex<HashSet<String>>>,
}

impl Core {
    /// Refuses an agent that is deactivated; others are not looked at.
    pub(in crate::service) fn require_at_work(&self, entity: &Entity) -> Result<()> {
        let Entity::Agent { name } = entity else {
            return Ok(());
        };
        let is_active = |agent: Agent| agent.is_active();
        match self.directory.agent(name).is_none_or(is_active) {
            true => Ok(()),
            false => Err(Error::forbidden(format!("{entity} is deactivated"))),
        }
    }
}

impl Agents {
    #[must_use]
    pub fn new(core: Arc<Core>, messages: Arc<Messages>, auth: Arc<Auth>) -> Self {
        Self {
            core,
            messages,
            auth,
            writing: Mutex::default(),
            registering: Arc::default(),
        }
    }

    /// Who somebody is that calls himself so. `field` is where it was said. Nobody acts for the
    /// connector, which has power everywhere, by whatever name, nor for an agent that is
    /// deactivated.
    pub fn acting(&self, field: &'static str, text: &str) -> Result<Entity> {
        let directory = &self.core.directory;
        let entity = directory
            .find_entity(text)
            .ok_or_else(|| Error::invalid(field, "must be user:<localpart> or agent:<name>"))?;
        if directory.user_id(&entity) == directory.naming.connector() {
            return Err(Error::forbidden(format!(
                "{text} is the connector itself; nobody can act for it"
            )));
        }
        self.require_at_work(&entity)?;
        Ok(entity)
    }

    /// Refuses an agent that is deactivated; others are not looked at.
    pub fn require_at_work(&self, entity: &Entity) -> Result<()> {
        self.core.require_at_work(entity)
    }

    /// What somebody hears who is an agent; `None` for people, who hear all.
    #[must_use]
    pub fn hearing(&self, caller: &Caller, include_agents: bool) -> Option<Hearing> {
        matches!(caller.entity, Entity::Agent { .. }).then(|| Hearing {
            agent: self.core.directory.user_id(&caller.entity),
            include_agents,
        })
    }

    /// Whether somebody may let a program act as an entity.
    #[must_use]
    pub fn may_act_as(&self, caller: &Caller, entity: &Entity) -> bool {
        let agent = match entity {
            Entity::Agent { name } => self.core.directory.agent(name),
            Entity::User { .. } => None,
        };
        access::agents::may_act_as(caller, entity, agent.as_ref())
    }

    /// Checks that a service may look after an agent, and act as the Matrix user that the agent is
    /// to be: whoever registers somebody's user as an agent speaks for them from then on.
    pub fn require(&self, caller: &ServiceCaller, id: &str, user: Option<&str>) -> Result<()> {
        caller.require(Scope::Agents)?;
        let name = name_of(id)?;
        caller.require_act_as(&Entity::Agent { name })?;
        match user.and_then(UserId::parse) {
            Some(user) => caller.require_act_as(&self.core.directory.entity(&user)),
            None => Ok(()),
        }
    }

    /// Checks that a service may work in a channel.
    pub fn require_channel(&self, caller: &ServiceCaller, id: ChannelId) -> Result<()> {
        match self.core.directory.channel(id) {
            Some(channel) if !caller.may_work_for(&channel) => caller.require_room(&channel.room),
            _ => Ok(()),
        }
    }

    /// Checks that a person may look after an agent.
    pub fn require_keeper(&self, caller: &Caller, id: &str) -> Result<()> {
        access::agents::check_keeper(caller, &self.get(id)?)
    }

    /// One agent.
    pub fn get(&self, id: &str) -> Result<Agent> {
        let agent = self.core.directory.agent(&name_of(id)?);
        agent.ok_or_else(|| Error::not_found(format!("no agent {id}")))
    }

    /// An agent, as it calls: it must be at work.
    pub fn caller(&self, id: &str) -> Result<Caller> {
        Ok(Caller::new(self.active(id)?.entity(), false))
    }

    /// One agent that is at work.
    fn active(&self, id: &str) -> Result<Agent> {
        let agent = self.get(id)?;
        agent.require_active()?;
        Ok(agent)
    }

    /// A page of agents by name, of all or of those of an owner; the cursor is the last one's id.
    pub async fn list(
        &self,
        owner: Option<&str>,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<Agent>> {
        let owner = owner.map(|owner| {
            let parsed = Entity::parse(owner);
            parsed.ok_or_else(|| Error::invalid("owner", "must be user:<localpart>"))
        });
        let owner = owner.transpose()?;
        let after = cursor.map(|cursor| name_of(cursor).map_err(|_| wrong_cursor()));
        let after = after.transpose()?;
        let all = self.core.store.accounts.agents().await?;
        let mut rest = all.into_iter().filter(|agent| {
            let is_theirs = owner.as_ref().is_none_or(|owner| agent.is_owned_by(owner));
            is_theirs && after.as_ref() < Some(&agent.name)
        });
        let items: Vec<_> = rest.by_ref().take(limit).collect();
        let more = rest.next().is_some();
        let last = items.last().map(|agent| agent.entity().to_string());
        Ok(Page {
            items,
            next: last.filter(|_| more),
        })
    }
}

fn name_of(id: &str) -> Result<String> {
    match Entity::parse(id) {
        Some(Entity::Agent { name }) => Ok(name),
        _ => Err(Error::invalid(
            "id",
            "must be agent:<name>, the name 1 to 64 characters from a-z, 0-9 and \"._=-/\"",
        )),
    }
}
