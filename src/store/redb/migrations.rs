//! The format of the file, as a list of steps that is only ever added to.
//!
//! Format N is what the first N steps have made. Each step is one durable transaction
//! together with the new number, so that a migration which is cut off goes on where it was.
//! For each format a file is kept in `tests/fixtures` and opened by a test.

use redb::{Database, ReadableDatabase, TableError, WriteTransaction};

use super::keys;
use super::records::Record;
use super::records::signing_key::SigningKeyRecord;
use super::tables::{self, meta};
use crate::clock::Clock;
use crate::store::StoreError;
use crate::store::sessions::SigningKey;

type Step = fn(&WriteTransaction) -> Result<(), StoreError>;

const STEPS: &[Step] = &[
    create_tables,
    create_sign_in_tables,
    create_gateway_tables,
    create_idempotency_table,
    create_identity_tables,
    create_reception_tables,
    create_access_tables,
    create_channel_tables,
    create_record_tables,
    write_dense_records,
];

/// The newest format that this version knows.
pub const KNOWN: u64 = STEPS.len() as u64;

/// Brings a database to the newest format; refuses one of a newer daarion.
pub fn run(database: &Database, path: &str) -> Result<(), StoreError> {
    let found = format(database)?;
    if found > KNOWN {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found,
            known: KNOWN,
        });
    }
    for (before, step) in (0u64..).zip(STEPS) {
        if before < found {
            continue;
        }
        let mut txn = database.begin_write()?;
        step(&txn)?;
        txn.open_table(tables::META)?
            .insert(meta::FORMAT, before + 1)?;
        // Opens at once after a kill, too.
        txn.set_quick_repair(true);
        txn.commit()?;
    }
    if (1..KNOWN).contains(&found) {
        tracing::info!(from = found, to = KNOWN, "the store has a new format");
    }
    Ok(())
}

/// The format of a database; 0 for an empty one.
fn format(database: &Database) -> Result<u64, StoreError> {
    let txn = database.begin_read()?;
    let numbers = match txn.open_table(tables::META) {
        Ok(numbers) => numbers,
        Err(TableError::TableDoesNotExist(_)) if txn.list_tables()?.next().is_none() => {
            return Ok(0);
        }
        Err(error) => return Err(error.into()),
    };
    let format = numbers.get(meta::FORMAT)?.map(|value| value.value());
    format.ok_or_else(|| StoreError::Damaged("the file has no format number".to_owned()))
}

/// Format 1: every table, so that no reader has to expect that one is missing.
fn create_tables(txn: &WriteTransaction) -> Result<(), StoreError> {
    let (id, _) = Clock::system().uuid().as_u64_pair();
    txn.open_table(tables::META)?.insert(meta::JOURNAL_ID, id)?;
    txn.open_table(tables::JOURNAL)?;
    txn.open_table(tables::TRANSACTIONS)?;
    txn.open_table(tables::SKIPPED)?;
    txn.open_table(tables::KNOWN)?;
    txn.open_table(tables::MESSAGES)?;
    txn.open_table(tables::CHANNELS)?;
    txn.open_table(tables::CHANNEL_ROOMS)?;
    txn.open_table(tables::CHANNEL_ALIASES)?;
    txn.open_table(tables::ACTIVITY)?;
    txn.open_table(tables::MEMBERS)?;
    txn.open_table(tables::MEMBERSHIPS)?;
    txn.open_table(tables::ORPHANS)?;
    txn.open_table(tables::WATERMARKS)?;
    txn.open_table(tables::AGENTS)?;
    txn.open_table(tables::AGENT_USERS)?;
    txn.open_table(tables::CREATIONS)?;
    txn.open_table(tables::SUBSCRIPTIONS)?;
    Ok(())
}

/// Format 2: operators, sessions and their keys.
fn create_sign_in_tables(txn: &WriteTransaction) -> Result<(), StoreError> {
    txn.open_table(tables::OPERATORS)?;
    txn.open_table(tables::SESSIONS)?;
    txn.open_table(tables::SESSION_HOLDERS)?;
    txn.open_table(tables::KEYS)?;
    Ok(())
}

