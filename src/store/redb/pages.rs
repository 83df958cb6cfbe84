//! Pages of messages and of members: each one range of one table.

use bytes::Bytes;
use redb::ReadTransaction;

use super::index::message_key;
use super::records::member::MemberRecord;
use super::records::{Record, message};
use super::{keys, tables};
use crate::domain::id::{ChannelId, MessageId};
use crate::domain::member::{Member, Membership};
use crate::domain::page::{Order, Page};
use crate::store::StoreError;
use crate::store::index::{MemberQuery, MessageQuery, RenderedPage};

/// A page of messages, copied out of their rows.
pub fn messages(
    txn: &ReadTransaction,
    query: &MessageQuery,
) -> Result<Option<RenderedPage>, StoreError> {
    let mut range = keys::Range::of(query.channel.as_bytes());
    if let Some(after) = query.after {
        let key = message_key(txn, after)?;
        let Some(key) = key.filter(|key| key.starts_with(query.channel.as_bytes())) else {
            return Ok(None);
        };
        range.begin_behind(key, query.order);
    }
    let table = txn.open_table(tables::MESSAGES)?;
    let mut entries = table.range::<&[u8]>(range.bounds())?;
    let mut next_entry = || match query.order {
        Order::Ascending => entries.next().transpose(),
        Order::Descending => entries.next_back().transpose(),
    };
    let (mut json, mut count) = (Vec::new(), 0);
    let mut last = None;
    while count < query.limit {
        let Some((key, row)) = next_entry()? else {
            break;
        };
        let row = row.value();
        let item = message::json(row)?;
        if count == 0 {
            // Rows of a page are about as long as each other.
            json.reserve((item.len() + 64) * query.limit.min(64));
        } else {
            json.push(b',');
        }
        json.extend_from_slice(item);
        count += 1;
        last = Some(key);
    }
    let next = match last {
        Some(last) if count == query.limit && next_entry()?.is_some() => {
            Some(MessageId::of(&keys::message_event(last.value())?))
        }
        _ => None,
    };
    json.shrink_to_fit();
    let json = Bytes::from(json);
    Ok(Some(RenderedPage { json, count, next }))
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
