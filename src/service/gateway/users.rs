//! Accounts on the homeserver: agents by the application service alone, people with a password
//! through the admin API.

use super::checks::{check_address, check_text};
use super::{Gateway, Place};
use crate::domain::entity::Entity;
use crate::domain::id::UserId;
use crate::domain::service::{ActAs, Scope, ServiceCaller};
use crate::domain::{Error, Result};
use crate::homeserver::Traces;
use crate::homeserver::gateway::{Device, NewPerson};
use crate::service::agents::{AgentPatch, Agents, NewAgent};

/// What Synapse takes for a name, in characters.
const MAX_NAME: usize = 256;
const MAX_PASSWORD: usize = 512;

/// A user to be registered.
#[derive(Clone)]
pub struct NewUser {
    /// The part of a Matrix id before the colon, or an entity.
    pub username: String,
    pub password: Option<String>,
    pub display_name: Option<String>,
    pub avatar_url: Option<String>,
    pub is_admin: bool,
}

/// A user that was registered.
#[derive(Clone, Debug)]
pub struct Registered {
    pub user: UserId,
    /// `None` where the homeserver leaves signing in to an authentication service.
    pub device: Option<Device>,
}

impl Gateway {
    /// Whom a caller would register; an error when they may not.
    pub fn newcomer(&self, caller: &ServiceCaller, new: &NewUser) -> Result<Entity> {
        caller.require(Scope::Users)?;
        let entity = self.named(&new.username)?;
        caller.require_act_as(&entity)?;
        match &entity {
            Entity::Agent { .. } if new.is_admin => {
                let message = "an agent is no administrator of the homeserver";
                Err(Error::invalid("admin", message))
            }
            Entity::User { .. }
                if new.is_admin && !caller.rights.act_as.contains(&ActAs::Everybody) =>
            {
                Err(Error::forbidden(
                    "whoever makes administrators of the homeserver must be a service that may \
                     act as everybody",
                ))
            }
            _ => Ok(entity),
        }
    }

    /// Registers an agent or a person. `is_again`: an earlier try of the same request was cut off,
    /// and what it has left is the answer.
    pub async fn register_user(
        &self,
        caller: &ServiceCaller,
        new: NewUser,
        is_again: bool,
    ) -> Result<Registered> {
        let entity = self.newcomer(caller, &new)?;
        if let Some(name) = &new.display_name {
            check_text("display_name", name, MAX_NAME)?;
        }
        if let Some(url) = &new.avatar_url {
            check_address("avatar_url", url)?;
        }
        match &entity {
            Entity::Agent { .. } => self.register_agent(caller, &entity, new, is_again).await,
            Entity::User { .. } => self.register_person(caller, &entity, new, is_again).await,
        }
    }

    async fn register_agent(
        &self,
        caller: &ServiceCaller,
        entity: &Entity,
        new: NewUser,
        is_again: bool,
    ) -> Result<Registered> {
        let upstream = self.upstream(caller).await?;
        let new = NewAgent {
            id: entity.to_string(),
            display_name: new.display_name,
            avatar_url: new.avatar_url.filter(|url| !url.is_empty()),
            ..NewAgent::default()
        };
        let _held = self.agents.hold(&new.id)?;
        let left = self.agents.get(&new.id).ok();
        if let Some(agent) = left.filter(|left| is_again && Agents::is_as_asked(left, &new)) {
            let device = upstream.sign_in_agent(&agent.user).await?;
            return Ok(Registered {
                user: agent.user,
                device,
            });
        }
        // In the list when all of it is done: until then, asked for again, all is done again.
        let agent = self.agents.prepare(new).await?;
        let device = upstream.sign_in_agent(&agent.user).await?;
        let agent = self.agents.enlist(agent, usize::MAX).await?;
        Ok(Registered {
            user: agent.user,
            device,
        })
    }

