//! Reactions to messages.

use super::{Messages, require_standing};
use crate::domain::access::{Caller, Right};
use crate::domain::entity::Entity;
use crate::domain::event::What;
use crate::domain::id::{ChannelId, EventId, MessageId, Millis, UserId};
use crate::domain::message::Message;
use crate::domain::page::{Page, decode_text_cursor, encode_cursor, wrong_cursor};
use crate::domain::reception::{Reaction as Given, check_key};
use crate::domain::{Error, Result};
use crate::homeserver::{Reaction, Redaction};
use crate::store::receptions::ReactionQuery;

/// About how many messages may be asked at once.
const MOST_MESSAGES: usize = 200;

/// A reaction, and whose it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReactionView {
    pub key: String,
    pub entity: Entity,
    pub user: UserId,
    pub at: Millis,
}

/// The caller's own reactions to a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwnReactions {
    pub message: MessageId,
    pub keys: Vec<String>,
}

impl Messages {
    /// Reacts to a message; to have done so already is fine. Answers the message as it is then.
    pub async fn react(
        &self,
        caller: &Caller,
        channel: ChannelId,
        id: MessageId,
        key: &str,
    ) -> Result<Message> {
        let core = &self.core;
        check_key(key)?;
        let channel = core.visible(caller, channel).await?;
        let message = self.known(channel.id, id).await?;
        let granted = core.require(Right::React, caller, &channel).await?;
        core.count_change(caller, &channel)?;
        require_standing(&message)?;
        let user = core.directory.user_id(&caller.entity);
        let given = core
            .store
            .receptions
            .reactions_of(channel.id, id, key, &user);
        if !given.await?.is_empty() {
            return Ok(message);
        }
        core.require_same_room(&channel, &message).await?;
        self.enter(&granted, &channel).await?;
        let at = core.clock.now();
        let reaction = Reaction {
            room: channel.room.clone(),
            target: message.event.clone(),
            sender: Some(user.clone()),
            transaction: core.clock.uuid(),
            key: key.to_owned(),
            at: Some(at),
        };
        let (event, at) = match core.homeserver.react(&reaction).await {
            Ok(event) => (event, at),
            Err(error) if error.is_refusal("M_DUPLICATE_ANNOTATION") => {
                self.given_before(&reaction, at).await?.ok_or(error)?
            }
            Err(error) => return Err(error),
        };
        let what = What::ReactionAdded {
            target: message.event,
            key: reaction.key,
            by: user,
            at,
        };
        self.echo(channel.id, event, what).await;
        self.known(channel.id, id).await
    }

    /// A reaction that the homeserver has and the index has not met yet.
    async fn given_before(
        &self,
        reaction: &Reaction,
        now: Millis,
    ) -> Result<Option<(EventId, Millis)>> {
        let homeserver = &self.core.homeserver;
        let Some(event) = homeserver.find_reaction(reaction).await? else {
            return Ok(None);
        };
        let at = homeserver.sent_at(&reaction.room, &event).await?;
        Ok(Some((event, at.map_or(now, |at| at.min(now)))))
    }

    /// Takes a reaction of the caller's back; to have none is fine. Answers the message as it is
    /// then.
    pub async fn unreact(
        &self,
        caller: &Caller,
        channel: ChannelId,
        id: MessageId,
        key: &str,
    ) -> Result<Message> {
        let core = &self.core;
        check_key(key)?;
        let channel = core.visible(caller, channel).await?;
        let message = self.known(channel.id, id).await?;
        let user = core.directory.user_id(&caller.entity);
        let given = core
            .store
            .receptions
            .reactions_of(channel.id, id, key, &user);
        let given = given.await?;
        if given.is_empty() {
            return Ok(message);
        }
        core.require(Right::DeleteOwn, caller, &channel).await?;
        core.count_change(caller, &channel)?;
        for reaction in given {
            let redaction = Redaction {
                room: core.room_of(&channel, &reaction).await?,
                target: reaction.clone(),
                sender: Some(user.clone()),
                transaction: core.clock.uuid(),
                reason: None,
            };
            let event = core.homeserver.redact(&redaction).await?;
            let what = What::ReactionRemoved {
                target: reaction,
                message: id,
                key: Some(key.to_owned()),
                of: Some(user.clone()),
                by: user.clone(),
                at: core.clock.now(),
            };
            self.echo(channel.id, event, what).await;
        }
        self.known(channel.id, id).await
    }

    /// Who has reacted to a message, by key and user. To what is deleted nobody has.
    pub async fn reactions(
        &self,
        caller: &Caller,
        channel: ChannelId,
        id: MessageId,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<ReactionView>> {
        let core = &self.core;
        core.visible(caller, channel).await?;
        let message = self.known(channel, id).await?;
        let query = ReactionQuery {
            channel,
            message: id,
            after: cursor.map(read_cursor).transpose()?,
            limit: limit + 1,
        };
        let mut given = match message.deleted {
            true => Vec::new(),
            false => core.store.receptions.reactions(query).await?,
        };
        let is_more = given.len() > limit;
        given.truncate(limit);
        let next = given.last().filter(|_| is_more).map(write_cursor);
        let view = |given: Given| ReactionView {
            entity: core.directory.entity(&given.by),
            key: given.key,
            user: given.by,
            at: given.at,
        };
        Ok(Page {
            items: given.into_iter().map(view).collect(),
            next,
        })
    }

    /// How the caller has reacted to these messages; those to which not at all are left out.
    pub async fn own_reactions(
        &self,
        caller: &Caller,
        channel: ChannelId,
        messages: &[MessageId],
    ) -> Result<Vec<OwnReactions>> {
        if messages.len() > MOST_MESSAGES {
            let words = format!("must be at most {MOST_MESSAGES}");
            return Err(Error::invalid("message_ids", words));
        }
        let core = &self.core;
        core.visible(caller, channel).await?;
        let user = core.directory.user_id(&caller.entity);
        let keys = core.store.receptions.keys_of(channel, messages, &user);
        let own = messages.iter().zip(keys.await?);
        let own = own.filter(|(_, keys)| !keys.is_empty());
        Ok(own
            .map(|(message, keys)| OwnReactions {
                message: *message,
                keys,
            })
            .collect())
    }
}

fn write_cursor(last: &Given) -> String {
    let parts = [last.key.as_str(), last.by.as_str(), last.event.as_str()];
    encode_cursor(parts.join("\0").as_bytes())
}

fn read_cursor(cursor: &str) -> Result<(String, UserId, EventId)> {
    let text = decode_text_cursor(cursor)?;
    let parts: Vec<&str> = text.split('\0').collect();
    let [key, by, event] = parts[..] else {
        return Err(wrong_cursor());
    };
    let by = UserId::parse(by).ok_or_else(wrong_cursor)?;
    let event = EventId::parse(event).ok_or_else(wrong_cursor)?;
    Ok((key.to_owned(), by, event))
}
