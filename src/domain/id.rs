//! Identifiers. Matrix identifiers are opaque: a room id of room version 12 has no server
//! part, so nothing may ever split one.

use std::fmt;
use std::net::Ipv6Addr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Position of an event in the journal, counted from 1. Zero stands before the first event.
pub type Seq = u64;

/// Milliseconds since the Unix epoch, the unit in which Matrix counts time.
pub type Millis = u64;

/// The namespace of [`MessageId`]: UUIDv5 of the URL namespace and this project's name.
/// It is part of the public contract: changing it changes the id of every message.
const MESSAGE_NAMESPACE: Uuid = Uuid::from_u128(0x6f2d_90a6_7c0e_5b5e_9d0b_63a1_d5a3_c0de);

/// The namespace of the transactions that are named by callers' keys.
const SENDING_NAMESPACE: Uuid = Uuid::from_u128(0x1d7c_5e0a_94b2_5f61_8a3e_27c9_b04f_5e2d);

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Reads the hyphenated form.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Uuid::try_parse(text).ok().map(Self)
            }

            /// The 16 bytes that keys are made of.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The identifier as Matrix writes it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Takes an identifier that Matrix or our own rules have made.
            #[must_use]
            pub fn trusted(text: impl Into<String>) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

uuid_id! {
    /// A channel. Carried by the room's `city.daarion.channel` state event, so that it
    /// outlives the index.
    ChannelId
}

uuid_id! {
    /// A message: UUIDv5 of its Matrix event id, the same on any machine and after any rebuild.
    MessageId
}

text_id! {
    /// `!opaque`, with or without `:server`.
    RoomId
}

text_id! {
    /// `$opaque`.
    EventId
}

text_id! {
    /// `@localpart:server`.
    UserId
}

text_id! {
    /// `#localpart:server`.
    RoomAlias
}

text_id! {
    /// A homeserver: `host` or `host:port`.
    ServerName
}

impl ServerName {
    /// Accepts what may be one (Appendices, "Server Name").
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        is_server_name(text).then(|| Self(text.to_owned()))
    }
}

impl MessageId {
    /// The id of the message that this Matrix event is.
    #[must_use]
    pub fn of(event: &EventId) -> Self {
        Self(Uuid::new_v5(&MESSAGE_NAMESPACE, event.as_str().as_bytes()))
    }
}

/// What a caller names a sending by, in order to repeat it safely.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SendKey(String);

impl SendKey {
    /// For how long what was asked for by a key is remembered, in milliseconds: a day.
    pub const REMEMBERED: Millis = 24 * 60 * 60 * 1_000;

    /// Accepts 1 to 128 visible ASCII characters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=128).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_graphic());
        fits.then(|| Self(text.to_owned()))
    }

    /// The key as the caller wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The transaction of this sending: the same each time, and nobody else's, because keys are
    /// unique to a sender and a channel only.
    #[must_use]
    pub fn transaction(&self, channel: ChannelId, sender: &UserId) -> Uuid {
        let name = format!("{channel} {sender} {}", self.0);
        Uuid::new_v5(&SENDING_NAMESPACE, name.as_bytes())
    }

    /// As [`transaction`](Self::transaction), of a service's sending into any Matrix room.
    #[must_use]
    pub fn transaction_of(&self, service: &str, room: &RoomId, sender: &UserId) -> Uuid {
        let name = format!("service {service} {room} {sender} {}", self.0);
        Uuid::new_v5(&SENDING_NAMESPACE, name.as_bytes())
    }
}

impl From<Uuid> for ChannelId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl ChannelId {
    /// The channel that a room of others becomes: the same whoever says so first.
    #[must_use]
    pub fn of_room(room: &RoomId) -> Self {
        let name = format!("room {room}");
        Self(Uuid::new_v5(&SENDING_NAMESPACE, name.as_bytes()))
    }
}

impl RoomId {
    /// Accepts what may be sent on to the homeserver as a room id: `!`, then 1 to 254
    /// visible ASCII characters. Stricter would refuse room version 12 or historical ids.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        is_sigil_id(text, '!').then(|| Self(text.to_owned()))
    }
}

impl EventId {
    /// Accepts `$`, then 1 to 254 visible ASCII characters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        is_sigil_id(text, '$').then(|| Self(text.to_owned()))
    }
}

