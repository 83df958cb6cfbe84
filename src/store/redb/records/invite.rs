//! Invite links, version 1.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Record, word};
use crate::domain::entity::Entity;
use crate::domain::id::ChannelId;
use crate::domain::invite::InviteLink;
use crate::domain::session::Digest;
use crate::store::StoreError;

#[derive(Serialize, Deserialize)]
pub struct InviteRecord {
    id: Uuid,
    channel: ChannelId,
    digest: [u8; 32],
    created_by: String,
    created_at: u64,
    expires_at: Option<u64>,
    max_uses: Option<u32>,
    uses: u32,
}

impl Record<'_> for InviteRecord {
    const NAME: &'static str = "invite link";
    const VERSION: u8 = 1;
}

impl TryFrom<InviteRecord> for InviteLink {
    type Error = StoreError;

    fn try_from(record: InviteRecord) -> Result<Self, StoreError> {
        Ok(Self {
            id: record.id,
            channel: record.channel,
            digest: Digest(record.digest),
            created_by: word(InviteRecord::NAME, Entity::parse, &record.created_by)?,
            created_at: record.created_at,
            expires_at: record.expires_at,
            max_uses: record.max_uses,
            uses: record.uses,
        })
    }
}

impl From<&InviteLink> for InviteRecord {
    fn from(link: &InviteLink) -> Self {
        Self {
            id: link.id,
            channel: link.channel,
            digest: link.digest.0,
            created_by: link.created_by.to_string(),
            created_at: link.created_at,
            expires_at: link.expires_at,
            max_uses: link.max_uses,
            uses: link.uses,
        }
    }
}
