//! Messages that are pinned: the list is the room's, and whoever may change it there may here.

use super::{Messages, PINNERS, require_standing};
use crate::domain::access::{Caller, Right};
use crate::domain::channel::Channel;
use crate::domain::event::What;
use crate::domain::id::{ChannelId, EventId, MessageId};
use crate::domain::message::Message;
use crate::domain::reception::MOST_PINS;
use crate::domain::{Error, Result};
use crate::homeserver::Setting;

impl Messages {
    /// What is pinned, in the order of the room: the latest pin is the last one. What is deleted,
    /// or not known here, is left out.
    pub async fn pinned(&self, caller: &Caller, channel: ChannelId) -> Result<Vec<Message>> {
        let core = &self.core;
        core.visible(caller, channel).await?;
        let mut messages = Vec::new();
        for id in core.store.receptions.pins(channel).await? {
            let message = core.store.index.message(id).await?;
            // The list may have changed since it was read.
            messages.extend(
                message.filter(|it| it.channel == channel && it.reception.pinned && !it.deleted),
            );
        }
        Ok(messages)
    }

    /// Pins a message; one that is pinned already stays where it is.
    pub async fn pin(&self, caller: &Caller, channel: ChannelId, id: MessageId) -> Result<()> {
        let channel = self.core.visible(caller, channel).await?;
        let message = self.known(channel.id, id).await?;
        self.core.require(Right::Pin, caller, &channel).await?;
        self.core.count_change(caller, &channel)?;
        require_standing(&message)?;
        let pin = |mut pinned: Vec<EventId>| {
            if pinned.contains(&message.event) {
                return Ok(None);
            }
            if pinned.len() >= MOST_PINS {
                return Err(Error::conflict(format!(
                    "{MOST_PINS} messages are pinned already: take one away first"
                )));
            }
            pinned.push(message.event);
            Ok(Some(pinned))
        };
        self.change_pins(caller, &channel, pin).await.map(drop)
    }

    /// Pins a message no more; one that is not pinned is fine. What is not known here may be in the
    /// room's list all the same.
    pub async fn unpin(&self, caller: &Caller, channel: ChannelId, id: MessageId) -> Result<()> {
        let channel = self.core.visible(caller, channel).await?;
        self.core.require(Right::Pin, caller, &channel).await?;
        self.core.count_change(caller, &channel)?;
        let unpin = |pinned: Vec<EventId>| {
            let before = pinned.len();
            let rest = pinned.into_iter().filter(|it| MessageId::of(it) != id);
            let rest: Vec<_> = rest.collect();
            Ok((rest.len() < before).then_some(rest))
        };
        if !self.change_pins(caller, &channel, unpin).await? {
            self.known(channel.id, id).await?;
        }
        Ok(())
    }

    /// Changes the list as it is in the room now; `None` leaves it. Says whether it changed.
    async fn change_pins(
        &self,
        caller: &Caller,
        channel: &Channel,
        change: impl FnOnce(Vec<EventId>) -> Result<Option<Vec<EventId>>>,
    ) -> Result<bool> {
        let core = &self.core;
        let turn = usize::from(channel.id.as_bytes()[0]) % PINNERS;
        let _turn = self.pinning[turn].lock().await;
        let Some(pinned) = change(core.homeserver.pins(&channel.room).await?)? else {
            return Ok(false);
        };
        let user = core.directory.user_id(&caller.entity);
        let setting = Setting::Pins(pinned.clone());
        let set = core.homeserver.set(&channel.room, &setting, Some(&user));
        let event = set.await?;
        let what = What::PinsChanged {
            pinned,
            by: user,
            at: core.clock.now(),
        };
        self.echo(channel.id, event, what).await;
        Ok(true)
    }
}
