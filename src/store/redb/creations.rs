//! Channels that are being made, by alias.

use async_trait::async_trait;
use redb::ReadableTable;

use super::Redb;
use super::records::Record;
use super::records::creation::CreationRecord;
use super::tables;
use super::writer::Work;
use crate::domain::id::ChannelId;
use crate::store::{Creation, Creations, StoreError};

#[async_trait]
impl Creations for Redb {
    async fn begin(&self, creation: Creation) -> Result<(), StoreError> {
        self.writer.run(move |work| begin(work, &creation)).await?
    }

    async fn end(&self, id: ChannelId) -> Result<(), StoreError> {
        self.writer.run(move |work| end(work, id)).await
    }

    async fn unfinished(&self) -> Result<Vec<Creation>, StoreError> {
        self.read(|txn| {
            let table = txn.open_table(tables::CREATIONS)?;
            let mut creations = all(&table)?;
            creations.sort_by_key(|creation| (creation.begun_at, creation.id));
            Ok(creations)
        })
    }
}

/// There are as many as requests that create a channel at this moment.
fn all(
    table: &impl ReadableTable<&'static str, &'static [u8]>,
) -> Result<Vec<Creation>, StoreError> {
    table
        .iter()?
        .map(|entry| CreationRecord::decode(entry?.1.value())?.try_into())
        .collect()
}

fn begin(work: &mut Work<'_>, creation: &Creation) -> Result<Result<(), StoreError>, StoreError> {
    let mut table = work.txn.open_table(tables::CREATIONS)?;
    let alias = creation.alias.as_str();
    if table.get(alias)?.is_some() {
        let taken = format!("{alias} is being created already");
        return Ok(Err(StoreError::Exists(taken)));
    }
    let record = CreationRecord::from(creation.clone()).encode();
    table.insert(alias, record.as_slice())?;
    work.must_be_durable();
    Ok(Ok(()))
}

fn end(work: &mut Work<'_>, id: ChannelId) -> Result<(), StoreError> {
    let mut table = work.txn.open_table(tables::CREATIONS)?;
    let ended = all(&table)?
        .into_iter()
        .filter(|creation| creation.id == id);
    for creation in ended {
        table.remove(creation.alias.as_str())?;
        work.must_be_durable();
    }
    Ok(())
}
