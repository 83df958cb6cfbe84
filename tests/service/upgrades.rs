//! A channel moves with its room, when both rooms and the power of whoever says so agree.

use daarion::domain::access::Power;
use daarion::domain::channel::Channel;
use daarion::domain::event::{Source, What};
use daarion::domain::id::{RoomId, UserId};
use daarion::domain::member::Membership;
use daarion::homeserver::fake::Call;
use daarion::homeserver::gateway::{MemberStep, Step};
use daarion::homeserver::{Homeserver as _, Setting};

use crate::world::World;

async fn channel(world: &World, owner: &UserId) -> Channel {
    let mut creation = world.creation("square", false);
    creation.created_by = Some(format!("user:{}", owner.localpart()));
    let made = world.creator.create(creation).await.expect("is created");
    // As in room version 11, where owners may mark rooms as well.
    let set = world.fake.set_power(&made.room, owner, 150);
    set.expect("a room");
    (*made).clone()
}

fn now(world: &World, channel: &Channel) -> Channel {
    let known = world.core.directory.channel(channel.id);
    (*known.expect("a channel")).clone()
}

async fn upgrade(world: &World, channel: &Channel, owner: &UserId) -> RoomId {
    world.later();
    let room = &channel.room;
    let new = world.fake.upgrade_as(room, owner, room, true);
    new.expect("is upgraded")
}

async fn membership(world: &World, channel: &Channel, user: &UserId) -> Option<Membership> {
    let member = world.core.store.index.member(channel.id, user).await;
    member.expect("read").map(|member| member.membership)
}

fn moves(events: &[daarion::domain::event::Event]) -> usize {
    use daarion::domain::channel::ChannelChange;
    let is_move = |event: &&daarion::domain::event::Event| {
        matches!(
            &event.what,
            What::ChannelUpdated {
                change: ChannelChange::Room(_),
                ..
            }
        )
    };
    events.iter().filter(is_move).count()
}

#[tokio::test]
async fn channel_moves_with_its_room_and_stays_the_same() {
    let world = World::start().await;
    let (alice, bob) = (world.person("alice"), world.person("bob"));
    let before = channel(&world, &alice).await;
    world.fake.join(&before.room, Some(&bob)).await.expect("in");
    world.fake.say(&before.room, &bob, "before").expect("said");
    let new = upgrade(&world, &before, &alice).await;
    world.core.heal().await.expect("heals");
    let after = now(&world, &before);
    assert_eq!(after.room, new);
    assert_eq!(after.former, std::slice::from_ref(&before.room));
    assert_eq!(after.alias, before.alias);
    let alias = before.alias.as_ref().expect("an alias");
    let leads = world.fake.resolve_alias(alias).await;
    assert_eq!(leads, Ok(Some(new.clone())));
    let marked = world
        .fake
        .room(&new)
        .await
        .expect("an answer")
        .expect("a room");
    assert_eq!(marked.channel.expect("marked").state.id, before.id);
    // What was said in the old room is there; who has not come along is out until they come.
    assert_eq!(world.core.store.index.counts().await.expect("read"), (1, 1));
    assert_eq!(
        membership(&world, &before, &alice).await,
        Some(Membership::Joined)
    );
    assert_eq!(
        membership(&world, &before, &bob).await,
        Some(Membership::Left)
    );
    world.later();
    world.fake.join(&new, Some(&bob)).await.expect("in");
    world.fake.say(&new, &bob, "after").expect("said");
    world.core.heal().await.expect("heals");
    assert_eq!(
        membership(&world, &before, &bob).await,
        Some(Membership::Joined)
    );
    assert_eq!(world.core.store.index.counts().await.expect("read"), (2, 1));
    assert_eq!(moves(&world.journal().await), 1);
    // And once more.
    let newest = upgrade(&world, &after, &alice).await;
    world
        .core
        .follow_upgrade(before.id, Source::Heal)
        .await
        .expect("follows");
    let after = now(&world, &before);
    assert_eq!((after.room, after.former), (newest, vec![before.room, new]));
}

