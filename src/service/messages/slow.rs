//! Slow mode: people below moderator wait between two messages. It is kept for what is said through
//! daarion; the homeserver knows nothing like it, and other clients are not held up.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::Messages;
use crate::domain::access::{Caller, Right, Role};
use crate::domain::channel::Channel;
use crate::domain::entity::EntityKind;
use crate::domain::id::{ChannelId, UserId};
use crate::domain::{Error, Result};
use crate::service::standing::Granted;
use crate::store::moderation::Turn;

/// The longest pause: six hours.
const LONGEST_SECONDS: u32 = 6 * 3600;

impl Messages {
    /// Sets how long people wait between two messages; 0: not at all.
    pub async fn set_slow_mode(
        &self,
        caller: &Caller,
        id: ChannelId,
        seconds: u32,
    ) -> Result<Arc<Channel>> {
        let core = &self.core;
        if seconds > LONGEST_SECONDS {
            let words = format!("must be at most {LONGEST_SECONDS}");
            return Err(Error::invalid("seconds", words));
        }
        let channel = core.visible(caller, id).await?;
        core.require(Right::SlowMode, caller, &channel).await?;
        core.count_change(caller, &channel)?;
        if channel.slow_mode_seconds != seconds {
            let set = |it: &mut Channel| it.slow_mode_seconds = seconds;
            core.write_settings(&channel, set).await?;
        }
        core.visible(caller, id).await
    }

    /// Takes the turn of somebody who is to wait for it; `None` when they need not.
    pub(super) async fn take_turn(
        &self,
        granted: &Granted,
        channel: &Channel,
        user: &UserId,
        name: Uuid,
    ) -> Result<Option<Turn>> {
        let who = &granted.who;
        let is_slow = channel.slow_mode_seconds > 0
            && who.role() < Role::Moderator
            && who.entity.kind() == EntityKind::Human;
        if !is_slow {
            return Ok(None);
        }
        let turn = Turn {
            channel: channel.id,
            user: user.clone(),
            name,
            at: self.core.clock.now(),
        };
        let pause = u64::from(channel.slow_mode_seconds) * 1_000;
        let moderation = &self.core.store.moderation;
        match moderation.take_turn(turn.clone(), pause).await? {
            None => Ok(Some(turn)),
            Some(wait) => Err(Error::TooMany {
                message: format!(
                    "one message each {} s in this channel (slow mode)",
                    channel.slow_mode_seconds
                ),
                retry_after: Duration::from_millis(wait),
            }),
        }
    }

    /// Gives a turn back that nothing came of.
    pub(super) async fn return_turn(&self, turn: Option<Turn>) {
        let Some(turn) = turn else {
            return;
        };
        if let Err(error) = self.core.store.moderation.return_turn(turn).await {
            tracing::warn!(%error, "somebody waits for a message that was not sent");
        }
    }
}
