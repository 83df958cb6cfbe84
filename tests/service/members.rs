//! Mutes and knocks: who decides about them, and what comes between.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use daarion::domain::Error;
use daarion::domain::access::{Caller, Power, Role};
use daarion::domain::channel::{Channel, Visibility};
use daarion::domain::entity::Entity;
use daarion::domain::event::Source;
use daarion::domain::id::{ChannelId, UserId};
use daarion::domain::member::Membership;
use daarion::domain::mute::Mute;
use daarion::homeserver::fake::Call;
use daarion::homeserver::gateway::{MemberStep, Step};
use daarion::homeserver::{Homeserver as _, Setting};
use daarion::service::members::Members;
use daarion::store::moderation::Turn;
use daarion::store::{self, Moderation, StoreError};
use tokio::sync::Semaphore;

use crate::world::World;

const HOUR: u64 = 3_600_000;

fn caller(name: &str) -> Caller {
    let entity = Entity::parse(&format!("user:{name}")).expect("an entity");
    Caller::new(entity, false)
}

/// A channel in which alice has 100, carol 75 and dan 50; bob has nothing.
async fn start(world: &World) -> Arc<Channel> {
    let created = world.creator.create(world.creation("square", true)).await;
    let channel = created.expect("is created");
    let room = &channel.room;
    for (name, level) in [("alice", 100), ("bob", 0), ("carol", 75), ("dan", 50)] {
        let user = world.person(name);
        let joined = world.fake.join(room, Some(&user)).await;
        joined.expect("the room is public");
        if level > 0 {
            world.fake.set_power(room, &user, level).expect("a room");
        }
    }
    let adopted = world.core.adopt(room, Source::Heal).await;
    adopted.expect("is adopted");
    channel
}

fn power(world: &World, channel: &Channel, name: &str) -> Power {
    let levels = world.core.directory.levels(channel.id).expect("are known");
    levels.of(&world.person(name))
}

#[tokio::test]
async fn nobody_gives_back_a_power_that_they_could_not_give() {
    let alice = caller("alice");
    let dan = caller("dan");
    let world = World::start().await;
    let channel = start(&world).await;
    let (id, members) = (channel.id, Members::new(world.core.clone()));
    let until = world.clock.now() + HOUR;
    let muted = members.mute(&alice, id, "user:carol", until, None);
    assert_eq!(muted.await.expect("is muted").power, Power::Level(-1));
    let words = "user:dan has the power level 50 in this channel, and user:carol not less when they \
                 are not muted: 75";
    let refused = members.unmute(&dan, id, "user:carol").await;
    assert_eq!(refused, Err(Error::forbidden(words)));
    let soon = world.clock.now() + 1_000;
    let refused = members.mute(&dan, id, "user:carol", soon, None);
    assert_eq!(refused.await.map(drop), Err(Error::forbidden(words)));
    assert_eq!(power(&world, &channel, "carol"), Power::Level(-1));
    let lifted = members.unmute(&alice, id, "user:carol").await;
    lifted.expect("she could");
    assert_eq!(power(&world, &channel, "carol"), Power::Level(75));
    // Whom he outranks either way he mutes and unmutes.
    let muted = members.mute(&dan, id, "user:bob", until, None);
    muted.await.expect("is muted");
    let lifted = members.unmute(&dan, id, "user:bob").await;
    lifted.expect("is unmuted");
    assert_eq!(power(&world, &channel, "bob"), Power::Level(0));
}

#[tokio::test]
async fn who_is_made_a_guest_while_muted_stays_one() {
    let alice = caller("alice");
    let world = World::start().await;
    let channel = start(&world).await;
    let (id, members) = (channel.id, Members::new(world.core.clone()));
    let members = Arc::new(members);
    let soon = world.clock.now() + 1_000;
    let muted = members.mute(&alice, id, "user:bob", soon, None);
    muted.await.expect("is muted");
    let role = members.set_role(&alice, id, "user:bob", Role::Guest);
    let role = role.await.expect("is so already");
    assert_eq!((role.power, role.mute), (Power::Level(-1), None));
    world.clock.set(soon + 1);
    let keeping = tokio::spawn(members.clone().keep_mutes());
    // Somebody else's that is due at the same time: then bob's was looked at, too.
    let muted = members.mute(&alice, id, "user:dan", soon + 2, None);
    muted.await.expect("is muted");
    world.clock.set(soon + 3);
    let again = members.mute(&alice, id, "user:carol", soon + HOUR, None);
    again.await.expect("is muted");
    while power(&world, &channel, "dan") != Power::Level(50) {
        tokio::task::yield_now().await;
    }
    assert_eq!(power(&world, &channel, "bob"), Power::Level(-1));
    keeping.abort();
}