#[tokio::test]
async fn power_is_that_of_the_new_room() {
    let world = World::start().await;
    let (alice, bob) = (world.person("alice"), world.person("bob"));
    let before = channel(&world, &alice).await;
    let new = upgrade(&world, &before, &alice).await;
    // Homeservers take the power of the old room away when they have made the new one.
    world.later();
    let lowered = world.fake.set_power(&before.room, &bob, -10);
    lowered.expect("a room");
    world.core.heal().await.expect("heals");
    let power = || {
        let levels = world.core.directory.levels(before.id);
        levels.expect("are known").of(&bob)
    };
    assert_eq!(now(&world, &before).room, new);
    assert_eq!(power(), Power::Level(0));
    world.later();
    world.fake.set_power(&new, &bob, 50).expect("a room");
    world.core.heal().await.expect("heals");
    assert_eq!(power(), Power::Level(50));
    world.core.reindex_from_journal().await.expect("rebuilds");
    assert_eq!(power(), Power::Level(50));
}

#[tokio::test]
async fn members_of_a_closed_room_are_invited_after_it() {
    let world = World::start().await;
    let (alice, bob) = (world.person("alice"), world.person("bob"));
    let mut creation = world.creation("back", false);
    creation.visibility = daarion::domain::channel::Visibility::Private;
    creation.created_by = Some("user:alice".into());
    let before = world.creator.create(creation).await.expect("is created");
    world
        .fake
        .set_power(&before.room, &alice, 150)
        .expect("a room");
    world
        .fake
        .invite(&before.room, &bob, None)
        .await
        .expect("invited");
    world.fake.join(&before.room, Some(&bob)).await.expect("in");
    let carol = world.person("carol");
    let knocks = Setting::Knocks(true);
    let set = world.fake.set(&before.room, &knocks, None).await;
    set.expect("is set");
    let knock = MemberStep {
        room: before.room.clone(),
        step: Step::Knock,
        user: carol.clone(),
        acting: Some(carol.clone()),
        reason: None,
        via: Vec::new(),
    };
    world.fake.step_as(&knock).expect("knocks");
    world.core.heal().await.expect("heals");
    let waits = membership(&world, &before, &carol).await;
    assert_eq!(waits, Some(Membership::Knocking));
    upgrade(&world, &before, &alice).await;
    world.core.heal().await.expect("heals");
    assert_eq!(
        membership(&world, &before, &bob).await,
        Some(Membership::Invited)
    );
    // Nobody in the new room knows of a knock at the old one.
    let waits = membership(&world, &before, &carol).await;
    assert_eq!(waits, Some(Membership::Left));
}

#[tokio::test]
async fn forged_upgrade_is_not_followed() {
    let world = World::start().await;
    let (alice, mallory) = (world.person("alice"), world.person("mallory"));
    let before = channel(&world, &alice).await;
    let other = world.creator.create(world.creation("other", false)).await;
    let other = other.expect("is created");
    world
        .fake
        .join(&before.room, Some(&mallory))
        .await
        .expect("in");
    // Without the power to end the room.
    let fake = &world.fake;
    let forged = fake.upgrade_as(&before.room, &mallory, &before.room, true);
    forged.expect("is said");
    world.core.heal().await.expect("heals");
    assert_eq!(now(&world, &before), before);
    // The other room does not say so: it is left again, and not looked at twice.
    let forged = fake.upgrade_as(&before.room, &alice, &other.room, true);
    let forged = forged.expect("is said");
    for _ in 0..2 {
        world.core.heal().await.expect("heals");
    }
    assert_eq!(now(&world, &before), before);
    assert_eq!(fake.room(&forged).await, Ok(None), "the connector has left");
    let joins = fake.calls(Call::Join);
    world.core.heal().await.expect("heals");
    assert_eq!(fake.calls(Call::Join), joins);
    // Only the other room says so.
    let claimed = fake.upgrade_as(&other.room, &mallory, &other.room, false);
    claimed.expect("is made");
    world.core.heal().await.expect("heals");
    assert_eq!(now(&world, &other), *other);
    assert_eq!(moves(&world.journal().await), 0);
}

