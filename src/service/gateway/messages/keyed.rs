//! Messages of services that have a key: what is sent again with it is said once.
//!
//! In a channel it is known for a day, as of messages of people: the key travels with the message, and
//! the index notes it. Elsewhere, and of an edit, which is no message of its own, it is the homeserver
//! that remembers, by the transaction made of the key. What was said is remembered here while we run.

use serde_json::{Map, Value};

use super::super::Gateway;
use super::{NewDraft, Sent};
use crate::domain::Result;
use crate::domain::channel::Channel;
use crate::domain::id::SendKey;
use crate::domain::message::Message;
use crate::domain::service::ServiceCaller;
use crate::homeserver::gateway::Draft;
use crate::service::idempotency::{self, used_for_another};
use crate::service::sendings::SendingAs;

/// What was asked for, and what came of it.
#[derive(Clone, Debug)]
pub(in crate::service::gateway) struct Remembered {
    digest: [u8; 32],
    sent: Sent,
}

impl From<Message> for Sent {
    fn from(message: Message) -> Self {
        Self {
            event: message.event,
            at: message.created_at,
        }
    }
}

impl Gateway {
    pub(super) async fn say_once(
        &self,
        caller: &ServiceCaller,
        key: &SendKey,
        digest: [u8; 32],
        draft: Draft,
    ) -> Result<Sent> {
        let connector = self.core.directory.naming.connector();
        let sender = draft.sender.as_ref().unwrap_or(&connector);
        let transaction = key.transaction_of(&caller.name, &draft.room, sender);
        if let Some(known) = self.sent.get(&transaction).await {
            return known.again(digest);
        }
        let draft = Draft {
            transaction,
            ..draft
        };
        let channel = self.core.directory.channel_of(&draft.room);
        let sent = match channel.filter(|_| !is_edit(&draft)) {
            Some(channel) => self.say_once_in(caller, &channel, digest, draft).await?,
            None => self.say(caller, draft).await?,
        };
        let remembered = Remembered {
            digest,
            sent: sent.clone(),
        };
        self.sent.insert(transaction, remembered).await;
        Ok(sent)
    }

    /// Says it in a channel, unless it was said there before. Whoever waits for an equal one has no
    /// turn with the homeserver meanwhile.
    async fn say_once_in(
        &self,
        caller: &ServiceCaller,
        channel: &Channel,
        digest: [u8; 32],
        draft: Draft,
    ) -> Result<Sent> {
        let (core, sendings) = (&self.core, &self.sendings);
        let named = SendingAs::Keyed(draft.transaction);
        let begun = sendings.begin(draft.transaction, digest).await?;
        let connector = core.directory.naming.connector();
        let sender = draft.sender.as_ref().unwrap_or(&connector);
        let first = sendings.first_said(core, channel, sender, named, &begun);
        let first = first.await;
        let is_looked_up = first.is_ok();
        let sent = match first {
            Ok(Some(first)) => Ok(first.into()),
            Ok(None) => {
                let named = Draft {
                    sending: Some(begun.sending),
                    ..draft
                };
                self.say(caller, named).await
            }
            Err(error) => Err(error),
        };
        sendings.end(begun, named, is_looked_up, &sent).await;
        sent
    }
}

impl Remembered {
    fn again(self, digest: [u8; 32]) -> Result<Sent> {
        match self.digest == digest {
            true => Ok(self.sent),
            false => Err(used_for_another()),
        }
    }
}

fn is_edit(draft: &Draft) -> bool {
    let kind = |relation: &Map<String, Value>| relation.get("rel_type").cloned();
    draft.relates_to.as_ref().and_then(kind) == Some("m.replace".into())
}

/// What tells one message from another. It is kept: the same message has the same one for ever.
pub(super) fn digest(new: &NewDraft) -> Result<[u8; 32]> {
    idempotency::digest(&(
        new.kind.as_str(),
        &new.body,
        &new.formatted_body,
        &new.url,
        &new.filename,
        &new.info,
        &new.relates_to,
        &new.mentions,
    ))
}
