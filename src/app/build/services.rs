//! The services, made of the parts below them.

use std::sync::Arc;

use super::gateway::Ground;
use crate::api::Services;
use crate::config::{self, Config};
use crate::consumer::audit::Audited;
use crate::consumer::webhooks::Deliveries;
use crate::service::Core;
use crate::service::agents::Agents;
use crate::service::audit::Audit;
use crate::service::auth::Auth;
use crate::service::backfill::Backfill;
use crate::service::channels::Channels;
use crate::service::city::City;
use crate::service::creation::Creator;
use crate::service::doctor::Doctor;
use crate::service::health::Health;
use crate::service::invites::Invites;
use crate::service::link::Link;
use crate::service::members::Members;
use crate::service::messages::Messages;
use crate::service::microdaos::Microdaos;
use crate::service::online::Online;
use crate::service::oversight::Oversight;
use crate::service::presence::Presence;
use crate::service::scheduled::Schedule;
use crate::service::status::StatusService;
use crate::service::webhooks::Webhooks;
use crate::telemetry;

/// Parts that are made before the services.
pub struct Made {
    pub auth: Arc<Auth>,
    pub doctor: Arc<Doctor>,
    pub ground: Ground,
    pub deliveries: Arc<Deliveries>,
    pub audited: Audited,
}

pub fn services(
    config: &Config,
    core: &Arc<Core>,
    (creator, presence, link): (&Arc<Creator>, &Arc<Presence>, &Arc<Link>),
    made: Made,
) -> Services {
    let city = Arc::new(City::new(core.clone(), creator.clone(), presence.clone()));
    let messages = Arc::new(Messages::new(core.clone()));
    let health = Arc::new(Health::new(core.clone(), link.clone()));
    let online = Arc::new(Online::new(core.clone(), presence.clone()));
    let oversight = Oversight::new(core.clone(), city.clone(), presence.clone());
    let homeserver_url = config.matrix.homeserver_url.as_str();
    let status = StatusService {
        core: core.clone(),
        health: health.clone(),
        link: link.clone(),
        online: online.clone(),
        problems: telemetry::problems(),
        retention: config.journal.retention,
        homeserver_url: homeserver_url.trim_end_matches('/').to_owned(),
        started_at: core.clock.now(),
    };
    let agents = Arc::new(Agents::new(
        core.clone(),
        messages.clone(),
        made.auth.clone(),
    ));
    let requests = made.ground.requests.clone();
    let rooms = made.ground.build(config, core, &agents, &made.auth);
    let webhooks = Webhooks::new(
        core.clone(),
        made.deliveries,
        rooms.gateway.clone(),
        made.auth.clone(),
    );
    Services {
        channels: Arc::new(Channels::new(core.clone(), creator.clone())),
        members: Arc::new(Members::new(core.clone())),
        schedule: Arc::new(Schedule::new(core.clone(), messages.clone())),
        invites: Arc::new(Invites::new(core.clone())),
        microdaos: Arc::new(Microdaos::new(core.clone())),
        gateway: rooms.gateway,
        agents,
        backfill: Arc::new(Backfill::new(core.clone(), city.clone(), creator.clone())),
        oversight: Arc::new(oversight),
        status: Arc::new(status),
        settings: config::settings(config).into(),
        sync: rooms.sync,
        history: rooms.history,
        media: rooms.media,
        webhooks: Arc::new(webhooks),
        requests,
        online,
        presence: presence.clone(),
        health,
        auth: made.auth,
        audit: Arc::new(Audit::new(core.clone(), made.audited)),
        doctor: made.doctor,
        messages,
        city,
    }
}
