//! Channels that are being made, version 1.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Record, word};
use crate::domain::channel::{ChannelKind, Visibility};
use crate::domain::id::{ChannelId, RoomAlias};
use crate::store::{Creation, StoreError};

#[derive(Serialize, Deserialize)]
pub struct CreationRecord {
    id: Uuid,
    kind: String,
    slug: String,
    name: String,
    description: String,
    microdao: String,
    visibility: String,
    confidential: bool,
    is_default: bool,
    alias: String,
    created_by: Option<String>,
    begun_at: u64,
}

impl Record<'_> for CreationRecord {
    const NAME: &'static str = "creation";
    const VERSION: u8 = 1;
}

impl From<Creation> for CreationRecord {
    fn from(creation: Creation) -> Self {
        Self {
            id: creation.id.0,
            kind: creation.kind.as_str().to_owned(),
            slug: creation.slug,
            name: creation.name,
            description: creation.description,
            microdao: creation.microdao,
            visibility: creation.visibility.as_str().to_owned(),
            confidential: creation.confidential,
            is_default: creation.is_default,
            alias: creation.alias.as_str().to_owned(),
            created_by: creation.created_by,
            begun_at: creation.begun_at,
        }
    }
}

impl TryFrom<CreationRecord> for Creation {
    type Error = StoreError;

    fn try_from(record: CreationRecord) -> Result<Self, StoreError> {
        Ok(Self {
            id: ChannelId(record.id),
            kind: word("creation", ChannelKind::parse, &record.kind)?,
            slug: record.slug,
            name: record.name,
            description: record.description,
            microdao: record.microdao,
            visibility: word("creation", Visibility::parse, &record.visibility)?,
            confidential: record.confidential,
            is_default: record.is_default,
            alias: RoomAlias::trusted(record.alias),
            created_by: record.created_by,
            begun_at: record.begun_at,
        })
    }
}
