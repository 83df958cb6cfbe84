//! daarion is killed again and again while receivers fail in all the ways that they can.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::daarion::World;
use crate::receiver::{Receiver, Reply, Seen};
use crate::support::{Hook, LIMIT, Room, quick, text, world_with};

const ROOMS: usize = 5;
/// A short form; `make soak-webhooks` has many more, and the release binary.
const EVENTS: usize = 500;
const KILLS: usize = 10;
/// Every so many messages of a room is one that [`Kind::Poisoned`] never takes.
const POISON: usize = 40;
/// After how many deliveries [`Kind::Leaving`] wants no more.
const ENOUGH: usize = 30;

/// How a receiver behaves while daarion is killed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Good,
    /// Fails now and then.
    Failing,
    /// Hangs now and then.
    Hanging,
    /// Has too much to do now and then.
    Busy,
    /// Sends elsewhere now and then.
    Redirecting,
    /// Never takes certain messages.
    Poisoned,
    /// Takes some and is gone then.
    Leaving,
    /// Its webhook was paused before anything was said.
    Paused,
}

const KINDS: [Kind; 20] = [
    Kind::Good,
    Kind::Good,
    Kind::Good,
    Kind::Good,
    Kind::Good,
    Kind::Good,
    Kind::Good,
    Kind::Good,
    Kind::Failing,
    Kind::Failing,
    Kind::Failing,
    Kind::Failing,
    Kind::Hanging,
    Kind::Hanging,
    Kind::Busy,
    Kind::Busy,
    Kind::Redirecting,
    Kind::Poisoned,
    Kind::Leaving,
    Kind::Paused,
];

struct Subscriber {
    kind: Kind,
    hook: Hook,
    receiver: Receiver,
    /// The rooms that it is told of.
    rooms: Vec<usize>,
}

