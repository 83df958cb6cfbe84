//! The journal: appends that are de-duplicated and durable, and reading after a position.
//!
//! An append writes at the end of one table and, for a transaction that its events' ids do not
//! tell, into a small ring. What is known already is found in memory or by one read in the
//! index's table; nothing is written at a random key here.

mod trim;

use async_trait::async_trait;
use redb::{ReadableTable, WriteTransaction};
use tokio::sync::watch;

use super::keys::{self, EventKey, Location};
use super::records::Record;
use super::records::event::{EventHead, EventRecord};
use super::records::origin::OriginRecord;
use super::records::skipped::SkippedRecord;
use super::tables::{self, meta};
use super::writer::Work;
use super::{Redb, apply};
use crate::domain::event::{Event, Skipped};
use crate::domain::id::{ChannelId, EventId, Millis, Seq};
use crate::store::{Append, Appended, Journal, Placed, SkippedReport, StoreError};

/// An append whose records are made, so that the writer's thread has only to store them.
struct Prepared {
    transaction: Option<String>,
    /// Whether something in it would be taken for new when the transaction comes again.
    needs_name: bool,
    events: Vec<(Option<EventKey>, Vec<u8>)>,
    skipped: Vec<Vec<u8>>,
    /// The events once more, as the index wants them; empty when it is to read them from the
    /// journal.
    for_index: Vec<apply::Prepared>,
    origin: Option<(Vec<u8>, Vec<usize>)>,
}

impl Prepared {
    fn new(append: Append, keys: Vec<Option<EventKey>>) -> Self {
        let for_index = match append.with_index {
            true => apply::prepare_messages(&append.events).unwrap_or_default(),
            false => Vec::new(),
        };
        let record = |event| EventRecord::new(event, append.arrived_at).encode();
        let records = append.events.iter().map(record);
        Self {
            needs_name: keys.contains(&None) || !append.skipped.is_empty(),
            events: keys.into_iter().zip(records).collect(),
            skipped: append
                .skipped
                .into_iter()
                .map(|skipped| SkippedRecord::from(skipped).encode())
                .collect(),
            origin: append
                .origin
                .map(|it| (OriginRecord::from(&it.origin).encode(), it.events)),
            transaction: append.transaction,
            for_index,
        }
    }
}

#[async_trait]
impl Journal for Redb {
    async fn append(&self, append: Append) -> Result<Appended, StoreError> {
        let alone = append.with_index.then(|| Append {
            with_index: false,
            ..append.clone()
        });
        match (self.append_once(append).await, alone) {
            // A damaged index does not keep the journal from taking in.
            (Err(StoreError::Damaged(reason)), Some(alone)) => {
                tracing::error!(reason, "what is appended is not indexed at once");
                self.append_once(alone).await
            }
            (appended, _) => appended,
        }
    }

    async fn read(&self, after: Seq, limit: usize) -> Result<Vec<Event>, StoreError> {
        self.read(|txn| {
            let journal = txn.open_table(tables::JOURNAL)?;
            let mut events = Vec::new();
            for entry in journal.range(after.saturating_add(1)..)? {
                if events.len() == limit {
                    break;
                }
                let (seq, value) = entry?;
                events.extend(readable(seq.value(), value.value()));
            }
            Ok(events)
        })
    }

    async fn read_channel(
        &self,
        channel: ChannelId,
        after: Seq,
        limit: usize,
    ) -> Result<(Vec<Event>, Seq), StoreError> {
        self.read(|txn| {
            let journal = txn.open_table(tables::JOURNAL)?;
            let (mut events, mut reached) = (Vec::new(), after);
            for entry in journal.range(after.saturating_add(1)..)?.take(limit) {
                let (seq, value) = entry?;
                reached = seq.value();
                // Its head alone is read of another channel's.
                if EventHead::decode(value.value()).is_ok_and(|head| head.channel != channel.0) {
                    continue;
                }
                events.extend(readable(reached, value.value()));
            }
            Ok((events, reached))
        })
    }

    fn id(&self) -> u64 {
        self.shared.memory().journal_id
    }

    fn head(&self) -> Seq {
        self.shared.memory().head
    }

    fn bell(&self) -> watch::Receiver<Seq> {
        self.shared.bell()
    }

    async fn first(&self) -> Result<Seq, StoreError> {
        self.read(|txn| oldest(&txn.open_table(tables::JOURNAL)?, self.head()))
    }

    async fn knows(&self, events: &[EventId]) -> Result<Vec<bool>, StoreError> {
        let keys: Vec<EventKey> = events.iter().map(keys::event).collect();
        // Memory first: what leaves it is in the table by then, for a later snapshot.
        let held: Vec<bool> = {
            let memory = self.shared.memory();
            let is_held = |key| memory.pending.contains_key(key) || memory.met.get(key).is_some();
            keys.iter().map(is_held).collect()
        };
        self.read(|txn| {
            let known = txn.open_table(tables::KNOWN)?;
            keys.iter()
                .zip(held)
                .map(|(key, held)| Ok(held || known.get(key.as_slice())?.is_some()))
                .collect()
        })
    }

