//! What tells receivers, and where it may not go.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::config::{self, Config, ListenAddr};
use crate::consumer::webhooks::{Deliveries, Outlet, Workshop};
use crate::domain::network::{Range, Reach};
use crate::domain::webhook::Schedule;
use crate::recent::Recent;
use crate::service::Core;
use crate::service::auth::Auth;

pub fn deliveries(
    config: &Config,
    core: &Core,
    recent: &Arc<Recent>,
    auth: &Arc<Auth>,
) -> anyhow::Result<Deliveries> {
    let webhooks = &config.webhooks;
    let auth = auth.clone();
    let ranges = |list: &[config::IpRange]| {
        let range = |range: &config::IpRange| Range {
            address: range.address,
            prefix_bits: range.prefix_bits,
        };
        list.iter().map(range).collect()
    };
    let reach = Reach {
        allow: ranges(&webhooks.allow),
        deny: ranges(&webhooks.deny),
    };
    let schedule = Schedule {
        quick: webhooks.quick_retries.clone(),
        long: webhooks.schedule.clone(),
    };
    let workshop = Workshop {
        store: core.store.clone(),
        recent: recent.clone(),
        directory: core.directory.clone(),
        indexed: core.indexed.clone(),
        clock: core.clock.clone(),
        patience: schedule.patience(config.journal.retention),
        schedule,
        outlet: Outlet::new(
            reach,
            own_addresses(config),
            webhooks.timeout,
            core.clock.clone(),
        )?,
        caller_of: Box::new(move |webhook| auth.services.caller_of(webhook)),
    };
    Ok(Deliveries::new(workshop, core.store.journal.bell()))
}

/// Where daarion listens, as far as it is written down.
fn own_addresses(config: &Config) -> Vec<SocketAddr> {
    let all = config.listen.public.iter().chain(&config.listen.internal);
    let addresses = all.filter_map(|address| match address {
        ListenAddr::Tcp(address) if address.port() != 0 => Some(*address),
        _ => None,
    });
    addresses.collect()
}
