//! Agents: bots of this installation, each a Matrix user of its own.

use std::sync::Arc;

use super::Core;
use super::messages::{Messages, NewMessage};
use crate::domain::access::Caller;
use crate::domain::entity::Entity;
use crate::domain::id::{ChannelId, UserId};
use crate::domain::member::Agent;
use crate::domain::message::Message;
use crate::domain::page::{Page, wrong_cursor};
use crate::domain::service::{Scope, ServiceCaller};
use crate::domain::{Error, Result, text};

/// The agents service.
pub struct Agents {
    core: Arc<Core>,
    messages: Arc<Messages>,
}

impl Agents {
    #[must_use]
    pub fn new(core: Arc<Core>, messages: Arc<Messages>) -> Self {
        Self { core, messages }
    }

    /// Who somebody is that calls himself so. `field` is where it was said. Nobody acts for the
    /// connector, which has power everywhere, by whatever name.
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
        Ok(entity)
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
            Some(channel) => caller.require_room(&channel.room),
            None => Ok(()),
        }
    }

    /// Registers an agent. Without a Matrix user of its own it gets one in our namespace.
    pub async fn register(
        &self,
        id: &str,
        display_name: Option<&str>,
        user: Option<&str>,
    ) -> Result<Agent> {
        let agent = self.prepare(id, display_name, user).await?;
        self.enlist(agent).await
    }

    /// The first half of it: the agent's user, named, and nothing in the list. It may be done again.
    pub(super) async fn prepare(
        &self,
        id: &str,
        display_name: Option<&str>,
        user: Option<&str>,
    ) -> Result<Agent> {
        let core = &self.core;
        let name = name_of(id)?;
        let naming = &core.directory.naming;
        let by_name = naming.user_id(&Entity::Agent { name: name.clone() });
        if by_name == naming.connector() {
            return Err(Error::conflict(format!("id: {id} is the connector itself")));
        }
        if core.directory.agent(&name).is_some() {
            return Err(Error::conflict(format!("{id} exists already")));
        }
        let display_name = match display_name {
            Some(given) => text::name("display_name", given)?,
            None => name.clone(),
        };
        let user = match user {
            Some(user) => self.own_user(user, &name).await?,
            None => {
                self.require_free(&by_name, &name)?;
                core.homeserver.register_agent(&by_name).await?;
                by_name
            }
        };
        core.homeserver
            .set_display_name(&user, &display_name)
            .await?;
        Ok(Agent {
            name,
            user,
            display_name,
            created_at: core.clock.now(),
            deactivated_at: None,
        })
    }

    /// The second half: it is an agent from now on.
    pub(super) async fn enlist(&self, agent: Agent) -> Result<Agent> {
        let core = &self.core;
        core.store.accounts.add_agent(agent.clone()).await?;
        core.directory.put_agent(agent.clone());
        Ok(agent)
    }

    /// Gives an agent another display name.
    pub async fn update(&self, id: &str, display_name: &str) -> Result<Agent> {
        let core = &self.core;
        let mut agent = self.active(id)?;
        agent.display_name = text::name("display_name", display_name)?;
        let homeserver = &core.homeserver;
        homeserver
            .set_display_name(&agent.user, &agent.display_name)
            .await?;
        self.rewrite(agent).await
    }

    /// Notes that a Matrix user's account was closed for good, if it is an agent's. It stays in the
    /// list: what it has said is still said by it.
    pub(super) async fn deactivated(&self, user: &UserId) -> Result<()> {
        let core = &self.core;
        let Entity::Agent { name } = core.directory.entity(user) else {
            return Ok(());
        };
        match core.directory.agent(&name) {
            Some(mut agent) if agent.deactivated_at.is_none() => {
                agent.deactivated_at = Some(core.clock.now());
                self.rewrite(agent).await.map(drop)
            }
            _ => Ok(()),
        }
    }

    async fn rewrite(&self, agent: Agent) -> Result<Agent> {
        let core = &self.core;
        if !core.store.accounts.update_agent(agent.clone()).await? {
            return Err(Error::not_found(format!("no agent agent:{}", agent.name)));
        }
        core.directory.put_agent(agent.clone());
        Ok(agent)
    }

    /// One agent that can still act.
    fn active(&self, id: &str) -> Result<Agent> {
        let agent = self.get(id)?;
        match agent.deactivated_at {
            None => Ok(agent),
            Some(_) => Err(Error::conflict(format!("{id} is deactivated"))),
        }
    }

    /// One agent.
    pub fn get(&self, id: &str) -> Result<Agent> {
        let agent = self.core.directory.agent(&name_of(id)?);
        agent.ok_or_else(|| Error::not_found(format!("no agent {id}")))
    }

    /// A page of agents by name; the cursor is the last one's id.
    pub async fn list(&self, cursor: Option<&str>, limit: usize) -> Result<Page<Agent>> {
        let after = cursor.map(|cursor| name_of(cursor).map_err(|_| wrong_cursor()));
        let after = after.transpose()?;
        let all = self.core.store.accounts.agents().await?;
        let mut rest = all
            .into_iter()
            .filter(|agent| after.as_ref() < Some(&agent.name));
        let items: Vec<_> = rest.by_ref().take(limit).collect();
        let more = rest.next().is_some();
        let last = items.last().map(|agent| format!("agent:{}", agent.name));
        Ok(Page {
            items,
            next: last.filter(|_| more),
        })
    }

    /// Says something in a channel as an agent, which must be a member.
    pub async fn post(&self, id: &str, channel: ChannelId, new: NewMessage) -> Result<Message> {
        let agent = self.active(id)?;
        let caller = Caller::new(Entity::Agent { name: agent.name }, false);
        self.messages.send(&caller, channel, new).await
    }

    /// Refuses the user of another agent, before anything of theirs is changed.
    fn require_free(&self, user: &UserId, name: &str) -> Result<()> {
        match self.core.directory.entity(user) {
            Entity::Agent { name: other } if other != name => Err(Error::conflict(format!(
                "matrix_user_id: {user} is agent:{other}"
            ))),
            _ => Ok(()),
        }
    }

    async fn own_user(&self, user: &str, name: &str) -> Result<UserId> {
        let wrong = |message: &str| Error::invalid("matrix_user_id", message);
        let user = UserId::parse(user).ok_or_else(|| wrong("must be @localpart:server"))?;
        if user.server() != self.core.directory.naming.server_name {
            return Err(wrong("must be a user of this homeserver"));
        }
        if user == self.core.directory.naming.connector() {
            return Err(wrong("is the connector's own user"));
        }
        self.require_free(&user, name)?;
        if !self.core.homeserver.user_exists(&user).await? {
            return Err(wrong("does not exist on the homeserver"));
        }
        Ok(user)
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
