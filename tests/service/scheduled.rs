//! Scheduled messages, where it decides when things are cut off.

use std::sync::Arc;

use daarion::domain::access::Caller;
use daarion::domain::channel::{Channel, ChannelChange};
use daarion::domain::entity::Entity;
use daarion::domain::event::{NewEvent, Source, What};
use daarion::domain::id::{ChannelId, EventId, UserId};
use daarion::domain::member::Membership;
use daarion::domain::scheduled::{ScheduleState, Scheduled};
use daarion::domain::{Error, Result};
use daarion::homeserver::Homeserver as _;
use daarion::homeserver::fake::Call;
use daarion::service::messages::{Messages, NewMessage};
use daarion::service::scheduled::{Schedule, ScheduledPatch};
use daarion::store::{self, ClearTo};
use uuid::Uuid;

use crate::index::Failing;
use crate::world::World;

const HOUR: u64 = 60 * 60 * 1_000;

struct Desk {
    world: World,
    schedule: Schedule,
    channel: Arc<Channel>,
    alice: Caller,
    user: UserId,
}

impl Desk {
    async fn new() -> Self {
        Self::in_world(World::start().await).await
    }

    async fn in_world(world: World) -> Self {
        let created = world.creator.create(world.creation("square", true)).await;
        let channel = created.expect("is created");
        let user = world.person("alice");
        let joined = world.fake.join(&channel.room, Some(&user)).await;
        joined.expect("the room is public");
        let adopted = world.core.adopt(&channel.room, Source::Heal).await;
        adopted.expect("is adopted");
        let messages = Arc::new(Messages::new(world.core.clone()));
        let entity = Entity::parse("user:alice").expect("an entity");
        Self {
            schedule: Schedule::new(world.core.clone(), messages),
            alice: Caller::new(entity, false),
            world,
            channel,
            user,
        }
    }

    async fn add(&self, text: &str, ahead: u64) -> Result<Scheduled> {
        self.add_as(&self.alice, self.channel.id, text, ahead).await
    }

    async fn add_as(
        &self,
        caller: &Caller,
        channel: ChannelId,
        text: &str,
        ahead: u64,
    ) -> Result<Scheduled> {
        let new = NewMessage {
            text: text.to_owned(),
            ..NewMessage::default()
        };
        let (at, id) = (self.now() + ahead, self.world.clock.uuid());
        self.schedule.add(caller, channel, new, at, id).await
    }

    /// Somebody who is in the channel.
    async fn member(&self, name: &str) -> Caller {
        let world = &self.world;
        let user = world.person(name);
        let joined = world.fake.join(&self.channel.room, Some(&user)).await;
        joined.expect("the room is public");
        self.heal().await;
        let entity = Entity::parse(&format!("user:{name}")).expect("an entity");
        Caller::new(entity, false)
    }

    /// Takes in what the homeserver has.
    async fn heal(&self) {
        let core = &self.world.core;
        let adopted = core.adopt(&self.channel.room, Source::Heal).await;
        adopted.expect("is adopted");
        let healed = core.heal_channel(&self.channel, Source::Heal).await;
        assert_eq!(healed.error, None);
        let limit = std::time::Duration::from_secs(5);
        assert!(core.indexed.reached(core.store.journal.head(), limit).await);
    }

    async fn slow_mode(&self, seconds: u32) {
        let owner = self.member("owner").await;
        let user = UserId::parse("@owner:s").expect("a user");
        let raised = self.world.fake.set_power(&self.channel.room, &user, 100);
        raised.expect("a room");
        self.heal().await;
        let messages = Messages::new(self.world.core.clone());
        let slowed = messages.set_slow_mode(&owner, self.channel.id, seconds);
        slowed.await.expect("is slow");
    }

    fn now(&self) -> u64 {
        self.world.clock.now()
    }

