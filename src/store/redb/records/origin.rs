//! From where an event comes that we brought about ourselves, version 1.

use serde::{Deserialize, Serialize};

use super::Record;
use crate::domain::audit::{Origin, Via};

#[derive(Serialize, Deserialize)]
pub struct OriginRecord {
    actor: Option<String>,
    via: String,
    id: Option<String>,
    address: Option<String>,
}

impl Record<'_> for OriginRecord {
    const NAME: &'static str = "origin";
    const VERSION: u8 = 1;
}

impl From<&Origin> for OriginRecord {
    fn from(origin: &Origin) -> Self {
        Self {
            actor: origin.actor.clone(),
            via: origin.via.as_str().to_owned(),
            id: origin.via.id(),
            address: origin.address.map(|it| it.to_string()),
        }
    }
}

impl From<OriginRecord> for Origin {
    fn from(record: OriginRecord) -> Self {
        let via = Via::parse(&record.via, record.id.as_deref());
        Self {
            actor: record.actor,
            via: via.unwrap_or_default(),
            address: record.address.and_then(|it| it.parse().ok()),
        }
    }
}
