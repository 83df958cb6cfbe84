//! The services over a fake homeserver.

use std::num::NonZeroU32;
use std::sync::Arc;

use daarion::clock::Clock;
use daarion::consumer::index::IndexConsumer;
use daarion::directory::Directory;
use daarion::domain::access::CityCreation;
use daarion::domain::agent::{AgentCreation, AgentRules};
use daarion::domain::channel::{Channel, ChannelKind, CityNaming, Visibility};
use daarion::domain::entity::Naming;
use daarion::domain::event::Event;
use daarion::domain::id::{ChannelId, RoomAlias, UserId};
use daarion::homeserver::fake::Fake;
use daarion::homeserver::{Homeserver as _, Setting};
use daarion::ingest::{Ingest, Outlets};
use daarion::service::city::City;
use daarion::service::creation::Creator;
use daarion::service::limits::ChannelLimits;
use daarion::service::presence::Presence;
use daarion::service::{Core, Rules, SettingTurns, Upgrades};
use daarion::store::{self, Creation, Store};
use tokio_util::sync::{CancellationToken, DropGuard};

pub struct World {
    pub core: Arc<Core>,
    pub fake: Arc<Fake>,
    pub clock: Clock,
    pub creator: Arc<Creator>,
    pub presence: Arc<Presence>,
    pub city: City,
    /// Claims wait here for a test to work on them.
    _outlets: Outlets,
    _stop: DropGuard,
}

impl World {
    pub async fn start() -> Self {
        Self::on(store::in_memory().expect("a store")).await
    }

    pub async fn on(store: Store) -> Self {
        let clock = Clock::manual(1_000_000);
        let directory = Arc::new(directory());
        let fake = Arc::new(Fake::new(directory.clone(), clock.clone()));
        let (ingest, outlets) =
            Ingest::new(store.journal.clone(), directory.clone(), clock.clone());
        let (consumer, indexed) = IndexConsumer::new(store.clone(), directory.clone());
        let stop = CancellationToken::new();
        tokio::spawn(consumer.run(stop.clone()));
        let core = Arc::new(Core {
            store,
            homeserver: fake.clone(),
            ingest: Arc::new(ingest),
            indexed,
            directory,
            clock: clock.clone(),
            rules: Rules {
                city_creation: CityCreation::Members,
                city_microdao: "microdao:daarion".into(),
                agents: AgentRules {
                    creation: AgentCreation::Members,
                    each: 2,
                    chain: 4,
                    chain_pause: 60_000,
                },
                public_url: None,
            },
            limits: ChannelLimits::new(NonZeroU32::MAX),
            upgrades: Upgrades::default(),
            setting_turns: SettingTurns::default(),
        });
        let creator = Arc::new(Creator::new(core.clone()));
        let presence = Arc::new(Presence::new(core.clone()));
        fake.register_connector().await.expect("registers");
        Self {
            city: City::new(core.clone(), creator.clone(), presence.clone()),
            core,
            fake,
            clock,
            creator,
            presence,
            _outlets: outlets,
            _stop: stop.drop_guard(),
        }
    }

    /// A city room that is to be made now.
    pub fn creation(&self, slug: &str, is_default: bool) -> Creation {
        Creation {
            id: ChannelId(self.clock.uuid()),
            kind: ChannelKind::City,
            slug: slug.to_owned(),
            name: slug.to_owned(),
            description: String::new(),
            microdao: "microdao:daarion".into(),
            visibility: Visibility::Public,
            confidential: false,
            alias: RoomAlias::new(&format!("city_{slug}"), "s").expect("an alias"),
            is_default,
            created_by: None,
            begun_at: self.clock.now(),
        }
    }

    /// A later moment.
    pub fn later(&self) {
        self.clock.set(self.clock.now() + 1_000);
    }

    /// All that happened.
    pub async fn journal(&self) -> Vec<Event> {
        let events = self.core.store.journal.read(0, usize::MAX).await;
        events.expect("the journal can be read")
    }

    pub async fn names(&self) -> Vec<&'static str> {
        let names = |event: &Event| event.what.name();
        self.journal().await.iter().map(names).collect()
    }

    /// Whether the room's own state says that it is the default one.
    pub async fn says_default(&self, channel: &Channel) -> bool {
        let snapshot = self.fake.room(&channel.room).await.expect("an answer");
        let stored = snapshot.and_then(|room| room.channel).expect("a channel");
        stored.state.is_default
    }

    /// Makes a room say so behind the services' back, as a change that was cut off leaves it.
    pub async fn say_default(&self, channel: &Channel) {
        let snapshot = self.fake.room(&channel.room).await.expect("an answer");
        let mut state = snapshot
            .and_then(|room| room.channel)
            .expect("a channel")
            .state;
        state.is_default = true;
        let setting = Setting::Channel(state);
        let set = self.fake.set(&channel.room, &setting, None);
        set.await.expect("is set");
    }

    pub fn person(&self, name: &str) -> UserId {
        let user = UserId::parse(&format!("@{name}:s")).expect("a user id");
        self.fake.add_user(&user);
        user
    }
}

pub fn directory() -> Directory {
    let naming = Naming {
        server_name: "s".into(),
        sender_localpart: "daarion".into(),
        agent_prefix: "agent_".into(),
    };
    let city = CityNaming {
        city: "City".into(),
        room_prefix: "city_".into(),
        matrix_name: "{city} — {room}".into(),
        server_name: "s".into(),
    };
    Directory::new(naming, city)
}
