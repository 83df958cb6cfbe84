//! Messages that their senders have named by keys: rows that the index writes beside the messages.

use redb::{ReadableTable, WriteTransaction};
use uuid::Uuid;

use super::writer::Work;
use super::{Redb, keys, tables};
use crate::domain::id::{ChannelId, MessageId, Millis, SendKey};
use crate::domain::message::Message;
use crate::store::StoreError;
use crate::store::idempotency::Sent;

/// How many are dropped in one step, so that others write in between.
const STEP: usize = 2_000;

/// Where the transaction stands in a key, behind the channel.
const TRANSACTION: std::ops::Range<usize> = 16..32;

/// A row, made on the caller's task.
pub struct Row {
    key: Vec<u8>,
    value: [u8; 56],
}

impl Row {
    /// The row of a message that was named.
    pub fn of(channel: ChannelId, message: &Message) -> Option<Self> {
        let sending = message.sending?;
        let mut value = [0; 56];
        value[..32].copy_from_slice(&sending.digest);
        value[32..48].copy_from_slice(message.id.0.as_bytes());
        value[48..].copy_from_slice(&message.created_at.to_be_bytes());
        Some(Self {
            key: keys::sending(channel, sending.transaction, &message.sender),
            value,
        })
    }

    /// Notes it, unless the name is taken: a sender who uses one twice within a day has said the
    /// first thing.
    pub fn write(&self, txn: &WriteTransaction) -> Result<(), StoreError> {
        let mut table = txn.open_table(tables::SENDINGS)?;
        let key = self.key.as_slice();
        let before = table.get(key)?.and_then(|it| read(it.value()).ok());
        let at = read(&self.value)?.at;
        if before.is_none_or(|before| before.at + SendKey::REMEMBERED < at) {
            table.insert(key, self.value.as_slice())?;
        }
        Ok(())
    }
}

/// Reads the value of a row.
pub fn read(value: &[u8]) -> Result<Sent, StoreError> {
    let damaged = || StoreError::Damaged(format!("sending of {} bytes", value.len()));
    let value: &[u8; 56] = value.try_into().map_err(|_| damaged())?;
    let (digest, rest) = value.split_first_chunk().ok_or_else(damaged)?;
    let (id, at) = rest.split_first_chunk().ok_or_else(damaged)?;
    Ok(Sent {
        message: MessageId(Uuid::from_bytes(*id)),
        digest: *digest,
        at: Millis::from_be_bytes(at.try_into().map_err(|_| damaged())?),
    })
}

impl Redb {
    /// Forgets what was said before `since`. Says how many. The table is by channel, so that all of it
    /// is looked at: while others write.
    pub(super) async fn drop_sendings(&self, since: Millis) -> Result<u64, StoreError> {
        let old = self.scan(move |txn| {
            let scheduled = txn.open_table(tables::SCHEDULED)?;
            let mut old = Vec::new();
            for entry in txn.open_table(tables::SENDINGS)?.iter()? {
                let (key, value) = entry?;
                if !is_before(value.value(), since) {
                    continue;
                }
                // Whoever sends it when its time comes must know that it was said.
                let transaction = key.value().get(TRANSACTION).unwrap_or_default();
                if scheduled.get(transaction)?.is_none() {
                    old.push(key.value().to_vec());
                }
            }
            Ok(old)
        });
        let mut dropped = 0;
        for step in old.await?.chunks(STEP) {
            let step = step.to_vec();
            let dropping = self.writer.run(move |work| drop_step(work, &step, since));
            dropped += dropping.await?;
        }
        Ok(dropped)
    }
}

/// What cannot be read is nobody's message.
fn is_before(value: &[u8], since: Millis) -> bool {
    !read(value).is_ok_and(|sent| sent.at >= since)
}

/// Drops those of them that were not written anew meanwhile. Not durable, because dropping them once
/// more does no harm.
fn drop_step(work: &mut Work<'_>, keys: &[Vec<u8>], since: Millis) -> Result<u64, StoreError> {
    let mut table = work.txn.open_table(tables::SENDINGS)?;
    let mut dropped = 0;
    for key in keys {
        let value = table.get(key.as_slice())?;
        let is_old = value.is_some_and(|value| is_before(value.value(), since));
        if is_old {
            table.remove(key.as_slice())?;
            dropped += 1;
        }
    }
    Ok(dropped)
}
