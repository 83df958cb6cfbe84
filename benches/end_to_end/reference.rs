//! daarion beside the stack of the services that it replaces (`benches/reference`): the same
//! work with the same checks, in turn, on the same machine, in one run.

mod stack;

use std::time::{Duration, Instant};

use jsonwebtoken::{EncodingKey, Header};
use serde_json::json;

use crate::daarion::{Daarion, DaarionOptions};
use crate::index::wait_for_channels;
use crate::ingest::{self, Pusher, TRANSACTION, port};
use crate::lists::{CONNECTIONS, round};
use crate::report::{Report, Times, rate, share, thousands, us};
use crate::story::{SERVER, Story};
use crate::stub::Stub;
use crate::wire::{Connection, get};
use crate::{process, unlimited};
use stack::Stack;

const CHANNELS: u64 = 100;
const ISSUER: &str = "https://issuer.bench.localhost";
const KEY: &str = "the-key-of-the-issuer-of-the-benchmark";

/// How much is measured.
pub struct Scale {
    /// Messages in the index, at first and beside the reference.
    pub few: u64,
    pub messages: u64,
    /// Rounds of each, in turn.
    pub rounds: u64,
    /// Lists in a round, of daarion and of the reference.
    pub lists: [u64; 2],
    /// For how long transactions are pushed in a round.
    pub push: Duration,
}

pub const FULL: Scale = Scale {
    few: 100_000,
    messages: 1_000_000,
    rounds: 3,
    lists: [20_000, 2_000],
    push: Duration::from_secs(5),
};

pub const QUICK: Scale = Scale {
    few: 20_000,
    messages: 100_000,
    rounds: 2,
    lists: [8_000, 800],
    push: Duration::from_secs(2),
};

/// One of the two, as far as requests go.
struct Side {
    port: [u16; 2],
    hs_token: String,
    cpu: Box<dyn Fn() -> Duration>,
}

/// What requests have taken.
#[derive(Default)]
struct Taken {
    requests: u64,
    time: Duration,
    cpu: Duration,
}

impl Taken {
    fn per_second(&self) -> f64 {
        self.requests as f64 / self.time.as_secs_f64()
    }

    fn cpu(&self) -> Duration {
        share(self.cpu, self.requests)
    }

    fn add(&mut self, side: &Side, requests: u64, begun: (Instant, Duration)) {
        self.requests += requests;
        self.time += begun.0.elapsed();
        self.cpu += (side.cpu)().saturating_sub(begun.1);
    }
}

impl Side {
    fn begin(&self) -> (Instant, Duration) {
        (Instant::now(), (self.cpu)())
    }
}

pub async fn measure(report: &mut Report, scale: &Scale) {
    report.heading("Beside FastAPI, asyncpg and PostgreSQL 15, the stack of the services before");
    let (story, stub, daarion) = start(2 * scale.messages).await;
    let mut pusher = Pusher {
        daarion: &daarion,
        story,
        next: 0,
    };
    let lists = lists();
    fill(&mut pusher, &stub, scale.few).await;
    let few = latency(&daarion, &lists).await;
    fill(&mut pusher, &stub, scale.messages).await;
    let many = latency(&daarion, &lists).await;
    flat(report, [(scale.few, few), (scale.messages, many)]);

    let Some((stack, sides)) = beside(&daarion, story, scale.messages).await else {
        report.figure("The reference", "could not be installed");
        return;
    };
    listed(report, scale, &sides, &[lists.clone(), lists]).await;
    let mut older = Vec::new();
    for side in &sides {
        older.push(second_pages(side).await);
    }
    listed_again(report, scale, &sides, &older).await;
    pushed(report, scale, &sides, pusher, &stub, scale.messages).await;
    stack.stop().await;
    pushed_beside_few(report, scale).await;
}

/// The same pushes on an index as a small community's, whose file is under the size from which on
/// each commit makes sure that it can be opened at once.
async fn pushed_beside_few(report: &mut Report, scale: &Scale) {
    let (story, stub, daarion) = start(2 * scale.few).await;
    let mut pusher = Pusher {
        daarion: &daarion,
        story,
        next: 0,
    };
    fill(&mut pusher, &stub, scale.few).await;
    let Some((stack, sides)) = beside(&daarion, story, scale.few).await else {
        return;
    };
    pushed(report, scale, &sides, pusher, &stub, scale.few).await;
    stack.stop().await;
}

/// The reference with as many messages as daarion, and how both are asked.
async fn beside(daarion: &Daarion, story: Story, messages: u64) -> Option<(Stack, [Side; 2])> {
    let stack = Stack::start(story, messages).await?;
    let (pid, pids) = (daarion.pid(), stack.pids());
    let sides = [
        Side {
            port: [port(&daarion.public("")), port(&daarion.internal(""))],
            hs_token: daarion.hs_token().to_owned(),
            cpu: Box::new(move || process::cpu(pid)),
        },
        Side {
            port: [stack.port(); 2],
            hs_token: stack::HS_TOKEN.to_owned(),
            cpu: Box::new(move || pids.into_iter().map(process::cpu_of_tree).sum()),
        },
    ];
    Some((stack, sides))
}

