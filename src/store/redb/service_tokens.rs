//! Tokens of services, by id. A few hundred at most, so that lists read them all.

use async_trait::async_trait;
use redb::ReadableTable;
use uuid::Uuid;

use super::Redb;
use super::records::Record;
use super::records::service_token::ServiceTokenRecord;
use super::tables;
use super::writer::Work;
use crate::domain::id::Millis;
use crate::domain::service::ServiceToken;
use crate::store::{ServiceTokens, StoreError};

#[async_trait]
impl ServiceTokens for Redb {
    async fn add_token(&self, token: ServiceToken) -> Result<(), StoreError> {
        self.writer.run(move |work| add(work, &token)).await?
    }

    async fn tokens(&self) -> Result<Vec<ServiceToken>, StoreError> {
        self.read(|txn| {
            let table = txn.open_table(tables::SERVICE_TOKENS)?;
            let mut all = Vec::new();
            for entry in table.iter()? {
                let record = ServiceTokenRecord::decode(entry?.1.value());
                match record.and_then(ServiceTokenRecord::into_token) {
                    Ok(token) => all.push(token),
                    Err(error) => tracing::error!(%error, "a service's token is passed over"),
                }
            }
            all.sort_by_key(|token| (token.created_at, token.id));
            Ok(all)
        })
    }

    async fn revoke_token(&self, id: Uuid, at: Millis) -> Result<bool, StoreError> {
        self.writer
            .run(move |work| {
                let revoked = change(work, id, |record| record.revoke(at))?;
                if revoked {
                    work.must_be_durable();
                }
                Ok(revoked)
            })
            .await
    }

    async fn tokens_used(&self, used: Vec<(Uuid, Millis)>) -> Result<(), StoreError> {
        self.writer
            .run(move |work| {
                for (id, at) in &used {
                    change(work, *id, |record| record.used(*at))?;
                }
                Ok(())
            })
            .await
    }
}

/// A refusal is a result, not a failure: it rolls nothing back.
fn add(work: &mut Work<'_>, token: &ServiceToken) -> Result<Result<(), StoreError>, StoreError> {
    let mut table = work.txn.open_table(tables::SERVICE_TOKENS)?;
    for entry in table.iter()? {
        // One that cannot be read counts for nobody.
        let record = ServiceTokenRecord::decode(entry?.1.value());
        let Ok(other) = record.and_then(ServiceTokenRecord::into_token) else {
            continue;
        };
        if other.name == token.name && other.is_good(token.created_at) {
            let taken = format!(
                "a token of the service {} exists; revoke it first",
                token.name
            );
            return Ok(Err(StoreError::Exists(taken)));
        }
    }
    let record = ServiceTokenRecord::from(token).encode();
    table.insert(token.id.as_bytes().as_slice(), record.as_slice())?;
    work.must_be_durable();
    Ok(Ok(()))
}

/// Changes a token that is there; says whether anything was changed.
fn change(
    work: &mut Work<'_>,
    id: Uuid,
    change: impl FnOnce(&mut ServiceTokenRecord) -> bool,
) -> Result<bool, StoreError> {
    let mut table = work.txn.open_table(tables::SERVICE_TOKENS)?;
    let key = id.as_bytes().as_slice();
    let found = table
        .get(key)?
        .map(|value| ServiceTokenRecord::decode(value.value()))
        .transpose()?;
    let Some(mut record) = found else {
        return Ok(false);
    };
    if !change(&mut record) {
        return Ok(false);
    }
    table.insert(key, record.encode().as_slice())?;
    Ok(true)
}