    async fn state(&self, id: Uuid) -> ScheduleState {
        let found = self.schedule.get(&self.alice, self.channel.id, id).await;
        found.expect("it is there").state
    }

    async fn send_due(&self) -> bool {
        self.schedule.send_due().await.expect("looked at")
    }

    async fn said(&self) -> usize {
        let names = self.world.names().await;
        let said = |name: &&&str| **name == "messaging.message.created";
        names.iter().filter(said).count()
    }
}

#[tokio::test]
async fn what_is_due_is_sent_once() {
    let desk = Desk::new().await;
    let made = desk.add("раз", HOUR).await.expect("is scheduled");
    assert!(!desk.send_due().await);
    assert_eq!((desk.said().await, made.state), (0, ScheduleState::Waiting));
    desk.world.clock.set(made.send_at + 3 * HOUR);
    for _ in 0..3 {
        assert!(!desk.send_due().await, "nothing to be tried again");
    }
    assert_eq!(desk.said().await, 1);
    let state = desk.state(made.id).await;
    let ScheduleState::Sent { at, .. } = state else {
        panic!("{state:?}");
    };
    assert_eq!(at, made.send_at + 3 * HOUR, "late, and so it says");
}

#[tokio::test]
async fn what_was_cut_off_is_found_and_not_said_again() {
    let desk = Desk::new().await;
    let made = desk.add("раз", HOUR).await.expect("is scheduled");
    desk.world.clock.set(made.send_at);
    desk.send_due().await;
    assert_eq!(desk.said().await, 1);
    // As if the process had ended before it wrote down that it was sent; and long ago.
    let store = &desk.world.core.store.scheduled;
    let sent = store.get(made.id).await.expect("read").expect("there");
    let again = Scheduled {
        state: ScheduleState::Sending {
            since: made.send_at,
        },
        revision: sent.revision + 1,
        ..sent.clone()
    };
    assert!(store.change(again, sent.revision).await.expect("written"));
    desk.world.clock.set(made.send_at + 20 * HOUR);
    assert!(!desk.send_due().await);
    assert_eq!(
        desk.world.fake.calls(Call::Send),
        1,
        "the homeserver is not asked"
    );
    let state = desk.state(made.id).await;
    assert!(matches!(state, ScheduleState::Sent { .. }), "{state:?}");
}

#[tokio::test]
async fn a_homeserver_that_is_away_is_tried_again_and_a_refusal_is_kept() {
    let desk = Desk::new().await;
    let made = desk.add("раз", HOUR).await.expect("is scheduled");
    desk.world.clock.set(made.send_at);
    desk.world.fake.set_down(true);
    assert!(desk.send_due().await, "to be tried again");
    let refused = desk.schedule.cancel(&desk.alice, desk.channel.id, made.id);
    let refused = refused.await.expect_err("on its way");
    assert!(refused.to_string().ends_with("is being sent"), "{refused}");
    desk.world.fake.set_down(false);
    assert!(!desk.send_due().await);
    assert_eq!(desk.said().await, 0, "not at once");
    desk.world.clock.set(made.send_at + 10_000);
    assert!(!desk.send_due().await);
    assert_eq!(desk.said().await, 1);

    let made = desk.add("два", HOUR).await.expect("is scheduled");
    desk.world.clock.set(made.send_at);
    let no = Error::HomeserverRefused {
        status: 403,
        errcode: "M_FORBIDDEN".into(),
        message: "no".into(),
    };
    desk.world.fake.fail_next(Call::Send, no);
    assert!(!desk.send_due().await, "not tried again by itself");
    let state = desk.state(made.id).await;
    assert!(matches!(state, ScheduleState::Failed { .. }), "{state:?}");
    let patch = ScheduledPatch {
        send_at: Some(desk.now() + HOUR),
        text: Some("три".to_owned()),
        ..ScheduledPatch::default()
    };
    let changed = desk
        .schedule
        .change(&desk.alice, desk.channel.id, made.id, patch);
    assert_eq!(
        changed.await.expect("changed").state,
        ScheduleState::Waiting
    );
    desk.world.clock.set(desk.now() + HOUR);
    desk.send_due().await;
    assert_eq!(desk.said().await, 2);
    let (caller, channel) = (&desk.alice, desk.channel.id);
    let sent = desk.schedule.cancel(caller, channel, made.id).await;
    assert!(matches!(sent, Err(Error::Conflict(_))), "{sent:?}");
}

