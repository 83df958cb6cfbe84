//! What the audit log is told of agents.

use serde_json::{Value, json};

use super::Agents;
use crate::domain::agent::Agent;
use crate::domain::audit::Deed;
use crate::service::audit;

impl Agents {
    /// What was done with an agent.
    pub(super) fn deed(&self, action: &'static str, before: Option<&Agent>, agent: &Agent) -> Deed {
        let mut deed = audit::deed(&self.core.clock, action, "daarion");
        deed.before = before.map(told);
        deed.target(agent.entity()).after(told(agent))
    }
}

fn told(agent: &Agent) -> Value {
    let commands = agent.commands.iter().map(|command| command.name.as_str());
    json!({
        "display_name": agent.display_name,
        "matrix_user_id": agent.user.as_str(),
        "description": agent.description,
        "avatar_url": agent.avatar_url,
        "owner": agent.owner.as_ref().map(ToString::to_string),
        "commands": commands.collect::<Vec<_>>(),
        "is_active": agent.is_active(),
    })
}