    async fn trim(&self, before: Millis, upto: Seq) -> Result<u64, StoreError> {
        self.writer
            .run(move |work| trim::trim(work, before, upto))
            .await
    }

    async fn skipped(&self) -> Result<SkippedReport, StoreError> {
        self.read(|txn| {
            let numbers = txn.open_table(tables::META)?;
            let count = number(&numbers, meta::SKIPPED)?;
            let ring = txn.open_table(tables::SKIPPED)?;
            let slots = (count.saturating_sub(tables::SKIPPED_SLOTS)..count).rev();
            let latest = slots.map(|counter| {
                let value = ring.get(counter % tables::SKIPPED_SLOTS)?;
                let value = value.ok_or_else(|| {
                    StoreError::Damaged(format!("skipped event {counter} is missing"))
                })?;
                Ok(Skipped::from(SkippedRecord::decode(value.value())?))
            });
            Ok(SkippedReport {
                count,
                latest: latest.collect::<Result<_, StoreError>>()?,
            })
        })
    }
}

impl Redb {
    async fn append_once(&self, append: Append) -> Result<Appended, StoreError> {
        let keys: Vec<_> = append.events.iter().map(keys::of_new).collect();
        if let Some(repeated) = self.repeated(&append, &keys)? {
            return Ok(repeated);
        }
        let mut prepared = Prepared::new(append, keys);
        self.writer
            .run(move |work| store(work, &mut prepared))
            .await
    }

    /// What comes of an append that brings nothing new. Each message that we sent comes back as
    /// one, and need not wait for the writer: what is found here is durable, since memory is
    /// changed behind the commit. It is not remembered by its name: its events are known.
    fn repeated(
        &self,
        append: &Append,
        keys: &[Option<EventKey>],
    ) -> Result<Option<Appended>, StoreError> {
        let (head, held) = {
            let memory = self.shared.memory();
            if let Some(id) = &append.transaction
                && memory.has_transaction(id)
            {
                return Ok(Some(Appended::repeated(memory.head)));
            }
            let held = |key: &Option<EventKey>| match key {
                Some(key) => memory.position_of(key),
                None => Ok(None),
            };
            let held: Result<Vec<_>, StoreError> = keys.iter().map(held).collect();
            (memory.head, held?)
        };
        if keys.is_empty() || !append.skipped.is_empty() || append.origin.is_some() {
            return Ok(None);
        }
        self.read(|txn| {
            let known = txn.open_table(tables::KNOWN)?;
            let mut placed = Vec::with_capacity(keys.len());
            for (key, held) in keys.iter().zip(held) {
                let place = match (held, key) {
                    (Some(seq), _) => Some(seq),
                    (None, Some(key)) => indexed(&known, key)?,
                    (None, None) => None,
                };
                let Some(seq) = place else {
                    return Ok(None);
                };
                placed.push(Placed::Known(Some(seq)));
            }
            Ok(Some(Appended {
                repeated: false,
                placed,
                head,
                indexed: false,
            }))
        })
    }
}

/// The event of an entry; none when it is damaged, which must not hold up those behind it.
pub fn readable(seq: Seq, value: &[u8]) -> Option<Event> {
    let event = EventRecord::decode(value).and_then(|record| record.into_event(seq));
    event
        .inspect_err(|error| tracing::error!(%error, seq, "an event is passed over"))
        .ok()
}

/// The oldest position of a journal with this head.
fn oldest(journal: &impl ReadableTable<u64, &'static [u8]>, head: Seq) -> Result<Seq, StoreError> {
    let first = journal.first()?.map(|(seq, _)| seq.value());
    Ok(first.unwrap_or(head + 1))
}

/// The oldest position as a transaction sees it.
pub fn first(txn: &WriteTransaction, head: Seq) -> Result<Seq, StoreError> {
    oldest(&txn.open_table(tables::JOURNAL)?, head)
}

/// One of the numbers of [`tables::META`]; 0 when it was never set.
pub fn number(
    numbers: &impl ReadableTable<&'static str, u64>,
    name: &str,
) -> Result<u64, StoreError> {
    Ok(numbers.get(name)?.map_or(0, |value| value.value()))
}

