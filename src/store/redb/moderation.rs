//! Mutes and turns, by channel and user.

use async_trait::async_trait;
use redb::ReadableTable;

use super::records::Record;
use super::records::mute::MuteRecord;
use super::records::turn::TurnRecord;
use super::writer::Work;
use super::{Redb, keys, tables};
use crate::domain::id::{ChannelId, UserId};
use crate::domain::mute::Mute;
use crate::store::moderation::Turn;
use crate::store::{Moderation, StoreError};

#[async_trait]
impl Moderation for Redb {
    async fn put_mute(&self, mute: Mute) -> Result<(), StoreError> {
        let key = keys::user_in(mute.channel, &mute.user);
        let record = MuteRecord::from(mute).encode();
        let putting = self.writer.run(move |work| {
            let mut table = work.txn.open_table(tables::MUTES)?;
            table.insert(key.as_slice(), record.as_slice())?;
            work.must_be_durable();
            Ok(())
        });
        putting.await
    }

    async fn remove_mute(&self, channel: ChannelId, user: &UserId) -> Result<(), StoreError> {
        let key = keys::user_in(channel, user);
        let removing = self.writer.run(move |work| {
            let mut table = work.txn.open_table(tables::MUTES)?;
            table.remove(key.as_slice())?;
            work.must_be_durable();
            Ok(())
        });
        removing.await
    }

    async fn mute(&self, channel: ChannelId, user: &UserId) -> Result<Option<Mute>, StoreError> {
        self.read(|txn| {
            let table = txn.open_table(tables::MUTES)?;
            let row = table.get(keys::user_in(channel, user).as_slice())?;
            let record = row.map(|row| MuteRecord::decode(row.value())).transpose()?;
            Ok(record.map(Into::into))
        })
    }

    async fn mutes_in(&self, channel: ChannelId) -> Result<Vec<Mute>, StoreError> {
        self.read(|txn| {
            let table = txn.open_table(tables::MUTES)?;
            let mut mutes = Vec::new();
            for entry in table.range::<&[u8]>(keys::Range::of(channel.as_bytes()).bounds())? {
                match MuteRecord::decode(entry?.1.value()) {
                    Ok(record) => mutes.push(record.into()),
                    Err(error) => tracing::error!(%error, "a mute is passed over"),
                }
            }
            Ok(mutes)
        })
    }

    async fn mutes(&self) -> Result<Vec<Mute>, StoreError> {
        self.scan(|txn| {
            let table = txn.open_table(tables::MUTES)?;
            let mut mutes = Vec::new();
            for entry in table.iter()? {
                match MuteRecord::decode(entry?.1.value()) {
                    Ok(record) => mutes.push(record.into()),
                    // The others are to be lifted all the same.
                    Err(error) => tracing::error!(%error, "a mute is passed over"),
                }
            }
            Ok(mutes)
        })
        .await
    }

    async fn take_turn(&self, turn: Turn, pause: u64) -> Result<Option<u64>, StoreError> {
        let taking = self.writer.run(move |work| take(work, &turn, pause));
        taking.await
    }

    async fn return_turn(&self, turn: Turn) -> Result<(), StoreError> {
        let returning = self.writer.run(move |work| {
            let key = keys::user_in(turn.channel, &turn.user);
            let mut table = work.txn.open_table(tables::TURNS)?;
            if last(&table, &key)?.is_some_and(|last| last.name == turn.name) {
                table.remove(key.as_slice())?;
                work.must_be_durable();
            }
            Ok(())
        });
        returning.await
    }
}

fn take(work: &mut Work<'_>, turn: &Turn, pause: u64) -> Result<Option<u64>, StoreError> {
    let key = keys::user_in(turn.channel, &turn.user);
    let mut table = work.txn.open_table(tables::TURNS)?;
    if let Some(last) = last(&table, &key)? {
        if last.name == turn.name {
            return Ok(None);
        }
        // A clock that was put back makes nobody wait for longer than that.
        let free_at = last.at.saturating_add(pause);
        if last.at <= turn.at && free_at > turn.at {
            return Ok(Some(free_at - turn.at));
        }
    }
    let record = TurnRecord {
        name: turn.name,
        at: turn.at,
    };
    table.insert(key.as_slice(), record.encode().as_slice())?;
    work.must_be_durable();
    Ok(None)
}

/// A row that cannot be read holds nobody up.
fn last(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    key: &[u8],
) -> Result<Option<TurnRecord>, StoreError> {
    let row = table.get(key)?;
    Ok(row.and_then(|row| TurnRecord::decode(row.value()).ok()))
}
