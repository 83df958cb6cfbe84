//! One default room, in Matrix as with us.

use daarion::domain::Error;
use daarion::domain::access::Caller;
use daarion::domain::channel::{Channel, ChannelStatus};
use daarion::domain::entity::Entity;
use daarion::domain::event::Source;
use daarion::homeserver::Homeserver;
use daarion::homeserver::fake::Call;
use daarion::service::city::{CityRoomPatch, NewCityRoom};

use crate::world::World;

async fn make(world: &World, slug: &str, is_default: Option<bool>) -> std::sync::Arc<Channel> {
    world.later();
    let new = NewCityRoom {
        slug: Some(slug.into()),
        name: slug.into(),
        is_default,
        ..NewCityRoom::default()
    };
    let id = world.clock.uuid().into();
    world.city.make(new, None, id).await.expect("is made")
}

async fn make_default(world: &World, slug: &str) -> Result<(), Error> {
    world.later();
    let patch = CityRoomPatch {
        is_default: Some(true),
        ..CityRoomPatch::default()
    };
    change(world, slug, patch).await
}

/// Changes a room as an operator does.
async fn change(world: &World, slug: &str, patch: CityRoomPatch) -> Result<(), Error> {
    let room = world.core.directory.city_room(slug).expect("a room");
    world.city.change(&room, patch, None).await
}

#[tokio::test]
async fn room_that_is_made_the_default_one_takes_that_from_the_other_in_matrix_too() {
    let world = World::start().await;
    let first = make(&world, "first", None).await;
    assert!(first.is_default && world.says_default(&first).await);
    let second = make(&world, "second", Some(true)).await;
    assert!(second.is_default && world.says_default(&second).await);
    assert!(!world.says_default(&first).await);
    let known = world.core.directory.channel(first.id).expect("a channel");
    assert!(!known.is_default);
}

#[tokio::test]
async fn choosing_the_default_room_again_completes_what_was_cut_off() {
    let world = World::start().await;
    let first = make(&world, "first", None).await;
    let second = make(&world, "second", None).await;
    // The second half fails: two rooms say that they are the default one.
    let fails = Error::unavailable("for a moment");
    let ok = Call::Set;
    world.later();
    world.say_default(&second).await;
    world
        .core
        .adopt(&second.room, Source::Heal)
        .await
        .expect("adopted");
    assert!(world.says_default(&first).await);
    world.fake.fail_next(ok, fails.clone());
    assert_eq!(make_default(&world, "second").await, Err(fails));
    assert_eq!(make_default(&world, "second").await, Ok(()));
    assert!(!world.says_default(&first).await);
    assert!(world.says_default(&second).await);
}

#[tokio::test]
async fn room_that_is_made_while_a_rebuild_looks_for_the_others_is_not_the_first() {
    let world = World::start().await;
    // A new installation rebuilds too, and finds nothing.
    let since = Some(world.clock.now());
    world
        .core
        .store
        .index
        .set_rebuilding(since)
        .await
        .expect("is noted");
    assert!(make(&world, "first", None).await.is_default);

    let cleared = world
        .core
        .indexed
        .clear(daarion::store::ClearTo::JournalEnd { since: 1 });
    cleared.await.expect("is cleared");
    assert!(!make(&world, "second", None).await.is_default);
}

#[tokio::test]
async fn patch_that_is_refused_changes_nothing() {
    let world = World::start().await;
    make(&world, "first", None).await;
    let room = make(&world, "second", None).await;
    // A moderator may set the name, but not say which room is the default one.
    let bob = world.person("bob");
    let joined = world.fake.join(&room.room, Some(&bob));
    joined.await.expect("the room is public");
    world.fake.set_power(&room.room, &bob, 50).expect("a room");
    let take_in = async || {
        let adopted = world.core.adopt(&room.room, Source::Heal).await;
        adopted.expect("is adopted");
    };
    take_in().await;
    let entity = Entity::parse("user:bob").expect("an entity");
    let caller = Caller::new(entity, false);
    let patch = |name: &str, is_default: Option<bool>| CityRoomPatch {
        name: Some(name.into()),
        description: Some("What bob says".into()),
        is_default,
    };
    let before = world.names().await;
    let refused = world
        .city
        .patch(&caller, "second", patch("Bob's", Some(true)));
    let refused = refused.await.expect_err("is refused");
    assert!(matches!(refused, Error::Forbidden(_)), "{refused}");
    assert_eq!(world.names().await, before, "nothing happened");
    let known = world.core.directory.channel(room.id).expect("a channel");
    assert_eq!(known.name, "second");

    // And all of it is done when it may be.
    world.later();
    world.fake.set_power(&room.room, &bob, 100).expect("a room");
    take_in().await;
    let patched = world
        .city
        .patch(&caller, "second", patch("Bob's", Some(true)));
    let patched = patched.await.expect("is patched").channel;
    assert_eq!(patched.name, "Bob's");
    assert_eq!(patched.description, "What bob says");
    assert!(patched.is_default);
}

#[tokio::test]
async fn archived_room_is_not_changed() {
    let world = World::start().await;
    make(&world, "first", None).await;
    make(&world, "second", None).await;
    let archived = ChannelStatus::Archived;
    world.later();
    let room = world.core.directory.city_room("second").expect("a room");
    let set = world.core.set_status(&room, archived);
    set.await.expect("is archived");
    let before = world.names().await;
    let changes = [
        (Some("Other"), None, None),
        (None, Some("Other"), None),
        (None, None, Some(true)),
    ];
    for (name, description, is_default) in changes {
        let patch = CityRoomPatch {
            name: name.map(str::to_owned),
            description: description.map(str::to_owned),
            is_default,
        };
        let refused = change(&world, "second", patch).await;
        let refused = refused.expect_err("is refused");
        assert!(matches!(refused, Error::Conflict(_)), "{refused}");
    }
    assert_eq!(world.names().await, before, "nothing happened");
    let same = CityRoomPatch {
        name: Some("second".into()),
        ..CityRoomPatch::default()
    };
    let patched = change(&world, "second", same).await;
    assert_eq!(patched, Ok(()), "nothing to do");
    assert_eq!(world.names().await, before, "nothing happened");
}
