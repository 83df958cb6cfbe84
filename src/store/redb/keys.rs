//! Keys that are made of several parts, and locations: what the index knows of an event.
//!
//! Numbers in keys are big-endian, so that bytes compare as they do. Texts stand last or end
//! with a zero byte, which no Matrix id holds.

mod location;
mod reception;

use std::ops::Bound;

use uuid::Uuid;

use crate::domain::entity::Entity;
use crate::domain::event::{NewEvent, What};
use crate::domain::id::{ChannelId, EventId, MessageId, Millis, Seq, UserId};
use crate::domain::member::Membership;
use crate::domain::page::Order;
use crate::domain::session::Digest;
use crate::domain::webhook::WebhookId;
use crate::store::StoreError;
use crate::store::idempotency::RequestName;
pub use location::{Location, Place};
pub use reception::*;

/// The 16 bytes by which an event is known.
pub type EventKey = [u8; 16];

/// The key of an event in the table of known ones.
pub fn event(event: &EventId) -> EventKey {
    *MessageId::of(event).as_bytes()
}

/// The key of an event that is not numbered yet, if it has one.
pub fn of_new(new: &NewEvent) -> Option<EventKey> {
    of(new.event.as_ref(), &new.what)
}

/// The key of what happened by an event. A message has been given it as its id already.
pub fn of(id: Option<&EventId>, what: &What) -> Option<EventKey> {
    let message = what.message().filter(|message| Some(&message.event) == id);
    match message {
        Some(message) => Some(*message.id.as_bytes()),
        None => id.map(event),
    }
}

const CHANNEL: usize = 16;
const TIME: usize = 8;

/// The key of a message.
pub fn message(channel: ChannelId, created_at: Millis, event: &EventId) -> Vec<u8> {
    let mut key = Vec::with_capacity(CHANNEL + TIME + event.as_str().len());
    key.extend_from_slice(channel.as_bytes());
    key.extend_from_slice(&created_at.to_be_bytes());
    key.extend_from_slice(event.as_str().as_bytes());
    key
}

/// Where the messages of a time begin in an order, first or last among all of that time.
pub fn message_time(channel: ChannelId, at: Millis, order: Order) -> Vec<u8> {
    // What follows a time in a key is an event id, which begins before this byte.
    const BEHIND: u8 = u8::MAX;
    let mut key = channel.as_bytes().to_vec();
    key.extend_from_slice(&at.to_be_bytes());
    if order == Order::Descending {
        key.push(BEHIND);
    }
    key
}

/// What the key of a message tells of it.
#[derive(Clone, Copy)]
pub struct MessageKey<'a> {
    pub channel: ChannelId,
    pub created_at: Millis,
    pub event: &'a str,
}

impl<'a> MessageKey<'a> {
    pub fn parse(key: &'a [u8]) -> Result<Self, StoreError> {
        Self::split(key).ok_or_else(|| StoreError::Damaged(format!("key of a message: {key:02x?}")))
    }

    fn split(key: &'a [u8]) -> Option<Self> {
        let (channel, rest) = key.split_first_chunk::<CHANNEL>()?;
        let (created_at, event) = rest.split_first_chunk::<TIME>()?;
        Some(Self {
            channel: ChannelId(Uuid::from_bytes(*channel)),
            created_at: u64::from_be_bytes(*created_at),
            event: std::str::from_utf8(event).ok()?,
        })
    }

    /// The message's id, which follows from that of its event.
    pub fn id(&self) -> MessageId {
        MessageId::of(&EventId::trusted(self.event))
    }
}

/// The key of an invite link.
pub fn invite(channel: ChannelId, id: Uuid) -> Vec<u8> {
    [channel.as_bytes().as_slice(), id.as_bytes()].concat()
}

/// The key of somebody who has come by an invite link.
pub fn invite_use(id: Uuid, user: &UserId) -> Vec<u8> {
    [id.as_bytes().as_slice(), user.as_str().as_bytes()].concat()
}

/// A range of the keys that begin with a prefix.
pub struct Range {
    start: Bound<Vec<u8>>,
    /// The first key behind the prefix; none behind the last possible one.
    end: Bound<Vec<u8>>,
}

impl Range {
    /// All keys that begin with `prefix`.
    pub fn of(prefix: &[u8]) -> Self {
        let last = prefix.iter().rposition(|byte| *byte != u8::MAX);
        Self {
            start: Bound::Included(prefix.to_vec()),
            end: last.map_or(Bound::Unbounded, |last| {
                let mut end = prefix[..=last].to_vec();
                end[last] += 1;
                Bound::Excluded(end)
            }),
        }
    }