fn store(work: &mut Work<'_>, append: &mut Prepared) -> Result<Appended, StoreError> {
    if let Some(id) = &append.transaction
        && work.memory.meets_transaction(&work.staged, id)
    {
        return Ok(Appended::repeated(work.staged.head));
    }
    let before = work.staged.head;
    let placed = place(work, &append.events)?;
    let indexed = index(work, before, &placed, &mut append.for_index)?;
    store_skipped(work, &append.skipped)?;
    // A transaction with nothing new in it would do the same again: nothing, so it need not
    // be on the disk. This is what each message that we sent comes back as.
    let is_new = placed.iter().any(|placed| matches!(placed, Placed::New(_)));
    note_origin(work, &placed, append.origin.as_ref())?;
    if is_new || !append.skipped.is_empty() || append.origin.is_some() {
        work.must_be_durable();
    }
    if let Some(id) = &append.transaction {
        let (slot, counter) = work.memory.stage_transaction(&mut work.staged, id);
        if append.needs_name {
            store_name(work, slot, id, counter)?;
        }
    }
    Ok(Appended {
        repeated: false,
        placed,
        head: work.staged.head,
        indexed,
    })
}

fn store_name(work: &Work<'_>, slot: u64, name: &str, counter: u64) -> Result<(), StoreError> {
    let mut names = work.txn.open_table(tables::TRANSACTIONS)?;
    names.insert(slot, name)?;
    let mut numbers = work.txn.open_table(tables::META)?;
    numbers.insert(meta::TRANSACTIONS, counter)?;
    Ok(())
}

/// Writes down from where events come, for whoever reads them later.
fn note_origin(
    work: &Work<'_>,
    placed: &[Placed],
    origin: Option<&(Vec<u8>, Vec<usize>)>,
) -> Result<(), StoreError> {
    let Some((origin, of)) = origin else {
        return Ok(());
    };
    let mut origins = work.txn.open_table(tables::ORIGINS)?;
    for place in of.iter().filter_map(|place| placed.get(*place)) {
        if let Placed::New(seq) | Placed::Known(Some(seq)) = place {
            origins.insert(*seq, origin.as_slice())?;
        }
    }
    Ok(())
}

/// Lets the index take over what was appended behind `before`, when all of it is new and the
/// index had come as far. Says whether it has.
fn index(
    work: &mut Work<'_>,
    before: Seq,
    placed: &[Placed],
    events: &mut [apply::Prepared],
) -> Result<bool, StoreError> {
    if events.is_empty() || work.staged.position != before {
        return Ok(false);
    }
    for (event, placed) in events.iter_mut().zip(placed) {
        let Placed::New(seq) = placed else {
            return Ok(false);
        };
        event.set_seq(*seq);
    }
    for passed_over in apply::apply(work, events)? {
        tracing::warn!(
            reason = passed_over,
            "an event could not be indexed as it is"
        );
    }
    Ok(true)
}

fn place(
    work: &mut Work<'_>,
    events: &[(Option<EventKey>, Vec<u8>)],
) -> Result<Vec<Placed>, StoreError> {
    let known = work.txn.open_table(tables::KNOWN)?;
    let mut journal = work.txn.open_table(tables::JOURNAL)?;
    let mut placed = Vec::with_capacity(events.len());
    for (key, record) in events {
        if let Some(key) = key {
            let seq = match work.memory.pending(&work.staged, key) {
                Some(seq) => Some(seq),
                None => met_at(work, &known, key)?,
            };
            if seq.is_some() {
                placed.push(Placed::Known(seq));
                continue;
            }
        }
        work.staged.head += 1;
        let seq = work.staged.head;
        journal.insert(seq, record.as_slice())?;
        if let Some(key) = key {
            work.staged.pending.insert(*key, seq);
        }
        placed.push(Placed::New(seq));
    }
    Ok(placed)
}

/// Where an event stands that the index has met.
fn met_at(
    work: &Work<'_>,
    known: &impl ReadableTable<&'static [u8], &'static [u8]>,
    key: &EventKey,
) -> Result<Option<Seq>, StoreError> {
    match work.memory.met(&work.staged, key) {
        Some(row) => Ok(Some(Location::parse(row)?.seq)),
        None => indexed(known, key),
    }
}

/// The same by the table alone.
fn indexed(
    known: &impl ReadableTable<&'static [u8], &'static [u8]>,
    key: &EventKey,
) -> Result<Option<Seq>, StoreError> {
    let location = known.get(key.as_slice())?;
    location
        .map(|location| Ok(Location::parse(location.value())?.seq))
        .transpose()
}

fn store_skipped(work: &Work<'_>, skipped: &[Vec<u8>]) -> Result<(), StoreError> {
    if skipped.is_empty() {
        return Ok(());
    }
    let mut numbers = work.txn.open_table(tables::META)?;
    let mut ring = work.txn.open_table(tables::SKIPPED)?;
    let mut count = number(&numbers, meta::SKIPPED)?;
    for record in skipped {
        ring.insert(count % tables::SKIPPED_SLOTS, record.as_slice())?;
        count += 1;
    }
    numbers.insert(meta::SKIPPED, count)?;
    Ok(())
}
