//! Channels: one room each, one alias each, and one default room of the city.

use redb::{ReadableTable, Table};

use super::{Applied, Applying, Keeps};
use crate::domain::channel::{Channel, ChannelChange, ChannelKind};
use crate::domain::id::{ChannelId, Millis, RoomAlias};
use crate::store::StoreError;
use crate::store::redb::index;
use crate::store::redb::keys;
use crate::store::redb::records::Record;
use crate::store::redb::records::channel::{ChannelRow, TimedChannel};

type Names<'t> = Table<'t, &'static str, &'static [u8]>;

impl Applying<'_> {
    /// Adds a channel, or refreshes the one of this id: an event that comes again, or the
    /// room's state as healing finds it. What was set later than `created_at` stays.
    pub(super) fn create_channel(&mut self, channel: &Channel) -> Applied {
        if let Some(other) = owner(self.rooms.get()?, channel.room.as_str())?
            && other != channel.id
        {
            return Ok(Err(format!("{} is channel {other}", channel.room)));
        }
        let mut timed = TimedChannel::created(channel.clone());
        let mut alias_before = None;
        if let Some(stored) = self.stored_channel(channel.id)? {
            if stored.channel.room != channel.room {
                let room = &stored.channel.room;
                return Ok(Err(format!("the channel has the room {room} already")));
            }
            timed.keep_newer(&stored);
            if timed.channel.confidential && !stored.channel.confidential {
                self.conceal_messages(channel.id)?;
            }
            alias_before = stored.channel.alias;
        }
        let without_alias = self.settle_alias(&mut timed)?;
        self.move_alias(alias_before.as_ref(), &timed.channel)?;
        let id = channel.id.as_bytes().as_slice();
        self.rooms.get()?.insert(channel.room.as_str(), id)?;
        self.keeps.insert(channel.id, Keeps::of(&timed.channel));
        self.store_channel(timed)?;
        Ok(without_alias.map_or(Ok(()), Err))
    }

    /// Sets a field of a channel, unless it was set later already.
    pub(super) fn update_channel(
        &mut self,
        id: ChannelId,
        change: &ChannelChange,
        at: Millis,
    ) -> Applied {
        let Some(mut timed) = self.stored_channel(id)? else {
            return Ok(Err("its channel is unknown".to_owned()));
        };
        if let Some(set_at) = timed.set_at(change) {
            if *set_at > at {
                return Ok(Ok(()));
            }
            *set_at = at;
        }
        if *change == ChannelChange::Encrypted {
            if timed.channel.confidential {
                return Ok(Ok(()));
            }
            self.conceal_messages(id)?;
            self.keeps.insert(id, Keeps::Nothing);
        }
        if let ChannelChange::Room(room) = change {
            if let Some(other) = owner(self.rooms.get()?, room.as_str())?
                && other != id
            {
                return Ok(Err(format!("{room} is channel {other}")));
            }
            let key = id.as_bytes().as_slice();
            self.rooms.get()?.insert(room.as_str(), key)?;
            // What the former room demanded says nothing of this one, however late it was set.
            if !timed.channel.has_had(room) {
                self.levels.get()?.remove(key)?;
            }
        }
        let alias_before = timed.channel.alias.clone();
        timed.channel.apply(change);
        let mut without_alias = None;
        if let ChannelChange::Alias(_) = change {
            without_alias = self.settle_alias(&mut timed)?;
            self.move_alias(alias_before.as_ref(), &timed.channel)?;
        }
        self.store_channel(timed)?;
        Ok(without_alias.map_or(Ok(()), Err))
    }

    pub(super) fn stored_channel(&self, id: ChannelId) -> Result<Option<TimedChannel>, StoreError> {
        let row = self.channels.get(id.as_bytes().as_slice())?;
        row.map(|row| index::channel(row.value())).transpose()
    }

    /// Writes a channel's row. Of several rooms that say they are the default one, the last
    /// that was made so is, in whatever order their events come.
    fn store_channel(&mut self, mut timed: TimedChannel) -> Result<(), StoreError> {
        if is_default_room(&timed.channel) {
            let since = timed.made_default();
            let others = self.other_defaults(timed.channel.id)?;
            timed.channel.is_default = others.iter().all(|other| other.made_default() < since);
            if timed.channel.is_default {
                for mut other in others {
                    other.channel.is_default = false;
                    self.write_channel(&other)?;
                }
            }
        }
        self.write_channel(&timed)
    }

    /// Reads every channel, which is rare enough: a default room is chosen once.
    fn other_defaults(&self, than: ChannelId) -> Result<Vec<TimedChannel>, StoreError> {
        let mut others = Vec::new();
        for entry in self.channels.iter()? {
            let timed = index::channel(entry?.1.value())?;
            if is_default_room(&timed.channel) && timed.channel.id != than {
                others.push(timed);
            }
        }
        Ok(others)
    }

    fn write_channel(&mut self, timed: &TimedChannel) -> Result<(), StoreError> {
        let row = ChannelRow::from(timed).encode();
        let id = timed.channel.id;
        self.channels
            .insert(id.as_bytes().as_slice(), row.as_slice())?;
        Ok(())
    }

    /// Of two channels that say they have one alias, the later one to say so has it, in whatever
    /// order their events come, as the homeserver lets nobody choose an alias that leads
    /// elsewhere. The other one is kept without an alias. Says which.
    fn settle_alias(&mut self, timed: &mut TimedChannel) -> Result<Option<String>, StoreError> {
        let Some(alias) = timed.channel.alias.clone() else {
            return Ok(None);
        };
        let other =
            owner(self.aliases.get()?, alias.as_str())?.filter(|id| *id != timed.channel.id);
        let other = other.map(|id| self.stored_channel(id)).transpose()?;
        let Some(mut other) = other.flatten() else {
            return Ok(None);
        };
        let (this, that) = (timed.channel.id, other.channel.id);
        let (has, has_not) = if other.claimed_alias() < timed.claimed_alias() {
            other.channel.alias = None;
            self.write_channel(&other)?;
            (this, that)
        } else {
            timed.channel.alias = None;
            (that, this)
        };
        Ok(Some(format!(
            "{alias} leads to channel {has}, so channel {has_not} is kept without an alias"
        )))
    }

    /// Makes a channel's alias lead to it, in place of the one that it had before.
    fn move_alias(
        &mut self,
        before: Option<&RoomAlias>,
        channel: &Channel,
    ) -> Result<(), StoreError> {
        let aliases = self.aliases.get()?;
        if let Some(before) = before {
            aliases.remove(before.as_str())?;
        }
        if let Some(alias) = &channel.alias {
            aliases.insert(alias.as_str(), channel.id.as_bytes().as_slice())?;
        }
        Ok(())
    }
}

fn is_default_room(channel: &Channel) -> bool {
    channel.kind == ChannelKind::City && channel.is_default
}

/// Which channel a room or an alias belongs to.
fn owner(table: &Names<'_>, name: &str) -> Result<Option<ChannelId>, StoreError> {
    let id = table.get(name)?;
    id.map(|id| keys::channel(id.value())).transpose()
}
