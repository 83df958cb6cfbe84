//! What the homeserver's push loses, repeats and reorders is there exactly once all the same.

use serde_json::{Value, json};

use crate::daarion::{Caller, DaarionOptions, World, WorldOptions};
use crate::homeserver::MatrixUser;
use crate::proxy::{Action, Proxy};
use crate::support::{
    Listener, Room, all, city_room, command, event_ids, eventually, message_events, messages, text,
    truth, until_whole, world_between_proxies,
};

/// The homeserver's pushes, and nothing else that passes the proxy.
const PUSHES: &str = "/transactions/";
/// Histories of rooms, which are what healing reads.
const HISTORY: &str = "/messages";

/// A room of alice's, and a proxy through which the homeserver pushes.
struct Scene {
    world: World,
    proxy: Proxy,
    /// Through which daarion asks, where what it reads is to be held.
    to_homeserver: Option<Proxy>,
    alice: MatrixUser,
    api: Caller,
    room: Room,
}

fn healing_every(interval: &str) -> DaarionOptions {
    DaarionOptions {
        heal_interval: interval.into(),
        ..DaarionOptions::default()
    }
}

impl Scene {
    /// One in which nothing heals on a timer.
    async fn start() -> Self {
        Self::healing_every("12h").await
    }

    async fn healing_every(interval: &str) -> Self {
        let proxy = Proxy::start().await;
        let world = World::prepare(WorldOptions {
            daarion: DaarionOptions {
                connector_url: Some(proxy.url()),
                ..healing_every(interval)
            },
            ..WorldOptions::default()
        })
        .await;
        proxy.lead_to(&world.daarion.internal(""));
        world.homeserver.launch().await;
        world.daarion.launch().await;
        Self::begin(world, proxy, None).await
    }

    async fn begin(world: World, proxy: Proxy, to_homeserver: Option<Proxy>) -> Self {
        let alice = world.register("alice").await;
        let api = world.daarion.api_as("user:alice");
        let room = city_room(&api, "square").await;
        alice.send_text(&room.matrix, "first").await;
        until_whole(&api, &room, &alice).await;
        // From here on the room is known to have no gap.
        let healed = command(&world.daarion, &["heal"]).await;
        assert_eq!(healed["missing"], 0, "{healed}");
        Self {
            world,
            proxy,
            to_homeserver,
            alice,
            api,
            room,
        }
    }

    fn to_homeserver(&self) -> &Proxy {
        self.to_homeserver.as_ref().expect("it is there")
    }

    async fn say(&self, words: &str) -> String {
        self.alice.send_text(&self.room.matrix, words).await
    }

    async fn listed(&self) -> Vec<String> {
        message_events(&self.api, &self.room.channel).await
    }

    async fn truth(&self) -> Vec<String> {
        event_ids(&truth(&self.alice, &self.room.matrix).await)
    }

    async fn whole(&self) {
        until_whole(&self.api, &self.room, &self.alice).await;
    }

    /// Says something that is never pushed, with the homeserver none the wiser.
    async fn lose(&self, words: &str) -> String {
        self.proxy.set(PUSHES, Action::Swallow);
        let event = self.say(words).await;
        self.proxy.until_met(&event).await;
        self.proxy.open();
        event
    }

    async fn until_listed(&self, event: &str) {
        let what = format!("{event} is listed");
        eventually(&what, async || {
            let listed = self.listed().await;
            match listed.iter().any(|id| id == event) {
                true => Ok(()),
                false => Err(listed),
            }
        })
        .await;
    }

    /// Says things that wait in the homeserver's queue and kills it.
    async fn kill_homeserver_with_full_queue(&self) {
        self.proxy.set(PUSHES, Action::Lose);
        for number in 0..QUEUED {
            self.say(&format!("queued {number}")).await;
        }
        self.proxy.until_held(1).await;
        self.world.homeserver.kill();
        self.proxy.open();
    }

    /// A scene whose homeserver was killed with a full queue while daarion stood still, with
    /// somebody who listened from the beginning, and what is missing.
    ///
    /// daarion sees soon that something was lost, by a connection that broke or by a number that was
    /// left out, and heals by itself, as it should. What it reads for that is held until the
    /// proxy that leads to the homeserver is opened.
    async fn with_unnoticed_losses() -> (Self, Listener, Vec<String>) {
        let (world, to_homeserver, proxy) = world_between_proxies(healing_every("12h")).await;
        let scene = Self::begin(world, proxy, Some(to_homeserver)).await;
        scene.to_homeserver().set(HISTORY, Action::HoldRequest);
        let listener = Listener::start(scene.api.clone(), &scene.room.channel).await;
        scene.world.daarion.pause();
        scene.kill_homeserver_with_full_queue().await;
        scene.world.homeserver.launch().await;
        scene.world.daarion.resume();
        let missing = scene.missing().await;
        assert!(missing.len() >= SURELY_LOST, "{missing:?}");
        (scene, listener, missing)
    }

