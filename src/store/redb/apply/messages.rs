//! Messages, their edits and deletions, in whatever order they come.

use redb::ReadableTable;

use super::reactions::Reacted;
use super::threads::Spoken;
use super::{Applied, Applying, Keeps, NewMessage, Prepared};
use crate::domain::event::{Event, What};
use crate::domain::id::{ChannelId, EventId, Millis, Seq};
use crate::domain::message::Message;
use crate::domain::page::Order;
use crate::store::StoreError;
use crate::store::redb::journal;
use crate::store::redb::keys::{self, Location, Place};
use crate::store::redb::records::event::EventRecord;
use crate::store::redb::records::{Record, message_row};
use crate::store::redb::webhooks::attempts;

/// How many messages are concealed at once.
const CONCEALED_AT_ONCE: usize = 1_000;

/// Where the target of an edit or a deletion is.
enum Target {
    /// A message with this key and row.
    There(Vec<u8>, Box<Message>),
    /// It has not come yet.
    Missing,
    /// An edit of this time of a message, itself at this place in the journal.
    Edit {
        of: EventId,
        at: Millis,
        seq: Seq,
    },
    Reaction(Reacted),
    /// It is no message, or one of another channel: no room may change another's. Itself at this
    /// place in the journal.
    NotOurs(Seq),
}

impl NewMessage {
    /// The message as its thread knows it.
    fn spoken(&self, channel: ChannelId) -> Option<Spoken<'_>> {
        Some(Spoken {
            channel,
            root: self.thread?,
            event: &self.event,
            sender: &self.sender,
            created_at: self.created_at,
        })
    }
}

