//! Reactions and redactions of services: what is done about an event that is there.

use uuid::Uuid;

use super::checks::{check_text, event_id};
use super::{Actor, Gateway, Place};
use crate::acts;
use crate::domain::id::{EventId, UserId};
use crate::domain::service::{Scope, ServiceCaller};
use crate::domain::{Error, Result};
use crate::homeserver::{Reaction, Redaction};

const MAX_REASON: usize = 1_000;
const MAX_EMOJI: usize = 255;

/// The namespace of the transactions that follow from what is to be done.
const ONCE: Uuid = Uuid::from_u128(0x0b6e_4a52_67c1_5d0f_9f1e_38d5_a92c_71b4);

/// A reaction to be given.
#[derive(Clone, Debug)]
pub struct NewReaction {
    pub room: String,
    pub target: String,
    pub reactor: Actor,
    pub emoji: String,
}

/// An event to be taken back.
#[derive(Clone, Debug)]
pub struct NewRedaction {
    pub room: String,
    pub target: String,
    pub sender: Actor,
    pub reason: Option<String>,
}

impl Gateway {
    /// Reacts to an event. A reaction that is there already is the answer.
    pub async fn react(&self, caller: &ServiceCaller, new: NewReaction) -> Result<EventId> {
        caller.require(Scope::Send)?;
        if new.emoji.trim().is_empty() {
            return Err(Error::invalid("emoji", "must not be blank"));
        }
        check_text("emoji", &new.emoji, MAX_EMOJI)?;
        let target = event_id("event_id", &new.target)?;
        let room = self
            .resolve(caller, &new.room, Place::Field("room_id"))
            .await?;
        let sender = self.acting(caller, &new.reactor)?;
        let upstream = self.upstream(caller).await?;
        self.require_open(&upstream, &room, sender.as_ref()).await?;
        let reaction = Reaction {
            room,
            target,
            sender,
            transaction: self.core.clock.uuid(),
            key: new.emoji,
            at: None,
        };
        match upstream.react(&reaction).await {
            Err(error) if error.is_refusal("M_DUPLICATE_ANNOTATION") => {
                let first = upstream.find_reaction(&reaction).await?;
                first.ok_or(error)
            }
            other => other,
        }
    }

    /// Takes an event back. Asked for again, the homeserver answers the first redaction for half
    /// an hour at least.
    pub async fn redact(&self, caller: &ServiceCaller, new: NewRedaction) -> Result<EventId> {
        caller.require(Scope::Send)?;
        if let Some(reason) = &new.reason {
            check_text("reason", reason, MAX_REASON)?;
        }
        let target = event_id("event_id", &new.target)?;
        let room = self
            .resolve(caller, &new.room, Place::Field("room_id"))
            .await?;
        let sender = self.acting(caller, &new.sender)?;
        let by = sender.as_ref().map(UserId::as_str).unwrap_or_default();
        let name = format!("redact {room} {target} {by}");
        let redaction = Redaction {
            transaction: Uuid::new_v5(&ONCE, name.as_bytes()),
            room,
            target,
            sender,
            reason: new.reason,
        };
        let redacted = self.upstream(caller).await?.redact(&redaction).await;
        if let Ok(event) = &redacted {
            acts::did(event);
        }
        redacted
    }
}
