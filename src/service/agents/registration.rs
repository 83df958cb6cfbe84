//! Agents that are registered: with the homeserver first, then in the list.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Agents, name_of};
use crate::domain::access::Caller;
use crate::domain::access::agents::check_registration;
use crate::domain::agent::{Agent, avatar_url};
use crate::domain::entity::Entity;
use crate::domain::id::UserId;
use crate::domain::{Error, Result, text};
use crate::homeserver::Shut;
use crate::service::audit;

/// An agent to be registered.
#[derive(Clone, Debug, Default)]
pub struct NewAgent {
    /// `agent:<name>`.
    pub id: String,
    /// The name when absent.
    pub display_name: Option<String>,
    pub description: Option<String>,
    pub avatar_url: Option<String>,
    /// The person who answers for it.
    pub owner: Option<String>,
    /// The Matrix user that it is to be; one of our namespace when absent.
    pub user: Option<String>,
}

/// What of it can be judged by itself.
struct Form {
    name: String,
    display_name: String,
    description: Option<String>,
    avatar_url: Option<String>,
}

impl Form {
    fn of(new: &NewAgent) -> Result<Self> {
        let name = name_of(&new.id)?;
        let given = new.display_name.as_deref();
        let display_name = given.map(|given| text::name("display_name", given));
        Ok(Self {
            display_name: display_name.transpose()?.unwrap_or_else(|| name.clone()),
            description: described(new.description.as_deref())?,
            avatar_url: new.avatar_url.as_deref().map(avatar_url).transpose()?,
            name,
        })
    }
}

/// A name that is being registered; free again when this is dropped.
pub(in crate::service) struct Held {
    names: Arc<Mutex<HashSet<String>>>,
    name: String,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.remove(&self.name);
    }
}

impl Agents {
    /// Keeps others from registering an agent of this id meanwhile.
    pub(in crate::service) fn hold(&self, id: &str) -> Result<Held> {
        let name = name_of(id)?;
        let names = self.registering.clone();
        let mut held = names.lock().unwrap_or_else(PoisonError::into_inner);
        if !held.insert(name.clone()) {
            return Err(Error::conflict(format!("{id} is being registered")));
        }
        drop(held);
        Ok(Held { names, name })
    }

    /// Whether an agent is the one that would be registered.
    #[must_use]
    pub fn is_as_asked(agent: &Agent, new: &NewAgent) -> bool {
        let Ok(form) = Form::of(new) else {
            return false;
        };
        let owner = agent.owner.as_ref().map(ToString::to_string);
        let user = new.user.as_deref();
        form.name == agent.name
            && form.display_name == agent.display_name
            && form.description == agent.description
            && form.avatar_url == agent.avatar_url
            && owner == new.owner
            && user.is_none_or(|user| user == agent.user.as_str())
    }

    /// Registers an agent.
    pub async fn register(&self, new: NewAgent) -> Result<Agent> {
        let _held = self.hold(&new.id)?;
        let agent = self.prepare(new).await?;
        self.enlist(agent, usize::MAX).await
    }

    /// Registers an agent of somebody's own, with a Matrix user of its own.
    pub async fn register_own(&self, caller: &Caller, new: NewAgent) -> Result<Agent> {
        let Form { name, .. } = Form::of(&new)?;
        let rules = &self.core.rules.agents;
        check_registration(caller, rules.creation)?;
        let owner = &caller.entity;
        self.require_room_for_one(owner, rules.each)?;
        let _held = self.hold(&new.id)?;
        if !caller.operator {
            self.require_unknown(&name).await?;
        }
        let new = NewAgent {
            owner: Some(owner.to_string()),
            user: None,
            ..new
        };
        let agent = self.prepare(new).await?;
        self.enlist(agent, rules.each).await
    }

