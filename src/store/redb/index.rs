//! The index as its readers see it; `apply` writes it.

use async_trait::async_trait;
use redb::{
    ReadTransaction, ReadableTable, ReadableTableMetadata, TableDefinition, WriteTransaction,
};

use super::keys::{self, Location, Place};
use super::met::{self, Met};
use super::records::channel::{ChannelRow, TimedChannel};
use super::records::levels::LevelsRow;
use super::records::member::MemberRecord;
use super::records::{Record, message_row};
use super::tables::{self, meta};
use super::writer::Work;
use super::{Redb, apply, journal, pages};
use crate::domain::access::Levels;
use crate::domain::channel::Channel;
use crate::domain::event::Event;
use crate::domain::id::{ChannelId, EventId, MessageId, Millis, Seq, UserId};
use crate::domain::member::{Member, Membership};
use crate::domain::message::Message;
use crate::domain::page::Page;
use crate::store::index::{ActivityMap, ClearTo, MemberQuery, MessageQuery, RenderedPage};
use crate::store::{Index, StoreError};

#[async_trait]
impl Index for Redb {
    async fn apply(&self, events: &[Event]) -> Result<Vec<String>, StoreError> {
        let prepared = apply::prepare(events);
        self.writer
            .run(move |work| apply::apply(work, &prepared))
            .await
    }

    fn position(&self) -> Seq {
        self.shared.memory().position
    }

    async fn clear(&self, to: ClearTo) -> Result<(), StoreError> {
        self.writer.run(move |work| clear(work, to)).await
    }

    async fn set_rebuilding(&self, since: Option<Millis>) -> Result<(), StoreError> {
        self.writer
            .run(move |work| set_rebuilding(work, since))
            .await
    }

    async fn rebuilding(&self) -> Result<Option<Millis>, StoreError> {
        self.read(|txn| {
            let numbers = txn.open_table(tables::META)?;
            let number = |name| Ok::<_, StoreError>(numbers.get(name)?.map(|value| value.value()));
            let is_rebuilding = number(meta::REBUILDING)? == Some(1);
            let since = number(meta::REBUILDING_SINCE)?.unwrap_or(Millis::MAX);
            Ok(is_rebuilding.then_some(since))
        })
    }

    async fn channels(&self) -> Result<Vec<Channel>, StoreError> {
        self.scan(|txn| {
            let channels = txn.open_table(tables::CHANNELS)?;
            let mut all = Vec::new();
            for entry in channels.iter()? {
                match channel(entry?.1.value()) {
                    Ok(timed) => all.push(timed.channel),
                    // The others are there all the same.
                    Err(error) => tracing::error!(%error, "a channel is passed over"),
                }
            }
            Ok(all)
        })
        .await
    }

    async fn activity(&self) -> Result<ActivityMap, StoreError> {
        self.scan(|txn| {
            let activity = txn.open_table(tables::ACTIVITY)?;
            activity
                .iter()?
                .map(|entry| {
                    let (id, at) = entry?;
                    Ok((keys::channel(id.value())?, at.value()))
                })
                .collect()
        })
        .await
    }

    async fn channel(&self, id: ChannelId) -> Result<Option<Channel>, StoreError> {
        self.read(|txn| {
            let value = txn
                .open_table(tables::CHANNELS)?
                .get(id.as_bytes().as_slice())?;
            value
                .map(|value| Ok(channel(value.value())?.channel))
                .transpose()
        })
    }

    async fn levels(&self) -> Result<Vec<(ChannelId, Levels)>, StoreError> {
        self.scan(|txn| {
            let table = txn.open_table(tables::LEVELS)?;
            let mut all = Vec::new();
            for entry in table.iter()? {
                let (id, row) = entry?;
                let id = keys::channel(id.value())?;
                match LevelsRow::decode(row.value()) {
                    Ok(row) => all.push((id, row.into_levels().0)),
                    // The others are there all the same.
                    Err(error) => {
                        tracing::error!(%error, channel_id = %id, "levels are passed over");
                    }
                }
            }
            Ok(all)
        })
        .await
    }

