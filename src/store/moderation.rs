//! What keeps order in channels and is not in their rooms: mutes that are to be lifted, and whose turn
//! it is where people speak slowly.

use async_trait::async_trait;
use uuid::Uuid;

use super::StoreError;
use crate::domain::id::{ChannelId, Millis, UserId};
use crate::domain::mute::Mute;

/// Somebody who wants to say something where people speak slowly.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Turn {
    pub channel: ChannelId,
    pub user: UserId,
    /// Names what is to be said: said again it needs no other turn.
    pub name: Uuid,
    pub at: Millis,
}

#[async_trait]
pub trait Moderation: Send + Sync {
    /// Writes a mute, durably, in place of the one that there is.
    async fn put_mute(&self, mute: Mute) -> Result<(), StoreError>;

    /// Forgets a mute, durably.
    async fn remove_mute(&self, channel: ChannelId, user: &UserId) -> Result<(), StoreError>;

    /// The mute of somebody in a channel, if they are muted.
    async fn mute(&self, channel: ChannelId, user: &UserId) -> Result<Option<Mute>, StoreError>;

    /// The mutes of a channel.
    async fn mutes_in(&self, channel: ChannelId) -> Result<Vec<Mute>, StoreError>;

    /// All mutes.
    async fn mutes(&self) -> Result<Vec<Mute>, StoreError>;

    /// Takes a turn, durably, when the last one of the same user in the channel is `pause`
    /// milliseconds ago or has the same name; otherwise answers how long they have to wait.
    async fn take_turn(&self, turn: Turn, pause: u64) -> Result<Option<u64>, StoreError>;

    /// Gives a turn back that nothing came of, durably.
    async fn return_turn(&self, turn: Turn) -> Result<(), StoreError>;
}