#[tokio::test]
async fn nobody_hoards_them_and_others_see_none() {
    let desk = Desk::new().await;
    let mut last = None;
    for _ in 0..100 {
        last = Some(desk.add("раз", HOUR).await.expect("is scheduled"));
    }
    let more = desk.add("раз", HOUR).await;
    assert!(matches!(more, Err(Error::Conflict(_))), "{more:?}");
    let last = last.expect("one");
    let bob = Caller::new(Entity::parse("user:bob").expect("an entity"), false);
    let (schedule, channel) = (&desk.schedule, desk.channel.id);
    let others = schedule.get(&bob, channel, last.id).await;
    assert!(matches!(others, Err(Error::NotFound(_))), "{others:?}");
    assert_eq!(schedule.list(&bob, channel).await, Ok(Vec::new()));
    let cancelled = schedule.cancel(&desk.alice, channel, last.id).await;
    cancelled.expect("cancelled");
    desk.add("раз", HOUR).await.expect("there is room");
    for wrong in [0, 400 * 24 * HOUR] {
        let refused = desk.add("раз", wrong).await.expect_err("a wrong time");
        assert!(refused.to_string().starts_with("send_at: "), "{refused}");
    }
    assert_eq!(desk.user.as_str(), "@alice:s");
}

/// 100 messages of one who has to wait stand before the one of somebody who has not.
#[tokio::test]
async fn who_has_to_wait_is_in_nobodys_way() {
    let desk = Desk::new().await;
    let bob = desk.member("bob").await;
    desk.slow_mode(6 * 3_600).await;
    for _ in 0..100 {
        desk.add("раз", HOUR).await.expect("is scheduled");
    }
    let others = desk.add_as(&bob, desk.channel.id, "два", HOUR + 1).await;
    let others = others.expect("is scheduled");
    desk.world.clock.set(others.send_at);
    assert!(desk.send_due().await, "Alice's other 99 wait");
    let found = desk.schedule.get(&bob, desk.channel.id, others.id).await;
    let state = found.expect("it is there").state;
    assert!(matches!(state, ScheduleState::Sent { .. }), "{state:?}");
    assert_eq!(desk.said().await, 2);
    assert_eq!(desk.world.fake.calls(Call::Send), 2);

    // Those that wait are still their author's to change, and are left alone until it is their turn.
    let all = desk.schedule.list(&desk.alice, desk.channel.id).await;
    let all = all.expect("listed");
    let waiting: Vec<_> = all
        .iter()
        .filter(|it| it.state == ScheduleState::Waiting)
        .collect();
    assert_eq!(waiting.len(), 99);
    desk.world.clock.set(desk.now() + HOUR);
    assert!(!desk.send_due().await, "nothing is looked at");
    let cancelled = desk
        .schedule
        .cancel(&desk.alice, desk.channel.id, waiting[0].id);
    cancelled.await.expect("cancelled");
    desk.world.clock.set(desk.now() + 6 * HOUR);
    assert!(desk.send_due().await);
    assert_eq!(desk.said().await, 3);
}

