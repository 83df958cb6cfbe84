//! API keys, by id. All are read at the start, and afterwards only written.

use async_trait::async_trait;
use redb::ReadableTable;
use uuid::Uuid;

use super::Redb;
use super::records::Record;
use super::records::api_key::ApiKeyRecord;
use super::tables;
use crate::domain::id::Millis;
use crate::domain::key::ApiKey;
use crate::store::{ApiKeys, StoreError};

#[async_trait]
impl ApiKeys for Redb {
    async fn add_key(&self, key: ApiKey) -> Result<(), StoreError> {
        let id = key.id;
        let record = ApiKeyRecord::from(&key).encode();
        self.writer
            .run(move |work| {
                let mut table = work.txn.open_table(tables::API_KEYS)?;
                table.insert(id.as_bytes().as_slice(), record.as_slice())?;
                work.must_be_durable();
                Ok(())
            })
            .await
    }

    async fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        self.scan(|txn| {
            let table = txn.open_table(tables::API_KEYS)?;
            let mut all = Vec::new();
            for entry in table.iter()? {
                let record = ApiKeyRecord::decode(entry?.1.value());
                match record.and_then(ApiKeyRecord::into_key) {
                    Ok(key) => all.push(key),
                    Err(error) => tracing::error!(%error, "an API key is passed over"),
                }
            }
            all.sort_by_key(|key| (key.created_at, key.id));
            Ok(all)
        })
        .await
    }

    async fn remove_key(&self, id: Uuid) -> Result<bool, StoreError> {
        self.writer
            .run(move |work| {
                let mut table = work.txn.open_table(tables::API_KEYS)?;
                let is_gone = table.remove(id.as_bytes().as_slice())?.is_some();
                if is_gone {
                    work.must_be_durable();
                }
                Ok(is_gone)
            })
            .await
    }

    async fn keys_used(&self, used: Vec<(Uuid, Millis)>) -> Result<(), StoreError> {
        self.writer
            .run(move |work| {
                let mut table = work.txn.open_table(tables::API_KEYS)?;
                for (id, at) in &used {
                    let key = id.as_bytes().as_slice();
                    let found = table
                        .get(key)?
                        .map(|value| ApiKeyRecord::decode(value.value()))
                        .transpose()?;
                    let Some(mut record) = found else {
                        continue;
                    };
                    if record.used(*at) {
                        table.insert(key, record.encode().as_slice())?;
                    }
                }
                Ok(())
            })
            .await
    }
}
