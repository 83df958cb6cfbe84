//! A creation that is cut off anywhere is completed or undone, and never made twice.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::daarion::{Caller, World, WorldOptions};
use crate::homeserver::{MatrixUser, path};
use crate::proxy::{Action, Proxy};
use crate::support::{any_world_behind_proxy, command, eventually, eventually_within, text};

const ROOMS: &str = "/api/city/rooms";
/// A homeserver that does not answer may still be at work for a minute.
const SETTLING: Duration = Duration::from_secs(90);

/// A city, and a proxy between daarion and the homeserver.
struct Site {
    world: World,
    proxy: Proxy,
    alice: MatrixUser,
}

impl Site {
    async fn start() -> Self {
        Self::start_with(WorldOptions::default()).await
    }

    async fn start_with(options: WorldOptions) -> Self {
        let (world, proxy) = any_world_behind_proxy(options).await;
        let alice = world.register("alice").await;
        Self {
            world,
            proxy,
            alice,
        }
    }

    fn api(&self) -> Caller {
        self.world.daarion.api_as("user:alice")
    }

    async fn city(&self) -> Vec<Value> {
        let (status, city) = self.api().get(ROOMS).await;
        assert_eq!(status, StatusCode::OK, "{city}");
        city.as_array().expect("an array").clone()
    }

    async fn create(&self, body: &Value) -> (StatusCode, Value) {
        self.api().post(ROOMS, body.clone()).await
    }

    /// Asks for a room, and cuts daarion off once `part` of the making meets `action`.
    async fn cut_off(&self, body: &Value, part: &str, action: Action) {
        self.proxy.set(part, action);
        let api = self.api();
        let making = api.try_request(Method::POST, ROOMS, Some(body.clone()));
        tokio::select! {
            answer = making => panic!("it was to be cut off: {answer:?}"),
            () = self.proxy.until_held(1) => {}
        }
        self.world.daarion.kill();
        self.proxy.open();
    }

    async fn resolve(&self, slug: &str) -> Option<String> {
        let alias = format!("#city_{slug}:{}", self.world.homeserver.server_name());
        let path = format!("/_matrix/client/v3{}", path(&["directory", "room", &alias]));
        let (status, answer) = self.alice.request(Method::GET, &path, None).await;
        (status == StatusCode::OK).then(|| text(&answer, "room_id"))
    }

    /// All rooms of the homeserver with somebody in them.
    async fn rooms(&self) -> HashSet<String> {
        let mut admin = self.alice.clone();
        admin.access_token = self.world.homeserver.admin_token().await;
        let path = "/_synapse/admin/v1/rooms?limit=1000";
        let (_, answer) = admin.request(Method::GET, path, None).await;
        let rooms = answer["rooms"].as_array().expect("rooms").iter();
        let lived_in = rooms.filter(|room| room["joined_members"] != 0);
        lived_in.map(|room| text(room, "room_id")).collect()
    }

    /// There is one room for the slug, whole, and it is the only one on the homeserver.
    async fn expect_one_whole_room(&self, slug: &str, body: &Value) {
        let city = self.city().await;
        assert_eq!(city.len(), 1, "{city:?}");
        let room = &city[0];
        assert_eq!(room["slug"], slug);
        assert_eq!(room["name"], body["name"]);
        assert_eq!(room["description"], body["description"]);
        assert_eq!(room["visibility"], body["visibility"]);
        assert_eq!(room["created_by"], "user:alice");
        let matrix_room = text(room, "matrix_room_id");
        assert_eq!(
            self.resolve(slug).await.as_deref(),
            Some(matrix_room.as_str())
        );
        assert_eq!(self.rooms().await, HashSet::from([matrix_room.clone()]));
        // Its owner is in it, with full power.
        let alice = &self.alice;
        let member = alice
            .state_event(&matrix_room, "m.room.member", &alice.user_id)
            .await;
        assert_eq!(member.expect("a member")["membership"], "join");
        let levels = alice
            .state_event(&matrix_room, "m.room.power_levels", "")
            .await;
        assert_eq!(levels.expect("levels")["users"][&alice.user_id], 100);
        let rule = alice
            .state_event(&matrix_room, "m.room.join_rules", "")
            .await;
        let rule = rule.expect("a join rule")["join_rule"].clone();
        let expected = if body["visibility"] == "public" {
            "public"
        } else {
            "invite"
        };
        assert_eq!(rule, expected);
    }

