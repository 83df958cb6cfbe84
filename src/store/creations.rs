//! Creations: channels that are being made. A row is written before the homeserver is asked
//! and removed when the channel is in the journal, so that a creation which was cut off is
//! completed or undone at the next start.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::channel::{ChannelKind, Visibility};
use crate::domain::id::{ChannelId, Millis, RoomAlias};

/// What a creation needs to be completed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Creation {
    pub id: ChannelId,
    pub kind: ChannelKind,
    pub slug: String,
    pub name: String,
    pub description: String,
    pub microdao: String,
    pub visibility: Visibility,
    pub confidential: bool,
    pub is_default: bool,
    pub alias: RoomAlias,
    /// The entity that becomes the owner.
    pub created_by: Option<String>,
    pub begun_at: Millis,
}

#[async_trait]
pub trait Creations: Send + Sync {
    /// Writes a creation down durably; [`StoreError::Exists`] when its alias is being made.
    async fn begin(&self, creation: Creation) -> Result<(), StoreError>;

    /// Forgets a creation that is complete or undone.
    async fn end(&self, id: ChannelId) -> Result<(), StoreError>;

    /// All that have begun and not ended, oldest first.
    async fn unfinished(&self) -> Result<Vec<Creation>, StoreError>;
}
