//! Sessions by the digest of their id, and by holder; the two tables change together.

use async_trait::async_trait;
use redb::ReadableTable;

use super::Redb;
use super::keys::{self, Range};
use super::records::Record;
use super::records::session::SessionRecord;
use super::tables;
use super::writer::Work;
use crate::domain::id::Millis;
use crate::domain::session::{Digest, Holder, Refresh, Session};
use crate::store::sessions::KeyUse;
use crate::store::{Sessions, StoreError};

/// How many expired sessions are dropped in one step, so that others get their turn.
const STEP: usize = 500;

#[async_trait]
impl Sessions for Redb {
    async fn start(&self, session: Session, most: usize) -> Result<(), StoreError> {
        self.writer
            .run(move |work| start(work, &session, most))
            .await
    }

    async fn session(&self, key: Digest) -> Result<Option<Session>, StoreError> {
        self.read(|txn| {
            let value = txn.open_table(tables::SESSIONS)?.get(key.0.as_slice())?;
            value.map(|value| session(key, value.value())).transpose()
        })
    }

    async fn refresh(
        &self,
        key: Digest,
        from: Digest,
        next: Refresh,
        expires_at: Millis,
    ) -> Result<bool, StoreError> {
        self.writer
            .run(move |work| refresh(work, key, from, &next, expires_at))
            .await
    }

    async fn end(&self, key: Digest) -> Result<bool, StoreError> {
        self.writer.run(move |work| end(work, key)).await
    }

    async fn end_all(&self, holder: Holder) -> Result<u64, StoreError> {
        self.writer.run(move |work| end_all(work, &holder)).await
    }

    async fn drop_expired(&self, now: Millis) -> Result<u64, StoreError> {
        let expired = self.scan(move |txn| {
            let table = txn.open_table(tables::SESSIONS)?;
            let mut expired = Vec::new();
            for entry in table.iter()? {
                let (key, value) = entry?;
                if SessionRecord::decode(value.value())?.expires_at <= now {
                    expired.push(keys::digest(key.value())?);
                }
            }
            Ok(expired)
        });
        let mut dropped = 0;
        for step in expired.await?.chunks(STEP) {
            let step = step.to_vec();
            let dropping = self.writer.run(move |work| drop_step(work, &step, now));
            dropped += dropping.await?;
        }
        Ok(dropped)
    }

    async fn key(&self, of: KeyUse, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
        self.writer.run(move |work| key(work, of, fresh)).await
    }
}

fn session(key: Digest, bytes: &[u8]) -> Result<Session, StoreError> {
    SessionRecord::decode(bytes)?.under(key)
}

fn start(work: &mut Work<'_>, session: &Session, most: usize) -> Result<(), StoreError> {
    let holder = session.holder.to_string();
    let mut held = held(work, &holder)?;
    held.sort_unstable();
    let surplus = (held.len() + 1).saturating_sub(most);
    for (_, oldest) in held.iter().take(surplus) {
        end(work, *oldest)?;
    }
    let record = SessionRecord::from(session).encode();
    let mut sessions = work.txn.open_table(tables::SESSIONS)?;
    sessions.insert(session.key.0.as_slice(), record.as_slice())?;
    let mut holders = work.txn.open_table(tables::SESSION_HOLDERS)?;
    let key = keys::held_session(&holder, session.key);
    holders.insert(key.as_slice(), session.created_at)?;
    work.must_be_durable();
    Ok(())
}

fn refresh(
    work: &mut Work<'_>,
    key: Digest,
    from: Digest,
    next: &Refresh,
    expires_at: Millis,
) -> Result<bool, StoreError> {
    let mut table = work.txn.open_table(tables::SESSIONS)?;
    let Some(mut found) = table
        .get(key.0.as_slice())?
        .map(|value| session(key, value.value()))
        .transpose()?
    else {
        return Ok(false);
    };
    if found.refresh.as_ref().map(|refresh| refresh.current) != Some(from) {
        return Ok(false);
    }
    found.refresh = Some(next.clone());
    found.expires_at = expires_at;
    table.insert(
        key.0.as_slice(),
        SessionRecord::from(&found).encode().as_slice(),
    )?;
    work.must_be_durable();
    Ok(true)
}

fn end(work: &mut Work<'_>, key: Digest) -> Result<bool, StoreError> {
    let mut sessions = work.txn.open_table(tables::SESSIONS)?;
    let Some(ended) = sessions
        .remove(key.0.as_slice())?
        .map(|value| session(key, value.value()))
        .transpose()?
    else {
        return Ok(false);
    };
    let mut holders = work.txn.open_table(tables::SESSION_HOLDERS)?;
    let held = keys::held_session(&ended.holder.to_string(), key);
    holders.remove(held.as_slice())?;
    work.must_be_durable();
    Ok(true)
}

/// Ends all sessions of a holder.
pub fn end_all(work: &mut Work<'_>, holder: &Holder) -> Result<u64, StoreError> {
    let mut ended = 0;
    for (_, key) in held(work, &holder.to_string())? {
        ended += u64::from(end(work, key)?);
    }
    Ok(ended)
}

/// The sessions of a holder, each with the time when it began.
fn held(work: &Work<'_>, holder: &str) -> Result<Vec<(Millis, Digest)>, StoreError> {
    let holders = work.txn.open_table(tables::SESSION_HOLDERS)?;
    let range = Range::of(&keys::held_sessions(holder));
    holders
        .range::<&[u8]>(range.bounds())?
        .map(|entry| {
            let (key, created_at) = entry?;
            Ok((created_at.value(), keys::held_session_digest(key.value())?))
        })
        .collect()
}

/// Drops what has not been refreshed since it was found to be expired.
fn drop_step(work: &mut Work<'_>, step: &[Digest], now: Millis) -> Result<u64, StoreError> {
    let mut dropped = 0;
    for key in step {
        let sessions = work.txn.open_table(tables::SESSIONS)?;
        let expires_at = sessions
            .get(key.0.as_slice())?
            .map(|value| SessionRecord::decode(value.value()).map(|record| record.expires_at))
            .transpose()?;
        drop(sessions);
        if expires_at.is_some_and(|expires_at| expires_at <= now) {
            dropped += u64::from(end(work, *key)?);
        }
    }
    Ok(dropped)
}

fn key(work: &mut Work<'_>, of: KeyUse, fresh: [u8; 32]) -> Result<[u8; 32], StoreError> {
    let mut table = work.txn.open_table(tables::KEYS)?;
    if let Some(held) = table.get(of.as_str())? {
        let held = held.value();
        return held.try_into().map_err(|_| {
            StoreError::Damaged(format!("key {} of {} bytes", of.as_str(), held.len()))
        });
    }
    table.insert(of.as_str(), fresh.as_slice())?;
    work.must_be_durable();
    Ok(fresh)
}
