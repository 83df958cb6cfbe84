//! Channels: conversations that are backed by exactly one Matrix room each.

use super::error::{Error, Result};
use super::id::{ChannelId, Millis, RoomAlias, RoomId};
use super::member::Membership;

/// The type of the state event that makes a Matrix room a channel.
pub const STATE_TYPE: &str = "city.daarion.channel";

/// What a channel is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChannelKind {
    /// A room of the city, listed at `/api/city/rooms`.
    City,
    /// A channel of a microdao.
    Channel,
    /// A Matrix room that a service had made by `/internal/matrix/create-room`.
    Gateway,
}

/// Who may come in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Visibility {
    /// Any local person may join.
    Public,
    /// By invitation.
    Private,
}

/// Whether a channel is in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChannelStatus {
    Active,
    /// Readable, closed for writing; the Matrix room stays.
    Archived,
}

macro_rules! words {
    ($type:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $type {
            /// The word that contracts and records use.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// Reads the word back.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

words!(ChannelKind { City = "city", Channel = "channel", Gateway = "gateway" });
words!(Visibility { Public = "public", Private = "private" });
words!(ChannelStatus { Active = "active", Archived = "archived" });

/// A channel as the index knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Channel {
    pub id: ChannelId,
    pub kind: ChannelKind,
    pub slug: String,
    /// The bare name, without the city's prefix.
    pub name: String,
    pub description: String,
    /// `microdao:<name>`.
    pub microdao: String,
    pub visibility: Visibility,
    /// Encrypted: nothing of its content is kept, nor of what was said there before.
    pub confidential: bool,
    pub status: ChannelStatus,
    /// The city room that newcomers are shown first.
    pub is_default: bool,
    /// Whether people may ask to be let in: a private channel that is told of to whoever knows its
    /// id or its alias, and asks by it.
    pub accepts_knocks: bool,
    /// How long people below moderator wait between two messages; 0: not at all.
    pub slow_mode_seconds: u32,
    pub room: RoomId,
    /// The rooms that it had before its room was upgraded, the oldest first.
    pub former: Vec<RoomId>,
    pub alias: Option<RoomAlias>,
    /// The entity that made it; `None` for rooms that a service or a backfill made.
    pub created_by: Option<String>,
    pub created_at: Millis,
}

/// What of a channel has been set anew.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ChannelChange {
    Name(String),
    Description(String),
    Alias(Option<RoomAlias>),
    /// Who may come in.
    Visibility(Visibility),
    /// Whoever is invited, and others may ask: a private channel that accepts knocks.
    Knockable,
    /// It is encrypted from here on, for good: Matrix knows no way back.
    Encrypted,
    /// Its room was upgraded: this one is its room from here on.
    Room(RoomId),
    /// What the `city.daarion.channel` state event carries and may change.
    Settings {
        status: ChannelStatus,
        is_default: bool,
        slow_mode_seconds: u32,
        /// The person or agent who had the connector set it, as the room tells.
        changed_by: Option<String>,
    },
}

impl Channel {
    /// The document's public id of a city room.
    #[must_use]
    pub fn city_id(&self) -> String {
        format!("room_city_{}", self.slug)
    }

    /// Whether somebody who stands so to the channel may know of it.
    #[must_use]
    pub fn is_visible_to(&self, membership: Option<Membership>) -> bool {
        match membership {
            Some(Membership::Joined | Membership::Invited) => true,
            Some(Membership::Banned) => false,
            // Asking to be let in opens nothing.
            Some(Membership::Left | Membership::Knocking) | None => {
                self.visibility == Visibility::Public
            }
        }
    }

    /// Whether this room is or was the channel's.
    #[must_use]
    pub fn has_had(&self, room: &RoomId) -> bool {
        self.room == *room || self.former.contains(room)
    }

    /// Every room that it has or had, the present one first.
    pub fn rooms(&self) -> impl Iterator<Item = &RoomId> {
        std::iter::once(&self.room).chain(self.former.iter().rev())
    }

    fn move_to(&mut self, room: &RoomId) {
        if !self.has_had(room) {
            let before = std::mem::replace(&mut self.room, room.clone());
            self.former.push(before);
        }
    }

    /// Applies a change.
    pub fn apply(&mut self, change: &ChannelChange) {
        match change {
            ChannelChange::Name(name) => self.name.clone_from(name),
            ChannelChange::Description(text) => self.description.clone_from(text),
            ChannelChange::Alias(alias) => self.alias.clone_from(alias),
            ChannelChange::Visibility(visibility) => {
                self.visibility = *visibility;
                self.accepts_knocks = false;
            }
            ChannelChange::Knockable => {
                self.visibility = Visibility::Private;
                self.accepts_knocks = true;
            }
            ChannelChange::Encrypted => self.confidential = true,
            ChannelChange::Room(room) => self.move_to(room),
            ChannelChange::Settings {
                status,
                is_default,
                slow_mode_seconds,
                changed_by: _,
            } => {
                self.status = *status;
                self.is_default = *is_default;
                self.slow_mode_seconds = *slow_mode_seconds;
            }
        }
    }
}

/// How the Matrix names of city rooms are made.
#[derive(Clone, Debug)]
pub struct CityNaming {
    /// The city's name.
    pub city: String,
    /// What a city alias begins with, `city_`.
    pub room_prefix: String,
    /// `{city} — {room}`.
    pub matrix_name: String,
    pub server_name: String,
}

impl CityNaming {
    /// The Matrix name of a city room.
    #[must_use]
    pub fn matrix_name(&self, room: &str) -> String {
        // The room's name goes in last: it may hold "{city}" itself.
        let (before, after) = self.template();
        format!("{before}{room}{after}")
    }

    /// The city's own name for a room, from its Matrix name (which a person may have
    /// changed in any client, with or without the city's part).
    #[must_use]
    pub fn room_name(&self, matrix_name: &str) -> String {
        let (before, after) = self.template();
        matrix_name
            .strip_prefix(before.as_str())
            .and_then(|rest| rest.strip_suffix(after.as_str()))
            .unwrap_or(matrix_name)
            .to_owned()
    }

    /// The alias of a city room.
    pub fn alias(&self, slug: &str) -> Result<RoomAlias> {
        alias(&format!("{}{slug}", self.room_prefix), &self.server_name)
    }

    /// Whether an alias is of the form that city rooms have.
    #[must_use]
    pub fn is_of_city(&self, alias: &RoomAlias) -> bool {
        alias.localpart().starts_with(&self.room_prefix)
    }

    fn template(&self) -> (String, String) {
        let (before, after) = self
            .matrix_name
            .split_once("{room}")
            .unwrap_or((self.matrix_name.as_str(), ""));
        (
            before.replace("{city}", &self.city),
            after.replace("{city}", &self.city),
        )
    }
}

/// The alias of a microdao's channel: `#<slug>-<microdao>:<server>`.
pub fn channel_alias(slug: &str, microdao: &str, server_name: &str) -> Result<RoomAlias> {
    let bare = super::microdao::bare(microdao);
    alias(&format!("{slug}-{bare}"), server_name)
}

fn alias(localpart: &str, server_name: &str) -> Result<RoomAlias> {
    RoomAlias::new(localpart, server_name)
        .ok_or_else(|| Error::invalid("slug", "makes a Matrix alias of more than 255 bytes"))
}

/// Checks `microdao:<name>`, the name being 1 to 64 of `a-z 0-9 - _`.
pub fn check_microdao(microdao: &str) -> Result<()> {
    super::microdao::check("microdao_id", microdao)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn city_names_go_there_and_back() {
        let naming = CityNaming {
            city: "DAARION City".into(),
            room_prefix: "city_".into(),
            matrix_name: "{city} — {room}".into(),
            server_name: "daarion.space".into(),
        };
        assert_eq!(naming.matrix_name("Energy"), "DAARION City — Energy");
        assert_eq!(naming.room_name("DAARION City — Energy"), "Energy");
        assert_eq!(
            naming.room_name("Renamed in a client"),
            "Renamed in a client"
        );
        assert_eq!(naming.matrix_name("{city}"), "DAARION City — {city}");
        let alias = naming.alias("general").expect("an alias");
        assert_eq!(alias.as_str(), "#city_general:daarion.space");
        assert!(naming.is_of_city(&alias));
        let channels = channel_alias("cityhall", "microdao:x", "daarion.space");
        assert!(!naming.is_of_city(&channels.expect("an alias")));
    }

    #[test]
    fn channel_alias_is_the_documents() {
        let alias = channel_alias("test", "microdao:daarion", "daarion.city").expect("an alias");
        assert_eq!(alias.as_str(), "#test-daarion:daarion.city");
    }

    #[test]
    fn microdao_is_checked() {
        assert_eq!(check_microdao("microdao:7"), Ok(()));
        for bad in ["", "daarion", "microdao:", "microdao:A B", "microdao:a:b"] {
            assert!(check_microdao(bad).is_err(), "{bad:?}");
        }
    }
}
