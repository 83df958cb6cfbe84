//! What the homeserver pushes, from a real transaction to what enters the journal.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use daarion::clock::Clock;
use daarion::domain::event::{Event, Source, What};
use daarion::domain::id::{ChannelId, EventId, Millis, Seq};
use daarion::homeserver::{Ephemeral, Homeserver as _, Inbound as _};
use daarion::ingest::Ingest;
use daarion::matrix::appservice::AppService;
use daarion::recent::Recent;
use daarion::store::{Append, Appended, Journal, Placed, SkippedReport, StoreError};
use poem::listener::TcpListener;
use poem::web::{Data, Path};
use poem::{EndpointExt as _, IntoResponse as _, Response, Route, handler};
use serde_json::json;
use tokio::sync::watch;

use crate::homeserver::Port;
use crate::world::{channel, registration, start, user};

/// Keeps what is appended.
#[derive(Default)]
struct Kept(Mutex<Vec<Append>>);

#[async_trait]
impl Journal for Kept {
    fn id(&self) -> u64 {
        1
    }

    async fn append(&self, append: Append) -> Result<Appended, StoreError> {
        let mut kept = self.0.lock().expect("no holder panics");
        let placed = vec![Placed::New(1); append.events.len()];
        kept.push(append);
        Ok(Appended {
            repeated: false,
            placed,
            head: kept.len() as Seq,
            indexed: false,
        })
    }

    async fn read(&self, _: Seq, _: usize) -> Result<Vec<Event>, StoreError> {
        Ok(Vec::new())
    }

    async fn read_channel(
        &self,
        _: ChannelId,
        after: Seq,
        _: usize,
    ) -> Result<(Vec<Event>, Seq), StoreError> {
        Ok((Vec::new(), after))
    }

    fn head(&self) -> Seq {
        0
    }

    fn bell(&self) -> watch::Receiver<Seq> {
        watch::Sender::default().subscribe()
    }

    async fn first(&self) -> Result<Seq, StoreError> {
        Ok(1)
    }

    async fn knows(&self, events: &[EventId]) -> Result<Vec<bool>, StoreError> {
        Ok(vec![false; events.len()])
    }

    async fn trim(&self, _: Millis, _: Seq) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn skipped(&self) -> Result<SkippedReport, StoreError> {
        Ok(SkippedReport::default())
    }
}

#[handler]
async fn transaction(
    Path(id): Path<String>,
    body: Vec<u8>,
    app: Data<&Arc<AppService>>,
) -> Response {
    match app.transaction(&id, &body).await {
        Ok(()) => poem::web::Json(json!({})).into_response(),
        Err(error) => panic!("{error}"),
    }
}

#[handler]
fn ping() -> Response {
    poem::web::Json(json!({})).into_response()
}

#[tokio::test]
async fn pushed_events_enter_the_journal_and_foreign_ones_do_not() {
    let port = Port::reserve();
    let address = format!("127.0.0.1:{}", port.number());
    let world = start(registration(&format!("http://{address}"), true)).await;
    let connector = world.connector();
    let journal = Arc::new(Kept::default());
    let (ingest, mut outlets) = Ingest::new(
        journal.clone(),
        connector.directory.clone(),
        Clock::system(),
    );
    let ingest = Arc::new(ingest);
    let recent = Arc::new(Recent::new(connector.matrix.clone()));
    let app = AppService::new(
        ingest.clone(),
        connector.directory.clone(),
        recent,
        Vec::new(),
        Clock::system(),
    );
    let failed = connector.matrix.ping().await.expect_err("nobody listens");
    assert!(failed.is_refusal("M_CONNECTION_FAILED"), "{failed:?}");
    let routes = Route::new()
        .at("/_matrix/app/v1/transactions/:id", poem::put(transaction))
        .at("/_matrix/app/v1/ping", poem::post(ping))
        .data(Arc::new(app));
    tokio::spawn(poem::Server::new(TcpListener::bind(address)).run(routes));
    let begun = Instant::now();
    while let Err(error) = connector.matrix.ping().await {
        assert!(begun.elapsed() < Duration::from_secs(10), "{error}");
    }

    let alice = world.homeserver.register_user("alice", "password").await;
    let private = alice.create_room(json!({ "preset": "private_chat" })).await;
    alice.send_text(&private, "не для міста").await;
    let (room, new) = connector.create(None, Some(&user(&alice.user_id))).await;
    let claim = tokio::time::timeout(Duration::from_secs(10), outlets.claims.recv()).await;
    assert_eq!(
        claim,
        Ok(Some(room.clone())),
        "the room says that it is a channel"
    );
    connector.directory.put_channel(channel(&room, &new));
    alice.join(room.as_str()).await;
    let event = alice.send_text(room.as_str(), "для міста").await;
    alice.set_presence("online").await;

    let seen = async {
        loop {
            let found = journal
                .0
                .lock()
                .expect("no holder panics")
                .iter()
                .any(|append| {
                    append.events.iter().any(|one| {
                    one.event.as_ref().is_some_and(|id| id.as_str() == event)
                        && one.source == Source::Push
                        && matches!(&one.what, What::MessageCreated(m) if m.preview == "для міста")
                })
                });
            if found {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), seen)
        .await
        .expect("the message is pushed");
    let online = async {
        while let Some(Ephemeral::Presence { user, online }) = outlets.ephemeral.recv().await {
            if user.as_str() == alice.user_id && online {
                return true;
            }
        }
        false
    };
    let online = tokio::time::timeout(Duration::from_secs(10), online).await;
    assert_eq!(online, Ok(true));
    let foreign = ingest
        .counters()
        .foreign
        .load(std::sync::atomic::Ordering::Relaxed);
    assert!(foreign >= 2, "{foreign}");
    let kept = format!("{:?}", journal.0.lock().expect("no holder panics"));
    assert!(!kept.contains("не для міста") && !kept.contains(&private));
}
