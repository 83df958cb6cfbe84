//! What comes of messages, as their rows show it. Its own tables hold it whole; the row of a message
//! is made anew of them, once a batch, however much came of it there.

use std::collections::HashSet;

use redb::{ReadableTable, ReadableTableMetadata, Table, WriteTransaction};

use super::Applying;
use super::lazy::Lazy;
use crate::domain::id::{ChannelId, MessageId, Seq};
use crate::domain::reception::Reception;
use crate::store::StoreError;
use crate::store::redb::journal;
use crate::store::redb::keys::{self, Location, Range};
use crate::store::redb::records::message_row;
use crate::store::redb::writer::Work;
use crate::store::redb::{reception, tables};

/// How many messages that never came are forgotten at once.
const FORGOTTEN_AT_ONCE: usize = 1_000;

type Numbers<'t> = Table<'t, &'static [u8], u64>;

/// The tables of what comes of messages.
pub(super) struct Tables<'t> {
    pub reactions: Lazy<'t, &'static [u8], u64>,
    pub counts: Lazy<'t, &'static [u8], u64>,
    pub threads: Lazy<'t, &'static [u8], &'static [u8]>,
    pub activity: Lazy<'t, &'static [u8], ()>,
    pub thread_messages: Lazy<'t, &'static [u8], ()>,
    pub people: Lazy<'t, &'static [u8], u64>,
    pub pins: Lazy<'t, &'static [u8], u64>,
    pub pinned_at: Lazy<'t, &'static [u8], u64>,
    awaited: Numbers<'t>,
    /// Whether any message is awaited, so that those that come need not look.
    has_awaited: bool,
}

impl<'t> Tables<'t> {
    pub fn open(txn: &'t WriteTransaction) -> Result<Self, StoreError> {
        let awaited = txn.open_table(tables::AWAITED)?;
        Ok(Self {
            reactions: Lazy::of(txn, tables::REACTIONS),
            counts: Lazy::of(txn, tables::REACTION_COUNTS),
            threads: Lazy::of(txn, tables::THREADS),
            activity: Lazy::of(txn, tables::THREAD_ACTIVITY),
            thread_messages: Lazy::of(txn, tables::THREAD_MESSAGES),
            people: Lazy::of(txn, tables::THREAD_PEOPLE),
            pins: Lazy::of(txn, tables::PINS),
            pinned_at: Lazy::of(txn, tables::PINNED_AT),
            has_awaited: !awaited.is_empty()?,
            awaited,
        })
    }
}

impl Applying<'_> {
    /// Notes that something has come of a message, which its row is to show.
    pub(super) fn touch(&mut self, channel: ChannelId, message: MessageId, seq: Seq) {
        self.dirty.insert((channel, message), seq);
    }

    /// Lets a message that came show what has come of it before.
    pub(super) fn welcome(
        &mut self,
        channel: ChannelId,
        message: MessageId,
        seq: Seq,
    ) -> Result<(), StoreError> {
        if !self.reception.has_awaited {
            return Ok(());
        }
        let key = keys::within(channel, message);
        if self.reception.awaited.remove(key.as_slice())?.is_some() {
            self.touch(channel, message, seq);
        }
        Ok(())
    }

    /// Brings the rows up to what has come of their messages in this batch.
    pub(super) fn refresh_dirty(&mut self) -> Result<(), StoreError> {
        for ((channel, message), seq) in std::mem::take(&mut self.dirty) {
            match self.refresh(channel, message) {
                Ok(true) => {}
                Ok(false) => {
                    let key = keys::within(channel, message);
                    self.reception.awaited.insert(key.as_slice(), seq)?;
                }
                // A row that cannot be read holds up nothing but what is about it.
                Err(error @ StoreError::Damaged(_)) => {
                    let reason = format!("message {message} of channel {channel}: {error}");
                    self.passed.push(reason);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Says whether the message is there.
    fn refresh(&mut self, channel: ChannelId, id: MessageId) -> Result<bool, StoreError> {
        let Some(location) = self.known.get(id.as_bytes())? else {
            return Ok(false);
        };
        let key = Location::parse(&location)?.message();
        let Some(key) = key.filter(|key| key.starts_with(channel.as_bytes())) else {
            return Ok(false);
        };
        let mut message = match self.messages.get(key)? {
            Some(row) => message_row::read(key, row.value())?,
            None => return Ok(false),
        };
        let reception = self.gather(channel, id)?;
        if message.receive(reception) {
            let keeps = self.keeps(channel)?;
            self.store_message(key, message, keeps)?;
        }
        Ok(true)
    }

    fn gather(&mut self, channel: ChannelId, id: MessageId) -> Result<Reception, StoreError> {
        let key = keys::within(channel, id);
        let tables = &mut self.reception;
        Ok(Reception {
            reactions: reception::counts(tables.counts.get()?, channel, id)?,
            thread: reception::summary(tables.threads.get()?, channel, id)?,
            pinned: tables.pins.get()?.get(key.as_slice())?.is_some(),
        })
    }
}

/// Forgets what has come of messages that did not come themselves while the journal knew of it:
/// most of it is about what is no message. Threads stay, because what was said there is there.
pub fn trim(work: &Work<'_>) -> Result<u64, StoreError> {
    let first = journal::first(work.txn, work.staged.head)?;
    let mut awaited = work.txn.open_table(tables::AWAITED)?;
    let threads = work.txn.open_table(tables::THREADS)?;
    let mut forgotten = HashSet::new();
    for entry in awaited.iter()? {
        let (key, seq) = entry?;
        let is_old = seq.value() < first;
        if is_old && threads.get(key.value())?.is_none() {
            forgotten.insert(key.value().to_vec());
        }
        if forgotten.len() == FORGOTTEN_AT_ONCE {
            break;
        }
    }
    let mut reactions = work.txn.open_table(tables::REACTIONS)?;
    let mut counts = work.txn.open_table(tables::REACTION_COUNTS)?;
    for key in &forgotten {
        awaited.remove(key.as_slice())?;
        let range = Range::of(key);
        reactions.retain_in::<&[u8], _>(range.bounds(), |_, _| false)?;
        counts.retain_in::<&[u8], _>(range.bounds(), |_, _| false)?;
    }
    Ok(forgotten.len() as u64)
}

/// Empties what comes of messages.
pub fn clear(txn: &WriteTransaction) -> Result<(), StoreError> {
    txn.delete_table(tables::THREADS)?;
    txn.open_table(tables::THREADS)?;
    for table in [
        tables::REACTIONS,
        tables::REACTION_COUNTS,
        tables::THREAD_PEOPLE,
        tables::PINS,
        tables::PINNED_AT,
        tables::AWAITED,
    ] {
        txn.delete_table(table)?;
        txn.open_table(table)?;
    }
    for table in [tables::THREAD_ACTIVITY, tables::THREAD_MESSAGES] {
        txn.delete_table(table)?;
        txn.open_table(table)?;
    }
    Ok(())
}
