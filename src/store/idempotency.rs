//! Requests that their callers have named by an `Idempotency-Key`: what was asked for and what came
//! of it, so that asking again does nothing again. A row is written before the work begins and
//! gets its answer afterwards; one without an answer was cut off.

use async_trait::async_trait;
use uuid::Uuid;

use super::StoreError;
use crate::domain::id::{ChannelId, MessageId, Millis, UserId};

/// What tells one named request from another.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct RequestName {
    /// Who asks: keys are unique to a caller.
    pub caller: String,
    /// What for: the id of the operation.
    pub operation: String,
    /// The caller's key.
    pub key: String,
}

/// A named request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyedRequest {
    pub name: RequestName,
    /// Of what was asked for.
    pub digest: [u8; 32],
    /// Names what comes of it, so that this is found when the answer was lost.
    pub id: Uuid,
    /// When the work on it began last.
    pub begun_at: Millis,
    /// JSON; `None` while it is open.
    pub answer: Option<String>,
}

/// A message that its sender has named.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SendingName {
    pub channel: ChannelId,
    pub transaction: Uuid,
    pub sender: UserId,
}

/// What was said under such a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sent {
    pub message: MessageId,
    /// Of what was asked for.
    pub digest: [u8; 32],
    pub at: Millis,
}

#[async_trait]
pub trait Idempotency: Send + Sync {
    /// Writes a request down, durably. When there is one of its name that was begun at `since` or
    /// later, answers that one and writes nothing.
    async fn begin(
        &self,
        request: KeyedRequest,
        since: Millis,
    ) -> Result<Option<KeyedRequest>, StoreError>;

    /// Writes a request anew, durably.
    async fn write(&self, request: KeyedRequest) -> Result<(), StoreError>;

    /// Forgets a request, durably: its key is free.
    async fn forget(&self, name: RequestName) -> Result<(), StoreError>;

    /// What was said under a name. The index notes it when it takes the message over.
    async fn sent(&self, name: &SendingName) -> Result<Option<Sent>, StoreError>;

    /// Forgets what was begun, or said, before `since`. Says how many.
    async fn drop_before(&self, since: Millis) -> Result<u64, StoreError>;
}
