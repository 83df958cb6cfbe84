//! How many events one receiver is told in a second: from the homeserver's push, through the
//! journal on the disk, until the receiver has answered.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::Hook;
use super::receiver::{Receiver, Seen};
use crate::ingest::{Pusher, TRANSACTION};
use crate::process;
use crate::report::{Report, per_second, rate, share, thousands, us};
use crate::stub::Stub;

/// How far the homeserver is ahead of the receiver at the most: the events that are on their way.
const AHEAD: u64 = 2_000;
/// Every so manyth signature is verified.
const VERIFIED: u64 = 8;
const LIMIT: Duration = Duration::from_secs(120);

/// What the receiver has seen.
#[derive(Default)]
struct Count {
    verifier: Mutex<Option<standardwebhooks::Webhook>>,
    came: AtomicU64,
    /// By `webhook-id`: what is told twice counts once.
    ids: Mutex<HashSet<String>>,
    wrong: AtomicU64,
}

impl Count {
    fn take(&self, seen: &Seen<'_>) {
        let came = self.came.fetch_add(1, Ordering::Relaxed);
        if came.is_multiple_of(VERIFIED) {
            let verifier = self.verifier.lock().expect("no holder panics");
            let is_signed = verifier.as_ref().is_some_and(|it| seen.is_signed(it));
            self.wrong
                .fetch_add(u64::from(!is_signed), Ordering::Relaxed);
        }
        let mut ids = self.ids.lock().expect("no holder panics");
        ids.insert(seen.header("webhook-id").to_owned());
    }

    fn distinct(&self) -> u64 {
        self.ids.lock().expect("no holder panics").len() as u64
    }
}

pub async fn measure(report: &mut Report, pusher: &mut Pusher<'_>, stub: &Stub, events: u64) {
    let count = Arc::new(Count::default());
    let take = count.clone();
    let receiver = Receiver::start(move |seen| take.take(seen)).await;
    let hook = Hook::subscribe(pusher.daarion, &receiver.url("all")).await;
    let verifier = standardwebhooks::Webhook::new(&hook.secret).expect("a secret");
    *count.verifier.lock().expect("no holder panics") = Some(verifier);

    // Once before, so that connections are open.
    told(pusher, stub, &count, AHEAD).await;
    let (begun, cpu) = (Instant::now(), process::cpu(pusher.daarion.pid()));
    told(pusher, stub, &count, events).await;
    let time = begun.elapsed();
    let cpu = process::cpu(pusher.daarion.pid()).saturating_sub(cpu);

    let wrong = count.wrong.load(Ordering::Relaxed);
    assert_eq!(wrong, 0, "signatures are wrong");
    report.against(
        &format!(
            "Durable, signed and taken by one receiver, {} events",
            thousands(events)
        ),
        rate(events, time),
        "≥ 2,000/s",
        per_second(events, time) >= 2_000,
    );
    report.figure(
        "The same: daarion's processor time, taking in and indexing included",
        us(share(cpu, events)),
    );
    let came = count.came.load(Ordering::Relaxed);
    report.figure(
        "The same: told twice",
        (came - count.distinct()).to_string(),
    );
    hook.remove().await;
}

/// Pushes events and waits until the receiver has been told all of them.
async fn told(pusher: &mut Pusher<'_>, stub: &Stub, count: &Count, events: u64) {
    let deadline = Instant::now() + LIMIT;
    let before = count.distinct();
    let until = async |least: u64| {
        while count.distinct() < least {
            let (distinct, log) = (count.distinct(), pusher.daarion.log_tail());
            assert!(Instant::now() < deadline, "only {distinct} came; {log}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let mut connection = super::internal(pusher.daarion).await;
    let mut pushed = 0;
    while pushed < events {
        until((before + pushed + TRANSACTION).saturating_sub(AHEAD)).await;
        stub.pushed(pusher.next + pushed + TRANSACTION);
        let first = pusher.next + pushed;
        let sent = pusher.one(&mut connection, first, TRANSACTION).await;
        sent.expect("daarion takes what is pushed");
        pushed += TRANSACTION;
    }
    until(before + events).await;
    pusher.next += pushed;
}
