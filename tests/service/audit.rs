//! The audit log's reader, where the order of things decides.

use std::sync::Arc;

use daarion::acts::{self, OpenActs};
use daarion::consumer::audit::AuditReader;
use daarion::domain::access::{Caller, Levels};
use daarion::domain::audit::{AuditFilter, Origin, Via};
use daarion::domain::channel::{Channel, ChannelChange, ChannelStatus, Visibility};
use daarion::domain::entity::Entity;
use daarion::domain::event::{NewEvent, Source, What};
use daarion::domain::id::{EventId, MessageId, UserId};
use daarion::domain::member::{Member, Membership};
use daarion::domain::message::Mentions;
use daarion::homeserver::fake::Call;
use daarion::homeserver::gateway::{MemberStep, Step};
use daarion::homeserver::{Homeserver as _, Mapped, Reaction, Setting};
use daarion::service::audit;
use daarion::service::members::Members;
use daarion::store::audit::names::{SOWN, of_member};
use daarion::store::audit::{Known, READER, Read, reader};
use daarion::store::{ClearTo, Creation};
use serde_json::{Map, Value, json};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

use crate::world::World;

struct Log {
    world: World,
    reader: AuditReader,
    acts: Arc<OpenActs>,
}

impl Log {
    async fn new() -> Self {
        let world = World::start().await;
        let core = &world.core;
        let acts = Arc::new(OpenActs::default());
        let (reader, _) = AuditReader::new(
            core.store.clone(),
            core.directory.clone(),
            core.indexed.clone(),
            acts.clone(),
            core.clock.clone(),
        );
        Self {
            world,
            reader,
            acts,
        }
    }

    async fn read(&self) {
        while self.reader.step().await.expect("read") {}
    }

    /// The records, the oldest first.
    async fn records(&self) -> Vec<Map<String, Value>> {
        self.read().await;
        let audit = &self.world.core.store.audit;
        let page = audit.list(AuditFilter::default(), None, 200).await;
        let items = page.expect("listed").items;
        items.iter().rev().map(|it| it.fields()).collect()
    }

    async fn actions(&self) -> Vec<String> {
        let records = self.records().await;
        let action = |it: &Map<String, Value>| it["action"].as_str().unwrap_or("").to_owned();
        records.iter().map(action).collect()
    }

    /// Takes in what the homeserver pushes from the beginning.
    async fn push(&self) {
        let (pushed, _) = self.world.fake.pushed(0);
        let told = pushed.into_iter();
        let told = told.filter(|it| matches!(it, Mapped::Event(_))).collect();
        let core = &self.world.core;
        let appended = core.ingest.found(told).await.expect("is kept");
        let limit = Duration::from_secs(5);
        assert!(core.indexed.reached(appended.head, limit).await);
    }

    /// Takes in what comes in this order.
    async fn take(&self, channel: &Channel, what: Vec<What>) {
        let core = &self.world.core;
        let event = |what| {
            Mapped::Event(NewEvent {
                channel: channel.id,
                event: EventId::parse(&format!("${}", core.clock.uuid())),
                source: Source::Push,
                what,
            })
        };
        let told = what.into_iter().map(event).collect();
        let appended = core.ingest.found(told).await.expect("is kept");
        let limit = Duration::from_secs(5);
        assert!(core.indexed.reached(appended.head, limit).await);
    }

    async fn room(&self) -> Arc<Channel> {
        let world = &self.world;
        let created = world.creator.create(world.creation("square", true)).await;
        created.expect("is created")
    }
}

fn member(membership: Membership, by: &str, since: u64) -> What {
    let user = |name: &str| UserId::parse(&format!("@{name}:s")).expect("a user");
    What::MemberChanged(Member {
        user: user("alice"),
        entity: Entity::parse("user:alice").expect("an entity"),
        membership,
        display_name: None,
        by: user(by),
        since,
        reason: None,
    })
}

fn operator() -> Origin {
    Origin {
        actor: Some("operator:root".to_owned()),
        via: Via::CommandLine,
        address: "192.0.2.1".parse().ok(),
    }
}

