//! The keys of a use that has several, numbered in the order of their making.

use redb::ReadableTable;

use super::keys::{self, Range};
use super::records::Record;
use super::records::signing_key::SigningKeyRecord;
use super::tables;
use super::writer::Work;
use crate::domain::id::Millis;
use crate::store::StoreError;
use crate::store::sessions::{KeyUse, SigningKey};

/// All of a use, the newest first; `fresh` becomes the first one when there is none.
pub fn all(
    work: &mut Work<'_>,
    of: KeyUse,
    fresh: &SigningKey,
) -> Result<Vec<SigningKey>, StoreError> {
    let mut found = numbered(work, of)?;
    if found.is_empty() {
        found.push((1, fresh.clone()));
        put(work, of, 1, fresh)?;
        work.must_be_durable();
    }
    Ok(found.into_iter().rev().map(|(_, key)| key).collect())
}

/// Puts the next one of each use in place.
pub fn rotate(work: &mut Work<'_>, next: &[(KeyUse, SigningKey)]) -> Result<(), StoreError> {
    for (of, next) in next {
        let before = numbered(work, *of)?;
        let last = before.last().map_or(0, |(number, _)| *number);
        for (number, mut key) in before {
            if key.retired_at.is_none() {
                key.retired_at = Some(next.made_at);
                put(work, *of, number, &key)?;
            }
        }
        put(work, *of, last + 1, next)?;
    }
    work.must_be_durable();
    Ok(())
}

/// Forgets those that were retired at or before a time.
pub fn drop_retired(work: &mut Work<'_>, of: KeyUse, retired: Millis) -> Result<u64, StoreError> {
    let mut dropped = 0;
    for (number, key) in numbered(work, of)? {
        if key.retired_at.is_some_and(|at| at <= retired) {
            let mut table = work.txn.open_table(tables::SIGNING_KEYS)?;
            table.remove(keys::signing_key(of.as_str(), number).as_slice())?;
            dropped += 1;
        }
    }
    if dropped > 0 {
        work.must_be_durable();
    }
    Ok(dropped)
}

fn numbered(work: &Work<'_>, of: KeyUse) -> Result<Vec<(u64, SigningKey)>, StoreError> {
    let table = work.txn.open_table(tables::SIGNING_KEYS)?;
    let range = Range::of(&keys::signing_keys(of.as_str()));
    table
        .range::<&[u8]>(range.bounds())?
        .map(|entry| {
            let (key, value) = entry?;
            let number = keys::signing_key_number(key.value())?;
            Ok((number, SigningKeyRecord::decode(value.value())?.into()))
        })
        .collect()
}

fn put(work: &mut Work<'_>, of: KeyUse, number: u64, key: &SigningKey) -> Result<(), StoreError> {
    let record = SigningKeyRecord::from(key).encode();
    let mut table = work.txn.open_table(tables::SIGNING_KEYS)?;
    table.insert(
        keys::signing_key(of.as_str(), number).as_slice(),
        record.as_slice(),
    )?;
    Ok(())
}
