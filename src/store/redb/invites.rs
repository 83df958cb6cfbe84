//! Invite links, by channel; their codes; who has come by them.

use async_trait::async_trait;
use redb::{ReadableTable, WriteTransaction};
use uuid::Uuid;

use super::records::Record;
use super::records::invite::InviteRecord;
use super::{Redb, keys, tables};
use crate::domain::id::{ChannelId, Millis, UserId};
use crate::domain::invite::{Admission, InviteLink};
use crate::domain::session::Digest;
use crate::store::{InviteLinks, StoreError};

#[async_trait]
impl InviteLinks for Redb {
    async fn add_link(&self, link: InviteLink) -> Result<(), StoreError> {
        let key = keys::invite(link.channel, link.id);
        self.writer
            .run(move |work| {
                for over in over(work.txn, &link)? {
                    remove(work.txn, link.channel, over)?;
                }
                write(work.txn, &link)?;
                let mut codes = work.txn.open_table(tables::INVITE_CODES)?;
                codes.insert(link.digest.0.as_slice(), key.as_slice())?;
                work.must_be_durable();
                Ok(())
            })
            .await
    }

    async fn links(&self, channel: ChannelId) -> Result<Vec<InviteLink>, StoreError> {
        self.read(|txn| {
            let table = txn.open_table(tables::INVITE_LINKS)?;
            let mut all = Vec::new();
            for entry in table.range::<&[u8]>(keys::Range::of(channel.as_bytes()).bounds())? {
                match read(entry?.1.value()) {
                    Ok(link) => all.push(link),
                    Err(error) => tracing::error!(%error, "an invite link is passed over"),
                }
            }
            all.sort_by_key(|link| (link.created_at, link.id));
            Ok(all)
        })
    }

    async fn link_of(&self, code: &Digest) -> Result<Option<InviteLink>, StoreError> {
        self.read(|txn| {
            let codes = txn.open_table(tables::INVITE_CODES)?;
            let Some(key) = codes.get(code.0.as_slice())? else {
                return Ok(None);
            };
            let table = txn.open_table(tables::INVITE_LINKS)?;
            let row = table.get(key.value())?;
            row.map(|row| read(row.value())).transpose()
        })
    }

    async fn remove_link(&self, channel: ChannelId, id: Uuid) -> Result<bool, StoreError> {
        self.writer
            .run(move |work| {
                let is_removed = remove(work.txn, channel, id)?;
                if is_removed {
                    work.must_be_durable();
                }
                Ok(is_removed)
            })
            .await
    }

    async fn admit(
        &self,
        link: &InviteLink,
        user: &UserId,
        now: Millis,
    ) -> Result<Admission, StoreError> {
        let key = keys::invite(link.channel, link.id);
        let used = keys::invite_use(link.id, user);
        self.writer
            .run(move |work| {
                let Some(mut link) = stored(work.txn, &key)? else {
                    return Ok(Admission::Refused);
                };
                let mut uses = work.txn.open_table(tables::INVITE_USES)?;
                if link.is_over(now) {
                    return Ok(Admission::Refused);
                }
                if uses.get(used.as_slice())?.is_some() {
                    return Ok(Admission::Again);
                }
                if link.is_used_up() {
                    return Ok(Admission::Refused);
                }
                uses.insert(used.as_slice(), now)?;
                link.uses = link.uses.saturating_add(1);
                write(work.txn, &link)?;
                work.must_be_durable();
                Ok(Admission::Counted)
            })
            .await
    }

    async fn unadmit(&self, link: &InviteLink, user: &UserId) -> Result<(), StoreError> {
        let key = keys::invite(link.channel, link.id);
        let used = keys::invite_use(link.id, user);
        self.writer
            .run(move |work| {
                let mut uses = work.txn.open_table(tables::INVITE_USES)?;
                if uses.remove(used.as_slice())?.is_none() {
                    return Ok(());
                }
                if let Some(mut link) = stored(work.txn, &key)? {
                    link.uses = link.uses.saturating_sub(1);
                    write(work.txn, &link)?;
                }
                work.must_be_durable();
                Ok(())
            })
            .await
    }
}

/// The links of a new one's channel whose time has come. What cannot be read is left alone.
fn over(txn: &WriteTransaction, new: &InviteLink) -> Result<Vec<Uuid>, StoreError> {
    let table = txn.open_table(tables::INVITE_LINKS)?;
    let mut over = Vec::new();
    for entry in table.range::<&[u8]>(keys::Range::of(new.channel.as_bytes()).bounds())? {
        let link = read(entry?.1.value()).ok();
        over.extend(link.filter(|it| it.is_over(new.created_at)).map(|it| it.id));
    }
    Ok(over)
}

/// Removes a link, its code, and who has come by it; `false` when there is none.
fn remove(txn: &WriteTransaction, channel: ChannelId, id: Uuid) -> Result<bool, StoreError> {
    let key = keys::invite(channel, id);
    let removed = txn
        .open_table(tables::INVITE_LINKS)?
        .remove(key.as_slice())?
        .map(|row| read(row.value()))
        .transpose()?;
    let Some(link) = removed else {
        return Ok(false);
    };
    let mut codes = txn.open_table(tables::INVITE_CODES)?;
    codes.remove(link.digest.0.as_slice())?;
    let mut uses = txn.open_table(tables::INVITE_USES)?;
    uses.retain_in::<&[u8], _>(keys::Range::of(id.as_bytes()).bounds(), |_, _| false)?;
    Ok(true)
}

fn stored(txn: &WriteTransaction, key: &[u8]) -> Result<Option<InviteLink>, StoreError> {
    let table = txn.open_table(tables::INVITE_LINKS)?;
    let row = table.get(key)?;
    row.map(|row| read(row.value())).transpose()
}

fn read(row: &[u8]) -> Result<InviteLink, StoreError> {
    InviteRecord::decode(row)?.try_into()
}

fn write(txn: &WriteTransaction, link: &InviteLink) -> Result<(), StoreError> {
    let mut table = txn.open_table(tables::INVITE_LINKS)?;
    let key = keys::invite(link.channel, link.id);
    let row = InviteRecord::from(link).encode();
    table.insert(key.as_slice(), row.as_slice())?;
    Ok(())
}
