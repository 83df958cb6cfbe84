//! The shapes of requests and answers, with the texts of the OpenAPI documents.

mod agent;
mod agent_context;
mod agent_token;
mod api_key;
mod audit;
mod channel;
mod city;
mod command;
mod doctor;
pub mod gateway;
mod invite;
mod job;
mod live;
mod member;
mod message;
mod microdao;
mod overseen;
mod overview;
mod reception;
mod scheduled;
mod service_token;
mod session;
mod setting;
mod sign_in;

use poem_openapi::Enum;

pub use self::agent::{
    Agent, AgentDeactivation, AgentPage, AgentPatch, AgentPost, NewAgent, NewOwnAgent,
    OwnAgentPatch,
};
pub use self::agent_context::AgentContext;
pub use self::agent_token::{AgentToken, AgentTokenList, MadeAgentToken, NewAgentToken};
pub use self::api_key::{ApiKey, ApiKeyList, MadeApiKey, NewApiKey};
pub use self::audit::AuditPage;
pub use self::channel::{Channel, ChannelPage, ChannelPatch, NewAdoption, NewChannel};
pub use self::city::{City, CityRoom, CityRoomPatch, NewCityRoom};
pub use self::command::{AgentCommand, CalledCommand, ChannelCommand, ChannelCommandList};
pub use self::doctor::DoctorReport;
pub use self::invite::{
    AcceptedInvite, InviteDestination, InviteLink, InviteLinkList, MadeInviteLink, NewInviteLink,
};
pub use self::job::BackfillJob;
pub use self::live::LiveFrame;
pub use self::member::{Invitation, Member, MemberPage, MemberPatch, Reason, Role};
pub use self::message::{
    Content, ContentDetail, EditedMessage, Links, Media, Message, MessagePage, MessageSurroundings,
    NewMedia, NewMessage, Order, ReactionCount, TextFormat, ThreadSummary,
};
pub use self::microdao::{
    Microdao, MicrodaoMember, MicrodaoMemberPage, MicrodaoPage, MicrodaoPatch, NewMicrodao,
};
pub use self::overseen::{
    AdminChannel, AdminChannelPage, AdminChannelPatch, ChannelHeal, Heal, NewAdminRoom, OnlinePage,
};
pub use self::overview::Overview;
pub use self::reception::{
    MessageSweep, NewMessageSweep, OwnReactionList, ReactionPage, Thread, ThreadPage,
};
pub use self::scheduled::{NewScheduled, Scheduled, ScheduledChange, ScheduledList};
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
    /// Who may register agents of their own (`agents.create`).
    AgentCreation = domain::agent::AgentCreation {
        /// Any local account.
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
    Membership = domain::member::Membership { Invited, Joined, Left, Banned, Knocking }
);
