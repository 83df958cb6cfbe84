//! A big index: how fast it is filled, what a reader costs, what an idle daarion holds in
//! memory, and how soon it is ready again.

use std::time::{Duration, Instant};

use crate::daarion::{Daarion, DaarionOptions};
use crate::ingest::{self, Push, Pusher};
use crate::report::{Report, Times, mb, ms, per_second, rate, share, thousands, us};
use crate::story::{SERVER, Story};
use crate::stub::Stub;
use crate::{Scale, lists, process, unlimited};

const CHANNELS: u64 = 100;
/// Transactions in flight: Synapse has one.
const MANY: u64 = 8;
/// How long daarion is left alone before it counts as idle: healing is over by then, and what
/// was committed has been settled.
const REST: Duration = Duration::from_secs(5);

pub async fn measure(report: &mut Report, scale: &Scale) {
    let now = chrono::Utc::now().timestamp_millis().unsigned_abs();
    let story = Story {
        channels: CHANNELS,
        begun: now - 2 * scale.messages,
    };
    let stub = Stub::start(story);
    let daarion = Daarion::prepare(&unlimited(DaarionOptions {
        server_name: SERVER.to_owned(),
        homeserver_url: stub.url(),
        ..DaarionOptions::default()
    }));
    ingest::start(&daarion).await;
    wait_for_channels(&daarion, CHANNELS).await;
    let empty = process::resident(daarion.pid()).all;

    let mut pusher = Pusher {
        daarion: &daarion,
        story,
        next: 0,
    };
    report.heading(&format!(
        "Ingest: {} events in {CHANNELS} channels, pushed in transactions of {}",
        thousands(scale.messages),
        ingest::TRANSACTION
    ));
    fill(report, scale, &mut pusher, &stub).await;
    let status = ingest::wait_for_index(&daarion).await;
    let bytes = status["store"]["bytes"].as_u64().unwrap_or_default();

    restart(&daarion).await;
    report.heading(&format!(
        "Reading, {} messages indexed",
        thousands(pusher.next)
    ));
    lists::measure(report, &daarion, CHANNELS, scale.lists).await;

    report.heading("At rest");
    idle(report, &daarion, empty).await;
    report.figure(
        "File, with journal and index",
        format!("{} bytes a message", bytes / pusher.next),
    );

    report.heading("From the start of the process until it is ready");
    starts(report, scale, &daarion).await;
    kills(report, scale, &mut pusher, &stub).await;
    let status = ingest::wait_for_index(&daarion).await;
    let repeated = &status["since_start"]["repeated_events"];
    eprintln!(
        "   {} pushed, journal {}, repeated {repeated}",
        pusher.next, status["journal"]
    );
}

/// Waits until so many rooms of the stub are channels.
pub async fn wait_for_channels(daarion: &Daarion, channels: u64) {
    let caller = daarion.api_as("user:person1");
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        assert!(
            Instant::now() < deadline,
            "the stub's rooms are no channels yet; the log of daarion ends:\n{}",
            daarion.log_tail()
        );
        let (status, page) = caller.get("/api/messaging/channels?limit=200").await;
        assert_eq!(status, 200, "{page}");
        if page["items"].as_array().map_or(0, Vec::len) as u64 == channels {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(REST).await;
}

async fn fill(report: &mut Report, scale: &Scale, pusher: &mut Pusher<'_>, stub: &Stub) {
    let (mut one, mut many) = (Push::default(), Push::default());
    let mut last = Push::default();
    while pusher.next < scale.messages {
        stub.pushed(pusher.next + scale.step);
        last = pusher.push(scale.step, 1).await;
        one = one.and(last);
        if pusher.next < scale.messages {
            stub.pushed(pusher.next + scale.step);
            many = many.and(pusher.push(scale.step, MANY).await);
        }
        eprintln!(
            "   {} events, {}",
            pusher.next,
            rate(last.events, last.indexed)
        );
    }
    stub.pushed(pusher.next);
    let reached = per_second(one.events, one.indexed);
    report.against(
        "Durable and indexed, one transaction in flight",
        rate(one.events, one.indexed),
        "≥ 10,000/s",
        reached >= 10_000,
    );
    report.figure(
        "The same, the last part of the index alone",
        rate(last.events, last.indexed),
    );
    report.figure(
        "Durable alone, one in flight",
        rate(one.events, one.durable),
    );
    report.figure(
        &format!("Durable and indexed, {MANY} in flight"),
        rate(many.events, many.indexed),
    );
    let cpu = share(one.cpu + many.cpu, one.events + many.events);
    report.figure("Processor time of an event", us(cpu));
}

async fn idle(report: &mut Report, daarion: &Daarion, empty: u64) {
    let loaded = process::resident(daarion.pid()).all;
    restart(daarion).await;
    let begun = process::resident(daarion.pid()).all;
    tokio::time::sleep(REST).await;
    let settled = process::resident(daarion.pid());
    report.against(
        "Memory, idle on that index (RSS)",
        mb(settled.all),
        "≤ 25 MB",
        settled.all <= 25_000_000,
    );
    report.figure(
        "The same: PSS, and what is not the program's file",
        format!("{}, {}", mb(settled.proportional), mb(settled.anonymous)),
    );
    report.figure(
        "RSS when it has just become ready, idle without messages, after the reading above",
        format!("{}, {}, {}", mb(begun), mb(empty), mb(loaded)),
    );
}

async fn starts(report: &mut Report, scale: &Scale, daarion: &Daarion) {
    let mut times = Vec::new();
    for _ in 0..scale.starts {
        times.push(restart(daarion).await);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let times = Times::new(times);
    let limit = Duration::from_millis(200);
    report.against(
        &format!("After a clean stop: median of {}, longest", scale.starts),
        format!("{}, {}", ms(times.median()), ms(times.longest())),
        "≤ 200 ms",
        times.median() <= limit,
    );
}

async fn kills(report: &mut Report, scale: &Scale, pusher: &mut Pusher<'_>, stub: &Stub) {
    let mut times = Vec::new();
    for number in 0..scale.kills {
        let after = Duration::from_millis(1_000 + 237 * number as u64);
        stub.pushed(pusher.next);
        pusher.push_until_killed(after).await;
        times.push(ingest::start(pusher.daarion).await);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    // What was in flight at the last kill comes again.
    pusher.push(1_000, 1).await;
    let times = Times::new(times);
    let limit = Duration::from_secs(2);
    report.against(
        &format!(
            "After SIGKILL during ingest: median of {}, longest",
            scale.kills
        ),
        format!("{}, {}", ms(times.median()), ms(times.longest())),
        "≤ 2 s",
        times.longest() <= limit,
    );
}

/// Stops it cleanly and starts it again. Answers how long the start took.
async fn restart(daarion: &Daarion) -> Duration {
    daarion.terminate().await;
    ingest::start(daarion).await
}
