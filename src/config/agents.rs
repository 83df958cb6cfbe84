//! `[agents]`: who may register agents, and when agents that answer each other are stopped.

use std::time::Duration;

use serde::Serialize;

use super::city::CreateBy;
use super::error::ConfigError;
use super::values::Values;

/// The section `[agents]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AgentsConfig {
    /// Who may register agents of their own, beside services. Default `operators`.
    pub create: CreateBy,
    /// How many agents one person may have at work. Default 10.
    pub per_person: u32,
    /// How many answers of agents to agents may follow each other in a channel or thread without a
    /// person between. Default 20.
    pub chain: u32,
    /// After how long a silence they are counted anew. Default `10m`.
    #[serde(with = "humantime_serde")]
    pub chain_pause: Duration,
}

impl AgentsConfig {
    pub(super) fn read(values: &Values) -> Result<Self, ConfigError> {
        Ok(Self {
            create: CreateBy::read(values, "agents.create")?,
            per_person: values.count("agents.per_person")?,
            chain: values.count("agents.chain")?,
            chain_pause: values.duration("agents.chain_pause")?,
        })
    }
}
