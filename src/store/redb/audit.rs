//! The audit log by number, each record with its hash; by channel beside it.

use async_trait::async_trait;
use redb::{ReadableTable, WriteTransaction};

use super::Redb;
use super::keys;
use super::records::Record;
use super::records::origin::OriginRecord;
use super::subscriptions;
use super::tables;
use super::writer::Work;
use crate::domain::audit::{self, AuditFilter, Deed, Kept, Link, Origin};
use crate::domain::id::{ChannelId, Millis, Seq};
use crate::store::audit::{AuditPage, Known, READER, Read, Things, hash};
use crate::store::{Audit, StoreError};

/// How many records one page looks at.
const LOOKED_AT: usize = 5_000;
/// The version of a value: hash in digits, record.
const VERSION: u8 = 1;
const HASH: usize = 64;

/// The names of the ends.
const ANCHOR: &str = "anchor";
const HEAD: &str = "head";

#[async_trait]
impl Audit for Redb {
    async fn add(&self, deeds: Vec<Deed>, now: Millis) -> Result<Seq, StoreError> {
        self.writer.run(move |work| add(work, &deeds, now)).await
    }

    async fn add_read(&self, read: Read, now: Millis) -> Result<(), StoreError> {
        let adding = self.writer.run(move |work| add_read(work, &read, now));
        adding.await
    }

    async fn seen(&self, name: &str) -> Result<Option<Known>, StoreError> {
        Redb::read(self, |txn| {
            let table = txn.open_table(tables::AUDIT_SEEN)?;
            let value = table.get(name)?;
            value.map(|value| known(value.value())).transpose()
        })
    }

    async fn know(&self, things: Things, afresh: bool) -> Result<(), StoreError> {
        let noting = self.writer.run(move |work| {
            if afresh {
                work.txn.delete_table(tables::AUDIT_SEEN)?;
            }
            note(work.txn, &things)
        });
        noting.await
    }

    async fn origin(&self, seq: Seq) -> Result<Option<Origin>, StoreError> {
        Redb::read(self, |txn| {
            let table = txn.open_table(tables::ORIGINS)?;
            let value = table.get(seq)?;
            let record = value.map(|value| OriginRecord::decode(value.value()));
            Ok(record.transpose()?.map(Into::into))
        })
    }

