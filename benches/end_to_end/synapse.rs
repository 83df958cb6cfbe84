//! Sending through daarion, beside the very call that daarion makes: the same Synapse, the same
//! users and channels, in turn, because neither the machine nor Synapse is the same twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use crate::daarion::{Caller, Daarion, DaarionOptions, World, WorldOptions};
use crate::homeserver::http::{Http, exchange};
use crate::homeserver::{path, unique};
use crate::report::{Report, Times, ms};
use crate::{Scale, ingest, process, unlimited};

const CALLERS: usize = 32;
/// Synapse writes the events of one room one after the other.
const CHANNELS: usize = 8;
/// How long no transaction comes when none is left.
const QUIET: Duration = Duration::from_millis(300);

/// One who sends, both ways.
#[derive(Clone)]
struct Sender {
    api: Caller,
    homeserver: Http,
    as_token: String,
    user_id: String,
    channel: String,
    room: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Daarion,
    Direct,
}

pub async fn measure(report: &mut Report, scale: &Scale) {
    let world = World::start_with(WorldOptions {
        daarion: unlimited(DaarionOptions::default()),
        ..WorldOptions::default()
    })
    .await;
    let senders = senders(&world).await;
    report.heading("Sending, beside the same Synapse called directly");
    latency(report, &senders[0], scale.sends).await;
    throughput(report, &world.daarion, &senders, scale).await;
    world.daarion.terminate().await;
}

/// People who have joined their channel, with a connection each.
async fn senders(world: &World) -> Vec<Sender> {
    let mut senders = Vec::new();
    let mut channels = Vec::new();
    for number in 0..CALLERS {
        let user = world.register(&format!("caller{number}")).await;
        let api = world.daarion.api_as(&format!("user:caller{number}"));
        if number < CHANNELS {
            let new =
                json!({ "name": format!("Bench {number}"), "slug": format!("bench-{number}") });
            let (status, channel) = api.post("/api/messaging/channels", new).await;
            assert_eq!(status, 201, "{channel}");
            let field = |name: &str| channel[name].as_str().unwrap_or_default().to_owned();
            channels.push((field("id"), field("matrix_room_id")));
        }
        let (channel, room) = channels[number % CHANNELS].clone();
        let sender = Sender {
            api,
            homeserver: Http::new(world.homeserver.base_url()),
            as_token: world.daarion.as_token().to_owned(),
            user_id: user.user_id,
            channel,
            room,
        };
        // The first message makes the caller a member and opens the connections.
        for _ in 0..3 {
            sender.send(Way::Daarion).await;
            sender.send(Way::Direct).await;
        }
        senders.push(sender);
    }
    senders
}

async fn latency(report: &mut Report, sender: &Sender, sends: usize) {
    let (mut through, mut direct) = (Vec::new(), Vec::new());
    let mut seen = 0;
    for number in 0..sends {
        let order = match number % 2 {
            0 => [Way::Daarion, Way::Direct],
            _ => [Way::Direct, Way::Daarion],
        };
        for way in order {
            let begun = Instant::now();
            let sent = sender.send(way).await;
            let took = begun.elapsed();
            match way {
                Way::Daarion => {
                    through.push(took);
                    seen += usize::from(sender.newest().await.contains(&sent));
                }
                Way::Direct => {
                    direct.push(took);
                    // So that both are followed by the same rest.
                    sender.newest().await;
                }
            }
        }
    }
    let (through, direct) = (Times::new(through), Times::new(direct));
    for (name, times) in [("Through daarion", &through), ("Directly", &direct)] {
        let figure = format!("{} / {}", ms(times.median()), ms(times.quantile(99)));
        report.figure(&format!("{name}, one caller: p50 / p99"), figure);
    }
    let added = through.median().saturating_sub(direct.median());
    let limit = Duration::from_millis(5);
    report.against("Added at p50", ms(added), "≤ 5 ms", added <= limit);
    report.against(
        "Found in the next list",
        format!("{seen} of {sends}"),
        "all",
        seen == sends,
    );
}