#[tokio::test]
async fn one_act_is_one_record_whatever_comes_first() {
    let log = Log::new().await;
    log.read().await;
    let open = log.acts.begin(log.world.clock.now());
    let channel = acts::within(operator(), log.room()).await;
    log.push().await;
    drop(open);
    let records = log.records().await;
    let created = &records[0];
    assert_eq!(created["action"], "channel.created");
    assert_eq!(created["actor"], "operator:root");
    assert_eq!(created["from"]["via"], "command_line");
    assert_eq!(created["from"]["address"], "192.0.2.1");
    let before = records.len();
    // Told again by push, healing and a rebuild: it has happened once.
    log.push().await;
    let adopted = log.world.core.adopt(&channel.room, Source::Heal).await;
    adopted.expect("is adopted");
    let adopted = log.world.core.adopt(&channel.room, Source::Rebuild).await;
    adopted.expect("is adopted");
    assert_eq!(log.records().await.len(), before);
    assert!(
        audit::verify(&log.world.core.store, None)
            .await
            .expect("read")
            .broken
            .is_none()
    );
}

#[tokio::test]
async fn what_a_client_does_has_what_was_before() {
    let log = Log::new().await;
    let channel = log.room().await;
    log.read().await;
    let alice = log.world.person("alice");
    let fake = &log.world.fake;
    fake.join(&channel.room, Some(&alice))
        .await
        .expect("joined");
    log.push().await;
    fake.leave(&channel.room, Some(&alice)).await.expect("left");
    log.push().await;
    let records = log.records().await;
    let of_alice: Vec<_> = records
        .iter()
        .filter(|it| it["target"] == "user:alice")
        .collect();
    assert_eq!(of_alice[0]["action"], "member.joined");
    assert_eq!(of_alice[0]["from"]["via"], "matrix");
    assert_eq!(of_alice[1]["action"], "member.left");
    assert_eq!(of_alice[1]["before"]["membership"], "joined");
    assert_eq!(of_alice.len(), 2);
}

#[tokio::test]
async fn a_log_that_begins_later_knows_how_things_are() {
    let log = Log::new().await;
    let channel = log.room().await;
    let alice = log.world.person("alice");
    let fake = &log.world.fake;
    fake.join(&channel.room, Some(&alice))
        .await
        .expect("joined");
    log.push().await;
    assert_eq!(log.actions().await, [""; 0], "what was before it began");
    fake.leave(&channel.room, Some(&alice)).await.expect("left");
    log.push().await;
    let records = log.records().await;
    assert_eq!(records[0]["before"]["membership"], "joined");
}

#[tokio::test]
async fn a_rebuild_makes_no_records_and_leaves_what_is_so() {
    let log = Log::new().await;
    log.read().await;
    let channel = log.room().await;
    let (alice, room) = (log.world.person("alice"), &channel.room);
    let fake = &log.world.fake;
    for _ in 0..2 {
        log.world.later();
        fake.join(room, Some(&alice)).await.expect("joined");
        log.world.later();
        fake.leave(room, Some(&alice)).await.expect("left");
    }
    log.world.later();
    fake.join(room, Some(&alice)).await.expect("joined");
    log.push().await;
    let before = log.records().await.len();
    // What happens from its beginning on would be news.
    log.world.later();
    let rebuilt = log.world.core.reindex_from_homeserver().await;
    rebuilt.expect("rebuilt");
    assert_eq!(log.records().await.len(), before);
    log.world.later();
    fake.leave(room, Some(&alice)).await.expect("left");
    log.push().await;
    let records = log.records().await;
    assert_eq!(records.len(), before + 1, "{records:?}");
    assert_eq!(records[before]["action"], "member.left");
    assert_eq!(records[before]["before"]["membership"], "joined");
}

