//! The rooms of an older installation come in, each once, whatever is interrupted.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use futures_util::StreamExt;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::daarion::{Caller, World};
use crate::homeserver::http::exchange;
use crate::homeserver::{MatrixUser, path};
use crate::proxy::{Action, Proxy};
use crate::support::{
    all, city_room, event_ids, eventually, message_events, text, truth, until_whole,
    world_behind_proxy,
};

const ROOMS: usize = 50;
/// Every third one exists.
const EXISTING: usize = 17;
/// How many are mapped when the last interruption has been settled, and how many of those
/// existed.
const INTERRUPTED_AFTER: usize = 10;
const EXISTING_TAKEN: usize = 4;
const BACKFILL: &str = "/internal/city/matrix/backfill";

/// A homeserver that an older installation has used.
struct Old {
    world: World,
    /// Between daarion and the homeserver.
    proxy: Proxy,
    owner: MatrixUser,
}

impl Old {
    async fn start() -> Self {
        let (world, proxy) = world_behind_proxy(Default::default()).await;
        let owner = world.register("owner").await;
        Self {
            world,
            proxy,
            owner,
        }
    }

    /// Makes a room as an ordinary user. Only the application service may use its aliases, so
    /// it acts as the user.
    async fn room(&self, slug: &str, more: Value) -> String {
        let mut body = json!({
            "preset": "public_chat",
            "room_alias_name": format!("city_{slug}"),
            "name": format!("Old {slug}"),
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            body[key] = value.clone();
        }
        let user = &self.owner.user_id;
        let path = format!("/_matrix/client/v3/createRoom?user_id={user}");
        let request = self.owner.client.builder(Method::POST, &path);
        let request = request.bearer_auth(self.world.daarion.as_token());
        let (status, answer) = exchange(request, Some(&body)).await.expect("an answer");
        assert_eq!(status, StatusCode::OK, "{answer}");
        text(&answer, "room_id")
    }

    /// The room that an alias of a city room leads to.
    async fn resolve(&self, slug: &str) -> String {
        let alias = format!("#city_{slug}:{}", self.world.homeserver.server_name());
        let path = format!("/_matrix/client/v3{}", path(&["directory", "room", &alias]));
        let (status, answer) = self.owner.request(Method::GET, &path, None).await;
        assert_eq!(status, StatusCode::OK, "{slug}: {answer}");
        text(&answer, "room_id")
    }

    /// All rooms of the homeserver.
    async fn rooms(&self) -> HashSet<String> {
        let mut admin = self.owner.clone();
        admin.access_token = self.world.homeserver.admin_token().await;
        let path = "/_synapse/admin/v1/rooms?limit=1000";
        let (_, answer) = admin.request(Method::GET, path, None).await;
        let rooms = answer["rooms"].as_array().expect("rooms").iter();
        rooms.map(|room| text(room, "room_id")).collect()
    }

    fn operator(&self) -> Caller {
        self.world.daarion.api_as("user:owner")
    }

    async fn city(&self) -> Vec<Value> {
        let (status, city) = self.operator().get("/api/city/rooms").await;
        assert_eq!(status, StatusCode::OK, "{city}");
        city.as_array().expect("an array").clone()
    }

    /// Each slug once, with the room and the alias that the homeserver has for it.
    async fn expect_mapped_once(&self, slugs: &[String]) {
        let city = self.city().await;
        assert_eq!(city.len(), slugs.len());
        let mut rooms = HashSet::new();
        let mut channels = HashSet::new();
        let by_slug: BTreeMap<_, _> = city.iter().map(|room| (text(room, "slug"), room)).collect();
        for slug in slugs {
            let room = by_slug.get(slug).expect("it is mapped");
            let matrix_room = text(room, "matrix_room_id");
            assert_eq!(self.resolve(slug).await, matrix_room, "{slug}");
            let alias = format!("#city_{slug}:{}", self.world.homeserver.server_name());
            assert_eq!(text(room, "matrix_room_alias"), alias);
            assert!(rooms.insert(matrix_room), "{slug} shares its room");
            assert!(
                channels.insert(text(room, "channel_id")),
                "{slug} shares its channel"
            );
        }
        // Nothing was made beside them.
        assert_eq!(self.rooms().await, rooms);
        let listed = all(&self.operator(), "/api/messaging/channels").await;
        assert_eq!(listed.len(), slugs.len());
        let defaults = city.iter().filter(|room| room["is_default"] == true);
        assert_eq!(defaults.count(), 1);
    }

    /// The command reads its rooms from a file.
    fn file(&self, body: &Value) -> PathBuf {
        let file = self
            .world
            .daarion
            .config_path()
            .with_file_name("rooms.json");
        std::fs::write(&file, body.to_string()).expect("the directory is writable");
        file
    }
}

fn slugs() -> Vec<String> {
    (0..ROOMS)
        .map(|number| format!("old-{number:02}"))
        .collect()
}

fn body(slugs: &[String]) -> Value {
    let room = |slug: &String| json!({ "slug": slug, "name": format!("Old {slug}") });
    json!({ "rooms": slugs.iter().map(room).collect::<Vec<_>>() })
}

#[tokio::test]
async fn interrupted_backfill_maps_every_room_once() {
    let old = Old::start().await;
    let daarion = &old.world.daarion;
    let slugs = slugs();
    let mut existing = BTreeMap::new();
    for slug in slugs.iter().step_by(3) {
        let room = old.room(slug, json!({})).await;
        old.owner
            .send_text(&room, &format!("said in {slug} before"))
            .await;
        existing.insert(slug.clone(), room);
    }
    let body = body(&slugs);

    // Killed three times: while a room is looked up, while one is made that the homeserver
    // has made already, and while one is taken over.
    let moments = [
        ("city_old-07", Action::HoldRequest),
        ("createRoom", Action::HoldAnswer),
        ("city.daarion.channel", Action::HoldAnswer),
    ];
    for (moment, action) in moments {
        old.proxy.set(moment, action);
        let service = daarion.service();
        let run = service.try_request(Method::POST, BACKFILL, Some(body.clone()));
        tokio::select! {
            answer = run => panic!("it was to be interrupted: {answer:?}"),
            () = old.proxy.until_held(1) => {}
        }
        daarion.kill();
        old.proxy.open();
        daarion.launch().await;
    }
    // What was begun is completed: all up to the room that was being taken over.
    eventually("the restart settles", async || {
        match old.city().await.len() {
            INTERRUPTED_AFTER => Ok(()),
            other => Err(other),
        }
    })
    .await;

    let (status, summary) = daarion.service().post(BACKFILL, body.clone()).await;
    assert_eq!(status, StatusCode::OK, "{summary}");
    assert_eq!(summary["checked"], ROOMS, "{summary}");
    assert_eq!(summary["failed"], json!([]), "{summary}");
    assert_eq!(
        summary["found"],
        INTERRUPTED_AFTER + EXISTING - EXISTING_TAKEN,
        "{summary}"
    );
    assert_eq!(
        summary["created"],
        ROOMS - INTERRUPTED_AFTER - (EXISTING - EXISTING_TAKEN)
    );
    old.expect_mapped_once(&slugs).await;
    for (slug, room) in &existing {
        assert_eq!(&old.resolve(slug).await, room, "{slug} kept its room");
    }
    // What was said in the old rooms is there.
    for room in old.city().await {
        let expected = event_ids(&match existing.get(&text(&room, "slug")) {
            Some(id) => truth(&old.owner, id).await,
            None => Vec::new(),
        });
        let channel = text(&room, "channel_id");
        assert_eq!(message_events(&old.operator(), &channel).await, expected);
    }

    // Again, and again without naming any: nothing changes.
    let before = old.city().await;
    for body in [body, json!({})] {
        let (status, summary) = daarion.service().post(BACKFILL, body).await;
        assert_eq!(status, StatusCode::OK, "{summary}");
        let expected = json!({ "checked": ROOMS, "found": ROOMS, "created": 0, "failed": [] });
        assert_eq!(summary, expected);
    }
    assert_eq!(old.city().await, before);
    old.expect_mapped_once(&slugs).await;
}

#[tokio::test]
async fn progress_is_streamed_and_a_room_that_refuses_does_not_stop_the_others() {
    let old = Old::start().await;
    let daarion = &old.world.daarion;
    let slugs: Vec<_> = ["one", "closed", "powerless", "two"]
        .map(str::to_owned)
        .into();
    let closed = json!({ "preset": "private_chat" });
    let closed = old.room("closed", closed).await;
    let powerless = json!({
        "room_version": "11",
        "power_level_content_override": {
            "users": { old.owner.user_id.clone(): 100 },
            "state_default": 50,
        },
    });
    let powerless = old.room("powerless", powerless).await;
    let levels = json!({ "users": {}, "state_default": 50 });
    let owner = &old.owner;
    owner
        .set_state(&powerless, "m.room.power_levels", "", levels)
        .await;

    // As a stream of events.
    let service = daarion.service();
    let request = service.builder(Method::POST, BACKFILL);
    let request = request
        .header("accept", "text/event-stream")
        .json(&body(&slugs));
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    let mut stream = answer.bytes_stream();
    let mut events = String::new();
    while let Some(chunk) = stream.next().await {
        events += &String::from_utf8_lossy(&chunk.expect("the stream goes on to its end"));
    }
    let events: Vec<Value> = events
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .map(|data| serde_json::from_str(data).expect("events are JSON"))
        .collect();
    let steps: Vec<_> = events
        .iter()
        .filter(|event| event["step"].is_object())
        .collect();
    assert_eq!(steps.len(), slugs.len(), "{events:?}");
    for (at, (event, slug)) in steps.iter().zip(&slugs).enumerate() {
        let step = &event["step"];
        assert_eq!(
            (&step["slug"], &step["done"]),
            (&json!(slug), &json!(at + 1))
        );
        assert_eq!(step["total"], slugs.len());
    }
    let outcomes: Vec<_> = steps
        .iter()
        .map(|event| event["step"]["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["created", "failed", "failed", "created"]);
    let summary = &events.last().expect("a summary")["summary"];
    assert_eq!(summary["checked"], 4);
    assert_eq!(
        (&summary["found"], &summary["created"]),
        (&json!(0), &json!(2))
    );
    let failed = summary["failed"].as_array().expect("an array");
    let failed: Vec<_> = failed.iter().map(|one| text(one, "slug")).collect();
    assert_eq!(failed, ["closed", "powerless"]);
    assert_eq!(old.city().await.len(), 2);

    // By the command, which says the same and fails.
    let file = old.file(&body(&slugs)).display().to_string();
    let output = daarion
        .run_cli(&["backfill", "--json", "--rooms", &file])
        .await;
    assert!(!output.status.success());
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    for line in [
        "[1/4] one: found",
        "[2/4] closed: failed: ",
        "[4/4] two: found",
    ] {
        assert!(errors.contains(line), "{errors}");
    }
    assert!(errors.contains("daarion: 2 rooms failed"), "{errors}");
    let summary: Value = serde_json::from_slice(&output.stdout).expect("--json prints JSON");
    assert_eq!(
        (&summary["found"], &summary["created"]),
        (&json!(2), &json!(0))
    );

    // The reasons are mended, as they say.
    owner.invite(&closed, "@daarion:test.localhost").await;
    let output = daarion.run_cli(&["backfill", "--rooms", &file]).await;
    assert!(!output.status.success());
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(shown, "4 checked, 3 found, 0 created, 1 failed\n");
    let city = old.city().await;
    let is_closed = |room: &&Value| room["slug"] == "closed";
    let room = city.iter().find(is_closed).expect("it is mapped");
    assert_eq!(room["matrix_room_id"], closed.as_str());
    assert_eq!(room["visibility"], "private");
}

#[tokio::test]
async fn wrong_admin_token_fails_the_rooms_that_need_it_and_no_other() {
    let old = Old::start().await;
    let daarion = &old.world.daarion;
    daarion.terminate().await;
    daarion.set_environment("DAARION_MATRIX__ADMIN_TOKEN", "a-token-that-nobody-has");
    daarion.launch().await;
    old.room("closed", json!({ "preset": "private_chat" }))
        .await;
    let slugs: Vec<_> = ["closed", "two"].map(str::to_owned).into();
    let (status, summary) = daarion.service().post(BACKFILL, body(&slugs)).await;
    assert_eq!(status, StatusCode::OK, "{summary}");
    assert_eq!(
        (&summary["checked"], &summary["created"]),
        (&json!(2), &json!(1))
    );
    let failed = summary["failed"].as_array().expect("an array");
    assert_eq!(failed.len(), 1, "{summary}");
    let reason = failed[0].to_string();
    assert!(reason.contains("matrix.admin_token"), "{reason}");
}

#[tokio::test]
async fn room_that_the_homeserver_fails_on_does_not_stop_a_backfill() {
    let old = Old::start().await;
    old.room("broken", json!({})).await;
    old.proxy.set("city_broken", Action::Fail);
    let slugs: Vec<_> = ["broken", "two"].map(str::to_owned).into();
    let service = old.world.daarion.service();
    let (status, summary) = service.post(BACKFILL, body(&slugs)).await;
    assert_eq!(status, StatusCode::OK, "{summary}");
    assert_eq!(summary["created"], 1, "{summary}");
    assert_eq!(
        summary["failed"].as_array().map(Vec::len),
        Some(1),
        "{summary}"
    );
}

#[tokio::test]
async fn room_that_was_a_channel_before_the_data_were_lost_stays_that_channel() {
    let old = Old::start().await;
    let daarion = &old.world.daarion;
    let lost = city_room(&old.operator(), "lost").await;
    old.owner.send_text(&lost.matrix, "said before").await;
    let left = format!(
        "/_matrix/client/v3{}?user_id=@daarion:{}",
        path(&["rooms", &lost.matrix, "leave"]),
        old.world.homeserver.server_name(),
    );
    let request = old.owner.client.builder(Method::POST, &left);
    let request = request.bearer_auth(daarion.as_token());
    let (status, answer) = exchange(request, Some(&json!({})))
        .await
        .expect("an answer");
    assert_eq!(status, StatusCode::OK, "{answer}");
    daarion.kill();
    std::fs::remove_dir_all(daarion.data_dir()).expect("the data can be deleted");
    daarion.launch().await;

    let (status, summary) = daarion
        .service()
        .post(BACKFILL, body(&["lost".to_owned()]))
        .await;
    assert_eq!(status, StatusCode::OK, "{summary}");
    assert_eq!(
        (&summary["found"], &summary["failed"]),
        (&json!(1), &json!([]))
    );
    let city = old.city().await;
    assert_eq!(city.len(), 1, "{city:?}");
    assert_eq!(text(&city[0], "channel_id"), lost.channel);
    assert_eq!(city[0]["created_by"], "user:owner");
    until_whole(&old.operator(), &lost, &old.owner).await;
}