async fn throughput(report: &mut Report, daarion: &Daarion, senders: &[Sender], scale: &Scale) {
    let (mut through, mut direct) = (0, 0);
    let (mut cpu_through, mut cpu_direct) = (Duration::ZERO, Duration::ZERO);
    let mut shares = Vec::new();
    for round in 0..scale.rounds {
        let before = (through, direct);
        let order = match round % 2 {
            0 => [Way::Daarion, Way::Direct],
            _ => [Way::Direct, Way::Daarion],
        };
        for way in order {
            // Synapse pushes behind what it answers: a round must not pay for the one before.
            until_nothing_is_pushed(daarion).await;
            let cpu = process::cpu(daarion.pid());
            let sent = flood(senders, way, scale.round).await;
            until_nothing_is_pushed(daarion).await;
            let cpu = process::cpu(daarion.pid()).saturating_sub(cpu);
            eprintln!("   round {round}: {sent} {}", way.name());
            match way {
                Way::Daarion => (through, cpu_through) = (through + sent, cpu_through + cpu),
                Way::Direct => (direct, cpu_direct) = (direct + sent, cpu_direct + cpu),
            }
        }
        shares.push((through - before.0) as f64 / (direct - before.1).max(1) as f64);
    }
    shares.sort_unstable_by(f64::total_cmp);
    let seconds = scale.round.as_secs_f64() * scale.rounds as f64;
    for (name, sent) in [("Through daarion", through), ("Directly", direct)] {
        let figure = format!("{:.1}/s", sent as f64 / seconds);
        report.figure(&format!("{name}, {CALLERS} callers"), figure);
    }
    for (name, sent, cpu) in [
        ("sent through it", through, cpu_through),
        ("pushed to it", direct, cpu_direct),
    ] {
        let each = cpu.as_secs_f64() * 1e6 / sent.max(1) as f64;
        report.figure(
            &format!("daarion's CPU time, a message {name}"),
            format!("{each:.0} µs"),
        );
    }
    // The rounds' spread tells how much the figure is worth: on a machine that does other
    // work, it says more about that work.
    let percent = |share: f64| share * 100.0;
    let (least, median, most) = (
        shares[0],
        shares[shares.len() / 2],
        shares[shares.len() - 1],
    );
    report.against(
        "Of the direct throughput: median of the rounds, least, most",
        format!(
            "{:.0} %, {:.0} %, {:.0} %",
            percent(median),
            percent(least),
            percent(most)
        ),
        "≥ 95 %",
        median >= 0.95,
    );
}

/// Waits until the homeserver's queue is empty: no transaction has come for a while.
async fn until_nothing_is_pushed(daarion: &Daarion) {
    let mut before = None;
    loop {
        let status = ingest::status(daarion).await;
        let now = status["since_start"]["transactions"].as_u64();
        if now == before {
            return;
        }
        before = now;
        tokio::time::sleep(QUIET).await;
    }
}

/// How many messages all callers together bring through in a time.
async fn flood(senders: &[Sender], way: Way, time: Duration) -> usize {
    let over = Arc::new(AtomicBool::new(false));
    let mut tasks = Vec::new();
    for sender in senders {
        let (sender, over) = (sender.clone(), over.clone());
        tasks.push(tokio::spawn(async move {
            let mut sent = 0;
            while !over.load(Ordering::Relaxed) {
                sender.send(way).await;
                sent += usize::from(!over.load(Ordering::Relaxed));
            }
            sent
        }));
    }
    tokio::time::sleep(time).await;
    over.store(true, Ordering::Relaxed);
    let mut total = 0;
    for task in tasks {
        total += task.await.expect("a caller does not fail");
    }
    total
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::Daarion => "through daarion",
            Self::Direct => "directly",
        }
    }
}

impl Sender {
    /// Sends one message and answers its id: daarion's or the homeserver's.
    async fn send(&self, way: Way) -> String {
        let text = format!("Добрий день, this is {}", unique("message"));
        let (request, body, field) = match way {
            Way::Daarion => (
                self.api.builder(Method::POST, &self.messages()),
                json!({ "text": text, "format": "plain" }),
                "id",
            ),
            Way::Direct => (
                self.direct(),
                json!({ "msgtype": "m.text", "body": text, "m.mentions": {} }),
                "event_id",
            ),
        };
        let answer = exchange(request, Some(&body)).await;
        let (status, answer) = answer.expect("the server answers");
        assert!(status.is_success(), "{}: {status} {answer}", way.name());
        answer[field].as_str().unwrap_or_default().to_owned()
    }

    /// What daarion asks of the homeserver to send a message.
    fn direct(&self) -> reqwest::RequestBuilder {
        let transaction = unique("txn");
        let path = path(&["rooms", &self.room, "send", "m.room.message", &transaction]);
        let now = chrono::Utc::now().timestamp_millis().to_string();
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("user_id", &self.user_id)
            .append_pair("ts", &now)
            .finish();
        self.homeserver
            .builder(Method::PUT, &format!("/_matrix/client/v3{path}?{query}"))
            .bearer_auth(&self.as_token)
    }

    /// The ids on the first page of the channel's list.
    async fn newest(&self) -> Vec<String> {
        let (status, page) = self.api.get(&format!("{}?limit=20", self.messages())).await;
        assert_eq!(status, 200, "{page}");
        let items = page["items"].as_array().into_iter().flatten();
        items
            .filter_map(|item| item["id"].as_str())
            .map(str::to_owned)
            .collect()
    }

    fn messages(&self) -> String {
        format!("/api/messaging/channels/{}/messages", self.channel)
    }
}
