//! The shapes of requests and answers, with the texts of the OpenAPI documents.

mod agent;
mod api_key;
mod channel;
mod city;
mod doctor;
pub mod gateway;
mod job;
mod live;
mod member;
mod message;
mod overseen;
mod overview;
mod reception;
mod service_token;
mod session;
mod setting;
mod sign_in;

use poem_openapi::Enum;

pub use self::agent::{Agent, AgentPage, AgentPatch, AgentPost, NewAgent};
pub use self::api_key::{ApiKey, ApiKeyList, MadeApiKey, NewApiKey};
pub use self::channel::{Channel, ChannelPage, NewChannel};
pub use self::city::{City, CityRoom, CityRoomPatch, NewCityRoom};
pub use self::doctor::DoctorReport;
pub use self::job::BackfillJob;
pub use self::live::LiveFrame;
pub use self::member::{Invitation, Member, MemberPage};
pub use self::message::{
    Content, ContentDetail, EditedMessage, Links, Media, Message, MessagePage, MessageSurroundings,
    NewMedia, NewMessage, Order, ReactionCount, TextFormat, ThreadSummary,
};
pub use self::overseen::{
    AdminChannel, AdminChannelPage, AdminChannelPatch, ChannelHeal, Heal, NewAdminRoom, OnlinePage,
};
pub use self::overview::Overview;
pub use self::reception::{
    MessageSweep, NewMessageSweep, OwnReactionList, ReactionPage, Thread, ThreadPage,
};
pub use self::service_token::{MadeServiceToken, NewServiceToken, ServiceToken, ServiceTokenList};
pub use self::session::{EndedSessions, Session, SessionList};
pub use self::setting::EffectiveConfig;
pub use self::sign_in::{
    Grant, Login, Me, OpenIdLogin, OperatorGrant, OperatorLogin, OperatorSession, RefreshRequest,
    SignInMethods, Ticket, Via,
};
use crate::domain;

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
    ChannelKind = domain::channel::ChannelKind {
        /// A room of the city.
        City,
        /// A channel of a microdao.
        Channel,
        /// A Matrix room that a service had made.
        Gateway,
    }
);
contract_enum!(
    /// Who may create city rooms (`city.create`).
    CityCreation = domain::access::CityCreation {
        /// Any member.
        Members,
        /// Operators alone.
        Operators,
    }
);
contract_enum!(
    /// Who may come in: everybody of this homeserver, or the invited.
    Visibility = domain::channel::Visibility { Public, Private }
);
contract_enum!(
    /// Whether a channel is in use. Archived channels can be read, not written to.
    ChannelStatus = domain::channel::ChannelStatus { Active, Archived }
);
contract_enum!(
    /// How somebody stands to a channel.
    Membership = domain::member::Membership { Invited, Joined, Left, Banned }
);