#[tokio::test]
async fn the_log_is_trimmed_and_stays_verifiable() {
    let log = Log::new().await;
    let core = &log.world.core;
    const HOURS: u64 = 60 * 60 * 1_000;
    for _ in 0..10 {
        log.world.clock.set(log.world.clock.now() + 6 * HOURS);
        core.record_begun("heal.begun").await.expect("recorded");
    }
    let retention = Duration::from_secs(24 * 60 * 60);
    assert_eq!(core.trim_audit(Duration::ZERO).await, Ok(0), "keeps all");
    let trimmed = core.trim_audit(retention).await.expect("trimmed");
    assert!((5..10).contains(&trimmed), "{trimmed}");
    log.world.clock.set(log.world.clock.now() + 20 * HOURS);
    assert_eq!(core.trim_audit(retention).await, Ok(0), "once a day");
    let verdict = audit::verify(&core.store, None).await.expect("read");
    assert_eq!(verdict.broken, None);
    assert_eq!(verdict.anchor.seq, trimmed);
    assert_eq!(
        log.actions().await.last().map(String::as_str),
        Some("audit.trimmed")
    );
}

/// The push of a ban is lost, and healing brings it behind the end of the ban.
#[tokio::test]
async fn what_is_heard_of_late_makes_its_record_and_changes_nothing() {
    let log = Log::new().await;
    let channel = log.room().await;
    let now = log.world.clock.now();
    log.take(&channel, vec![member(Membership::Joined, "alice", now + 1)])
        .await;
    log.read().await;
    let before = log.records().await.len();
    log.take(&channel, vec![member(Membership::Left, "mod", now + 3)])
        .await;
    log.take(&channel, vec![member(Membership::Banned, "mod", now + 2)])
        .await;
    log.take(&channel, vec![member(Membership::Banned, "mod", now + 4)])
        .await;
    let records = log.records().await;
    let told: Vec<_> = records[before..]
        .iter()
        .map(|it| (it["action"].clone(), it["before"].clone()))
        .collect();
    let was = |membership: &str| json!({ "membership": membership });
    assert_eq!(
        told,
        [
            (json!("member.removed"), was("joined")),
            (json!("member.banned"), Value::Null),
            (json!("member.banned"), was("left")),
        ]
    );
}

#[tokio::test]
async fn levels_that_are_heard_of_late_make_nobody_rise() {
    let log = Log::new().await;
    let channel = log.room().await;
    log.read().await;
    let now = log.world.clock.now();
    let by = UserId::parse("@mod:s").expect("a user");
    let levels = |power: i64, at| {
        let mut levels = Levels::default();
        let alice = UserId::parse("@alice:s").expect("a user");
        levels.users.insert(alice, power);
        let by = by.clone();
        What::LevelsChanged { levels, by, at }
    };
    log.take(&channel, vec![levels(50, now + 10)]).await;
    log.read().await;
    let before = log.records().await.len();
    log.take(&channel, vec![levels(75, now + 5), levels(0, now + 20)])
        .await;
    let records = log.records().await;
    let actions: Vec<_> = records[before..].iter().map(|it| &it["action"]).collect();
    assert_eq!(actions, ["channel.levels_changed", "member.role_changed"]);
    assert_eq!(records[before]["before"], Value::Null);
    assert_eq!(records[before + 1]["before"]["power_level"], 50);
}

/// What is taken away right before the index is emptied is found once more.
#[tokio::test]
async fn a_deletion_that_a_rebuild_finds_again_is_one_record() {
    let log = Log::new().await;
    let channel = log.room().await;
    log.read().await;
    let (core, fake) = (&log.world.core, &log.world.fake);
    let (bob, moderator) = (log.world.person("bob"), log.world.person("mod"));
    for user in [&bob, &moderator] {
        fake.join(&channel.room, Some(user)).await.expect("joined");
    }
    fake.set_power(&channel.room, &moderator, 50)
        .expect("a room");
    let said = fake.say(&channel.room, &bob, "hello").expect("said");
    log.push().await;
    let before = log.records().await.len();
    log.world.later();
    let taken = fake.redact_as(&channel.room, &moderator, &said);
    taken.expect("taken away");
    // It comes while the rebuild begins: after its time, and before the index is empty.
    log.push().await;
    assert_eq!(log.records().await.len(), before + 1);
    let rebuilt = core.reindex_from_homeserver().await;
    rebuilt.expect("rebuilt");
    let records = log.records().await;
    assert_eq!(records.len(), before + 1, "{records:?}");
    let heard = log.world.journal().await;
    let heard = heard.iter().filter(|it| it.source == Source::Heal);
    let again = heard.filter(|it| matches!(it.what, What::MessageDeleted { .. }));
    assert_eq!(again.count(), 1, "it was told again");
}