    /// Refuses the name of a Matrix user that was somewhere before: an agent that our data have lost,
    /// or of an older installation. Whoever owned it would read its rooms.
    async fn require_unknown(&self, name: &str) -> Result<()> {
        let core = &self.core;
        if core.directory.agent(name).is_some() {
            return Err(Error::conflict(format!("agent:{name} exists already")));
        }
        let name = name.to_owned();
        let agent = Entity::Agent { name };
        let user = core.directory.naming.user_id(&agent);
        if !core.homeserver.user_exists(&user).await? {
            return Ok(());
        }
        let is_somewhere = !core.homeserver.rooms_of(&user).await?.is_empty()
            || !core.store.index.memberships(&user).await?.is_empty();
        match is_somewhere {
            false => Ok(()),
            true => Err(Error::conflict(format!(
                "{user} is in rooms already; only operators and services register {agent}"
            ))),
        }
    }

    /// Checks that somebody has fewer agents at work than they may.
    pub(super) fn require_room_for_one(&self, owner: &Entity, each: usize) -> Result<()> {
        let is_theirs = |agent: &Agent| agent.is_active() && agent.is_owned_by(owner);
        if self.core.directory.agents_where(is_theirs).len() < each {
            return Ok(());
        }
        Err(Error::conflict(format!(
            "{owner} has {each} agents at work already; deactivate one first"
        )))
    }

    /// The first half of it: the agent's user, named, and nothing in the list. It may be done again.
    pub(in crate::service) async fn prepare(&self, new: NewAgent) -> Result<Agent> {
        let core = &self.core;
        let id = &new.id;
        let Form {
            name,
            display_name,
            description,
            avatar_url,
        } = Form::of(&new)?;
        let naming = &core.directory.naming;
        let by_name = naming.user_id(&Entity::Agent { name: name.clone() });
        if by_name == naming.connector() {
            return Err(Error::conflict(format!("id: {id} is the connector itself")));
        }
        if core.directory.agent(&name).is_some() {
            return Err(Error::conflict(format!("{id} exists already")));
        }
        let owner = match new.owner {
            Some(owner) => Some(self.person("owner", &owner).await?),
            None => None,
        };
        let homeserver = &core.homeserver;
        let user = match new.user {
            Some(user) => self.own_user(&user, &name).await?,
            None => {
                self.require_free(&by_name, &name)?;
                homeserver.register_agent(&by_name).await?;
                // A homeserver keeps the names of accounts that were closed.
                if homeserver.shut(&by_name).await? == Some(Shut::Closed) {
                    return Err(Error::conflict(format!(
                        "id: the Matrix account {by_name} is closed for good; choose another name"
                    )));
                }
                by_name
            }
        };
        homeserver.set_display_name(&user, &display_name).await?;
        if let Some(url) = &avatar_url {
            homeserver.set_avatar(&user, url).await?;
        }
        Ok(Agent {
            description,
            avatar_url,
            owner,
            ..Agent::new(name, user, display_name, core.clock.now())
        })
    }

    /// The second half: it is an agent from now on, unless its owner has so many by now.
    pub(in crate::service) async fn enlist(&self, agent: Agent, each: usize) -> Result<Agent> {
        let core = &self.core;
        let _turn = self.writing.lock().await;
        if let Some(owner) = &agent.owner {
            self.require_room_for_one(owner, each)?;
        }
        let deed = self.deed("agent.created", None, &agent);
        let adding = core.store.accounts.add_agent(agent.clone());
        audit::along(&core.clock, deed, adding).await?;
        core.directory.put_agent(agent.clone());
        Ok(agent)
    }

    /// A person of this homeserver who is there.
    pub(super) async fn person(&self, field: &'static str, given: &str) -> Result<Entity> {
        let wrong = |message: &str| Error::invalid(field, message);
        let directory = &self.core.directory;
        let entity = directory.find_entity(given);
        let Some(entity @ Entity::User { server: None, .. }) = entity else {
            return Err(wrong(
                "must be user:<localpart>, a person of this homeserver",
            ));
        };
        let user = directory.user_id(&entity);
        if !self.core.homeserver.user_exists(&user).await? {
            return Err(wrong("does not exist on the homeserver"));
        }
        Ok(entity)
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

/// A description; a blank one is none.
pub(super) fn described(given: Option<&str>) -> Result<Option<String>> {
    let given = given.map(text::description).transpose()?;
    Ok(given.filter(|given| !given.is_empty()))
}
