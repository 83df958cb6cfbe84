//! What a sender has named a message by a key of its own, beside what it says: whoever finds the
//! message later, by push or in the room's history, knows it again by that.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::content::Content;
use super::envelope::Envelope;
use super::json;
use crate::domain::message::Sending;
use crate::homeserver::TakenIn;

/// As it is written.
#[derive(Serialize)]
pub(super) struct Written {
    transaction: Uuid,
    digest: String,
}

/// As it is read, of foreign data.
#[derive(Deserialize)]
struct Read<'a> {
    #[serde(borrow)]
    transaction: Option<&'a RawValue>,
    #[serde(borrow)]
    digest: Option<&'a RawValue>,
}

impl From<Sending> for Written {
    fn from(sending: Sending) -> Self {
        Self {
            transaction: sending.transaction,
            digest: URL_SAFE_NO_PAD.encode(sending.digest),
        }
    }
}

/// What cannot be read is none.
pub(super) fn read(raw: Option<&RawValue>) -> Option<Sending> {
    let found: Read = json::field(raw)?;
    let digest = URL_SAFE_NO_PAD.decode(json::text(found.digest)?.as_bytes());
    Some(Sending {
        transaction: Uuid::try_parse(&json::text(found.transaction)?).ok()?,
        digest: digest.ok()?.try_into().ok()?,
    })
}

/// When a message was taken in, and what its sender has named it.
#[must_use]
pub fn taken_in(raw: &RawValue) -> Option<TakenIn> {
    let envelope: Envelope = json::object(raw)?;
    let content: Content = json::field(envelope.content)?;
    Some(TakenIn {
        at: json::integer(envelope.origin_server_ts)?,
        sending: read(content.sending),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).expect("JSON")
    }

    #[test]
    fn what_is_written_is_read() {
        let sending = Sending {
            transaction: Uuid::from_u128(7),
            digest: [9; 32],
        };
        let written = serde_json::to_string(&Written::from(sending)).expect("JSON");
        assert_eq!(read(Some(&raw(&written))), Some(sending));
        for foreign in [
            "7",
            "{}",
            r#"{"transaction":7,"digest":""}"#,
            r#"{"transaction":"00000000-0000-0000-0000-000000000007","digest":"AA"}"#,
        ] {
            assert_eq!(read(Some(&raw(foreign))), None, "{foreign}");
        }
    }
}
