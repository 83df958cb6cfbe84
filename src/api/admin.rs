//! What operators see and do (`/api/admin`): one file a page of the administration.
//!
//! Every operation begins with the extractor `Operator`, which lets nobody else pass.

mod agents;
mod backfill;
mod channels;
mod doctor;
mod overview;
mod people;
mod services;
mod settings;
mod webhooks;

use super::Services;

/// All operations of the area.
pub type AdminApi = (
    overview::OverviewApi,
    people::AdminPeopleApi,
    channels::AdminChannelsApi,
    backfill::AdminBackfillApi,
    agents::AdminAgentsApi,
    settings::SettingsApi,
    doctor::DoctorApi,
    webhooks::AdminWebhooksApi,
    services::ServicesApi,
);

/// The operations over these services.
pub fn all(services: &Services) -> AdminApi {
    (
        overview::OverviewApi(services.clone()),
        people::AdminPeopleApi(services.clone()),
        channels::AdminChannelsApi(services.clone()),
        backfill::AdminBackfillApi(services.clone()),
        agents::AdminAgentsApi(services.clone()),
        settings::SettingsApi(services.clone()),
        doctor::DoctorApi(services.clone()),
        webhooks::AdminWebhooksApi(services.clone()),
        services::ServicesApi(services.clone()),
    )
}
