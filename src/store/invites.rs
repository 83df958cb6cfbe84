//! Invite links, and who has come by them. Durable rows that are set, not events.

use async_trait::async_trait;
use uuid::Uuid;

use super::StoreError;
use crate::domain::id::{ChannelId, Millis, UserId};
use crate::domain::invite::{Admission, InviteLink};
use crate::domain::session::Digest;

#[async_trait]
pub trait InviteLinks: Send + Sync {
    /// Adds a link, durably. Those of its channel whose time has come by then go, and who has come by
    /// them.
    async fn add_link(&self, link: InviteLink) -> Result<(), StoreError>;

    /// The links of a channel by the time of their making; those that cannot be read are passed
    /// over.
    async fn links(&self, channel: ChannelId) -> Result<Vec<InviteLink>, StoreError>;

    /// The link whose code has this digest.
    async fn link_of(&self, code: &Digest) -> Result<Option<InviteLink>, StoreError>;

    /// Removes a link and who has come by it, durably; `false` when there is none.
    async fn remove_link(&self, channel: ChannelId, id: Uuid) -> Result<bool, StoreError>;

    /// Counts somebody who comes by a link, durably, once and never more than it is for.
    async fn admit(
        &self,
        link: &InviteLink,
        user: &UserId,
        now: Millis,
    ) -> Result<Admission, StoreError>;

    /// Takes somebody off the count again who could not come after all.
    async fn unadmit(&self, link: &InviteLink, user: &UserId) -> Result<(), StoreError>;
}
