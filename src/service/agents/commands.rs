//! What the agents of a channel can be asked to do.

use super::Agents;
use crate::domain::Result;
use crate::domain::access::Caller;
use crate::domain::agent::Agent;
use crate::domain::command::Command;
use crate::domain::id::ChannelId;
use crate::domain::member::Membership;

/// A command, and the agent that has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Offer {
    pub agent: Agent,
    pub command: Command,
    /// Whether another agent of the channel has one of this name: whose is meant must be said.
    pub is_shared: bool,
}

impl Agents {
    /// The commands of the agents that are members of a channel, by name, then agent.
    pub async fn offers(&self, caller: &Caller, channel: ChannelId) -> Result<Vec<Offer>> {
        let core = &self.core;
        core.visible(caller, channel).await?;
        let has_some = |agent: &Agent| agent.is_active() && !agent.commands.is_empty();
        let mut offers = Vec::new();
        for agent in core.directory.agents_where(has_some) {
            let member = core.store.index.member(channel, &agent.user).await?;
            if member.is_none_or(|member| member.membership != Membership::Joined) {
                continue;
            }
            offers.extend(agent.commands.iter().map(|command| Offer {
                agent: agent.clone(),
                command: command.clone(),
                is_shared: false,
            }));
        }
        offers.sort_by(|a, b| {
            let key = |offer: &Offer| (offer.command.name.clone(), offer.agent.name.clone());
            key(a).cmp(&key(b))
        });
        for at in 1..offers.len() {
            if offers[at - 1].command.name == offers[at].command.name {
                offers[at - 1].is_shared = true;
                offers[at].is_shared = true;
            }
        }
        Ok(offers)
    }
}
