//! The public contract: one poem-openapi struct an area, each operation with its text.
//!
//! Turns requests into calls of `service` and outcomes into statuses and bodies; decides
//! nothing itself. Begin with [`Services`].

pub mod admin;
pub mod admin_session;
pub mod agents;
pub mod audit;
pub mod auth;
pub mod body;
pub mod bridge;
pub mod channels;
pub mod city;
pub mod error;
pub mod gateway;
pub mod invites;
pub mod keys;
pub mod live;
pub mod media;
pub mod members;
pub mod messages;
pub mod microdaos;
pub mod once;
pub mod rendered;
pub mod schema;
pub mod scopes;
pub mod sessions;
pub mod sign_in;
pub mod sso;
pub mod system;
pub mod time;
pub mod visit;
mod webhooks;

use std::sync::Arc;

use poem_openapi::{LicenseObject, OpenApiService, Tags};

use self::schema::gateway::webhook_payload::Receiver;
use crate::config::Setting;
use crate::service::agents::Agents;
use crate::service::audit::Audit;
use crate::service::auth::Auth;
use crate::service::backfill::Backfill;
use crate::service::channels::Channels;
use crate::service::city::City;
use crate::service::doctor::Doctor;
use crate::service::gateway::Gateway;
use crate::service::gateway::history::History;
use crate::service::gateway::sync::EventSync;
use crate::service::health::Health;
use crate::service::idempotency::Requests;
use crate::service::invites::Invites;
use crate::service::media::Media;
use crate::service::members::Members;
use crate::service::messages::Messages;
use crate::service::microdaos::Microdaos;
use crate::service::online::Online;
use crate::service::oversight::Oversight;
use crate::service::presence::Presence;
use crate::service::scheduled::Schedule;
use crate::service::status::StatusService;
use crate::service::webhooks::Webhooks;

/// What the operations call.
#[derive(Clone)]
pub struct Services {
    pub city: Arc<City>,
    pub channels: Arc<Channels>,
    pub messages: Arc<Messages>,
    pub members: Arc<Members>,
    pub schedule: Arc<Schedule>,
    pub microdaos: Arc<Microdaos>,
    pub invites: Arc<Invites>,
    pub agents: Arc<Agents>,
    pub backfill: Arc<Backfill>,
    pub health: Arc<Health>,
    pub auth: Arc<Auth>,
    pub audit: Arc<Audit>,
    pub status: Arc<StatusService>,
    pub oversight: Arc<Oversight>,
    pub online: Arc<Online>,
    pub presence: Arc<Presence>,
    pub doctor: Arc<Doctor>,
    pub gateway: Arc<Gateway>,
    pub sync: Arc<EventSync>,
    pub history: Arc<History>,
    pub media: Arc<Media>,
    pub webhooks: Arc<Webhooks>,
    /// Those that their callers have named.
    pub requests: Arc<Requests>,
    /// The configuration that is in force.
    pub settings: Arc<[Setting]>,
}

/// Groups of operations.
#[derive(Tags)]
pub enum Tag {
    /// People sign in with their Matrix account.
    Auth,
    /// Programs that a person lets use the API for them.
    Keys,
    /// Rooms of the city: shared by everybody, each backed by a Matrix room.
    City,
    /// Channels, their messages and their members.
    Messaging,
    /// Bots of the installation.
    Agents,
    /// Matrix for services that do not know Matrix.
    Gateway,
    /// Files, for whoever has a signed address of one.
    Media,
    /// What only operators may see and do: local accounts, and people listed in
    /// `auth.operators`.
    Admin,
    /// How the program itself does.
    System,
}

/// Operations of the public listener.
pub type Public = (
    city::CityApi,
    channels::ChannelsApi,
    messages::MessagesArea,
    members::MembersArea,
    microdaos::MicrodaosApi,
    invites::InvitesApi,
    live::LiveApi,
    sign_in::SignInApi,
    sso::SsoApi,
    sessions::SessionsApi,
    keys::KeysApi,
    agents::OwnAgentsArea,
    admin_session::AdminSessionApi,
    admin::AdminApi,
    audit::AuditApi,
    media::MediaApi,
);

/// Operations of the internal listener.
pub type Internal = (
    bridge::BridgeApi,
    agents::AgentsArea,
    gateway::GatewayApi,
    media::MediaApi,
);

/// What the internal listener has.
type InternalAll = (Internal, system::SystemApi);

fn license() -> LicenseObject {
    LicenseObject::new("MIT").url("https://spdx.org/licenses/MIT.html")
}

/// The public listener's operations and their document.
#[must_use]
pub fn public(services: &Services) -> OpenApiService<(Public, system::SystemApi), ()> {
    let apis = (
        city::CityApi(services.clone()),
        channels::ChannelsApi(services.clone()),
        messages::all(services),
        members::all(services),
        microdaos::MicrodaosApi(services.clone()),
        invites::InvitesApi(services.clone()),
        live::LiveApi,
        sign_in::SignInApi(services.clone()),
        sso::SsoApi(services.clone()),
        sessions::SessionsApi(services.clone()),
        keys::KeysApi(services.clone()),
        agents::public(services),
        admin_session::AdminSessionApi(services.clone()),
        admin::all(services),
        audit::AuditApi(services.clone()),
        media::MediaApi(services.clone()),
    );
    let system = system::SystemApi(services.clone());
    OpenApiService::new((apis, system), "daarion", env!("CARGO_PKG_VERSION"))
        .license(license())
        .description(include_str!("api/public.md"))
}

/// The internal listener's operations and their document.
#[must_use]
pub fn internal(services: &Services) -> OpenApiService<InternalAll, &'static dyn Receiver> {
    let apis = (
        bridge::BridgeApi(services.clone()),
        agents::internal(services),
        gateway::all(services),
        media::MediaApi(services.clone()),
    );
    let system = system::SystemApi(services.clone());
    OpenApiService::new(
        (apis, system),
        "daarion internal",
        env!("CARGO_PKG_VERSION"),
    )
    .webhooks::<&'static dyn Receiver>()
    .license(license())
    .description(include_str!("api/internal.md"))
}