impl Applying<'_> {
    pub(super) fn add_message(&mut self, event: &Prepared, new: &NewMessage) -> Applied {
        let channel = event.channel;
        let keeps = self.keeps(channel)?;
        let mut speaks = !new.deleted;
        match self.take_earlier(event)? {
            // What has happened to it since stays; only a deletion is news.
            Some(mut earlier) if !new.deleted => {
                earlier.created_at = new.created_at;
                speaks = !earlier.deleted;
                self.store_message(&new.key, earlier, keeps)?;
            }
            // It was on its way when the channel became confidential.
            _ if new.reveals && keeps == Some(Keeps::Nothing) => {
                self.store_message(&new.key, message_row::read(&new.key, &new.row)?, keeps)?;
            }
            earlier => {
                let (key, row) = (new.key.as_slice(), new.row.as_slice());
                self.messages.insert(key, row)?;
                if earlier.is_some() {
                    self.touch(channel, new.id, event.seq);
                }
            }
        }
        let newest = self.newest.entry(channel).or_insert(new.created_at);
        *newest = new.created_at.max(*newest);
        if let Some(spoken) = new.spoken(channel).filter(|_| speaks) {
            self.join_thread(&spoken, event.seq)?;
        }
        if let Some(sending) = &new.sending {
            sending.write(self.txn)?;
        }
        self.welcome(channel, new.id, event.seq)?;
        self.adopt_orphans(event, new)?;
        Ok(Ok(()))
    }

    /// Takes out the message as it was appended before a rebuild of the index, if the journal
    /// that is read again holds it twice. Its time may have been another one then: that of its
    /// arrival, when the homeserver's clock was ahead of ours.
    fn take_earlier(&mut self, event: &Prepared) -> Result<Option<Message>, StoreError> {
        let Some(key) = event.key.filter(|_| event.seq <= self.replayed_through) else {
            return Ok(None);
        };
        let Some(location) = self.known.get(&key)? else {
            return Ok(None);
        };
        // Of what is damaged there is a sound copy at hand.
        let Some(place) = Location::parse(&location).ok().and_then(Location::message) else {
            return Ok(None);
        };
        let row = self.messages.remove(place)?;
        let earlier = row.and_then(|row| message_row::read(place, row.value()).ok());
        if let Some(spoken) = earlier.as_ref().and_then(Spoken::of) {
            self.leave_thread(&spoken, event.seq)?;
        }
        Ok(earlier)
    }

    pub(super) fn change_message(&mut self, target: &EventId, event: &Event) -> Applied {
        match self.find(target, event.channel)? {
            Target::There(key, mut message) => {
                if change(&mut message, &event.what) {
                    let keeps = self.keeps(event.channel)?;
                    self.silence(&message, event.seq)?;
                    self.store_message(&key, *message, keeps)?;
                }
            }
            Target::Missing => self.wait(target, event)?,
            // A replay knows of an event before it has applied it again.
            Target::Edit { seq, .. } | Target::Reaction(Reacted { seq, .. }) if seq > event.seq => {
                self.wait(target, event)?;
            }
            Target::NotOurs(seq) if seq > event.seq => self.wait(target, event)?,
            Target::Edit { of, at, .. } => self.withdraw(&of, at, event)?,
            Target::Reaction(reacted) if event.what.taken_back().is_some() => {
                self.unreact(target, &reacted, event)?;
            }
            Target::Reaction(_) | Target::NotOurs(_) => {}
        }
        if let (What::MessageEdited { at, .. }, Some(edit)) = (&event.what, &event.event) {
            for deletion in self.take_waiting(edit)? {
                self.withdraw(target, *at, &deletion)?;
            }
        }
        Ok(Ok(()))
    }

    /// Takes an edit of `of` back, when `deletion` deletes it.
    fn withdraw(&mut self, of: &EventId, at: Millis, deletion: &Event) -> Result<(), StoreError> {
        if deletion.what.taken_back().is_none() {
            return Ok(());
        }
        match self.find(of, deletion.channel)? {
            Target::There(key, mut message) => {
                if message.withdraw(at) {
                    let keeps = self.keeps(deletion.channel)?;
                    self.store_message(&key, *message, keeps)?;
                }
            }
            Target::Missing => self.wait(of, deletion)?,
            Target::Edit { .. } | Target::Reaction(_) | Target::NotOurs(_) => {}
        }
        Ok(())
    }

    /// Keeps an event until the one that it needs has come.
    fn wait(&mut self, needed: &EventId, event: &Event) -> Result<(), StoreError> {
        let mut event = event.clone();
        if self.keeps(event.channel)? == Some(Keeps::Nothing) {
            event.what.conceal();
        }
        let record = EventRecord::numbered(&event).encode();
        let key = keys::orphan(needed, event.seq);
        self.orphans.insert(key.as_slice(), record.as_slice())?;
        self.has_orphans = true;
        Ok(())
    }

    /// What has waited for an event, in the order of its arrival; it waits no more.
    pub(super) fn take_waiting(&mut self, came: &EventId) -> Result<Vec<Event>, StoreError> {
        if !self.has_orphans {
            return Ok(Vec::new());
        }
        let range = keys::Range::of(&keys::orphans(came));
        let mut waiting = Vec::new();
        // Looked at before it is taken: what waits for another message is nearly always all
        // there is, and taking nothing costs as much as taking.
        if self
            .orphans
            .range::<&[u8]>(range.bounds())?
            .next()
            .is_none()
        {
            return Ok(waiting);
        }
        for entry in self
            .orphans
            .extract_from_if::<&[u8], _>(range.bounds(), |_, _| true)?
        {
            let (key, value) = entry?;
            let seq = keys::orphan_seq(key.value())?;
            waiting.push(EventRecord::decode(value.value())?.into_event(seq)?);
        }
        Ok(waiting)
    }

    fn find(&self, target: &EventId, channel: ChannelId) -> Result<Target, StoreError> {
        let Some(location) = self.known.get(&keys::event(target))? else {
            return Ok(Target::Missing);
        };
        let Location { seq, place } = Location::parse(&location)?;
        let key = match place {
            Place::Message(key) => key,
            Place::Edit { at, of } => {
                let of = EventId::trusted(of);
                return Ok(Target::Edit { of, at, seq });
            }
            Place::Reaction { message, by, key } => {
                return Ok(Target::Reaction(Reacted {
                    seq,
                    message,
                    by: by.to_owned(),
                    key: key.to_owned(),
                }));
            }
            Place::Other => return Ok(Target::NotOurs(seq)),
        };
        if !key.starts_with(channel.as_bytes()) {
            return Ok(Target::NotOurs(0));
        }
        // A cleared index knows the place of a message before it is there again.
        let Some(row) = self.messages.get(key)? else {
            return Ok(Target::Missing);
        };
        let message = message_row::read(key, row.value())?;
        Ok(Target::There(key.to_vec(), Box::new(message)))
    }

    /// Applies what has waited for a message, in the order of its arrival.
    fn adopt_orphans(&mut self, event: &Prepared, new: &NewMessage) -> Result<(), StoreError> {
        let channel = event.channel;
        let mut waiting = self.take_waiting(&new.event)?;
        waiting.retain(|event| event.channel == channel);
        if waiting.is_empty() {
            return Ok(());
        }
        let mut message = {
            let row = self.messages.get(new.key.as_slice())?;
            message_row::read(&new.key, row.as_ref().map_or(&new.row, |row| row.value()))?
        };
        let mut withdrawn = Vec::new();
        for waited in &waiting {
            match waited.what.taken_back() {
                Some(target) if *target != new.event => withdrawn.push(target),
                _ => drop(change(&mut message, &waited.what)),
            }
        }
        // Last, because a deletion may have come before the edit that it deletes.
        for edit in withdrawn {
            if let Target::Edit { at, .. } = self.find(edit, channel)? {
                message.withdraw(at);
            }
        }
        let keeps = self.keeps(channel)?;
        self.silence(&message, event.seq)?;
        self.store_message(&new.key, message, keeps)
    }

    /// Takes a message that is deleted out of its thread.
    fn silence(&mut self, message: &Message, seq: Seq) -> Result<(), StoreError> {
        match Spoken::of(message).filter(|_| message.deleted) {
            Some(spoken) => self.leave_thread(&spoken, seq),
            None => Ok(()),
        }
    }

    /// Takes what was said in a channel out of its messages, out of what waits for them and out
    /// of what receivers answered to it: it is confidential from now on. Reads all of them, which
    /// happens once in a channel's life at the most.
    pub(super) fn conceal_messages(&mut self, channel: ChannelId) -> Result<(), StoreError> {
        let mut range = keys::Range::of(channel.as_bytes());
        while let Some(last) = self.conceal_some(&range)? {
            range.begin_behind(last, Order::Ascending);
        }
        self.conceal_reactions(channel)?;
        self.conceal_waiting(channel)?;
        attempts::conceal(self.txn, channel)
    }

    /// Conceals the first messages of a range, as many as may be in memory at once. Says which
    /// was the last; `None` when there was none.
    fn conceal_some(&mut self, range: &keys::Range) -> Result<Option<Vec<u8>>, StoreError> {
        let mut last = None;
        let mut concealed = Vec::new();
        let entries = self.messages.range::<&[u8]>(range.bounds())?;
        for entry in entries.take(CONCEALED_AT_ONCE) {
            let (key, row) = entry?;
            last = Some(key.value().to_vec());
            match message_row::read(key.value(), row.value()) {
                Ok(mut message) => {
                    if message.conceal() {
                        concealed.push((key.value().to_vec(), Some(message_row::row(&message))));
                    }
                }
                // Nobody can tell what is in it.
                Err(_) => concealed.push((key.value().to_vec(), None)),
            }
        }
        for (key, row) in concealed {
            match row {
                Some(row) => self.messages.insert(key.as_slice(), row.as_slice())?,
                None => self.messages.remove(key.as_slice())?,
            };
        }
        Ok(last)
    }

    fn conceal_waiting(&mut self, channel: ChannelId) -> Result<(), StoreError> {
        let mut revealing = Vec::new();
        for entry in self.orphans.iter()? {
            let (key, value) = entry?;
            let seq = keys::orphan_seq(key.value())?;
            let Some(mut event) = journal::readable(seq, value.value()) else {
                continue;
            };
            if event.channel == channel && event.what.conceal() {
                let record = EventRecord::numbered(&event).encode();
                revealing.push((key.value().to_vec(), record));
            }
        }
        for (key, record) in revealing {
            self.orphans.insert(key.as_slice(), record.as_slice())?;
        }
        Ok(())
    }

    pub(super) fn store_message(
        &mut self,
        key: &[u8],
        mut message: Message,
        keeps: Option<Keeps>,
    ) -> Result<(), StoreError> {
        if keeps == Some(Keeps::Nothing) {
            message.conceal();
        }
        self.messages
            .insert(key, message_row::row(&message).as_slice())?;
        Ok(())
    }
}

/// Edits or deletes a message; says whether it changed.
fn change(message: &mut Message, what: &What) -> bool {
    match what {
        What::MessageEdited {
            by,
            preview,
            truncated,
            mentions,
            at,
            ..
        } => message.edit(by, (preview, *truncated), mentions, *at),
        What::MessageDeleted { .. } => {
            message.delete();
            true
        }
        _ => false,
    }
}
