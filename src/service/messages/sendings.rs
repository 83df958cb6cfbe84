//! What was tried to be sent by a key of its caller, for as long as this process remembers.
//!
//! The homeserver is who says a message once, by the transaction that a key makes. It does not
//! look at what is said, and it answers a repetition as if that had been the first attempt. So
//! here is noted what each key was used for.

use std::time::Duration;

use moka::future::Cache;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::NewMessage;
use crate::clock::Clock;
use crate::domain::id::Millis;
use crate::domain::{Error, Result};

/// For how long, and how many.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
const KEPT_AT_MOST: u64 = 20_000;

/// How long a homeserver may remember the transaction of a process that was before this one,
/// in milliseconds. Synapse forgets it after half an hour, and looks every half an hour.
const REMEMBERED: Millis = 2 * 60 * 60 * 1_000;

/// The sendings with a key.
pub(super) struct Sendings {
    tried: Cache<Uuid, [u8; 32]>,
    clock: Clock,
    since: Millis,
}

/// Whether a sending was tried before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Attempt {
    First,
    /// It was, or this process is too young to know.
    Again,
}

impl Sendings {
    pub fn new(clock: Clock) -> Self {
        let tried = Cache::builder()
            .max_capacity(KEPT_AT_MOST)
            .time_to_live(KEPT);
        Self {
            tried: tried.build(),
            since: clock.now(),
            clock,
        }
    }

    /// Notes what is about to be sent. A key is good for one message.
    pub async fn begin(&self, transaction: Uuid, message: &NewMessage) -> Result<Attempt> {
        let digest = digest(message);
        let noted = self.tried.entry(transaction).or_insert(digest).await;
        if *noted.value() != digest {
            return Err(used_for_another());
        }
        let is_young = self.clock.now() < self.since + REMEMBERED;
        Ok(match noted.is_fresh() && !is_young {
            true => Attempt::First,
            false => Attempt::Again,
        })
    }

    /// Nothing was sent: the key is free.
    pub async fn forget(&self, transaction: Uuid) {
        self.tried.invalidate(&transaction).await;
    }
}

pub(super) fn used_for_another() -> Error {
    Error::conflict("this Idempotency-Key was used for another message")
}

fn digest(message: &NewMessage) -> [u8; 32] {
    let mut digest = Sha256::new();
    let id = |id: Option<crate::domain::id::MessageId>| id.map_or(Uuid::nil(), |id| id.0);
    digest.update([u8::from(message.markdown)]);
    digest.update(id(message.reply_to).as_bytes());
    digest.update(id(message.thread).as_bytes());
    for mention in &message.mentions {
        digest.update(mention);
        digest.update([0]);
    }
    digest.update([0]);
    digest.update(format!("{:?}", message.file));
    // No mention holds this, so nothing of a text is taken for one.
    digest.update([0, 0]);
    digest.update(&message.text);
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::MessageId;
    use crate::service::messages::NewFile;

    fn message(text: &str) -> NewMessage {
        NewMessage {
            text: text.to_owned(),
            ..NewMessage::default()
        }
    }

    #[tokio::test]
    async fn key_is_good_for_one_message() {
        let sendings = Sendings::new(Clock::manual(0));
        let key = Uuid::from_u128(1);
        let begun = sendings.begin(key, &message("a")).await;
        assert_eq!(begun, Ok(Attempt::Again), "it may be of a process before");
        assert_eq!(sendings.begin(key, &message("a")).await, begun);
        let id = MessageId(Uuid::from_u128(7));
        for other in [
            message("b"),
            NewMessage {
                markdown: true,
                ..message("a")
            },
            NewMessage {
                reply_to: Some(id),
                ..message("a")
            },
            NewMessage {
                thread: Some(id),
                ..message("a")
            },
            NewMessage {
                mentions: vec!["user:a".to_owned()],
                ..message("a")
            },
            NewMessage {
                file: Some(NewFile::default()),
                ..message("a")
            },
        ] {
            assert_eq!(sendings.begin(key, &other).await, Err(used_for_another()));
        }
        sendings.forget(key).await;
        assert_eq!(sendings.begin(key, &message("b")).await, begun);
    }

    #[tokio::test]
    async fn process_that_is_old_enough_knows_the_first_attempt() {
        let clock = Clock::manual(0);
        let sendings = Sendings::new(clock.clone());
        clock.set(REMEMBERED);
        let key = Uuid::from_u128(1);
        let begun = sendings.begin(key, &message("a")).await;
        assert_eq!(begun, Ok(Attempt::First));
        let again = sendings.begin(key, &message("a")).await;
        assert_eq!(again, Ok(Attempt::Again));
    }
}