/// What is kept of mutes; who reads all of them waits for a permit afterwards.
struct Slow {
    inner: Arc<dyn Moderation>,
    go_on: Arc<Semaphore>,
    reads: Arc<AtomicUsize>,
}

#[async_trait]
impl Moderation for Slow {
    async fn put_mute(&self, mute: Mute) -> Result<(), StoreError> {
        self.inner.put_mute(mute).await
    }

    async fn remove_mute(&self, channel: ChannelId, user: &UserId) -> Result<(), StoreError> {
        self.inner.remove_mute(channel, user).await
    }

    async fn mute(&self, channel: ChannelId, user: &UserId) -> Result<Option<Mute>, StoreError> {
        self.inner.mute(channel, user).await
    }

    async fn mutes_in(&self, channel: ChannelId) -> Result<Vec<Mute>, StoreError> {
        self.inner.mutes_in(channel).await
    }

    async fn mutes(&self) -> Result<Vec<Mute>, StoreError> {
        let mutes = self.inner.mutes().await;
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.go_on.acquire().await.expect("is open").forget();
        mutes
    }

    async fn take_turn(&self, turn: Turn, pause: u64) -> Result<Option<u64>, StoreError> {
        self.inner.take_turn(turn, pause).await
    }

    async fn return_turn(&self, turn: Turn) -> Result<(), StoreError> {
        self.inner.return_turn(turn).await
    }
}

#[tokio::test]
async fn mute_that_is_prolonged_as_it_comes_due_stays() {
    let alice = caller("alice");
    let mut store = store::in_memory().expect("a store");
    let (go_on, reads) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    store.moderation = Arc::new(Slow {
        inner: store.moderation.clone(),
        go_on: go_on.clone(),
        reads: reads.clone(),
    });
    let world = World::on(store).await;
    let channel = start(&world).await;
    let members = Arc::new(Members::new(world.core.clone()));
    let id = channel.id;
    let until = world.clock.now() + 1_000;
    let muted = members.mute(&alice, id, "user:bob", until, None);
    muted.await.expect("is muted");
    world.clock.set(until);
    let keeping = tokio::spawn(members.clone().keep_mutes());
    let has_read = async |count: usize| {
        while reads.load(Ordering::SeqCst) < count {
            tokio::task::yield_now().await;
        }
    };
    has_read(1).await;
    // It is known as one that is due, and is not any more.
    let again = members.mute(&alice, id, "user:bob", until + HOUR, None);
    again.await.expect("is muted on");
    go_on.add_permits(1);
    has_read(2).await;
    assert_eq!(power(&world, &channel, "bob"), Power::Level(-1));
    let member = members.get(&alice, id, "user:bob").await;
    let mute = member.expect("is there").mute.expect("is muted");
    assert_eq!(mute.until, until + HOUR);
    keeping.abort();
}

#[tokio::test]
async fn who_knocks_is_seen_by_those_who_answer() {
    let alice = caller("alice");
    let bob = caller("bob");
    let world = World::start().await;
    let mut creation = world.creation("back", false);
    creation.visibility = Visibility::Private;
    let channel = world.creator.create(creation).await.expect("is created");
    let room = &channel.room;
    for (name, level) in [("alice", 100), ("bob", 0)] {
        let user = world.person(name);
        let invited = world.fake.invite(room, &user, None).await;
        invited.expect("is invited");
        world.fake.join(room, Some(&user)).await.expect("comes in");
        world.fake.set_power(room, &user, level).expect("a room");
    }
    let set = world.fake.set(room, &Setting::Knocks(true), None).await;
    set.expect("is set");
    let carol = world.person("carol");
    let knock = MemberStep {
        room: room.clone(),
        step: Step::Knock,
        user: carol.clone(),
        acting: Some(carol),
        reason: Some("Please".into()),
        via: Vec::new(),
    };
    world.fake.step_as(&knock).expect("knocks");
    world.core.heal().await.expect("heals");
    let members = Members::new(world.core.clone());
    let seen = members.get(&alice, channel.id, "user:carol").await;
    let seen = seen.expect("she answers").member;
    assert_eq!(seen.membership, Membership::Knocking);
    let refused = members.get(&bob, channel.id, "user:carol").await;
    assert!(matches!(refused, Err(Error::Forbidden(_))), "{refused:?}");
}

