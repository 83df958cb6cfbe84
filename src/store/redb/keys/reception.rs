//! Keys of what comes of messages: reactions, threads, pins.

use uuid::Uuid;

use super::{CHANNEL, TIME};
use crate::domain::id::{ChannelId, EventId, MessageId, Millis, UserId};
use crate::store::StoreError;

/// The key of a message of a channel by its id: of what has come of it, and what all rows of it
/// begin with.
pub fn within(channel: ChannelId, message: MessageId) -> Vec<u8> {
    let mut key = Vec::with_capacity(2 * CHANNEL + 64);
    key.extend_from_slice(channel.as_bytes());
    key.extend_from_slice(message.as_bytes());
    key
}

/// The message of such a key.
pub fn within_message(key: &[u8]) -> Result<MessageId, StoreError> {
    let bytes = key.get(CHANNEL..2 * CHANNEL).unwrap_or_default();
    message_id(bytes)
}

/// What such a key says behind the message.
pub fn within_rest(key: &[u8]) -> &[u8] {
    key.get(2 * CHANNEL..).unwrap_or_default()
}

fn message_id(bytes: &[u8]) -> Result<MessageId, StoreError> {
    Uuid::from_slice(bytes)
        .map(MessageId)
        .map_err(|_| StoreError::Damaged(format!("id of a message: {bytes:02x?}")))
}

/// What all reactions of a user with a key begin with.
pub fn reactions_of(channel: ChannelId, message: MessageId, key: &str, by: &UserId) -> Vec<u8> {
    let mut bytes = reactions_with(channel, message, key);
    bytes.extend_from_slice(by.as_str().as_bytes());
    bytes.push(0);
    bytes
}

/// What all reactions with a key begin with.
pub fn reactions_with(channel: ChannelId, message: MessageId, key: &str) -> Vec<u8> {
    let mut bytes = reaction_count(channel, message, key);
    bytes.push(0);
    bytes
}

/// The key of the count of a reaction.
pub fn reaction_count(channel: ChannelId, message: MessageId, key: &str) -> Vec<u8> {
    let mut bytes = within(channel, message);
    bytes.extend_from_slice(key.as_bytes());
    bytes
}

/// The key, the user and the event of a reaction's key.
pub fn reaction(key: &[u8]) -> Result<(&str, UserId, EventId), StoreError> {
    let parts = || {
        let text = std::str::from_utf8(within_rest(key)).ok()?;
        let (text, event) = text.rsplit_once('\0')?;
        let (text, user) = text.rsplit_once('\0')?;
        Some((text, UserId::trusted(user), EventId::trusted(event)))
    };
    parts().ok_or_else(|| StoreError::Damaged(format!("key of a reaction: {key:02x?}")))
}

/// The key of a thread's message.
pub fn thread_message(
    channel: ChannelId,
    root: MessageId,
    created_at: Millis,
    event: &EventId,
) -> Vec<u8> {
    let mut key = within(channel, root);
    key.extend_from_slice(&created_at.to_be_bytes());
    key.extend_from_slice(event.as_str().as_bytes());
    key
}

/// The key of the same message among all of its channel.
pub fn message_of_thread(key: &[u8]) -> Vec<u8> {
    let channel = key.get(..CHANNEL).unwrap_or_default();
    [channel, within_rest(key)].concat()
}

/// The key of a message, which is in this thread, among those of the thread.
pub fn in_thread(message: &[u8], root: MessageId) -> Option<Vec<u8>> {
    let (channel, rest) = message.split_at_checked(CHANNEL)?;
    Some([channel, root.as_bytes(), rest].concat())
}

/// When the message of a thread's key was said.
pub fn thread_time(key: &[u8]) -> Result<Millis, StoreError> {
    within_rest(key)
        .first_chunk::<TIME>()
        .map(|at| u64::from_be_bytes(*at))
        .ok_or_else(|| StoreError::Damaged(format!("key of a thread's message: {key:02x?}")))
}

/// The key of a thread by what was said last.
pub fn thread_activity(channel: ChannelId, last_at: Millis, root: MessageId) -> Vec<u8> {
    let mut key = Vec::with_capacity(2 * CHANNEL + TIME);
    key.extend_from_slice(channel.as_bytes());
    key.extend_from_slice(&last_at.to_be_bytes());
    key.extend_from_slice(root.as_bytes());
    key
}

/// The root at the end of such a key.
pub fn thread_root(key: &[u8]) -> Result<MessageId, StoreError> {
    message_id(&key[key.len().saturating_sub(CHANNEL)..])
}

/// The key of somebody who has spoken in a thread.
pub fn thread_person(channel: ChannelId, root: MessageId, user: &UserId) -> Vec<u8> {
    let mut key = within(channel, root);
    key.extend_from_slice(user.as_str().as_bytes());
    key
}

/// The user at the end of a key behind a message.
pub fn within_user(key: &[u8]) -> Result<UserId, StoreError> {
    std::str::from_utf8(within_rest(key))
        .map(UserId::trusted)
        .map_err(|_| StoreError::Damaged(format!("key of a user: {key:02x?}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::redb::keys::message;

    #[test]
    fn reaction_is_read_from_its_key() {
        let (channel, message) = (
            ChannelId(uuid::Uuid::from_u128(7)),
            MessageId(uuid::Uuid::from_u128(8)),
        );
        let by = UserId::trusted("@a:s");
        let mut key = reactions_of(channel, message, "👍", &by);
        key.extend_from_slice(b"$event");
        let read = reaction(&key).expect("a reaction");
        assert_eq!(read, ("👍", by, EventId::trusted("$event")));
        assert!(key.starts_with(&reactions_with(channel, message, "👍")));
        assert!(reaction(&key[..32]).is_err() && reaction(b"").is_err());
    }

    #[test]
    fn message_of_a_thread_leads_to_its_row() {
        let (channel, root) = (
            ChannelId(uuid::Uuid::from_u128(7)),
            MessageId(uuid::Uuid::from_u128(8)),
        );
        let event = EventId::trusted("$a");
        let row = message(channel, 9, &event);
        let key = thread_message(channel, root, 9, &event);
        assert_eq!(message_of_thread(&key), row);
        assert_eq!(in_thread(&row, root), Some(key.clone()));
        assert_eq!(thread_time(&key).expect("a time"), 9);
        assert!(thread_time(b"short").is_err() && in_thread(b"short", root).is_none());
    }
}