/// Of a room that was adopted nothing is news, also when the index is emptied before it was looked at.
#[tokio::test]
async fn history_that_is_unread_when_a_rebuild_begins_makes_no_records() {
    let log = Log::new().await;
    let channel = log.room().await;
    log.read().await;
    let before = log.records().await.len();
    let core = &log.world.core;
    let long_ago = NewEvent {
        channel: channel.id,
        event: EventId::parse("$joined"),
        source: Source::Heal,
        what: member(Membership::Joined, "alice", channel.created_at - 1),
    };
    let found = core.ingest.found(vec![Mapped::Event(long_ago)]).await;
    let head = found.expect("is kept").head;
    assert!(core.indexed.reached(head, Duration::from_secs(5)).await);
    let since = log.world.clock.now();
    let cleared = core.indexed.clear(ClearTo::JournalEnd { since }).await;
    cleared.expect("is cleared");
    let adopting = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        core.adopt(&channel.room, Source::Rebuild).await
    };
    let (adopted, ()) = tokio::join!(adopting, log.read());
    adopted.expect("is adopted");
    let records = log.records().await;
    assert_eq!(records.len(), before, "{records:?}");
}

/// The disk fails before it has what was noted, and the position is behind again.
#[tokio::test]
async fn what_a_failing_disk_has_lost_is_read_again() {
    let log = Log::new().await;
    let channel = log.room().await;
    log.read().await;
    let store = &log.world.core.store;
    let reader = async || {
        let reader = store.subscriptions.get(READER).await.expect("read");
        reader.expect("there")
    };
    let before = reader().await;
    let now = log.world.clock.now();
    log.take(&channel, vec![member(Membership::Joined, "alice", now + 1)])
        .await;
    log.read().await;
    assert!(reader().await.position > before.position);
    let name = of_member(channel.id, "@alice:s");
    let lost = vec![(name.clone(), Known::default())];
    store.audit.know(lost, false).await.expect("noted");
    store.subscriptions.put(before).await.expect("written");
    log.read().await;
    let known = store.audit.seen(&name).await.expect("read");
    let value = known.and_then(|it| it.value);
    assert_eq!(value.as_deref(), Some("joined"));
}

