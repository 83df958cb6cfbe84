//! What is pinned in a channel.

use std::collections::BTreeSet;

use redb::ReadableTable;

use super::{Applied, Applying, Prepared};
use crate::domain::id::{MessageId, Millis};
use crate::store::redb::keys::{self, Range};

/// How many pins of a channel are kept: more than an event can name.
const MOST: usize = 2_000;

impl Applying<'_> {
    /// Sets the pins of a channel, unless they were set later already. Of a message that is not
    /// there it is remembered that it is pinned.
    pub(super) fn set_pins(
        &mut self,
        event: &Prepared,
        pinned: &[MessageId],
        at: Millis,
    ) -> Applied {
        let channel = event.channel;
        let pinned_at = self.reception.pinned_at.get()?;
        let key = channel.as_bytes().as_slice();
        let set_at = pinned_at.get(key)?.map_or(0, |set_at| set_at.value());
        if set_at > at {
            return Ok(Ok(()));
        }
        pinned_at.insert(key, at)?;
        let range = Range::of(channel.as_bytes());
        let pins = self.reception.pins.get()?;
        let mut before = BTreeSet::new();
        for entry in pins.range::<&[u8]>(range.bounds())? {
            before.insert(keys::within_message(entry?.0.value())?);
        }
        pins.retain_in::<&[u8], _>(range.bounds(), |_, _| false)?;
        let mut after = BTreeSet::new();
        for (place, message) in (0..).zip(pinned.iter().take(MOST)) {
            if after.insert(*message) {
                pins.insert(keys::within(channel, *message).as_slice(), place)?;
            }
        }
        for message in before.symmetric_difference(&after) {
            self.touch(channel, *message, event.seq);
        }
        Ok(Ok(()))
    }
}
