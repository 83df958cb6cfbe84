//! Matrix: the connector. It speaks to the homeserver as an application service and takes
//! what the homeserver pushes.
//!
//! Only this module knows ruma and reqwest, and inside it only [`mapping`] speaks both
//! Matrix's language and ours. Begin with [`Matrix`], the real [`Homeserver`], and
//! [`appservice::AppService`], the real [`Inbound`].
//!
//! [`Homeserver`]: crate::homeserver::Homeserver
//! [`Inbound`]: crate::homeserver::Inbound

pub mod appservice;
mod checkup;
mod client;
mod commands;
mod create;
mod gateway;
mod identity;
mod ids;
mod levels;
pub mod mapping;
mod media;
mod messages;
mod passwords;
mod reactions;
pub mod registration;
mod rooms;
mod takeover;
mod timeline;
pub mod transport;
mod users;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use moka::future::Cache;
use tokio::sync::OnceCell;
use url::Url;

use crate::clock::Clock;
use crate::directory::Directory;
use crate::domain::Result;
use crate::domain::id::RoomId;
use client::Client;
use mapping::Creation;

/// How many rooms' creations are remembered.
const CREATIONS: u64 = 10_000;

/// What the connector needs to reach the homeserver.
#[derive(Clone)]
pub struct MatrixSettings {
    pub homeserver_url: Url,
    pub as_token: String,
    /// The `id` of our registration at the homeserver.
    pub registration_id: String,
    /// An administrator's access token, for what only Synapse's admin API can do.
    pub admin_token: Option<String>,
}

/// The real homeserver, behind [`Homeserver`](crate::homeserver::Homeserver).
pub struct Matrix {
    client: Client,
    registration_id: String,
    admin_token: Option<String>,
    directory: Arc<Directory>,
    clock: Clock,
    /// The version of rooms that are made without naming one.
    room_version: OnceCell<String>,
    creations: Cache<RoomId, Creation>,
    unfinished: gateway::Unfinished,
    /// Whether the homeserver has let somebody in where only a refusal was asked for.
    lets_in: AtomicBool,
}

impl Matrix {
    pub fn new(settings: MatrixSettings, directory: Arc<Directory>, clock: Clock) -> Result<Self> {
        let MatrixSettings {
            homeserver_url,
            as_token,
            registration_id,
            admin_token,
        } = settings;
        Ok(Self {
            client: Client::new(&homeserver_url, as_token, directory.clone(), clock.clone())?,
            registration_id,
            admin_token,
            directory,
            clock,
            room_version: OnceCell::new(),
            creations: Cache::new(CREATIONS),
            unfinished: gateway::Unfinished::default(),
            lets_in: AtomicBool::new(false),
        })
    }
}