    async fn no_creation_is_open(&self) {
        eventually("no creation is open", async || {
            let status = command(&self.world.daarion, &["status"]).await;
            if status["open_creations"] == 0 {
                Ok(())
            } else {
                Err(status)
            }
        })
        .await;
    }

    async fn until_created(&self) {
        eventually("the room is there", async || {
            let city = self.city().await;
            if city.len() == 1 { Ok(()) } else { Err(city) }
        })
        .await;
        self.no_creation_is_open().await;
    }
}

fn body(slug: &str, visibility: &str) -> Value {
    json!({
        "slug": slug,
        "name": "Площа",
        "description": "Де всі",
        "visibility": visibility,
    })
}

#[tokio::test]
async fn creation_that_is_cut_off_when_the_room_is_made_is_completed_at_the_next_start() {
    for (part, visibility) in [
        ("createRoom", "public"),
        ("/join?user_id", "private"),
        ("/state", "public"),
    ] {
        let site = Site::start().await;
        let body = body("square", visibility);
        site.cut_off(&body, part, Action::HoldAnswer).await;
        site.world.daarion.launch().await;
        site.until_created().await;
        site.expect_one_whole_room("square", &body).await;
        let (status, answer) = site.create(&body).await;
        assert_eq!(status, StatusCode::CONFLICT, "{answer}");
        site.expect_one_whole_room("square", &body).await;
    }
}

#[tokio::test]
async fn creation_that_never_reached_the_homeserver_leaves_nothing_in_its_way() {
    let site = Site::start().await;
    let body = body("square", "public");
    site.cut_off(&body, "createRoom", Action::Lose).await;
    site.world.daarion.launch().await;
    assert_eq!(site.city().await.len(), 0);
    assert_eq!(site.resolve("square").await, None);
    let (status, answer) = site.create(&body).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    site.expect_one_whole_room("square", &body).await;
    site.no_creation_is_open().await;
}

#[tokio::test]
async fn equal_creations_at_once_make_one_room() {
    let site = Site::start().await;
    let body = body("square", "public");
    let attempts = (0..8).map(|_| async {
        let api = site.api();
        api.post(ROOMS, body.clone()).await
    });
    let answers = futures_util::future::join_all(attempts).await;
    let count = |wanted| {
        answers
            .iter()
            .filter(|(status, _)| *status == wanted)
            .count()
    };
    assert_eq!(count(StatusCode::CREATED), 1, "{answers:?}");
    assert_eq!(count(StatusCode::CONFLICT), 7, "{answers:?}");
    site.expect_one_whole_room("square", &body).await;
    site.no_creation_is_open().await;
}

#[tokio::test]
async fn creation_without_a_homeserver_fails_whole() {
    let site = Site::start().await;
    site.world.homeserver.kill();
    let body = body("square", "public");
    let (status, answer) = site.create(&body).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
    assert_eq!(answer["error"], "matrix_unavailable", "{answer}");
    let internal = json!({ "slug": "square", "name": "Площа" });
    let service = site.world.daarion.service();
    let (status, answer) = service
        .post("/internal/matrix/rooms/create", internal)
        .await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
    assert_eq!(site.city().await.len(), 0);

    site.world.homeserver.launch().await;
    assert_eq!(site.resolve("square").await, None);
    assert_eq!(site.rooms().await.len(), 0);
    let (status, answer) = site.create(&body).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    site.expect_one_whole_room("square", &body).await;
}

