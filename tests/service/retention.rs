//! What is old is dropped, and nothing that somebody still reads.

use std::time::Duration;

use daarion::store::Subscription;

use crate::world::World;

const RETENTION: Duration = Duration::from_secs(60);

#[tokio::test]
async fn old_events_are_dropped_but_not_past_the_slowest_reader() {
    let world = World::start().await;
    let core = &world.core;
    let made = world.creator.create(world.creation("square", true)).await;
    made.expect("is created");
    let head = core.store.journal.head();
    let reader = |paused, position| Subscription {
        id: uuid::Uuid::from_u128(7),
        reader: "webhook".into(),
        channel: None,
        target: "somewhere".into(),
        events: Vec::new(),
        paused,
        position,
        created_at: 1,
    };
    let put = async |subscription| core.store.subscriptions.put(subscription).await;
    let trim = async || core.trim_journal(RETENTION).await.expect("is trimmed");
    assert_eq!(trim().await, 0, "all is young");

    world.clock.set(world.clock.now() + 61_000);
    put(reader(false, 1)).await.expect("is kept");
    assert_eq!(trim().await, 1, "what it has read");
    put(reader(true, 1)).await.expect("is kept");
    assert_eq!(trim().await, head - 1);
    assert_eq!(core.store.journal.first().await.expect("read"), head + 1);
}
