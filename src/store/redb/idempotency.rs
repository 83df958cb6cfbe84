//! Requests that their callers have named, by caller, operation and key.

use async_trait::async_trait;
use redb::ReadableTable;

use super::Redb;
use super::records::Record;
use super::records::keyed_request::KeyedRequestRecord;
use super::writer::Work;
use super::{keys, sendings, tables};
use crate::domain::id::Millis;
use crate::store::idempotency::{KeyedRequest, RequestName, SendingName, Sent};
use crate::store::{Idempotency, StoreError};

/// How many are dropped in one step, so that others write in between.
const STEP: usize = 500;

#[async_trait]
impl Idempotency for Redb {
    async fn begin(
        &self,
        request: KeyedRequest,
        since: Millis,
    ) -> Result<Option<KeyedRequest>, StoreError> {
        // Most that are found were answered: they need not wait for the writer.
        let found = self.read(|txn| {
            let table = txn.open_table(tables::IDEMPOTENCY)?;
            found(&table, &request.name, since)
        })?;
        if found.is_some() {
            return Ok(found);
        }
        let beginning = self.writer.run(move |work| begin(work, &request, since));
        beginning.await
    }

    async fn write(&self, request: KeyedRequest) -> Result<(), StoreError> {
        self.writer.run(move |work| write(work, &request)).await
    }

    async fn forget(&self, name: RequestName) -> Result<(), StoreError> {
        let forgetting = self.writer.run(move |work| {
            let mut table = work.txn.open_table(tables::IDEMPOTENCY)?;
            table.remove(keys::keyed_request(&name).as_str())?;
            work.must_be_durable();
            Ok(())
        });
        forgetting.await
    }

    async fn sent(&self, name: &SendingName) -> Result<Option<Sent>, StoreError> {
        let key = keys::sending(name.channel, name.transaction, &name.sender);
        self.read(|txn| {
            let table = txn.open_table(tables::SENDINGS)?;
            let value = table.get(key.as_slice())?;
            value.map(|value| sendings::read(value.value())).transpose()
        })
    }

    async fn drop_before(&self, since: Millis) -> Result<u64, StoreError> {
        let sendings = self.drop_sendings(since).await?;
        let old = self.scan(move |txn| {
            let table = txn.open_table(tables::IDEMPOTENCY)?;
            let mut old = Vec::new();
            for entry in table.iter()? {
                let (key, value) = entry?;
                if is_before(value.value(), since) {
                    old.push(key.value().to_owned());
                }
            }
            Ok(old)
        });
        let mut dropped = sendings;
        for step in old.await?.chunks(STEP) {
            let step = step.to_vec();
            let dropping = self.writer.run(move |work| drop_step(work, &step, since));
            dropped += dropping.await?;
        }
        Ok(dropped)
    }
}

fn begin(
    work: &mut Work<'_>,
    request: &KeyedRequest,
    since: Millis,
) -> Result<Option<KeyedRequest>, StoreError> {
    let table = work.txn.open_table(tables::IDEMPOTENCY)?;
    let found = found(&table, &request.name, since)?;
    drop(table);
    match found {
        Some(found) => Ok(Some(found)),
        None => write(work, request).map(|()| None),
    }
}

/// The request of a name that was begun at `since` or later.
fn found(
    table: &impl ReadableTable<&'static str, &'static [u8]>,
    name: &RequestName,
    since: Millis,
) -> Result<Option<KeyedRequest>, StoreError> {
    let found = table.get(keys::keyed_request(name).as_str())?;
    let found = found.map(|value| KeyedRequestRecord::decode(value.value()));
    let found = found.transpose()?.filter(|it| it.begun_at >= since);
    Ok(found.map(|record| record.into_request(name)))
}

fn write(work: &mut Work<'_>, request: &KeyedRequest) -> Result<(), StoreError> {
    let mut table = work.txn.open_table(tables::IDEMPOTENCY)?;
    let record = KeyedRequestRecord::from(request).encode();
    let key = keys::keyed_request(&request.name);
    table.insert(key.as_str(), record.as_slice())?;
    work.must_be_durable();
    Ok(())
}

/// Those that have not been begun anew meanwhile.
fn drop_step(work: &mut Work<'_>, names: &[String], since: Millis) -> Result<u64, StoreError> {
    let mut table = work.txn.open_table(tables::IDEMPOTENCY)?;
    let mut dropped = 0;
    for name in names {
        let is_old = table
            .get(name.as_str())?
            .is_some_and(|value| is_before(value.value(), since));
        if is_old {
            table.remove(name.as_str())?;
            dropped += 1;
        }
    }
    Ok(dropped)
}

/// What cannot be read is nobody's answer.
fn is_before(value: &[u8], since: Millis) -> bool {
    let record = KeyedRequestRecord::decode(value);
    record.map_or(true, |record| record.begun_at < since)
}
