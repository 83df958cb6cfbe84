//! What comes of messages, as its readers see it; `apply` writes it.

use std::cmp::Reverse;

use async_trait::async_trait;
use redb::{ReadTransaction, ReadableTable};

use super::index::message_key;
use super::keys::{self, Location, Place, Range};
use super::met::Met;
use super::records::message_row;
use super::{Redb, pages, tables};
use crate::domain::id::{ChannelId, EventId, MessageId, Seq, UserId};
use crate::domain::message::Message;
use crate::domain::page::Order;
use crate::domain::reception::{MOST_KEYS, Reaction, ReactionCount, Thread, ThreadSummary};
use crate::store::index::RenderedPage;
use crate::store::receptions::{ReactionQuery, ThreadQuery, ThreadsPage, ThreadsQuery};
use crate::store::{Receptions, StoreError};

/// How many keys of a message's reactions are looked at: those beyond are shown by nobody.
const KEYS_READ: usize = 1_000;
/// How many participants of a thread are looked at, and how many of them are shown.
const PEOPLE_READ: usize = 500;
const PEOPLE_SHOWN: usize = 50;

#[async_trait]
impl Receptions for Redb {
    async fn reaction(&self, event: &EventId) -> Result<Option<(MessageId, Seq)>, StoreError> {
        self.read_with_met(|txn, met| {
            let Some(location) = met.location(txn, &keys::event(event))? else {
                return Ok(None);
            };
            let Location { seq, place } = Location::parse(&location)?;
            Ok(match place {
                Place::Reaction { message, .. } => Some((message, seq)),
                Place::Other | Place::Message(_) | Place::Edit { .. } => None,
            })
        })
    }

    async fn reactions(&self, query: ReactionQuery) -> Result<Vec<Reaction>, StoreError> {
        self.read(|txn| reactions(txn, &query))
    }

    async fn reactions_of(
        &self,
        channel: ChannelId,
        message: MessageId,
        key: &str,
        by: &UserId,
    ) -> Result<Vec<EventId>, StoreError> {
        self.read(|txn| {
            let table = txn.open_table(tables::REACTIONS)?;
            let range = Range::of(&keys::reactions_of(channel, message, key, by));
            let rows = table.range::<&[u8]>(range.bounds())?;
            rows.map(|row| Ok(keys::reaction(row?.0.value())?.2))
                .collect()
        })
    }

    async fn keys_of(
        &self,
        channel: ChannelId,
        messages: &[MessageId],
        by: &UserId,
    ) -> Result<Vec<Vec<String>>, StoreError> {
        self.read(|txn| {
            let keys = messages.iter().map(|id| keys_of(txn, channel, *id, by));
            keys.collect()
        })
    }

    async fn threads(&self, query: ThreadsQuery) -> Result<ThreadsPage, StoreError> {
        self.read_with_met(|txn, met| threads(txn, met, &query))
    }

    async fn thread(
        &self,
        channel: ChannelId,
        root: MessageId,
    ) -> Result<Option<Thread>, StoreError> {
        self.read_with_met(|txn, met| thread(txn, met, channel, root))
    }

    async fn thread_messages(
        &self,
        query: ThreadQuery,
    ) -> Result<Option<RenderedPage>, StoreError> {
        self.read_with_met(|txn, met| pages::thread_messages(txn, met, &query))
    }

    async fn pins(&self, channel: ChannelId) -> Result<Vec<MessageId>, StoreError> {
        self.read(|txn| {
            let table = txn.open_table(tables::PINS)?;
            let range = Range::of(channel.as_bytes());
            let mut pins = Vec::new();
            for row in table.range::<&[u8]>(range.bounds())? {
                let (key, place) = row?;
                pins.push((place.value(), keys::within_message(key.value())?));
            }
            pins.sort_unstable();
            Ok(pins.into_iter().map(|(_, message)| message).collect())
        })
    }

    async fn survey(&self, channel: ChannelId) -> Result<u64, StoreError> {
        self.read(|txn| {
            let surveys = txn.open_table(tables::SURVEYS)?;
            let survey = surveys.get(channel.as_bytes().as_slice())?;
            Ok(survey.map_or(0, |survey| survey.value()))
        })
    }

    async fn set_survey(&self, channel: ChannelId, survey: u64) -> Result<(), StoreError> {
        self.writer
            .run(move |work| {
                let mut surveys = work.txn.open_table(tables::SURVEYS)?;
                surveys.insert(channel.as_bytes().as_slice(), survey)?;
                Ok(())
            })
            .await
    }
}

/// How many have reacted with each key to a message, as it shows them.
pub fn counts(
    table: &impl ReadableTable<&'static [u8], u64>,
    channel: ChannelId,
    message: MessageId,
) -> Result<Vec<ReactionCount>, StoreError> {
    let range = Range::of(&keys::within(channel, message));
    let mut counts = Vec::new();
    for row in table.range::<&[u8]>(range.bounds())?.take(KEYS_READ) {
        let (key, count) = row?;
        let key = String::from_utf8_lossy(keys::within_rest(key.value())).into_owned();
        let count = count.value();
        counts.push(ReactionCount { key, count });
    }
    // They stand by key already.
    counts.sort_by_key(|reaction| Reverse(reaction.count));
    counts.truncate(MOST_KEYS);
    Ok(counts)
}

/// What a thread is, at a glance.
pub fn summary(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    channel: ChannelId,
    root: MessageId,
) -> Result<Option<ThreadSummary>, StoreError> {
    let key = keys::within(channel, root);
    let value = table.get(key.as_slice())?;
    value.map(|value| read_summary(value.value())).transpose()
}

