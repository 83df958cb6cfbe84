//! Operators, version 1.

use serde::{Deserialize, Serialize};

use super::Record;
use crate::domain::account::OperatorAccount;

#[derive(Serialize, Deserialize)]
pub struct OperatorRecord {
    name: String,
    password_hash: String,
    created_at: u64,
    password_set_at: u64,
}

impl Record<'_> for OperatorRecord {
    const NAME: &'static str = "operator";
    const VERSION: u8 = 1;
}

impl From<OperatorAccount> for OperatorRecord {
    fn from(operator: OperatorAccount) -> Self {
        Self {
            name: operator.name,
            password_hash: operator.password_hash,
            created_at: operator.created_at,
            password_set_at: operator.password_set_at,
        }
    }
}

impl From<OperatorRecord> for OperatorAccount {
    fn from(record: OperatorRecord) -> Self {
        Self {
            name: record.name,
            password_hash: record.password_hash,
            created_at: record.created_at,
            password_set_at: record.password_set_at,
        }
    }
}