/// Alice has made the channel; mod does something in a Matrix client in the moment in which she, or bob,
/// asks daarion for something.
#[tokio::test]
async fn what_somebody_else_does_at_the_same_time_is_theirs() {
    let log = Log::new().await;
    let world = &log.world;
    let creation = Creation {
        created_by: Some("user:alice".to_owned()),
        ..world.creation("square", true)
    };
    let (alice, bob) = (world.person("alice"), world.person("bob"));
    let moderator = world.person("mod");
    let channel = world.creator.create(creation).await.expect("is created");
    let (core, fake, room) = (&world.core, &world.fake, &channel.room);
    for user in [&alice, &moderator] {
        fake.join(room, Some(user)).await.expect("joined");
        fake.set_power(room, user, 100).expect("a room");
    }
    for setting in [
        Setting::Visibility(Visibility::Private),
        Setting::Knocks(true),
    ] {
        fake.set(room, &setting, None).await.expect("is set");
    }
    let step = |step, acting: &UserId| MemberStep {
        room: room.clone(),
        step,
        user: bob.clone(),
        acting: Some(acting.clone()),
        reason: None,
        via: Vec::new(),
    };
    fake.step_as(&step(Step::Knock, &bob)).expect("knocks");
    log.push().await;
    let before = log.records().await.len();
    world.clock.set(world.clock.now() + 600_000);
    let origin = |name: &str| Origin {
        actor: Some(format!("user:{name}")),
        via: Via::Header,
        address: None,
    };

    fake.step_as(&step(Step::Invite, &moderator))
        .expect("invited");
    let entity = Entity::parse("user:bob").expect("an entity");
    let members = Members::new(core.clone());
    let bobs = Caller::new(entity, false);
    let knocking = members.knock(&bobs, channel.id, None);
    let knocked = acts::within(origin("bob"), knocking).await;
    knocked.expect("it is answered");
    world.later();
    fake.set_power(room, &moderator, 90).expect("a room");
    let looking = core.adopt(room, Source::Heal);
    let looked = acts::within(origin("alice"), looking).await;
    looked.expect("is adopted");

    let records = log.records().await;
    let told: Vec<_> = records[before..]
        .iter()
        .map(|it| (&it["action"], &it["actor"], &it["from"]["via"]))
        .collect();
    let (by, via) = (json!("user:mod"), json!("matrix"));
    let actions = [
        "member.knock_approved",
        "member.role_changed",
        "channel.levels_changed",
    ];
    let actions = actions.map(Value::from);
    let expected: Vec<_> = actions.iter().map(|it| (it, &by, &via)).collect();
    assert_eq!(told, expected);
}

/// What is taken away while the index is empty is told of, though not of whom it was.
#[tokio::test]
async fn deletions_are_recorded_while_the_index_is_made_anew() {
    let log = Log::new().await;
    let channel = log.room().await;
    log.read().await;
    let before = log.records().await.len();
    let core = &log.world.core;
    let since = log.world.clock.now();
    let index = &core.store.index;
    index.set_rebuilding(Some(since)).await.expect("is noted");
    let cleared = core.indexed.clear(ClearTo::JournalEnd { since }).await;
    cleared.expect("is cleared");
    let deleted = What::MessageDeleted {
        target: EventId::parse("$said").expect("an event"),
        by: UserId::parse("@mod:s").expect("a user"),
        at: since,
    };
    log.take(&channel, vec![deleted]).await;
    let records = log.records().await;
    assert_eq!(records.len(), before + 1, "{records:?}");
    assert_eq!(records[before]["action"], "message.deleted");
    assert_eq!(records[before]["before"], Value::Null);
}

#[tokio::test]
async fn what_is_no_news_costs_no_commit() {
    let log = Log::new().await;
    let channel = log.room().await;
    log.read().await;
    let position = async || {
        let store = &log.world.core.store;
        let reader = store.subscriptions.get(READER).await.expect("read");
        reader.expect("there").position
    };
    let noted = position().await;
    let alice = log.world.person("alice");
    log.world
        .fake
        .join(&channel.room, Some(&alice))
        .await
        .expect("joined");
    log.push().await;
    log.read().await;
    let joined = position().await;
    assert!(joined > noted);
    log.world
        .fake
        .say(&channel.room, &alice, "hello")
        .expect("said");
    log.push().await;
    log.read().await;
    assert_eq!(position().await, joined);
}

