//! The audit log.

use poem_openapi::Object;
use poem_openapi::types::Any;
use serde_json::Value;
use uuid::Uuid;

use crate::api::time::Time;

/// By which way something was done.
#[derive(Object, Clone, Debug)]
pub struct AuditFrom {
    /// Who asked for it, when that was somebody else: whoever follows an invite link is invited by its
    /// maker. Null otherwise.
    pub actor: Option<String>,
    /// `session`, `key` (an API key), `service` (a service's token), `issuer` (the word of an outside
    /// issuer), `header` (a header that is believed), `command_line`, `matrix` (a Matrix client, or
    /// whoever else uses the homeserver), or `none`.
    pub via: String,
    /// Which session or key, by its id, or which service, by its name. For operators: null in the log
    /// of a channel.
    pub id: Option<String>,
    /// The address; null for the machine itself, and where it is not known. For operators: null in the
    /// log of a channel.
    pub address: Option<String>,
}

/// Somebody did something. Never with what was said in a message, nor with a secret.
#[derive(Object, Clone, Debug)]
pub struct AuditRecord {
    /// Its number, from 1 on without a gap.
    pub seq: u64,
    /// When the record was made. Never earlier than that of the record before.
    pub at: Time,
    /// When it happened, by the clock of whoever brought it about.
    pub happened_at: Time,
    /// Such as `member.banned`, `channel.updated`, `key.created`, `sign_in.failed`.
    pub action: String,
    /// `user:…`, `agent:…`, `operator:<name>`, `service:<name>`, `command line`, `daarion` for what it
    /// did by itself, or `unknown`.
    pub actor: String,
    /// To whom or to what: an entity, or an id.
    pub target: Option<String>,
    /// The channel that it was in.
    pub channel_id: Option<Uuid>,
    /// What of it was so before; null when there was nothing, or it is not known.
    pub before: Any<Value>,
    /// And is so after it; null when there is nothing any more, or it is not known.
    pub after: Any<Value>,
    /// The Matrix event that did it.
    pub event_id: Option<String>,
    pub from: AuditFrom,
    /// The hash of the record before, of 64 hexadecimal digits; of zeros in the first one. Null in the
    /// log of a channel, of which the chain cannot be verified.
    pub previous: Option<String>,
    /// SHA-256 of this record without this field, as canonical JSON. Null in the log of a channel.
    pub hash: Option<String>,
}

/// A page of records, the newest first.
#[derive(Object, Clone, Debug)]
pub struct AuditPage {
    /// May be fewer than asked for, and none, though there is a `next`: a page looks at so many
    /// records and no more.
    pub items: Vec<AuditRecord>,
    /// The cursor of the next page; null at the end.
    pub next: Option<String>,
}