impl UserId {
    /// Accepts `@localpart:server` with at most 255 bytes of visible ASCII (historical
    /// localparts hold more than today's grammar allows).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (localpart, server) = text.strip_prefix('@')?.split_once(':')?;
        (is_sigil_id(text, '@') && !localpart.is_empty() && is_server_name(server))
            .then(|| Self(text.to_owned()))
    }

    /// The part between `@` and the first `:`.
    #[must_use]
    pub fn localpart(&self) -> &str {
        self.split().0
    }

    /// The server that the user belongs to.
    #[must_use]
    pub fn server(&self) -> &str {
        self.split().1
    }

    fn split(&self) -> (&str, &str) {
        let bare = self.0.strip_prefix('@').unwrap_or(&self.0);
        bare.split_once(':').unwrap_or((bare, ""))
    }
}

impl RoomAlias {
    /// Accepts `#localpart:server` with at most 255 bytes. The localpart may hold any
    /// character but `:` and NUL (Matrix specification, appendix "Room aliases").
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (localpart, server) = text.strip_prefix('#')?.split_once(':')?;
        let fits = text.len() <= 255 && !localpart.is_empty() && !localpart.contains('\0');
        (fits && is_server_name(server)).then(|| Self(text.to_owned()))
    }

    /// The alias `#localpart:server`, or `None` when it would be too long.
    #[must_use]
    pub fn new(localpart: &str, server: &str) -> Option<Self> {
        Self::parse(&format!("#{localpart}:{server}"))
    }

    /// The part between `#` and the first `:`, which room creation wants bare.
    #[must_use]
    pub fn localpart(&self) -> &str {
        let bare = self.0.strip_prefix('#').unwrap_or(&self.0);
        bare.split_once(':')
            .map_or(bare, |(localpart, _)| localpart)
    }
}

fn is_sigil_id(text: &str, sigil: char) -> bool {
    text.len() > 1
        && text.len() <= 255
        && text.starts_with(sigil)
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether `text` can be a Matrix server name (Appendices, Server Name): a host name, an IPv4 or
/// bracketed IPv6 address, with an optional port.
#[must_use]
pub fn is_server_name(text: &str) -> bool {
    let (host, port) = match text.rfind(':') {
        Some(colon) if !text.ends_with(']') => (&text[..colon], Some(&text[colon + 1..])),
        _ => (text, None),
    };
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let is_host = match address {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => host.split('.').all(is_host_label),
    };
    let is_port = |port: &str| {
        port.len() <= 5
            && port.bytes().all(|byte| byte.is_ascii_digit())
            && port.parse::<u16>().is_ok()
    };
    is_host && text.len() <= 230 && port.is_none_or(is_port)
}

fn is_host_label(label: &str) -> bool {
    !label.is_empty()
        && label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_id_is_fixed_by_the_event_id() {
        let id = MessageId::of(&EventId::trusted("$event"));
        assert_eq!(id, MessageId::of(&EventId::trusted("$event")));
        assert_eq!(id.to_string(), "3cf97ab6-83c9-5e3d-986c-a1a931c96ffa");
    }

    #[test]
    fn room_id_needs_no_server() {
        assert!(RoomId::parse("!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM").is_some());
        assert!(RoomId::parse("!abc:example.org").is_some());
        for bad in ["", "!", "abc", "!a b:s", "#a:b"] {
            assert!(RoomId::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn user_id_needs_both_parts() {
        let user = UserId::parse("@alice:example.org").expect("a valid user id");
        assert_eq!((user.localpart(), user.server()), ("alice", "example.org"));
        assert!(UserId::parse("@alice:[2001:db8::1]:8448").is_some());
        for bad in [
            "alice",
            "@alice",
            "@:example.org",
            "@alice:",
            "@a b:c",
            "@a:b/c",
            "@a:b:c",
            "@a:[",
            "@a:b:99999",
            "@a:[::1",
        ] {
            assert!(UserId::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn alias_is_bounded() {
        assert!(RoomAlias::new("city_general", "example.org").is_some());
        assert!(RoomAlias::new(&"a".repeat(255), "example.org").is_none());
        assert!(RoomAlias::parse("#:example.org").is_none());
    }
}