/// The p50 of lists on a growing index, daarion alone: to ten million messages, which takes a while
/// and some gigabytes.
pub async fn grow(report: &mut Report) {
    const TO: u64 = 10_000_000;
    report.heading("A list of 50 on a growing index");
    let (story, stub, daarion) = start(2 * TO).await;
    let mut pusher = Pusher {
        daarion: &daarion,
        story,
        next: 0,
    };
    let lists = lists();
    let mut points = Vec::new();
    for messages in [100_000, 1_000_000, TO] {
        fill(&mut pusher, &stub, messages).await;
        points.push((messages, latency(&daarion, &lists).await));
    }
    flat(report, [points[0], points[2]]);
    report.figure("The same at 1,000,000", us(points[1].1));
    let status = ingest::status(&daarion).await;
    let bytes = status["store"]["bytes"].as_u64().unwrap_or_default();
    report.figure("File", format!("{} bytes a message", bytes / TO));
}

fn flat(report: &mut Report, [few, many]: [(u64, Duration); 2]) {
    let ratio = many.1.as_secs_f64() / few.1.as_secs_f64();
    report.against(
        &format!(
            "List 50, one caller: p50 at {} and at {} messages",
            thousands(few.0),
            thousands(many.0)
        ),
        format!("{} and {}: {ratio:.2}×", us(few.1), us(many.1)),
        "≤ 1.3×",
        ratio <= 1.3,
    );
}

async fn start(span: u64) -> (Story, Stub, Daarion) {
    let now = chrono::Utc::now().timestamp_millis().unsigned_abs();
    let story = Story {
        channels: CHANNELS,
        begun: now - span,
    };
    let stub = Stub::start(story);
    let issuer = format!("[[auth.issuers]]\nissuer = \"{ISSUER}\"\nshared_key = \"{KEY}\"\n");
    let daarion = Daarion::prepare(&unlimited(DaarionOptions {
        server_name: SERVER.to_owned(),
        homeserver_url: stub.url(),
        extra_toml: issuer,
        ..DaarionOptions::default()
    }));
    ingest::start(&daarion).await;
    wait_for_channels(&daarion, CHANNELS).await;
    (story, stub, daarion)
}

/// Pushes until there are so many messages.
async fn fill(pusher: &mut Pusher<'_>, stub: &Stub, messages: u64) {
    const STEP: u64 = 20_000;
    /// Transactions in flight, for the sake of whoever waits.
    const MANY: u64 = 8;
    while pusher.next < messages {
        stub.pushed(pusher.next + STEP);
        pusher.push(STEP, MANY).await;
        if pusher.next.is_multiple_of(1_000_000) {
            eprintln!("   {} events", thousands(pusher.next));
        }
    }
}

/// The header of somebody whom the issuer vouches for, the same for both.
fn authorization() -> String {
    let now = chrono::Utc::now().timestamp();
    let claims = json!({
        "iss": ISSUER, "aud": "daarion", "sub": "person1", "iat": now, "exp": now + 4 * 3_600,
    });
    let key = EncodingKey::from_secret(KEY.as_bytes());
    let token = jsonwebtoken::encode(&Header::default(), &claims, &key).expect("signed");
    format!("authorization: Bearer {token}\r\n")
}

fn path(channel: u64) -> String {
    let channel = Story::channel(channel);
    format!("/api/messaging/channels/{channel}/messages?limit=50")
}

fn lists() -> Vec<Vec<u8>> {
    let authorization = authorization();
    let list = |channel| get(&path(channel), &authorization);
    (0..CHANNELS).map(list).collect()
}

/// The requests for what follows the newest page of each channel.
async fn second_pages(side: &Side) -> Vec<Vec<u8>> {
    let authorization = authorization();
    let connection = Connection::open(side.port[0]).await;
    let mut connection = connection.expect("it listens");
    let mut requests = Vec::new();
    for channel in 0..CHANNELS {
        let page = connection.get_json(&path(channel), &authorization).await;
        let page = page.expect("a channel has a list");
        assert_eq!(page["items"].as_array().map(Vec::len), Some(50));
        let next = page["next"].as_str().expect("there are more");
        requests.push(get(
            &format!("{}&cursor={next}", path(channel)),
            &authorization,
        ));
    }
    requests
}

/// The p50 of one caller who asks for one list after the other.
async fn latency(daarion: &Daarion, lists: &[Vec<u8>]) -> Duration {
    const ASKED: usize = 5_000;
    let connection = Connection::open(port(&daarion.public(""))).await;
    let mut connection = connection.expect("daarion listens");
    let mut times = Vec::with_capacity(ASKED);
    for number in 0..2 * ASKED {
        let begun = Instant::now();
        let answer = connection.exchange(&lists[number % lists.len()]).await;
        assert_eq!(answer.expect("daarion answers").status, 200);
        if number >= ASKED {
            times.push(begun.elapsed());
        }
    }
    Times::new(times).median()
}