/// The bytes of such a row.
pub fn summary_bytes(summary: ThreadSummary) -> [u8; 16] {
    let (count, last_at) = (summary.count.to_be_bytes(), summary.last_at.to_be_bytes());
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&count);
    bytes[8..].copy_from_slice(&last_at);
    bytes
}

fn read_summary(bytes: &[u8]) -> Result<ThreadSummary, StoreError> {
    let parts = bytes.split_first_chunk::<8>();
    let parts = parts.and_then(|(count, last_at)| Some((count, last_at.first_chunk::<8>()?)));
    let (count, last_at) =
        parts.ok_or_else(|| StoreError::Damaged(format!("a thread: {bytes:02x?}")))?;
    Ok(ThreadSummary {
        count: u64::from_be_bytes(*count),
        last_at: u64::from_be_bytes(*last_at),
    })
}

fn reactions(txn: &ReadTransaction, query: &ReactionQuery) -> Result<Vec<Reaction>, StoreError> {
    let mut range = Range::of(&keys::within(query.channel, query.message));
    if let Some((key, by, event)) = &query.after {
        let mut after = keys::reactions_of(query.channel, query.message, key, by);
        after.extend_from_slice(event.as_str().as_bytes());
        range.begin_behind(after, Order::Ascending);
    }
    let table = txn.open_table(tables::REACTIONS)?;
    let rows = table.range::<&[u8]>(range.bounds())?.take(query.limit);
    rows.map(|row| {
        let (row, at) = row?;
        let (key, by, event) = keys::reaction(row.value())?;
        Ok(Reaction {
            key: key.to_owned(),
            by,
            at: at.value(),
            event,
        })
    })
    .collect()
}

fn keys_of(
    txn: &ReadTransaction,
    channel: ChannelId,
    message: MessageId,
    by: &UserId,
) -> Result<Vec<String>, StoreError> {
    let (counts, reactions) = (
        txn.open_table(tables::REACTION_COUNTS)?,
        txn.open_table(tables::REACTIONS)?,
    );
    let mut own = Vec::new();
    let range = Range::of(&keys::within(channel, message));
    for row in counts.range::<&[u8]>(range.bounds())?.take(KEYS_READ) {
        let (row, _) = row?;
        let key = String::from_utf8_lossy(keys::within_rest(row.value())).into_owned();
        let mine = Range::of(&keys::reactions_of(channel, message, &key, by));
        if let Some(row) = reactions.range::<&[u8]>(mine.bounds())?.next() {
            row?;
            own.push(key);
        }
    }
    Ok(own)
}

fn threads(
    txn: &ReadTransaction,
    met: &Met,
    query: &ThreadsQuery,
) -> Result<ThreadsPage, StoreError> {
    let mut range = Range::of(query.channel.as_bytes());
    if let Some((last_at, root)) = query.after {
        let key = keys::thread_activity(query.channel, last_at, root);
        range.begin_behind(key, Order::Descending);
    }
    let table = txn.open_table(tables::THREAD_ACTIVITY)?;
    let mut page = ThreadsPage::default();
    for row in table.range::<&[u8]>(range.bounds())?.rev() {
        let root = keys::thread_root(row?.0.value())?;
        let Some(thread) = thread(txn, met, query.channel, root)? else {
            continue;
        };
        if page.items.len() == query.limit {
            let last = page.items.last();
            page.next = last.map(|last| (last.summary.last_at, last.root.id));
            break;
        }
        page.items.push(thread);
    }
    Ok(page)
}

/// `None` also when its root is not there.
fn thread(
    txn: &ReadTransaction,
    met: &Met,
    channel: ChannelId,
    root: MessageId,
) -> Result<Option<Thread>, StoreError> {
    let Some(summary) = summary(&txn.open_table(tables::THREADS)?, channel, root)? else {
        return Ok(None);
    };
    let messages = txn.open_table(tables::THREAD_MESSAGES)?;
    let range = Range::of(&keys::within(channel, root));
    let Some(last) = messages.range::<&[u8]>(range.bounds())?.next_back() else {
        return Ok(None);
    };
    let last = keys::message_of_thread(last?.0.value());
    let root_key = message_key(txn, met, root)?;
    let root_key = root_key.filter(|key| key.starts_with(channel.as_bytes()));
    let (Some(root_message), Some(last)) = (
        root_key.map_or(Ok(None), |key| row(txn, &key))?,
        row(txn, &last)?,
    ) else {
        return Ok(None);
    };
    Ok(Some(Thread {
        root: root_message,
        summary,
        last,
        participants: participants(txn, channel, root)?,
    }))
}

fn row(txn: &ReadTransaction, key: &[u8]) -> Result<Option<Message>, StoreError> {
    let row = txn.open_table(tables::MESSAGES)?.get(key)?;
    row.map(|row| message_row::read(key, row.value()))
        .transpose()
}

fn participants(
    txn: &ReadTransaction,
    channel: ChannelId,
    root: MessageId,
) -> Result<Vec<UserId>, StoreError> {
    let table = txn.open_table(tables::THREAD_PEOPLE)?;
    let range = Range::of(&keys::within(channel, root));
    let mut people: Vec<(u64, UserId)> = Vec::new();
    for entry in table.range::<&[u8]>(range.bounds())?.take(PEOPLE_READ) {
        let (key, count) = entry?;
        people.push((count.value(), keys::within_user(key.value())?));
    }
    people.sort_by_key(|(count, _)| Reverse(*count));
    people.truncate(PEOPLE_SHOWN);
    Ok(people.into_iter().map(|(_, user)| user).collect())
}