    /// Leaves out `key`, which is in the range, and what comes before it in this order.
    pub fn begin_behind(&mut self, key: Vec<u8>, order: Order) {
        match order {
            Order::Ascending => self.start = Bound::Excluded(key),
            Order::Descending => self.end = Bound::Excluded(key),
        }
    }

    /// Leaves out what comes before `key` in this order.
    pub fn begin_at(&mut self, key: Vec<u8>, order: Order) {
        match order {
            Order::Ascending => self.start = Bound::Included(key),
            Order::Descending => self.end = Bound::Included(key),
        }
    }

    /// The bounds as redb takes them.
    pub fn bounds(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        (
            self.start.as_ref().map(Vec::as_slice),
            self.end.as_ref().map(Vec::as_slice),
        )
    }
}

/// Reads a channel's 16 bytes.
pub fn channel(bytes: &[u8]) -> Result<ChannelId, StoreError> {
    uuid::Uuid::from_slice(bytes)
        .map(ChannelId)
        .map_err(|_| StoreError::Damaged(format!("id of a channel: {bytes:02x?}")))
}

/// The key of a request that its caller has named. None of its parts holds a NUL.
pub fn keyed_request(name: &RequestName) -> String {
    let RequestName {
        caller,
        operation,
        key,
    } = name;
    format!("{caller}\0{operation}\0{key}")
}

/// The key of a message that its sender has named.
pub fn sending(channel: ChannelId, transaction: Uuid, sender: &UserId) -> Vec<u8> {
    let sender = sender.as_str().as_bytes();
    [channel.as_bytes(), transaction.as_bytes(), sender].concat()
}

/// What the keys of an author's scheduled messages begin with.
pub fn scheduled_of(by: &Entity) -> Vec<u8> {
    format!("{by}\0").into_bytes()
}

/// The key of a scheduled message among those that wait.
pub fn scheduled_at(next_try: Millis, id: Uuid) -> Vec<u8> {
    [next_try.to_be_bytes().as_slice(), id.as_bytes()].concat()
}

/// The id that a key ends with.
pub fn last_id(key: &[u8]) -> Result<Uuid, StoreError> {
    let id = key.last_chunk().copied().map(Uuid::from_bytes);
    id.ok_or_else(|| StoreError::Damaged("a key without an id".to_owned()))
}

/// The key of a record in a channel's part of the audit log.
pub fn audited(channel: ChannelId, seq: Seq) -> Vec<u8> {
    [channel.as_bytes().as_slice(), &seq.to_be_bytes()].concat()
}

/// The number in such a key.
pub fn audited_seq(key: &[u8]) -> Result<Seq, StoreError> {
    let seq = key.last_chunk().copied().map(Seq::from_be_bytes);
    seq.ok_or_else(|| StoreError::Damaged("a key of the audit log".to_owned()))
}

/// The class of members that are joined or invited.
pub const PRESENT: u8 = 0;
/// The class of members that have left or are banned.
pub const GONE: u8 = 1;
/// The class of members that wait to be let in.
pub const WAITING: u8 = 2;

/// The class of a member: the middle of its key.
pub fn member_class(membership: Membership) -> u8 {
    match membership {
        Membership::Invited | Membership::Joined => PRESENT,
        Membership::Left | Membership::Banned => GONE,
        Membership::Knocking => WAITING,
    }
}

/// What all members of a class in a channel begin with.
pub fn members(channel: ChannelId, class: u8) -> Vec<u8> {
    let mut key = Vec::with_capacity(CHANNEL + 1 + 64);
    key.extend_from_slice(channel.as_bytes());
    key.push(class);
    key
}

/// The key of a member.
pub fn member(channel: ChannelId, class: u8, user: &UserId) -> Vec<u8> {
    let mut key = members(channel, class);
    key.extend_from_slice(user.as_str().as_bytes());
    key
}

/// The key of what is about a user in a channel.
pub fn user_in(channel: ChannelId, user: &UserId) -> Vec<u8> {
    let mut key = channel.as_bytes().to_vec();
    key.extend_from_slice(user.as_str().as_bytes());
    key
}

/// What all memberships of a user begin with.
pub fn memberships(user: &UserId) -> Vec<u8> {
    terminated(user.as_str(), CHANNEL)
}

/// The key of a membership by its user.
pub fn membership(user: &UserId, channel: ChannelId) -> Vec<u8> {
    let mut key = memberships(user);
    key.extend_from_slice(channel.as_bytes());
    key
}

