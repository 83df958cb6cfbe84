//! Pages of messages and of members: each one range of one table.

use bytes::Bytes;
use redb::ReadTransaction;

use super::index::message_key;
use super::keys::MessageKey;
use super::met::Met;
use super::records::member::MemberRecord;
use super::records::{Record, message_row};
use super::{keys, tables};
use crate::domain::id::{ChannelId, MessageId};
use crate::domain::member::{Member, Membership};
use crate::domain::page::{Order, Page};
use crate::store::StoreError;
use crate::store::index::{MemberQuery, MessageQuery, RenderedPage};
use crate::store::receptions::ThreadQuery;

/// A page of messages, copied out of their rows.
pub fn messages(
    txn: &ReadTransaction,
    met: &Met,
    query: &MessageQuery,
) -> Result<Option<RenderedPage>, StoreError> {
    let mut range = keys::Range::of(query.channel.as_bytes());
    if let Some(after) = query.after {
        let key = message_key(txn, met, after)?;
        let Some(key) = key.filter(|key| key.starts_with(query.channel.as_bytes())) else {
            return Ok(None);
        };
        range.begin_behind(key, query.order);
    }
    if let Some(at) = query.at {
        range.begin_at(
            keys::message_time(query.channel, at, query.order),
            query.order,
        );
    }
    let table = txn.open_table(tables::MESSAGES)?;
    let mut entries = table.range::<&[u8]>(range.bounds())?;
    let mut next_entry = || match query.order {
        Order::Ascending => entries.next().transpose(),
        Order::Descending => entries.next_back().transpose(),
    };
    let mut page = Rendering::of(query.limit);
    let mut last = None;
    while page.count < query.limit {
        let Some((key, row)) = next_entry()? else {
            break;
        };
        page.add(key.value(), row.value())?;
        last = Some(key);
    }
    let next = match last {
        Some(last) if page.count == query.limit && next_entry()?.is_some() => {
            Some(MessageKey::parse(last.value())?.id())
        }
        _ => None,
    };
    Ok(Some(page.end(next)))
}

/// A page of the messages of a thread, copied out of their rows.
pub fn thread_messages(
    txn: &ReadTransaction,
    met: &Met,
    query: &ThreadQuery,
) -> Result<Option<RenderedPage>, StoreError> {
    let (channel, root) = (query.channel, query.root);
    let mut range = keys::Range::of(&keys::within(channel, root));
    if let Some(after) = query.after {
        let key = message_key(txn, met, after)?;
        let key = key.filter(|key| key.starts_with(channel.as_bytes()));
        let Some(key) = key.and_then(|key| keys::in_thread(&key, root)) else {
            return Ok(None);
        };
        range.begin_behind(key, query.order);
    }
    let (thread, messages) = (
        txn.open_table(tables::THREAD_MESSAGES)?,
        txn.open_table(tables::MESSAGES)?,
    );
    let mut entries = thread.range::<&[u8]>(range.bounds())?;
    let mut next_entry = || match query.order {
        Order::Ascending => entries.next().transpose(),
        Order::Descending => entries.next_back().transpose(),
    };
    let mut page = Rendering::of(query.limit);
    let mut last = None;
    while page.count < query.limit {
        let Some((key, _)) = next_entry()? else {
            break;
        };
        let key = keys::message_of_thread(key.value());
        if let Some(row) = messages.get(key.as_slice())? {
            page.add(&key, row.value())?;
        }
        last = Some(key);
    }
    let next = match last {
        Some(last) if page.count == query.limit && next_entry()?.is_some() => {
            Some(MessageKey::parse(&last)?.id())
        }
        _ => None,
    };
    Ok(Some(page.end(next)))
}

/// A page that is being made.
struct Rendering {
    json: Vec<u8>,
    count: usize,
    limit: usize,
}

impl Rendering {
    fn of(limit: usize) -> Self {
        Self {
            json: Vec::new(),
            count: 0,
            limit,
        }
    }

    /// Adds the message of a row.
    fn add(&mut self, key: &[u8], row: &[u8]) -> Result<(), StoreError> {
        if self.count > 0 {
            self.json.push(b',');
        }
        message_row::write_json(key, row, &mut self.json)?;
        if self.count == 0 {
            // Messages of a page are about as long as each other.
            self.json
                .reserve((self.json.len() + 64) * self.limit.min(64));
        }
        self.count += 1;
        Ok(())
    }

    fn end(mut self, next: Option<MessageId>) -> RenderedPage {
        self.json.shrink_to_fit();
        RenderedPage {
            json: Bytes::from(self.json),
            count: self.count,
            next,
        }
    }
}

/// A page of members by user id.
pub fn members(txn: &ReadTransaction, query: &MemberQuery) -> Result<Page<Member>, StoreError> {
    let class = query.membership.map_or(keys::PRESENT, keys::member_class);
    let mut range = keys::Range::of(&keys::members(query.channel, class));
    if let Some(after) = &query.after {
        range.begin_behind(keys::member(query.channel, class, after), Order::Ascending);
    }
    let table = txn.open_table(tables::MEMBERS)?;
    let mut items: Vec<Member> = Vec::new();
    for entry in table.range::<&[u8]>(range.bounds())? {
        let member = Member::try_from(MemberRecord::decode(entry?.1.value())?)?;
        if !is_wanted(query.membership, &member) {
            continue;
        }
        if items.len() == query.limit {
            let next = items.last().map(|last| last.user.as_str().to_owned());
            return Ok(Page { items, next });
        }
        items.push(member);
    }
    Ok(Page { items, next: None })
}

/// How many members of a channel have a membership.
pub fn count_members(
    txn: &ReadTransaction,
    channel: ChannelId,
    membership: Membership,
) -> Result<u64, StoreError> {
    let range = keys::Range::of(&keys::members(channel, keys::member_class(membership)));
    let table = txn.open_table(tables::MEMBERS)?;
    let mut count = 0;
    for entry in table.range::<&[u8]>(range.bounds())? {
        let member = Member::try_from(MemberRecord::decode(entry?.1.value())?)?;
        count += u64::from(member.membership == membership);
    }
    Ok(count)
}

fn is_wanted(membership: Option<Membership>, member: &Member) -> bool {
    membership.is_none_or(|wanted| wanted == member.membership)
}