    /// Says something that is pushed; all that will be pushed of what was said before has
    /// then been. Answers what is missing.
    async fn missing(&self) -> Vec<String> {
        let pushed = self.say("pushed again").await;
        self.until_listed(&pushed).await;
        let listed = self.listed().await;
        let mut missing = self.truth().await;
        missing.retain(|event| !listed.contains(event));
        missing
    }
}

const QUEUED: usize = 25;
/// The homeserver may have been killed before it noted that it had queued the latest.
const SURELY_LOST: usize = 20;

/// What each healing that has found something says of itself.
fn healings(log: &str, count: &str) -> Vec<usize> {
    log.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|record| record["message"] == "healed")
        .filter_map(|record| usize::try_from(record[count].as_u64()?).ok())
        .collect()
}

#[tokio::test]
async fn heal_finds_and_counts_what_a_killed_homeserver_had_not_pushed() {
    let (scene, _listener, missing) = Scene::with_unnoticed_losses().await;
    let daarion = &scene.world.daarion;
    scene.to_homeserver().open();
    let healed = command(daarion, &["heal"]).await;
    let channel = &healed["channels"][0];
    assert_eq!(channel["channel_id"], scene.room.channel.as_str());
    assert_eq!(channel["missing"], healed["missing"], "{healed}");
    // The command has found them, or daarion by itself, or both at once: then one has taken them in.
    let log = daarion.log();
    let found = healings(&log, "missing");
    assert!(!found.is_empty(), "{healed}");
    assert!(
        found.iter().all(|found| *found == missing.len()),
        "{found:?}"
    );
    let taken_in: usize = healings(&log, "healed").iter().sum();
    assert_eq!(taken_in, missing.len(), "{healed}");
    assert_eq!(scene.listed().await, scene.truth().await);

    let again = command(daarion, &["heal"]).await;
    assert_eq!(again["missing"], 0, "{again}");
    assert_eq!(scene.listed().await, scene.truth().await);
}

#[tokio::test]
async fn what_a_killed_homeserver_had_not_pushed_is_found_at_the_next_start() {
    let (scene, listener, missing) = Scene::with_unnoticed_losses().await;
    let daarion = &scene.world.daarion;

    daarion.kill();
    scene.to_homeserver().open();
    daarion.launch().await;
    scene.whole().await;
    // Those who listen are told of it as of anything else, each once, the lost in the order
    // in which it was said.
    let mut said = scene.truth().await;
    said.remove(0);
    for event in &said {
        listener.until(event).await;
    }
    let mut heard = listener.heard();
    let order: Vec<_> = heard.iter().filter(|id| missing.contains(id)).collect();
    assert_eq!(order, missing.iter().collect::<Vec<_>>());
    heard.sort_unstable();
    said.sort_unstable();
    assert_eq!(heard, said);
}

#[tokio::test]
async fn what_a_killed_homeserver_had_not_pushed_is_found_when_it_is_back() {
    let scene = Scene::start().await;
    scene.kill_homeserver_with_full_queue().await;
    eventually("daarion notices", async || {
        let log = scene.world.daarion.log();
        match log.contains("the homeserver is away") {
            true => Ok(()),
            false => Err("it has not"),
        }
    })
    .await;
    scene.world.homeserver.launch().await;
    scene.whole().await;
}

#[tokio::test]
async fn what_was_lost_is_found_by_the_timer() {
    let scene = Scene::healing_every("2s").await;
    let lost = scene.lose("lost").await;
    scene.until_listed(&lost).await;
    scene.whole().await;
}

#[tokio::test]
async fn message_lost_between_known_ones_is_found() {
    // Nothing heals on a timer here: that a transaction was left out tells it.
    let scene = Scene::start().await;
    let path = format!("/api/messaging/channels/{}/messages", scene.room.channel);
    for _ in 0..2 {
        // What follows the gap is known by push, and then by our own echo alone.
        let lost = scene.lose("never pushed").await;
        let pushed = scene.say("pushed").await;
        scene.until_listed(&pushed).await;
        scene.proxy.set(PUSHES, Action::Swallow);
        let (status, echo) = scene.api.post(&path, json!({ "text": "echoed" })).await;
        assert_eq!(status, 201, "{echo}");
        scene.proxy.until_met(&text(&echo, "matrix_event_id")).await;
        scene.proxy.open();

        scene.until_listed(&lost).await;
        assert_eq!(scene.listed().await, scene.truth().await);
    }
}

