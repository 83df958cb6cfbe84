//! What the room of a channel demands.

use redb::ReadableTable;

use super::{Applied, Applying};
use crate::domain::access::Levels;
use crate::domain::id::{ChannelId, Millis};
use crate::store::redb::records::Record;
use crate::store::redb::records::levels::LevelsRow;

impl Applying<'_> {
    /// Sets the levels, unless they were set later already. The creators of a room never change, and
    /// not every event names them: once known they stay.
    pub(super) fn set_levels(
        &mut self,
        channel: ChannelId,
        levels: &Levels,
        at: Millis,
    ) -> Applied {
        let table = self.levels.get()?;
        let key = channel.as_bytes().as_slice();
        let stored = table.get(key)?.map(|row| LevelsRow::decode(row.value()));
        // A row that cannot be read is replaced.
        let stored = stored.and_then(Result::ok).map(LevelsRow::into_levels);
        let (mut levels, mut at) = (levels.clone(), at);
        if let Some((before, set_at)) = stored {
            let creators = match levels.creators.is_empty() {
                true => before.creators.clone(),
                false => levels.creators.clone(),
            };
            if set_at > at {
                (levels, at) = (before, set_at);
            }
            levels.creators = creators;
        }
        let row = LevelsRow::new(&levels, at).encode();
        table.insert(key, row.as_slice())?;
        Ok(Ok(()))
    }
}
