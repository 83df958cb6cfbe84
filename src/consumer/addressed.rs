//! What is said to agents: whether a message asks one of its channel's agents to do something, and
//! whose deeds an agent is told of.
//!
//! To be asked when the index has come as far as the event.

use crate::directory::Directory;
use crate::domain::agent::bot_of;
use crate::domain::command::{Called, Spoken};
use crate::domain::event::What;
use crate::domain::id::{ChannelId, UserId};
use crate::domain::member::Membership;
use crate::domain::message::Message;
use crate::store::{Store, StoreError};

/// Whose deed an event is, when a bot's.
#[must_use]
pub fn bot<'a>(directory: &Directory, what: &'a What) -> Option<&'a UserId> {
    bot_of(what, |user| directory.is_agent(user))
}

/// The message that has the form of a command, if it is one.
#[must_use]
pub fn spoken(what: &What) -> Option<&Message> {
    match what {
        What::MessageCreated(message) if Spoken::parse(&message.preview).is_some() => Some(message),
        _ => None,
    }
}

/// What a message asks of whom, by its text as far as it is known.
pub async fn called(
    store: &Store,
    directory: &Directory,
    message: &Message,
    text: &str,
) -> Result<Option<Called>, StoreError> {
    let Some(spoken) = Spoken::parse(text) else {
        return Ok(None);
    };
    let mut there = Vec::new();
    for agent in directory.agents_with_command(&spoken.name) {
        if is_member(store, message.channel, &agent.user).await? {
            there.push(agent);
        }
    }
    let agent = spoken.addressee(&there, &message.mentions);
    Ok(agent.map(|agent| Called {
        agent: agent.entity(),
        arguments: spoken.arguments.to_owned(),
        name: spoken.name.clone(),
    }))
}

/// Whether a user has joined a channel.
pub async fn is_member(
    store: &Store,
    channel: ChannelId,
    user: &UserId,
) -> Result<bool, StoreError> {
    let member = store.index.member(channel, user).await?;
    Ok(member.is_some_and(|member| member.membership == Membership::Joined))
}
