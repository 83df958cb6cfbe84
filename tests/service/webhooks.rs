//! Deliveries, where it decides in which order things come: what is told late, what is told to nobody,
//! what is too old, and what breaks.

mod desk;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use daarion::domain::Error;
use daarion::domain::agent::Agent;
use daarion::domain::command::Command;
use daarion::domain::entity::Entity;
use daarion::domain::event::What;
use daarion::domain::id::{EventId, Millis, UserId};
use daarion::domain::member::{Member, Membership};
use daarion::domain::message::Message;
use daarion::store::ClearTo;
use poem::http::StatusCode;
use serde_json::json;

use self::desk::{Desk, HERE, Setup, THERE, eventually};

const DAY: Millis = 24 * 3_600 * 1_000;

fn failing(_: usize) -> (StatusCode, Option<&'static str>) {
    (StatusCode::INTERNAL_SERVER_ERROR, None)
}

#[tokio::test]
async fn event_that_can_never_be_told_is_buried() {
    let desk = Desk::start(Setup::default()).await;
    desk.say(HERE, "$unknown").await;
    let dead = desk.dead(1).await;
    assert!(
        dead[0].reason.contains("is not known"),
        "{}",
        dead[0].reason
    );
    // It holds up nothing.
    desk.make(THERE, "!there").await;
    desk.say(THERE, "$after").await;
    assert_eq!(desk.receiver.until(2).await[1], "$after");
}

#[tokio::test]
async fn event_that_cannot_be_told_yet_waits() {
    let desk = Desk::start(Setup::default()).await;
    desk.make(HERE, "!here").await;
    desk.receiver.until(1).await;
    desk.timeline.fail(Error::unavailable("away"));
    desk.say(HERE, "$late").await;
    desk.pending(1).await;
    assert_eq!(desk.dead_letters().await.len(), 0);
    desk.timeline.work();
    desk.later(5_000).await;
    assert_eq!(desk.receiver.until(2).await[1], "$late");
    assert_eq!(desk.dead_letters().await.len(), 0);
}

#[tokio::test]
async fn channel_that_a_rebuild_has_not_read_yet_is_waited_for() {
    let desk = Desk::start(Setup::default()).await;
    let index = &desk.world.core.store.index;
    index.set_rebuilding(Some(1)).await.expect("written");
    desk.say(HERE, "$early").await;
    desk.pending(1).await;
    desk.make(HERE, "!here").await;
    desk.later(5_000).await;
    assert_eq!(desk.receiver.until(1).await[0], "$early");
    assert_eq!(desk.dead_letters().await.len(), 0);
}