/// Who wants what is being looked up does not wait for as long as the homeserver takes.
#[tokio::test]
async fn creation_does_not_wait_for_a_homeserver_that_settles_another_slowly() {
    let site = Site::start().await;
    let body = body("square", "public");
    site.cut_off(&body, "createRoom", Action::Lose).await;
    site.proxy.set("/directory/room/", Action::HoldRequest);
    site.world.daarion.launch().await;
    site.proxy.until_held(1).await;
    let begun = Instant::now();
    let (status, answer) = site.create(&body).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
    // A request to the homeserver may take 30 s, and there may be many.
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
    site.proxy.open();
    let (status, answer) = site.create(&body).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    site.expect_one_whole_room("square", &body).await;
}

/// A homeserver makes everything of a room before it invites anybody.
#[tokio::test]
async fn refused_invitation_does_not_leave_a_room_without_a_channel() {
    let site = Site::start_with(WorldOptions {
        homeserver_settings: Some(json!({ "block_non_admin_invites": true })),
        ..WorldOptions::default()
    })
    .await;
    let body = body("square", "public");
    let (status, answer) = site.create(&body).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    site.expect_one_whole_room("square", &body).await;
    site.no_creation_is_open().await;

    // Into a private room the owner cannot come without one, and the log says so.
    let den = self::body("den", "private");
    let (status, answer) = site.create(&den).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    assert_eq!(
        site.resolve("den").await,
        Some(text(&answer, "matrix_room_id"))
    );
    site.no_creation_is_open().await;
    let log = site.world.daarion.log();
    assert!(log.contains("nor be invited"), "{log}");
}

/// The homeserver is killed a little later each time. Wherever that cut the room in half,
/// asking again until it is there gives one whole room.
#[tokio::test]
async fn homeserver_killed_while_it_makes_a_room_leaves_one_whole_room_in_the_end() {
    let site = Site::start().await;
    let rounds = [5, 10, 15, 20, 30, 45, 70].into_iter().enumerate();
    let rounds = rounds.map(|(round, delay)| {
        let visibility = if round % 2 == 0 { "public" } else { "private" };
        (format!("square-{round}"), visibility, delay)
    });
    let rounds: Vec<_> = rounds.collect();
    for (slug, visibility, delay) in &rounds {
        let body = body(slug, visibility);
        let api = site.api();
        let making = api.try_request(Method::POST, ROOMS, Some(body.clone()));
        let killing = async {
            site.proxy.set("createRoom", Action::HoldAnswer);
            site.proxy.until_met("").await;
            tokio::time::sleep(Duration::from_millis(*delay)).await;
            site.world.homeserver.kill();
            site.proxy.open();
        };
        let (answer, ()) = tokio::join!(making, killing);
        println!("killed after {delay} ms: {answer:?}");
        site.world.homeserver.launch().await;
    }
    for (slug, visibility, _) in &rounds {
        // The homeserver might still be at it: for a while nobody can tell.
        let room = eventually_within(SETTLING, "the room can be made", async || {
            let answer = site.create(&body(slug, visibility)).await;
            let mut city = site.city().await;
            city.retain(|room| room["slug"] == slug.as_str());
            let Some(room) = city.pop() else {
                // As the answer asks, though sooner than it asks.
                tokio::time::sleep(Duration::from_millis(500)).await;
                return Err(answer);
            };
            Ok(room)
        })
        .await;
        let matrix_room = text(&room, "matrix_room_id");
        assert_eq!(site.resolve(slug).await, Some(matrix_room.clone()));
        let alice = &site.alice;
        let levels = alice
            .state_event(&matrix_room, "m.room.power_levels", "")
            .await;
        assert_eq!(levels.expect("levels")["users"][&alice.user_id], 100);
        let rule = alice
            .state_event(&matrix_room, "m.room.join_rules", "")
            .await;
        let expected = if *visibility == "public" {
            "public"
        } else {
            "invite"
        };
        assert_eq!(rule.expect("a rule")["join_rule"], expected);
    }
    let mapped: HashSet<_> = site
        .city()
        .await
        .iter()
        .map(|room| text(room, "matrix_room_id"))
        .collect();
    assert_eq!(
        site.rooms().await,
        mapped,
        "no room beside those of the city"
    );
}
