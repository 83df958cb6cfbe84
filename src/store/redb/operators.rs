//! Operators, by name.

use redb::ReadableTable;

use super::records::Record;
use super::records::operator::OperatorRecord;
use super::sessions;
use super::tables;
use super::writer::Work;
use crate::domain::account::OperatorAccount;
use crate::domain::id::Millis;
use crate::domain::session::Holder;
use crate::store::StoreError;

/// Reads an operator's value.
pub fn operator(bytes: &[u8]) -> Result<OperatorAccount, StoreError> {
    Ok(OperatorRecord::decode(bytes)?.into())
}

/// Adds an operator; a refusal is a result, not a failure.
pub fn add(
    work: &mut Work<'_>,
    operator: &OperatorAccount,
) -> Result<Result<(), StoreError>, StoreError> {
    let mut operators = work.txn.open_table(tables::OPERATORS)?;
    let name = operator.name.as_str();
    if operators.get(name)?.is_some() {
        let taken = format!("operator {name} exists already");
        return Ok(Err(StoreError::Exists(taken)));
    }
    let record = OperatorRecord::from(operator.clone()).encode();
    operators.insert(name, record.as_slice())?;
    work.must_be_durable();
    Ok(Ok(()))
}

/// Sets a password and ends what was signed in with the one before.
pub fn set_password(
    work: &mut Work<'_>,
    name: &str,
    password_hash: &str,
    at: Millis,
) -> Result<bool, StoreError> {
    let mut operators = work.txn.open_table(tables::OPERATORS)?;
    let Some(mut found) = operators
        .get(name)?
        .map(|value| operator(value.value()))
        .transpose()?
    else {
        return Ok(false);
    };
    password_hash.clone_into(&mut found.password_hash);
    found.password_set_at = at;
    let record = OperatorRecord::from(found).encode();
    operators.insert(name, record.as_slice())?;
    drop(operators);
    sessions::end_all(work, &Holder::Operator(name.to_owned()), None)?;
    work.must_be_durable();
    Ok(true)
}