/// What was said in each room, in the order in which it was said.
type Said = Vec<Vec<String>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_receiver_hears_everything_however_often_daarion_is_killed() {
    let events = std::env::var("DAARION_WEBHOOK_EVENTS").map_or(EVENTS, |events| {
        let events = events.parse();
        events.expect("DAARION_WEBHOOK_EVENTS is a number")
    });
    let options = quick()
        .set("webhooks.timeout", "\"1s\"")
        .set("webhooks.schedule", "[\"2100ms\", \"2100ms\", \"20s\"]")
        .set("matrix.heal_interval", "\"5s\"");
    let world = Arc::new(world_with(options).await);
    let mut rooms = Vec::new();
    for _ in 0..ROOMS {
        rooms.push(Room::new(&world).await);
    }
    let failing = Arc::new(AtomicBool::new(true));
    let mut subscribers = Vec::new();
    for (number, kind) in KINDS.into_iter().enumerate() {
        subscribers.push(subscriber(&world, &rooms, number, kind, &failing).await);
    }

    let count = Arc::new(AtomicUsize::new(0));
    let each = events / ROOMS;
    let talks = rooms.into_iter().map(|room| {
        let count = count.clone();
        tokio::spawn(async move {
            let mut said = Vec::new();
            for number in 0..each {
                said.push(room.say(&number.to_string()).await);
                count.fetch_add(1, Ordering::Relaxed);
            }
            said
        })
    });
    let talks: Vec<_> = talks.collect();
    for kill in 1..=KILLS {
        let moment = each * ROOMS * kill / (KILLS + 1);
        while count.load(Ordering::Relaxed) < moment {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        world.daarion.kill();
        world.daarion.launch().await;
        println!("killed {kill} times, {moment} events");
    }
    let mut said = Said::new();
    for talk in talks {
        said.push(talk.await.expect("a sender does not panic"));
    }

    println!("all is said");
    for one in &subscribers {
        expect_all(one, &said).await;
        println!("{:?} has heard all", one.kind);
    }
    // What was given up comes after all when the receivers are well again.
    failing.store(false, Ordering::SeqCst);
    for one in &subscribers {
        expect_replay(one, &said).await;
    }
    let sent: usize = subscribers.iter().map(|it| it.receiver.count()).sum();
    println!("{} events, {sent} deliveries", each * ROOMS);
}

/// A webhook to one room or to all of them, and its receiver.
async fn subscriber(
    world: &World,
    rooms: &[Room],
    number: usize,
    kind: Kind,
    failing: &Arc<AtomicBool>,
) -> Subscriber {
    let (taken, failing) = (AtomicUsize::new(0), failing.clone());
    let receiver = Receiver::answering(move |seen| {
        let count = taken.fetch_add(1, Ordering::SeqCst);
        // No randomness that the next run would not have: a mix of the count.
        let dice = count.wrapping_mul(2_654_435_761).wrapping_add(number) >> 7;
        match failing.load(Ordering::SeqCst) {
            true => reply(kind, count, dice % 100, seen),
            false => Reply::Status(200),
        }
    })
    .await;
    let is_of_all = number.is_multiple_of(2);
    let room = number % ROOMS;
    let body = json!({
        "room_id": (!is_of_all).then(|| rooms[room].matrix.clone()),
        "webhook_url": receiver.url(),
        "events": ["m.room.message"],
    });
    let hook = Hook::subscribe(world, body).await;
    if kind == Kind::Paused {
        hook.post("pause", json!({})).await;
    }
    Subscriber {
        kind,
        hook,
        receiver,
        rooms: match is_of_all {
            true => (0..ROOMS).collect(),
            false => vec![room],
        },
    }
}

fn reply(kind: Kind, count: usize, dice: usize, seen: &Seen) -> Reply {
    match kind {
        Kind::Failing if dice < 20 => Reply::Status(500),
        Kind::Hanging if dice < 2 => Reply::Hang,
        Kind::Busy if dice < 5 => Reply::With(429, "retry-after", "1".into()),
        Kind::Redirecting if dice < 10 => Reply::With(302, "location", "http://127.0.0.1/".into()),
        Kind::Poisoned if is_poison(seen) => Reply::Status(500),
        Kind::Leaving if count >= ENOUGH => Reply::Status(410),
        _ => Reply::Status(200),
    }
}

fn is_poison(seen: &Seen) -> bool {
    let number = seen.text().parse::<usize>();
    number.is_ok_and(|number| number % POISON == POISON - 1)
}

impl Subscriber {
    fn expected(&self, said: &Said) -> BTreeSet<String> {
        let rooms = self.rooms.iter().flat_map(|room| said[*room].iter());
        rooms.cloned().collect()
    }

    fn delivered(&self) -> BTreeSet<String> {
        self.receiver.look(|seen| {
            let delivered = seen.iter().filter(|it| it.is_delivered());
            delivered.map(|it| it.event_id().to_owned()).collect()
        })
    }

    /// Waits until it is so, as long as something goes on coming: long runs take longer than any
    /// one wait.
    async fn patiently(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        let mut before = self.receiver.count();
        let mut since = Instant::now();
        while !is_so().await {
            let count = self.receiver.count();
            if count != before {
                (before, since) = (count, Instant::now());
            }
            let delivered = self.delivered().len();
            assert!(since.elapsed() < 2 * LIMIT, "{what}: {delivered} came");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn given_up(&self) -> BTreeSet<String> {
        let dead = self.hook.dead_letters().await;
        dead.iter().map(|it| text(&it["event_id"])).collect()
    }
}

/// Waits until nothing is left to be done for a receiver, and looks at what has come.
async fn expect_all(one: &Subscriber, said: &Said) {
    let expected = one.expected(said);
    match one.kind {
        Kind::Paused => assert_eq!(one.receiver.count(), 0, "it was paused"),
        Kind::Leaving => {
            let is_gone = |view: &Value| view["paused_because"] == "gone";
            one.hook.until("a pause", is_gone).await;
        }
        _ => {
            let what = format!("end of {:?} {}", one.kind, one.hook.id);
            one.patiently(&what, async || {
                let mut all = one.delivered();
                all.extend(one.given_up().await);
                all.len() >= expected.len()
            })
            .await;
            let given_up = one.given_up().await;
            let mut all = one.delivered();
            all.extend(given_up.clone());
            assert_eq!(all, expected, "{what}");
            expect_dead(one, said, &given_up);
        }
    }
    expect_signed_and_in_order(one);
}

/// Dead letters are what was exhausted: what its receiver did not take the last time.
fn expect_dead(one: &Subscriber, said: &Said, given_up: &BTreeSet<String>) {
    let mut last: HashMap<String, bool> = HashMap::new();
    for seen in one.receiver.seen() {
        last.insert(seen.event_id().to_owned(), seen.is_delivered());
    }
    for event in given_up {
        assert_eq!(last.get(event), Some(&false), "{event} of {:?}", one.kind);
    }
    match one.kind {
        Kind::Good => assert_eq!(given_up.len(), 0, "{}", one.hook.id),
        Kind::Poisoned => {
            let of_room = |room: &usize| {
                let said = said[*room].iter().skip(POISON - 1).step_by(POISON);
                said.cloned().collect::<Vec<_>>()
            };
            let poison: BTreeSet<_> = one.rooms.iter().flat_map(of_room).collect();
            assert_eq!(*given_up, poison);
        }
        _ => {}
    }
}

/// What is delivered for the first time comes in the order of its room.
fn expect_signed_and_in_order(one: &Subscriber) {
    let mut latest: BTreeMap<String, u64> = BTreeMap::new();
    let mut known = BTreeSet::new();
    for seen in one.receiver.seen() {
        seen.verify_as_of_then(&one.hook.secret);
        if !seen.is_delivered() || !known.insert(seen.event_id().to_owned()) {
            continue;
        }
        let seq = seen.body["seq"].as_u64().expect("a number");
        let before = latest.insert(text(&seen.body["room_id"]), seq);
        assert!(
            before.is_none_or(|before| before < seq),
            "{seq} after {before:?}"
        );
    }
}

async fn expect_replay(one: &Subscriber, said: &Said) {
    if one.kind == Kind::Paused {
        assert_eq!(one.receiver.count(), 0, "it was paused");
    }
    if matches!(one.kind, Kind::Paused | Kind::Leaving) {
        one.hook.post("resume", json!({})).await;
    }
    one.hook
        .replay(json!({ "subscription_id": one.hook.id }))
        .await;
    let expected = one.expected(said);
    let what = format!("replay of {:?}", one.kind);
    one.patiently(&what, async || one.delivered() == expected)
        .await;
    assert_eq!(one.given_up().await.len(), 0);
}
