//! Every part, made of the configuration and of the parts below it.

mod configured;
mod gateway;
mod services;
mod webhooks;

use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::sync::{Arc, Once};

use anyhow::Context;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::configured::{auth_rules, directory, key_sets, rate, rules};
use self::gateway::Ground;
use self::services::{Made, services};
use crate::acts::{self, OpenActs};
use crate::api::Services;
use crate::api::auth::Gate;
use crate::clock::Clock;
use crate::config::{ActAs, Config};
use crate::consumer::audit::AuditReader;
use crate::consumer::hub::Hub;
use crate::consumer::index::IndexConsumer;
use crate::consumer::webhooks::Deliveries;
use crate::directory::Directory;
use crate::domain::audit::{Origin, Via};
use crate::domain::service::ServiceCaller;
use crate::homeserver;
use crate::homeserver::watch::RoomWatch;
use crate::ingest::{Ingest, Outlets, Pushed};
use crate::matrix::appservice::AppService;
use crate::matrix::registration::{RegistrationInput, registration_yaml};
use crate::matrix::{Matrix, MatrixSettings};
use crate::recent::Recent;
use crate::service::auth::Auth;
use crate::service::creation::Creator;
use crate::service::doctor::{Doctor, Examiner, Patient};
use crate::service::idempotency::Requests;
use crate::service::limits::{ChannelLimits, PersonLimits, ServiceLimits};
use crate::service::link::Link;
use crate::service::presence::Presence;
use crate::service::reindex::Rebuilds;
use crate::service::{Core, SettingTurns, Upgrades};
use crate::store;
use crate::web::Parts;
use crate::web::admin::COMMAND_LINE;

/// The registration's id at the homeserver.
pub const REGISTRATION_ID: &str = "daarion";

/// Every part, built and not yet started.
pub struct App {
    pub core: Arc<Core>,
    pub rebuilds: Arc<Rebuilds>,
    pub(super) services: Services,
    pub(super) creator: Arc<Creator>,
    pub(super) presence: Arc<Presence>,
    pub(super) link: Arc<Link>,
    pub(super) recent: Arc<Recent>,
    /// Ends what waits.
    pub(super) stop: CancellationToken,
    /// What goes on when its caller has hung up.
    pub(super) tasks: TaskTracker,
    pub(super) requests: Arc<Requests>,
    pub(super) deliveries: Arc<Deliveries>,
    /// Who is told of what happens in rooms.
    pub(super) watches: Vec<Arc<dyn RoomWatch>>,
    pub(super) consumer: IndexConsumer,
    pub(super) audit: AuditReader,
    pub(super) acts: Arc<OpenActs>,
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
        for microdao in store.microdaos.microdaos().await? {
            directory.put_microdao(microdao);
        }
        let (ingest, outlets) =
            Ingest::new(store.journal.clone(), directory.clone(), clock.clone());
        let ingest = Arc::new(ingest);
        let (mut consumer, indexed) = IndexConsumer::new(store.clone(), directory.clone());
        consumer.catch_up().await?;
        let matrix = connector(config, &directory, &clock)?;
        let pushed = Some(ingest.pushed());
        let doctor = doctor(
            config,
            &directory,
            &clock,
            &matrix,
            pushed,
            Examiner::Daemon,
        );
        let recent = Arc::new(Recent::new(matrix.clone()));
        let core = Arc::new(Core {
            homeserver: matrix.clone(),
            store,
            ingest,
            indexed,
            directory,
            clock,
            rules: rules(config),
            limits: ChannelLimits::new(rate(config.limits.channel_per_second)),
            upgrades: Upgrades::default(),
            setting_turns: SettingTurns::default(),
        });
        let acts = Arc::new(OpenActs::default());
        let (audit, audited) = AuditReader::new(
            core.store.clone(),
            core.directory.clone(),
            core.indexed.clone(),
            acts.clone(),
            core.clock.clone(),
        );
        let fetch = key_sets(config)?;
        let auth = Auth::new(
            core.store.clone(),
            core.homeserver.clone(),
            matrix.clone(),
            core.directory.clone(),
            core.clock.clone(),
            auth_rules(&core.directory, config),
            &fetch,
        );
        let ground = Ground::new(&core, matrix, recent.clone()).await?;
        let stop = ground.stop.clone();
        let watches: Vec<Arc<dyn RoomWatch>> =
            vec![ground.details.clone(), ground.encryption.clone()];
        let requests = ground.requests.clone();
        let auth = Arc::new(auth.await?);
        let deliveries = Arc::new(webhooks::deliveries(config, &core, &recent, &auth)?);
        let made = Made {
            auth,
            doctor: Arc::new(doctor),
            ground,
            deliveries: deliveries.clone(),
            audited,
        };
        let creator = Arc::new(Creator::new(core.clone()));
        let presence = Arc::new(Presence::new(core.clone()));
        let link = Arc::new(Link::default());
        Ok(Self {
            services: services(config, &core, (&creator, &presence, &link), made),
            rebuilds: Arc::new(Rebuilds::default()),
            core,
            creator,
            presence,
            link,
            recent,
            stop,
            tasks: TaskTracker::new(),
            requests,
            deliveries,
            watches,
            consumer,
            audit,
            acts,
            outlets,
        })
    }

    /// The doctor alone, who sees what can be seen while the daemon is down.
    pub fn doctor(config: &Config, examiner: Examiner) -> anyhow::Result<Doctor> {
        let clock = Clock::system();
        let directory = Arc::new(directory(config));
        let matrix = connector(config, &directory, &clock)?;
        Ok(doctor(config, &directory, &clock, &matrix, None, examiner))
    }

    /// Runs the index alone, for a command that works while the daemon is down.
    pub async fn run_alone<T>(self, work: impl AsyncFnOnce(&Arc<Core>, &Rebuilds) -> T) -> T {
        let stop = CancellationToken::new();
        let consumer = tokio::spawn(self.consumer.run(stop.clone()));
        let outcome = acts::within(command_line(), work(&self.core, &self.rebuilds)).await;
        stop.cancel();
        let _ = consumer.await;
        self.core.store.closer.close().await;
        outcome
    }

    /// Lends the accounts alone, for a command that works while the daemon is down.
    pub async fn with_auth_alone<T>(self, work: impl AsyncFnOnce(&Auth) -> T) -> T {
        let outcome = acts::within(command_line(), work(&self.services.auth)).await;
        self.core.store.closer.close().await;
        outcome
    }
}

