//! What the index knows of an event that it has met.

use uuid::Uuid;

use super::{CHANNEL, TIME};
use crate::domain::id::{MessageId, Millis, Seq};
use crate::store::StoreError;

/// Where a known event stands. As bytes: a tag (0 another event, 1 a message, 2 an edit, 3 a
/// reaction), the `seq` in 8 bytes, and for a message its key, for an edit its time in 8 bytes and
/// the event id of its message, for a reaction the 16 bytes of its message, who gave it, 0, and its
/// key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Location<'a> {
    /// The event's position in the journal (which may have been trimmed since).
    pub seq: Seq,
    pub place: Place<'a>,
}

/// What a known event is in the index.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place<'a> {
    Other,
    /// The message of this key.
    Message(&'a [u8]),
    /// An edit, which may be taken back.
    Edit {
        at: Millis,
        of: &'a str,
    },
    /// A reaction. Who gave it and its key are empty when it stands no more, and where they must
    /// not be kept.
    Reaction {
        message: MessageId,
        by: &'a str,
        key: &'a str,
    },
}

impl<'a> Location<'a> {
    /// The key of the message that the event is.
    pub fn message(self) -> Option<&'a [u8]> {
        match self.place {
            Place::Message(key) => Some(key),
            Place::Other | Place::Edit { .. } | Place::Reaction { .. } => None,
        }
    }

    pub fn to_bytes(self) -> Vec<u8> {
        let tag = match self.place {
            Place::Other => 0,
            Place::Message(_) => 1,
            Place::Edit { .. } => 2,
            Place::Reaction { .. } => 3,
        };
        let mut bytes = Vec::with_capacity(128);
        bytes.push(tag);
        bytes.extend_from_slice(&self.seq.to_be_bytes());
        match self.place {
            Place::Other => {}
            Place::Message(key) => bytes.extend_from_slice(key),
            Place::Edit { at, of } => {
                bytes.extend_from_slice(&at.to_be_bytes());
                bytes.extend_from_slice(of.as_bytes());
            }
            Place::Reaction { message, by, key } => {
                bytes.extend_from_slice(message.as_bytes());
                bytes.extend_from_slice(by.as_bytes());
                bytes.push(0);
                bytes.extend_from_slice(key.as_bytes());
            }
        }
        bytes
    }

    pub fn parse(bytes: &'a [u8]) -> Result<Self, StoreError> {
        let place = |bytes: &'a [u8]| {
            let (tag, rest) = bytes.split_first()?;
            let (seq, rest) = rest.split_first_chunk::<TIME>()?;
            let place = match tag {
                0 => Place::Other,
                1 if rest.len() > CHANNEL + TIME => Place::Message(rest),
                2 => Self::edit(rest)?,
                3 => Self::reaction(rest)?,
                _ => return None,
            };
            let seq = u64::from_be_bytes(*seq);
            Some(Self { seq, place })
        };
        let damaged = || StoreError::Damaged(format!("location of an event: {bytes:02x?}"));
        place(bytes).ok_or_else(damaged)
    }

    fn edit(bytes: &'a [u8]) -> Option<Place<'a>> {
        let (at, of) = bytes.split_first_chunk::<TIME>()?;
        let of = std::str::from_utf8(of).ok().filter(|of| !of.is_empty())?;
        let at = u64::from_be_bytes(*at);
        Some(Place::Edit { at, of })
    }

    fn reaction(bytes: &'a [u8]) -> Option<Place<'a>> {
        let (message, rest) = bytes.split_first_chunk()?;
        let (by, key) = std::str::from_utf8(rest).ok()?.split_once('\0')?;
        let message = MessageId(Uuid::from_bytes(*message));
        Some(Place::Reaction { message, by, key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{ChannelId, EventId};
    use crate::store::redb::keys::message;

    #[test]
    fn location_round_trips_and_refuses_noise() {
        let key = message(
            ChannelId(uuid::Uuid::from_u128(7)),
            9,
            &EventId::trusted("$a"),
        );
        for place in [
            Place::Other,
            Place::Message(&key),
            Place::Edit { at: 9, of: "$a" },
            Place::Reaction {
                message: MessageId(uuid::Uuid::from_u128(8)),
                by: "@a:s",
                key: "👍",
            },
            Place::Reaction {
                message: MessageId(uuid::Uuid::from_u128(8)),
                by: "",
                key: "",
            },
        ] {
            let location = Location { seq: 5, place };
            let bytes = location.to_bytes();
            assert_eq!(Location::parse(&bytes).expect("a location"), location);
        }
        for bad in [
            &b""[..],
            b"\x01",
            b"\x02\0\0\0\0\0\0\0\x05",
            b"\x02\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x09",
            b"\x03\0\0\0\0\0\0\0\x05",
            b"\x04\0\0\0\0\0\0\0\x05",
            b"\x01\0\0\0\0\0\0\0\x05ab",
        ] {
            assert!(Location::parse(bad).is_err(), "{bad:?}");
        }
    }
}
