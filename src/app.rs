//! The composition root: builds every part, starts the tasks and stops them in reverse.

mod build;
mod connector;
mod descriptors;
mod start;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use self::build::{App, REGISTRATION_ID, registration};
use self::start::Signals;
use crate::api;
use crate::config::Config;
use crate::consumer::hub::Hub;
use crate::consumer::webhooks::Deliveries;
use crate::service::accounts::Accounts;
use crate::web::admin::Admin;
use crate::web::docs::Documents;
use crate::web::server::{Access, HEAD};
use crate::web::{self, Parts};
use crate::{store, systemd};

/// How long the tasks may take to end.
const STOP: Duration = Duration::from_secs(9);
/// How long requests may take whose callers are gone: as long as others.
const GOING_ON: Duration = web::server::DRAIN;
/// How long deliveries that are on their way may take to arrive, of that.
const DRAIN: Duration = Duration::from_secs(5);

/// Runs the daemon until it is told to stop.
pub async fn serve(config: Config) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let Some(app) = start::build(&config, &mut signals).await? else {
        tracing::info!("told to stop before the start was complete");
        return Ok(());
    };
    let store = app.core.store.clone();
    let auth = app.services.auth.clone();
    let mut running = Running::start(app, &config).await?;
    systemd::ready("serving");
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "ready");
    // Without one of these nothing works, though all the rest would go on as if it did: the
    // service manager starts us anew.
    let broken = tokio::select! {
        () = signals.told_to_stop() => None,
        () = running.reader_ended() => Some("a reader of the journal has ended"),
        () = store.closer.closed() => Some("the store's writer has ended"),
    };
    systemd::stopping();
    tracing::info!("stopping");
    running.stop().await;
    if let Err(error) = auth.save_uses().await {
        tracing::warn!(%error, "when tokens were used last is not noted");
    }
    store.closer.close().await;
    tracing::info!("stopped");
    match broken {
        None => Ok(()),
        Some(part) => anyhow::bail!("{part}; the log says why"),
    }
}

/// The tasks, in the two groups in which they are stopped.
struct Running {
    /// Listeners, streams, timers and the work on what comes in.
    intake: (TaskTracker, CancellationToken),
    /// Requests whose callers may be gone.
    tasks: TaskTracker,
    /// The journal's readers.
    readers: (JoinSet<()>, CancellationToken),
    admin_socket: std::path::PathBuf,
}

