//! Microdaos that were named, by id. All are read at the start, and afterwards only written.

use async_trait::async_trait;
use redb::ReadableTable;

use super::Redb;
use super::records::Record;
use super::records::microdao::MicrodaoRecord;
use super::tables;
use crate::domain::microdao::Microdao;
use crate::store::{Microdaos, StoreError};

#[async_trait]
impl Microdaos for Redb {
    async fn put_microdao(&self, microdao: Microdao) -> Result<(), StoreError> {
        let record = MicrodaoRecord::from(&microdao).encode();
        self.writer
            .run(move |work| {
                let mut table = work.txn.open_table(tables::MICRODAOS)?;
                table.insert(microdao.id.as_str(), record.as_slice())?;
                work.must_be_durable();
                Ok(())
            })
            .await
    }

    async fn microdaos(&self) -> Result<Vec<Microdao>, StoreError> {
        self.scan(|txn| {
            let table = txn.open_table(tables::MICRODAOS)?;
            let mut all = Vec::new();
            for entry in table.iter()? {
                let (id, value) = entry?;
                let record = MicrodaoRecord::decode(value.value());
                match record.and_then(|record| record.into_microdao(id.value())) {
                    Ok(microdao) => all.push(microdao),
                    Err(error) => tracing::error!(%error, "a microdao is passed over"),
                }
            }
            Ok(all)
        })
        .await
    }
}
