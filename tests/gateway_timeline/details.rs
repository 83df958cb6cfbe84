//! What is remembered of rooms, and the pushed events that make it forgotten.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use daarion::clock::Clock;
use daarion::directory::Directory;
use daarion::domain::channel::CityNaming;
use daarion::domain::entity::Naming;
use daarion::domain::id::RoomId;
use daarion::homeserver::Inbound as _;
use daarion::ingest::Ingest;
use daarion::matrix::appservice::AppService;
use daarion::matrix::{Matrix, MatrixSettings};
use daarion::recent::Recent;
use daarion::service::gateway::details::Details;
use daarion::store;
use futures_util::future::join_all;
use serde_json::{Value, json};

/// The homeserver's side of a daarion that nobody else runs.
struct Pushed {
    app: AppService,
    details: Arc<Details<usize>>,
    looks: AtomicUsize,
}

impl Pushed {
    fn new() -> Self {
        let clock = Clock::system();
        let directory = Arc::new(directory());
        let settings = MatrixSettings {
            homeserver_url: "http://127.0.0.1:1".parse().expect("a URL"),
            as_token: "token".into(),
            registration_id: "daarion".into(),
            admin_token: None,
        };
        let matrix = Matrix::new(settings, directory.clone(), clock.clone());
        let recent = Recent::new(Arc::new(matrix.expect("a connector")));
        let store = store::in_memory().expect("a store");
        let (ingest, _) = Ingest::new(store.journal, directory.clone(), clock.clone());
        let details = Arc::new(Details::default());
        let app = AppService::new(
            Arc::new(ingest),
            directory,
            Arc::new(recent),
            vec![details.clone()],
            clock,
        );
        Self {
            app,
            details,
            looks: AtomicUsize::new(0),
        }
    }

    /// How many looks there have been, after one that is needed or not.
    async fn look(&self, room: &RoomId) -> usize {
        let look = async |()| {
            tokio::task::yield_now().await;
            Ok(self.looks.fetch_add(1, Ordering::SeqCst) + 1)
        };
        let found = self.details.get(room, async || Ok(()), look);
        found.await.expect("found")
    }

    async fn push(&self, event: Value) {
        let body = json!({ "events": [event] }).to_string();
        let taken = self.app.transaction("1", body.as_bytes()).await;
        taken.expect("is taken");
    }
}

#[tokio::test]
async fn rooms_are_looked_at_anew_when_something_of_them_changes() {
    let pushed = Pushed::new();
    let room = RoomId::trusted("!room:s");
    let event = |room: &str, kind: &str| {
        json!({
            "type": kind, "room_id": room, "sender": "@a:s", "event_id": "$e",
            "origin_server_ts": 1, "state_key": "", "content": {},
        })
    };
    let all = join_all((0..1_000).map(|_| pushed.look(&room))).await;
    assert!(all.into_iter().all(|looks| looks == 1), "one look for all");
    pushed.push(event("!room:s", "m.room.message")).await;
    assert_eq!(pushed.look(&room).await, 1, "nothing that matters");
    for (number, kind) in ["m.room.name", "m.room.member", "m.room.redaction"]
        .into_iter()
        .enumerate()
    {
        pushed.push(event("!room:s", kind)).await;
        assert_eq!(pushed.look(&room).await, number + 2, "{kind}");
        assert_eq!(pushed.look(&room).await, number + 2, "once");
    }
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
