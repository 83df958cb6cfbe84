//! A homeserver with our registration, the connector, and a few short cuts.

use std::sync::Arc;

use daarion::clock::Clock;
use daarion::directory::Directory;
use daarion::domain::access::Power;
use daarion::domain::channel::{Channel, ChannelKind, ChannelStatus, CityNaming, Visibility};
use daarion::domain::entity::Naming;
use daarion::domain::id::{ChannelId, EventId, RoomAlias, RoomId, UserId};
use daarion::homeserver::{ChannelState, Homeserver as _, NewRoom, Outgoing, Reaction, Redaction};
use daarion::matrix::registration::{RegistrationInput, registration_yaml};
use daarion::matrix::{Matrix, MatrixSettings};
use tokio::sync::OnceCell;

use crate::homeserver::{Homeserver, HomeserverOptions, MatrixUser, unique};

/// With a dot and a hyphen, so that a registration which does not escape them would show.
pub const SERVER: &str = "test-1.localhost";

/// With what a careless YAML writer would trip over (HTTP headers forbid little of it).
const AS_TOKEN: &str = "as-\"token\\#with:signs";

pub struct World {
    pub homeserver: Homeserver,
}

/// The connector of one test: its connections belong to the test's own runtime.
pub struct Connector {
    pub matrix: Arc<Matrix>,
    pub directory: Arc<Directory>,
    pub clock: Clock,
}

pub fn registration(url: &str, act_as_all: bool) -> String {
    registration_yaml(&RegistrationInput {
        id: "daarion".into(),
        url: url.into(),
        as_token: AS_TOKEN.into(),
        hs_token: "hs-token".into(),
        sender_localpart: "daarion".into(),
        agent_prefix: "agent_".into(),
        server_name: SERVER.into(),
        room_prefix: "city_".into(),
        act_as_all,
    })
}

pub async fn start(registration: String) -> World {
    let homeserver = Homeserver::start(HomeserverOptions {
        server_name: SERVER.into(),
        registration: Some(registration),
        ..HomeserverOptions::default()
    })
    .await;
    let world = World { homeserver };
    let matrix = world.connector().matrix;
    matrix
        .register_connector()
        .await
        .expect("the connector registers");
    world
}

/// One homeserver for all tests that do not stop or break it. Use unique names in it.
pub async fn shared() -> &'static World {
    static WORLD: OnceCell<World> = OnceCell::const_new();
    WORLD
        .get_or_init(|| start(registration("http://127.0.0.1:1", true)))
        .await
}

impl World {
    /// A person of the homeserver whose name nobody else has.
    pub async fn member(&self, name: &str) -> MatrixUser {
        let name = unique(name);
        self.homeserver.register_user(&name, "password").await
    }

    pub fn connector(&self) -> Connector {
        self.connector_with(None)
    }

    pub fn connector_with(&self, admin_token: Option<String>) -> Connector {
        connector_at(self.homeserver.base_url(), admin_token)
    }
}

pub fn connector_at(homeserver: &str, admin_token: Option<String>) -> Connector {
    let clock = Clock::system();
    let directory = Arc::new(directory());
    let settings = MatrixSettings {
        homeserver_url: homeserver.parse().expect("a URL"),
        as_token: AS_TOKEN.into(),
        registration_id: "daarion".into(),
        admin_token,
    };
    let matrix = Matrix::new(settings, directory.clone(), clock.clone());
    Connector {
        matrix: Arc::new(matrix.expect("a connector")),
        directory,
        clock,
    }
}

impl Connector {
    /// A public city room of version `version`, owned by `owner`.
    pub async fn create(&self, version: Option<&str>, owner: Option<&UserId>) -> (RoomId, NewRoom) {
        let new = self.new_room(version, owner);
        let room = self.matrix.create_room(&new).await.expect("a room");
        (room, new)
    }

    pub fn new_room(&self, version: Option<&str>, owner: Option<&UserId>) -> NewRoom {
        let slug = unique("room");
        NewRoom {
            alias: RoomAlias::new(&format!("city_{slug}"), SERVER).expect("an alias"),
            name: "DAARION City — Енергія".into(),
            topic: "Про енергію".into(),
            channel: ChannelState {
                id: ChannelId(self.clock.uuid()),
                kind: ChannelKind::City,
                slug,
                microdao: "microdao:daarion".into(),
                visibility: Visibility::Public,
                confidential: false,
                status: ChannelStatus::Active,
                is_default: false,
                slow_mode_seconds: 0,
                created_by: None,
                created_at: self.clock.now(),
                changed_by: None,
            },
            owner: owner.cloned(),
            room_version: version.map(str::to_owned),
        }
    }

    pub fn message(&self, room: &RoomId, sender: &str, text: &str) -> Outgoing {
        let (room, sender) = (room.clone(), user(sender));
        let transaction = unique("transaction");
        Outgoing {
            markdown: true,
            ..Outgoing::text(room, sender, transaction, self.clock.now(), text)
        }
    }

    pub fn reaction(&self, room: &RoomId, sender: &str, target: &EventId) -> Reaction {
        Reaction {
            room: room.clone(),
            target: target.clone(),
            sender: Some(user(sender)),
            transaction: self.clock.uuid(),
            key: "👍".into(),
            at: Some(self.clock.now()),
        }
    }

    pub fn redaction(&self, room: &RoomId, sender: &str, target: &EventId) -> Redaction {
        Redaction {
            room: room.clone(),
            target: target.clone(),
            sender: Some(user(sender)),
            transaction: self.clock.uuid(),
            reason: None,
        }
    }
}

/// What somebody has in a room of the connector's.
pub async fn power(
    server: &dyn daarion::homeserver::Homeserver,
    room: &RoomId,
    user: &UserId,
) -> Power {
    let snapshot = server.room(room).await.expect("an answer");
    let stored = snapshot.expect("a room").levels;
    stored.expect("power levels").levels.of(user)
}

pub fn user(id: &str) -> UserId {
    UserId::parse(id).expect("a user id")
}

pub fn channel(room: &RoomId, new: &NewRoom) -> Channel {
    Channel {
        id: new.channel.id,
        kind: new.channel.kind,
        slug: new.channel.slug.clone(),
        name: "Енергія".into(),
        description: new.topic.clone(),
        microdao: new.channel.microdao.clone(),
        visibility: new.channel.visibility,
        confidential: new.channel.confidential,
        status: new.channel.status,
        is_default: new.channel.is_default,
        accepts_knocks: false,
        slow_mode_seconds: 0,
        room: room.clone(),
        former: Vec::new(),
        alias: Some(new.alias.clone()),
        created_by: None,
        created_at: new.channel.created_at,
    }
}

fn directory() -> Directory {
    let naming = Naming {
        server_name: SERVER.into(),
        sender_localpart: "daarion".into(),
        agent_prefix: "agent_".into(),
    };
    let city = CityNaming {
        city: "DAARION City".into(),
        room_prefix: "city_".into(),
        matrix_name: "{city} — {room}".into(),
        server_name: SERVER.into(),
    };
    Directory::new(naming, city)
}
