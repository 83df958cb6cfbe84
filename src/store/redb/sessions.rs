//! Sessions by the digest of their id, and by holder; the two tables change together.

use async_trait::async_trait;
use redb::ReadableTable;

use super::Redb;
use super::audit;
use super::keys::{self, Range};
use super::records::Record;
use super::records::session::SessionRecord;
use super::signing_keys;
use super::tables;
use super::writer::Work;
use crate::domain::audit::Deed;
use crate::domain::id::Millis;
use crate::domain::session::{Digest, Holder, Refresh, Seen, Session};
use crate::store::sessions::{KeyUse, SigningKey};
use crate::store::{Sessions, StoreError};

/// How many expired sessions are dropped in one step, so that others get their turn.
const STEP: usize = 500;

#[async_trait]
impl Sessions for Redb {
    async fn start(&self, session: Session, most: usize) -> Result<Vec<Digest>, StoreError> {
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

    async fn held(&self, holder: Holder) -> Result<Vec<Session>, StoreError> {
        self.read(|txn| {
            let holders = txn.open_table(tables::SESSION_HOLDERS)?;
            let sessions = txn.open_table(tables::SESSIONS)?;
            let mut all = Vec::new();
            for (_, key) in held(&holders, &holder.to_string())? {
                let Some(value) = sessions.get(key.0.as_slice())? else {
                    continue;
                };
                match session(key, value.value()) {
                    Ok(found) => all.push(found),
                    Err(error) => tracing::error!(%error, "a session is passed over"),
                }
            }
            all.sort_by_key(|session| std::cmp::Reverse((session.created_at, session.key)));
            Ok(all)
        })
    }

    async fn holders(&self) -> Result<Vec<Holder>, StoreError> {
        self.scan(|txn| {
            let mut holders: Vec<Holder> = Vec::new();
            for entry in txn.open_table(tables::SESSION_HOLDERS)?.iter()? {
                let (key, _) = entry?;
                let holder = keys::holder_of_session(key.value()).and_then(Holder::parse);
                // Those of one holder are neighbours.
                holders.extend(holder.filter(|holder| holders.last() != Some(holder)));
            }
            Ok(holders)
        })
        .await
    }

    async fn seen(&self, seen: Vec<(Digest, Seen)>) -> Result<(), StoreError> {
        self.writer.run(move |work| note_seen(work, &seen)).await
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

    async fn end_all(
        &self,
        holder: Holder,
        but: Option<Digest>,
        deed: Deed,
    ) -> Result<Vec<Digest>, StoreError> {
        let ending = self.writer.run(move |work| {
            let ended = end_all(work, &holder, but)?;
            let of = |session: &Digest| deed.clone().target(session.handle());
            let deeds: Vec<_> = ended.iter().map(of).collect();
            if !deeds.is_empty() {
                audit::add_or_say(work, &deeds, deed.at)?;
            }
            Ok(ended)
        });
        ending.await
    }

    async fn drop_expired(&self, now: Millis) -> Result<u64, StoreError> {
        let expired = self.scan(move |txn| {
            let table = txn.open_table(tables::SESSIONS)?;
            let mut expired = Vec::new();
            for entry in table.iter()? {
                let (key, value) = entry?;
                // What cannot be read holds nothing else up.
                let session = SessionRecord::decode(value.value());
                if session.is_ok_and(|session| session.expires_at <= now) {
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

    async fn signing_keys(
        &self,
        of: KeyUse,
        fresh: SigningKey,
    ) -> Result<Vec<SigningKey>, StoreError> {
        self.writer
            .run(move |work| signing_keys::all(work, of, &fresh))
            .await
    }

    async fn rotate_signing_keys(&self, next: Vec<(KeyUse, SigningKey)>) -> Result<(), StoreError> {
        self.writer
            .run(move |work| signing_keys::rotate(work, &next))
            .await
    }

    async fn drop_signing_keys(&self, of: KeyUse, retired: Millis) -> Result<u64, StoreError> {
        self.writer
            .run(move |work| signing_keys::drop_retired(work, of, retired))
            .await
    }
}

fn session(key: Digest, bytes: &[u8]) -> Result<Session, StoreError> {
    SessionRecord::decode(bytes)?.under(key)
}

fn start(work: &mut Work<'_>, session: &Session, most: usize) -> Result<Vec<Digest>, StoreError> {
    let holder = session.holder.to_string();
    let mut held = held_now(work, &holder)?;
    held.sort_unstable();
    let surplus = (held.len() + 1).saturating_sub(most);
    let oldest: Vec<_> = held.into_iter().take(surplus).map(|(_, key)| key).collect();
    for key in &oldest {
        end(work, *key)?;
    }
    let record = SessionRecord::from(session).encode();
    let mut sessions = work.txn.open_table(tables::SESSIONS)?;
    sessions.insert(session.key.0.as_slice(), record.as_slice())?;
    let mut holders = work.txn.open_table(tables::SESSION_HOLDERS)?;
    let key = keys::held_session(&holder, session.key);
    holders.insert(key.as_slice(), session.created_at)?;
    work.must_be_durable();
    Ok(oldest)
}

fn note_seen(work: &mut Work<'_>, seen: &[(Digest, Seen)]) -> Result<(), StoreError> {
    let mut table = work.txn.open_table(tables::SESSIONS)?;
    for (key, seen) in seen {
        let key = key.0.as_slice();
        let found = table
            .get(key)?
            .map(|value| SessionRecord::decode(value.value()))
            .transpose()?;
        let Some(mut record) = found else {
            continue;
        };
        if record.see(seen) {
            table.insert(key, record.encode().as_slice())?;
        }
    }
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

/// Ends all sessions of a holder, but for one.
pub fn end_all(
    work: &mut Work<'_>,
    holder: &Holder,
    but: Option<Digest>,
) -> Result<Vec<Digest>, StoreError> {
    let mut ended = Vec::new();
    for (_, key) in held_now(work, &holder.to_string())? {
        if Some(key) != but && end(work, key)? {
            ended.push(key);
        }
    }
    Ok(ended)
}

fn held_now(work: &Work<'_>, holder: &str) -> Result<Vec<(Millis, Digest)>, StoreError> {
    held(&work.txn.open_table(tables::SESSION_HOLDERS)?, holder)
}

/// The sessions of a holder, each with the time when it began.
fn held(
    holders: &impl ReadableTable<&'static [u8], u64>,
    holder: &str,
) -> Result<Vec<(Millis, Digest)>, StoreError> {
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
