//! A channel is created once, whoever hears of it first.

use daarion::domain::Error;
use daarion::domain::event::Source;
use daarion::domain::id::EventId;
use daarion::homeserver::Homeserver as _;
use daarion::homeserver::fake::Call;

use crate::world::World;

const CREATED: &str = "messaging.channel.created";
const UPDATED: &str = "messaging.channel.updated";

#[tokio::test]
async fn new_channel_is_not_told_to_have_changed_when_its_announcement_comes_first() {
    let world = World::start().await;
    let creation = world.creation("square", true);
    world.fake.cut_next_creation();
    assert!(world.creator.create(creation.clone()).await.is_err());
    let room = world.fake.resolve_alias(&creation.alias).await;
    let room = room.expect("an answer").expect("the room is there");
    // The announcement is worked on, and then the creation goes on.
    let adopted = world.core.adopt(&room, Source::Heal).await;
    assert_eq!(
        adopted.expect("is adopted").expect("a channel").id,
        creation.id
    );
    assert_eq!(world.creator.settle().await, Ok(0));
    let names = world.names().await;
    assert_eq!(names.iter().filter(|name| **name == CREATED).count(), 1);
    assert!(!names.contains(&UPDATED), "{names:?}");
}

#[tokio::test]
async fn channel_that_is_known_is_adopted_again_without_news() {
    let world = World::start().await;
    let channel = world.creator.create(world.creation("square", true)).await;
    let channel = channel.expect("is created");
    let before = world.names().await;
    for _ in 0..2 {
        let adopted = world.core.adopt(&channel.room, Source::Heal).await;
        assert!(adopted.expect("is adopted").is_some());
    }
    assert_eq!(world.names().await, before);
}

#[tokio::test]
async fn settings_that_nobody_told_of_are_taken_over_once() {
    let world = World::start().await;
    let channel = world.creator.create(world.creation("square", false)).await;
    let channel = channel.expect("is created");
    world.later();
    world.say_default(&channel).await;
    for _ in 0..2 {
        let adopted = world.core.adopt(&channel.room, Source::Heal).await;
        assert!(adopted.expect("is adopted").expect("a channel").is_default);
    }
    let names = world.names().await;
    assert_eq!(names.iter().filter(|name| **name == UPDATED).count(), 1);
}

#[tokio::test]
async fn room_that_says_it_is_anothers_channel_brings_nobody_into_it() {
    let world = World::start().await;
    let first = world.creator.create(world.creation("square", false)).await;
    let second = world.creator.create(world.creation("garden", false)).await;
    let (first, second) = (first.expect("is created"), second.expect("is created"));
    let alice = world.person("alice");
    let joined = world.fake.join(&second.room, Some(&alice)).await;
    joined.expect("the room is public");
    let snapshot = world.fake.room(&second.room).await.expect("an answer");
    let mut snapshot = snapshot.expect("a room");
    let claimed = snapshot.channel.as_mut().expect("a channel");
    claimed.state.id = first.id;
    claimed.event = EventId::trusted("$claimed");
    let before = world.names().await;
    let refused = world.core.adopt_snapshot(&snapshot, Source::Heal).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    assert_eq!(world.names().await, before, "nothing happened");
}

#[tokio::test]
async fn refusal_after_the_room_was_made_leaves_a_channel_and_no_taken_alias() {
    let world = World::start().await;
    let refusal = Error::HomeserverRefused {
        status: 403,
        errcode: "M_FORBIDDEN".into(),
        message: "by a module".into(),
    };
    let creation = world.creation("square", false);
    world.fake.fail_next_creation_late(refusal.clone());
    let created = world.creator.create(creation.clone()).await;
    assert_eq!(created.expect("is completed").id, creation.id);

    // One that left nothing is undone at once, and may be tried again.
    world.fake.fail_next(Call::CreateRoom, refusal.clone());
    let creation = world.creation("garden", false);
    assert_eq!(world.creator.create(creation.clone()).await, Err(refusal));
    assert!(world.creator.create(creation).await.is_ok());
}
