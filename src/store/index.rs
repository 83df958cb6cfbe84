//! The index: what lists and checks read. Made of the journal alone and safe to throw away.

use std::collections::HashMap;

use async_trait::async_trait;
use bytes::Bytes;

use super::StoreError;
use crate::domain::access::Levels;
use crate::domain::channel::Channel;
use crate::domain::event::Event;
use crate::domain::id::{ChannelId, EventId, MessageId, Millis, Seq, UserId};
use crate::domain::member::{Member, Membership};
use crate::domain::message::Message;
use crate::domain::page::{Order, Page};
use crate::payload::MessageJson;

/// Which messages of a channel.
#[derive(Clone, Debug)]
pub struct MessageQuery {
    pub channel: ChannelId,
    /// Begin behind this message.
    pub after: Option<MessageId>,
    /// Begin at this time, which is in the page.
    pub at: Option<Millis>,
    pub order: Order,
    pub limit: usize,
}

/// Which members of a channel.
#[derive(Clone, Debug)]
pub struct MemberQuery {
    pub channel: ChannelId,
    /// `None`: the joined and the invited.
    pub membership: Option<Membership>,
    /// Begin behind this user.
    pub after: Option<UserId>,
    pub limit: usize,
}

/// A page that is ready to be sent: measured at half the CPU time of reading each row and
/// writing it again.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RenderedPage {
    /// The items as JSON objects with commas between them.
    pub json: Bytes,
    pub count: usize,
    /// The message behind which the next page begins.
    pub next: Option<MessageId>,
}

impl RenderedPage {
    /// The messages of the page, for whoever has to look at them.
    pub fn messages(&self) -> Result<Vec<Message>, StoreError> {
        let array = [b"[", self.json.as_ref(), b"]"].concat();
        let damaged = |error: serde_json::Error| StoreError::Damaged(format!("message: {error}"));
        let listed: Vec<MessageJson> = serde_json::from_slice(&array).map_err(damaged)?;
        let messages = listed.into_iter().filter_map(MessageJson::into_message);
        Ok(messages.collect())
    }
}

/// From where an emptied index is filled again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClearTo {
    /// From the journal's beginning, which must still be there.
    JournalStart,
    /// From events yet to be appended: the known events are forgotten too, so that the
    /// homeserver's history can be appended once more. A rebuild from the homeserver is under
    /// way from this time on.
    JournalEnd { since: Millis },
}

/// When something was last said, by channel.
pub type ActivityMap = HashMap<ChannelId, Millis>;

/// The message index. Rows are written by the index consumer alone; the marks of healing and
/// rebuilding by those who do that.
#[async_trait]
pub trait Index: Send + Sync {
    /// Applies events in order and moves the position behind the last, atomically. Events
    /// at or before the position are passed over. May be lost by a crash together with the
    /// position, never apart from it. An event that cannot be applied (an unknown channel,
    /// a second channel for one room) is passed over and named in the answer; so is one by which
    /// two channels say that they have one alias, of which the later to say so has it then and
    /// the other one has none.
    ///
    /// The position also goes back when a store recovers from a failing disk: read the
    /// journal from [`Index::position`] each time. [`StoreError::Behind`] says that events
    /// between it and the first of these were left out.
    ///
    /// Appends to the journal wait meanwhile, so the caller chooses the batch: at 100 events
    /// some 3 ms, at 500 some 12 ms and a third more events a second, beyond that little.
    async fn apply(&self, events: &[Event]) -> Result<Vec<String>, StoreError>;

    /// The position behind the last applied event.
    fn position(&self) -> Seq;

    /// Empties the index, durably, and sets its position. [`StoreError::Trimmed`] when the
    /// events that it is to be filled from are there no more.
    async fn clear(&self, to: ClearTo) -> Result<(), StoreError>;

    /// Remembers durably when the rebuild from the homeserver that is under way began; `None`:
    /// there is none any longer.
    async fn set_rebuilding(&self, since: Option<Millis>) -> Result<(), StoreError>;

    /// When a rebuild from the homeserver that has not ended began. The end of time when a
    /// daarion that did not write that down has begun it.
    async fn rebuilding(&self) -> Result<Option<Millis>, StoreError>;

    /// Every channel. One that is damaged is said aloud and left out.
    async fn channels(&self) -> Result<Vec<Channel>, StoreError>;

    /// When something was last said in each channel that has messages.
    async fn activity(&self) -> Result<ActivityMap, StoreError>;

    /// One channel.
    async fn channel(&self, id: ChannelId) -> Result<Option<Channel>, StoreError>;

    /// What the rooms of all channels demand, as far as that is known.
    async fn levels(&self) -> Result<Vec<(ChannelId, Levels)>, StoreError>;

    /// What the room of one channel demands.
    async fn levels_of(&self, id: ChannelId) -> Result<Option<Levels>, StoreError>;

    /// A page of messages, by (`created_at`, event id). An unknown `after` gives `None`.
    async fn messages(&self, query: MessageQuery) -> Result<Option<RenderedPage>, StoreError>;

    /// One message.
    async fn message(&self, id: MessageId) -> Result<Option<Message>, StoreError>;

    /// The message that an edit has changed; `None` for any other event.
    async fn edited(&self, edit: &EventId) -> Result<Option<Message>, StoreError>;

    /// The Matrix event up to which a channel's history is known to have no gap: where the
    /// last complete healing began.
    async fn watermark(&self, channel: ChannelId) -> Result<Option<EventId>, StoreError>;

    /// Moves the watermark; forgotten together with the known events, and only then.
    async fn set_watermark(&self, channel: ChannelId, event: &EventId) -> Result<(), StoreError>;

    /// A page of members by user id, `next` being the last one's user id.
    async fn members(&self, query: MemberQuery) -> Result<Page<Member>, StoreError>;

    /// How many members of a channel have this membership.
    async fn count_members(
        &self,
        channel: ChannelId,
        membership: Membership,
    ) -> Result<u64, StoreError>;

    /// One user's membership.
    async fn member(&self, channel: ChannelId, user: &UserId)
    -> Result<Option<Member>, StoreError>;

    /// The channels that a user has joined or is invited to.
    async fn memberships(&self, user: &UserId) -> Result<Vec<(ChannelId, Membership)>, StoreError>;

    /// How many messages and channels there are.
    async fn counts(&self) -> Result<(u64, u64), StoreError>;
}
