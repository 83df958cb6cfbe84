//! What the parts are told of the configuration.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::sync::Arc;

use crate::config::{AgentsConfig, Config, CreateBy};
use crate::directory::Directory;
use crate::domain::access::CityCreation;
use crate::domain::agent::{AgentCreation, AgentRules};
use crate::domain::channel::CityNaming;
use crate::domain::entity::{Entity, Naming};
use crate::domain::id::UserId;
use crate::key_sets::KeySets;
use crate::service::Rules;
use crate::service::auth::AuthRules;
use crate::service::auth::outside::{self, Fetch};

pub fn directory(config: &Config) -> Directory {
    let naming = Naming {
        server_name: config.matrix.server_name.clone(),
        sender_localpart: config.matrix.sender_localpart.clone(),
        agent_prefix: config.matrix.agent_prefix.clone(),
    };
    let city = CityNaming {
        city: config.city.name.clone(),
        room_prefix: config.city.room_prefix.clone(),
        matrix_name: config.city.matrix_name.clone(),
        server_name: config.matrix.server_name.clone(),
    };
    Directory::new(naming, city)
}

pub fn rules(config: &Config) -> Rules {
    Rules {
        city_creation: match config.city.create {
            CreateBy::Members => CityCreation::Members,
            CreateBy::Operators => CityCreation::Operators,
        },
        city_microdao: config.city.microdao.clone(),
        agents: agent_rules(&config.agents),
        public_url: config
            .listen
            .public_url
            .as_ref()
            .map(|url| url.as_str().trim_end_matches('/').to_owned()),
    }
}

fn agent_rules(config: &AgentsConfig) -> AgentRules {
    AgentRules {
        creation: match config.create {
            CreateBy::Members => AgentCreation::Members,
            CreateBy::Operators => AgentCreation::Operators,
        },
        each: usize::try_from(config.per_person).unwrap_or(usize::MAX),
        chain: usize::try_from(config.chain).unwrap_or(usize::MAX),
        chain_pause: u64::try_from(config.chain_pause.as_millis()).unwrap_or(u64::MAX),
    }
}

pub fn rate(per_second: u32) -> NonZeroU32 {
    NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN)
}

pub fn auth_rules(directory: &Directory, config: &Config) -> AuthRules {
    AuthRules {
        operators: operators(directory, config),
        issuer: config.matrix.server_name.clone(),
        issuers: config.auth.issuers.clone(),
        homeserver_page: config.matrix.public_url.as_ref().map(ToString::to_string),
        access_token_lifetime: config.auth.access_token_lifetime,
        refresh_token_lifetime: config.auth.refresh_token_lifetime,
    }
}

/// How what outside issuers publish is read.
pub fn key_sets(config: &Config) -> anyhow::Result<Fetch> {
    if config.auth.issuers.is_empty() {
        return Ok(outside::nothing());
    }
    let sets = KeySets::new()?;
    Ok(Arc::new(move |url| {
        let sets = sets.clone();
        Box::pin(async move { sets.fetch(url).await })
    }))
}

/// Operators are listed as Matrix users or as entities.
fn operators(directory: &Directory, config: &Config) -> HashSet<Entity> {
    let entity = |listed: &String| {
        let named = || Some(directory.user_id(&Entity::parse(listed)?));
        let user = UserId::parse(listed).or_else(named)?;
        Some(directory.entity(&user))
    };
    config.auth.operators.iter().filter_map(entity).collect()
}
