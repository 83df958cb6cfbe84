//! Every part, made of the configuration and of the parts below it.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::api::Services;
use crate::api::auth::Gate;
use crate::clock::Clock;
use crate::config::{ActAs, Config, CreateBy};
use crate::consumer::hub::Hub;
use crate::consumer::index::IndexConsumer;
use crate::directory::Directory;
use crate::domain::access::CityCreation;
use crate::domain::channel::CityNaming;
use crate::domain::entity::{Entity, Naming};
use crate::domain::id::UserId;
use crate::homeserver;
use crate::ingest::{Ingest, Outlets, Pushed};
use crate::matrix::appservice::AppService;
use crate::matrix::registration::{RegistrationInput, registration_yaml};
use crate::matrix::{Matrix, MatrixSettings};
use crate::service::agents::Agents;
use crate::service::backfill::Backfill;
use crate::service::channels::Channels;
use crate::service::city::City;
use crate::service::creation::Creator;
use crate::service::doctor::{Doctor, Patient};
use crate::service::health::Health;
use crate::service::members::Members;
use crate::service::messages::Messages;
use crate::service::presence::Presence;
use crate::service::reindex::Rebuilds;
use crate::service::{Core, Rules};
use crate::store;
use crate::web::Parts;

/// The registration's id at the homeserver.
pub const REGISTRATION_ID: &str = "daarion";

/// Every part, built and not yet started.
pub struct App {
    pub core: Arc<Core>,
    pub rebuilds: Arc<Rebuilds>,
    pub doctor: Arc<Doctor>,
    pub(super) services: Services,
    pub(super) creator: Arc<Creator>,
    pub(super) presence: Arc<Presence>,
    pub(super) consumer: IndexConsumer,
    pub(super) outlets: Outlets,
}

impl App {
    /// Opens the store, brings the index up to the journal and builds the services.
    pub async fn build(config: &Config) -> anyhow::Result<Self> {
        Self::assemble(config, open_store(config).await?).await
    }

    pub(super) async fn assemble(config: &Config, store: store::Store) -> anyhow::Result<Self> {
        let clock = Clock::system();
        let directory = Arc::new(directory(config));
        for agent in store.accounts.agents().await? {
            directory.put_agent(agent);
        }
        let (ingest, outlets) = Ingest::new(store.journal.clone(), clock.clone());
        let ingest = Arc::new(ingest);
        let (mut consumer, indexed) =
            IndexConsumer::new(store.clone(), directory.clone(), ingest.bell());
        consumer.catch_up().await?;
        let matrix = connector(config, &directory, &clock)?;
        let doctor = doctor(config, &directory, &clock, &matrix, Some(ingest.pushed()));
        let core = Arc::new(Core {
            homeserver: matrix,
            store,
            ingest,
            indexed,
            directory,
            clock,
            rules: rules(config),
        });
        let creator = Arc::new(Creator::new(core.clone()));
        let presence = Arc::new(Presence::new(core.clone()));
        Ok(Self {
            services: services(&core, &creator, &presence),
            doctor: Arc::new(doctor),
            rebuilds: Arc::new(Rebuilds::default()),
            core,
            creator,
            presence,
            consumer,
            outlets,
        })
    }

    /// The doctor alone, who sees what can be seen while the daemon is down.
    pub fn doctor(config: &Config) -> anyhow::Result<Doctor> {
        let clock = Clock::system();
        let directory = Arc::new(directory(config));
        let matrix = connector(config, &directory, &clock)?;
        Ok(doctor(config, &directory, &clock, &matrix, None))
    }

    /// Runs the index alone, for a command that works while the daemon is down.
    pub async fn run_alone<T>(self, work: impl AsyncFnOnce(&Arc<Core>, &Rebuilds) -> T) -> T {
        let stop = CancellationToken::new();
        let consumer = tokio::spawn(self.consumer.run(stop.clone()));
        let outcome = work(&self.core, &self.rebuilds).await;
        stop.cancel();
        let _ = consumer.await;
        self.core.store.closer.close().await;
        outcome
    }
}

/// The registration that fits a configuration.
#[must_use]
pub fn registration(config: &Config) -> String {
    let matrix = &config.matrix;
    registration_yaml(&RegistrationInput {
        id: REGISTRATION_ID.to_owned(),
        url: matrix
            .connector_url
            .as_str()
            .trim_end_matches('/')
            .to_owned(),
        as_token: matrix.as_token.expose().to_owned(),
        hs_token: matrix.hs_token.expose().to_owned(),
        sender_localpart: matrix.sender_localpart.clone(),
        agent_prefix: matrix.agent_prefix.clone(),
        server_name: matrix.server_name.clone(),
        room_prefix: config.city.room_prefix.clone(),
        act_as_all: matrix.act_as == ActAs::AllLocalUsers,
    })
}