    async fn levels_of(&self, id: ChannelId) -> Result<Option<Levels>, StoreError> {
        self.read(|txn| {
            let table = txn.open_table(tables::LEVELS)?;
            let row = table.get(id.as_bytes().as_slice())?;
            let row = row.map(|row| LevelsRow::decode(row.value())).transpose()?;
            Ok(row.map(|row| row.into_levels().0))
        })
    }

    async fn messages(&self, query: MessageQuery) -> Result<Option<RenderedPage>, StoreError> {
        let version = self.shared.memory().version(query.channel);
        if let Some(page) = self.newest.get(&query, version).await {
            return Ok(Some(page));
        }
        let page = self.read_with_met(|txn, met| pages::messages(txn, met, &query))?;
        if let Some(page) = &page {
            self.newest.hold(&query, version, page).await;
        }
        Ok(page)
    }

    async fn message(&self, id: MessageId) -> Result<Option<Message>, StoreError> {
        self.read_with_met(|txn, met| {
            let Some(key) = message_key(txn, met, id)? else {
                return Ok(None);
            };
            // A cleared index remembers where a message was until it is there again.
            let row = txn.open_table(tables::MESSAGES)?.get(key.as_slice())?;
            row.map(|row| message_row::read(&key, row.value()))
                .transpose()
        })
    }

    async fn edited(&self, edit: &EventId) -> Result<Option<Message>, StoreError> {
        let of = self.read_with_met(|txn, met| {
            let Some(location) = met.location(txn, &keys::event(edit))? else {
                return Ok(None);
            };
            Ok(match Location::parse(&location)?.place {
                Place::Edit { of, .. } => Some(EventId::trusted(of)),
                Place::Other | Place::Message(_) | Place::Reaction { .. } => None,
            })
        })?;
        match of {
            Some(of) => self.message(MessageId::of(&of)).await,
            None => Ok(None),
        }
    }

    async fn watermark(&self, channel: ChannelId) -> Result<Option<EventId>, StoreError> {
        self.read(|txn| {
            let marks = txn.open_table(tables::WATERMARKS)?;
            let mark = marks.get(channel.as_bytes().as_slice())?;
            Ok(mark.map(|mark| EventId::trusted(mark.value())))
        })
    }

    async fn set_watermark(&self, channel: ChannelId, event: &EventId) -> Result<(), StoreError> {
        let event = event.clone();
        self.writer
            .run(move |work| {
                let mut marks = work.txn.open_table(tables::WATERMARKS)?;
                marks.insert(channel.as_bytes().as_slice(), event.as_str())?;
                Ok(())
            })
            .await
    }

    async fn members(&self, query: MemberQuery) -> Result<Page<Member>, StoreError> {
        self.read(|txn| pages::members(txn, &query))
    }

    async fn count_members(
        &self,
        channel: ChannelId,
        membership: Membership,
    ) -> Result<u64, StoreError> {
        self.read(|txn| pages::count_members(txn, channel, membership))
    }

    async fn member(
        &self,
        channel: ChannelId,
        user: &UserId,
    ) -> Result<Option<Member>, StoreError> {
        self.read(|txn| {
            let members = txn.open_table(tables::MEMBERS)?;
            stored_member(&members, channel, user)
        })
    }

    async fn memberships(&self, user: &UserId) -> Result<Vec<(ChannelId, Membership)>, StoreError> {
        self.read(|txn| {
            let memberships = txn.open_table(tables::MEMBERSHIPS)?;
            let range = keys::Range::of(&keys::memberships(user));
            memberships
                .range::<&[u8]>(range.bounds())?
                .map(|entry| {
                    let (key, joined) = entry?;
                    let membership = match joined.value() {
                        0 => Membership::Invited,
                        _ => Membership::Joined,
                    };
                    Ok((keys::membership_channel(key.value())?, membership))
                })
                .collect()
        })
    }

