//! Signing keys, version 1.

use serde::{Deserialize, Serialize};

use super::Record;
use crate::store::sessions::SigningKey;

#[derive(Serialize, Deserialize)]
pub struct SigningKeyRecord {
    secret: [u8; 32],
    made_at: u64,
    retired_at: Option<u64>,
}

impl Record<'_> for SigningKeyRecord {
    const NAME: &'static str = "signing key";
    const VERSION: u8 = 1;
}

impl From<SigningKeyRecord> for SigningKey {
    fn from(record: SigningKeyRecord) -> Self {
        Self {
            secret: record.secret,
            made_at: record.made_at,
            retired_at: record.retired_at,
        }
    }
}

impl From<&SigningKey> for SigningKeyRecord {
    fn from(key: &SigningKey) -> Self {
        Self {
            secret: key.secret,
            made_at: key.made_at,
            retired_at: key.retired_at,
        }
    }
}
