//! Requests that their callers have named, version 1.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Record;
use crate::store::idempotency::{KeyedRequest, RequestName};

#[derive(Serialize, Deserialize)]
pub struct KeyedRequestRecord {
    digest: [u8; 32],
    id: Uuid,
    pub begun_at: u64,
    answer: Option<String>,
}

impl Record<'_> for KeyedRequestRecord {
    const NAME: &'static str = "keyed request";
    const VERSION: u8 = 1;
}

impl From<&KeyedRequest> for KeyedRequestRecord {
    fn from(request: &KeyedRequest) -> Self {
        Self {
            digest: request.digest,
            id: request.id,
            begun_at: request.begun_at,
            answer: request.answer.clone(),
        }
    }
}

impl KeyedRequestRecord {
    /// The request; its name is the key of its row.
    pub fn into_request(self, name: &RequestName) -> KeyedRequest {
        KeyedRequest {
            name: name.clone(),
            digest: self.digest,
            id: self.id,
            begun_at: self.begun_at,
            answer: self.answer,
        }
    }
}