    async fn register_person(
        &self,
        caller: &ServiceCaller,
        entity: &Entity,
        new: NewUser,
        is_again: bool,
    ) -> Result<Registered> {
        let Some(password) = new.password.filter(|it| !it.is_empty()) else {
            return Err(Error::invalid("password", "is needed for a person"));
        };
        check_text("password", &password, MAX_PASSWORD)?;
        let user = self.core.directory.user_id(entity);
        let person = NewPerson {
            user: user.clone(),
            password,
            display_name: new.display_name,
            avatar_url: new.avatar_url.filter(|url| !url.is_empty()),
            is_admin: new.is_admin,
        };
        let upstream = self.upstream(caller).await?;
        let registered = upstream.register_person(&person).await;
        let signed_in = upstream.sign_in(&user, &person.password);
        let device = match registered {
            Ok(()) => made(signed_in.await, &user),
            // Its password tells whether it is the one that was made.
            Err(taken) if is_again && taken.is_refusal("M_USER_IN_USE") => signed_in
                .await
                .map_err(|error| match error.is_transient() {
                    true => error,
                    false => taken,
                })?,
            Err(error) => return Err(error),
        };
        Ok(Registered { user, device })
    }

    /// Names a user. An agent's new name is also known to the agents' list.
    pub async fn set_display_name(
        &self,
        caller: &ServiceCaller,
        user: &str,
        name: &str,
    ) -> Result<()> {
        let user = self.account(caller, user)?;
        check_text("display_name", name, MAX_NAME)?;
        let directory = &self.core.directory;
        let entity = directory.entity(&user);
        let upstream = self.upstream(caller).await?;
        match &entity {
            Entity::Agent { name: agent } if directory.agent(agent).is_some() => {
                let patch = AgentPatch {
                    display_name: Some(Some(name.to_owned())),
                    ..AgentPatch::default()
                };
                let renamed = self.agents.update(&entity.to_string(), patch).await;
                renamed.map(drop)
            }
            _ => upstream.set_display_name(&user, name).await,
        }
    }

    /// Gives a user a picture; an empty address takes it away.
    pub async fn set_avatar(&self, caller: &ServiceCaller, user: &str, url: &str) -> Result<()> {
        let user = self.account(caller, user)?;
        check_address("avatar_url", url)?;
        self.upstream(caller).await?.set_avatar(&user, url).await?;
        self.agents.pictured(&user, url).await
    }

    /// Closes a user's account for good. Of an agent the list says so.
    pub async fn deactivate(
        &self,
        caller: &ServiceCaller,
        user: &str,
        traces: Traces,
    ) -> Result<()> {
        let user = self.account(caller, user)?;
        let upstream = self.upstream(caller).await?;
        upstream.deactivate(&user, traces).await?;
        self.agents.closed(&user).await
    }

    /// A user of the path, for whom the caller may act.
    fn account(&self, caller: &ServiceCaller, given: &str) -> Result<UserId> {
        caller.require(Scope::Users)?;
        let user = self.user(given, Place::Path)?;
        self.require_act_as(caller, &user)?;
        Ok(user)
    }

    /// Whom a new account's name makes: an agent by our naming, or a person.
    fn named(&self, username: &str) -> Result<Entity> {
        let wrong = || {
            let message = "must be 1 to 255 characters from a-z, 0-9 and \"._=-/+\", or an entity \
                 (\"agent:<name>\", \"user:<localpart>\")";
            Error::invalid("username", message)
        };
        let directory = &self.core.directory;
        let user = match username.contains(':') {
            true => {
                let entity = Entity::parse(username).ok_or_else(wrong)?;
                directory.naming.user_id(&entity)
            }
            false => UserId::parse(&format!("@{username}:{}", directory.naming.server_name))
                .ok_or_else(wrong)?,
        };
        let is_new_style = user
            .localpart()
            .bytes()
            .all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || b"._=-/+".contains(&it));
        if !is_new_style || user.server() != directory.naming.server_name {
            return Err(wrong());
        }
        if self.is_connector(&user) {
            return Err(Error::conflict("username: is the connector itself"));
        }
        Ok(directory.naming.entity(&user))
    }
}

/// The device of an account that has been made. It stands without one, and a caller who is told
/// of a failure would make it again, in vain.
fn made(device: Result<Option<Device>>, user: &UserId) -> Option<Device> {
    device.unwrap_or_else(|error| {
        tracing::warn!(%error, user_id = %user, "a new account has no device yet");
        None
    })
}