/// What alice has scheduled may be said in a channel whose history takes minutes to read.
#[tokio::test]
async fn who_is_slow_holds_nobody_up() {
    let mut desk = Desk::new().await;
    let patience = std::time::Duration::from_secs(2);
    desk.schedule = desk.schedule.with_patience(patience);
    let created = desk
        .world
        .creator
        .create(desk.world.creation("other", false));
    let other = created.await.expect("is created");
    let bob = desk.member("bob").await;
    let slow = desk.add("раз", HOUR).await.expect("is scheduled");
    desk.add("два", HOUR + 1).await.expect("is scheduled");
    let quick = desk.add_as(&bob, other.id, "три", HOUR + 2).await;
    let quick = quick.expect("is scheduled");
    desk.world.clock.set(slow.send_at);
    desk.world.fake.cut_next_send();
    assert!(desk.send_due().await, "the answer is lost");
    desk.world.clock.set(slow.send_at + 10_000);
    desk.world.fake.set_stuck(&desk.channel.room, true);
    assert!(desk.send_due().await, "alice's wait");
    let found = desk.schedule.get(&bob, other.id, quick.id).await;
    let state = found.expect("it is there").state;
    assert!(matches!(state, ScheduleState::Sent { .. }), "{state:?}");

    desk.world.fake.set_stuck(&desk.channel.room, false);
    desk.world.clock.set(slow.send_at + HOUR);
    assert!(!desk.send_due().await);
    let state = desk.state(slow.id).await;
    assert!(matches!(state, ScheduleState::Sent { .. }), "{state:?}");
    desk.heal().await;
    assert_eq!(desk.world.fake.calls(Call::Send), 3, "each once");
}

#[tokio::test]
async fn a_homeserver_that_has_forgotten_is_read_before_it_is_said_again() {
    let desk = Desk::new().await;
    let made = desk.add("раз", HOUR).await.expect("is scheduled");
    desk.world.clock.set(made.send_at + 3 * HOUR);
    desk.world.fake.cut_next_send();
    assert!(desk.send_due().await, "the answer is lost");
    // It went down with the answer, and is there again at once.
    desk.world.fake.forget_transactions();
    desk.world.clock.set(desk.now() + 10_000);
    assert!(!desk.send_due().await);
    let state = desk.state(made.id).await;
    assert!(matches!(state, ScheduleState::Sent { .. }), "{state:?}");
    desk.heal().await;
    assert_eq!(desk.said().await, 1);
    assert_eq!(desk.world.fake.calls(Call::Send), 1);
}

#[tokio::test]
async fn who_has_left_is_not_brought_in_again() {
    let desk = Desk::new().await;
    let bob = desk.member("bob").await;
    let made = desk.add_as(&bob, desk.channel.id, "раз", HOUR).await;
    let made = made.expect("is scheduled");
    desk.world.later();
    let user = UserId::parse("@bob:s").expect("a user");
    let left = desk.world.fake.leave(&desk.channel.room, Some(&user)).await;
    left.expect("left");
    desk.heal().await;
    desk.world.clock.set(made.send_at);
    assert!(!desk.send_due().await);
    let found = desk.schedule.get(&bob, desk.channel.id, made.id).await;
    let state = found.expect("it is there").state;
    assert!(matches!(state, ScheduleState::Failed { .. }), "{state:?}");
    assert_eq!(desk.said().await, 0);
    let joined = desk
        .world
        .core
        .store
        .index
        .member(desk.channel.id, &user)
        .await;
    let joined = joined.expect("read").map(|it| it.membership);
    assert_eq!(joined, Some(Membership::Left));
}