impl Running {
    async fn start(app: App, config: &Config) -> anyhow::Result<Self> {
        let intake = (TaskTracker::new(), app.stop.clone());
        let mut readers = (JoinSet::new(), CancellationToken::new());
        let hub = Arc::new(Hub::new(
            app.core.store.clone(),
            app.core.directory.clone(),
            app.core.indexed.clone(),
        ));
        let parts = build::parts(&app, hub.clone(), config, intake.1.clone());
        readers.0.spawn(app.consumer.run(readers.1.clone()));
        readers.0.spawn(hub.run(readers.1.clone()));
        readers.0.spawn(app.audit.run(readers.1.clone()));

        let admin = Admin {
            core: app.core.clone(),
            status: app.services.status.clone(),
            rebuilds: app.rebuilds.clone(),
            backfill: app.services.backfill.clone(),
            agents: app.services.agents.clone(),
            doctor: app.services.doctor.clone(),
            auth: app.services.auth.clone(),
            audit: app.services.audit.clone(),
        };
        listen(&intake, config, &parts, admin).await?;
        deliver(&mut readers, app.deliveries).await?;
        let webhooks = app.services.webhooks.clone();
        let stop = intake.1.clone();
        intake
            .0
            .spawn(async move { webhooks.follow_tokens(stop).await });

        let (members, stop) = (app.services.members.clone(), intake.1.clone());
        intake.0.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = members.keep_mutes() => {}
            }
        });

        let accounts = Arc::new(Accounts::new(
            app.core.clone(),
            app.services.agents.clone(),
            app.services.auth.clone(),
        ));
        let connector = connector::Connector {
            core: app.core,
            creator: app.creator,
            presence: app.presence,
            rebuilds: app.rebuilds,
            auth: app.services.auth.clone(),
            accounts,
            requests: app.requests,
            link: app.link,
            schedule: app.services.schedule.clone(),
            account_check: config.auth.account_check,
            heal_interval: config.matrix.heal_interval,
            retention: config.journal.retention,
            audit_retention: config.audit.retention,
        };
        connector.start(app.outlets, &intake.0, &intake.1);
        watchdog(&intake);
        Ok(Self {
            intake,
            tasks: app.tasks,
            readers,
            admin_socket: config.listen.admin.clone(),
        })
    }

    /// Waits until one of the readers ends, which none does before it is told to.
    async fn reader_ended(&mut self) {
        if let Some(Err(error)) = self.readers.0.join_next().await {
            tracing::error!(%error, "a reader of the journal broke off");
        }
    }

    /// Stops what takes in first, so that the readers can finish what is there.
    async fn stop(mut self) {
        let stopped = async {
            let (intake, stop) = &self.intake;
            stop.cancel();
            intake.close();
            self.tasks.close();
            let _ = tokio::join!(
                intake.wait(),
                tokio::time::timeout(GOING_ON, self.tasks.wait())
            );
            let (readers, stop) = &mut self.readers;
            stop.cancel();
            while readers.join_next().await.is_some() {}
        };
        if tokio::time::timeout(STOP, stopped).await.is_err() {
            tracing::warn!("some tasks did not end in time; nothing that was answered is lost");
        }
        let _ = tokio::fs::remove_file(&self.admin_socket).await;
    }
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

/// Binds everything before anything is served: whoever gets an answer may reach all of it.
async fn listen(
    (tracker, stop): &(TaskTracker, CancellationToken),
    config: &Config,
    parts: &Parts,
    admin: Admin,
) -> anyhow::Result<()> {
    // A quarter is for the store, the homeserver, the command line, and what is under way.
    let descriptors = descriptors::raise();
    let (public, internal) = (&config.listen.public, &config.listen.internal);
    let trees = [
        ("listen.public", public, web::public(parts), (0o666, 2)),
        (
            "listen.internal",
            internal,
            web::internal(parts),
            (0o660, 4),
        ),
    ];
    let mut listeners = Vec::new();
    for (key, addresses, tree, (mode, share)) in trees {
        let tree = Arc::new(tree);
        let access = Access {
            mode,
            connections: (descriptors / share / addresses.len()).max(1),
            head: HEAD,
        };
        for address in addresses {
            let bound = web::server::bind(address, access)
                .await
                .with_context(|| format!("failed to listen on {address} ({key})"))?;
            tracing::info!(address = bound.address, key, "listening");
            listeners.push((bound, tree.clone()));
        }
    }
    let path = &config.listen.admin;
    let only_us = Access {
        mode: 0o600,
        connections: descriptors / 16 + 1,
        head: HEAD,
    };
    let bound = web::server::bind_unix(path, only_us)
        .await
        .with_context(|| format!("failed to listen on {} (listen.admin)", path.display()))?;
    listeners.push((bound, Arc::new(web::admin::routes(admin))));
    for (bound, tree) in listeners {
        web::server::serve(tracker, bound, tree, stop.clone());
    }
    Ok(())
}

/// Lets the webhooks work until the readers are told to stop.
async fn deliver(
    (readers, stop): &mut (JoinSet<()>, CancellationToken),
    deliveries: Arc<Deliveries>,
) -> anyhow::Result<()> {
    deliveries.start().await?;
    let stop = stop.clone();
    readers.spawn(async move {
        stop.cancelled().await;
        deliveries.stop(DRAIN).await;
    });
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

#[cfg(test)]
mod tests;
