//! A flood of wrong passwords: whoever is signed in does not notice, and it leaves nothing behind.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;

use crate::browser::Browser;
use crate::daarion::{Caller, World, in_most_rounds};
use crate::sign_in::{LOGIN, address, bearer, credentials, signed_in};
use crate::support::{Person, answered, messages_of};

const GUESSES: usize = 1_000;
/// How many right calls are made meanwhile.
const CALLS: usize = 60;
/// How much later a right answer may come, at its middle.
const LATER: Duration = Duration::from_millis(50);
/// What the memory may grow by, in KiB: pools and buffers of so many connections at once.
const GROWTH: u64 = 24 * 1024;

/// How long a right call takes, at the middle of some. On a thread of its own: whoever guesses here
/// keeps the others busy.
async fn middle(caller: &Caller, path: &str) -> Duration {
    let (caller, path) = (caller.clone(), path.to_owned());
    let measured = std::thread::spawn(move || {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut times = Vec::new();
            for _ in 0..CALLS {
                let begun = Instant::now();
                answered(200, caller.get(&path).await);
                times.push(begun.elapsed());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            times.sort_unstable();
            times[times.len() / 2]
        })
    });
    let measured = tokio::task::spawn_blocking(|| measured.join()).await;
    measured.expect("no panic").expect("no panic")
}

/// Resident memory, in KiB.
fn memory(world: &World) -> u64 {
    let status = format!("/proc/{}/status", world.daarion.pid());
    let status = std::fs::read_to_string(status).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let words = line.and_then(|line| line.split_whitespace().nth(1));
    words.expect("a number").parse().expect("a number")
}

/// Wrong passwords of one account or of many, from one address or from many. Says how many were
/// looked at and not refused for their number.
async fn guess(world: &World, user: &str, wide: bool) -> usize {
    let one = address();
    let lane = async |lane: usize| {
        let mut looked_at = 0;
        let mut browser = Browser::behind_proxy(world, &one);
        for number in 0..GUESSES / 20 {
            if wide {
                let from = format!("203.0.{}.{}", lane + 100, number + 1);
                browser = browser.with("x-forwarded-for", &from);
            }
            let body = json!({ "user": user, "password": format!("guess-{lane}-{number}") });
            let (status, answer) = browser.post(LOGIN, body).await;
            assert!(matches!(status.as_u16(), 401 | 429), "{status} {answer}");
            looked_at += usize::from(status == 401);
        }
        looked_at
    };
    join_all((0..20).map(lane)).await.into_iter().sum()
}

#[tokio::test]
async fn a_thousand_wrong_passwords_delay_nobody_and_leave_nothing() {
    let world = World::start().await;
    let alice = Person::named(&world, "alice").await;
    let channel = alice.channel(json!({})).await;
    alice.say(&channel, "Є").await;
    let path = messages_of(&channel);
    let grant = signed_in(&world, &alice).await;
    // Once for the pools and caches.
    guess(&world, "nobody", true).await;
    middle(&bearer(&world, &grant), &path).await;
    let before = memory(&world);
    for wide in [false, true] {
        // One address gets through with a handful, all together with a hundred.
        let most = if wide { 150 } else { 15 };
        in_most_rounds(..LATER, async || {
            let me = bearer(&world, &grant);
            let quiet = middle(&me, &path).await;
            let (found, busy) = tokio::join!(guess(&world, "alice", wide), middle(&me, &path));
            assert!(found <= most, "{found} of {GUESSES}");
            busy.saturating_sub(quiet)
        })
        .await;
    }
    let grown = memory(&world).saturating_sub(before);
    assert!(grown < GROWTH, "{grown} KiB");
    // She herself is not kept out where she has signed in before.
    let own = world.daarion.anonymous();
    answered(200, own.post(LOGIN, credentials(&alice)).await);
}
