//! Agents: a table by name and one by Matrix user, changed together.

use redb::ReadableTable;

use super::records::Record;
use super::records::agent::AgentRecord;
use super::tables;
use super::writer::Work;
use crate::domain::agent::Agent;
use crate::store::StoreError;

/// Reads an agent's value.
pub fn agent(bytes: &[u8]) -> Result<Agent, StoreError> {
    AgentRecord::decode(bytes)?.into_agent()
}

/// A refusal inside of a success.
pub type Outcome<T> = Result<Result<T, StoreError>, StoreError>;

/// Adds an agent; a refusal is a result, not a failure: it rolls nothing back.
pub fn add(work: &mut Work<'_>, agent: &Agent) -> Outcome<()> {
    let mut agents = work.txn.open_table(tables::AGENTS)?;
    let mut users = work.txn.open_table(tables::AGENT_USERS)?;
    if agents.get(agent.name.as_str())?.is_some() {
        let taken = format!("agent:{} exists already", agent.name);
        return Ok(Err(StoreError::Exists(taken)));
    }
    if let Some(owner) = users.get(agent.user.as_str())? {
        return Ok(Err(taken(agent, owner.value())));
    }
    let record = AgentRecord::from(agent.clone()).encode();
    agents.insert(agent.name.as_str(), record.as_slice())?;
    users.insert(agent.user.as_str(), agent.name.as_str())?;
    work.must_be_durable();
    Ok(Ok(()))
}

/// Writes an agent anew.
pub fn update(work: &mut Work<'_>, agent: &Agent) -> Outcome<bool> {
    let mut agents = work.txn.open_table(tables::AGENTS)?;
    let mut users = work.txn.open_table(tables::AGENT_USERS)?;
    let Some(before) = agents
        .get(agent.name.as_str())?
        .map(|value| self::agent(value.value()))
        .transpose()?
    else {
        return Ok(Ok(false));
    };
    if let Some(owner) = users.get(agent.user.as_str())?
        && owner.value() != agent.name
    {
        return Ok(Err(taken(agent, owner.value())));
    }
    users.remove(before.user.as_str())?;
    users.insert(agent.user.as_str(), agent.name.as_str())?;
    let record = AgentRecord::from(agent.clone()).encode();
    agents.insert(agent.name.as_str(), record.as_slice())?;
    work.must_be_durable();
    Ok(Ok(true))
}

fn taken(agent: &Agent, owner: &str) -> StoreError {
    StoreError::Exists(format!(
        "{} is the Matrix user of agent:{owner}",
        agent.user
    ))
}