    async fn list(
        &self,
        filter: AuditFilter,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<AuditPage, StoreError> {
        let listing = self.scan(move |txn| {
            let table = txn.open_table(tables::AUDIT)?;
            let end = before.unwrap_or(Seq::MAX);
            match filter.channel {
                None => {
                    let all = table.range(..end)?.rev();
                    let all = all.map(|entry| {
                        let (seq, value) = entry?;
                        Ok((seq.value(), Some(value.value().to_vec())))
                    });
                    page(all, &filter, limit)
                }
                Some(channel) => {
                    let index = txn.open_table(tables::AUDIT_CHANNELS)?;
                    let from = keys::audited(channel, 0);
                    let to = keys::audited(channel, end);
                    let of = index.range(from.as_slice()..to.as_slice())?.rev();
                    let of = of.map(|entry| {
                        let seq = keys::audited_seq(entry?.0.value())?;
                        let value = table.get(seq)?.map(|value| value.value().to_vec());
                        Ok((seq, value))
                    });
                    page(of, &filter, limit)
                }
            }
        });
        listing.await
    }

    async fn read(&self, after: Seq, limit: usize) -> Result<Vec<Kept>, StoreError> {
        let reading = self.scan(move |txn| {
            let table = txn.open_table(tables::AUDIT)?;
            let range = table.range(after.saturating_add(1)..)?.take(limit);
            range
                .map(|entry| {
                    let (seq, value) = entry?;
                    Ok(kept(seq.value(), value.value()))
                })
                .collect()
        });
        reading.await
    }

    async fn ends(&self) -> Result<(Link, Link), StoreError> {
        Redb::read(self, |txn| {
            let table = txn.open_table(tables::AUDIT_ENDS)?;
            let end = |name: &str| -> Result<Option<Link>, StoreError> {
                table.get(name)?.map(|it| end(it.value())).transpose()
            };
            let anchor = end(ANCHOR)?.unwrap_or_else(Link::origin);
            let head = end(HEAD)?.unwrap_or_else(|| anchor.clone());
            Ok((anchor, head))
        })
    }

    async fn trim(&self, before: Millis, limit: usize, now: Millis) -> Result<u64, StoreError> {
        let trimming = self.writer.run(move |work| trim(work, before, limit, now));
        trimming.await
    }
}

/// What fits, until the page is full or enough was looked at.
fn page(
    records: impl Iterator<Item = Result<(Seq, Option<Vec<u8>>), StoreError>>,
    filter: &AuditFilter,
    limit: usize,
) -> Result<AuditPage, StoreError> {
    let mut page = AuditPage::default();
    for (looked_at, entry) in records.enumerate() {
        let (seq, value) = entry?;
        if page.items.len() == limit || looked_at == LOOKED_AT {
            page.next = Some(seq + 1);
            break;
        }
        let Some(value) = value else {
            continue;
        };
        let record = kept(seq, &value);
        let fields = record.fields();
        let at = audit::at(&fields);
        // Their times never go back; of what was altered nothing is known.
        if filter.since.is_some_and(|since| at < since) && at > 0 {
            break;
        }
        if filter.admits(&fields) {
            page.items.push(record);
        }
    }
    Ok(page)
}

/// What cannot be read is shown as it is: whoever verifies the chain will say so.
fn kept(seq: Seq, value: &[u8]) -> Kept {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let rest = value.strip_prefix(&[VERSION]).unwrap_or_default();
    let (hash, json) = rest.split_at_checked(HASH).unwrap_or_default();
    Kept {
        seq,
        hash: text(hash),
        json: text(json),
    }
}

fn end(value: &[u8]) -> Result<Link, StoreError> {
    let damaged = || StoreError::Damaged("an end of the audit log".to_owned());
    let (seq, hash) = value.split_first_chunk().ok_or_else(damaged)?;
    Ok(Link {
        seq: Seq::from_be_bytes(*seq),
        hash: String::from_utf8(hash.to_vec()).map_err(|_| damaged())?,
    })
}

fn set_end(txn: &WriteTransaction, name: &str, link: &Link) -> Result<(), StoreError> {
    let value = [link.seq.to_be_bytes().as_slice(), link.hash.as_bytes()].concat();
    txn.open_table(tables::AUDIT_ENDS)?
        .insert(name, value.as_slice())?;
    Ok(())
}

/// The last record, and when it was made.
fn head(txn: &WriteTransaction) -> Result<(Link, Millis), StoreError> {
    let ends = txn.open_table(tables::AUDIT_ENDS)?;
    let table = txn.open_table(tables::AUDIT)?;
    let Some(link) = ends.get(HEAD)?.map(|it| end(it.value())).transpose()? else {
        // A second chain would be written over the first.
        return match table.first()?.is_none() && ends.get(ANCHOR)?.is_none() {
            true => Ok((Link::origin(), 0)),
            false => Err(StoreError::Damaged(
                "the audit log does not say where it ends".to_owned(),
            )),
        };
    };
    let last = table.get(link.seq)?;
    let at = last.map_or(0, |value| kept(link.seq, value.value()).at());
    Ok((link, at))
}

/// Adds records, or nothing when it fails.
fn add(work: &mut Work<'_>, deeds: &[Deed], now: Millis) -> Result<Seq, StoreError> {
    let (mut link, mut at) = head(work.txn)?;
    if deeds.is_empty() {
        return Ok(link.seq);
    }
    let mut table = work.txn.open_table(tables::AUDIT)?;
    if let Some((behind, _)) = table.range(link.seq + 1..)?.next().transpose()? {
        let message = format!("record {} stands behind the end", behind.value());
        return Err(StoreError::Damaged(message));
    }
    let mut channels = work.txn.open_table(tables::AUDIT_CHANNELS)?;
    for deed in deeds {
        at = at.max(now);
        let seq = link.seq + 1;
        let json = deed.record(seq, at, &link.hash);
        let hash = hash(&json);
        let value = [[VERSION].as_slice(), hash.as_bytes(), json.as_bytes()].concat();
        table.insert(seq, value.as_slice())?;
        if let Some(channel) = deed.channel {
            channels.insert(keys::audited(channel, seq).as_slice(), ())?;
        }
        link = Link { seq, hash };
    }
    set_end(work.txn, HEAD, &link)?;
    work.must_be_durable();
    Ok(link.seq)
}

/// Adds records beside what else is written. Where the end of the chain is damaged there is none to add
/// them to: that is said aloud and holds up nothing else, and whoever verifies the chain is told where
/// it broke.
pub fn add_or_say(work: &mut Work<'_>, deeds: &[Deed], now: Millis) -> Result<(), StoreError> {
    match add(work, deeds, now) {
        Err(error @ StoreError::Damaged(_)) => {
            let actions: Vec<_> = deeds.iter().map(|deed| deed.action).collect();
            tracing::error!(%error, ?actions, "what was done is not in the audit log");
            Ok(())
        }
        added => added.map(drop),
    }
}

fn add_read(work: &mut Work<'_>, read: &Read, now: Millis) -> Result<(), StoreError> {
    if !read.deeds.is_empty() {
        add_or_say(work, &read.deeds, now)?;
    }
    note(work.txn, &read.now)?;
    let mut origins = work.txn.open_table(tables::ORIGINS)?;
    origins.retain_in(..=read.position, |_, _| false)?;
    drop(origins);
    if let Some(reader) = &read.begins {
        subscriptions::put(work, reader.clone())?;
    }
    subscriptions::advance(work, READER, read.position)?;
    Ok(())
}

fn note(txn: &WriteTransaction, things: &Things) -> Result<(), StoreError> {
    let mut seen = txn.open_table(tables::AUDIT_SEEN)?;
    for (name, Known { value, at }) in things {
        let value = match value {
            Some(value) => format!("{at} ={value}"),
            None => format!("{at} -"),
        };
        seen.insert(name.as_str(), value.as_str())?;
    }
    Ok(())
}

fn known(text: &str) -> Result<Known, StoreError> {
    let damaged = || StoreError::Damaged("what the audit log has seen of something".to_owned());
    let (at, value) = text.split_once(' ').ok_or_else(damaged)?;
    Ok(Known {
        at: at.parse().map_err(|_| damaged())?,
        value: value.strip_prefix('=').map(str::to_owned),
    })
}

fn trim(work: &mut Work<'_>, before: Millis, limit: usize, now: Millis) -> Result<u64, StoreError> {
    let (last, _) = head(work.txn)?;
    let mut table = work.txn.open_table(tables::AUDIT)?;
    let mut old: Vec<(Kept, Option<ChannelId>)> = Vec::new();
    for entry in table.range(..last.seq)?.take(limit) {
        let (seq, value) = entry?;
        let record = kept(seq.value(), value.value());
        let fields = record.fields();
        if audit::at(&fields) >= before {
            break;
        }
        let channel = fields.get("channel_id").and_then(serde_json::Value::as_str);
        let channel = channel.and_then(ChannelId::parse);
        old.push((record, channel));
    }
    let Some((newest, _)) = old.last() else {
        return Ok(0);
    };
    let anchor = Link {
        seq: newest.seq,
        hash: newest.hash.clone(),
    };
    let mut channels = work.txn.open_table(tables::AUDIT_CHANNELS)?;
    for (record, channel) in &old {
        table.remove(record.seq)?;
        if let Some(channel) = channel {
            channels.remove(keys::audited(*channel, record.seq).as_slice())?;
        }
    }
    drop((table, channels));
    set_end(work.txn, ANCHOR, &anchor)?;
    let dropped = old.len() as u64;
    add(work, &[audit::trimmed(dropped, &anchor, now)], now)?;
    Ok(dropped)
}