/// Alice mutes bob, gives him the word back, and archives the channel; each time the homeserver's answer is
/// lost, so that the push is all that is heard of it.
#[tokio::test]
async fn who_asked_is_known_though_the_answer_is_lost() {
    let log = Log::new().await;
    let channel = log.room().await;
    let fake = &log.world.fake;
    for (name, power) in [("alice", 100), ("bob", 0)] {
        let user = log.world.person(name);
        fake.join(&channel.room, Some(&user)).await.expect("joined");
        fake.set_power(&channel.room, &user, power).expect("a room");
    }
    log.push().await;
    log.read().await;
    let core = &log.world.core;
    let before = log.records().await.len();
    let entity = Entity::parse("user:alice").expect("an entity");
    let alice = Caller::new(entity, false);
    let (id, members) = (channel.id, Members::new(core.clone()));
    let origin = || Origin {
        actor: Some("user:alice".to_owned()),
        via: Via::Header,
        address: None,
    };
    let until = log.world.clock.now() + 60_000;
    fake.cut_next(Call::SetLevel);
    let muting = members.mute(&alice, id, "user:bob", until, None);
    let lost = acts::within(origin(), muting).await;
    assert!(lost.is_err_and(|error| error.is_transient()));
    log.push().await;
    log.read().await;
    log.world.later();
    fake.cut_next(Call::SetLevel);
    let lifting = members.unmute(&alice, id, "user:bob");
    let lost = acts::within(origin(), lifting).await;
    assert!(lost.is_err_and(|error| error.is_transient()));
    log.push().await;
    log.read().await;
    log.world.later();
    fake.cut_next(Call::Set);
    let archiving = core.set_status(&channel, ChannelStatus::Archived);
    let lost = acts::within(origin(), archiving).await;
    assert!(lost.is_err_and(|error| error.is_transient()));
    log.push().await;
    let records = log.records().await;
    let told: Vec<_> = records[before..]
        .iter()
        .map(|it| (&it["action"], &it["actor"], &it["from"]["via"]))
        .collect();
    let (alice, none) = (json!("user:alice"), json!("none"));
    let actions = ["member.muted", "member.unmuted", "channel.archived"].map(Value::from);
    let expected: Vec<_> = actions.iter().map(|it| (it, &alice, &none)).collect();
    assert_eq!(told, expected);
}

/// The log was about to note how things are when it was cut off: what has come since is news, though it
/// finds it so already when it begins anew.
#[tokio::test]
async fn what_comes_while_the_log_begins_is_recorded() {
    let log = Log::new().await;
    let channel = log.room().await;
    let core = &log.world.core;
    let now = log.world.clock.now();
    log.take(&channel, vec![member(Membership::Joined, "alice", now + 1)])
        .await;
    let head = core.store.journal.head();
    let begun = Read {
        now: vec![(SOWN.to_owned(), Known::default())],
        position: head,
        begins: Some(reader(head, now)),
        ..Read::default()
    };
    core.store.audit.add_read(begun, now).await.expect("begun");
    let by = UserId::parse("@mod:s").expect("a user");
    let renamed = What::ChannelUpdated {
        change: ChannelChange::Name("Other".to_owned()),
        by: by.clone(),
        at: now + 2,
    };
    let known = core.directory.levels(channel.id).expect("are known");
    let mut levels = Levels::clone(&known);
    levels.kick = 75;
    let levels = What::LevelsChanged {
        levels,
        by,
        at: now + 3,
    };
    let banned = member(Membership::Banned, "mod", now + 4);
    log.take(&channel, vec![renamed, levels, banned]).await;
    let told = ["channel.updated", "channel.levels_changed", "member.banned"];
    assert_eq!(log.actions().await, told);
    // From there on it is known how things are.
    let again = member(Membership::Banned, "mod", now + 5);
    log.take(&channel, vec![again]).await;
    let left = member(Membership::Left, "mod", now + 6);
    log.take(&channel, vec![left]).await;
    let records = log.records().await;
    assert_eq!(records.len(), 4, "{records:?}");
    assert_eq!(records[3]["action"], "member.unbanned");
    assert_eq!(records[3]["before"]["membership"], "banned");
}

#[tokio::test]
async fn who_does_not_come_along_to_another_room_was_not_removed() {
    let log = Log::new().await;
    let channel = log.room().await;
    let (alice, bob) = (log.world.person("alice"), log.world.person("bob"));
    let (fake, room) = (&log.world.fake, &channel.room);
    for user in [&alice, &bob] {
        fake.join(room, Some(user)).await.expect("joined");
    }
    fake.set_power(room, &alice, 150).expect("a room");
    log.push().await;
    let before = log.records().await.len();
    log.world.later();
    fake.upgrade_as(room, &alice, room, true).expect("upgraded");
    log.world.core.heal().await.expect("heals");
    let actions = log.actions().await.split_off(before);
    assert!(
        actions.contains(&"channel.upgraded".to_owned()),
        "{actions:?}"
    );
    assert!(
        !actions.contains(&"member.removed".to_owned()),
        "{actions:?}"
    );
}

