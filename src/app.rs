//! The composition root: builds every part, starts the tasks and stops them in reverse.

mod connector;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::auth::Gate;
use crate::api::{self, Services};
use crate::clock::Clock;
use crate::config::{ActAs, Config, CreateBy};
use crate::consumer::hub::Hub;
use crate::consumer::index::IndexConsumer;
use crate::directory::Directory;
use crate::domain::access::CityCreation;
use crate::domain::channel::CityNaming;
use crate::domain::entity::{Entity, Naming};
use crate::domain::id::UserId;
use crate::homeserver::Homeserver;
use crate::ingest::{Ingest, Outlets};
use crate::matrix::appservice::AppService;
use crate::matrix::registration::{RegistrationInput, registration_yaml};
use crate::matrix::{Matrix, MatrixSettings};
use crate::service::agents::Agents;
use crate::service::backfill::Backfill;
use crate::service::channels::Channels;
use crate::service::city::City;
use crate::service::creation::Creator;
use crate::service::health::Health;
use crate::service::members::Members;
use crate::service::messages::Messages;
use crate::service::presence::Presence;
use crate::service::reindex::Rebuilds;
use crate::service::status::StatusService;
use crate::service::{Core, Rules};
use crate::store;
use crate::web::admin::Admin;
use crate::web::docs::Documents;
use crate::web::{self, Parts};
use crate::{homeserver, systemd};

/// The registration's id at the homeserver.
pub const REGISTRATION_ID: &str = "daarion";

/// How long the tasks may take to end.
const STOP: Duration = Duration::from_secs(9);

/// Every part, built and not yet started.
pub struct App {
    pub core: Arc<Core>,
    pub rebuilds: Arc<Rebuilds>,
    services: Services,
    creator: Arc<Creator>,
    presence: Arc<Presence>,
    consumer: IndexConsumer,
    outlets: Outlets,
}

impl App {
    /// Opens the store, brings the index up to the journal and builds the services.
    pub async fn build(config: &Config) -> anyhow::Result<Self> {
        Self::assemble(config, open_store(config).await?).await
    }

    async fn assemble(config: &Config, store: store::Store) -> anyhow::Result<Self> {
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
        let core = Arc::new(Core {
            homeserver: connector(config, &directory, &clock)?,
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
            rebuilds: Arc::new(Rebuilds::default()),
            core,
            creator,
            presence,
            consumer,
            outlets,
        })
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

/// Runs the daemon until it is told to stop.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let app = App::build(&config).await?;
    let store = app.core.store.clone();
    let running = Running::start(app, &config).await?;
    systemd::ready("serving");
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "ready");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    systemd::stopping();
    tracing::info!("stopping");
    running.stop().await;
    store.closer.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// The tasks, in the two groups in which they are stopped.
struct Running {
    /// Listeners, streams, timers and the work on what comes in.
    intake: (TaskTracker, CancellationToken),
    /// The journal's readers.
    readers: (TaskTracker, CancellationToken),
    admin_socket: std::path::PathBuf,
}

impl Running {
    async fn start(app: App, config: &Config) -> anyhow::Result<Self> {
        let group = || (TaskTracker::new(), CancellationToken::new());
        let (intake, readers) = (group(), group());
        let hub = Arc::new(Hub::new(
            app.core.store.journal.clone(),
            app.core.indexed.clone(),
        ));
        let bell = app.core.ingest.bell();
        readers.0.spawn(app.consumer.run(readers.1.clone()));
        readers.0.spawn(hub.clone().run(bell, readers.1.clone()));

        let parts = parts(&app.core, &app.services, hub, config, intake.1.clone());
        let admin = Admin {
            core: app.core.clone(),
            status: Arc::new(StatusService::new(
                app.core.clone(),
                app.services.health.clone(),
            )),
            rebuilds: app.rebuilds.clone(),
            backfill: app.services.backfill.clone(),
            agents: app.services.agents.clone(),
        };
        listen(&intake, config, &parts, admin).await?;

        let connector = connector::Connector {
            core: app.core,
            creator: app.creator,
            presence: app.presence,
            rebuilds: app.rebuilds,
            heal_interval: config.matrix.heal_interval,
            retention: config.journal.retention,
        };
        connector.start(app.outlets, &intake.0, &intake.1);
        watchdog(&intake);
        Ok(Self {
            intake,
            readers,
            admin_socket: config.listen.admin.clone(),
        })
    }