/// Where what a command does while the daemon is down comes from.
fn command_line() -> Origin {
    Origin {
        actor: Some(COMMAND_LINE.to_owned()),
        via: Via::CommandLine,
        address: None,
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

pub(super) async fn open_store(config: &Config) -> anyhow::Result<store::Store> {
    let directory = config.data_dir.clone();
    // Closed to others: it holds previews of what people say.
    tokio::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&directory)
        .await
        .with_context(|| format!("failed to create data_dir {}", directory.display()))?;
    // Opening repairs the file after a crash, which is long work for a runtime's thread.
    let opened = tokio::task::spawn_blocking(move || {
        let store = store::open(&directory)?;
        give_to_owner(&directory)?;
        anyhow::Ok(store)
    });
    opened.await?
}

/// A store that a command of root's has made belongs to whom its directory belongs: the daemon
/// runs as somebody else.
fn give_to_owner(directory: &Path) -> std::io::Result<()> {
    let owner = std::fs::metadata(directory)?;
    let file = store::file(directory);
    let is_roots = std::fs::symlink_metadata(&file)?.uid() == 0;
    if is_roots && owner.uid() != 0 {
        chown(file, Some(owner.uid()), Some(owner.gid()))?;
    }
    Ok(())
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
    examiner: Examiner,
) -> Doctor {
    let patient = Patient {
        naming: directory.naming.clone(),
        room_prefix: config.city.room_prefix.clone(),
        homeserver_url: config.matrix.homeserver_url.to_string(),
        connector_url: config.matrix.connector_url.to_string(),
        acts_as_all: config.matrix.act_as == ActAs::AllLocalUsers,
        believes_header: config.auth.insecure_user_header,
        data_dir: config.data_dir.clone(),
        examiner,
    };
    Doctor::new(
        matrix.clone(),
        matrix.clone(),
        patient,
        clock.clone(),
        pushed,
    )
}

pub(super) fn parts(app: &App, hub: Arc<Hub>, config: &Config, stop: CancellationToken) -> Parts {
    let (core, services) = (&app.core, &app.services);
    let inbound: Arc<dyn homeserver::Inbound> = Arc::new(AppService::new(
        core.ingest.clone(),
        core.directory.clone(),
        app.recent.clone(),
        app.watches.clone(),
        core.clock.clone(),
    ));
    Parts {
        services: services.clone(),
        gate: Arc::new(Gate {
            service_secret: config.internal.secret.expose().to_owned(),
            shared: Arc::new(ServiceCaller::shared()),
            limits: ServiceLimits::new(rate(config.limits.service_per_second)),
            person_limits: PersonLimits::new(
                rate(config.limits.person_per_second),
                rate(config.limits.key_per_second),
            ),
            insecure_user_header: config.auth.insecure_user_header,
            agents: services.agents.clone(),
            auth: services.auth.clone(),
            public_url: config.listen.public_url.clone(),
            trusted_proxies: config.listen.trusted_proxies.clone(),
            unheard_proxy: Once::new(),
        }),
        hub,
        inbound,
        hs_token: config.matrix.hs_token.expose().to_owned(),
        transaction_limit: config.limits.transaction as u64,
        clock: core.clock.clone(),
        acts: app.acts.clone(),
        tasks: app.tasks.clone(),
        upload_limit: config.limits.upload as u64,
        stop,
    }
}