#[tokio::test]
async fn what_waits_in_a_channel_that_becomes_encrypted_is_forgotten() {
    let desk = Desk::new().await;
    let made = desk.add("таємниця", HOUR).await.expect("is scheduled");
    let bob = Entity::parse("user:bob").expect("an entity");
    let mut hers = desk.schedule.listen(desk.channel.id, &made.by);
    let mut his = desk.schedule.listen(desk.channel.id, &bob);
    assert_eq!(desk.schedule.forget_past_use().await, Ok(0));
    let encrypted = What::ChannelUpdated {
        change: ChannelChange::Encrypted,
        by: desk.user.clone(),
        at: desk.now(),
    };
    let event = NewEvent {
        channel: desk.channel.id,
        source: Source::Echo,
        event: EventId::parse("$encrypted"),
        what: encrypted,
    };
    let core = &desk.world.core;
    let appended = core.ingest.echo(vec![event]).await.expect("is kept");
    let limit = std::time::Duration::from_secs(5);
    assert!(core.indexed.reached(appended.head, limit).await);
    assert_eq!(desk.schedule.forget_past_use().await, Ok(1));
    let found = core.store.scheduled.get(made.id).await.expect("read");
    assert_eq!(found, None);
    hers.rung().await;
    let rung = futures_util::poll!(std::pin::pin!(his.rung()));
    assert!(rung.is_pending(), "nothing of his was there");
}

/// While the journal is read again nobody is in a private channel, and while all is made anew from the
/// homeserver there is no channel: neither is a reason to give a message up.
#[tokio::test]
async fn what_comes_due_while_the_index_is_made_anew_is_sent_afterwards() {
    let mut store = store::in_memory().expect("a store");
    let steps = Failing::slow(&mut store);
    let desk = Desk::in_world(World::on(store).await).await;
    let core = &desk.world.core;
    let made = desk.add("раз", HOUR).await.expect("is scheduled");
    desk.world.clock.set(made.send_at);
    steps.forget_permits(1_000);
    let cleared = core.indexed.clear(ClearTo::JournalStart).await;
    cleared.expect("is cleared");
    assert!(desk.send_due().await, "it waits");
    assert_eq!(desk.state(made.id).await, ScheduleState::Waiting);
    steps.add_permits(1_000);
    let limit = std::time::Duration::from_secs(5);
    assert!(core.indexed.reached(core.store.journal.head(), limit).await);

    let since = desk.now();
    core.store
        .index
        .set_rebuilding(Some(since))
        .await
        .expect("is noted");
    let cleared = core.indexed.clear(ClearTo::JournalEnd { since }).await;
    cleared.expect("is cleared");
    desk.world.clock.set(desk.now() + HOUR);
    assert!(desk.send_due().await, "it waits");
    assert_eq!(desk.state(made.id).await, ScheduleState::Waiting);
    core.resume_rebuild().await.expect("is made anew");
    desk.world.clock.set(desk.now() + HOUR);
    assert!(!desk.send_due().await);
    let state = desk.state(made.id).await;
    assert!(matches!(state, ScheduleState::Sent { .. }), "{state:?}");
    assert_eq!(desk.world.fake.calls(Call::Send), 1);
}

#[tokio::test]
async fn what_has_failed_may_be_changed_and_sent() {
    let desk = Desk::new().await;
    let bob = desk.member("bob").await;
    let made = desk.add_as(&bob, desk.channel.id, "раз", HOUR).await;
    let made = made.expect("is scheduled");
    let user = UserId::parse("@bob:s").expect("a user");
    desk.world.later();
    let left = desk.world.fake.leave(&desk.channel.room, Some(&user)).await;
    left.expect("left");
    desk.heal().await;
    desk.world.clock.set(made.send_at);
    assert!(!desk.send_due().await);
    let state = async || {
        let found = desk.schedule.get(&bob, desk.channel.id, made.id).await;
        found.expect("it is there").state
    };
    let failed = state().await;
    assert!(matches!(failed, ScheduleState::Failed { .. }), "{failed:?}");
    desk.world.later();
    desk.member("bob").await;
    let patch = ScheduledPatch {
        send_at: Some(desk.now() + HOUR),
        text: Some("два".to_owned()),
        ..ScheduledPatch::default()
    };
    let changed = desk.schedule.change(&bob, desk.channel.id, made.id, patch);
    changed.await.expect("is changed");
    desk.world.clock.set(desk.now() + HOUR);
    assert!(!desk.send_due().await);
    let sent = state().await;
    assert!(matches!(sent, ScheduleState::Sent { .. }), "{sent:?}");
}

