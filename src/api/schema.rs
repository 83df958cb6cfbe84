//! The shapes of requests and answers, with the texts of the OpenAPI documents.

use poem_openapi::{Enum, Object};
use uuid::Uuid;

use super::time::Time;
use crate::domain::channel as domain;
use crate::domain::member::{self, Member as DomainMember};
use crate::domain::page::Order as DomainOrder;
use crate::service::channels::ChannelView;
use crate::service::city::CityRoom as DomainCityRoom;

macro_rules! contract_enum {
    ($(#[$doc:meta])* $name:ident = $domain:path { $($(#[$vdoc:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Enum, Clone, Copy, PartialEq, Eq, Debug)]
        #[oai(rename_all = "lowercase")]
        pub enum $name {
            $($(#[$vdoc])* $variant),+
        }

        impl From<$domain> for $name {
            fn from(value: $domain) -> Self {
                use $domain as Domain;
                match value { $(Domain::$variant => Self::$variant),+ }
            }
        }

        impl From<$name> for $domain {
            fn from(value: $name) -> Self {
                use $domain as Domain;
                match value { $($name::$variant => Domain::$variant),+ }
            }
        }
    };
}

contract_enum!(
    /// What a channel is for.
    ChannelKind = domain::ChannelKind {
        /// A room of the city.
        City,
        /// A channel of a microdao.
        Channel,
    }
);
contract_enum!(
    /// Who may come in: everybody of this homeserver, or the invited.
    Visibility = domain::Visibility { Public, Private }
);
contract_enum!(
    /// Whether a channel is in use. Archived channels can be read, not written to.
    ChannelStatus = domain::ChannelStatus { Active, Archived }
);
contract_enum!(
    /// How somebody stands to a channel.
    Membership = member::Membership { Invited, Joined, Left, Banned }
);

/// Which way a list of messages runs.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[oai(rename_all = "lowercase")]
pub enum Order {
    /// Newest first.
    #[default]
    Desc,
    /// Oldest first.
    Asc,
}

impl From<Order> for DomainOrder {
    fn from(order: Order) -> Self {
        match order {
            Order::Desc => Self::Descending,
            Order::Asc => Self::Ascending,
        }
    }
}

/// How much of a message's content is wanted.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[oai(rename_all = "lowercase")]
pub enum ContentDetail {
    /// The first 280 characters, from the index.
    #[default]
    Preview,
    /// The whole and the formatted text too, fetched from the homeserver.
    Full,
}

/// How the text of a message is to be read.
#[derive(Enum, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[oai(rename_all = "lowercase")]
pub enum TextFormat {
    /// Shown as it stands.
    #[default]
    Plain,
    /// Rendered to HTML, sanitised by the Matrix specification's allow-list.
    Markdown,
}

/// A room of the city.
#[derive(Object, Clone, Debug)]
pub struct CityRoom {
    /// `room_city_<slug>`.
    #[oai(validator(pattern = "^room_city_"))]
    pub id: String,
    /// The room's name in addresses: `a-z 0-9 - _`, 1 to 64.
    pub slug: String,
    /// The bare name, without the city's part that Matrix clients show.
    pub name: String,
    /// May be empty.
    pub description: String,
    /// The room that newcomers are shown first. A city has one.
    pub is_default: bool,
    /// Members of the room who are online now, by Matrix presence.
    pub members_online: u64,
    /// When something was last said; null when nothing ever was.
    pub last_event: Option<Time>,
    /// `!opaque`; room version 12 ids have no server part.
    pub matrix_room_id: String,
    /// `#city_<slug>:<server>`; null when somebody has taken it away in Matrix.
    pub matrix_room_alias: Option<String>,
    /// The channel that the room is, for the messaging operations.
    pub channel_id: Uuid,
    /// Whether the room is in use.
    pub status: ChannelStatus,
    /// Who may come in.
    pub visibility: Visibility,
    /// The entity that made it; null when a service or a backfill did.
    pub created_by: Option<String>,
    /// When it was made.
    pub created_at: Time,
}

impl From<DomainCityRoom> for CityRoom {
    fn from(room: DomainCityRoom) -> Self {
        let channel = &room.channel;
        Self {
            id: channel.city_id(),
            slug: channel.slug.clone(),
            name: channel.name.clone(),
            description: channel.description.clone(),
            is_default: channel.is_default,
            members_online: room.members_online,
            last_event: room.last_event.map(Time),
            matrix_room_id: channel.room.to_string(),
            matrix_room_alias: channel.alias.as_ref().map(ToString::to_string),
            channel_id: channel.id.0,
            status: channel.status.into(),
            visibility: channel.visibility.into(),
            created_by: channel.created_by.clone(),
            created_at: Time(channel.created_at),
        }
    }
}

/// A city room to be made.
#[derive(Object, Clone, Debug)]
pub struct NewCityRoom {
    /// 1 to 128 characters on one line.
    pub name: String,
    /// `a-z 0-9 - _`, 1 to 64; made of the name when absent, Ukrainian transliterated by the
    /// national standard.
    pub slug: Option<String>,
    /// At most 1,000 characters.
    #[oai(default)]
    pub description: String,
    /// `public` when absent.
    pub visibility: Option<Visibility>,
    /// Makes it the city's default room. The first room becomes that by itself.
    pub is_default: Option<bool>,
}

/// What of a city room is to be changed. What is absent stays.
#[derive(Object, Clone, Debug)]
pub struct CityRoomPatch {
    /// 1 to 128 characters on one line.
    pub name: Option<String>,
    /// At most 1,000 characters; empty clears it.
    pub description: Option<String>,
    /// `true` makes it the default room; `false` is refused for the room that is.
    pub is_default: Option<bool>,
}

/// A channel.
#[derive(Object, Clone, Debug)]
pub struct Channel {
    /// Stays the same through any rebuild of the index.
    pub id: Uuid,
    /// What it is for.
    pub kind: ChannelKind,
    /// `a-z 0-9 - _`, 1 to 64.
    pub slug: String,
    /// What people call it.
    pub name: String,
    /// May be empty.
    pub description: String,
    /// `microdao:<name>`.
    pub microdao_id: String,
    /// Who may come in.
    pub visibility: Visibility,
    /// Whether it is in use.
    pub status: ChannelStatus,
    /// End-to-end encrypted: daarion sees that something was said, never what.
    pub confidential: bool,
    /// `!opaque`; room version 12 ids have no server part.
    pub matrix_room_id: String,
    /// `#<slug>-<microdao>:<server>`, for city rooms `#city_<slug>:<server>`.
    pub matrix_room_alias: Option<String>,
    /// The entity that made it; null when a service or a backfill did.
    pub created_by: Option<String>,
    /// When it was made.
    pub created_at: Time,
    /// When something was last said; null when nothing ever was.
    pub last_event: Option<Time>,
    /// How the caller stands to it; null without any relation.
    pub membership: Option<Membership>,
}

impl From<ChannelView> for Channel {
    fn from(view: ChannelView) -> Self {
        let channel = &view.channel;
        Self {
            id: channel.id.0,
            kind: channel.kind.into(),
            slug: channel.slug.clone(),
            name: channel.name.clone(),
            description: channel.description.clone(),
            microdao_id: channel.microdao.clone(),
            visibility: channel.visibility.into(),
            status: channel.status.into(),
            confidential: channel.confidential,
            matrix_room_id: channel.room.to_string(),
            matrix_room_alias: channel.alias.as_ref().map(ToString::to_string),
            created_by: channel.created_by.clone(),
            created_at: Time(channel.created_at),
            last_event: view.last_event.map(Time),
            membership: view.membership.map(Into::into),
        }
    }
}

/// A channel to be made.
#[derive(Object, Clone, Debug)]
pub struct NewChannel {
    /// 1 to 128 characters on one line.
    pub name: String,
    /// `a-z 0-9 - _`, 1 to 64; made of the name when absent.
    pub slug: Option<String>,
    /// `microdao:<name>`; the city itself when absent.
    pub microdao_id: Option<String>,
    /// `public` when absent.
    pub visibility: Option<Visibility>,
    /// At most 1,000 characters.
    #[oai(default)]
    pub description: String,
    /// End-to-end encrypted from the beginning, for good.
    #[oai(default)]
    pub confidential: bool,
}

/// A page of channels.
#[derive(Object, Clone, Debug)]
pub struct ChannelPage {
    pub items: Vec<Channel>,
    /// Give it as `cursor` for the next page; null at the end.
    pub next: Option<String>,
}

/// A message: a reference to a Matrix event with as much of it as a list shows.
#[derive(Object, Clone, Debug)]
pub struct Message {
    /// UUIDv5 of the Matrix event id: the same after any rebuild, on any machine.
    pub id: Uuid,
    pub channel_id: Uuid,
    /// `$opaque`.
    pub matrix_event_id: String,
    /// Who said it: `user:<localpart>`, `user:<localpart>:<server>` or `agent:<name>`.
    pub sender_id: String,
    /// `human` or `agent`.
    pub sender_type: String,
    /// `@localpart:server`.
    pub sender_matrix_id: String,
    /// The Matrix message type: `m.text`, `m.notice`, `m.emote`, `m.image`, `m.file`,
    /// `m.audio`, `m.video`, `m.location`; `m.room.encrypted` for what only its readers'
    /// clients can open; other values are types that this version does not know.
    pub msgtype: String,
    /// The first 280 characters of the plain text. Empty when deleted or encrypted.
    pub content_preview: String,
    /// Whether the text goes on behind the preview.
    pub truncated: bool,
    /// The message that this one answers.
    pub reply_to: Option<Uuid>,
    /// The root message of the thread that this one is in.
    pub thread_id: Option<Uuid>,
    /// The file that it carries.
    pub media: Option<Media>,
    /// When the homeserver received it, never later than its arrival here.
    pub created_at: Time,
    /// When it was last edited; null when it never was.
    pub edited_at: Option<Time>,
    /// Whether it was redacted.
    pub deleted: bool,
    /// The whole content, only with `content=full`; null then when it is deleted, encrypted
    /// or gone from the homeserver.
    #[oai(skip_serializing_if_is_none)]
    pub content: Option<Content>,
}

/// A file that a message carries.
#[derive(Object, Clone, Debug)]
pub struct Media {
    /// `mxc://server/id`; null for an encrypted file.
    pub url: Option<String>,
    /// As the sender says, e.g. `image/png`.
    pub mimetype: Option<String>,
    /// In bytes, as the sender says.
    pub size: Option<u64>,
}

/// A message's content in full.
#[derive(Object, Clone, Debug)]
pub struct Content {
    /// The plain text.
    pub body: String,
    /// HTML, sanitised by the Matrix specification's allow-list.
    pub formatted_body: Option<String>,
}

/// A page of messages.
#[derive(Object, Clone, Debug)]
pub struct MessagePage {
    pub items: Vec<Message>,
    /// Give it as `cursor` for the next page; null at the end.
    pub next: Option<String>,
}

/// A message to be sent.
#[derive(Object, Clone, Debug)]
pub struct NewMessage {
    /// 1 to 30,000 bytes of UTF-8, not blank.
    pub text: String,
    /// `plain` when absent.
    #[oai(default)]
    pub format: TextFormat,
    /// The message that this one answers.
    pub reply_to: Option<Uuid>,
    /// The root message of a thread to speak in.
    pub thread_id: Option<Uuid>,
    /// Entities to be notified, at most 50.
    #[oai(default)]
    pub mentions: Vec<String>,
}

/// Something that an agent says.
#[derive(Object, Clone, Debug)]
pub struct AgentPost {
    /// A channel that the agent is a member of.
    pub channel_id: Uuid,
    /// 1 to 30,000 bytes of UTF-8, not blank.
    pub text: String,
    /// `plain` when absent.
    #[oai(default)]
    pub format: TextFormat,
    /// The message that this one answers.
    pub reply_to: Option<Uuid>,
    /// The root message of a thread to speak in.
    pub thread_id: Option<Uuid>,
    /// Entities to be notified, at most 50.
    #[oai(default)]
    pub mentions: Vec<String>,
}

/// A member of a channel.
#[derive(Object, Clone, Debug)]
pub struct Member {
    /// `user:<localpart>`, `user:<localpart>:<server>` or `agent:<name>`.
    pub member_id: String,
    /// `@localpart:server`.
    pub matrix_user_id: String,
    /// `human` or `agent`.
    pub member_type: String,
    /// As the member is called in this channel; null without a display name.
    pub display_name: Option<String>,
    /// How the member stands to the channel.
    pub membership: Membership,
    /// `owner`, `member` or `agent`.
    pub role: String,
    /// The Matrix user who brought the membership about.
    pub by: String,
    /// Since when.
    pub since: Time,
}

impl Member {
    /// A member as the contract shows it.
    #[must_use]
    pub fn new(member: &DomainMember, created_by: Option<&str>) -> Self {
        Self {
            member_id: member.entity.to_string(),
            matrix_user_id: member.user.to_string(),
            member_type: member.entity.kind().as_str().to_owned(),
            display_name: member.display_name.clone(),
            membership: member.membership.into(),
            role: member.role(created_by).to_owned(),
            by: member.by.to_string(),
            since: Time(member.since),
        }
    }
}

/// A page of members.
#[derive(Object, Clone, Debug)]
pub struct MemberPage {
    pub items: Vec<Member>,
    /// Give it as `cursor` for the next page; null at the end.
    pub next: Option<String>,
}

/// Somebody to be invited.
#[derive(Object, Clone, Debug)]
pub struct Invitation {
    /// `user:<localpart>`, `user:<localpart>:<server>` or `agent:<name>`. Agents come in at
    /// once, people accept in their client.
    pub member_id: String,
}

/// An agent.
#[derive(Object, Clone, Debug)]
pub struct Agent {
    /// `agent:<name>`.
    pub id: String,
    /// What people see.
    pub display_name: String,
    /// `@localpart:server`.
    pub matrix_user_id: String,
    /// When it was registered.
    pub created_at: Time,
}

impl From<member::Agent> for Agent {
    fn from(agent: member::Agent) -> Self {
        Self {
            id: format!("agent:{}", agent.name),
            display_name: agent.display_name,
            matrix_user_id: agent.user.to_string(),
            created_at: Time(agent.created_at),
        }
    }
}

/// An agent to be registered.
#[derive(Object, Clone, Debug)]
pub struct NewAgent {
    /// `agent:<name>`, the name 1 to 64 of `a-z 0-9 . _ = - /`.
    pub id: String,
    /// The name when absent.
    pub display_name: Option<String>,
    /// An existing user of this homeserver that the agent shall be; it gets a user of its own,
    /// `@agent_<name>:<server>`, when absent.
    pub matrix_user_id: Option<String>,
}

/// What of an agent is to be changed.
#[derive(Object, Clone, Debug)]
pub struct AgentPatch {
    /// 1 to 128 characters on one line.
    pub display_name: String,
}

/// A page of agents.
#[derive(Object, Clone, Debug)]
pub struct AgentPage {
    pub items: Vec<Agent>,
    /// Give it as `cursor` for the next page; null at the end.
    pub next: Option<String>,
}

#[cfg(test)]
mod tests {
    use poem_openapi::types::{ParseFromJSON, ToJSON};

    use super::*;
    use crate::payload::{MediaJson, MessageJson, Rfc3339};

    /// What lists answer is stored ready to send; the documented shape must be the same.
    #[test]
    fn documented_message_is_the_stored_one() {
        let stored = MessageJson {
            id: crate::domain::id::MessageId(Uuid::from_u128(1)),
            channel_id: crate::domain::id::ChannelId(Uuid::from_u128(2)),
            matrix_event_id: crate::domain::id::EventId::trusted("$e"),
            sender_id: "user:alice".into(),
            sender_type: "human".into(),
            sender_matrix_id: crate::domain::id::UserId::trusted("@alice:s"),
            msgtype: "m.image".into(),
            content_preview: "cat.png".into(),
            truncated: false,
            reply_to: None,
            thread_id: Some(crate::domain::id::MessageId(Uuid::from_u128(3))),
            media: Some(MediaJson {
                url: Some("mxc://s/i".into()),
                mimetype: Some("image/png".into()),
                size: Some(7),
            }),
            created_at: Rfc3339(1_732_444_200_123),
            edited_at: None,
            deleted: false,
        };
        let stored = serde_json::to_value(&stored).expect("a message is JSON");
        let documented = Message::parse_from_json(Some(stored.clone())).expect("the same shape");
        let documented = documented.to_json().expect("a message is JSON");
        assert_eq!(stored["created_at"], "2024-11-24T10:30:00.123Z");
        assert_eq!(documented, stored);
    }
}
