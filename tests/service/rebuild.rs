//! Rebuilds from the homeserver, and what happens beside them.

use daarion::domain::Error;
use daarion::domain::event::{Event, Source};
use daarion::domain::id::EventId;
use daarion::homeserver::Homeserver as _;
use daarion::homeserver::fake::Call;

use crate::world::World;

#[tokio::test]
async fn healing_in_an_open_rebuild_tells_of_nothing_older() {
    let world = World::start().await;
    let channel = world.creator.create(world.creation("square", true)).await;
    let channel = channel.expect("is created");
    let alice = world.person("alice");
    let joined = world.fake.join(&channel.room, Some(&alice));
    joined.await.expect("the room is public");
    let old = world.fake.say(&channel.room, &alice, "old").expect("said");
    world.core.heal().await.expect("heals");
    let head = world.core.store.journal.head();

    world.later();
    // One channel fails for the moment: the rebuild stays open.
    world
        .fake
        .fail_next(Call::History, Error::unavailable("for a moment"));
    let report = world.core.reindex_from_homeserver().await;
    assert_eq!(report.expect("is begun").failed, 1);
    world.later();
    let new = world.fake.say(&channel.room, &alice, "new").expect("said");
    world.core.heal().await.expect("heals");

    let events = world.core.store.journal.read(head, usize::MAX).await;
    let events = events.expect("the journal can be read");
    let source = |of: &EventId| {
        let event = events.iter().find(|event| event.event.as_ref() == Some(of));
        event.map(|event: &Event| event.source)
    };
    assert_eq!(source(&old), Some(Source::Rebuild));
    assert_eq!(source(&new), Some(Source::Heal));
}
