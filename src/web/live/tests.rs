//! Streams that are opened while the index lags, over a fake homeserver and a real listener.

use std::sync::Arc;

use futures_util::StreamExt;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::Services;
use crate::api::auth::Gate;
use crate::clock::Clock;
use crate::config::ListenAddr;
use crate::consumer::hub::Hub;
use crate::consumer::index::IndexConsumer;
use crate::directory::Directory;
use crate::domain::access::CityCreation;
use crate::domain::channel::{Channel, ChannelKind, ChannelStatus, CityNaming, Visibility};
use crate::domain::entity::{Entity, Naming};
use crate::domain::event::{NewEvent, Source, What};
use crate::domain::id::{ChannelId, EventId, RoomId, UserId};
use crate::domain::member::{Member, Membership};
use crate::homeserver::fake::Fake;
use crate::ingest::Ingest;
use crate::matrix::appservice::AppService;
use crate::service::agents::Agents;
use crate::service::backfill::Backfill;
use crate::service::channels::Channels;
use crate::service::city::City;
use crate::service::creation::Creator;
use crate::service::health::Health;
use crate::service::members::Members;
use crate::service::messages::Messages;
use crate::service::presence::Presence;
use crate::service::{Core, Rules};
use crate::store;
use crate::web::{Parts, public, server};

const CHANNEL: ChannelId = ChannelId(uuid::Uuid::from_u128(7));

/// Alice was a member of a private channel and has just left it, which the index does not
/// know yet.
struct Lagging {
    address: String,
    consumer: IndexConsumer,
    stop: CancellationToken,
}

impl Lagging {
    async fn start() -> Self {
        let (core, mut consumer) = core();
        let created = [channel_created(), alice(Membership::Joined)];
        core.ingest.echo(created.to_vec()).await.expect("is kept");
        consumer.catch_up().await.expect("the index is there");
        let left = vec![alice(Membership::Left)];
        core.ingest.echo(left).await.expect("is kept");
        let stop = CancellationToken::new();
        let tree = Arc::new(public(&parts(core, stop.clone())));
        let any = ListenAddr::Tcp("127.0.0.1:0".parse().expect("an address"));
        let bound = server::bind(&any).await.expect("a free port");
        let address = bound.address.clone();
        server::serve(&TaskTracker::new(), bound, tree, stop.clone());
        Self {
            address,
            consumer,
            stop,
        }
    }

    /// Opens a stream, lets the index go on if it shall, and waits for what comes of it.
    async fn listen(self, catches_up: bool) -> CloseFrame {
        let url = format!("ws://{}/ws/messaging/{}", self.address, CHANNEL.0);
        let mut request = url.into_client_request().expect("a request");
        let alice = "user:alice".parse().expect("a header");
        request.headers_mut().insert("x-user-id", alice);
        let (mut socket, _) = tokio_tungstenite::connect_async(request)
            .await
            .expect("by what the index says, alice may listen");
        let consumer = catches_up.then(|| tokio::spawn(self.consumer.run(self.stop.clone())));
        let first = socket.next().await;
        self.stop.cancel();
        drop(consumer);
        match first {
            Some(Ok(Message::Close(Some(frame)))) => frame,
            other => panic!("instead of a close frame came {other:?}"),
        }
    }
}

#[tokio::test]
async fn who_has_just_left_sees_nothing() {
    let frame = Lagging::start().await.listen(true).await;
    assert_eq!(frame.code, CloseCode::Policy);
}

#[tokio::test]
async fn who_may_listen_is_not_guessed_while_the_index_is_behind() {
    let frame = Lagging::start().await.listen(false).await;
    assert_eq!(frame.code, CloseCode::Again, "1013");
}

fn core() -> (Arc<Core>, IndexConsumer) {
    let clock = Clock::manual(1_000_000);
    let directory = Arc::new(directory());
    let store = store::in_memory().expect("a store");
    let (ingest, _) = Ingest::new(store.journal.clone(), clock.clone());
    let (consumer, indexed) = IndexConsumer::new(store.clone(), directory.clone(), ingest.bell());
    let core = Core {
        homeserver: Arc::new(Fake::new(directory.clone(), clock.clone())),
        store,
        ingest: Arc::new(ingest),
        indexed,
        directory,
        clock,
        rules: Rules {
            city_creation: CityCreation::Members,
            city_microdao: "microdao:daarion".into(),
        },
    };
    (Arc::new(core), consumer)
}

fn directory() -> Directory {
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

fn parts(core: Arc<Core>, stop: CancellationToken) -> Parts {
    let creator = Arc::new(Creator::new(core.clone()));
    let presence = Arc::new(Presence::new(core.clone()));
    let city = Arc::new(City::new(core.clone(), creator.clone(), presence));
    let messages = Arc::new(Messages::new(core.clone()));
    let agents = Arc::new(Agents::new(core.clone(), messages.clone()));
    Parts {
        services: Services {
            channels: Arc::new(Channels::new(core.clone(), creator.clone())),
            members: Arc::new(Members::new(core.clone())),
            agents: agents.clone(),
            backfill: Arc::new(Backfill::new(core.clone(), city.clone(), creator)),
            health: Arc::new(Health::new(core.clone())),
            messages,
            city,
        },
        gate: Arc::new(Gate {
            service_secret: "0123456789abcdef".into(),
            insecure_user_header: true,
            operators: [].into(),
            agents,
        }),
        hub: Arc::new(Hub::new(
            core.store.journal.clone(),
            core.store.index.clone(),
            core.indexed.clone(),
        )),
        inbound: Arc::new(AppService::new(
            core.ingest.clone(),
            core.directory.clone(),
            core.clock.clone(),
        )),
        hs_token: "0123456789abcdef".into(),
        transaction_limit: 1,
        stop,
    }
}

fn channel_created() -> NewEvent {
    event(
        "$created",
        What::ChannelCreated(Channel {
            id: CHANNEL,
            kind: ChannelKind::Channel,
            slug: "tea".into(),
            name: "Tea".into(),
            description: String::new(),
            microdao: "microdao:daarion".into(),
            visibility: Visibility::Private,
            confidential: false,
            status: ChannelStatus::Active,
            is_default: false,
            room: RoomId::trusted("!tea:s"),
            alias: None,
            created_by: None,
            created_at: 1,
        }),
    )
}

fn alice(membership: Membership) -> NewEvent {
    let user = UserId::trusted("@alice:s");
    let since = if membership == Membership::Joined {
        2
    } else {
        3
    };
    event(
        membership.as_str(),
        What::MemberChanged(Member {
            entity: Entity::parse("user:alice").expect("an entity"),
            membership,
            display_name: None,
            by: user.clone(),
            user,
            since,
        }),
    )
}

fn event(id: &str, what: What) -> NewEvent {
    NewEvent {
        channel: CHANNEL,
        event: Some(EventId::trusted(id)),
        source: Source::Push,
        what,
    }
}
