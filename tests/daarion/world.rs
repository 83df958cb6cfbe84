//! A homeserver and a daarion that know each other.
//!
//! Ports, tokens and configuration come first, so either may be started before the other.

use tokio::sync::OnceCell;

use super::{Daarion, DaarionOptions};
use crate::homeserver::{Homeserver, HomeserverOptions, MatrixUser, Port, unique};

#[derive(Debug)]
pub struct World {
    pub homeserver: Homeserver,
    pub daarion: Daarion,
}

#[derive(Debug, Default)]
pub struct WorldOptions {
    /// The address of the homeserver is filled in; its name is taken for the homeserver as well.
    pub daarion: DaarionOptions,
    /// Settings of the homeserver that replace those of the harness.
    pub homeserver_settings: Option<serde_json::Value>,
    /// Gives daarion the token of an administrator of the homeserver, by its environment.
    pub has_admin_token: bool,
}

impl World {
    /// Both are running and ready.
    pub async fn start() -> Self {
        Self::start_with(WorldOptions::default()).await
    }

    pub async fn start_with(options: WorldOptions) -> Self {
        let has_admin_token = options.has_admin_token;
        let world = Self::prepare(options).await;
        world.homeserver.launch().await;
        if has_admin_token {
            let token = world.homeserver.admin_token().await;
            world
                .daarion
                .set_environment("DAARION_MATRIX__ADMIN_TOKEN", &token);
        }
        world.daarion.launch().await;
        world
    }

    /// Neither is running: start them with `launch`, in any order.
    pub async fn prepare(options: WorldOptions) -> Self {
        let port = Port::reserve();
        let server_name = options.daarion.server_name.clone();
        let daarion = Daarion::prepare(&DaarionOptions {
            homeserver_url: format!("http://127.0.0.1:{}", port.number()),
            ..options.daarion
        });
        let registration = daarion.registration().await;
        let homeserver = Homeserver::prepare(HomeserverOptions {
            server_name,
            port: Some(port),
            registration: Some(registration),
            settings: options.homeserver_settings.unwrap_or_default(),
        })
        .await;
        Self {
            homeserver,
            daarion,
        }
    }

    /// Makes an account on the homeserver: localpart `alice`, password `alice-password`.
    pub async fn register(&self, localpart: &str) -> MatrixUser {
        self.homeserver
            .register_user(localpart, &format!("{localpart}-password"))
            .await
    }

    /// Makes an account whose name no other test of a shared world has.
    pub async fn register_unique(&self, name: &str) -> MatrixUser {
        self.register(&unique(name)).await
    }
}

/// One world for all tests of a binary that do not stop or break it; it ends with the process.
/// Use [`unique`] names in it.
pub async fn shared_world() -> &'static World {
    static WORLD: OnceCell<World> = OnceCell::const_new();

    WORLD.get_or_init(World::start).await
}
