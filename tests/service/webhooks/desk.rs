//! One webhook with its receiver, over the fake homeserver and a timeline that may fail.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use daarion::consumer::webhooks::{Deliveries, Outlet, Workshop};
use daarion::domain::channel::{Channel, ChannelKind, ChannelStatus, Visibility};
use daarion::domain::entity::Entity;
use daarion::domain::event::{NewEvent, Source, What};
use daarion::domain::id::{ChannelId, EventId, Millis, RoomId, Seq, UserId};
use daarion::domain::network::{Range, Reach};
use daarion::domain::service::{Rights, ServiceCaller};
use daarion::domain::webhook::{Schedule, Secrets, Webhook, WebhookId};
use daarion::domain::{Error, Result};
use daarion::homeserver::timeline::{PageQuery, SyncQuery, Timeline, TimelinePage};
use daarion::recent::Recent;
use daarion::store::webhooks::{Counts, DeadLetter, DeadQuery};
use poem::http::StatusCode;
use poem::listener::{Acceptor, Listener, TcpListener};
use poem::web::Data;
use poem::{EndpointExt, Response, Server, handler};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use tokio::task::JoinHandle;

use crate::world::World;

pub const HERE: ChannelId = ChannelId(uuid::Uuid::from_u128(1));
pub const THERE: ChannelId = ChannelId(uuid::Uuid::from_u128(2));
const ID: WebhookId = WebhookId(uuid::Uuid::from_u128(7));
const LIMIT: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(10);
/// As in the sample configuration.
const RETENTION: Duration = Duration::from_secs(30 * 24 * 3_600);

/// What is answered to the so-many-th delivery, and `Retry-After`.
type Answers = fn(usize) -> (StatusCode, Option<&'static str>);

pub struct Setup {
    pub answers: Answers,
    /// Of the service that the webhook belongs to.
    pub rooms: Option<Vec<String>>,
    /// Whether the rights cannot be asked for now, by a panic.
    pub breaks: fn() -> bool,
    /// Deliveries begin by `wake`.
    pub is_asleep: bool,
    /// The agent that hears by the webhook.
    pub agent: Option<&'static str>,
    /// The one channel that the webhook is told of.
    pub channel: Option<ChannelId>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            answers: |_| (StatusCode::OK, None),
            rooms: None,
            breaks: || false,
            is_asleep: false,
            agent: None,
            channel: None,
        }
    }
}

pub struct Desk {
    pub world: World,
    pub receiver: Receiver,
    pub timeline: Arc<Shown>,
    deliveries: Deliveries,
}

impl Desk {
    pub async fn start(setup: Setup) -> Self {
        let (world, receiver) = (World::start().await, Receiver::start(setup.answers).await);
        let timeline = Arc::new(Shown::default());
        let core = &world.core;
        let webhook = Webhook {
            agent: setup.agent.and_then(Entity::parse),
            channel: setup.channel,
            ..webhook(&receiver)
        };
        let added = core.store.webhooks.add(webhook).await;
        added.expect("added");
        let schedule = Schedule {
            quick: vec![Duration::from_millis(10); 2],
            long: vec![Duration::from_secs(3_600)],
        };
        let loopback = Range {
            address: [127, 0, 0, 1].into(),
            prefix_bits: 32,
        };
        let reach = Reach {
            allow: vec![loopback],
            deny: Vec::new(),
        };
        let rights = Rights {
            rooms: setup.rooms,
            ..Rights::all()
        };
        let caller = Arc::new(ServiceCaller {
            rights,
            ..ServiceCaller::shared()
        });
        let breaks = setup.breaks;
        let second = Duration::from_secs(1);
        let workshop = Workshop {
            store: core.store.clone(),
            recent: Arc::new(Recent::new(timeline.clone())),
            directory: core.directory.clone(),
            indexed: core.indexed.clone(),
            clock: world.clock.clone(),
            patience: schedule.patience(RETENTION),
            schedule,
            outlet: Outlet::new(reach, Vec::new(), second, world.clock.clone()).expect("a way out"),
            caller_of: Box::new(move |_| {
                assert!(!breaks(), "as the test wants it");
                Some(caller.clone())
            }),
        };
        let deliveries = Deliveries::new(workshop, core.store.journal.bell());
        let desk = Self {
            world,
            receiver,
            timeline,
            deliveries,
        };
        if !setup.is_asleep {
            desk.wake().await;
        }
        desk
    }

    pub async fn wake(&self) {
        self.deliveries.start().await.expect("started");
    }

    pub async fn nudge(&self) {
        self.deliveries.nudge(ID).await;
    }

    /// So much later, which whoever waits is told.
    pub async fn later(&self, by: Millis) {
        self.world.clock.set(self.world.clock.now() + by);
        self.nudge().await;
    }

    /// A channel comes to be.
    pub async fn make(&self, channel: ChannelId, room: &str) {
        let made = What::ChannelCreated(Channel {
            id: channel,
            kind: ChannelKind::Channel,
            slug: room[1..].to_owned(),
            name: room.to_owned(),
            description: String::new(),
            microdao: "microdao:daarion".into(),
            visibility: Visibility::Public,
            confidential: false,
            status: ChannelStatus::Active,
            is_default: false,
            accepts_knocks: false,
            slow_mode_seconds: 0,
            room: RoomId::trusted(room),
            former: Vec::new(),
            alias: None,
            created_by: None,
            created_at: 1,
        });
        self.happens(channel, &format!("$made{room}"), made).await;
    }