    async fn counts(&self) -> Result<(u64, u64), StoreError> {
        self.read(|txn| {
            let messages = txn.open_table(tables::MESSAGES)?.len()?;
            Ok((messages, txn.open_table(tables::CHANNELS)?.len()?))
        })
    }
}

/// A table of the index whose values are bytes.
type Rows = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// Reads a channel's row.
pub fn channel(row: &[u8]) -> Result<TimedChannel, StoreError> {
    ChannelRow::decode(row)?.try_into()
}

/// Where a message is, by its id.
pub fn message_key(
    txn: &ReadTransaction,
    met: &Met,
    id: MessageId,
) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(location) = met.location(txn, id.as_bytes())? else {
        return Ok(None);
    };
    let location = Location::parse(&location)?;
    Ok(location.message().map(<[u8]>::to_vec))
}

/// A member, whether it is there or gone.
pub fn stored_member(
    members: &impl ReadableTable<&'static [u8], &'static [u8]>,
    channel: ChannelId,
    user: &UserId,
) -> Result<Option<Member>, StoreError> {
    for class in [keys::PRESENT, keys::GONE, keys::WAITING] {
        if let Some(value) = members.get(keys::member(channel, class, user).as_slice())? {
            return Ok(Some(MemberRecord::decode(value.value())?.try_into()?));
        }
    }
    Ok(None)
}

fn set_rebuilding(work: &mut Work<'_>, since: Option<Millis>) -> Result<(), StoreError> {
    let mut numbers = work.txn.open_table(tables::META)?;
    numbers.insert(meta::REBUILDING, u64::from(since.is_some()))?;
    match since {
        Some(since) => numbers.insert(meta::REBUILDING_SINCE, since)?,
        None => numbers.remove(meta::REBUILDING_SINCE)?,
    };
    work.must_be_durable();
    Ok(())
}

/// Drops all rows. What is known of the journal's events stays unless it is to be forgotten:
/// then everything that has been appended so far counts as never seen.
fn clear(work: &mut Work<'_>, to: ClearTo) -> Result<(), StoreError> {
    let txn = work.txn;
    if to == ClearTo::JournalStart && journal::first(txn, work.staged.head)? > 1 {
        return Err(StoreError::Trimmed);
    }
    for table in [
        tables::MESSAGES,
        tables::CHANNELS,
        tables::MEMBERS,
        tables::ORPHANS,
        tables::LEVELS,
    ] {
        empty(txn, table)?;
    }
    for table in [tables::CHANNEL_ROOMS, tables::CHANNEL_ALIASES] {
        txn.delete_table(table)?;
        txn.open_table(table)?;
    }
    for table in [tables::ACTIVITY, tables::MEMBERSHIPS] {
        txn.delete_table(table)?;
        txn.open_table(table)?;
    }
    apply::clear_reception(txn)?;
    work.staged.cleared = true;
    work.staged.keeps.clear();
    match to {
        ClearTo::JournalStart => {
            met::write_all(work)?;
            work.staged.position = 0;
        }
        ClearTo::JournalEnd { since } => {
            empty(txn, tables::KNOWN)?;
            txn.delete_table(tables::WATERMARKS)?;
            txn.open_table(tables::WATERMARKS)?;
            txn.delete_table(tables::SURVEYS)?;
            txn.open_table(tables::SURVEYS)?;
            met::forget_all(work);
            work.staged.forgotten = true;
            work.staged.pending.clear();
            work.staged.indexed.clear();
            work.staged.position = work.staged.head;
            work.staged.known_through = work.staged.head;
            set_rebuilding(work, Some(since))?;
        }
    }
    apply::store_positions(work)?;
    work.must_be_durable();
    Ok(())
}

fn empty(txn: &WriteTransaction, table: Rows) -> Result<(), StoreError> {
    txn.delete_table(table)?;
    txn.open_table(table)?;
    Ok(())
}