async fn in_turn(scale: &Scale, sides: &[Side; 2], requests: &[Vec<Vec<u8>>]) -> [Taken; 2] {
    let mut taken = [Taken::default(), Taken::default()];
    for (index, side) in sides.iter().enumerate() {
        round(side.port[0], &requests[index], scale.lists[index] / 5).await;
    }
    for _ in 0..scale.rounds {
        for (index, side) in sides.iter().enumerate() {
            let begun = side.begin();
            round(side.port[0], &requests[index], scale.lists[index]).await;
            taken[index].add(side, scale.lists[index], begun);
        }
    }
    taken
}

async fn listed(report: &mut Report, scale: &Scale, sides: &[Side; 2], requests: &[Vec<Vec<u8>>]) {
    let [ours, theirs] = in_turn(scale, sides, requests).await;
    let what = format!(
        "List 50 of {} with token and permission, {CONNECTIONS} callers",
        thousands(scale.messages)
    );
    let times = ours.per_second() / theirs.per_second();
    report.against(
        &format!("{what}: requests a second, daarion and the reference"),
        format!(
            "{:.0}/s and {:.0}/s: {times:.1}×",
            ours.per_second(),
            theirs.per_second()
        ),
        "≥ 15×",
        times >= 15.0,
    );
    let less = theirs.cpu().as_secs_f64() / ours.cpu().as_secs_f64();
    report.against(
        "The same: processor time, daarion and the reference with its PostgreSQL",
        format!("{} and {}: {less:.1}×", us(ours.cpu()), us(theirs.cpu())),
        "≥ 20×",
        less >= 20.0,
    );
}

async fn listed_again(
    report: &mut Report,
    scale: &Scale,
    sides: &[Side; 2],
    requests: &[Vec<Vec<u8>>],
) {
    let [ours, theirs] = in_turn(scale, sides, requests).await;
    report.figure(
        "The second page of the same lists: requests a second",
        format!(
            "{:.0}/s and {:.0}/s: {:.1}×",
            ours.per_second(),
            theirs.per_second(),
            ours.per_second() / theirs.per_second()
        ),
    );
}

/// Durable events. The services that daarion replaces handed each event on by a call of its own, with
/// an insert and a commit of its own: that is the reference for transactions of any size. What a
/// program could do that inserts each transaction in one statement stands beside it.
async fn pushed(
    report: &mut Report,
    scale: &Scale,
    sides: &[Side; 2],
    mut pusher: Pusher<'_>,
    stub: &Stub,
    messages: u64,
) {
    // The few events first: the many make another file of it.
    let one = taken_in(scale, sides, &mut pusher, stub, 1).await;
    let many = taken_in(scale, sides, &mut pusher, stub, TRANSACTION).await;
    let [[ours, at_once], [ours_alone, alone]] = [many, one];
    let index = format!("beside {} messages", thousands(messages));
    let both = |ours: &Taken, theirs: &Taken| {
        let times = ours.per_second() / theirs.per_second();
        let [ours, theirs] = [ours, theirs].map(|it| rate(it.requests, it.time));
        (format!("{ours} and {theirs}: {times:.1}×"), times)
    };
    let (measured, times) = both(&ours, &alone);
    report.against(
        &format!(
            "Durable events {index}, transactions of {TRANSACTION}, one in flight: daarion, and the \
             reference, which is handed each event by itself"
        ),
        measured,
        "≥ 20×",
        times >= 20.0,
    );
    let (measured, times) = both(&ours_alone, &alone);
    report.against(
        "The same, transactions of one event",
        measured,
        "≥ 2×",
        times >= 2.0,
    );
    report.figure(
        &format!("Transactions of {TRANSACTION}, each of which the reference inserts at once"),
        both(&ours, &at_once).0,
    );
    report.figure(
        &format!(
            "Processor time of an event: daarion in transactions of {TRANSACTION} and of one, the \
             reference of one and of {TRANSACTION} at once"
        ),
        [&ours, &ours_alone, &alone, &at_once]
            .map(|it| us(it.cpu()))
            .join(", "),
    );
}

/// What both take in, in turn, in transactions of so many events.
async fn taken_in(
    scale: &Scale,
    sides: &[Side; 2],
    pusher: &mut Pusher<'_>,
    stub: &Stub,
    events: u64,
) -> [Taken; 2] {
    let mut taken = [Taken::default(), Taken::default()];
    // Far behind what there is: the two have not been pushed the same.
    pusher.next += 10_000_000 * events;
    stub.pushed(pusher.next);
    for _ in 0..scale.rounds {
        for (index, side) in sides.iter().enumerate() {
            let begun = side.begin();
            let connection = Connection::open(side.port[1]).await;
            let mut connection = connection.expect("it listens");
            let mut transactions = 0;
            while begun.0.elapsed() < scale.push {
                let (story, first) = (pusher.story, pusher.next);
                let token = &side.hs_token;
                let sent = ingest::transaction(&mut connection, token, story, first, events).await;
                sent.expect("it takes what is pushed");
                pusher.next += events;
                transactions += 1;
            }
            taken[index].add(side, transactions * events, begun);
        }
    }
    taken
}