async fn open_store(config: &Config) -> anyhow::Result<store::Store> {
    let directory = config.data_dir.clone();
    // Closed to others: it holds previews of what people say.
    tokio::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&directory)
        .await
        .with_context(|| format!("failed to create data_dir {}", directory.display()))?;
    // Opening repairs the file after a crash, which is long work for a runtime's thread.
    let opened = tokio::task::spawn_blocking(move || store::open(&directory));
    Ok(opened.await??)
}

fn directory(config: &Config) -> Directory {
    let naming = Naming {
        server_name: config.matrix.server_name.clone(),
        sender_localpart: config.matrix.sender_localpart.clone(),
        agent_prefix: config.matrix.agent_prefix.clone(),
    };
    let city = CityNaming {
        city: config.city.name.clone(),
        room_prefix: config.city.room_prefix.clone(),
        matrix_name: config.city.matrix_name.clone(),
        server_name: config.matrix.server_name.clone(),
    };
    Directory::new(naming, city)
}

fn connector(
    config: &Config,
    directory: &Arc<Directory>,
    clock: &Clock,
) -> anyhow::Result<Arc<Matrix>> {
    let admin_token = config.matrix.admin_token.as_ref();
    let settings = MatrixSettings {
        homeserver_url: config.matrix.homeserver_url.clone(),
        as_token: config.matrix.as_token.expose().to_owned(),
        registration_id: REGISTRATION_ID.to_owned(),
        admin_token: admin_token.map(|token| token.expose().to_owned()),
    };
    let matrix = Matrix::new(settings, directory.clone(), clock.clone())?;
    Ok(Arc::new(matrix))
}

fn doctor(
    config: &Config,
    directory: &Directory,
    clock: &Clock,
    matrix: &Arc<Matrix>,
    pushed: Option<watch::Receiver<Pushed>>,
) -> Doctor {
    let patient = Patient {
        naming: directory.naming.clone(),
        room_prefix: config.city.room_prefix.clone(),
        homeserver_url: config.matrix.homeserver_url.to_string(),
        connector_url: config.matrix.connector_url.to_string(),
        acts_as_all: config.matrix.act_as == ActAs::AllLocalUsers,
        believes_header: config.auth.insecure_user_header,
        data_dir: config.data_dir.clone(),
    };
    Doctor::new(
        matrix.clone(),
        matrix.clone(),
        patient,
        clock.clone(),
        pushed,
    )
}

fn rules(config: &Config) -> Rules {
    Rules {
        city_creation: match config.city.create {
            CreateBy::Members => CityCreation::Members,
            CreateBy::Operators => CityCreation::Operators,
        },
        city_microdao: config.city.microdao.clone(),
    }
}

fn services(core: &Arc<Core>, creator: &Arc<Creator>, presence: &Arc<Presence>) -> Services {
    let city = Arc::new(City::new(core.clone(), creator.clone(), presence.clone()));
    let messages = Arc::new(Messages::new(core.clone()));
    Services {
        channels: Arc::new(Channels::new(core.clone(), creator.clone())),
        members: Arc::new(Members::new(core.clone())),
        agents: Arc::new(Agents::new(core.clone(), messages.clone())),
        backfill: Arc::new(Backfill::new(core.clone(), city.clone(), creator.clone())),
        health: Arc::new(Health::new(core.clone())),
        messages,
        city,
    }
}

pub(super) fn parts(
    core: &Arc<Core>,
    services: &Services,
    hub: Arc<Hub>,
    config: &Config,
    stop: CancellationToken,
) -> Parts {
    let inbound: Arc<dyn homeserver::Inbound> = Arc::new(AppService::new(
        core.ingest.clone(),
        core.directory.clone(),
        core.clock.clone(),
    ));
    Parts {
        services: services.clone(),
        gate: Arc::new(Gate {
            service_secret: config.internal.secret.expose().to_owned(),
            insecure_user_header: config.auth.insecure_user_header,
            operators: operators(core, config),
            connector: core.directory.entity(&core.directory.naming.connector()),
        }),
        hub,
        inbound,
        hs_token: config.matrix.hs_token.expose().to_owned(),
        transaction_limit: config.limits.transaction as u64,
        stop,
    }
}

/// Operators are listed as Matrix users or as entities.
fn operators(core: &Core, config: &Config) -> HashSet<Entity> {
    let entity = |listed: &String| match UserId::parse(listed) {
        Some(user) => Some(core.directory.entity(&user)),
        None => Entity::parse(listed),
    };
    config.auth.operators.iter().filter_map(entity).collect()
}