    /// Stops what takes in first, so that the readers can finish what is there.
    async fn stop(self) {
        let stopped = async {
            for (tracker, stop) in [self.intake, self.readers] {
                stop.cancel();
                tracker.close();
                tracker.wait().await;
            }
        };
        if tokio::time::timeout(STOP, stopped).await.is_err() {
            tracing::warn!("some tasks did not end in time; nothing that was answered is lost");
        }
        let _ = tokio::fs::remove_file(&self.admin_socket).await;
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

/// The OpenAPI documents of the public and the internal listener. Made of the operations
/// themselves, over an empty store in memory and a connector that is never used.
pub async fn documents() -> anyhow::Result<(Documents, Documents)> {
    let secret = || "0123456789abcdef".to_owned();
    let needed = [
        (
            "DAARION_MATRIX__HOMESERVER_URL",
            "http://127.0.0.1".to_owned(),
        ),
        ("DAARION_MATRIX__SERVER_NAME", "localhost".to_owned()),
        ("DAARION_MATRIX__AS_TOKEN", secret()),
        ("DAARION_MATRIX__HS_TOKEN", secret() + "0"),
        ("DAARION_INTERNAL__SECRET", secret()),
    ];
    let needed = needed.map(|(name, value)| (name.to_owned(), value));
    // An empty file: what the machine is configured for is no part of the documents.
    let config = Config::load_from(Some(Path::new("/dev/null")), needed)?;
    let app = App::assemble(&config, store::in_memory()?).await?;
    let documents = (
        Documents::of(&api::public(&app.services)),
        Documents::of(&api::internal(&app.services)),
    );
    app.core.store.closer.close().await;
    Ok(documents)
}

async fn open_store(config: &Config) -> anyhow::Result<store::Store> {
    let directory = config.data_dir.clone();
    tokio::fs::create_dir_all(&directory)
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
) -> anyhow::Result<Arc<dyn Homeserver>> {
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

fn parts(
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

async fn listen(
    (tracker, stop): &(TaskTracker, CancellationToken),
    config: &Config,
    parts: &Parts,
    admin: Admin,
) -> anyhow::Result<()> {
    let trees = [
        ("listen.public", &config.listen.public, web::public(parts)),
        (
            "listen.internal",
            &config.listen.internal,
            web::internal(parts),
        ),
    ];
    for (key, addresses, tree) in trees {
        let tree = Arc::new(tree);
        for address in addresses {
            let bound = web::server::bind(address)
                .await
                .with_context(|| format!("failed to listen on {address} ({key})"))?;
            tracing::info!(address = bound.address, key, "listening");
            web::server::serve(tracker, bound, tree.clone(), stop.clone());
        }
    }
    let path = &config.listen.admin;
    let bound = web::server::bind_unix(path)
        .await
        .with_context(|| format!("failed to listen on {} (listen.admin)", path.display()))?;
    let only_us = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    tokio::fs::set_permissions(path, only_us).await?;
    let tree = Arc::new(web::admin::routes(admin));
    web::server::serve(tracker, bound, tree, stop.clone());
    Ok(())
}

/// Tells the service manager that we are alive, from the runtime that everything runs on.
fn watchdog((tracker, stop): &(TaskTracker, CancellationToken)) {
    let Some(interval) = systemd::watchdog_interval() else {
        return;
    };
    let stop = stop.clone();
    tracker.spawn(async move {
        let mut tick = tokio::time::interval(interval);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = tick.tick() => systemd::alive(),
            }
        }
    });
}