/// The level is set, and neither the answer nor the push comes: muted again, bob is not so for good.
#[tokio::test]
async fn who_is_muted_again_after_a_lost_answer_has_an_end_of_it() {
    let alice = caller("alice");
    let world = World::start().await;
    let channel = start(&world).await;
    let (id, members) = (channel.id, Members::new(world.core.clone()));
    let until = world.clock.now() + HOUR;
    world.fake.cut_next(Call::SetLevel);
    let lost = members.mute(&alice, id, "user:bob", until, None).await;
    assert!(lost.is_err_and(|error| error.is_transient()));
    assert_eq!(power(&world, &channel, "bob"), Power::Level(0), "not known");
    let again = members.mute(&alice, id, "user:bob", until + 1, None).await;
    assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
    let member = members.get(&alice, id, "user:bob").await;
    let mute = member.expect("is there").mute.expect("is muted");
    assert_eq!(mute.until, until, "the first one stands");
    let muted = members.mute(&alice, id, "user:bob", until + 1, None).await;
    muted.expect("and can be made longer");
    let lifted = members.unmute(&alice, id, "user:bob").await;
    lifted.expect("is lifted");
    assert_eq!(power(&world, &channel, "bob"), Power::Level(0));
}

/// Mallory has 50 in the old room for ever, as Matrix has it; what is taken from her in the present
/// room is taken from her there.
#[tokio::test]
async fn who_is_banned_has_no_power_over_the_history_of_a_former_room() {
    let (alice, world) = (caller("alice"), World::start().await);
    let channel = start(&world).await;
    let (user, mallory) = (world.person("alice"), world.person("mallory"));
    let (old, members) = (&channel.room, Members::new(world.core.clone()));
    let join = async |room| world.fake.join(room, Some(&mallory)).await.expect("open");
    join(old).await;
    for (user, power) in [(&user, 150), (&mallory, 50)] {
        world.fake.set_power(old, user, power).expect("a room");
    }
    world.later();
    let new = world.fake.upgrade_as(old, &user, old, true);
    let new = new.expect("is upgraded");
    join(&new).await;
    world.core.heal().await.expect("heals");
    let here = world.core.directory.channel(channel.id).expect("known");
    assert_eq!(
        (&here.room, here.former.as_slice()),
        (&new, std::slice::from_ref(old))
    );
    let in_old = async || {
        let room = world.fake.room(old).await.expect("an answer");
        let room = room.expect("daarion is in it");
        let levels = room.levels.expect("levels").levels;
        let mut members = room.members.into_iter().map(|(_, member)| member);
        let member = members.find(|it| it.user == mallory).expect("there");
        (levels.of(&mallory), member.membership)
    };
    let banned = members.ban(&alice, channel.id, "user:mallory", None);
    banned.await.expect("is banned");
    assert_eq!(in_old().await, (Power::Level(0), Membership::Banned));
    let back = members.unban(&alice, channel.id, "user:mallory", None);
    back.await.expect("may come back");
    assert_eq!(in_old().await, (Power::Level(0), Membership::Left));

    // So is a role that she loses.
    for room in [old, &new] {
        join(room).await;
        world.fake.set_power(room, &mallory, 50).expect("a room");
    }
    world.core.heal().await.expect("heals");
    let role = members.set_role(&alice, channel.id, "user:mallory", Role::Member);
    role.await.expect("is set");
    assert_eq!(in_old().await, (Power::Level(0), Membership::Joined));
}