#[tokio::test]
async fn quiet_webhook_does_not_fall_behind_while_others_talk() {
    let setup = Setup {
        channel: Some(HERE),
        ..Setup::default()
    };
    let desk = Desk::start(setup).await;
    desk.make(THERE, "!there").await;
    // Fewer than what alone would move it on.
    for number in 0..400 {
        desk.say(THERE, &format!("$said{number}")).await;
        desk.later(1_000).await;
        if desk.position().await > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the webhook still stands at the beginning");
}

#[tokio::test]
async fn service_of_one_room_is_told_of_it_alone_also_when_the_room_is_known_late() {
    let desk = Desk::start(Setup {
        rooms: Some(vec!["!here".to_owned()]),
        ..Setup::default()
    })
    .await;
    let index = &desk.world.core.store.index;
    index.set_rebuilding(Some(1)).await.expect("written");
    desk.say(HERE, "$here").await;
    desk.say(THERE, "$there").await;
    desk.pending(2).await;
    desk.make(HERE, "!here").await;
    desk.make(THERE, "!there").await;
    desk.later(5_000).await;
    desk.pending(0).await;
    let told = desk.receiver.seen();
    assert!(told.contains(&"$here".to_owned()), "{told:?}");
    assert!(!told.contains(&"$there".to_owned()), "{told:?}");
    assert_eq!(desk.dead_letters().await.len(), 0);
}

#[tokio::test]
async fn what_has_outlived_the_schedule_gets_the_quick_tries_alone() {
    let desk = Desk::start(Setup {
        answers: failing,
        is_asleep: true,
        ..Setup::default()
    })
    .await;
    desk.make(HERE, "!here").await;
    desk.say(HERE, "$old").await;
    // Longer than the schedule, shorter than the journal keeps events.
    desk.world.clock.set(desk.world.clock.now() + DAY);
    desk.wake().await;
    let dead = desk.dead(2).await;
    let tries: Vec<_> = dead.iter().map(|dead| dead.tries).collect();
    assert_eq!(tries, [3, 3], "one, and two quick ones more");
    desk.say(HERE, "$young").await;
    desk.receiver.until(9).await;
    desk.pending(1).await;
}

#[tokio::test]
async fn receiver_that_asks_for_time_gets_it_also_for_what_is_old() {
    let desk = Desk::start(Setup {
        answers: |number| match number {
            0 => (StatusCode::TOO_MANY_REQUESTS, Some("600")),
            _ => (StatusCode::OK, None),
        },
        is_asleep: true,
        ..Setup::default()
    })
    .await;
    desk.make(HERE, "!here").await;
    desk.world.clock.set(desk.world.clock.now() + DAY);
    desk.wake().await;
    desk.receiver.until(1).await;
    desk.pending(1).await;
    assert_eq!(desk.dead_letters().await.len(), 0, "it is not given up");
    desk.later(599_000).await;
    assert_eq!(desk.receiver.seen().len(), 1);
    desk.later(1_000).await;
    desk.receiver.until(2).await;
    assert_eq!(desk.dead_letters().await.len(), 0);
}

#[tokio::test]
async fn receiver_that_is_dead_does_not_hold_the_journal_for_ever() {
    let desk = Desk::start(Setup {
        answers: failing,
        ..Setup::default()
    })
    .await;
    desk.make(HERE, "!here").await;
    for number in 0..150 {
        desk.say(HERE, &format!("$e{number}")).await;
    }
    // The first is in its long waits, and the others are behind it.
    desk.pending(151).await;
    let core = &desk.world.core;
    let retention = Duration::from_millis(30 * DAY);
    let slowest = core.store.subscriptions.slowest().await.expect("read");
    assert_eq!(slowest.expect("one").after, 0, "it holds everything");
    let tries = desk.receiver.seen().len();
    desk.later(31 * DAY).await;
    let dead = desk.dead(151).await;
    let counted = dead.iter().filter(|dead| dead.reason.contains("retention"));
    assert_eq!(counted.count(), 151);
    assert_eq!(desk.receiver.seen().len(), tries, "nothing is tried for it");
    desk.pending(0).await;
    core.trim_journal(retention).await.expect("trimmed");
    assert_eq!(core.store.journal.first().await.expect("read"), 152);
    // What was not read yet is no different, and what is young is tried.
    desk.say(HERE, "$young").await;
    desk.receiver.until(tries + 1).await;
}

#[tokio::test]
async fn what_is_too_old_when_it_is_read_becomes_a_dead_letter() {
    let desk = Desk::start(Setup {
        is_asleep: true,
        ..Setup::default()
    })
    .await;
    desk.make(HERE, "!here").await;
    desk.say(HERE, "$old").await;
    desk.world.clock.set(desk.world.clock.now() + 31 * DAY);
    desk.say(HERE, "$new").await;
    desk.wake().await;
    assert_eq!(desk.receiver.until(1).await, ["$new"]);
    assert_eq!(desk.dead(2).await.len(), 2, "it is not lost");
}

#[tokio::test]
async fn deliveries_that_break_off_begin_anew() {
    static HAS_BROKEN: AtomicBool = AtomicBool::new(false);
    let desk = Desk::start(Setup {
        breaks: || !HAS_BROKEN.swap(true, Ordering::SeqCst),
        ..Setup::default()
    })
    .await;
    desk.make(HERE, "!here").await;
    assert_eq!(desk.receiver.until(1).await.len(), 1);
    assert!(HAS_BROKEN.load(Ordering::SeqCst));
    desk.say(HERE, "$after").await;
    assert_eq!(desk.receiver.until(2).await[1], "$after");
    eventually("its end", async || {
        let counts = desk.counts().await;
        (counts.pending == 0 && counts.dead == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn agent_hears_by_its_webhook_what_people_say_where_it_is() {
    let agent = Some("agent:sofia");
    let desk = Desk::start(Setup {
        agent,
        ..Setup::default()
    })
    .await;
    let user = |name: &str| UserId::parse(&format!("@{name}:s")).expect("a user id");
    let directory = &desk.world.core.directory;
    let mut sofia = Agent::new("sofia".into(), user("agent_sofia"), "Софія".into(), 1);
    sofia.commands = vec![Command {
        name: "weather".into(),
        description: "Says it".into(),
        usage: None,
        arguments: Vec::new(),
    }]
    .into();
    directory.put_agent(sofia);
    for (channel, room) in [(HERE, "!here"), (THERE, "!there")] {
        desk.make(channel, room).await;
    }
    let says = async |channel, event: &str, by: &str, text: &str| {
        let (event_id, sender) = (EventId::trusted(event), user(by));
        let entity = desk.world.core.directory.entity(&sender);
        let mut message = Message::blank(channel, event_id, (sender, entity), 5);
        message.preview = text.to_owned();
        desk.happens(channel, event, What::MessageCreated(message))
            .await;
    };
    let becomes = async |event: &str, membership| {
        let member = Member {
            user: user("agent_sofia"),
            entity: Entity::parse("agent:sofia").expect("an entity"),
            membership,
            display_name: None,
            by: user("agent_sofia"),
            since: 2,
            reason: None,
        };
        desk.happens(HERE, event, What::MemberChanged(member)).await;
    };
    // It is no member yet when these are looked at.
    says(HERE, "$before", "alice", "Хто тут?").await;
    becomes("$invited", Membership::Invited).await;
    assert_eq!(desk.receiver.until(1).await, ["$invited"]);
    becomes("$joined", Membership::Joined).await;
    says(HERE, "$own", "agent_sofia", "Я").await;
    says(HERE, "$others", "agent_oleh", "І я").await;
    says(THERE, "$elsewhere", "alice", "Не тут").await;
    says(HERE, "$asked", "alice", "!weather  Київ").await;
    let heard = desk.receiver.until(3).await;
    assert_eq!(heard, ["$invited", "$joined", "$asked"]);
    let command = desk.receiver.bodies()[2]["command"].clone();
    let expected = json!({ "agent": "agent:sofia", "name": "weather", "arguments": "Київ" });
    assert_eq!(command, expected);
}

#[tokio::test]
async fn agent_hears_also_what_was_said_while_the_index_was_made_anew() {
    let agent = Some("agent:sofia");
    let desk = Desk::start(Setup {
        agent,
        ..Setup::default()
    })
    .await;
    let core = &desk.world.core;
    let sofia = UserId::parse("@agent_sofia:s").expect("a user id");
    core.directory
        .put_agent(Agent::new("sofia".into(), sofia.clone(), "Софія".into(), 1));
    let joined = async |event: &str| {
        let member = Member {
            user: sofia.clone(),
            entity: Entity::parse("agent:sofia").expect("an entity"),
            membership: Membership::Joined,
            display_name: None,
            by: sofia.clone(),
            since: 2,
            reason: None,
        };
        desk.happens(HERE, event, What::MemberChanged(member)).await;
    };
    // It may hear that the channel was made, too.
    let heard_until = async |last: &str| {
        let heard = eventually(last, async || {
            let seen = desk.receiver.seen();
            seen.iter().any(|event| event == last).then_some(seen)
        });
        let mut heard = heard.await;
        heard.retain(|event| !event.starts_with("$made"));
        heard
    };
    desk.make(HERE, "!here").await;
    joined("$joined").await;
    desk.say(HERE, "$before").await;
    heard_until("$before").await;
    let since = desk.world.clock.now();
    let cleared = core.indexed.clear(ClearTo::JournalEnd { since }).await;
    cleared.expect("is cleared");
    desk.say(HERE, "$during").await;
    desk.make(THERE, "!there").await;
    desk.say(THERE, "$elsewhere").await;
    // The index has both by now, and does not know yet who is in this channel.
    let head = core.store.journal.head();
    assert!(core.indexed.reached(head, Duration::from_secs(20)).await);
    desk.make(HERE, "!here").await;
    joined("$again").await;
    let heard = heard_until("$again").await;
    assert_eq!(heard, ["$joined", "$before", "$during", "$again"]);
}