/// Format 3: webhooks, and the tokens of services.
fn create_gateway_tables(txn: &WriteTransaction) -> Result<(), StoreError> {
    txn.open_table(tables::WEBHOOKS)?;
    txn.open_table(tables::PENDING)?;
    txn.open_table(tables::ATTEMPTS)?;
    txn.open_table(tables::DEAD_LETTERS)?;
    txn.open_table(tables::SERVICE_TOKENS)?;
    Ok(())
}

/// Format 4: requests that their callers have named.
fn create_idempotency_table(txn: &WriteTransaction) -> Result<(), StoreError> {
    txn.open_table(tables::IDEMPOTENCY)?;
    Ok(())
}

/// Format 5: API keys, and signing keys of which there may be several. Those that there are move,
/// so that nothing is left of them when they have been replaced.
fn create_identity_tables(txn: &WriteTransaction) -> Result<(), StoreError> {
    txn.open_table(tables::API_KEYS)?;
    let mut single = txn.open_table(tables::KEYS)?;
    let mut several = txn.open_table(tables::SIGNING_KEYS)?;
    for of in ["access", "refresh"] {
        let Some(held) = single.remove(of)? else {
            continue;
        };
        let length = held.value().len();
        let secret = held
            .value()
            .try_into()
            .map_err(|_| StoreError::Damaged(format!("key {of} of {length} bytes")))?;
        let key = SigningKey {
            secret,
            made_at: 0,
            retired_at: None,
        };
        let record = SigningKeyRecord::from(&key).encode();
        several.insert(keys::signing_key(of, 1).as_slice(), record.as_slice())?;
    }
    Ok(())
}

/// Format 6: what comes of messages. Reactions were told of and not indexed, and what answers in a
/// thread was not counted: the index reads again what the journal still has of them, over what is
/// there, which stays as it is.
fn create_reception_tables(txn: &WriteTransaction) -> Result<(), StoreError> {
    txn.open_table(tables::REACTIONS)?;
    txn.open_table(tables::REACTION_COUNTS)?;
    txn.open_table(tables::THREADS)?;
    txn.open_table(tables::THREAD_ACTIVITY)?;
    txn.open_table(tables::THREAD_MESSAGES)?;
    txn.open_table(tables::THREAD_PEOPLE)?;
    txn.open_table(tables::PINS)?;
    txn.open_table(tables::PINNED_AT)?;
    txn.open_table(tables::AWAITED)?;
    txn.open_table(tables::SURVEYS)?;
    txn.open_table(tables::META)?.insert(meta::POSITION, 0)?;
    Ok(())
}

/// What rooms demand, mutes and turns. Channels that were made before have no row until their rooms'
/// state is read once more, see `service::adoption`.
fn create_access_tables(txn: &WriteTransaction) -> Result<(), StoreError> {
    txn.open_table(tables::LEVELS)?;
    txn.open_table(tables::MUTES)?;
    txn.open_table(tables::TURNS)?;
    Ok(())
}

/// Microdaos and invite links. From here on a channel may move to another room, which an older
/// daarion could not follow.
fn create_channel_tables(txn: &WriteTransaction) -> Result<(), StoreError> {
    txn.open_table(tables::MICRODAOS)?;
    txn.open_table(tables::INVITE_LINKS)?;
    txn.open_table(tables::INVITE_CODES)?;
    txn.open_table(tables::INVITE_USES)?;
    Ok(())
}

/// What is kept of what was done, by keys of callers and in the audit log, and of what will be said.
fn create_record_tables(txn: &WriteTransaction) -> Result<(), StoreError> {
    txn.open_table(tables::SENDINGS)?;
    txn.open_table(tables::AUDIT)?;
    txn.open_table(tables::AUDIT_CHANNELS)?;
    txn.open_table(tables::AUDIT_ENDS)?;
    txn.open_table(tables::AUDIT_SEEN)?;
    txn.open_table(tables::ORIGINS)?;
    txn.open_table(tables::SCHEDULED)?;
    txn.open_table(tables::SCHEDULED_AUTHORS)?;
    txn.open_table(tables::SCHEDULED_TIMES)?;
    Ok(())
}

/// Format 10: events and messages take half the place. Those that there are stay as they are and are
/// read as before; an older daarion could not read the new ones.
fn write_dense_records(_: &WriteTransaction) -> Result<(), StoreError> {
    Ok(())
}