/// The journal keeps what its readers have not noted as read.
#[tokio::test]
async fn what_was_read_is_noted_when_nothing_comes() {
    let log = Log::new().await;
    let channel = log.room().await;
    log.read().await;
    let alice = log.world.person("alice");
    let fake = &log.world.fake;
    fake.join(&channel.room, Some(&alice))
        .await
        .expect("joined");
    log.push().await;
    log.read().await;
    fake.say(&channel.room, &alice, "hello").expect("said");
    log.push().await;
    let store = log.world.core.store.clone();
    let stop = CancellationToken::new();
    let running = tokio::spawn(log.reader.run(stop.clone()));
    let noted = async {
        loop {
            let reader = store.subscriptions.get(READER).await.expect("read");
            if reader.expect("there").position == store.journal.head() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let noted = tokio::time::timeout(Duration::from_secs(30), noted).await;
    noted.expect("it is noted");
    stop.cancel();
    running.await.expect("no panic");
}

/// What moderators take away of others is told, whatever it was; what people take back is not.
#[tokio::test]
async fn others_reactions_and_edits_that_are_taken_away_are_recorded() {
    let log = Log::new().await;
    let channel = log.room().await;
    let room = &channel.room;
    let fake = &log.world.fake;
    let (bob, moderator) = (log.world.person("bob"), log.world.person("mod"));
    for user in [&bob, &moderator] {
        fake.join(room, Some(user)).await.expect("joined");
    }
    let said = fake.say(room, &bob, "hello").expect("said");
    let reaction = async |key: &str| {
        let reaction = Reaction {
            room: room.clone(),
            target: said.clone(),
            sender: Some(bob.clone()),
            transaction: log.world.clock.uuid(),
            key: key.to_owned(),
            at: None,
        };
        fake.react(&reaction).await.expect("given")
    };
    let (own, others) = (reaction("1").await, reaction("2").await);
    log.push().await;
    let before = log.records().await.len();
    let id = MessageId::of(&said);
    let edit = EventId::parse("$edit").expect("an event");
    let edited = NewEvent {
        channel: channel.id,
        event: Some(edit.clone()),
        source: Source::Push,
        what: What::MessageEdited {
            target: said.clone(),
            by: bob.clone(),
            preview: "hullo".to_owned(),
            truncated: false,
            mentions: Mentions::default(),
            at: log.world.clock.now() + 1,
        },
    };
    let core = &log.world.core;
    let appended = core.ingest.found(vec![Mapped::Event(edited)]).await;
    let head = appended.expect("is kept").head;
    assert!(core.indexed.reached(head, Duration::from_secs(5)).await);
    let redacted = |target: &EventId, by: &UserId| What::MessageDeleted {
        target: target.clone(),
        by: by.clone(),
        at: log.world.clock.now() + 2,
    };
    let taken = [
        redacted(&own, &bob),
        redacted(&others, &moderator),
        redacted(&edit, &moderator),
        redacted(&said, &moderator),
    ];
    for one in taken {
        log.take(&channel, vec![one]).await;
        log.read().await;
    }
    let records = log.records().await;
    let told: Vec<_> = records[before..]
        .iter()
        .map(|it| {
            (
                it["action"].clone(),
                it["target"].clone(),
                it["before"].clone(),
            )
        })
        .collect();
    let of_bob = json!({ "of": "user:bob" });
    let expected = [
        "reaction.removed",
        "message.edit_removed",
        "message.deleted",
    ];
    let expected = expected.map(|it| (json!(it), json!(id.to_string()), of_bob.clone()));
    assert_eq!(told, expected);
}
