//! One receiver that hangs, among many that do not: how much later the others are told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::receiver::{Receiver, Seen};
use super::{Hook, Scale, internal};
use crate::ingest::Pusher;
use crate::report::{Report, Times, ms};
use crate::stub::Stub;

const GOOD: usize = 99;
/// How often something happens, in one channel after the other.
const EVERY: Duration = Duration::from_millis(100);
const LIMIT: Duration = Duration::from_secs(30);

/// When events were pushed, and how long each receiver waited for them.
#[derive(Default)]
struct Delays {
    pushed: Mutex<HashMap<u64, Instant>>,
    waited: Mutex<Vec<Duration>>,
}

impl Delays {
    /// An event is about to be pushed.
    fn note(&self, number: u64) {
        let mut pushed = self.pushed.lock().expect("no holder panics");
        pushed.insert(number, Instant::now());
    }

    fn take(&self, seen: &Seen<'_>) {
        let number = seen.number().expect("the story's events have a number");
        let pushed = self.pushed.lock().expect("no holder panics");
        if let Some(pushed) = pushed.get(&number) {
            let waited = seen.at.saturating_duration_since(*pushed);
            self.waited.lock().expect("no holder panics").push(waited);
        }
    }

    fn count(&self) -> usize {
        self.waited.lock().expect("no holder panics").len()
    }

    fn clear(&self) -> Vec<Duration> {
        std::mem::take(&mut *self.waited.lock().expect("no holder panics"))
    }
}

pub async fn measure(report: &mut Report, pusher: &mut Pusher<'_>, stub: &Stub, scale: &Scale) {
    let daarion = pusher.daarion;
    let delays = Arc::new(Delays::default());
    let take = delays.clone();
    let good = Receiver::start(move |seen| take.take(seen)).await;
    let stuck = Receiver::hanging().await;
    let mut hooks = Vec::new();
    for number in 0..GOOD {
        hooks.push(Hook::subscribe(daarion, &good.url(number)).await);
    }
    round(pusher, stub, &delays, Duration::from_secs(1)).await;
    let (mut without, mut with) = (Vec::new(), Vec::new());
    let mut ratios = Vec::new();
    // Short rounds in turn, so that what else the machine does meets both alike. The one that hangs
    // is a new one each time, so that it is always at its first tries, which follow each other at
    // once.
    for number in 0..scale.rounds {
        let (mut alone, mut beside) = (Vec::new(), Vec::new());
        for hangs in [number % 2 == 1, number % 2 == 0] {
            if hangs {
                let hook = Hook::subscribe(daarion, &stuck.url("stuck")).await;
                beside = round(pusher, stub, &delays, scale.round).await;
                hook.remove().await;
            } else {
                alone = round(pusher, stub, &delays, scale.round).await;
            }
        }
        let median = |waited: &[Duration]| Times::new(waited.to_vec()).median().as_secs_f64();
        ratios.push(median(&beside) / median(&alone));
        with.extend(beside);
        without.extend(alone);
    }
    let (without, with) = (Times::new(without), Times::new(with));
    let figure = |times: &Times| format!("{} / {}", ms(times.median()), ms(times.quantile(99)));
    report.figure(
        &format!("Delay of {GOOD} receivers, 10 events a second: p50 / p99"),
        figure(&without),
    );
    report.figure(
        "The same, beside one that hangs for its whole timeout",
        figure(&with),
    );
    // The rounds' spread tells how much the figure is worth.
    ratios.sort_unstable_by(f64::total_cmp);
    let (least, most) = (ratios[0], ratios[ratios.len() - 1]);
    let median = ratios[ratios.len() / 2];
    report.against(
        "Median delay with it, over that without it: median of the rounds, least, most",
        format!("{median:.2}×, {least:.2}×, {most:.2}×"),
        "≤ 1.2×",
        median <= 1.2,
    );
    for hook in hooks {
        hook.remove().await;
    }
}

/// Lets something happen for a while, and answers how long the receivers waited for it.
async fn round(
    pusher: &mut Pusher<'_>,
    stub: &Stub,
    delays: &Delays,
    time: Duration,
) -> Vec<Duration> {
    let mut connection = internal(pusher.daarion).await;
    let mut ticks = tokio::time::interval(EVERY);
    let events = usize::try_from(time.as_millis() / EVERY.as_millis()).unwrap_or(1);
    for _ in 0..events {
        ticks.tick().await;
        let number = pusher.next;
        stub.pushed(number + 1);
        delays.note(number);
        let sent = pusher.one(&mut connection, number, 1).await;
        sent.expect("daarion takes what is pushed");
        pusher.next += 1;
    }
    let deadline = Instant::now() + LIMIT;
    while delays.count() < events * GOOD {
        assert!(Instant::now() < deadline, "only {} came", delays.count());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    delays.clear()
}
