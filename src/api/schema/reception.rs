//! What comes of messages: reactions, threads; and taking away what somebody has said.

use poem_openapi::{Enum, Object};
use uuid::Uuid;

use super::Message;
use crate::api::time::Time;
use crate::domain::page::Page;
use crate::service::messages::{self, SweepState};

/// A reaction to a message.
#[derive(Object, Clone, Debug)]
pub struct Reaction {
    /// Mostly an emoji; any text of up to 255 bytes may stand here.
    pub key: String,
    /// Who has reacted: `user:<localpart>`, `user:<localpart>:<server>` or `agent:<name>`.
    pub sender_id: String,
    /// `human` or `agent`.
    pub sender_type: String,
    /// `@localpart:server`.
    pub sender_matrix_id: String,
    /// When.
    pub created_at: Time,
}

/// A page of reactions.
#[derive(Object, Clone, Debug)]
pub struct ReactionPage {
    pub items: Vec<Reaction>,
    /// Give it as `cursor` for the next page; null at the end.
    pub next: Option<String>,
}

impl From<Page<messages::ReactionView>> for ReactionPage {
    fn from(page: Page<messages::ReactionView>) -> Self {
        let items = page.items.into_iter().map(|given| Reaction {
            key: given.key,
            sender_id: given.entity.to_string(),
            sender_type: given.entity.kind().as_str().to_owned(),
            sender_matrix_id: given.user.to_string(),
            created_at: Time(given.at),
        });
        Self {
            items: items.collect(),
            next: page.next,
        }
    }
}

/// The caller's own reactions to a message.
#[derive(Object, Clone, Debug)]
pub struct OwnReactions {
    pub message_id: Uuid,
    /// With which keys the caller has reacted.
    pub keys: Vec<String>,
}

/// The caller's own reactions to messages.
#[derive(Object, Clone, Debug)]
pub struct OwnReactionList {
    pub items: Vec<OwnReactions>,
}

impl From<Vec<messages::OwnReactions>> for OwnReactionList {
    fn from(own: Vec<messages::OwnReactions>) -> Self {
        let items = own.into_iter().map(|own| OwnReactions {
            message_id: own.message.0,
            keys: own.keys,
        });
        Self {
            items: items.collect(),
        }
    }
}

/// A thread.
#[derive(Object, Clone, Debug)]
pub struct Thread {
    /// The id of its root message, which messages in it have as `thread_id`.
    pub id: Uuid,
    pub channel_id: Uuid,
    /// How many messages are in it, without the root and without what was deleted.
    pub count: u64,
    /// When the newest of them was said.
    pub last_at: Time,
    /// The message that it begins with.
    pub root: Message,
    /// The newest message in it.
    pub last_message: Message,
    /// Who has spoken in it, as entities: whoever said most first, at most 50.
    pub participants: Vec<String>,
}

/// A page of threads.
#[derive(Object, Clone, Debug)]
pub struct ThreadPage {
    pub items: Vec<Thread>,
    /// Give it as `cursor` for the next page; null at the end.
    pub next: Option<String>,
}

/// Whose messages are to be deleted.
#[derive(Object, Clone, Debug)]
pub struct NewMessageSweep {
    /// `user:<localpart>`, `user:<localpart>:<server>` or `agent:<name>`.
    pub sender: String,
    /// Only what was said at this time and later.
    pub since: Option<Time>,
    /// Why, for everybody in the room to read; at most 1,000 characters.
    pub reason: Option<String>,
}

/// How a deletion goes.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
#[oai(rename_all = "lowercase")]
pub enum MessageSweepState {
    Running,
    /// It came to its end; single messages may have failed.
    Done,
    /// It could not go on; what is deleted stays deleted.
    Failed,
}

/// A deletion of one sender's messages.
#[derive(Object, Clone, Debug)]
pub struct MessageSweep {
    pub channel_id: Uuid,
    /// Whose messages are deleted.
    pub sender: String,
    /// Null: all of them.
    pub since: Option<Time>,
    pub state: MessageSweepState,
    /// How many messages of the channel have been looked at.
    pub checked: u64,
    pub deleted: u64,
    /// What could not be deleted; the first 100.
    pub failed: Vec<MessageSweepFailure>,
    pub started_at: Time,
    /// Null until it has ended.
    pub finished_at: Option<Time>,
    /// Why it could not go on; null unless `state` is `failed`.
    pub error: Option<String>,
}

/// A message that could not be deleted.
#[derive(Object, Clone, Debug)]
pub struct MessageSweepFailure {
    pub message_id: Uuid,
    /// Why.
    pub error: String,
}

impl From<messages::Sweep> for MessageSweep {
    fn from(sweep: messages::Sweep) -> Self {
        let failed = sweep.failed.into_iter();
        let failed = failed.map(|(message, error)| MessageSweepFailure {
            message_id: message.0,
            error,
        });
        Self {
            channel_id: sweep.channel.0,
            sender: sweep.sender.to_string(),
            since: sweep.since.map(Time),
            state: match sweep.state {
                SweepState::Running => MessageSweepState::Running,
                SweepState::Done => MessageSweepState::Done,
                SweepState::Failed => MessageSweepState::Failed,
            },
            checked: sweep.looked_at,
            deleted: sweep.deleted,
            failed: failed.collect(),
            started_at: Time(sweep.started_at),
            finished_at: sweep.finished_at.map(Time),
            error: sweep.error.map(|error| error.to_string()),
        }
    }
}