#[tokio::test]
async fn upgrade_that_is_cut_off_goes_on() {
    let world = World::start().await;
    let alice = world.person("alice");
    let before = channel(&world, &alice).await;
    let new = upgrade(&world, &before, &alice).await;
    let away = || daarion::domain::Error::unavailable("away");
    for call in [Call::Join, Call::Set, Call::SetAlias, Call::History] {
        world.fake.fail_next(call, away());
        let followed = world.core.follow_upgrade(before.id, Source::Heal).await;
        assert!(followed.is_err(), "{call:?}");
        assert_eq!(now(&world, &before), before);
    }
    // The new room is marked already: that is no channel of its own.
    assert!(world.core.find_channels(Source::Heal).await.is_ok());
    assert_eq!(now(&world, &before).room, new);
    assert_eq!(moves(&world.journal().await), 1);
}

#[tokio::test]
async fn rebuild_finds_the_way_from_room_to_room() {
    let world = World::start().await;
    let alice = world.person("alice");
    let before = channel(&world, &alice).await;
    world.fake.say(&before.room, &alice, "first").expect("said");
    let middle = upgrade(&world, &before, &alice).await;
    world.core.heal().await.expect("heals");
    world.fake.say(&middle, &alice, "second").expect("said");
    let last = upgrade(&world, &now(&world, &before), &alice).await;
    world.core.heal().await.expect("heals");
    world.fake.say(&last, &alice, "third").expect("said");
    world.core.heal().await.expect("heals");
    let known = now(&world, &before);
    world.later();
    world
        .core
        .reindex_from_homeserver()
        .await
        .expect("rebuilds");
    let rebuilt = now(&world, &before);
    assert_eq!(
        (&rebuilt.room, &rebuilt.former),
        (&last, &vec![before.room, middle])
    );
    assert_eq!(rebuilt.alias, known.alias);
    assert_eq!(world.core.store.index.counts().await.expect("read"), (3, 1));
    // From the journal as well.
    world.core.reindex_from_journal().await.expect("rebuilds");
    assert_eq!(now(&world, &known).room, last);
}

#[tokio::test]
async fn what_is_said_in_a_room_behind_its_end_is_not_the_channels() {
    let world = World::start().await;
    let (alice, mallory) = (world.person("alice"), world.person("mallory"));
    let before = channel(&world, &alice).await;
    let room = &before.room;
    let joined = world.fake.join(room, Some(&mallory)).await;
    joined.expect("the room is public");
    world.fake.say(room, &mallory, "before").expect("said");
    upgrade(&world, &before, &alice).await;
    // While the end is not known yet, and when it is.
    world.fake.say(room, &mallory, "late").expect("said");
    world.core.heal().await.expect("heals");
    assert_eq!(world.core.store.index.counts().await.expect("read"), (1, 1));
    world.fake.say(room, &mallory, "later").expect("said");
    world.later();
    let rebuilt = world.core.reindex_from_homeserver().await;
    rebuilt.expect("rebuilds");
    assert_eq!(world.core.store.index.counts().await.expect("read"), (1, 1));
}

#[tokio::test]
async fn upgrade_that_was_followed_is_followed_by_a_rebuild_whoever_has_power_now() {
    let world = World::start().await;
    let alice = world.person("alice");
    let before = channel(&world, &alice).await;
    let new = upgrade(&world, &before, &alice).await;
    world.core.heal().await.expect("heals");
    world.fake.say(&new, &alice, "after").expect("said");
    world.later();
    let lowered = world.fake.set_power(&before.room, &alice, 0);
    lowered.expect("a room");
    let rebuilt = world.core.reindex_from_homeserver().await;
    assert_eq!(rebuilt.expect("rebuilds").failed, 0);
    assert_eq!(now(&world, &before).room, new);
    assert_eq!(world.core.store.index.counts().await.expect("read"), (1, 1));
}
