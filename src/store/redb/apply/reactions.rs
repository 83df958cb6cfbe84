//! Reactions: given and taken back, in whatever order they come.

use redb::ReadableTable;

use super::{Applied, Applying, Keeps, Prepared};
use crate::domain::event::Event;
use crate::domain::id::{ChannelId, EventId, MessageId, Millis, Seq, UserId};
use crate::domain::reception::is_key;
use crate::store::StoreError;
use crate::store::redb::keys::{self, Location, Place, Range};

/// A reaction that was given.
pub(super) struct Given {
    pub message: MessageId,
    pub key: String,
    pub by: UserId,
    pub at: Millis,
    pub event: Option<EventId>,
}

impl Given {
    fn row(&self, channel: ChannelId) -> Vec<u8> {
        let mut row = keys::reactions_of(channel, self.message, &self.key, &self.by);
        row.extend_from_slice(self.event.as_ref().map_or("", EventId::as_str).as_bytes());
        row
    }
}

/// A reaction that the index has met.
pub(super) struct Reacted {
    /// Its place in the journal.
    pub seq: Seq,
    pub message: MessageId,
    /// Empty when it stands no more, as is its key.
    pub by: String,
    pub key: String,
}

impl Applying<'_> {
    /// Adds a reaction, unless its removal came before it. Of a confidential channel none is kept.
    pub(super) fn react(&mut self, event: &Prepared, given: &Given) -> Applied {
        let channel = event.channel;
        let waiting = match &given.event {
            Some(id) => self.take_waiting(id)?,
            None => Vec::new(),
        };
        let is_removal = |it: &Event| it.channel == channel && it.what.taken_back().is_some();
        let is_kept = self.keeps(channel)? == Some(Keeps::Content) && is_key(&given.key);
        if waiting.iter().any(is_removal) || !is_kept || self.was_removed(event)? {
            return Ok(Ok(()));
        }
        let by = keys::reactions_of(channel, given.message, &given.key, &given.by);
        let reactions = self.reception.reactions.get()?;
        let is_first = !has_any(reactions, &by)?;
        reactions.insert(given.row(channel).as_slice(), given.at)?;
        if is_first {
            self.count(channel, given.message, &given.key, 1)?;
        }
        self.touch(channel, given.message, event.seq);
        Ok(Ok(()))
    }

    /// Whether a reaction that is read again was met and removed before, in the same reading of a
    /// journal that holds it twice.
    fn was_removed(&self, event: &Prepared) -> Result<bool, StoreError> {
        let Some(key) = event.key.filter(|_| event.seq <= self.replayed_through) else {
            return Ok(false);
        };
        let known = self.known.get(&key)?;
        let known = known.as_deref().map(Location::parse).transpose()?;
        Ok(known.is_some_and(|known| {
            known.seq < event.seq && matches!(known.place, Place::Reaction { by: "", .. })
        }))
    }

    /// What a reaction is in the index: with who gave it and how only as long as it stands.
    pub(super) fn place_of<'e>(
        &mut self,
        channel: ChannelId,
        given: &'e Given,
    ) -> Result<Place<'e>, StoreError> {
        let reactions = self.reception.reactions.get()?;
        let stands = reactions.get(given.row(channel).as_slice())?.is_some();
        let (by, key) = match stands {
            true => (given.by.as_str(), given.key.as_str()),
            false => ("", ""),
        };
        Ok(Place::Reaction {
            message: given.message,
            by,
            key,
        })
    }

    /// Takes a reaction back, unless it is of another channel.
    pub(super) fn unreact(
        &mut self,
        reaction: &EventId,
        known: &Reacted,
        removal: &Event,
    ) -> Result<(), StoreError> {
        let channel = removal.channel;
        let by = UserId::trusted(known.by.as_str());
        let by = keys::reactions_of(channel, known.message, &known.key, &by);
        let row = [by.as_slice(), reaction.as_str().as_bytes()].concat();
        let reactions = self.reception.reactions.get()?;
        if reactions.remove(row.as_slice())?.is_none() {
            return Ok(());
        }
        // Another server may have let somebody give the same one twice.
        if !has_any(reactions, &by)? {
            self.count(channel, known.message, &known.key, -1)?;
        }
        self.forget_reaction(reaction, known.seq, known.message);
        self.touch(channel, known.message, removal.seq);
        Ok(())
    }

    /// Takes every reaction of a channel out: it is confidential from now on.
    pub(super) fn conceal_reactions(&mut self, channel: ChannelId) -> Result<(), StoreError> {
        let range = Range::of(channel.as_bytes());
        let mut forgotten = Vec::new();
        let reactions = self.reception.reactions.get()?;
        for entry in reactions.extract_from_if::<&[u8], _>(range.bounds(), |_, _| true)? {
            let (key, _) = entry?;
            let message = keys::within_message(key.value())?;
            forgotten.push((keys::reaction(key.value())?.2, message));
        }
        let counts = self.reception.counts.get()?;
        counts.retain_in::<&[u8], _>(range.bounds(), |_, _| false)?;
        for (event, message) in forgotten {
            let known = self.known.get(&keys::event(&event))?;
            let known = known.as_deref().map(Location::parse).transpose()?;
            if let Some(known) = known {
                self.forget_reaction(&event, known.seq, message);
            }
        }
        Ok(())
    }

    /// Leaves of a reaction only what it was about.
    fn forget_reaction(&mut self, reaction: &EventId, seq: Seq, message: MessageId) {
        let place = Place::Reaction {
            message,
            by: "",
            key: "",
        };
        let location = Location { seq, place }.to_bytes();
        self.known.fresh.insert(keys::event(reaction), location);
    }

    fn count(
        &mut self,
        channel: ChannelId,
        message: MessageId,
        key: &str,
        change: i64,
    ) -> Result<(), StoreError> {
        let row = keys::reaction_count(channel, message, key);
        let counts = self.reception.counts.get()?;
        let count = counts.get(row.as_slice())?.map_or(0, |count| count.value());
        match count.saturating_add_signed(change) {
            0 => counts.remove(row.as_slice())?,
            count => counts.insert(row.as_slice(), count)?,
        };
        Ok(())
    }
}

/// Whether any row begins with `prefix`.
fn has_any(
    table: &impl ReadableTable<&'static [u8], u64>,
    prefix: &[u8],
) -> Result<bool, StoreError> {
    let range = Range::of(prefix);
    let first = table.range::<&[u8]>(range.bounds())?.next();
    Ok(first.transpose()?.is_some())
}
