//! Streams that are opened while the index lags, on a real listener; and what is beside a service.

mod going_on;
mod webhooks;

use std::path::Path;
use std::sync::Arc;

use futures_util::StreamExt;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{App, build};
use crate::config::{Config, ListenAddr};
use crate::consumer::hub::Hub;
use crate::consumer::index::IndexConsumer;
use crate::domain::channel::{Channel, ChannelKind, ChannelStatus, Visibility};
use crate::domain::entity::Entity;
use crate::domain::event::{NewEvent, Source, What};
use crate::domain::id::{ChannelId, EventId, RoomId, UserId};
use crate::domain::member::{Member, Membership};
use crate::{store, web};

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
        let config = config();
        let store = store::in_memory().expect("a store");
        let mut app = App::assemble(&config, store).await.expect("an app");
        let created = [channel_created(), alice(Membership::Joined)];
        let ingest = app.core.ingest.clone();
        ingest.echo(created.to_vec()).await.expect("is kept");
        app.consumer.catch_up().await.expect("the index is there");
        let left = vec![alice(Membership::Left)];
        ingest.echo(left).await.expect("is kept");

        let stop = CancellationToken::new();
        let hub = Arc::new(Hub::new(
            app.core.store.clone(),
            app.core.directory.clone(),
            app.core.indexed.clone(),
        ));
        let parts = build::parts(&app, hub, &config, stop.clone());
        let access = web::server::Access {
            mode: 0o600,
            connections: 9,
            head: web::server::HEAD,
        };
        let any = ListenAddr::Tcp("127.0.0.1:0".parse().expect("an address"));
        let bound = web::server::bind(&any, access).await.expect("a free port");
        let address = bound.address.clone();
        let tree = Arc::new(web::public(&parts));
        web::server::serve(&TaskTracker::new(), bound, tree, stop.clone());
        Self {
            address,
            consumer: app.consumer,
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

pub(super) fn config() -> Config {
    config_with(&[])
}

fn config_with(more: &[(&str, &str)]) -> Config {
    let needed = [
        ("DAARION_MATRIX__HOMESERVER_URL", "http://127.0.0.1"),
        ("DAARION_MATRIX__SERVER_NAME", "s"),
        ("DAARION_MATRIX__AS_TOKEN", "0123456789abcdef"),
        ("DAARION_MATRIX__HS_TOKEN", "0123456789abcdefg"),
        ("DAARION_INTERNAL__SECRET", "0123456789abcdefh"),
        ("DAARION_AUTH__INSECURE_USER_HEADER", "true"),
    ];
    let needed = needed.iter().chain(more);
    let needed = needed.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load_from(Some(Path::new("/dev/null")), needed).expect("a configuration")
}

fn channel() -> Channel {
    Channel {
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
        accepts_knocks: false,
        slow_mode_seconds: 0,
        room: RoomId::trusted("!tea:s"),
        former: Vec::new(),
        alias: None,
        created_by: None,
        created_at: 1,
    }
}

fn channel_created() -> NewEvent {
    event("$created", What::ChannelCreated(channel()))
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
            reason: None,
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