    /// Something is said, and taken back, which is what can be told of any channel.
    pub async fn say(&self, channel: ChannelId, event: &str) {
        let deleted = What::MessageDeleted {
            target: EventId::trusted("$target"),
            by: UserId::trusted("@alice:s"),
            at: 1,
        };
        self.happens(channel, event, deleted).await;
    }

    pub async fn happens(&self, channel: ChannelId, event: &str, what: What) {
        let event = NewEvent {
            channel,
            event: Some(EventId::trusted(event)),
            source: Source::Push,
            what,
        };
        let kept = self.world.core.ingest.echo(vec![event]).await;
        kept.expect("is kept");
    }

    /// How far the webhook has come, as it is written down.
    pub async fn position(&self) -> Seq {
        let webhook = self.world.core.store.webhooks.webhook(ID).await;
        webhook.expect("read").expect("is there").position
    }

    pub async fn counts(&self) -> Counts {
        let counts = self.world.core.store.webhooks.counts(ID).await;
        counts.expect("read")
    }

    /// Waits until so much waits.
    pub async fn pending(&self, count: u64) {
        eventually(&format!("{count} that wait"), async || {
            (self.counts().await.pending == count).then_some(())
        })
        .await;
    }

    /// Waits for so many dead letters.
    pub async fn dead(&self, count: usize) -> Vec<DeadLetter> {
        eventually(&format!("{count} dead letters"), async || {
            Some(self.dead_letters().await).filter(|dead| dead.len() == count)
        })
        .await
    }

    pub async fn dead_letters(&self) -> Vec<DeadLetter> {
        let query = DeadQuery {
            webhooks: vec![ID],
            limit: usize::MAX,
            ..DeadQuery::default()
        };
        let dead = self.world.core.store.webhooks.dead_letters(query).await;
        dead.expect("read")
    }
}

fn webhook(receiver: &Receiver) -> Webhook {
    Webhook {
        id: ID,
        channel: None,
        url: format!("http://127.0.0.1:{}/", receiver.port),
        events: Vec::new(),
        agent: None,
        include_agents: false,
        description: String::new(),
        secrets: Secrets::new("whsec_c2VjcmV0".into()),
        paused: None,
        service: None,
        created_by: None,
        created_at: 1,
        position: 0,
    }
}

/// Looks until there is something to see.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + LIMIT;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "no {what} within {LIMIT:?}");
        tokio::time::sleep(LOOK).await;
    }
}

/// Shows every event, or fails.
#[derive(Default)]
pub struct Shown(Mutex<Option<Error>>);

impl Shown {
    pub fn fail(&self, error: Error) {
        *self.0.lock().expect("no holder panics") = Some(error);
    }

    pub fn work(&self) {
        *self.0.lock().expect("no holder panics") = None;
    }
}

#[async_trait]
impl Timeline for Shown {
    async fn sync(&self, _: &UserId, _: &SyncQuery) -> Result<String> {
        Err(Error::unavailable("not here"))
    }

    async fn page(&self, _: &RoomId, _: &PageQuery, _: Option<&UserId>) -> Result<TimelinePage> {
        Err(Error::unavailable("not here"))
    }

    async fn before(&self, _: &RoomId, _: &EventId, _: Option<&UserId>) -> Result<String> {
        Err(Error::unavailable("not here"))
    }

    async fn event(&self, _: &RoomId, event: &EventId) -> Result<Option<Box<RawValue>>> {
        if let Some(error) = self.0.lock().expect("no holder panics").clone() {
            return Err(error);
        }
        let raw = to_raw_value(&serde_json::json!({ "event_id": event }));
        Ok(Some(raw.expect("JSON")))
    }
}

/// Where deliveries go to; it ends when this is dropped.
pub struct Receiver {
    port: u16,
    inner: Arc<Inner>,
    task: JoinHandle<()>,
}

struct Inner {
    /// The ids of the events that came.
    seen: Mutex<Vec<String>>,
    bodies: Mutex<Vec<Value>>,
    answers: Answers,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    async fn start(answers: Answers) -> Self {
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await;
        let acceptor = acceptor.expect("a free port");
        let address = acceptor.local_addr().remove(0);
        let inner = Arc::new(Inner {
            seen: Mutex::default(),
            bodies: Mutex::default(),
            answers,
        });
        let endpoint = take.data(inner.clone());
        let task = tokio::spawn(async move {
            let _ = Server::new_with_acceptor(acceptor).run(endpoint).await;
        });
        Self {
            port: address.as_socket_addr().expect("an address").port(),
            inner,
            task,
        }
    }

    /// The ids of the events that came, every try of each.
    pub fn seen(&self) -> Vec<String> {
        self.inner.seen.lock().expect("no holder panics").clone()
    }

    /// All that came.
    pub fn bodies(&self) -> Vec<Value> {
        self.inner.bodies.lock().expect("no holder panics").clone()
    }

    /// Waits until so many have come.
    pub async fn until(&self, count: usize) -> Vec<String> {
        eventually(&format!("{count} deliveries"), async || {
            Some(self.seen()).filter(|seen| seen.len() >= count)
        })
        .await
    }
}

#[handler]
fn take(bytes: Vec<u8>, inner: Data<&Arc<Inner>>) -> Response {
    let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let event = body["event"]["event_id"].as_str().unwrap_or_default();
    let bodies = &mut *inner.bodies.lock().expect("no holder panics");
    bodies.push(body.clone());
    let mut seen = inner.seen.lock().expect("no holder panics");
    seen.push(event.to_owned());
    let (status, retry_after) = (inner.answers)(seen.len() - 1);
    let response = Response::builder().status(status);
    match retry_after {
        Some(seconds) => response.header("retry-after", seconds).finish(),
        None => response.finish(),
    }
}
