//! Agents: `internal` looks after them for services (`/internal/agents`), `doing` is what they do
//! there, `own` is for people and agents themselves (`/api/agents`). What operators do stands in
//! `admin::agents`; all of them go over the `desk`.

pub mod desk;
mod doing;
mod internal;
mod own;

use poem_openapi::ApiResponse;

use super::Services;
use super::rendered::Rendered;
use super::schema::{Agent, MadeAgentToken};

/// Operations for services and, by their tokens, for agents.
pub type AgentsArea = (internal::AgentsApi, doing::DoingApi);

/// Operations for people, and for agents.
pub type OwnAgentsArea = (own::OwnAgentsApi, own::CommandsApi);

/// The operations of the internal listener over these services.
pub fn internal(services: &Services) -> AgentsArea {
    (
        internal::AgentsApi(services.clone()),
        doing::DoingApi(services.clone()),
    )
}

/// Those of the public listener.
pub fn public(services: &Services) -> OwnAgentsArea {
    (
        own::OwnAgentsApi(services.clone()),
        own::CommandsApi(services.clone()),
    )
}

/// An agent was registered.
#[derive(ApiResponse)]
pub enum CreatedAgent {
    /// The agent, with its Matrix user.
    #[oai(status = 201)]
    Created(Rendered<Agent>),
}

/// A token was made.
#[derive(ApiResponse)]
pub enum CreatedAgentToken {
    /// The token, shown this once.
    #[oai(status = 201)]
    Created(
        Rendered<MadeAgentToken>,
        /// `no-store`.
        #[oai(header = "Cache-Control")]
        String,
    ),
}

/// A token counts no more.
#[derive(ApiResponse)]
pub enum RevokedAgentToken {
    /// It counts no more.
    #[oai(status = 204)]
    Done,
}
