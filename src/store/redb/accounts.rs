//! Accounts: what `agents` and `operators` do, behind their trait.

use async_trait::async_trait;
use redb::ReadableTable;

use super::Redb;
use super::agents::{self, agent};
use super::operators::{self, operator};
use super::tables;
use crate::domain::account::OperatorAccount;
use crate::domain::agent::Agent;
use crate::domain::id::Millis;
use crate::store::{Accounts, StoreError};

#[async_trait]
impl Accounts for Redb {
    async fn add_agent(&self, agent: Agent) -> Result<(), StoreError> {
        self.writer
            .run(move |work| agents::add(work, &agent))
            .await?
    }

    async fn update_agent(&self, agent: Agent) -> Result<bool, StoreError> {
        self.writer
            .run(move |work| agents::update(work, &agent))
            .await?
    }

    async fn agent(&self, name: &str) -> Result<Option<Agent>, StoreError> {
        self.read(|txn| {
            let value = txn.open_table(tables::AGENTS)?.get(name)?;
            value.map(|value| agent(value.value())).transpose()
        })
    }

    async fn agents(&self) -> Result<Vec<Agent>, StoreError> {
        self.read(|txn| {
            let table = txn.open_table(tables::AGENTS)?;
            table.iter()?.map(|entry| agent(entry?.1.value())).collect()
        })
    }

    async fn add_operator(&self, operator: OperatorAccount) -> Result<(), StoreError> {
        self.writer
            .run(move |work| operators::add(work, &operator))
            .await?
    }

    async fn set_operator_password(
        &self,
        name: &str,
        password_hash: &str,
        at: Millis,
    ) -> Result<bool, StoreError> {
        let (name, hash) = (name.to_owned(), password_hash.to_owned());
        self.writer
            .run(move |work| operators::set_password(work, &name, &hash, at))
            .await
    }

    async fn operator(&self, name: &str) -> Result<Option<OperatorAccount>, StoreError> {
        self.read(|txn| {
            let value = txn.open_table(tables::OPERATORS)?.get(name)?;
            value.map(|value| operator(value.value())).transpose()
        })
    }

    async fn operators(&self) -> Result<Vec<OperatorAccount>, StoreError> {
        self.read(|txn| {
            let table = txn.open_table(tables::OPERATORS)?;
            let all = table.iter()?;
            all.map(|entry| operator(entry?.1.value())).collect()
        })
    }
}
