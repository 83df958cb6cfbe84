//! Programs, which show the API key of a person, and agents, which show a token of their own: what it
//! is for, where, and as whom.

use std::sync::Arc;

use poem::Request;

use super::{Gate, USER_ID, forbidden, header};
use crate::api::error::Problem;
use crate::api::scopes::{self, Needs};
use crate::domain::access::Caller;
use crate::domain::id::ChannelId;
use crate::domain::key::ApiKey;
use crate::domain::session::Pass;
use crate::service::auth::people::SignedIn;

impl Gate {
    /// The person whose key a program shows, or the agent that it acts as by that. What the key is
    /// not for is refused here, before anything else is looked at.
    pub(super) fn program(&self, request: &Request, shown: &str) -> Result<SignedIn, Problem> {
        let key = self.auth.keys.authenticate(shown)?;
        self.person_limits.count_key(key.id, &key.owner)?;
        let asked = scopes::asked(request);
        match asked.as_ref().map(|asked| asked.needs) {
            Some(Needs::Nothing | Needs::AnyKey) => {}
            Some(Needs::Scope(scope)) => key.require(scope)?,
            Some(Needs::Everywhere(scope)) => {
                key.require(scope)?;
                key.require_everywhere()?;
            }
            Some(Needs::NoKey) | None => {
                return Err(forbidden("this is for no API key".to_owned()));
            }
        }
        // What is no id is refused as such by the operation.
        let channel = asked.and_then(|asked| ChannelId::parse(asked.channel?));
        if let Some(channel) = channel {
            key.require_channel(channel)?;
        }
        self.agents.require_at_work(&key.owner)?;
        let mut caller = self.auth.caller(key.owner.clone());
        if let Some(text) = header(request, USER_ID) {
            caller = self.acted_as(&key, caller, text)?;
        }
        caller.within = key.rights.channels.as_deref().map(Arc::from);
        Ok(SignedIn {
            caller,
            by: Pass::Key(key.id),
        })
    }

    /// Whom a program acts as for the owner of its key: the key must be for that, and the owner
    /// must be one who may.
    fn acted_as(&self, key: &ApiKey, owner: Caller, text: &str) -> Result<Caller, Problem> {
        let entity = self.agents.acting(USER_ID, text)?;
        if entity == owner.entity {
            return Ok(owner);
        }
        key.require_act_as(&entity)?;
        if !self.agents.may_act_as(&owner, &entity) {
            let owner = &owner.entity;
            return Err(forbidden(format!("{owner} may not act as {entity}")));
        }
        self.agents.get(&entity.to_string())?;
        Ok(Caller::new(entity, false))
    }
}
