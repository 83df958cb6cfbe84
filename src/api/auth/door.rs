//! What an agent does, asked for by a service that may act as it, or by the agent itself with its
//! token: no agent needs the secret of a service.

use std::sync::Arc;

use poem::Request;

use super::{Gate, SERVICE_TOKEN, bearer};
use crate::acts;
use crate::api::error::Problem;
use crate::domain::access::Caller;
use crate::domain::audit::Via;
use crate::domain::id::ChannelId;
use crate::domain::key::{ApiKey, KeyScope};
use crate::domain::service::ServiceCaller;
use crate::domain::{Error, Result};
use crate::service::agents::Agents;
use crate::service::auth::keys;

/// Who has come.
pub enum Door {
    Service(Arc<ServiceCaller>),
    Agent { token: Arc<ApiKey>, caller: Caller },
}

impl Gate {
    /// The service or the agent by which a request is made.
    pub(super) fn door(&self, request: &Request) -> Result<Door, Problem> {
        let shown = bearer(request).filter(|shown| shown.starts_with(keys::AGENT_PREFIX));
        let Some(shown) = shown.filter(|_| !request.headers().contains_key(SERVICE_TOKEN)) else {
            return Ok(Door::Service(self.service(request)?));
        };
        let token = self.auth.keys.authenticate(shown)?;
        acts::acts(token.owner.to_string());
        self.person_limits.count_key(token.id, &token.owner)?;
        acts::let_in(Via::Key(token.id));
        self.agents.require_at_work(&token.owner)?;
        let mut caller = Caller::new(token.owner.clone(), false);
        caller.within = token.rights.channels.as_deref().map(Arc::from);
        Ok(Door::Agent { token, caller })
    }
}

impl Door {
    /// The agent of this id, as it does something in a channel. A service must be for that; a token
    /// must be the agent's own and have the scope.
    pub fn enter(
        &self,
        agents: &Agents,
        id: &str,
        scope: KeyScope,
        channel: Option<ChannelId>,
    ) -> Result<Caller> {
        match self {
            Self::Service(service) => {
                agents.require(service, id, None)?;
                if let Some(channel) = channel {
                    agents.require_channel(service, channel)?;
                }
                agents.caller(id)
            }
            Self::Agent { token, caller } => {
                let owner = &token.owner;
                if owner.to_string() != id {
                    let message = format!("the token is of {owner}, and no other agent's");
                    return Err(Error::forbidden(message));
                }
                token.require(scope)?;
                if let Some(channel) = channel {
                    token.require_channel(channel)?;
                }
                Ok(caller.clone())
            }
        }
    }
}