/// The channel at the end of a membership's key.
pub fn membership_channel(key: &[u8]) -> Result<ChannelId, StoreError> {
    channel(&key[key.len().saturating_sub(CHANNEL)..])
}

/// What all edits and deletions that wait for a message begin with.
pub fn orphans(target: &EventId) -> Vec<u8> {
    terminated(target.as_str(), TIME)
}

/// The key of an edit or deletion that waits for its message.
pub fn orphan(target: &EventId, seq: Seq) -> Vec<u8> {
    let mut key = orphans(target);
    key.extend_from_slice(&seq.to_be_bytes());
    key
}

/// The `seq` at the end of the key of an edit or deletion that waits.
pub fn orphan_seq(key: &[u8]) -> Result<Seq, StoreError> {
    key.last_chunk::<TIME>()
        .map(|seq| u64::from_be_bytes(*seq))
        .ok_or_else(|| StoreError::Damaged(format!("key of what waits: {key:02x?}")))
}

/// What all rows of a webhook begin with.
pub fn webhook(id: WebhookId) -> Vec<u8> {
    id.0.as_bytes().to_vec()
}

/// The key of a webhook's row by a number of 8 bytes: of its try, or of its dead letter.
pub fn webhook_row(id: WebhookId, number: u64) -> Vec<u8> {
    let mut key = webhook(id);
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// The webhook of a row's key.
pub fn webhook_id(key: &[u8]) -> Result<WebhookId, StoreError> {
    let id = key.first_chunk().map(|id| Uuid::from_bytes(*id));
    id.map(WebhookId)
        .ok_or_else(|| StoreError::Damaged("the key of a webhook's row".to_owned()))
}

/// The number at the end of the key of a webhook's row.
pub fn webhook_number(key: &[u8]) -> Result<u64, StoreError> {
    orphan_seq(key)
}

/// What all that waits for a webhook in a channel begins with.
pub fn pending_lane(id: WebhookId, channel: ChannelId) -> Vec<u8> {
    let mut key = webhook(id);
    key.extend_from_slice(channel.as_bytes());
    key
}

/// The key of a delivery that waits.
pub fn pending(id: WebhookId, channel: ChannelId, seq: Seq) -> Vec<u8> {
    let mut key = pending_lane(id, channel);
    key.extend_from_slice(&seq.to_be_bytes());
    key
}

/// The channel and the `seq` of a delivery that waits.
pub fn pending_place(key: &[u8]) -> Result<(ChannelId, Seq), StoreError> {
    let channel_bytes = key.get(CHANNEL..2 * CHANNEL).unwrap_or_default();
    Ok((channel(channel_bytes)?, orphan_seq(key)?))
}

const DIGEST: usize = 32;

/// What all sessions of a holder begin with.
pub fn held_sessions(holder: &str) -> Vec<u8> {
    terminated(holder, DIGEST)
}

/// The key of a session by its holder.
pub fn held_session(holder: &str, session: Digest) -> Vec<u8> {
    let mut key = held_sessions(holder);
    key.extend_from_slice(&session.0);
    key
}

/// The session at the end of such a key.
pub fn held_session_digest(key: &[u8]) -> Result<Digest, StoreError> {
    digest(&key[key.len().saturating_sub(DIGEST)..])
}

/// The holder at the beginning of such a key.
pub fn holder_of_session(key: &[u8]) -> Option<&str> {
    let holder = key.get(..key.len().checked_sub(DIGEST + 1)?)?;
    std::str::from_utf8(holder).ok()
}

/// What all signing keys of a use begin with.
pub fn signing_keys(of: &str) -> Vec<u8> {
    terminated(of, TIME)
}

/// The key of a signing key.
pub fn signing_key(of: &str, number: u64) -> Vec<u8> {
    let mut key = signing_keys(of);
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// The number at the end of such a key.
pub fn signing_key_number(key: &[u8]) -> Result<u64, StoreError> {
    orphan_seq(key)
}

/// Reads a digest's 32 bytes.
pub fn digest(bytes: &[u8]) -> Result<Digest, StoreError> {
    bytes
        .try_into()
        .map(Digest)
        .map_err(|_| StoreError::Damaged(format!("digest of a session: {bytes:02x?}")))
}

fn terminated(text: &str, more: usize) -> Vec<u8> {
    let mut key = Vec::with_capacity(text.len() + 1 + more);
    key.extend_from_slice(text.as_bytes());
    key.push(0);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_of_the_last_prefix_has_no_end() {
        let range = Range::of(&[1, 255]);
        assert_eq!(range.end, Bound::Excluded(vec![2]));
        assert_eq!(Range::of(&[255, 255]).end, Bound::Unbounded);
    }
}