/// It is said, its answer lost, and the room cannot be read for good: then it is given up, and sent
/// again later by its author.
#[tokio::test]
async fn what_was_given_up_and_said_all_the_same_is_not_said_twice() {
    let desk = Desk::new().await;
    let made = desk.add("раз", HOUR).await.expect("is scheduled");
    desk.world.clock.set(made.send_at);
    desk.world.fake.cut_next_send();
    assert!(desk.send_due().await, "the answer is lost");
    desk.world.fake.forget_transactions();
    desk.world.clock.set(desk.now() + 10_000);
    desk.world
        .fake
        .fail_next(Call::History, Error::forbidden("out"));
    assert!(!desk.send_due().await);
    let failed = desk.state(made.id).await;
    assert!(matches!(failed, ScheduleState::Failed { .. }), "{failed:?}");
    let patch = ScheduledPatch {
        send_at: Some(desk.now() + HOUR),
        ..ScheduledPatch::default()
    };
    let id = desk.channel.id;
    let changed = desk.schedule.change(&desk.alice, id, made.id, patch).await;
    changed.expect("is changed");
    desk.world.clock.set(desk.now() + HOUR);
    assert!(!desk.send_due().await);
    let sent = desk.state(made.id).await;
    assert!(matches!(sent, ScheduleState::Sent { .. }), "{sent:?}");
    assert_eq!(desk.world.fake.calls(Call::Send), 1);
}

#[tokio::test]
async fn what_the_homeserver_puts_off_is_still_its_authors() {
    let desk = Desk::new().await;
    let made = desk.add("раз", HOUR).await.expect("is scheduled");
    desk.world.clock.set(made.send_at);
    let limited = Error::HomeserverLimited {
        message: "slower".to_owned(),
        retry_after: std::time::Duration::from_secs(60),
    };
    desk.world.fake.fail_next(Call::Send, limited);
    assert!(desk.send_due().await, "to be tried again");
    assert_eq!(desk.state(made.id).await, ScheduleState::Waiting);
    let patch = ScheduledPatch {
        send_at: Some(desk.now() + HOUR),
        text: Some("два".to_owned()),
        ..ScheduledPatch::default()
    };
    let (id, histories) = (desk.channel.id, desk.world.fake.calls(Call::History));
    let changed = desk.schedule.change(&desk.alice, id, made.id, patch).await;
    changed.expect("it is nobody else's");
    desk.world.clock.set(desk.now() + HOUR);
    assert!(!desk.send_due().await);
    assert_eq!(desk.said().await, 1);
    let read = desk.world.fake.calls(Call::History) - histories;
    assert_eq!(read, 0, "nothing was said, so nobody looks for it");
}

/// They come due in one moment, or the later ones while the first one waits.
#[tokio::test]
async fn the_order_of_ones_messages_is_kept_whatever_waits() {
    let desk = Desk::new().await;
    let mut all = Vec::new();
    for number in 0..12 {
        let made = desk.add(&number.to_string(), HOUR + number).await;
        all.push(made.expect("is scheduled"));
    }
    desk.world.clock.set(all[5].send_at);
    desk.world.fake.set_down(true);
    assert!(desk.send_due().await);
    desk.world.fake.set_down(false);
    desk.world.clock.set(all[11].send_at);
    assert!(
        desk.send_due().await,
        "the first ones wait, and so do the others"
    );
    assert_eq!(desk.said().await, 0);
    for _ in 0..12 {
        desk.world.clock.set(desk.now() + 10_000);
        desk.send_due().await;
    }
    let events = desk.world.journal().await;
    let said = events.iter().filter_map(|event| match &event.what {
        What::MessageCreated(message) => Some(message.preview.clone()),
        _ => None,
    });
    let expected: Vec<_> = (0..12).map(|number| number.to_string()).collect();
    assert_eq!(said.collect::<Vec<_>>(), expected);
}