#[tokio::test]
async fn lost_edits_and_deletions_and_members_are_healed() {
    let scene = Scene::start().await;
    let bob = scene.world.register("bob").await;
    let edited = scene.say("to be edited").await;
    let deleted = scene.say("to be deleted").await;
    scene.until_listed(&deleted).await;

    scene.proxy.set(PUSHES, Action::Swallow);
    let content = json!({
        "msgtype": "m.text",
        "body": "* edited",
        "m.new_content": { "msgtype": "m.text", "body": "edited" },
        "m.relates_to": { "rel_type": "m.replace", "event_id": edited },
    });
    let matrix = &scene.room.matrix;
    scene
        .alice
        .send_event(matrix, "m.room.message", content)
        .await;
    bob.join(matrix).await;
    let redaction = scene.alice.redact(matrix, &deleted).await;
    scene.proxy.until_met(&redaction).await;
    scene.proxy.open();

    let healed = command(&scene.world.daarion, &["heal"]).await;
    assert_eq!(healed["missing"], 3, "{healed}");
    assert_eq!(healed["healed"], 3, "{healed}");
    let listed = messages(&scene.api, &scene.room.channel).await;
    let find = |event: &str| {
        let is_it = |message: &&Value| message["matrix_event_id"] == event;
        listed.iter().find(is_it).expect("it is listed")
    };
    assert_eq!(find(&edited)["content_preview"], "edited");
    assert!(find(&edited)["edited_at"].is_string());
    assert_eq!(find(&deleted)["deleted"], true);
    let path = format!("/api/messaging/channels/{}/members", scene.room.channel);
    let members = all(&scene.api, &path).await;
    let is_bob = |member: &Value| member.to_string().contains(&bob.user_id);
    assert!(members.iter().any(is_bob), "{members:?}");
}

#[tokio::test]
async fn repeated_and_reordered_transactions_leave_everything_once_and_in_order() {
    let scene = Scene::start().await;
    let listener = Listener::start(scene.api.clone(), &scene.room.channel).await;
    // Pushes are made by hand here.
    scene.proxy.set(PUSHES, Action::Swallow);
    let mut ids = Vec::new();
    for number in 0..8 {
        ids.push(scene.say(&format!("number {number}")).await);
    }
    let content = json!({
        "msgtype": "m.text",
        "body": "* edited",
        "m.new_content": { "msgtype": "m.text", "body": "edited" },
        "m.relates_to": { "rel_type": "m.replace", "event_id": ids[7] },
    });
    let matrix = &scene.room.matrix;
    let edit = scene
        .alice
        .send_event(matrix, "m.room.message", content)
        .await;
    let history = scene.alice.messages(matrix).await;
    let event = |id: &String| {
        let found = history
            .iter()
            .find(|event| event["event_id"] == id.as_str());
        found.expect("the homeserver has it").clone()
    };
    let push = async |transaction: &str, events: &[&String]| {
        let events: Vec<_> = events.iter().map(|id| event(id)).collect();
        let path = format!("/_matrix/app/v1/transactions/{transaction}");
        let homeserver = scene.world.daarion.as_homeserver();
        let (status, answer) = homeserver.put(&path, json!({ "events": events })).await;
        assert_eq!(status, 200, "{transaction}: {answer}");
    };

    push("a", &[&ids[0], &ids[1]]).await;
    push("a", &[&ids[0], &ids[1]]).await;
    // The same events under another name, one of them new, one of them twice.
    push("b", &[&ids[1], &ids[2], &ids[0], &ids[2]]).await;
    // A transaction that was in flight at a crash comes behind newer ones; an edit may come
    // before its message.
    push("d", &[&ids[5], &edit]).await;
    push("c", &[&ids[3]]).await;
    // Synapse on SQLite counts from one again after a restart with an empty queue: a name that
    // is known, with events that are not.
    push("a", &[&ids[4]]).await;
    push("e", &[&ids[6], &ids[7]]).await;
    let many = (0..20).map(|number| {
        let (push, ids) = (&push, &ids);
        async move { push(&format!("f{number}"), &[&ids[6], &ids[7], &ids[3]]).await }
    });
    futures_util::future::join_all(many).await;
    // The memory of transactions and events outlives the process.
    scene.world.daarion.kill();
    scene.world.daarion.launch().await;
    push("a", &[&ids[0], &ids[1]]).await;
    push("g", &ids.iter().collect::<Vec<_>>()).await;

    let listed = messages(&scene.api, &scene.room.channel).await;
    assert_eq!(event_ids_of(&listed[1..]), ids);
    assert_eq!(listed[8]["content_preview"], "edited");
    let fence = command(&scene.world.daarion, &["heal"]).await;
    assert_eq!(fence["missing"], 0, "{fence}");
    let path = format!("/api/messaging/channels/{}/messages", scene.room.channel);
    let (_, fence) = scene.api.post(&path, json!({ "text": "fence" })).await;
    let fence = text(&fence, "matrix_event_id");
    let heard = listener.until(&fence).await;
    let order = [0, 1, 2, 5, 3, 4, 6, 7].map(|number: usize| ids[number].clone());
    assert_eq!(heard[..8], order);
    assert_eq!(heard[8..], [fence]);
}

fn event_ids_of(messages: &[Value]) -> Vec<String> {
    let event = |message: &Value| text(message, "matrix_event_id");
    messages.iter().map(event).collect()
}
