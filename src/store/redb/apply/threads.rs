//! Threads: what is said in them, by whom, and when last.

use redb::ReadableTable;

use super::Applying;
use crate::domain::id::{ChannelId, EventId, MessageId, Millis, Seq, UserId};
use crate::domain::message::Message;
use crate::domain::reception::ThreadSummary;
use crate::store::StoreError;
use crate::store::redb::keys::{self, Range};
use crate::store::redb::reception;

/// A message as its thread knows it.
pub(super) struct Spoken<'a> {
    pub channel: ChannelId,
    pub root: MessageId,
    pub event: &'a EventId,
    pub sender: &'a UserId,
    pub created_at: Millis,
}

impl<'a> Spoken<'a> {
    /// `None` outside of threads.
    pub fn of(message: &'a Message) -> Option<Self> {
        Some(Self {
            channel: message.channel,
            root: message.thread?,
            event: &message.event,
            sender: &message.sender,
            created_at: message.created_at,
        })
    }

    fn key(&self) -> Vec<u8> {
        keys::thread_message(self.channel, self.root, self.created_at, self.event)
    }
}

impl Applying<'_> {
    /// Counts a message in its thread.
    pub(super) fn join_thread(&mut self, spoken: &Spoken<'_>, seq: Seq) -> Result<(), StoreError> {
        let messages = self.reception.thread_messages.get()?;
        if messages.insert(spoken.key().as_slice(), ())?.is_some() {
            return Ok(());
        }
        self.count_person(spoken, 1)?;
        let before = self.summary(spoken)?;
        let now = ThreadSummary {
            count: before.map_or(0, |before| before.count) + 1,
            last_at: before
                .map_or(0, |before| before.last_at)
                .max(spoken.created_at),
        };
        self.set_summary(spoken, before, Some(now), seq)
    }

    /// Counts a message in its thread no more.
    pub(super) fn leave_thread(&mut self, spoken: &Spoken<'_>, seq: Seq) -> Result<(), StoreError> {
        let messages = self.reception.thread_messages.get()?;
        if messages.remove(spoken.key().as_slice())?.is_none() {
            return Ok(());
        }
        let range = Range::of(&keys::within(spoken.channel, spoken.root));
        let last = messages.range::<&[u8]>(range.bounds())?.next_back();
        let last = last.transpose()?;
        let last_at = last.map(|(key, _)| keys::thread_time(key.value()));
        let last_at = last_at.transpose()?;
        self.count_person(spoken, -1)?;
        let before = self.summary(spoken)?;
        let count = before.map_or(0, |before| before.count).saturating_sub(1);
        let now = last_at.map(|last_at| ThreadSummary { count, last_at });
        self.set_summary(spoken, before, now, seq)
    }

    fn summary(&mut self, spoken: &Spoken<'_>) -> Result<Option<ThreadSummary>, StoreError> {
        let threads = self.reception.threads.get()?;
        reception::summary(threads, spoken.channel, spoken.root)
    }

    fn set_summary(
        &mut self,
        spoken: &Spoken<'_>,
        before: Option<ThreadSummary>,
        now: Option<ThreadSummary>,
        seq: Seq,
    ) -> Result<(), StoreError> {
        let (channel, root) = (spoken.channel, spoken.root);
        let activity = self.reception.activity.get()?;
        if let Some(before) = before {
            let key = keys::thread_activity(channel, before.last_at, root);
            activity.remove(key.as_slice())?;
        }
        let threads = self.reception.threads.get()?;
        let key = keys::within(channel, root);
        match now {
            Some(now) => {
                let value = reception::summary_bytes(now);
                threads.insert(key.as_slice(), value.as_slice())?;
                let key = keys::thread_activity(channel, now.last_at, root);
                self.reception.activity.get()?.insert(key.as_slice(), ())?;
            }
            None => drop(threads.remove(key.as_slice())?),
        }
        self.touch(channel, root, seq);
        Ok(())
    }

    fn count_person(&mut self, spoken: &Spoken<'_>, change: i64) -> Result<(), StoreError> {
        let key = keys::thread_person(spoken.channel, spoken.root, spoken.sender);
        let people = self.reception.people.get()?;
        let count = people.get(key.as_slice())?.map_or(0, |count| count.value());
        match count.saturating_add_signed(change) {
            0 => people.remove(key.as_slice())?,
            count => people.insert(key.as_slice(), count)?,
        };
        Ok(())
    }
}
