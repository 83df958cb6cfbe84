//! What the tests of this binary share: waiting, lists in full, the homeserver's truth, and
//! live listeners that remember what they saw.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;

use crate::daarion::{Caller, Daarion, DaarionOptions, World, WorldOptions};
use crate::homeserver::MatrixUser;
use crate::homeserver::child::POLL_INTERVAL;
use crate::proxy::Proxy;

/// How long a condition is waited for.
pub const LIMIT: Duration = Duration::from_mins(1);

/// Waits until `probe` answers `Ok`; panics with its last `Err`.
pub async fn eventually<T, E: Debug>(what: &str, probe: impl AsyncFnMut() -> Result<T, E>) -> T {
    eventually_within(LIMIT, what, probe).await
}

/// The same, where more patience is needed.
pub async fn eventually_within<T, E: Debug>(
    limit: Duration,
    what: &str,
    mut probe: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let deadline = Instant::now() + limit;
    loop {
        match probe().await {
            Ok(value) => return value,
            Err(last) => assert!(Instant::now() < deadline, "{what}: {last:?}"),
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// A city whose daarion reaches the homeserver through a proxy, and nothing else of `options`
/// changed.
pub async fn world_behind_proxy(options: DaarionOptions) -> (World, Proxy) {
    any_world_behind_proxy(WorldOptions {
        daarion: options,
        ..WorldOptions::default()
    })
    .await
}

/// The same, with a homeserver of other settings.
pub async fn any_world_behind_proxy(options: WorldOptions) -> (World, Proxy) {
    let proxy = Proxy::start().await;
    let behind = DaarionOptions {
        homeserver_url: proxy.url(),
        ..options.daarion.clone()
    };
    let world = World::prepare(options).await;
    proxy.lead_to(world.homeserver.base_url());
    world.daarion.write_configuration(&behind);
    world.homeserver.launch().await;
    world.daarion.launch().await;
    (world, proxy)
}

/// A homeserver and daarion that reach each other through proxies alone: the one that leads to the
/// homeserver, and the one that leads to daarion.
pub async fn world_between_proxies(options: DaarionOptions) -> (World, Proxy, Proxy) {
    let (to_homeserver, to_daarion) = (Proxy::start().await, Proxy::start().await);
    let options = DaarionOptions {
        connector_url: Some(to_daarion.url()),
        ..options
    };
    let behind = DaarionOptions {
        homeserver_url: to_homeserver.url(),
        ..options.clone()
    };
    let world = World::prepare(WorldOptions {
        daarion: options,
        ..WorldOptions::default()
    })
    .await;
    to_daarion.lead_to(&world.daarion.internal(""));
    to_homeserver.lead_to(world.homeserver.base_url());
    world.daarion.write_configuration(&behind);
    world.homeserver.launch().await;
    world.daarion.launch().await;
    (world, to_homeserver, to_daarion)
}

/// A channel as a test knows it.
#[derive(Clone, Debug)]
pub struct Room {
    pub slug: String,
    pub channel: String,
    pub matrix: String,
}

/// Makes a public city room.
pub async fn city_room(caller: &Caller, slug: &str) -> Room {
    let body = json!({ "slug": slug, "name": format!("Room {slug}") });
    let (status, room) = caller.post("/api/city/rooms", body).await;
    assert_eq!(status, StatusCode::CREATED, "{room}");
    Room {
        slug: slug.to_owned(),
        channel: text(&room, "channel_id"),
        matrix: text(&room, "matrix_room_id"),
    }
}

pub fn text(value: &Value, field: &str) -> String {
    let Some(text) = value[field].as_str() else {
        panic!("no {field} in {value}");
    };
    text.to_owned()
}

/// Every item of a paged list.
pub async fn all(caller: &Caller, path: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut cursor = String::new();
    loop {
        let separator = if path.contains('?') { '&' } else { '?' };
        let (status, page) = caller
            .get(&format!("{path}{separator}limit=200{cursor}"))
            .await;
        assert_eq!(status, StatusCode::OK, "{path}: {page}");
        items.extend(page["items"].as_array().cloned().unwrap_or_default());
        let Some(next) = page["next"].as_str() else {
            return items;
        };
        cursor = format!("&cursor={next}");
    }
}

/// A channel's messages, oldest first.
pub async fn messages(caller: &Caller, channel: &str) -> Vec<Value> {
    let path = format!("/api/messaging/channels/{channel}/messages?order=asc");
    all(caller, &path).await
}

/// The Matrix ids of a channel's messages, oldest first.
pub async fn message_events(caller: &Caller, channel: &str) -> Vec<String> {
    let messages = messages(caller, channel).await;
    let event = |message: &Value| text(message, "matrix_event_id");
    messages.iter().map(event).collect()
}

/// The messages that the homeserver has of a room, in the order of the contract: by time,
/// then by event id.
pub async fn truth(member: &MatrixUser, matrix_room: &str) -> Vec<Value> {
    let mut events = member.messages(matrix_room).await;
    events.retain(|event| event["type"] == "m.room.message");
    events.sort_by_key(|event| {
        let at = event["origin_server_ts"].as_u64().expect("a time");
        (at, text(event, "event_id"))
    });
    events
}

pub fn event_ids(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| text(event, "event_id")).collect()
}

/// Waits until a channel's list is what the homeserver has of its room.
pub async fn until_whole(caller: &Caller, room: &Room, member: &MatrixUser) -> Vec<Value> {
    let truth = truth(member, &room.matrix).await;
    let expected = event_ids(&truth);
    eventually(&format!("{} is whole", room.slug), async || {
        let listed = message_events(caller, &room.channel).await;
        if listed == expected {
            return Ok(());
        }
        let is_missing = |event: &&Value| !listed.contains(&text(event, "event_id"));
        let missing: Vec<_> = truth.iter().filter(is_missing).collect();
        Err(format!(
            "{} listed, {} expected, missing {missing:?}; the last one is {:?}",
            listed.len(),
            expected.len(),
            expected.last()
        ))
    })
    .await;
    truth
}

/// Runs a command with `--json`, which must succeed, and reads what it prints.
pub async fn command(daarion: &Daarion, arguments: &[&str]) -> Value {
    let arguments = [arguments, &["--json"]].concat();
    let output = daarion.run_cli(&arguments).await;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?} failed: {errors}");
    serde_json::from_slice(&output.stdout).expect("--json prints JSON")
}

/// Somebody who listens to a channel and comes back, by `seq`, whenever the connection ends.
pub struct Listener {
    seen: watch::Receiver<Vec<String>>,
    task: JoinHandle<()>,
}

impl Listener {
    /// Listens from now on.
    pub async fn start(caller: Caller, channel: &str) -> Self {
        let (sender, seen) = watch::channel(Vec::new());
        let (ready, is_ready) = tokio::sync::oneshot::channel();
        let path = format!("/ws/messaging/{channel}");
        let task = tokio::spawn(listen(caller, path, sender, ready));
        let listener = Self { seen, task };
        is_ready.await.expect("the listener is let in");
        listener
    }

    /// Waits until it has seen the message of an event, and answers all messages so far, by
    /// their Matrix ids, in the order in which they came.
    pub async fn until(&self, event: &str) -> Vec<String> {
        let has = |seen: &Vec<String>| seen.iter().any(|id| id == event);
        let mut seen = self.seen.clone();
        match tokio::time::timeout(LIMIT, seen.wait_for(has)).await {
            Ok(Ok(seen)) => seen.clone(),
            Ok(Err(_)) => panic!("the listener has died: see above"),
            Err(_) => panic!("{event} was never heard of; {:?} were", self.heard().len()),
        }
    }

    /// All messages so far.
    pub fn heard(&self) -> Vec<String> {
        self.seen.borrow().clone()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(
    caller: Caller,
    path: String,
    seen: watch::Sender<Vec<String>>,
    ready: tokio::sync::oneshot::Sender<()>,
) {
    let mut ready = Some(ready);
    let mut after: Option<u64> = None;
    loop {
        let resumed = match after {
            None => path.clone(),
            Some(seq) => format!("{path}?after={seq}"),
        };
        let Ok(mut socket) = caller.try_websocket(&resumed).await else {
            tokio::time::sleep(POLL_INTERVAL).await;
            continue;
        };
        while let Some(Ok(message)) = socket.next().await {
            let Message::Text(frame) = message else {
                continue;
            };
            let frame: Value = serde_json::from_str(&frame).expect("frames are JSON");
            let seq = frame["seq"].as_u64().expect("frames are numbered");
            match frame["type"].as_str().expect("frames have a type") {
                "ready" => {
                    assert!(after.is_none_or(|after| after == seq), "{frame}");
                    if let Some(ready) = ready.take() {
                        let _ = ready.send(());
                    }
                }
                "resync" => panic!("there was a gap after {after:?}: {frame}"),
                kind => {
                    assert!(after < Some(seq), "{seq} came after {after:?}");
                    if kind == "message.created" {
                        let event = text(&frame["message"], "matrix_event_id");
                        seen.send_modify(|seen| seen.push(event));
                    }
                }
            }
            after = Some(seq);
        }
    }
}

/// Numbers that look random and come again from the same seed (SplitMix64).
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// The seed of a test: `$DAARION_SEED`, or another one each time.
pub fn seed() -> u64 {
    let given = std::env::var("DAARION_SEED").ok();
    let seed = given.and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed();
        since.map_or(0, |since| since.as_secs())
    });
    println!("DAARION_SEED={seed}");
    seed
}
