//! Agents: bots of this installation, each a Matrix user, and what other agents are told of them.

use std::sync::Arc;

use super::command::Command;
use super::entity::Entity;
use super::error::{Error, Result};
use super::event::What;
use super::id::{Millis, UserId};
use super::media::MediaId;
use super::message::MessageKind;

/// An agent of this installation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Agent {
    /// The bare name; the entity is `agent:<name>`.
    pub name: String,
    pub user: UserId,
    pub display_name: String,
    /// What it is for.
    pub description: Option<String>,
    /// `mxc://server/id`; `None` also for a picture that was set elsewhere.
    pub avatar_url: Option<String>,
    /// The person who answers for it.
    pub owner: Option<Entity>,
    /// What it can be asked to do.
    pub commands: Arc<[Command]>,
    pub created_at: Millis,
    /// `None` while it is at work.
    pub deactivated: Option<Deactivation>,
}

/// Since when an agent does nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Deactivation {
    pub at: Millis,
    /// Whether its Matrix account was closed, which is for good.
    pub is_final: bool,
    /// Whether an operator or a service ended its work, and not its owner, who then cannot put it to
    /// work again.
    pub by_operator: bool,
}

impl Agent {
    /// One of which nothing but its name is known.
    #[must_use]
    pub fn new(name: String, user: UserId, display_name: String, created_at: Millis) -> Self {
        Self {
            name,
            user,
            display_name,
            description: None,
            avatar_url: None,
            owner: None,
            commands: Arc::default(),
            created_at,
            deactivated: None,
        }
    }

    #[must_use]
    pub fn entity(&self) -> Entity {
        Entity::Agent {
            name: self.name.clone(),
        }
    }

    #[must_use]
    pub fn is_active(&self) -> bool {
        self.deactivated.is_none()
    }

    /// Whether somebody is the person who answers for it.
    #[must_use]
    pub fn is_owned_by(&self, entity: &Entity) -> bool {
        self.owner.as_ref() == Some(entity)
    }

    /// Refuses what only an agent at work does.
    pub fn require_active(&self) -> Result<()> {
        if self.is_active() {
            return Ok(());
        }
        let agent = self.entity();
        Err(Error::conflict(format!("{agent} is deactivated")))
    }
}

/// Who may register agents, beside operators and services.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum AgentCreation {
    /// Any person.
    Members,
    #[default]
    Operators,
}

/// What holds for agents here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AgentRules {
    pub creation: AgentCreation,
    /// How many agents one person may have that are at work.
    pub each: usize,
    /// How many answers of agents to agents may follow each other without a person between.
    pub chain: usize,
    /// After how long a silence they are counted anew, in milliseconds.
    pub chain_pause: Millis,
}

/// Checks the address of an agent's picture.
pub fn avatar_url(given: &str) -> Result<String> {
    match MediaId::parse(given) {
        Some(id) => Ok(id.to_string()),
        None => Err(Error::invalid("avatar_url", "must be mxc://server/id")),
    }
}

/// Whose deed an event is, when it is an agent's or another bot's: something said or edited, or a
/// reaction. Notices are what bots say in Matrix, whoever they are. What takes something away is
/// told to everybody.
#[must_use]
pub fn bot_of(what: &What, is_agent: impl Fn(&UserId) -> bool) -> Option<&UserId> {
    match what {
        What::MessageCreated(message) | What::MediaUploaded(message) => {
            let is_bots = message.kind == MessageKind::Notice || is_agent(&message.sender);
            is_bots.then_some(&message.sender)
        }
        What::MessageEdited { by, .. }
        | What::ReactionAdded { by, .. }
        | What::ReactionRemoved { by, .. } => is_agent(by).then_some(by),
        _ => None,
    }
}

/// What an agent hears. Two agents that answered whatever they hear would never end, so none is
/// told of its own deeds, nor, unless it asks for them, of other bots'.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hearing {
    /// Its Matrix user.
    pub agent: UserId,
    pub include_agents: bool,
}

impl Hearing {
    /// Whether the agent is told of the deed of a bot, or of somebody who is none.
    #[must_use]
    pub fn hears(&self, bot: Option<&UserId>) -> bool {
        bot.is_none_or(|bot| self.include_agents && *bot != self.agent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{ChannelId, EventId};
    use crate::domain::message::Message;

    fn said(user: &str, kind: MessageKind) -> What {
        let sender = UserId::trusted(user);
        let entity = Entity::parse("user:any").expect("an entity");
        let (channel, event) = (ChannelId(uuid::Uuid::nil()), EventId::trusted("$e"));
        let mut message = Message::blank(channel, event, (sender, entity), 1);
        message.kind = kind;
        What::MessageCreated(message)
    }

    #[test]
    fn an_agent_hears_people_and_bots_only_when_it_asks() {
        let is_agent = |user: &UserId| user.as_str().starts_with("@agent_");
        let hears = |include_agents, what: &What| {
            let hearing = Hearing {
                agent: UserId::trusted("@agent_me:s"),
                include_agents,
            };
            hearing.hears(bot_of(what, is_agent))
        };
        let person = said("@alice:s", MessageKind::Text);
        let bridge = said("@bridge:s", MessageKind::Notice);
        let other = said("@agent_other:s", MessageKind::Image);
        let own = said("@agent_me:s", MessageKind::Notice);
        for (what, quietly, all) in [
            (&person, true, true),
            (&bridge, false, true),
            (&other, false, true),
            (&own, false, false),
        ] {
            assert_eq!((hears(false, what), hears(true, what)), (quietly, all));
        }
        let deletion = What::MessageDeleted {
            target: EventId::trusted("$e"),
            by: UserId::trusted("@agent_other:s"),
            at: 1,
        };
        assert!(hears(false, &deletion));
    }

    #[test]
    fn pictures_are_files_of_a_homeserver() {
        assert!(avatar_url("mxc://example.org/abc").is_ok());
        for bad in [
            "",
            "https://example.org/a.png",
            "mxc://example.org/",
            "mxc://a/b/c",
        ] {
            let refused = avatar_url(bad).expect_err(bad).to_string();
            assert!(refused.starts_with("avatar_url: "), "{refused}");
        }
    }
}
